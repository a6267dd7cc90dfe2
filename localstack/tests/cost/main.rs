//! What a million webhooks and a million jobs cost: the release binaries at work for real, on a real PostgreSQL, the
//! local AWS and the simulated providers, with everything counted that AWS bills, and `localstack/cost/prices.json`.
//!
//! `DELIVERIES` says how many are sent; `make cost` sends a thousand. Each tells of a paid invoice, and its job of the
//! main workflow reads it in Xero, marks the customer in HubSpot, stores its report and tells Slack.

mod bill;
#[path = "../chaos/business.rs"]
mod business;
#[path = "../chaos/doors.rs"]
#[expect(dead_code, reason = "nothing is sent twice")]
mod doors;
mod measured;
mod recorder;
#[path = "../chaos/world.rs"]
#[expect(dead_code, reason = "nothing is broken on purpose")]
mod world;

use std::collections::{BTreeSet, VecDeque};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use zixly_domain::{Provider, Workflow};
use zixly_testkit::{LocalAws, Post, Role, TestDatabase, release_function_binary, sqs_event};

use crate::bill::{Bill, Prices};
use crate::business::{Accounts, Business};
use crate::measured::{Measured, Meter};
use crate::recorder::{Record, Recorder};
use crate::world::{VISIBILITY, World};

const TENANTS: usize = 25;
const FEW_DELIVERIES: usize = 25;
/// What a provider takes to answer in the second run, which is about how it is paid for that the worker waits.
const SLOW_PROVIDER: Duration = Duration::from_millis(150);
/// The design's target for a million webhooks.
const TARGET: f64 = 3.0;
/// With fewer deliveries, what an instance does once is too much of the bill.
const ENOUGH: f64 = 500.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // A filter of `cargo test` that means other tests.
    if std::env::args().skip(1).any(|filter| !filter.starts_with('-') && !"cost".contains(&filter)) {
        return ExitCode::SUCCESS;
    }
    #[expect(clippy::disallowed_methods, reason = "this is where the run takes its setting, once")]
    let deliveries = std::env::var("DELIVERIES").ok().filter(|text| !text.is_empty());
    let deliveries = deliveries.map_or(FEW_DELIVERIES, |text| text.parse().expect("DELIVERIES is a number"));
    let prices = Prices::load();
    let mut run = Run::begin(&prices).await;

    let quick = run.deliveries(0..deliveries, 1).await;
    run.slow_providers_down().await;
    let slow = run.deliveries(deliveries..deliveries + deliveries.div_ceil(10), 4).await;
    let scheduler = run.scheduler().await;

    report(&prices, &run.metrics, &quick, &slow, &scheduler);
    ExitCode::SUCCESS
}

/// What the functions did for some deliveries.
struct Served {
    webhook: Measured,
    worker: Measured,
    realtime: Measured,
    /// The bodies and headers of the answers at the door.
    answer_bytes: usize,
}

struct Run<'a> {
    prices: &'a Prices,
    world: World,
    accounts: Vec<Accounts>,
    socket_table: String,
    /// The custom metrics that were written: name, and values of dimensions.
    metrics: BTreeSet<String>,
}

impl<'a> Run<'a> {
    async fn begin(prices: &'a Prices) -> Self {
        // Of the chaos run's tenants, every third tells a channel in Slack about paid invoices.
        let mut accounts = Business::new(1, 3 * TENANTS, 0).tenants;
        accounts.retain(|accounts| !accounts.channels(Workflow::XeroInvoiceToHubspot).is_empty());
        accounts.truncate(TENANTS);
        let mut world =
            World::new(TestDatabase::create().await, LocalAws::new(), &accounts, release_function_binary)
                .await;
        world.log_level = "INFO";
        let socket_table = world.aws.socket_table().await;
        Self { prices, world, accounts, socket_table, metrics: BTreeSet::new() }
    }

