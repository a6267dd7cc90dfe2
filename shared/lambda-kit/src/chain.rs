use std::{error::Error, fmt};

/// Prints an error with its causes on one line, since JSON logs would show the outermost message only.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_printed_once() {
        let error = anyhow::anyhow!("connection refused").context("cannot open the store");
        assert_eq!(Chain(error.as_ref()).to_string(), "cannot open the store: connection refused");
    }
}
