//! What came of it: the writes that the providers took, held against what has to follow from the business.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use zixly_domain::Workflow;

use crate::business::{Business, Effect, Subject};
use crate::world::World;

/// The account of a run.
pub struct Verdict {
    pub jobs: usize,
    pub completed: usize,
    pub failed: usize,
    /// News of which nobody knows whether they arrived, and those that a channel has refused for good.
    pub unknown: usize,
    pub refused: usize,
    /// What is missing, in words.
    pub lost: Vec<String>,
    /// What is there more than once, or was never to be.
    pub doubled: Vec<String>,
}

impl Verdict {
    pub async fn reach(world: &World, business: &Business) -> Self {
        let (mut lost, mut doubled) = (Vec::new(), Vec::new());
        let made = made(world, business).await;
        let unknown = news(world, "UNKNOWN").await;
        let refused = news(world, "REFUSED").await;
        for effect @ (provider, account, meaning) in &business.effects {
            let is_given_up = unknown.contains(effect) || refused.contains(effect);
            if !made.contains_key(effect) && !is_given_up {
                lost.push(format!("no {meaning} at {provider} {account}"));
            }
        }
        for (effect @ (provider, account, meaning), count) in &made {
            if !business.effects.contains(effect) {
                doubled.push(format!("{meaning} at {provider} {account} was never to be"));
            } else if *count > 1 {
                doubled.push(format!("{count} times {meaning} at {provider} {account}"));
            }
        }
        let jobs = jobs(world, business).await.expect("the database is up");
        for (subject, expected) in &business.jobs {
            let known = jobs.get(subject).map_or(0, Vec::len);
            let (tenant, workflow, record) = subject;
            if known < *expected {
                lost.push(format!(
                    "{known} jobs instead of {expected}: {workflow} {record} of tenant {tenant}"
                ));
            }
        }
        for ((tenant, workflow, record), states) in &jobs {
            let may_fail = business.failing.contains(&(*tenant, *workflow, record.clone()));
            for status in states {
                if status != "COMPLETED" && !(status == "FAILED" && may_fail) {
                    lost.push(format!("{status}: {workflow} {record} of tenant {tenant}"));
                }
            }
        }
        let count = async |condition: &str| {
            let query = format!("select count(*) from pipeline_jobs where {condition}");
            usize::try_from(world.database.count(&query).await).unwrap_or_default()
        };
        Self {
            jobs: count("true").await,
            completed: count("status = 'COMPLETED'").await,
            failed: count("status = 'FAILED'").await,
            unknown: unknown.len(),
            refused: refused.len(),
            lost,
            doubled,
        }
    }
}

/// How many subjects have fewer jobs than events; none while PostgreSQL is away.
pub async fn missing(world: &World, business: &Business) -> Option<usize> {
    let jobs = jobs(world, business).await?;
    let is_missing =
        |(subject, expected): &(&Subject, &usize)| jobs.get(subject).map_or(0, Vec::len) < **expected;
    Some(business.jobs.iter().filter(is_missing).count())
}

/// How often each write was made.
async fn made(world: &World, business: &Business) -> BTreeMap<Effect, usize> {
    let mut numbers = BTreeMap::new();
    for tenant in &business.tenants {
        numbers.extend(invoice_numbers(world, &tenant.organisation).await);
    }
    let mut made = BTreeMap::new();
    for effect in world.list("effects").await {
        *made.entry(meaning(&effect, &numbers)).or_default() += 1;
    }
    made
}

/// News that nobody can look up, by e-mail or an incoming webhook, that the ledger of effects has given up.
async fn news(world: &World, status: &str) -> BTreeSet<Effect> {
    let query = &format!(
        "select e.provider, coalesce(c.account_id, e.request->'to'->>0),
                coalesce(e.request->>'text', e.request->>'subject')
           from effects e
           left join connections c on c.tenant_id = e.tenant_id and c.connection_id = e.connection_id
          where e.status = '{status}' and e.step = 'notify' and (c.account_id is null or c.account_id like '%/%')"
    );
    let rows = world.database.try_query(query).await.expect("the database is up");
    rows.into_iter()
        .map(|row| match row[0].as_str() {
            "ses" => ("ses", row[1].clone(), format!("mail about {}", subject(&row[2]))),
            _ => ("slack", row[1].clone(), format!("message about {}", subject(&row[2]))),
        })
        .collect()
}

/// What a sentence that a tenant is told is about.
fn subject(text: &str) -> String {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
    let is_subject = |word: &&str| {
        ["INV-", "SHOP-", "SWEEP-"].iter().any(|beginning| word.starts_with(beginning))
            || word.len() == 9 && word.starts_with("98")
    };
    words.into_iter().find(is_subject).unwrap_or("nothing").to_owned()
}

