//! A function at work, and what of it Lambda and CloudWatch bill.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use zixly_testkit::FunctionProcess;

use crate::bill::{Bill, Prices};
use crate::recorder::{Record, Recorder};
use crate::world::World;

/// One instance of a function, with a recorder before AWS and a log of its own.
pub struct Meter {
    function: &'static str,
    process: FunctionProcess,
    aws: Recorder,
    log: PathBuf,
    log_bytes_before: u64,
    invocations: u64,
    billed_ms: u64,
    cpu_before: Duration,
}

impl Meter {
    pub async fn start(
        world: &mut World,
        function: &'static str,
        start: impl AsyncFnOnce(&World) -> FunctionProcess,
    ) -> Self {
        let aws = Recorder::of_aws(&world.aws.endpoint).await;
        let log = std::env::temp_dir().join(format!("zixly-cost-{:016x}.log", rand::random::<u64>()));
        let file = File::create(&log).expect("the folder for temporary files can be written to");
        let endpoint = std::mem::replace(&mut world.aws.endpoint, aws.url.clone());
        let others_log = std::mem::replace(&mut world.log, file);
        let process = start(world).await;
        world.aws.endpoint = endpoint;
        world.log = others_log;
        Self {
            function,
            process,
            aws,
            log,
            log_bytes_before: 0,
            invocations: 0,
            billed_ms: 0,
            cpu_before: Duration::ZERO,
        }
    }

    /// Hands it an event; Lambda bills the time in milliseconds, rounded up.
    pub async fn invoke(&mut self, event: Value) -> Value {
        let began = Instant::now();
        let answer = self.process.invoke(event).await.expect("the function answers whatever happens");
        self.billed_ms += u64::try_from(began.elapsed().as_micros().div_ceil(1000)).expect("it is short");
        self.invocations += 1;
        answer
    }

    /// Forgets what was so far.
    pub fn begin_anew(&mut self) {
        self.aws.take();
        (self.invocations, self.billed_ms) = (0, 0);
        self.cpu_before = self.process.cpu_time();
        self.log_bytes_before = fs::metadata(&self.log).expect("it has a log").len();
    }

    /// Adds the custom metrics that it wrote to `metrics`.
    pub fn finish(self, prices: &Prices, metrics: &mut BTreeSet<String>) -> Measured {
        let cpu = self.process.cpu_time() - self.cpu_before;
        let memory_mb = terraform_number(&format!("module \"{}\"", self.function), "memory_mb");
        // A function has a part of a processor by its memory: when that is not enough, it takes longer there than here.
        let at_least_ms = cpu.as_secs_f64() * 1000.0 * prices.stated("full_processor_mb") / memory_mb;
        let log = fs::read_to_string(&self.log).expect("it has a log");
        // What is left in a folder for temporary files is no reason to fail.
        let _ = fs::remove_file(&self.log);
        metrics.extend(log.lines().flat_map(custom_metrics));
        Measured {
            invocations: self.invocations as f64,
            billed_ms: self.billed_ms as f64,
            cpu_ms: cpu.as_secs_f64() * 1000.0,
            gb_seconds: at_least_ms.max(self.billed_ms as f64) / 1000.0 * memory_mb / 1024.0,
            log_bytes: (log.len() as u64 - self.log_bytes_before) as f64,
            aws: self.aws.take(),
            providers: Record::new(),
        }
    }
}

/// What one function did, or several instances of it.
#[derive(Default)]
pub struct Measured {
    pub invocations: f64,
    pub billed_ms: f64,
    pub cpu_ms: f64,
    pub gb_seconds: f64,
    pub log_bytes: f64,
    pub aws: Record,
    pub providers: Record,
}

impl Measured {
    pub fn and(mut self, other: Self) -> Self {
        self.invocations += other.invocations;
        self.billed_ms += other.billed_ms;
        self.cpu_ms += other.cpu_ms;
        self.gb_seconds += other.gb_seconds;
        self.log_bytes += other.log_bytes;
        for (mine, others) in [(&mut self.aws, other.aws), (&mut self.providers, other.providers)] {
            for (operation, calls) in others {
                let sum = mine.entry(operation).or_default();
                sum.count += calls.count;
                sum.waited += calls.waited;
                sum.bytes += calls.bytes;
            }
        }
        self
    }

    /// What is billed for all of it.
    pub fn bill(&self, who: &str) -> Bill {
        let mut bill = Bill::default();
        bill.add("lambda_requests", format!("{who}, invocations"), self.invocations);
        bill.add("lambda_gb_seconds", format!("{who}, GB-seconds"), self.gb_seconds);
        bill.add("log_gb", format!("{who}, GB of log lines"), self.log_bytes / 1e9);
        bill.add_calls(who, &self.aws);
        let sent: u64 = self.providers.values().map(|calls| calls.bytes).sum();
        if sent > 0 {
            bill.add("out_gb", format!("{who}, GB sent to providers"), sent as f64 / 1e9);
        }
        bill
    }

    /// What a queue's messages cost on their way to the function: each batch is received and deleted.
    pub fn bill_from_queue(&self, who: &str) -> Bill {
        let mut bill = self.bill(who);
        bill.add("sqs_requests", format!("{who}, batches received and deleted"), 2.0 * self.invocations);
        bill
    }
}

/// A number in a block of `terraform/modules/pipeline`.
pub fn terraform_number(block: &str, name: &str) -> f64 {
    let text = terraform_files().into_iter().find_map(|text| Some(text.split_once(block)?.1.to_owned()));
    let text = text.unwrap_or_else(|| panic!("terraform/modules/pipeline has no {block}"));
    let block = text.split_once("\n}").map_or(text.as_str(), |(block, _)| block);
    let value = block.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.split('#').next().unwrap_or_default().trim().to_owned())
    });
    let value = value.unwrap_or_else(|| panic!("{block} has no {name}"));
    value.parse().unwrap_or_else(|_| panic!("{name} = {value} is no number"))
}

/// The files of `terraform/modules/pipeline`.
pub fn terraform_files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/modules/pipeline");
    let entries =
        fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be listed").path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "tf")).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("it can be read")).collect()
}

/// The metrics that CloudWatch makes of a line: name, and the values of its dimensions.
fn custom_metrics(line: &str) -> Vec<String> {
    let Ok(line) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    let mut found = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
        for dimensions in directive["Dimensions"].as_array().into_iter().flatten() {
            let names = dimensions.as_array().into_iter().flatten().filter_map(Value::as_str);
            let values: Vec<String> = names.map(|name| format!("{name}={}", line[name])).collect();
            for metric in directive["Metrics"].as_array().into_iter().flatten() {
                found.push(format!("{} {}", metric["Name"], values.join(" ")));
            }
        }
    }
    found
}
