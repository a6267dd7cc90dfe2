//! The Lambda Runtime API as a Lambda environment has it, so that a test can run a function's real binary, hand it
//! events and kill it.

use std::{
    fs::File,
    path::{Path as FilePath, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

use crate::LogLines;

/// The trace that all invocations belong to.
const TRACE_HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

type Answer = Result<Value, Value>;

struct Invocation {
    event: Value,
    taken: oneshot::Sender<()>,
    answer: oneshot::Sender<Answer>,
}

struct Api {
    next: Mutex<mpsc::Receiver<Invocation>>,
    running: Mutex<Option<(u64, oneshot::Sender<Answer>)>>,
    timeout: Duration,
    count: AtomicU64,
}

/// How an invocation ended.
#[derive(Debug)]
pub enum Ending {
    /// With an answer: the response, or the error document.
    Answered(Result<Value, Value>),
    /// With the death of the process.
    Died(ExitStatus),
    /// With its time, and so with the process, which Lambda kills then.
    Overdue,
}

/// A function's binary as a process, with a Runtime API of its own.
pub struct FunctionProcess {
    invocations: mpsc::Sender<Invocation>,
    child: Child,
    timeout: Duration,
    server: JoinHandle<()>,
    log: Option<JoinHandle<String>>,
}

/// A function as `cargo test --workspace` builds it, beside the tests.
pub fn function_binary(name: &str) -> String {
    let test = std::env::current_exe().expect("a test knows its binary");
    let binary: PathBuf = test.parent().and_then(FilePath::parent).expect("tests are in deps").join(name);
    assert!(binary.exists(), "{name} is not built: run `cargo test --workspace --no-run` first");
    binary.to_str().expect("the target folder's name is text").to_owned()
}

/// A function as it is deployed, for what is about speed.
pub fn release_function_binary(name: &str) -> String {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let binary = FOLDER.get_or_init(build_release_functions).join(name).join("bootstrap");
    binary.to_str().expect("the target folder's name is text").to_owned()
}

fn build_release_functions() -> PathBuf {
    let zixly = PathBuf::from(function_binary("zixly"));
    let folder = zixly.with_file_name("release-functions");
    let built = std::process::Command::new(zixly).arg("functions").arg(&folder).status();
    assert!(built.is_ok_and(|status| status.success()), "the functions cannot be built");
    folder
}

impl FunctionProcess {
    /// Starts `binary` with these settings and nothing else in its environment. Its errors go to the test's output.
    /// `timeout` is what an invocation is told that it has.
    pub async fn start(
        binary: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        timeout: Duration,
    ) -> Self {
        let mut process = Self::spawn(binary, environment, timeout, Stdio::piped(), Stdio::inherit()).await;
        process.log = Some(tokio::spawn(pass_on(process.child.stdout.take().expect("it is piped"))));
        process
    }

    /// As [`Self::start`], with all that it says in `log`.
    pub async fn start_with_log(
        binary: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        timeout: Duration,
        log: &File,
    ) -> Self {
        let log = || Stdio::from(log.try_clone().expect("a file can be shared"));
        Self::spawn(binary, environment, timeout, log(), log()).await
    }

    async fn spawn(
        binary: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        timeout: Duration,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Self {
        let (invocations, next) = mpsc::channel(1);
        let api = Arc::new(Api {
            next: Mutex::new(next),
            running: Mutex::new(None),
            timeout,
            count: AtomicU64::new(0),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a listener is served for ever");
        });

        let child = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_LOG_LEVEL", "ERROR")
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .expect("the function's binary starts");
        Self { invocations, child, timeout, server, log: None }
    }

    /// Hands the function an event and gives its answer: the response, or the error document.
    pub async fn invoke(&self, event: Value) -> Answer {
        // One that has died says nothing for ever.
        let answer = async { self.begin(event).await.await };
        let answer = tokio::time::timeout(self.timeout + Duration::from_secs(60), answer).await;
        answer.expect("an invocation ends in time").expect("the function answers")
    }

    /// Hands the function an event without waiting for the answer.
    pub async fn begin(&self, event: Value) -> oneshot::Receiver<Answer> {
        self.hand_over(event).await.1
    }

    /// Hands the function an event and waits until it has answered, is dead, or has had its time, after which it is
    /// killed as Lambda does.
    pub async fn invoke_as_lambda(&mut self, event: Value) -> Ending {
        let (taken, mut answer) = self.hand_over(event).await;
        let timeout = self.timeout;
        let in_time = async {
            // A process that dies before it takes the event is noticed below.
            if taken.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::timeout(timeout, &mut answer).await
        };
        tokio::select! {
            answer = in_time => match answer {
                Ok(answer) => Ending::Answered(answer.expect("the Runtime API is up")),
                Err(_) => {
                    self.child.kill().await.expect("the process is ours to kill");
                    Ending::Overdue
                }
            },
            status = self.child.wait() => Ending::Died(status.expect("the process is ours to wait for")),
        }
    }

    /// The processor time that the function has taken since it was started.
    pub fn cpu_time(&self) -> Duration {
        self.child.id().and_then(processor_time).expect("the process runs")
    }

    async fn hand_over(&self, event: Value) -> (oneshot::Receiver<()>, oneshot::Receiver<Answer>) {
        let (taken, is_taken) = oneshot::channel();
        let (answer, receiver) = oneshot::channel();
        self.invocations.send(Invocation { event, taken, answer }).await.expect("the Runtime API is up");
        (is_taken, receiver)
    }

    /// Kills the process where it stands, as a crashed host does.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the process is ours to kill");
    }

    /// Kills the process and gives all that it has logged.
    pub async fn into_log(mut self) -> LogLines {
        self.child.kill().await.expect("the process is ours to kill");
        let log = self.log.take().expect("its log is in no file");
        LogLines::read(&log.await.expect("lines are read until there are no more"))
    }
}

/// The processor time that a process has taken, with its children that have ended, in hundredths of a second as Linux
/// tells it; none of one that is gone.
pub fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // What comes before is the program's name, in brackets.
    let fields = stat.rsplit_once(") ").expect("a process has a name").1.split(' ');
    let ticks = fields.skip(11).take(4).map(|ticks| ticks.parse::<u64>().expect("times are numbers"));
    Some(Duration::from_millis(10 * ticks.sum::<u64>()))
}

impl Drop for FunctionProcess {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Prints what the function logs, which `cargo test` shows of a test that fails; but no metrics. Gives it in the end.
async fn pass_on(output: ChildStdout) -> String {
    let mut lines = BufReader::new(output).lines();
    let mut log = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        log += &line;
        log.push('\n');
        if !line.starts_with(r#"{"_aws""#) {
            #[expect(clippy::print_stdout, reason = "it is the test's output")]
            {
                println!("{line}");
            }
        }
    }
    log
}

async fn next_invocation(State(api): State<Arc<Api>>) -> Response {
    let Some(invocation) = api.next.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = api.count.fetch_add(1, Ordering::Relaxed);
    // Not everybody wants to know.
    let _ = invocation.taken.send(());
    *api.running.lock().await = Some((id, invocation.answer));
    let deadline = SystemTime::now() + api.timeout;
    let deadline_ms = deadline.duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    let headers = [
        (HeaderName::from_static("lambda-runtime-aws-request-id"), id.to_string()),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), deadline_ms.to_string()),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), "arn:aws:lambda:test".to_owned()),
        (HeaderName::from_static("lambda-runtime-trace-id"), TRACE_HEADER.to_owned()),
    ];
    (headers, invocation.event.to_string()).into_response()
}

async fn response(State(api): State<Arc<Api>>, Path(id): Path<u64>, body: Bytes) -> StatusCode {
    settle(&api, id, Ok(json(&body))).await
}

async fn error(State(api): State<Arc<Api>>, Path(id): Path<u64>, body: Bytes) -> StatusCode {
    settle(&api, id, Err(json(&body))).await
}

async fn settle(api: &Api, id: u64, answer: Answer) -> StatusCode {
    match api.running.lock().await.take_if(|(running, _)| *running == id) {
        Some((_, sender)) => {
            // The test may have stopped listening.
            let _ = sender.send(answer);
            StatusCode::ACCEPTED
        }
        None => StatusCode::NOT_FOUND,
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
