//! LocalStack as a process, from PyPI: without Docker it has everything but functions and tables.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

/// All that is installed.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// What it is made for: older ones lack what it imports.
const PYTHON: &str = "3.13";

/// How long it may take to be ready, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A LocalStack on loopback with nothing in it. Dropped, it is gone.
pub struct LocalStack {
    /// Where it listens.
    pub endpoint: String,
    folder: PathBuf,
    _process: Child,
}

impl LocalStack {
    /// Installs it if need be, and starts it; says why where that is not possible.
    pub async fn start() -> Result<Self, String> {
        let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/localstack");
        let python = install(&local).await?;
        let folder = local.join(format!("run-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut process = Command::new(python)
            .args(["-m", "localstack.runtime.main"])
            .env("HOME", &folder)
            .env("FILESYSTEM_ROOT", &folder)
            .env("GATEWAY_LISTEN", &listen)
            // Its usual server listens on every address, whatever it is told.
            .env("GATEWAY_SERVER", "hypercorn")
            // It stays on this machine: no names to serve, nothing to fetch, nothing to tell.
            .env("DNS_ADDRESS", "0")
            .env("SKIP_SSL_CERT_DOWNLOAD", "1")
            .env("DISABLE_EVENTS", "1")
            .env("DOCKER_HOST", "unix:///nonexistent")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("it cannot be started: {error}"))?;
        let endpoint = format!("http://{listen}");
        let deadline = Instant::now() + PATIENCE;
        while !is_ready(&endpoint).await {
            let ended = process.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                return Err(format!("it does not start; see {}", folder.join("log").display()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Self { endpoint, folder, _process: process })
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        // Its log is kept for whoever looks for the reason of a failure.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Installs the packages into a virtual environment, unless they are there; gives its Python.
async fn install(local: &Path) -> Result<PathBuf, String> {
    let (folder, stamp) = (local.join("venv"), local.join("venv/.stamp"));
    let installed_python = folder.join("bin/python");
    // The place is part of the stamp: a virtual environment does not survive a move of its folder.
    let wanted = format!("{}\n{REQUIREMENTS}", folder.display());
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(installed_python);
    }
    let found = run(python().args(["-c", "import venv, ensurepip"])).await;
    found.map_err(|error| format!("there is no Python {PYTHON} with venv: {error}"))?;
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(local).unwrap();
    fs::write(local.join("requirements.txt"), REQUIREMENTS).unwrap();
    run(python().args(["-m", "venv"]).arg(&folder)).await?;
    let mut pip = Command::new(&installed_python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps"]);
    run(pip.arg("--requirement").arg(local.join("requirements.txt"))).await?;
    fs::write(stamp, wanted).unwrap();
    Ok(installed_python)
}

/// Of its own version; pyenv hides those that nobody has chosen, so this chooses.
fn python() -> Command {
    let mut command = Command::new(format!("python{PYTHON}"));
    command.env("PYENV_VERSION", PYTHON);
    command
}

/// Runs a tool to its end; the end of what it says is the error.
async fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or("no reason given").to_owned())
}

async fn is_ready(endpoint: &str) -> bool {
    let answer = crate::http().get(format!("{endpoint}/_localstack/health")).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
