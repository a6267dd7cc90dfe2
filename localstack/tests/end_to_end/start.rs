//! How long a deployed function takes from its start until it asks for its first event, which is what Lambda calls its
//! init.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zixly_testkit::release_function_binary;

use crate::world::World;

const FUNCTIONS: [&str; 6] = ["webhook", "worker", "scheduler", "dashboard", "realtime", "admin"];
const LIMIT: Duration = Duration::from_millis(10);

/// The quickest of 50 starts, since the machine has other things to do.
#[expect(clippy::print_stdout, reason = "the figures are what one wants to see")]
pub async fn each_function_asks_for_work_within_ten_milliseconds(world: &mut World) {
    for function in FUNCTIONS {
        let settings = settings(world, function).await;
        let mut took: Vec<_> = (0..50).map(|_| start(function, &settings)).collect();
        took.sort();
        println!("zixly-{function} starts in {:?}, {:?} at the median", took[0], took[25]);
        assert!(took[0] <= LIMIT, "zixly-{function} takes {:?}", took[0]);
    }
}

/// What Terraform gave the function.
async fn settings(world: &World, function: &str) -> BTreeMap<String, String> {
    let path = format!("/2015-03-31/functions/zixly-local-{function}/configuration");
    let variables = world.aws_path(&path).await["Environment"]["Variables"].take();
    let mut settings: BTreeMap<String, String> = serde_json::from_value(variables).unwrap();
    settings.insert("AWS_LAMBDA_FUNCTION_NAME".into(), format!("zixly-local-{function}"));
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ("AWS_REGION", "ap-southeast-2"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ] {
        settings.insert(name.into(), value.into());
    }
    settings
}

fn start(function: &str, settings: &BTreeMap<String, String>) -> Duration {
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(release_function_binary(&format!("zixly-{function}")));
    command.env_clear().envs(settings).env("AWS_LAMBDA_RUNTIME_API", api.local_addr().unwrap().to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut process = command.spawn().unwrap();
    let (mut connection, _) = api.accept().unwrap();
    let mut request = [0; 256];
    let length = connection.read(&mut request).unwrap();
    let took = began.elapsed();
    process.kill().unwrap();
    process.wait().unwrap();
    let request = String::from_utf8_lossy(&request[..length]);
    assert!(request.starts_with("GET /2018-06-01/runtime/invocation/next"), "{request}");
    took
}