fn meaning(effect: &Value, invoice_numbers: &BTreeMap<String, String>) -> Effect {
    let (body, path) = (&effect["body"], effect["path"].as_str().unwrap_or_default());
    let text = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    let between = |value: &Value, before: &str, after: char| {
        let text = value.as_str().unwrap_or_default();
        let rest = text.split_once(before).map_or("nothing", |(_, rest)| rest);
        rest.split(after).next().unwrap_or_default().to_owned()
    };
    let method = effect["method"].as_str().unwrap_or_default();
    let (provider, meaning) = match (effect["provider"].as_str().unwrap_or_default(), method) {
        ("xero", "PUT") if path.contains("/Contacts") => {
            ("xero", format!("contact {}", text(&body["Contacts"][0]["EmailAddress"])))
        }
        ("xero", "PUT") if path.contains("/Invoices") => {
            ("xero", format!("invoice {}", text(&body["Invoices"][0]["InvoiceNumber"])))
        }
        ("xero", "PUT") if path.contains("/Payments") => {
            let invoice_id = text(&body["Payments"][0]["Invoice"]["InvoiceID"]);
            let number = invoice_numbers.get(&invoice_id).cloned().unwrap_or(invoice_id);
            ("xero", format!("payment of {number}"))
        }
        ("hubspot", "PATCH") => {
            let number = text(&body["properties"]["zixly_last_paid_invoice"]);
            ("hubspot", format!("contact is paid {number}"))
        }
        ("hubspot", "POST") if path.contains("/notes") => {
            let gid = between(&body["properties"]["hs_note_body"], "asana-task-", '-');
            ("hubspot", format!("note of task {gid}"))
        }
        ("asana", "POST") if path.contains("/projects") => {
            let deal = between(&body["data"]["notes"], "[hubspot-deal-", ']');
            ("asana", format!("project of deal {deal}"))
        }
        ("asana", "POST") if path.contains("/tasks") => {
            let gid = text(&body["data"]["external"]["gid"]);
            ("asana", format!("task of deal {}", gid.trim_start_matches("hubspot-deal-")))
        }
        ("trading", "POST") => ("trading", format!("sweep {}", text(&body["ticker"]))),
        ("slack", "POST") => ("slack", format!("message about {}", subject(&text(&body["text"])))),
        ("ses", "POST") => {
            let subject = subject(&text(&body["Content"]["Simple"]["Subject"]["Data"]));
            let to = text(&body["Destination"]["ToAddresses"][0]);
            return ("ses", to, format!("mail about {subject}"));
        }
        (_, _) => ("somebody", format!("{method} {path}")),
    };
    (provider, text(&effect["account"]), meaning)
}

/// The organisation's invoices as another client of Xero's sees them: number by id.
async fn invoice_numbers(world: &World, organisation: &str) -> Vec<(String, String)> {
    let consent = json!({ "provider": "xero", "accounts": [organisation] });
    let token = world.control("grant", &consent).await;
    let mut numbers = Vec::new();
    for page in 1.. {
        let url = format!("{}/xero/api.xro/2.0/Invoices?page={page}&pageSize=100", world.simulator.url);
        let request = world.http.get(url).bearer_auth(token["access_token"].as_str().unwrap_or_default());
        let request = request.header("xero-tenant-id", organisation).header("accept", "application/json");
        let answer: Value =
            request.send().await.expect("the simulator is up").json().await.expect("Xero answers in JSON");
        let invoices = answer["Invoices"].as_array().cloned().unwrap_or_default();
        if invoices.is_empty() {
            break;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        numbers.extend(
            invoices.iter().map(|invoice| (text(&invoice["InvoiceID"]), text(&invoice["InvoiceNumber"]))),
        );
    }
    numbers
}

/// The states of all jobs that events and calls have started, by what they are about.
async fn jobs(world: &World, business: &Business) -> Option<BTreeMap<Subject, Vec<String>>> {
    let query = "
        select tenant_id, job_type, status,
               coalesce(parameters->>'invoice_id', parameters->>'order_id', parameters->>'deal_id',
                        parameters->>'task', parameters->>'ticker')
          from pipeline_jobs
         where event_id is not null or job_type = 'trading-sweep'";
    let rows = world.database.try_query(query).await?;
    let mut jobs: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
    let known: BTreeSet<&str> = business.jobs.keys().map(|(_, workflow, _)| workflow.as_str()).collect();
    for row in rows.iter().filter(|row| known.contains(row[1].as_str())) {
        let tenant = world.tenants.iter().position(|tenant| tenant.tenant_id.to_string() == row[0]);
        let workflow: Workflow = row[1].parse().expect("it is a workflow");
        let subject = (tenant.expect("there are no others"), workflow, row[3].clone());
        jobs.entry(subject).or_default().push(row[2].clone());
    }
    Some(jobs)
}
