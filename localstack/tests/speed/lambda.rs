//! A Lambda environment: a function's release binary, and the Runtime API that it asks for work.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use zixly_testkit::processor_time;

use crate::http::{Connection, Request};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
/// What the function is told of an invocation besides its event. It is not late before the year 2100.
const INVOCATION: &str = "lambda-runtime-aws-request-id: 1\r\n\
     lambda-runtime-deadline-ms: 4102444800000\r\n\
     lambda-runtime-invoked-function-arn: arn:aws:lambda:ap-southeast-2:000000000000:function:zixly\r\n\
     lambda-runtime-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0\r\n\
     content-type: application/json\r\n";
const PATIENCE_MS: u16 = 30_000;

/// One instance of a function, idle between invocations.
pub struct Environment {
    child: Child,
    listener: TcpListener,
    /// The function's HTTP client may have more than one.
    connections: Vec<Connection>,
    /// The connection that asks for work.
    asking: usize,
    /// From the start of the process to its first question for work.
    pub init: Duration,
}

impl Environment {
    /// Starts a function with these settings and nothing else in its environment; it is idle then.
    pub fn start(binary: &str, settings: &BTreeMap<String, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let mut command = Command::new(binary);
        command.env_clear().envs(settings).env("AWS_LAMBDA_RUNTIME_API", address);
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        let began = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("{binary} does not start: {error}"));
        let mut environment =
            Self { child, listener, connections: Vec::new(), asking: 0, init: Duration::ZERO };
        let (asking, request) = environment.next_request();
        assert_eq!(
            request.path,
            NEXT,
            "the function cannot begin: {}",
            String::from_utf8_lossy(&request.body)
        );
        environment.asking = asking;
        environment.init = began.elapsed();
        environment
    }

    /// Hands the function an event; gives its answer and how long that took.
    pub fn invoke(&mut self, event: &[u8]) -> (Vec<u8>, Duration) {
        let began = Instant::now();
        self.connections[self.asking].answer(200, INVOCATION, event).expect("the function is there");
        let (answering, request) = self.next_request();
        let took = began.elapsed();
        assert!(
            request.method == "POST" && request.path.ends_with("/response"),
            "{} {}: {}",
            request.method,
            request.path,
            String::from_utf8_lossy(&request.body)
        );
        self.connections[answering].answer(202, "", b"").expect("the function is there");
        let (asking, next) = self.next_request();
        assert_eq!(next.path, NEXT);
        self.asking = asking;
        (request.body, took)
    }

    /// The processor time that the function has taken since it was started.
    pub fn processor(&self) -> Duration {
        processor_time(self.child.id()).expect("it runs")
    }

    /// What it has in memory, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number") * 1024
    }

    /// What the function asks or says next, and on which connection.
    fn next_request(&mut self) -> (usize, Request) {
        loop {
            let Some(connection) = self.wait() else {
                let (stream, _) = self.listener.accept().expect("somebody knocks");
                self.connections.push(Connection::new(stream));
                continue;
            };
            match self.connections[connection].read() {
                Some(request) => return (connection, request),
                None => drop(self.connections.remove(connection)),
            }
        }
    }

    /// The connection that has something to read; none when there is a new one.
    fn wait(&mut self) -> Option<usize> {
        let sockets = self.connections.iter().map(|connection| connection.socket().as_fd());
        let mut all: Vec<PollFd<'_>> = std::iter::once(self.listener.as_fd())
            .chain(sockets)
            .map(|socket| PollFd::new(socket, PollFlags::POLLIN))
            .collect();
        let ready = poll(&mut all, PollTimeout::from(PATIENCE_MS)).expect("these are sockets");
        assert!(ready > 0, "the function says nothing; did it die?");
        all.iter().position(|socket| socket.any() == Some(true)).expect("one is ready").checked_sub(1)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
