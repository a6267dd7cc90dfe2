//! The Compose file, read as Compose reads it: there need be no Docker to see what it would publish and mount.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_container_is_pinned_watched_and_published_on_loopback_only() {
    let compose = read();
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["grafana", "localstack", "postgres", "prometheus"]);
    for (name, service) in services {
        let (_, version) = service["image"].as_str().unwrap().split_once(':').unwrap();
        assert!(
            by_default(version).trim_start_matches('v').starts_with(|it: char| it.is_ascii_digit()),
            "{name}"
        );
        assert!(service["healthcheck"]["test"].is_array(), "{name} has no health check");
        for port in service["ports"].as_array().unwrap() {
            let published = by_default(port.as_str().unwrap());
            let (address, _inside) = published.rsplit_once(':').unwrap();
            let address: SocketAddrV4 = address.parse().unwrap();
            assert_eq!(*address.ip(), Ipv4Addr::LOCALHOST, "{name}");
        }
    }
}

#[test]
fn what_containers_mount_is_there() {
    let compose = read();
    let volumes = compose["volumes"].as_object().unwrap();
    for service in compose["services"].as_object().unwrap().values() {
        for mount in service["volumes"].as_array().unwrap() {
            let source = mount.as_str().unwrap().split(':').next().unwrap();
            let is_there = match source.strip_prefix("./") {
                Some(path) => Path::new(FOLDER).join(path).is_dir(),
                None => volumes.contains_key(source) || source == "/var/run/docker.sock",
            };
            assert!(is_there, "there is no {source}");
        }
    }
}

/// By the Python of the local stack, which has a reader of YAML.
fn read() -> Value {
    let program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let python = Path::new(FOLDER).join("../.local/venv/bin/python");
    let file = std::fs::File::open(Path::new(FOLDER).join("docker-compose.yml")).unwrap();
    let output = Command::new(python).args(["-c", program]).stdin(file).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A text with the defaults of its variables in their places: `${PORT:-4566}` is `4566`.
fn by_default(text: &str) -> String {
    let mut parts = text.split("${");
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once('}').unwrap();
        whole.push_str(variable.split_once(":-").unwrap().1);
        whole.push_str(rest);
    }
    whole
}
