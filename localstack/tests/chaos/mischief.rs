//! What goes wrong: PostgreSQL crashes, providers fail in every way, consents are withdrawn and given again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use zixly_testkit::{FunctionProcess, PostgresServer};

use crate::world::World;

/// More faults than these never lie in wait at once, or nothing would get done.
const MOST_FAULTS: usize = 12;

/// How often what was ordered, by name.
#[derive(Default)]
pub struct Mischief {
    pub done: RefCell<BTreeMap<String, usize>>,
}

impl Mischief {
    fn note(&self, what: &str) {
        *self.done.borrow_mut().entry(what.to_owned()).or_default() += 1;
    }

    /// PostgreSQL crashes every 5 to 20 s, and is away for up to two. Never returns while it is away.
    pub async fn crash_postgres(&self, postgres: &mut PostgresServer, seed: u64, is_over: impl Fn() -> bool) {
        let mut random = StdRng::seed_from_u64(seed);
        while !is_over() {
            tokio::time::sleep(Duration::from_millis(random.random_range(5_000..20_000))).await;
            if is_over() {
                return;
            }
            postgres.crash().await;
            tokio::time::sleep(Duration::from_millis(random.random_range(0..2_000))).await;
            postgres.restart().await;
            self.note("PostgreSQL crashed");
        }
    }

    /// The providers fail: some calls get no answer, some a late one, a broken one or a refusal; tokens end early.
    pub async fn trouble_providers(&self, world: &World, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        loop {
            tokio::time::sleep(Duration::from_millis(random.random_range(100..500))).await;
            let fault = fault(&mut random);
            if world.list("faults").await.len() < MOST_FAULTS {
                self.note(fault["fault"].as_str().expect("it has a name"));
                world.control("faults", &fault).await;
            }
        }
    }

    /// Twice, each of an account's owner withdraws his consent. Nobody but he can put that right.
    pub async fn withdraw_consents(&self, world: &World, seed: u64, every: Duration) {
        let mut random = StdRng::seed_from_u64(seed);
        loop {
            tokio::time::sleep(every.mul_f64(random.random_range(0.5..1.5))).await;
            let provider =
                ["xero", "hubspot", "shopify", "asana", "slack"].choose(&mut random).expect("there are four");
            self.note("revoke");
            world.control("faults", &json!({ "provider": provider, "fault": "revoke" })).await;
        }
    }

    /// The owners see which connection needs authorisation, and give it.
    pub async fn heal_connections(&self, world: &World) {
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let query = "select tenant_id, provider, account_id from connections where status <> 'HEALTHY'";
            for row in world.database.try_query(query).await.unwrap_or_default() {
                let tenant = world.tenants.iter().find(|tenant| tenant.tenant_id.to_string() == row[0]);
                let tenant = tenant.expect("there are no others");
                let (provider, account) = tenant
                    .connected
                    .iter()
                    .find(|(provider, account)| provider.as_str() == row[1] && *account == row[2])
                    .expect("it was connected");
                if world.authorise(tenant.tenant_id, *provider, account).await.is_ok() {
                    self.note("authorised anew");
                }
            }
            // Jobs that were parked look again now, as somebody who has authorised a connection wants them to.
            let wake = "
                with woken as (
                    update pipeline_jobs j set due_at = now()
                     where j.status = 'QUEUED' and j.waiting_reason = 'reauthorisation'
                       and j.due_at > now() + interval '5 seconds'
                       and not exists (select from connections c
                                        where c.tenant_id = j.tenant_id and c.status <> 'HEALTHY')
                    returning j.tenant_id, j.job_id
                )
                update outbox o set ring_at = now() - interval '1 minute'
                  from woken w where o.tenant_id = w.tenant_id and o.job_id = w.job_id";
            world.database.try_query(wake).await;
        }
    }
}

/// The scheduler, three times a minute instead of once.
pub async fn schedule(scheduler: &FunctionProcess) {
    loop {
        tokio::time::sleep(Duration::from_secs(20)).await;
        // A duty that fails says so in its answer, and is done the next time.
        let _ = scheduler.invoke(json!({})).await;
    }
}

fn fault(random: &mut StdRng) -> Value {
    let providers =
        ["xero", "xero", "hubspot", "hubspot", "shopify", "asana", "asana", "slack", "ses", "trading"];
    let provider = *providers.choose(random).expect("there are some");
    let writes = json!({ "method": if provider == "hubspot" && random.random() { "PATCH" } else { writing(provider) } });
    let times = random.random_range(1..=3);
    match random.random_range(0..100) {
        0..9 => {
            json!({ "provider": provider, "match": writes, "fault": "timeout_after_commit", "times": times })
        }
        9..15 => json!({
            "provider": provider, "match": writes, "fault": "timeout_after_commit", "times": times,
            "commit_after_s": random.random_range(0.0..2.0),
        }),
        15..25 => json!({ "provider": provider, "match": writes, "fault": "malformed", "times": times }),
        25..30 => json!({ "provider": provider, "fault": "malformed", "times": times }),
        30..40 => json!({ "provider": provider, "fault": "timeout_before", "times": times }),
        40..60 => {
            let status = *[500, 502, 503, 504].choose(random).expect("there are some");
            json!({ "provider": provider, "fault": "status", "status": status, "times": times })
        }
        // What a provider refuses it does not do; but never that a record is gone, which would be a lie. A channel that
        // refuses news is not told, and that is that.
        60..65 if provider != "slack" && provider != "ses" => {
            let status = *[400, 401, 422].choose(random).expect("there are some");
            json!({ "provider": provider, "match": writes, "fault": "status", "status": status, "times": 1 })
        }
        60..80 => {
            let seconds = random.random_range(1..=2);
            json!({ "provider": provider, "fault": "rate_limit", "retry_after_s": seconds, "times": times })
        }
        80..95 => json!({ "provider": provider, "fault": "slow", "retry_after_s": 0.8, "times": times }),
        // These have keys, which do not expire.
        _ if ["trading", "slack", "ses"].contains(&provider) => {
            json!({ "provider": provider, "fault": "timeout_before", "times": times })
        }
        _ => json!({ "provider": provider, "fault": "expire" }),
    }
}

/// How a provider's writes are made.
fn writing(provider: &str) -> &'static str {
    if provider == "xero" { "PUT" } else { "POST" }
}
