//! The businesses of a run: what stands at their providers, which deliveries tell of it, and what has to follow.
//!
//! All of it comes from the seed. What has to follow is worked out here, from the business alone; nothing that Zixly
//! writes down takes part in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;
use zixly_domain::{Channel, Provider, Workflow};
use zixly_testkit::Post;

/// A tenant's accounts at the providers.
pub struct Accounts {
    pub number: usize,
    pub organisation: String,
    pub portal: u64,
    pub shop: String,
    /// None for the tenant that has not connected Asana.
    pub workspace: Option<String>,
    /// The project in Asana that a webhook watches, and the endpoint that it delivers to.
    pub project: String,
    pub endpoint: String,
    pub slack_team: String,
    /// Its e-mail address.
    pub office: String,
}

impl Accounts {
    /// Who is told what jobs of a workflow have done.
    pub fn channels(&self, workflow: Workflow) -> Vec<Channel> {
        let slack = || Channel::Slack { team: self.slack_team.clone(), channel: "C1".to_owned() };
        let webhook = || Channel::SlackWebhook { webhook: self.slack_webhook() };
        let email = || Channel::Email { addresses: vec![self.office.clone()] };
        match (self.number % 3, workflow) {
            (0, Workflow::XeroInvoiceToHubspot | Workflow::TradingSweep) => vec![slack()],
            (1, Workflow::ShopifyOrderToXero) => vec![webhook()],
            (1, Workflow::HubspotDealToAsana) => vec![slack()],
            // After a refusal by SES, all tenants' mails go one a second.
            (2, Workflow::AsanaTaskToHubspot) => vec![email(), slack()],
            _ => Vec::new(),
        }
    }

    /// As Slack names an incoming webhook.
    pub fn slack_webhook(&self) -> String {
        format!("{}/B1", self.slack_team)
    }
}

/// A record that stands at a provider from the beginning.
pub struct Record {
    pub provider: &'static str,
    pub account: String,
    pub kind: &'static str,
    pub record: Value,
}

/// What somebody sends to the door.
#[derive(Clone)]
pub enum Message {
    /// A provider's delivery.
    Post(Post),
    /// A tenant's own call, with the `Idempotency-Key`.
    Sweep { tenant: usize, key: String, body: Value },
}

