//! How long a deployed function takes from its start until it asks for its first event, which is what Lambda calls its
//! init.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zixly_testkit::release_function_binary;

use crate::world::World;

const LIMIT: Duration = Duration::from_millis(10);

/// What Lambda tells each function, besides its own settings.
const OF_LAMBDA: [(&str, &str); 7] = [
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
    ("AWS_REGION", "ap-southeast-2"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
];

/// The quickest of 20 starts, since the machine has other things to do.
#[expect(clippy::print_stdout, reason = "the figures are what one wants to see")]
pub async fn each_function_asks_for_work_within_ten_milliseconds(world: &mut World) {
    let deployed = world.aws_path("/2015-03-31/functions/").await;
    let deployed = deployed["Functions"].as_array().unwrap();
    assert_eq!(deployed.len(), 6);
    for function in deployed {
        let name = function["FunctionName"].as_str().unwrap();
        let binary = release_function_binary(&name.replace("zixly-local-", "zixly-"));
        let settings = serde_json::from_value(function["Environment"]["Variables"].clone()).unwrap();
        let mut took: Vec<_> = (0..20).map(|_| start(name, &binary, &settings)).collect();
        took.sort();
        println!("{name} starts in {:?}, {:?} at the median", took[0], took[10]);
        assert!(took[0] <= LIMIT, "{name} takes {:?}", took[0]);
    }
}

fn start(name: &str, binary: &str, settings: &BTreeMap<String, String>) -> Duration {
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(binary);
    command.env_clear().envs(settings).envs(OF_LAMBDA).env("AWS_LAMBDA_FUNCTION_NAME", name);
    command.env("AWS_LAMBDA_RUNTIME_API", api.local_addr().unwrap().to_string());
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
