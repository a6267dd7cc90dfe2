//! One running set of servers: its folder, and `stack.json` in it, which remembers ports and processes.
//!
//! The file is written after each start, so that a later command finds also what an interrupted one left.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ports;
use crate::processes::{self, Process};
use crate::progress::Progress;
use crate::project::Project;

/// A stack's folder and what is remembered about it.
pub struct Stack {
    /// Everything that the stack writes is below this folder.
    pub folder: PathBuf,
    memory: Mutex<Memory>,
    /// What this very command started; ended ones stay zombies until it takes notice.
    children: Mutex<Vec<Child>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Memory {
    /// The process that the stack lives and dies with, if it does.
    owner: Option<Process>,
    /// Made at random once: passwords, keys, ids.
    secrets: BTreeMap<String, String>,
    ports: BTreeMap<String, u16>,
    /// In the order of their start.
    servers: Vec<Server>,
    /// Folders, by server, that had to be made elsewhere; they go when the stack goes.
    folders_elsewhere: BTreeMap<String, PathBuf>,
    /// What was done last, by the digest of what it was done with.
    #[serde(default)]
    done: BTreeMap<String, String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Server {
    name: String,
    process: Process,
}

impl Stack {
    /// Opens a stack's folder, made if it is not there.
    pub fn open(folder: PathBuf) -> anyhow::Result<Self> {
        // Others may pass through, so that PostgreSQL's account reaches its data, but not look around.
        let made = DirBuilder::new().recursive(true).mode(0o711).create(folder.join("logs"));
        made.with_context(|| format!("cannot make {}", folder.display()))?;
        let memory = read_memory(&folder)?.unwrap_or_default();
        Ok(Self { folder, memory: Mutex::new(memory), children: Mutex::default() })
    }

    /// Opens a stack whose owner is gone, killed before it could clean up.
    pub fn open_orphan(folder: PathBuf) -> anyhow::Result<Option<Self>> {
        let memory = read_memory(&folder)?;
        let orphan = memory.filter(|memory| memory.owner.is_some_and(|owner| !owner.is_alive()));
        Ok(orphan.map(|memory| Self { folder, memory: Mutex::new(memory), children: Mutex::default() }))
    }

    /// Ties the stack to a process: others may remove it once the process is gone.
    pub fn give_to(&self, owner: Process) -> anyhow::Result<()> {
        self.memory().owner = Some(owner);
        self.save()
    }

    /// Something random that stays the same for the stack's life, made by the first who asks.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<String> {
        let secret = self.memory().secrets.entry(name.to_owned()).or_insert_with(make).clone();
        self.save()?;
        Ok(secret)
    }

    /// Whether this work was done last with just these things, so that it need not be done again.
    pub fn is_done(&self, work: &str, digest: &str) -> bool {
        self.memory().done.get(work).is_some_and(|last| last == digest)
    }

    /// Notes that this work is done with these things.
    pub fn note_done(&self, work: &str, digest: String) -> anyhow::Result<()> {
        self.memory().done.insert(work.to_owned(), digest);
        self.save()
    }

    /// Tells one run of a server from the next, which has forgotten all that was in memory.
    pub fn run_of(&self, server: &str) -> String {
        let memory = self.memory();
        let process = memory.servers.iter().find(|it| it.name == server).map(|it| it.process);
        process.map_or_else(String::new, |process| format!("{process:?}"))
    }

    /// The folder outside the stack's own that a server uses, the same each time.
    pub fn folder_elsewhere(&self, server: &str) -> anyhow::Result<PathBuf> {
        if let Some(folder) = self.memory().folders_elsewhere.get(server) {
            return Ok(folder.clone());
        }
        let folder = std::env::temp_dir().join(format!("zixly-{:016x}", rand::random::<u64>()));
        DirBuilder::new()
            .mode(0o711)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        self.memory().folders_elsewhere.insert(server.to_owned(), folder.clone());
        self.save()?;
        Ok(folder)
    }

    /// Starts a server, or finds it running, and waits until it is ready; gives its port on 127.0.0.1.
    ///
    /// The port is the one that it had, else the usual one, else any. When the server does not get ready, the end of
    /// its log becomes the error.
    pub async fn start(
        &self,
        server: &str,
        usual_port: Option<u16>,
        command: impl AsyncFnOnce(u16) -> anyhow::Result<Command>,
        is_ready: impl AsyncFn(u16) -> bool,
    ) -> anyhow::Result<u16> {
        let remembered = self.memory().ports.get(server).copied();
        let running = self.memory().servers.iter().find(|it| it.name == server).map(|it| it.process);
        let log = self.folder.join("logs").join(format!("{server}.log"));
        let (process, port, _lease) = match (running.filter(|process| process.is_alive()), remembered) {
            (Some(process), Some(port)) => (process, port, None),
            _ => {
                let lease = ports::lease(remembered.into_iter().chain(usual_port))?;
                let (process, child) = processes::start(&mut command(lease.port).await?, &log)?;
                self.children().push(child);
                self.remember(server, process, lease.port)?;
                (process, lease.port, Some(lease))
            }
        };

        let ready = async {
            while process.is_alive() && !is_ready(port).await {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), ready).await.is_ok();
        if in_time && process.is_alive() {
            return Ok(port);
        }
        let what = if in_time { "ended while starting" } else { "is not ready after a minute" };
        bail!("{server} {what}; {} ends with:\n{}", log.display(), last_lines(&log, 15))
    }

    fn remember(&self, server: &str, process: Process, port: u16) -> anyhow::Result<()> {
        let mut memory = self.memory();
        memory.servers.retain(|it| it.name != server);
        memory.servers.push(Server { name: server.to_owned(), process });
        memory.ports.insert(server.to_owned(), port);
        drop(memory);
        self.save()
    }

    /// Stops one server, if it runs.
    pub async fn stop_server(&self, name: &str) {
        let server = self.memory().servers.iter().find(|it| it.name == name).cloned();
        if let Some(server) = server {
            server.process.signal(Signal::SIGINT);
            processes::wait_until(Duration::from_secs(10), || !server.process.is_alive()).await;
        }
    }

    /// Stops all servers, the last started first, and makes sure that nothing of them is left.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let servers = self.memory().servers.clone();
        for server in servers.iter().rev() {
            // PostgreSQL and PgBouncer end their sessions and finish on this; the local AWS and ours just end.
            server.process.signal(Signal::SIGINT);
            processes::wait_until(Duration::from_secs(10), || !server.process.is_alive()).await;
        }
        processes::sweep(&self.folder).await?;
        for mut child in self.children().drain(..) {
            let _ = child.wait();
        }
        self.memory().servers.clear();
        self.save()
    }