/// A write that has to be found at a provider exactly once: provider, account, and what it means.
pub type Effect = (&'static str, String, String);

/// What jobs are about: tenant, workflow, record.
pub type Subject = (usize, Workflow, String);

/// Everything about a run that depends on the seed only.
pub struct Business {
    pub tenants: Vec<Accounts>,
    pub records: Vec<Record>,
    /// In the order in which they are sent.
    pub messages: Vec<Message>,
    /// Each is to be there once.
    pub effects: BTreeSet<Effect>,
    /// How many events start a job about each.
    pub jobs: BTreeMap<Subject, usize>,
    /// The jobs that fail however often they are retried, since the tenant has not connected a provider.
    pub failing: BTreeSet<Subject>,
}

/// What is sent, and when in the course of the run: from 0 to 1.
struct Sent {
    at: f64,
    message: Message,
}

/// Two invoices or deals that HubSpot or Xero puts into one POST.
struct Event {
    at: f64,
    tenant: usize,
    content: Value,
}

struct Generator {
    random: StdRng,
    business: Business,
    sent: Vec<Sent>,
    xero_events: Vec<Event>,
    hubspot_events: Vec<Event>,
    next: u64,
}

/// How large the businesses are: one subject gives about five deliveries with their repetitions.
const DELIVERIES_A_SUBJECT: f64 = 5.0;

impl Business {
    /// `tenants` businesses, and one more that has not connected Asana, with `deliveries` in all.
    pub fn new(seed: u64, tenants: usize, deliveries: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let accounts = (0..=tenants).map(|number| accounts(number, number < tenants, &mut random)).collect();
        let business = Self {
            tenants: accounts,
            records: Vec::new(),
            messages: Vec::new(),
            effects: BTreeSet::new(),
            jobs: BTreeMap::new(),
            failing: BTreeSet::new(),
        };
        let mut generator = Generator {
            random,
            business,
            sent: Vec::new(),
            xero_events: Vec::new(),
            hubspot_events: Vec::new(),
            next: 0,
        };
        generator.stand_up();
        let subjects = (deliveries as f64 / DELIVERIES_A_SUBJECT) as usize;
        for _ in 0..subjects {
            generator.subject();
        }
        generator.finish(deliveries)
    }
}

fn accounts(number: usize, has_asana: bool, random: &mut StdRng) -> Accounts {
    Accounts {
        number,
        organisation: Uuid::from_u128(random.random()).to_string(),
        portal: 10_000_000 + number as u64,
        shop: format!("shop-{number}.myshopify.com"),
        workspace: has_asana.then(|| (1_199_000_000_000_000 + number as u64).to_string()),
        project: (1_198_000_000_000_000 + number as u64).to_string(),
        endpoint: format!("endpoint-that-nobody-can-guess-{number}"),
        slack_team: format!("T{number}"),
        office: format!("office@tenant-{number}.example.com"),
    }
}

/// Customers of a tenant, by number.
const CUSTOMERS: usize = 40;

impl Generator {
    /// What is there before anything happens.
    fn stand_up(&mut self) {
        for tenant in 0..self.business.tenants.len() {
            for customer in 0..CUSTOMERS {
                if is_in_hubspot(customer) {
                    let record = json!({ "properties": { "email": customer_email(tenant, customer) } });
                    self.seed("hubspot", tenant, "contact", record);
                }
            }
            if self.business.tenants[tenant].workspace.is_some() {
                let record = json!({ "gid": self.business.tenants[tenant].project, "name": "Kick-offs" });
                self.seed("asana", tenant, "project", record);
            }
        }
    }

    fn subject(&mut self) {
        let last = self.business.tenants.len() - 1;
        let tenant = self.random.random_range(0..last);
        let at = self.random.random_range(0.0..0.8);
        match self.random.random_range(0..100) {
            0..35 => self.invoice(tenant, at),
            35..60 => self.order(tenant, at),
            60..61 => self.deal(last, at),
            61..79 => self.deal(tenant, at),
            79..95 => self.task(tenant, at),
            _ => self.sweep(tenant, at),
        }
    }

    /// Mostly paid ones; each fortieth is not told of and has to be found by the poll.
    fn invoice(&mut self, tenant: usize, at: f64) {
        let number = self.number();
        let invoice_id = Uuid::from_u128(self.random.random()).to_string();
        let customer = self.random.random_range(0..CUSTOMERS);
        let (kind, status) = match self.random.random_range(0..20) {
            0 => ("ACCPAY", "PAID"),
            1 | 2 => ("ACCREC", "AUTHORISED"),
            _ => ("ACCREC", "PAID"),
        };
        let is_told = !number.is_multiple_of(40);
        // What the poll finds was changed after the connection was made.
        let updated = if is_told { long_ago() } else { Timestamp::now() + SignedDuration::from_mins(1) };
        let amount = f64::from(self.random.random_range(100..1_000_000)) / 100.0;
        let mut record = json!({
            "Type": kind, "InvoiceID": invoice_id, "InvoiceNumber": format!("INV-{number}"), "Status": status,
            "AmountDue": 0.00, "AmountPaid": amount, "Total": amount, "CurrencyCode": "NZD",
            "UpdatedDateUTC": format!("/Date({}+0000)/", updated.as_millisecond()),
            "Contact": {
                "ContactID": Uuid::from_u128(self.random.random()), "Name": format!("Customer {customer}"),
                "EmailAddress": customer_email(tenant, customer),
            },
        });
        if status == "PAID" {
            record["FullyPaidOnDate"] = "/Date(1790812800000+0000)/".into();
        }
        self.seed("xero", tenant, "invoice", record);
        if (kind, status) == ("ACCREC", "PAID") && is_in_hubspot(customer) {
            let portal = self.business.tenants[tenant].portal.to_string();
            self.expect("hubspot", portal, format!("contact is paid INV-{number}"));
            self.expect_news(tenant, Workflow::XeroInvoiceToHubspot, &format!("INV-{number}"));
        }
        if is_told {
            for occurrence in 0..self.random.random_range(1..=2) {
                let organisation = &self.business.tenants[tenant].organisation;
                let content = json!({
                    "resourceUrl": format!("https://api.xero.com/api.xro/2.0/Invoices/{invoice_id}"),
                    "resourceId": invoice_id, "tenantId": organisation, "tenantType": "ORGANISATION",
                    "eventCategory": "INVOICE", "eventType": "UPDATE",
                    "eventDateUtc": format!("2026-10-01T09:12:{occurrence:02}.917"),
                });
                let at = self.some_time_after(at);
                self.xero_events.push(Event { at, tenant, content });
                self.expect_job(tenant, Workflow::XeroInvoiceToHubspot, &invoice_id);
            }
        }
    }

    /// One in ten is never paid. Topics come in any order, and each that shows the order as paid may start its one job.
    fn order(&mut self, tenant: usize, at: f64) {
        let order_id = 5_726_128_000_000 + self.number();
        let shop = self.business.tenants[tenant].shop.clone();
        let customer = self.random.random_range(0..CUSTOMERS);
        let is_paid = !self.random.random_ratio(1, 10);
        let price = f64::from(self.random.random_range(100..50_000)) / 100.0;
        let email = format!("buyer-{customer}@shop-{tenant}.example.com");
        let order = |status: &str| {
            json!({
                "id": order_id, "admin_graphql_api_id": format!("gid://shopify/Order/{order_id}"),
                "name": format!("#{order_id}"), "currency": "NZD", "financial_status": status, "test": false,
                "total_price": format!("{price:.2}"), "total_tax": "0.00", "taxes_included": true,
                "created_at": "2026-10-01T17:28:06-05:00", "processed_at": "2026-10-01T17:28:06-05:00",
                "email": email,
                // Every fifth has the name of another customer.
                "customer": {
                    "id": 115_310_000 + customer, "email": email, "first_name": "Pat",
                    "last_name": format!("Number {}", customer - usize::from(customer % 5 == 4)),
                },
                "line_items": [{ "id": order_id, "title": "Mug", "quantity": 1, "price": format!("{price:.2}") }],
            })
        };
        let (paid, unpaid) = (order("paid"), order("pending"));
        self.seed("shopify", tenant, "order", if is_paid { paid.clone() } else { unpaid.clone() });
        let topics: &[(&str, &Value)] = match is_paid {
            true => &[("orders/create", &unpaid), ("orders/updated", &paid), ("orders/paid", &paid)],
            false => &[("orders/create", &unpaid)],
        };
        for (topic, body) in topics {
            let headers = vec![
                ("x-shopify-topic", (*topic).to_owned()),
                ("x-shopify-shop-domain", shop.clone()),
                ("x-shopify-webhook-id", format!("webhook-{order_id}-{topic}")),
                ("x-shopify-event-id", format!("event-{order_id}-{topic}")),
                ("x-shopify-triggered-at", "2026-10-01T09:12:44.917Z".to_owned()),
            ];
            let path = "/webhook/shopify".to_owned();
            let post = Post { provider: Provider::Shopify, path, body: body.to_string(), headers };
            let at = self.some_time_after(at);
            self.sent.push(Sent { at, message: Message::Post(post) });
        }
        if is_paid {
            let organisation = self.business.tenants[tenant].organisation.clone();
            self.expect("xero", organisation.clone(), format!("contact {email}"));
            self.expect("xero", organisation.clone(), format!("invoice SHOP-{order_id}"));
            self.expect("xero", organisation, format!("payment of SHOP-{order_id}"));
            self.expect_news(tenant, Workflow::ShopifyOrderToXero, &format!("SHOP-{order_id}"));
            // However many topics there are.
            let subject = (tenant, Workflow::ShopifyOrderToXero, order_id.to_string());
            self.business.jobs.insert(subject, 1);
        }
    }

    /// One in eight is not won.
    fn deal(&mut self, tenant: usize, at: f64) {
        let deal_id = 987_000_000 + self.number();
        let is_won = !self.random.random_ratio(1, 8);
        let stage = if is_won { "closedwon" } else { "contractsent" };
        let properties =
            json!({ "dealname": format!("Deal {deal_id}"), "amount": "100.00", "dealstage": stage });
        self.seed("hubspot", tenant, "deal", json!({ "id": deal_id.to_string(), "properties": properties }));
        match &self.business.tenants[tenant].workspace {
            Some(workspace) if is_won => {
                let workspace = workspace.clone();
                self.expect("asana", workspace.clone(), format!("project of deal {deal_id}"));
                self.expect("asana", workspace, format!("task of deal {deal_id}"));
                self.expect_news(tenant, Workflow::HubspotDealToAsana, &deal_id.to_string());
            }
            None if is_won => {
                let subject = (tenant, Workflow::HubspotDealToAsana, deal_id.to_string());
                self.business.failing.insert(subject);
            }
            _ => {}
        }
        for occurrence in 0..self.random.random_range(1..=3_u64) {
            // The third is about the amount, which starts nothing.
            let property = if occurrence == 2 { "amount" } else { "dealstage" };
            let content = json!({
                "eventId": deal_id * 10 + occurrence, "subscriptionId": 5_100_003,
                "portalId": self.business.tenants[tenant].portal, "appId": 7_100_001,
                "occurredAt": 1_790_000_000_000_u64 + occurrence, "subscriptionType": "object.propertyChange",
                "attemptNumber": 0, "objectId": deal_id, "objectTypeId": "0-3", "propertyName": property,
                "propertyValue": stage, "changeSource": "CRM_UI",
            });
            let at = self.some_time_after(at);
            self.hubspot_events.push(Event { at, tenant, content });
            if property == "dealstage" {
                self.expect_job(tenant, Workflow::HubspotDealToAsana, &deal_id.to_string());
            }
        }
    }

    /// One in ten is not completed, one in twenty belongs to no deal, and each fortieth is not told of.
    fn task(&mut self, tenant: usize, at: f64) {
        let number = self.number();
        let (gid, deal_id) = ((1_200_000_000_000_000 + number).to_string(), 986_000_000 + number);
        let is_completed = !self.random.random_ratio(1, 10);
        let has_deal = !self.random.random_ratio(1, 20);
        let is_told = !number.is_multiple_of(40);
        let mut task = json!({
            "gid": gid, "name": format!("Task {number}"), "projects": [self.business.tenants[tenant].project],
            "completed": is_completed,
        });
        if is_completed {
            let at = if is_told { long_ago() } else { Timestamp::now() + SignedDuration::from_mins(1) };
            task["completed_at"] = format!("{at:.3}").into();
            task["modified_at"] = task["completed_at"].clone();
        }
        if has_deal {
            task["external"] = json!({ "gid": format!("hubspot-deal-{deal_id}") });
        }
        let properties = json!({ "dealname": format!("Deal {deal_id}"), "dealstage": "closedwon" });
        self.seed("hubspot", tenant, "deal", json!({ "id": deal_id.to_string(), "properties": properties }));
        self.seed("asana", tenant, "task", task);
        if is_completed && has_deal {
            let portal = self.business.tenants[tenant].portal.to_string();
            self.expect("hubspot", portal, format!("note of task {gid}"));
            self.expect_news(tenant, Workflow::AsanaTaskToHubspot, &deal_id.to_string());
        }
        if is_told {
            let event = |field: &str| {
                json!({
                    "user": { "gid": "1200000000000001", "resource_type": "user" },
                    "created_at": "2026-10-01T02:44:21.987Z", "action": "changed", "parent": null,
                    "change": { "field": field, "action": "changed" },
                    "resource": { "gid": gid, "resource_type": "task", "resource_subtype": "default_task" },
                })
            };
            let body = json!({ "events": [event("completed"), event("completed_at")] }).to_string();
            let path = format!("/webhook/asana/{}", self.business.tenants[tenant].endpoint);
            let post = Post { provider: Provider::Asana, path, body, headers: Vec::new() };
            self.sent.push(Sent { at, message: Message::Post(post) });
            self.expect_job(tenant, Workflow::AsanaTaskToHubspot, &gid);
        }
    }

    fn sweep(&mut self, tenant: usize, at: f64) {
        let number = self.number();
        let ticker = format!("SWEEP-{number}");
        let body = json!({
            "ticker": ticker, "fast_range": [5, 15], "slow_range": [20, 30], "step": 5, "strategy_type": "SMA",
        });
        let message = Message::Sweep { tenant, key: format!("sweep-{number}"), body };
        self.sent.push(Sent { at, message });
        self.expect("trading", "desk".to_owned(), format!("sweep {ticker}"));
        self.expect_news(tenant, Workflow::TradingSweep, &ticker);
        self.expect_job(tenant, Workflow::TradingSweep, &ticker);
    }

    /// Puts events into POSTs, repeats some, and mixes all.
    fn finish(mut self, deliveries: usize) -> Business {
        let (xero, hubspot) =
            (std::mem::take(&mut self.xero_events), std::mem::take(&mut self.hubspot_events));
        self.post_together(xero, |events| {
            let body = json!({
                "events": events, "firstEventSequence": 1, "lastEventSequence": events.len(), "entropy": "x",
            });
            post(Provider::Xero, "/webhook/xero", body)
        });
        self.post_together(hubspot, |events| post(Provider::HubSpot, "/webhook/hubspot", json!(events)));

        let first_ones: Vec<(f64, Message)> =
            self.sent.iter().map(|sent| (sent.at, sent.message.clone())).collect();
        for number in 0..deliveries.saturating_sub(first_ones.len()) {
            let Some((at, message)) = first_ones.choose(&mut self.random) else { break };
            let at = self.some_time_after(*at);
            self.sent.push(Sent { at, message: again(message, number) });
        }
        // Late ones: everything else is over by then.
        self.sent.shuffle(&mut self.random);
        let late = self.sent.len() / 20;
        for sent in &mut self.sent[..late] {
            sent.at = 1.0 + self.random.random::<f64>();
        }
        self.sent.sort_by(|one, two| one.at.total_cmp(&two.at));
        self.business.messages = self.sent.into_iter().map(|sent| sent.message).collect();
        self.business
    }

    /// One to three events a POST, of one tenant or of several.
    fn post_together(&mut self, mut events: Vec<Event>, as_post: impl Fn(&[Value]) -> Post) {
        // Neighbours in time share a POST.
        events.sort_by(|one, two| one.at.total_cmp(&two.at).then(one.tenant.cmp(&two.tenant)));
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let count = self.random.random_range(1..=3).min(rest.len());
            let (these, others) = rest.split_at(count);
            let contents: Vec<Value> = these.iter().map(|event| event.content.clone()).collect();
            self.sent.push(Sent { at: these[0].at, message: Message::Post(as_post(&contents)) });
            rest = others;
        }
    }

    fn seed(&mut self, provider: &'static str, tenant: usize, kind: &'static str, record: Value) {
        let Accounts { organisation, portal, shop, workspace, .. } = &self.business.tenants[tenant];
        let account = match provider {
            "xero" => organisation.clone(),
            "hubspot" => portal.to_string(),
            "shopify" => shop.clone(),
            _ => workspace.clone().expect("it is connected"),
        };
        self.business.records.push(Record { provider, account, kind, record });
    }

    fn expect(&mut self, provider: &'static str, account: String, meaning: String) {
        self.business.effects.insert((provider, account, meaning));
    }

    /// Every channel is told once, in a sentence that names `about`.
    fn expect_news(&mut self, tenant: usize, workflow: Workflow, about: &str) {
        let accounts = &self.business.tenants[tenant];
        let news = accounts.channels(workflow).into_iter().map(|channel| match channel {
            Channel::Slack { team, .. } => ("slack", team, format!("message about {about}")),
            Channel::SlackWebhook { webhook } => ("slack", webhook, format!("message about {about}")),
            Channel::Email { .. } => ("ses", accounts.office.clone(), format!("mail about {about}")),
        });
        self.business.effects.extend(news);
    }

    fn expect_job(&mut self, tenant: usize, workflow: Workflow, record: &str) {
        *self.business.jobs.entry((tenant, workflow, record.to_owned())).or_default() += 1;
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn some_time_after(&mut self, at: f64) -> f64 {
        at + self.random.random_range(0.0..0.2)
    }
}

fn post(provider: Provider, path: &str, body: Value) -> Post {
    Post { provider, path: path.to_owned(), body: body.to_string(), headers: Vec::new() }
}

/// As it is sent once more.
fn again(message: &Message, number: usize) -> Message {
    let mut again = message.clone();
    if let Message::Post(post) = &mut again {
        match post.provider {
            Provider::HubSpot => {
                post.body = post.body.replace(r#""attemptNumber":0"#, r#""attemptNumber":1"#);
            }
            // Shopify's pages disagree on which of its two ids stays the same.
            Provider::Shopify if number.is_multiple_of(2) => {
                for (name, value) in &mut post.headers {
                    if *name == "x-shopify-webhook-id" {
                        *value = format!("again-{number}");
                    }
                }
            }
            _ => {}
        }
    }
    again
}

fn is_in_hubspot(customer: usize) -> bool {
    !customer.is_multiple_of(13)
}

fn customer_email(tenant: usize, customer: usize) -> String {
    format!("customer-{customer}@tenant-{tenant}.example.com")
}

fn long_ago() -> Timestamp {
    "2026-10-01T02:44:21.987Z".parse().expect("it is a time")
}