    /// Sends deliveries about invoices of their own, and has their jobs run by so many workers and told to the pages.
    async fn deliveries(&mut self, numbers: std::ops::Range<usize>, workers: usize) -> Served {
        for number in numbers.clone() {
            self.stand_up(number).await;
        }
        let mut webhook = Meter::start(&mut self.world, "webhook", async |world| world.door().await).await;
        let mut answer_bytes = 0;
        for number in numbers.clone() {
            let answer = webhook.invoke(self.post(number).event()).await;
            assert_eq!(answer["statusCode"], 200, "{answer}");
            answer_bytes += answer["headers"].to_string().len() + answer["body"].as_str().map_or(0, str::len);
        }

        let (simulator, providers) = (self.world.simulator.url.clone(), &mut self.world.simulator.url);
        let recorder = Recorder::of_providers(&simulator).await;
        *providers = recorder.url.clone();
        let settings = self.world.worker_settings("https://hooks.example.com/webhook/sweep-callback").await;
        self.world.simulator.url = simulator;
        let mut meters = Vec::new();
        for _ in 0..workers {
            meters.push(
                Meter::start(&mut self.world, "worker", async |world| world.worker(&settings, None).await)
                    .await,
            );
        }
        let meters = self.work(meters).await;
        let completed = "select count(*) from pipeline_jobs where status = 'COMPLETED' and result->>'outcome' = 'updated'";
        assert_eq!(
            self.world.database.count(completed).await,
            i64::try_from(numbers.end).expect("they are few")
        );

        let secret = json!({ "realtime_ticket_key": "a-key-for-tickets-of-32-characters" });
        let settings = [
            ("FUNCTION_SECRET_ARN", self.world.secret("realtime", &secret).await),
            ("SOCKET_TABLE", self.socket_table.clone()),
            ("SOCKET_API_URL", self.world.aws.endpoint.clone()),
        ];
        let start =
            async |world: &World| world.function("zixly-realtime", settings, Duration::from_secs(15)).await;
        let mut realtime = Meter::start(&mut self.world, "realtime", start).await;
        loop {
            let batch = self.world.aws.receive_for(&self.world.job_event_queue_url, VISIBILITY).await;
            if batch.is_empty() {
                break;
            }
            let answer = realtime.invoke(sqs_event(&batch)).await;
            assert_eq!(answer, json!({ "batchItemFailures": [] }));
            self.world.aws.delete(&self.world.job_event_queue_url, &batch).await;
        }

        let (prices, metrics) = (self.prices, &mut self.metrics);
        let mut finish = |meter: Meter| meter.finish(prices, metrics);
        let mut worker = meters.into_iter().map(&mut finish).fold(Measured::default(), Measured::and);
        worker.providers = recorder.take();
        Served { webhook: finish(webhook), worker, realtime: finish(realtime), answer_bytes }
    }