    /// Stops everything and deletes all that the stack wrote.
    pub async fn remove(&self) -> anyhow::Result<()> {
        self.stop().await?;
        let elsewhere = self.memory().folders_elsewhere.clone();
        for folder in elsewhere.values().filter(|folder| folder.exists()).chain([&self.folder]) {
            fs::remove_dir_all(folder).with_context(|| format!("cannot delete {}", folder.display()))?;
        }
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Every change is a single assignment, so a panic in between leaves nothing half done.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn children(&self) -> MutexGuard<'_, Vec<Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(&*self.memory())?;
        write_private(&self.folder.join("stack.json"), &json)
    }
}

/// Held while a stack of this clone is started or stopped, so that two commands do not undo each other's work.
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, after whoever has it.
    pub async fn take(project: &Project, progress: &Progress) -> anyhow::Result<Self> {
        let path = project.stack_file("lock");
        let file = File::create(&path)
            .with_context(|| format!("cannot write {}: run `make setup`", path.display()))?;
        let mut told = false;
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            if !told {
                progress.line("another zixly is starting or stopping the stack; waiting for it");
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Self { _file: file })
    }
}

/// Tells whether things have changed: the same for the same parts in the same order.
pub fn digest(parts: impl IntoIterator<Item: AsRef<[u8]>>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        // The length keeps `ab` + `c` and `a` + `bc` apart.
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file that only this person reads, whole or not at all.
pub fn write_private(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, "")
        .and_then(|()| fs::set_permissions(&new, Permissions::from_mode(0o600)))
        .and_then(|()| fs::write(&new, content))
        .and_then(|()| fs::rename(&new, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

fn read_memory(folder: &Path) -> anyhow::Result<Option<Memory>> {
    let file = folder.join("stack.json");
    let Ok(bytes) = fs::read(&file) else { return Ok(None) };
    let memory = serde_json::from_slice(&bytes);
    memory.with_context(|| format!("{} is damaged: delete it and run `make down`", file.display()))
}

fn last_lines(file: &Path, count: usize) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
