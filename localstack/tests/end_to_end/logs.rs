//! What the functions have written to CloudWatch Logs.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use zixly_testkit::LogLines;

use crate::world::{DEMO, World};

const NAME: &str = "Ottoline Marker";
const EMAIL: &str = "ottoline.marker@example.com";
const NUMBER: &str = "INV-MARKER-6";
const AMOUNT: &str = "81726.35";

/// Those that have something to say at the usual level. The realtime function tells of sockets only, which none opens here.
const FUNCTIONS: [&str; 5] = ["webhook", "worker", "scheduler", "dashboard", "admin"];

/// One search for the delivery's id, in the logs of two functions, shows all that was done for it.
pub async fn ids_lead_from_a_delivery_to_its_effects(world: &mut World) {
    let contact = json!({ "properties": { "email": EMAIL, "firstname": NAME } });
    let portal = world.get(DEMO.portal);
    let seed = json!({ "provider": "hubspot", "kind": "contact", "record": contact, "tenant_id": portal });
    world.control("seed", seed).await;
    let paid = json!({
        "InvoiceNumber": NUMBER, "Total": 81726.35, "AmountPaid": 81726.35,
        "Contact": { "Name": NAME, "EmailAddress": EMAIL },
    });
    let invoice = world.seed_invoice(DEMO, paid).await;
    world.deliver_update(DEMO, &invoice).await;
    let (job, status, words) = world.wait_for_job(&invoice).await;
    assert_eq!(status, "COMPLETED", "{words}");
    assert!(words.contains(NUMBER), "the owner is told: {words}");

    let delivery = format!(
        "select e.delivery_id from events e join pipeline_jobs j using (tenant_id, event_id) where j.job_id = '{job}'"
    );
    let delivery = world.query(&delivery).await.remove(0).remove(0);
    let lines = logged_until(world, &format!("\"{delivery}\""), "job.finished").await;
    let accepted: Vec<_> = lines.called("delivery.accepted").collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0]["delivery.id"], delivery);
    assert_eq!(accepted[0]["jobs"], 1);
    // An attempt that came to nothing has a line as well.
    let made = lines.called("effect.settled").filter(|line| line["outcome"] == "DONE");
    let effects: Vec<&str> = made.map(|line| text(line, "effect.id")).collect();
    let ledger = format!("select effect_id from effects where job_id = '{job}' order by effect_id");
    assert_eq!(effects, world.query(&ledger).await.concat());
    for line in lines.with("job.id", &job) {
        assert_eq!(text(line, "delivery.id"), delivery);
        assert_eq!(text(line, "tenant.id"), world.get(DEMO.id));
    }
    let done = lines.called("step.finished").filter(|line| line["outcome"] == "done");
    let steps: Vec<&str> = done.map(|line| text(line, "step")).collect();
    let recorded = format!("select name from steps where job_id = '{job}' order by position");
    assert_eq!(steps, world.query(&recorded).await.concat());
}

/// The last scenario: all lines of all functions since the stack was deployed.
pub async fn nothing_secret_or_personal_was_logged_by_any_scenario(world: &mut World) {
    for path in ["/", "/api/pipelines/jobs?about=marker", "/api/admin/users"] {
        assert_eq!(world.get_page(path, "TOKEN_ADMIN").await.status, StatusCode::OK, "{path}");
    }
    logged_until(world, "\"/api/admin/users\"", "request.answered").await;

    let mut markers = vec![("a name", NAME.to_owned()), ("an amount", AMOUNT.to_owned())];
    markers.extend(["INV-", "@example.com"].map(|text| ("of a customer", text.to_owned())));
    markers.push(("a search", "about=marker".to_owned()));
    let credentials = ["TOKEN_", "API_KEY", "_PASSWORD"];
    let known = world.env.iter().filter(|(name, _)| credentials.iter().any(|part| name.contains(part)));
    markers.extend(known.map(|(_, value)| ("a credential", value.clone())));
    markers.extend(world.secrets().await.into_iter().map(|value| ("a secret", value)));
    assert!(markers.len() > 30, "the secrets are looked at: {}", markers.len());
    for function in FUNCTIONS {
        LogLines::read(&logged_by(world, function, "").await).assert_without(markers.clone());
    }
}

/// What all functions have logged that matches CloudWatch's filter, once a line with this message is among it: an
/// invocation's log comes when it has ended.
async fn logged_until(world: &World, filter: &str, message: &str) -> LogLines {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut log = String::new();
        for function in FUNCTIONS {
            log += &logged_by(world, function, filter).await;
        }
        let lines = LogLines::read(&log);
        if lines.called(message).next().is_some() {
            return lines;
        }
        assert!(Instant::now() < deadline, "no {message} with {filter} in {log}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A function's lines that match CloudWatch's filter, oldest first.
async fn logged_by(world: &World, function: &str, filter: &str) -> String {
    let group = format!("/aws/lambda/zixly-local-{function}");
    let mut asked = json!({ "logGroupName": group, "filterPattern": filter });
    let mut log = String::new();
    loop {
        let answer = world.aws("Logs_20140328.FilterLogEvents", asked.clone()).await;
        let events = answer["events"].as_array().unwrap().iter();
        let lines = events.map(|event| event["message"].as_str().unwrap().trim_end());
        // Lambda's own lines are no JSON on the local AWS.
        for line in
            lines.filter(|line| !["START ", "END ", "REPORT "].iter().any(|own| line.starts_with(own)))
        {
            log += line;
            log.push('\n');
        }
        match answer.get("nextToken") {
            Some(token) => asked["nextToken"] = token.clone(),
            None => return log,
        }
    }
}

fn text<'a>(line: &'a Map<String, Value>, field: &str) -> &'a str {
    line.get(field).and_then(Value::as_str).unwrap_or_else(|| panic!("there is no {field} in {line:?}"))
}
