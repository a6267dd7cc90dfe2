//! The part of Xero's `where` language that compares for equality.

/// Conditions that all have to hold: a field's name and the value that it must have.
pub struct Filter(Vec<(String, String)>);

impl Filter {
    /// Reads `Name=="A b" AND ContactID==guid("…")`; what it cannot read, with the reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut conditions = Vec::new();
        let mut rest = text.trim();
        loop {
            let (field, after) = rest.split_once("==").ok_or_else(|| unreadable(rest))?;
            let field = field.trim();
            if field.is_empty()
                || !field.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.')
            {
                return Err(unreadable(rest));
            }
            let (value, after) = value(after.trim_start()).ok_or_else(|| unreadable(rest))?;
            conditions.push((field.to_owned(), value));
            rest = after.trim_start();
            if rest.is_empty() {
                return Ok(Self(conditions));
            }
            let joined = rest.strip_prefix("&&").or_else(|| rest.strip_prefix("AND "));
            rest = joined.ok_or_else(|| unreadable(rest))?.trim_start();
        }
    }

    /// The first field that is none of these.
    pub fn unknown_field(&self, known: &[&str]) -> Option<&str> {
        self.0.iter().map(|(field, _)| field.as_str()).find(|field| !known.contains(field))
    }

    /// Whether a record holds all these values; letters compare exactly.
    pub fn fits(&self, field: impl Fn(&str) -> Option<String>) -> bool {
        self.0.iter().all(|(name, value)| field(name).as_ref() == Some(value))
    }
}

/// A quoted text or a `guid("…")`, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    if let Some(guid) = ["guid(", "Guid("].into_iter().find_map(|start| text.strip_prefix(start)) {
        let (id, rest) = quoted(guid.trim_start())?;
        return Some((id.to_lowercase(), rest.trim_start().strip_prefix(')')?));
    }
    quoted(text)
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.strip_prefix('"')?.char_indices();
    let mut value = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[1 + at + 1..])),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

fn unreadable(rest: &str) -> String {
    format!("The simulator reads Field==\"value\" joined by AND, not {rest}")
}
