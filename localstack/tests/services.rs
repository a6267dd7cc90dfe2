//! `zixly services` as a test command sees it: everything is there while it runs, nothing after.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Prints the addresses, one a line, after trying each from a shell of its own.
const TRY_ALL: &str = r#"
for address in "${TEST_DATABASE_URL##*@}" ${TEST_DATABASE_URLS//,/ } "$TEST_POOLER_ADDR" "${TEST_AWS_ENDPOINT_URL#*//}"; do
    address=${address##*@}; address=${address%/*}
    exec 3<>"/dev/tcp/${address%:*}/${address#*:}" && echo "$address"
done
exit 7"#;

#[test]
fn a_command_finds_every_server_and_gives_its_exit_code() {
    let output = services(&["bash", "-c", TRY_ALL]).stdout(Stdio::piped()).output().unwrap();
    let addresses = String::from_utf8(output.stdout).unwrap();
    assert_eq!(addresses.lines().count(), 5, "{addresses}");
    assert_eq!(output.status.code(), Some(7));
    for address in addresses.lines() {
        assert!(std::net::TcpStream::connect(address).is_err(), "{address} still listens");
    }
}

#[test]
fn a_request_to_stop_ends_the_command_and_what_it_started() {
    let (mut zixly, grandchild) = start_with_grandchild();
    kill("TERM", zixly.id());
    assert_eq!(zixly.wait().unwrap().code(), Some(143));
    assert!(!is_alive(grandchild));
}

#[test]
fn the_next_run_removes_what_a_killed_one_left() {
    let (mut zixly, grandchild) = start_with_grandchild();
    let left = local().join(format!("services-{}", zixly.id()));
    kill("KILL", zixly.id());
    assert_eq!(zixly.wait().unwrap().signal(), Some(9));
    assert!(left.exists() && is_alive(grandchild));

    // Another run may be at the removal already and this one then leaves it to that.
    while left.exists() {
        assert!(services(&["true"]).status().unwrap().success());
    }
    assert!(!is_alive(grandchild));
}

fn start_with_grandchild() -> (Child, u32) {
    let mut child =
        services(&["sh", "-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

fn services(command: &[&str]) -> Command {
    let mut zixly = Command::new(env!("CARGO_BIN_EXE_zixly"));
    zixly.args(["services", "--"]).args(command).current_dir(env!("CARGO_MANIFEST_DIR"));
    zixly
}

fn kill(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status().unwrap().success());
}

/// A zombie that nobody has waited for yet is not alive.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn local() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local")
}
