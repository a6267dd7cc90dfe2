//! Processes that outlive the command that started them, and finding every one of them again.
//!
//! A process is known by its id and start time, since ids are used again. Each carries the folder of its stack
//! in [`MARK`]; children inherit it, so functions that the local AWS starts are found too.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};

use crate::project::variable;

/// Names the folder of the stack that a process belongs to.
const MARK: &str = "ZIXLY_STACK";

/// One process, not the next one with its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process id.
    pub pid: i32,
    /// Clock ticks from the machine's start to the process's.
    started_ticks: u64,
}

impl Process {
    /// This command itself.
    pub fn this() -> anyhow::Result<Self> {
        Self::with_pid(Pid::this().as_raw()).context("/proc does not list this process")
    }

    /// The live process with an id; a zombie counts as gone, since it only waits for its parent.
    pub fn with_pid(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses and may hold spaces and parentheses.
        let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
        let state = fields.next()?;
        let started_ticks = fields.nth(18)?.parse().ok()?;
        (state != "Z").then_some(Self { pid, started_ticks })
    }

    /// Whether it still runs.
    pub fn is_alive(self) -> bool {
        Self::with_pid(self.pid) == Some(self)
    }

    /// Sends a signal, unless the process is gone.
    pub fn signal(self, signal: Signal) {
        if self.is_alive() {
            // It may end in between; then there is nobody left to tell.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// A command that is part of a stack, without what a person's environment would change in it.
pub fn command(program: impl AsRef<OsStr>, stack: &Path) -> Command {
    let mut command = Command::new(program);
    // libpq and the AWS SDKs read a person's own settings from the first two. The others tell what `cargo run` runs;
    // passed on to the next cargo, they would have crates built anew whose build scripts look at them.
    let unwanted = ["PG", "AWS_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
    for (name, _) in std::env::vars_os() {
        if unwanted.iter().any(|prefix| name.as_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
    make_part_of(&mut command, stack);
    command
}

/// A command that is part of a stack and gets nothing of a person's environment but where programs are.
pub fn bare_command(program: impl AsRef<OsStr>, stack: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(variable("PATH").map(|path| ("PATH", path)));
    make_part_of(&mut command, stack);
    command
}

fn make_part_of(command: &mut Command, stack: &Path) {
    // Everything is on loopback; a company's proxy cannot reach it.
    let loopback = "127.0.0.1,localhost";
    command.env("NO_PROXY", loopback).env("no_proxy", loopback).env(MARK, stack).stdin(Stdio::null());
}

/// Starts a server that goes on when this command ends: in its own process group, output to a log file.
pub fn start(command: &mut Command, log: &Path) -> anyhow::Result<(Process, Child)> {
    let output = File::options().create(true).append(true).open(log);
    let output = output.with_context(|| format!("cannot write {}", log.display()))?;
    command.process_group(0).stdout(output.try_clone()?).stderr(output);
    let child = command.spawn().with_context(|| format!("cannot start {}", program(command)))?;
    match Process::with_pid(i32::try_from(child.id())?) {
        Some(process) => Ok((process, child)),
        None => bail!("{} ended at once; see {}", program(command), log.display()),
    }
}

/// Runs a tool to its end and gives what it says; when it fails, all its output becomes the error.
pub async fn run(command: Command) -> anyhow::Result<String> {
    let name = program(&command);
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{name} failed ({}):\n{}", output.status, String::from_utf8_lossy(&said).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a tool to its end and hands on each line that it says; when it fails, the last of them become the error.
pub async fn watch(mut command: Command, mut each_line: impl FnMut(&str)) -> anyhow::Result<()> {
    let name = program(&command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = tokio::process::Command::from(command).kill_on_drop(true).spawn();
    let mut child = child.with_context(|| format!("cannot start {name}"))?;
    let mut output = child.stdout.take().map(|pipe| BufReader::new(pipe).lines());
    let mut errors = child.stderr.take().map(|pipe| BufReader::new(pipe).lines());
    let mut last = VecDeque::new();
    while output.is_some() || errors.is_some() {
        let line = tokio::select! {
            line = next_line(&mut output) => line?,
            line = next_line(&mut errors) => line?,
        };
        if let Some(line) = line {
            each_line(&line);
            last.push_back(line);
            if last.len() > 60 {
                last.pop_front();
            }
        }
    }
    let status = child.wait().await?;
    if !status.success() {
        bail!("{name} failed ({status}):\n{}", Vec::from(last).join("\n").trim());
    }
    Ok(())
}

/// The next line; a pipe that has ended is dropped.
async fn next_line<R: AsyncRead + Unpin>(
    pipe: &mut Option<Lines<BufReader<R>>>,
) -> std::io::Result<Option<String>> {
    let Some(lines) = pipe else { return std::future::pending().await };
    let line = lines.next_line().await?;
    if line.is_none() {
        *pipe = None;
    }
    Ok(line)
}

/// Waits until something holds or the time is over; says whether it holds.
pub async fn wait_until(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// Ends whatever is left of a stack: asks first, then forces; fails when something survives that.
pub async fn sweep(stack: &Path) -> anyhow::Result<()> {
    for (signal, patience) in [(Signal::SIGTERM, 5), (Signal::SIGKILL, 10)] {
        for process in marked(stack) {
            process.signal(signal);
        }
        if wait_until(Duration::from_secs(patience), || marked(stack).is_empty()).await {
            return Ok(());
        }
    }
    let left: Vec<String> = marked(stack).iter().map(|process| process.pid.to_string()).collect();
    bail!("these processes do not end: {}", left.join(", "))
}

/// All live processes of a stack but this one.
fn marked(stack: &Path) -> Vec<Process> {
    let mark = OsString::from_vec([MARK.as_bytes(), b"=", stack.as_os_str().as_bytes()].concat());
    let belongs = |pid: i32| {
        // Other people's processes cannot be read, and are not ours.
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        })
    };
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != Pid::this().as_raw() && belongs(*pid))
        .filter_map(Process::with_pid)
        .collect()
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_is_not_alive_though_nobody_waited_for_it() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::with_pid(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(process.is_alive());
        process.signal(Signal::SIGKILL);
        while process.is_alive() {}
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_sweep_ends_grandchildren_that_ignore_the_request() {
        let folder = std::env::temp_dir().join(format!("zixly-sweep-{}", Pid::this()));
        let log = folder.with_extension("log");
        let mut command = command("sh", &folder);
        // A parent that ended before `start` looks at it would be one that could not be started.
        command.args(["-c", "trap '' TERM; sh -c 'while :; do sleep 1; done' & sleep 0.5"]);
        let child = start(&mut command, &log).unwrap().1;
        assert!(wait_until(Duration::from_secs(5), || marked(&folder).len() >= 2).await);
        sweep(&folder).await.unwrap();
        assert!(marked(&folder).is_empty());
        { child }.wait().unwrap();
        fs::remove_file(log).unwrap();
    }
}
