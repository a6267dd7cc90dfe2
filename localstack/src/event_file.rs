//! Event files: bodies as a provider POSTs them, with `${NAME}` where a running stack has a value of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use zixly_domain::Provider;

use crate::stack_env::StackEnv;

/// Reads an event file and fills in the stack's values; every other byte stays as it is.
pub fn read(file: &Path, stack: &StackEnv) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    fill_in(&bytes, |name| stack.get(name).map(str::to_owned))
        .with_context(|| format!("{} cannot be filled in", file.display()))
}

/// Who sends such a file: its name begins with that.
pub fn provider_of(file: &Path) -> anyhow::Result<Provider> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let provider = Provider::ALL.iter().copied().find(|it| name.starts_with(&format!("{it}-")));
    provider.with_context(|| {
        let known: Vec<&str> = Provider::ALL.iter().map(|provider| provider.as_str()).collect();
        format!(
            "{} is of no provider: its name must begin with one of {}",
            file.display(),
            known.join("-, ") + "-"
        )
    })
}

fn fill_in(bytes: &[u8], value: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Vec<u8>> {
    let mut filled = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(start) = rest.windows(2).position(|two| two == b"${") {
        let length = rest[start..].iter().position(|byte| *byte == b'}').context("a ${ has no }")?;
        let Ok(name) = str::from_utf8(&rest[start + 2..start + length]) else {
            bail!("what stands between ${{ and }} is not text");
        };
        filled.extend_from_slice(&rest[..start]);
        filled.extend(value(name)?.into_bytes());
        rest = &rest[start + length + 1..];
    }
    filled.extend_from_slice(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: Result<&[u8], &str>) {
        let value = |name: &str| match name {
            "ID" => Ok("42".to_owned()),
            other => bail!("there is no {other}"),
        };
        let filled = fill_in(body, value).map_err(|error| error.to_string());
        assert_eq!(filled.as_deref(), expected.map_err(str::to_owned).as_ref().map(|it| *it));
    }

    #[test]
    fn names_become_values_and_nothing_else_changes() {
        check(b"{ \"a\":  1}\r\n", Ok(b"{ \"a\":  1}\r\n"));
        check(b"${ID}, ${ID}", Ok(b"42, 42"));
        check(b"\xff$ {ID} ${ID}\xfe", Ok(b"\xff$ {ID} 42\xfe"));
        check(b"", Ok(b""));
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        check(b"${IDD}", Err("there is no IDD"));
        check(b"${ID", Err("a ${ has no }"));
        check(b"${\xff}", Err("what stands between ${ and } is not text"));
    }
}
