//! The dashboard in a real browser, on a deployed stack of the test's own.
//!
//! Node drives Chromium with what lies in `specs/`; this program brings up the stack, lets one job of each workflow run
//! on it, and hands its addresses over as environment variables. Screenshots are left in `.local/screenshots/`.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const STACK: &str = "dashboard";

/// As systems call the browser that can be driven here.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

#[test]
fn the_dashboard_does_in_a_browser_what_it_promises() {
    let browser = browser();
    let stack = Stack::deploy();
    let demo = zixly(&["demo"]);
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));

    let screenshots = local().join("screenshots");
    // Those of an earlier run would look like this one's.
    let _ = fs::remove_dir_all(&screenshots);
    fs::create_dir_all(&screenshots).unwrap();
    let mut node = Command::new(local().join("venv/bin/node"));
    node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(specs())
        .envs(stack.env())
        .env("BROWSER", browser)
        .env("SCREENSHOTS", screenshots)
        .current_dir(folder());
    let status = node.status().expect("Node is installed by `make setup`");
    assert!(status.success(), "see above which sentence does not hold");
}

/// A running stack; dropped, it is gone.
struct Stack;

impl Stack {
    fn deploy() -> Self {
        zixly(&["down"]);
        let output = zixly(&["up", "--owner", &std::process::id().to_string()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self
    }

    /// What the stack's env file says.
    fn env(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(local().join(format!("{STACK}.env"))).unwrap();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        zixly(&["down"]);
    }
}

/// The specs in the order of their names, or the one that `SPEC` names a part of.
fn specs() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a person picks a spec by it")]
    let wanted = std::env::var("SPEC").unwrap_or_default();
    let entries = fs::read_dir(folder().join("specs")).unwrap().map(|entry| entry.unwrap().path());
    let mut specs: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().contains(&wanted)).collect();
    specs.sort();
    assert!(!specs.is_empty(), "no spec's name contains {wanted:?}");
    specs
}

/// The browser that `make setup` has unpacked, or the machine's own.
fn browser() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "programs are found as a terminal finds them")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = BROWSERS.iter().flat_map(|name| {
        std::env::split_paths(&path).map(move |folder| folder.join(name)).collect::<Vec<_>>()
    });
    let unpacked = local().join("chromium/run");
    [unpacked].into_iter().chain(on_path).find(|program| program.is_file()).expect(
        "these tests need Chromium, and there is none: install it (apt install chromium), or run `make setup` \
         where apt-get is",
    )
}

/// Runs the command line on the tests' stack.
fn zixly(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zixly"));
    command.args(["--stack", STACK]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.output().unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboard")
}

fn local() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local")).unwrap()
}
