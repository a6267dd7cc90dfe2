//! Where things are: the clone that the command runs in and the folders under its `.local/`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The clone that the command was called in, and the stack of it that is meant.
pub struct Project {
    /// The folder with the workspace's `Cargo.toml`.
    pub root: PathBuf,
    stack_name: String,
}

impl Project {
    /// Finds the clone from the working directory upwards.
    pub fn find(stack_name: &str) -> anyhow::Result<Self> {
        let here = env::current_dir().context("cannot tell the working directory")?;
        let Some(root) = here.ancestors().find(|folder| folder.join("localstack/requirements.txt").exists())
        else {
            bail!("{} is not inside a clone of Zixly: call this from within one", here.display());
        };
        let project = Self { root: root.to_path_buf(), stack_name: stack_name.to_owned() };
        project.check_stack_name()?;
        Ok(project)
    }

    /// The folder for everything that is made on this machine and belongs in no commit.
    pub fn local(&self) -> PathBuf {
        self.root.join(".local")
    }

    /// The stack's folder.
    pub fn stack(&self) -> PathBuf {
        self.local().join(&self.stack_name)
    }

    /// A file beside the stack's folder: `env` or `lock`.
    pub fn stack_file(&self, extension: &str) -> PathBuf {
        self.local().join(format!("{}.{extension}", self.stack_name))
    }

    /// A stack's folder is deleted with the stack, so it must not be somebody else's.
    fn check_stack_name(&self) -> anyhow::Result<()> {
        let name = &self.stack_name;
        let is_word = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-');
        if !is_word || name.len() > 32 {
            bail!("{name:?} names no stack: take up to 32 lower-case letters, digits and hyphens");
        }
        let folder = self.stack();
        if folder.exists() && !folder.join("logs").exists() {
            bail!("{} is not a stack: take another name", folder.display());
        }
        Ok(())
    }

    /// A program of the virtual environment that `make setup` installs.
    pub fn venv_program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let program = self.local().join("venv/bin").join(name);
        if !program.exists() {
            bail!("{} is missing: run `make setup`", program.display());
        }
        Ok(program)
    }

    /// The `PATH` on which the virtual environment's programs come first.
    pub fn path_with_tools(&self) -> anyhow::Result<OsString> {
        let tools = self.local().join("venv/bin");
        let path = variable("PATH").unwrap_or_default();
        Ok(env::join_paths([tools].into_iter().chain(env::split_paths(&path)))?)
    }

    /// The virtual environment's folder of installed packages.
    pub fn site_packages(&self) -> anyhow::Result<PathBuf> {
        let library = self.local().join("venv/lib");
        let mut folders = library
            .read_dir()
            .with_context(|| format!("{} is missing: run `make setup`", library.display()))?
            .filter_map(|entry| Some(entry.ok()?.path().join("site-packages")))
            .filter(|folder| folder.exists());
        folders.next().with_context(|| format!("{} holds no packages: run `make setup`", library.display()))
    }
}

/// A program on `PATH`, or in a folder for administrators that a user's `PATH` may lack.
pub fn program_on_path(name: &str) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| is_file(program))
}

/// A variable of the terminal that the command was called from.
#[expect(clippy::disallowed_methods, reason = "a person's command reads that person's environment")]
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
