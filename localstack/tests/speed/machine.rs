//! Where and of what the figures are.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use jiff::Timestamp;

/// `2026-11-23, commit 1a2b3c4, 2 × AMD EPYC, 24 GB, Linux 6.1.0`
pub fn description() -> String {
    let date = Timestamp::now().strftime("%Y-%m-%d");
    let cores = available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory =
        field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let memory_gb = memory.unwrap_or_default() / 1_000_000;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{date}, commit {}, {cores} × {model}, {memory_gb} GB, Linux {}", commit(), kernel.trim())
}

fn commit() -> String {
    let git = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let said = git.ok().filter(|git| git.status.success()).map(|git| git.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if said.is_empty() { "unknown".to_owned() } else { said }
}

/// The first value of a line `name : value`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
