//! The local AWS: `ministack` from the virtual environment, with its files in the stack's folder.

use std::fs;
use std::process::Command;

use anyhow::Context;

use crate::processes;
use crate::project::Project;
use crate::stack::Stack;

/// The region that everything local is in; environments/local has the same.
pub const REGION: &str = "ap-southeast-2";

/// What every AWS client of the stack finds in its environment; the local AWS accepts any credentials.
pub const CREDENTIALS: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_REGION", REGION),
    ("AWS_DEFAULT_REGION", REGION),
];

/// Starts the local AWS or finds it running; gives its endpoint.
pub async fn start(stack: &Stack, project: &Project, usual_port: Option<u16>) -> anyhow::Result<String> {
    let client = crate::loopback_client()?;
    let is_ready = async |port| {
        let answer = client.get(format!("{}/_ministack/health", endpoint(port))).send().await;
        answer.is_ok_and(|it| it.status().is_success())
    };
    let command = async |port| command(stack, project, port);
    Ok(endpoint(stack.start("local-aws", usual_port, command, is_ready).await?))
}

fn command(stack: &Stack, project: &Project, port: u16) -> anyhow::Result<Command> {
    let files = stack.folder.join("local-aws");
    fs::create_dir_all(&files).with_context(|| format!("cannot make {}", files.display()))?;
    // Bare, since the functions that it runs get its whole environment.
    let mut command = processes::bare_command(project.venv_program("ministack")?, &stack.folder);
    command
        .env("HOME", &files)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        // Lambda gives this to functions that log in JSON; the local AWS does not.
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_ENDPOINT_URL", endpoint(port))
        .env("MINISTACK_REGION", REGION)
        .env("TMPDIR", &files)
        .env("STATE_DIR", files.join("state"))
        .env("S3_DATA_DIR", files.join("s3"))
        // Neither a Docker daemon, whose containers it would sweep, nor listeners beside its own port.
        .env("DOCKER_HOST", "unix:///nonexistent")
        .env("SFTP_ENABLED", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .envs(CREDENTIALS)
        .current_dir(&files);
    Ok(command)
}

/// An address, not a name: with `localhost` the S3 client would put the bucket into the host name.
fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
