//! Where a provider shows a record to the people of a tenant.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What an id may have that need not be written otherwise in an address.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The page of a record, if its kind has one. `account` is the tenant's account at the provider.
pub(crate) fn record(provider: &str, kind: &str, id: &str, account: Option<&str>) -> Option<String> {
    if id.is_empty() {
        return None;
    }
    let id = utf8_percent_encode(id, IN_PATH);
    let account = account.map(|account| utf8_percent_encode(account, IN_PATH));
    Some(match (provider, kind, account) {
        ("xero", "invoice", _) => format!("https://go.xero.com/AccountsReceivable/View.aspx?InvoiceID={id}"),
        ("xero", "contact", _) => format!("https://go.xero.com/Contacts/View/{id}"),
        ("hubspot", "contact", Some(portal)) => {
            format!("https://app.hubspot.com/contacts/{portal}/record/0-1/{id}")
        }
        ("hubspot", "deal", Some(portal)) => {
            format!("https://app.hubspot.com/contacts/{portal}/record/0-3/{id}")
        }
        ("shopify", "order", Some(shop)) => format!("https://{shop}/admin/orders/{id}"),
        ("asana", "project", _) => format!("https://app.asana.com/0/{id}/list"),
        ("asana", "task", _) => format!("https://app.asana.com/0/0/{id}"),
        _ => return None,
    })
}

/// Adds `url` to the effects and the related records of a job.
pub(crate) fn add(job: &mut Value) {
    let account_of = |provider: &str, effects: &[Value], event: &Value| -> Option<String> {
        let of_event = (event["provider"] == provider).then(|| event["account_id"].as_str()).flatten();
        let of_effect = effects.iter().find(|effect| effect["provider"] == provider);
        of_event.or_else(|| of_effect?["account_id"].as_str()).map(ToOwned::to_owned)
    };
    let (effects, event) = (job["effects"].as_array().cloned().unwrap_or_default(), job["event"].clone());
    for effect in job["effects"].as_array_mut().into_iter().flatten() {
        // `contact 100451`, `invoice #1002`: the first word is the kind.
        let kind = effect["target"].as_str().and_then(|target| target.split(' ').next()).unwrap_or_default();
        let id = effect["provider_record_id"].as_str().unwrap_or_default();
        let url = record(text(effect, "provider"), kind, id, effect["account_id"].as_str());
        effect["url"] = url.into();
    }
    for related in job["related_records"].as_array_mut().into_iter().flatten() {
        let provider = text(related, "system_name").to_ascii_lowercase();
        let account = account_of(&provider, &effects, &event);
        let kind = text(related, "record_type").to_ascii_lowercase();
        let url = record(&provider, &kind, text(related, "record_id"), account.as_deref());
        related["url"] = url.into();
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_its_page_at_the_provider() {
        assert_eq!(
            record("hubspot", "contact", "100451", Some("4711")).as_deref(),
            Some("https://app.hubspot.com/contacts/4711/record/0-1/100451")
        );
        assert_eq!(record("hubspot", "contact", "100451", None), None);
        assert_eq!(record("ses", "e-mail", "x", None), None);
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_address() {
        assert_eq!(
            record("asana", "task", "../x?y#z", None).as_deref(),
            Some("https://app.asana.com/0/0/..%2Fx%3Fy%23z")
        );
        assert!(
            record("shopify", "order", "1", Some("evil.com/"))
                .is_some_and(|url| url.starts_with("https://evil.com%2F/"))
        );
    }
}
