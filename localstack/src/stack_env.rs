//! `.local/stack.env`, named after the stack: where it is and what it was made with, `KEY=value` a line.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::project::Project;
use crate::stack::write_private;

/// Whether a stack has been brought up and not down since.
pub fn exists(project: &Project) -> bool {
    project.stack_file("env").exists()
}

/// Writes the file, for this person only.
pub fn write(project: &Project, values: &[(&str, String)]) -> anyhow::Result<()> {
    let lines: String = values.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    write_private(&project.stack_file("env"), lines.as_bytes())
}

/// Deletes the file.
pub fn remove(project: &Project) {
    // It may not be there.
    let _ = fs::remove_file(project.stack_file("env"));
}

/// The running stack's addresses, keys and ids.
pub struct StackEnv {
    file: PathBuf,
    values: BTreeMap<String, String>,
}

impl StackEnv {
    /// Reads what `zixly up` wrote.
    pub fn read(project: &Project) -> anyhow::Result<Self> {
        let file = project.stack_file("env");
        let text = fs::read_to_string(&file)
            .with_context(|| format!("there is no {}: start the stack first (`make up`)", file.display()))?;
        let values = text.lines().filter_map(|line| line.split_once('='));
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { file, values })
    }

    /// A value by its name.
    pub fn get(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.values.get(name).map(String::as_str);
        value.with_context(|| format!("{} has no {name}; it has {}", self.file.display(), self.names()))
    }

    fn names(&self) -> String {
        self.values.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}
