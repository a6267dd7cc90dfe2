//! PgBouncer in transaction mode before a PostgreSQL cluster: what Supabase's pooler is to the functions.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use nix::unistd::geteuid;

use crate::postgres::{ACCOUNT, SUPERUSER};
use crate::processes;
use crate::project::{Project, program_on_path};
use crate::stack::Stack;

/// Starts PgBouncer before a cluster that trusts everybody; gives the port that it listens on.
pub async fn start(stack: &Stack, project: &Project, cluster_port: u16) -> anyhow::Result<u16> {
    let is_ready = async |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    let command = async |port| command(stack, project, port, cluster_port);
    stack.start("pgbouncer", None, command, is_ready).await
}

fn command(stack: &Stack, project: &Project, port: u16, cluster_port: u16) -> anyhow::Result<Command> {
    let settings = stack.folder.join("pgbouncer.ini");
    fs::write(&settings, settings_text(port, cluster_port))
        .with_context(|| format!("cannot write {}", settings.display()))?;
    let (program, libraries) = find(project)?;
    let mut command = processes::command(program, &stack.folder);
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    if geteuid().is_root() {
        command.args(["-u", ACCOUNT]);
    }
    command.arg(settings);
    Ok(command)
}

/// The program, and the folder of its libraries if it is the unpacked one.
fn find(project: &Project) -> anyhow::Result<(PathBuf, Option<PathBuf>)> {
    if let Some(program) = program_on_path("pgbouncer") {
        return Ok((program, None));
    }
    let unpacked = project.local().join("pgbouncer/usr");
    // Debian names the folder after the machine's architecture.
    let mut folders = fs::read_dir(unpacked.join("lib"))
        .context("PgBouncer is missing: run `make setup`, which unpacks or names it")?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| {
            folder.is_dir() && folder.ends_with(format!("{}-linux-gnu", std::env::consts::ARCH))
        });
    Ok((unpacked.join("sbin/pgbouncer"), folders.next()))
}

fn settings_text(port: u16, cluster_port: u16) -> String {
    // Two server connections a database, so that clients really share them. Users are looked up in the
    // cluster. An idle connection must not keep a database from being dropped, and a client of a database
    // that does not exist hears of it in time.
    format!(
        "[databases]
* = host=127.0.0.1 port={cluster_port} auth_user={SUPERUSER}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
pool_mode = transaction
default_pool_size = 2
max_client_conn = 500
server_idle_timeout = 5
query_wait_timeout = 20
ignore_startup_parameters = extra_float_digits
"
    )
}