    /// Hands each job to a worker of its own invocation, as the event source mapping does, until no message is left.
    async fn work(&self, meters: Vec<Meter>) -> Vec<Meter> {
        assert_eq!(
            measured::terraform_number(
                "resource \"aws_lambda_event_source_mapping\" \"worker\"",
                "batch_size"
            ),
            1.0
        );
        let (aws, queue) = (&self.world.aws, &self.world.job_queue_url);
        let waiting = tokio::sync::Mutex::new(VecDeque::new());
        let work = async |mut meter: Meter| {
            loop {
                let message = {
                    let mut waiting = waiting.lock().await;
                    if waiting.is_empty() {
                        waiting.extend(aws.receive_for(queue, VISIBILITY).await);
                    }
                    waiting.pop_front()
                };
                let Some(message) = message else {
                    // Others may still be at work, or a job may wait for its turn at a provider.
                    if aws.message_count(queue).await == 0 {
                        return meter;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let answer = meter.invoke(sqs_event(std::slice::from_ref(&message))).await;
                assert_eq!(answer, json!({ "batchItemFailures": [] }));
                aws.delete(queue, &[message]).await;
            }
        };
        futures_util::future::join_all(meters.into_iter().map(work)).await
    }

    /// Ten minutes in which nothing is to be done.
    async fn scheduler(&mut self) -> Measured {
        let secret = json!({ "database_url": self.world.database.url(Role::Scheduler) });
        let settings = [("FUNCTION_SECRET_ARN", self.world.secret("scheduler", &secret).await)];
        let start =
            async |world: &World| world.function("zixly-scheduler", settings, Duration::from_secs(50)).await;
        let mut scheduler = Meter::start(&mut self.world, "scheduler", start).await;
        // The first run starts the first polls of every connection, which are jobs like others.
        scheduler.invoke(json!({})).await;
        scheduler.begin_anew();
        for _ in 0..10 {
            scheduler.invoke(json!({})).await;
        }
        scheduler.finish(self.prices, &mut self.metrics)
    }

    /// A paid invoice, and its customer in HubSpot.
    async fn stand_up(&self, number: usize) {
        let accounts = &self.accounts[number % TENANTS];
        let email = format!("customer-{number}@example.com");
        let invoice = json!({
            "Type": "ACCREC", "InvoiceID": invoice_id(number), "InvoiceNumber": format!("INV-{number}"),
            "Status": "PAID", "AmountDue": 0.00, "AmountPaid": 148_062.76, "Total": 148_062.76, "CurrencyCode": "NZD",
            "UpdatedDateUTC": "/Date(1790812800000+0000)/", "FullyPaidOnDate": "/Date(1790812800000+0000)/",
            "Contact": {
                "ContactID": format!("b03ffcd2-5d91-4c7e-b483-{number:012}"), "Name": format!("Customer {number}"),
                "EmailAddress": email,
            },
        });
        let contact = json!({ "id": (100_000 + number).to_string(), "properties": { "email": email } });
        for (provider, kind, account, record) in [
            ("xero", "invoice", accounts.organisation.clone(), invoice),
            ("hubspot", "contact", accounts.portal.to_string(), contact),
        ] {
            let seed = json!({ "provider": provider, "kind": kind, "tenant_id": account, "record": record });
            self.world.control("seed", &seed).await;
        }
    }

    fn post(&self, number: usize) -> Post {
        let organisation = &self.accounts[number % TENANTS].organisation;
        let body = json!({
            "events": [{
                "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{}", invoice_id(number)),
                "resourceId": invoice_id(number), "tenantId": organisation, "tenantType": "ORGANISATION",
                "eventCategory": "INVOICE", "eventType": "UPDATE", "eventDateUtc": "2026-10-01T09:12:44.917",
            }],
            "firstEventSequence": number, "lastEventSequence": number, "entropy": "SXAFLFOVTHFGKCXKIAUH",
        });
        Post {
            provider: Provider::Xero,
            path: "/webhook/xero".to_owned(),
            body: body.to_string(),
            headers: Vec::new(),
        }
    }

    async fn slow_providers_down(&self) {
        for provider in ["xero", "hubspot", "slack"] {
            let slow = json!({
                "provider": provider, "fault": "slow", "retry_after_s": SLOW_PROVIDER.as_secs_f64(), "times": 1_000_000,
            });
            self.world.control("faults", &slow).await;
        }
    }
}

fn report(prices: &Prices, metrics: &BTreeSet<String>, quick: &Served, slow: &Served, scheduler: &Measured) {
    let Served { webhook, worker, realtime, answer_bytes } = quick;
    let jobs = worker.invocations;
    say(&format!(
        "Prices of {}, US$, without the free tier; where one is marked with a question mark, it is not sure. \
         {} deliveries, each with a job, by the release binaries.",
        prices.date, webhook.invocations
    ));

    let mut door = webhook.bill("webhook");
    door.add("http_api_requests", "HTTP API, requests", webhook.invocations);
    let access_log = prices.stated("access_log_bytes") * webhook.invocations;
    door.add("log_gb", "HTTP API, GB of access log", access_log / 1e9);
    door.add("out_gb", "HTTP API, GB of answers", *answer_bytes as f64 / 1e9);
    let door = door.times(1e6 / webhook.invocations);
    say(&format!("\nA million webhooks, accepted and rung for\n{}", door.table(prices)));

    let mut work = worker.bill_from_queue("worker");
    work.add_all(&realtime.bill_from_queue("realtime"));
    let work = work.times(1e6 / jobs);
    let waiting = slow.worker.gb_seconds / slow.worker.invocations - worker.gb_seconds / jobs;
    let mut with_waiting = work.clone();
    let what = format!("worker, GB-seconds of waiting, {} ms a call", SLOW_PROVIDER.as_millis());
    with_waiting.add("lambda_gb_seconds", what, waiting * 1e6);
    say(&format!("\nA million jobs of xero-invoice-to-hubspot\n{}", with_waiting.table(prices)));
    say(&format!("With providers as quick as the simulated ones: {}.", totals(prices, &work)));

    let fixed = fixed(prices, metrics, scheduler);
    say(&format!("\nA month in which nothing happens\n{}", fixed.table(prices)));

    say("\nHow that was measured");
    for (who, measured) in
        [("webhook", webhook), ("worker", worker), ("realtime", realtime), ("scheduler", scheduler)]
    {
        let per = |total: f64| total / measured.invocations;
        say(&format!(
            "{who:<9} {:7.2} ms billed an invocation, {:.2} ms of processor time, {:.0} bytes of log lines, of AWS: {}",
            per(measured.billed_ms),
            per(measured.cpu_ms),
            per(measured.log_bytes),
            calls(&measured.aws, measured.invocations),
        ));
    }
    for (how, measured) in [("as they are", worker), ("slowed down", &slow.worker)] {
        let calls = calls(&measured.providers, measured.invocations);
        say(&format!(
            "providers {how}: {:.1} ms billed a job, {calls}",
            measured.billed_ms / measured.invocations
        ));
    }
    for region in &prices.regions {
        let total = door.total(prices, region);
        let verdict = match webhook.invocations {
            few if few < ENOUGH => "of too few deliveries to be held against",
            _ if total <= TARGET => "within",
            _ => "ABOVE",
        };
        say(&format!("{region}: US${total:.2} a million webhooks, {verdict} the target of US${TARGET:.2}"));
    }
}

/// What is paid for being there.
fn fixed(prices: &Prices, metrics: &BTreeSet<String>, scheduler: &Measured) -> Bill {
    let runs = prices.stated("schedule_runs");
    let mut bill = scheduler.bill("scheduler").times(runs / scheduler.invocations);
    bill.add("schedule_runs", "schedule, runs", runs);
    // Ten runs in a row read it once; a minute apart, each finds it too old.
    bill.add("secrets_manager_calls", "scheduler, its secret in each run", runs);
    bill.add("metric_months", "custom metrics that were seen here", metrics.len() as f64);
    let count = |text: &str| {
        measured::terraform_files().iter().map(|file| file.matches(text).count()).sum::<usize>() as f64
    };
    // Each function has one secret.
    bill.add("secret_months", "secrets of functions", count("source = \"../function\""));
    bill.add("kms_key_months", "the installation's key", count("source = \"../key\""));
    bill.add("dashboard_months", "dashboard of CloudWatch", count("source = \"../overview\""));
    bill.add("alarm_months", "metrics that alarms look at", prices.stated("alarm_metrics"));
    bill.add("secret_months", "one connection's token set", 1.0);
    let queues = count("resource \"aws_lambda_event_source_mapping\"");
    bill.add("sqs_requests", "empty receives of idle queues", queues * prices.stated("idle_receives"));
    bill
}

/// `sqs:SendMessage 1.00 in 5.2 ms, …`: how many each time, and how long one took.
fn calls(record: &Record, invocations: f64) -> String {
    let each = record.iter().map(|(operation, calls)| {
        let count = calls.count as f64;
        format!(
            "{operation} {:.2} in {:.1} ms",
            count / invocations,
            calls.waited.as_secs_f64() * 1000.0 / count
        )
    });
    each.collect::<Vec<_>>().join(", ")
}

fn totals(prices: &Prices, bill: &Bill) -> String {
    let each = prices.regions.iter().map(|region| format!("{:.2} in {region}", bill.total(prices, region)));
    each.collect::<Vec<_>>().join(", ")
}

fn say(line: &str) {
    #[expect(clippy::print_stdout, reason = "the run's report")]
    {
        println!("{line}");
    }
}

fn invoice_id(number: usize) -> String {
    format!("a03ffcd2-5d91-4c7e-b483-{number:012}")
}
