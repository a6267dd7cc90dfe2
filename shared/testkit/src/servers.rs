//! Servers of one test's own, to be stopped under it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::Pid;
use rand::Rng;
use secrecy::SecretString;
use tokio::process::{Child, Command};
use zixly_store::Store;

use crate::{query, settings};

/// How long a server may take to be ready, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server may come to in a long test, in bytes.
const ROOM: u64 = 4 << 30;

/// A PostgreSQL cluster that keeps what it has committed, whatever happens to it. Dropped, it is gone.
pub struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    owner: (u32, u32),
    port: u16,
    settings: Vec<&'static str>,
    server: Child,
}

impl PostgresServer {
    /// A new cluster, made with the programs of the tests' own server and run by the same account.
    pub async fn launch() -> Self {
        Self::launch_with(&[]).await
    }

    /// As [`Self::launch`], with settings of its own, `name=value`.
    pub async fn launch_with(settings: &[&'static str]) -> Self {
        Self::launch_in(&folder_of_servers(), settings).await
    }

    /// As [`Self::launch_with`], on the disk: for more rows than there is memory for.
    pub async fn launch_on_disk(settings: &[&'static str]) -> Self {
        Self::launch_in(&std::env::temp_dir(), settings).await
    }

    async fn launch_in(parent: &Path, settings: &[&'static str]) -> Self {
        let data = data_of_test_server().await;
        let pid = fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let program = fs::read_link(format!("/proc/{}/exe", pid.lines().next().unwrap())).unwrap();
        let programs = program.parent().unwrap().to_path_buf();
        let owner = fs::metadata(&data).map(|data| (data.uid(), data.gid())).unwrap();
        let folder = new_folder(parent, "postgres");
        chown(&folder, Some(owner.0), Some(owner.1)).unwrap();

        let mut initdb = command(&programs.join("initdb"), &folder, owner);
        initdb.arg("-D").arg(folder.join("data"));
        initdb.args(["-U", "zixly", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        assert!(initdb.status().await.unwrap().success(), "initdb failed, see {}", folder.display());

        let port = free_port();
        let settings = settings.to_vec();
        let server = serve(&programs, &folder, owner, port, &settings);
        let postgres = Self { programs, folder, owner, port, settings, server };
        postgres.wait_until_ready().await;
        postgres
    }

    /// Where the superuser comes in.
    pub fn url(&self) -> String {
        format!("postgres://zixly@127.0.0.1:{}/postgres", self.port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The process whose children serve the connections.
    pub fn pid(&self) -> u32 {
        self.server.id().expect("it runs")
    }

    /// Where its programs are: `pgbench`.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Stops as in a crash: every connection is cut in the middle of whatever it does.
    pub async fn crash(&mut self) {
        self.signal(Signal::SIGQUIT);
        self.server.wait().await.unwrap();
    }

    /// Comes back after a crash with everything that was committed.
    pub async fn restart(&mut self) {
        self.server = serve(&self.programs, &self.folder, self.owner, self.port, &self.settings);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&self) {
        let store = Store::new(&SecretString::from(self.url()), None).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while store.session().await.is_err() {
            assert!(Instant::now() < deadline, "PostgreSQL is not ready, see {}", self.folder.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = pid_of(&self.server) {
            kill(pid, signal).unwrap();
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.signal(Signal::SIGQUIT);
        let deadline = Instant::now() + Duration::from_secs(10);
        while matches!(self.server.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        remove(&self.folder);
    }
}

/// A local AWS that can be made to hang with everything that it remembers. Dropped, it is gone.
pub struct AwsServer {
    /// Where it listens.
    pub endpoint: String,
    folder: PathBuf,
    server: Child,
}

impl AwsServer {
    /// A new one, with nothing in it.
    pub async fn launch() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/venv/bin/ministack");
        let folder = new_folder(&folder_of_servers(), "aws");
        let port = free_port();
        let mut command = Command::new(program);
        command
            .env("HOME", &folder)
            .env("TMPDIR", &folder)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_REGION", "ap-southeast-2")
            .env("STATE_DIR", folder.join("state"))
            .env("S3_DATA_DIR", folder.join("s3"))
            // Neither a Docker daemon nor listeners beside its own port.
            .env("DOCKER_HOST", "unix:///nonexistent")
            .env("SFTP_ENABLED", "0")
            .env("IOT_MTLS_ENABLED", "0")
            .current_dir(&folder);
        let server = spawn(command, &folder);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "the local AWS is not ready, see {}", folder.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { endpoint: format!("http://127.0.0.1:{port}"), folder, server }
    }

    /// Stops answering. The kernel still takes connections and requests, which is worse than a refusal.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Goes on, with whatever it was asked in the meantime.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = pid_of(&self.server) {
            kill(pid, signal).unwrap();
        }
    }
}

impl Drop for AwsServer {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        remove(&self.folder);
    }
}

async fn data_of_test_server() -> PathBuf {
    let rows = query(&settings::required("TEST_DATABASE_URL"), "show data_directory").await;
    PathBuf::from(&rows[0][0])
}

fn serve(programs: &Path, folder: &Path, owner: (u32, u32), port: u16, settings: &[&str]) -> Child {
    let mut command = command(&programs.join("postgres"), folder, owner);
    command.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
    // The machine does not crash, so what the server has written by the time of a commit is as good as on the disk.
    command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    command.args(settings.iter().flat_map(|setting| ["-c", setting]));
    spawn(command, folder)
}

fn command(program: &Path, folder: &Path, owner: (u32, u32)) -> Command {
    let mut command = Command::new(program);
    command.uid(owner.0).gid(owner.1).current_dir(folder).stdin(Stdio::null());
    let log = log(folder);
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command
}

fn spawn(mut command: Command, folder: &Path) -> Child {
    let log = log(folder);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.as_std().get_program()))
}

fn log(folder: &Path) -> File {
    File::options().create(true).append(true).open(folder.join("log")).unwrap()
}

/// In memory where there is a place for that: these servers write much that nobody reads again.
fn folder_of_servers() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let has_room =
        statvfs(&memory).is_ok_and(|memory| memory.blocks_available() * memory.fragment_size() > ROOM);
    if has_room { memory } else { std::env::temp_dir() }
}

/// An account can reach it that PostgreSQL runs as instead of root.
fn new_folder(parent: &Path, name: &str) -> PathBuf {
    let folder = parent.join(format!("zixly-test-{name}-{:016x}", rand::random::<u64>()));
    DirBuilder::new().mode(0o711).create(&folder).unwrap();
    folder
}

/// The log is kept for whoever looks for the reason of a failure.
fn remove(folder: &Path) {
    if !std::thread::panicking() {
        // What is left in a folder for temporary files is no reason to fail.
        let _ = fs::remove_dir_all(folder);
    }
}

/// Below the range that the kernel gives to outgoing connections, which could take the port while its server is down.
fn free_port() -> u16 {
    let mut random = rand::rng();
    std::iter::repeat_with(|| random.random_range(20_000..32_000))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a port is free")
}

fn pid_of(server: &Child) -> Option<Pid> {
    server.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
}
