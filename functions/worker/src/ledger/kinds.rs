//! How each kind of effect is looked for at its provider. Only what stands in the ledger for ever is used: what an effect
//! has written may have been removed at a customer's request.

use std::time::Duration;

use jiff::Timestamp;
use rust_decimal::Decimal;
use secrecy::SecretString;
use zixly_connectors::{hubspot::HubSpot, xero::Payment};
use zixly_domain::Provider;
use zixly_store::{connections::Connection, ledger::Entry};

use super::{Comparison, Found};
use crate::error::StepError;

/// How long after it was sent a write may still arrive.
const LATEST_WRITE: Duration = Duration::from_mins(10);

/// The kinds of effects that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ContactProperties,
    DealNote,
    XeroContact,
    XeroInvoice,
    XeroPayment,
    AsanaProject,
    AsanaTask,
    Sweep,
    Notification,
    Webhook,
    WebhookRemoval,
}

impl Kind {
    /// The kind of what this step writes at this provider.
    pub(super) fn of(provider: Provider, step: &str) -> Option<Self> {
        Some(match (provider, step) {
            (Provider::HubSpot, "update-contact") => Self::ContactProperties,
            (Provider::HubSpot, "add-note") => Self::DealNote,
            (Provider::Xero, "create-contact") => Self::XeroContact,
            (Provider::Xero, "create-invoice") => Self::XeroInvoice,
            (Provider::Xero, "record-payment") => Self::XeroPayment,
            (Provider::Asana, "create-project") => Self::AsanaProject,
            (Provider::Asana, "create-task") => Self::AsanaTask,
            (Provider::Trading, "submit-sweep") => Self::Sweep,
            (Provider::Slack | Provider::Ses, "notify") => Self::Notification,
            (Provider::Shopify | Provider::Asana, "make-webhooks") => Self::Webhook,
            (Provider::Shopify | Provider::Asana, "remove-webhooks") => Self::WebhookRemoval,
            _ => return None,
        })
    }
}

impl Comparison<'_> {
    /// Looks for an effect at its provider.
    pub(super) async fn look(&mut self, kind: Kind, entry: &Entry) -> Result<Found, StepError> {
        // The key of an effect begins with the system and the account.
        let key: Vec<&str> = entry.effect_key.split('/').collect();
        match (kind, key.as_slice()) {
            (Kind::ContactProperties, ["hubspot", _, "contact", contact_id, ..]) => {
                self.look_at_contact(entry, contact_id).await
            }
            (Kind::DealNote, ["hubspot", _, "deal", deal_id, "note", mark]) => {
                self.look_for_notes(entry, deal_id, mark).await
            }
            (Kind::XeroContact, ["xero", _, "contact", number]) => {
                self.look_for_contacts(entry, number).await
            }
            (Kind::XeroInvoice, ["xero", _, "invoice", number]) => {
                self.look_for_invoices(entry, number).await
            }
            (Kind::XeroPayment, ["xero", _, "invoice", number, "payment"]) => {
                self.look_for_payments(entry, number).await
            }
            (Kind::AsanaProject, ["asana", _, external_gid, "project"]) => {
                self.look_for_projects(entry, external_gid).await
            }
            (Kind::AsanaTask, ["asana", _, external_gid, "task"]) => {
                self.look_for_tasks(entry, external_gid).await
            }
            (Kind::Sweep, ["trading", "sweep", idempotency_key]) => {
                self.look_for_sweep(idempotency_key).await
            }
            (Kind::Webhook | Kind::WebhookRemoval, _) => self.look_for_webhook(kind, entry).await,
            (Kind::Notification, ["slack", _, channel, ..]) => self.look_for_messages(entry, channel).await,
            (Kind::Notification, ["slack-webhook", ..]) => {
                Ok(Found::Nothing("nobody can look for what went through an incoming webhook"))
            }
            (Kind::Notification, ["email", ..]) => Ok(Found::Nothing("nobody can look for an e-mail")),
            _ => Ok(Found::Nothing("its key has a form that this version does not know")),
        }
    }

    /// One that is not there may have been dropped by its provider, which is what the checks are for.
    async fn look_for_webhook(&mut self, kind: Kind, entry: &Entry) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let ids = match entry.provider {
            Provider::Shopify => self.shopify_webhooks(&connection).await?,
            _ => self.asana_webhooks(&connection).await?,
        };
        let is_there = entry.provider_record_id.as_ref().is_some_and(|id| ids.contains(id));
        Ok(match (kind, &entry.provider_record_id) {
            (Kind::WebhookRemoval, Some(_)) => Found::Values(!is_there),
            (_, Some(id)) if is_there => Found::Records(vec![id.clone()]),
            _ => Found::Nothing("the provider may have dropped it, and another one was made"),
        })
    }

    async fn shopify_webhooks(&self, connection: &Connection) -> Result<Vec<String>, StepError> {
        let shopify = self.calls.access.connectors.shopify()?;
        let (mut ids, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .calls
                .call(Provider::Shopify, connection, async |token| {
                    shopify.list_webhooks(token, &connection.account_id, after.as_deref()).await
                })
                .await?;
            ids.extend(page.webhooks.into_iter().map(|webhook| webhook.id));
            after = page.next;
            if after.is_none() {
                return Ok(ids);
            }
        }
    }

    async fn asana_webhooks(&self, connection: &Connection) -> Result<Vec<String>, StepError> {
        let asana = self.calls.access.connectors.asana()?;
        let (mut ids, mut offset) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .calls
                .call(Provider::Asana, connection, async |token| {
                    asana.list_webhooks(token, &connection.account_id, offset.as_deref()).await
                })
                .await?;
            ids.extend(page.records.into_iter().map(|webhook| webhook.gid));
            offset = page.next_offset;
            if offset.is_none() {
                return Ok(ids);
            }
        }
    }

    async fn look_at_contact(&mut self, entry: &Entry, contact_id: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let Some(written) = entry.request["properties"].as_object() else {
            return Ok(Found::Nothing("what was written has been removed from the ledger"));
        };
        let names: Vec<&str> = written.keys().map(String::as_str).collect();
        let hubspot = self.calls.access.connectors.hubspot()?;
        let contact = self
            .calls
            .call(entry.provider, &connection, async |token| {
                hubspot.fetch_contact(token, contact_id, &names).await
            })
            .await?;
        // HubSpot moves `lifecyclestage` forwards only, so that one proves nothing.
        let proves = written.iter().filter(|(name, _)| name.as_str() != "lifecyclestage");
        Ok(Found::Values(contact.is_some_and(|contact| {
            proves.clone().all(|(name, value)| {
                contact.properties.get(name).is_some_and(|is| is.as_deref() == value.as_str())
            })
        })))
    }

    async fn look_for_notes(&mut self, entry: &Entry, deal_id: &str, mark: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let hubspot = self.calls.access.connectors.hubspot()?;
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let part = self
                .calls
                .call(entry.provider, &connection, async |token| {
                    hubspot.list_notes_of_deal(token, deal_id, after.as_deref()).await
                })
                .await?;
            for ids in part.ids.chunks(HubSpot::NOTES_AT_ONCE) {
                let notes = self
                    .calls
                    .call(entry.provider, &connection, async |token| hubspot.fetch_notes(token, ids).await)
                    .await?;
                let ours =
                    notes.into_iter().filter(|note| note.body.as_ref().is_some_and(|it| it.contains(mark)));
                found.extend(ours.map(|note| note.id));
            }
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        Ok(Found::Records(found))
    }

    /// A contact that was found by its e-mail address has a number of its own, and one that somebody has archived since
    /// is there all the same.
    async fn look_for_contacts(&mut self, entry: &Entry, number: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let (xero, organisation_id) = (self.calls.access.connectors.xero()?, &connection.account_id);
        let contacts = self
            .calls
            .call(entry.provider, &connection, async |token| {
                xero.find_contacts_by_number(token, organisation_id, number).await
            })
            .await?;
        let active = contacts.into_iter().filter(|contact| !contact.is_archived);
        let mut found: Vec<String> = active.map(|contact| contact.contact_id).collect();
        if let Some(recorded) = recorded(entry).filter(|recorded| !found.contains(recorded)) {
            let is_there = self
                .calls
                .call(entry.provider, &connection, async |token| {
                    xero.has_contact(token, organisation_id, &recorded).await
                })
                .await?;
            found.extend(is_there.then_some(recorded));
        }
        Ok(Found::Records(found))
    }

    /// An invoice that somebody has voided since is there all the same.
    async fn look_for_invoices(&mut self, entry: &Entry, number: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let (xero, organisation_id) = (self.calls.access.connectors.xero()?, &connection.account_id);
        let found = self
            .calls
            .call(entry.provider, &connection, async |token| {
                xero.list_invoices_by_number(token, organisation_id, number).await
            })
            .await?;
        let mut found: Vec<String> = found.into_iter().map(|invoice| invoice.invoice_id).collect();
        if let Some(recorded) = recorded(entry).filter(|recorded| !found.contains(recorded)) {
            let invoice = self
                .calls
                .call(entry.provider, &connection, async |token| {
                    xero.fetch_invoice(token, organisation_id, &recorded).await
                })
                .await?;
            let is_ours = invoice.is_some_and(|invoice| invoice.invoice_number.as_deref() == Some(number));
            found.extend(is_ours.then_some(recorded));
        }
        Ok(Found::Records(found))
    }

    /// All payments of the order's amount. One of another amount is somebody else's, unless it is the one that is
    /// recorded: it had paid the order when we looked.
    async fn look_for_payments(&mut self, entry: &Entry, number: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let (xero, organisation_id) = (self.calls.access.connectors.xero()?, &connection.account_id);
        let invoice_id = entry.request["invoice_id"].as_str();
        let invoice = self
            .calls
            .call(entry.provider, &connection, async |token| match invoice_id {
                Some(invoice_id) => xero.fetch_invoice(token, organisation_id, invoice_id).await,
                None => xero.find_invoice_by_number(token, organisation_id, number).await,
            })
            .await?;
        let payments = invoice.map(|invoice| invoice.payments).unwrap_or_default();
        let is_recorded = |payment: &Payment| Some(&payment.payment_id) == entry.provider_record_id.as_ref();
        let recorded_amount = payments.iter().find(|payment| is_recorded(payment)).and_then(|it| it.amount);
        let amount: Option<Decimal> =
            recorded_amount.or_else(|| entry.request["amount"].as_str().and_then(|text| text.parse().ok()));
        let ours = payments.iter().filter(|it| is_recorded(it) || it.amount == amount);
        Ok(Found::Records(ours.map(|payment| payment.payment_id.clone()).collect()))
    }

    /// A project that somebody has archived since is not in the list, and is there all the same.
    async fn look_for_projects(&mut self, entry: &Entry, external_gid: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        self.read_projects(entry, &connection).await?;
        // What hubspot-deal-to-asana puts into the description.
        let mark = format!("[{external_gid}]");
        let listed =
            self.projects.get(&connection.connection_id).into_iter().flat_map(|(_, projects)| projects);
        let marked = listed.filter(|project| project.notes.contains(&mark));
        let mut found: Vec<String> = marked.map(|project| project.gid.clone()).collect();
        if let Some(recorded) = recorded(entry).filter(|recorded| !found.contains(recorded)) {
            let asana = self.calls.access.connectors.asana()?;
            let project = self
                .calls
                .call(entry.provider, &connection, async |token| asana.fetch_project(token, &recorded).await)
                .await?;
            found.extend(project.is_some_and(|project| project.notes.contains(&mark)).then_some(recorded));
        }
        Ok(Found::Records(found))
    }

    /// Once for all the projects that had been made by then.
    async fn read_projects(&mut self, entry: &Entry, connection: &Connection) -> Result<(), StepError> {
        let made_at = entry.settled_at.unwrap_or(entry.intended_at);
        let known = self.projects.get(&connection.connection_id);
        if known.is_some_and(|(read_at, _)| made_at < *read_at) {
            return Ok(());
        }
        let read_at = Timestamp::now();
        let asana = self.calls.access.connectors.asana()?;
        let (mut projects, mut offset) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .calls
                .call(entry.provider, connection, async |token| {
                    asana.list_projects(token, &connection.account_id, offset.as_deref()).await
                })
                .await?;
            projects.extend(page.records);
            offset = page.next_offset;
            if offset.is_none() {
                break;
            }
        }
        self.projects.insert(connection.connection_id, (read_at, projects));
        Ok(())
    }

    /// The one that Asana gives for the external gid, and all that are in the project that the task was made in.
    async fn look_for_tasks(&mut self, entry: &Entry, external_gid: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let asana = self.calls.access.connectors.asana()?;
        let task = self
            .calls
            .call(entry.provider, &connection, async |token| {
                asana.find_task_by_external(token, external_gid).await
            })
            .await?;
        let mut found: Vec<String> = task.map(|task| task.gid).into_iter().collect();
        let Some(project_gid) = entry.request["project"].as_str() else { return Ok(Found::Records(found)) };
        let mut offset = None::<String>;
        loop {
            let page = self
                .calls
                .call(entry.provider, &connection, async |token| {
                    asana.list_tasks(token, project_gid, Timestamp::UNIX_EPOCH, offset.as_deref()).await
                })
                .await?;
            let Some(page) = page else { break };
            let same = page.records.into_iter().filter(|it| it.external_gid.as_deref() == Some(external_gid));
            for task in same {
                if !found.contains(&task.gid) {
                    found.push(task.gid);
                }
            }
            offset = page.next_offset;
            if offset.is_none() {
                break;
            }
        }
        Ok(Found::Records(found))
    }

    async fn look_for_sweep(&self, idempotency_key: &str) -> Result<Found, StepError> {
        let access = self.calls.access;
        let api = &access.connectors.trading()?.api;
        let find = async || api.find_by_key(idempotency_key).await;
        let found = self
            .calls
            .patiently(async || Ok(access.within_budget(Provider::Trading, "", find).await?))
            .await?;
        Ok(Found::Records(found.into_iter().collect()))
    }

    async fn look_for_messages(&mut self, entry: &Entry, channel: &str) -> Result<Found, StepError> {
        let connection = self.connection(entry).await?;
        let slack = &self.calls.access.connectors.slack;
        let (since, until) = (first_meant_at(entry), entry.intended_at + LATEST_WRITE);
        let found = self
            .calls
            .call(entry.provider, &connection, async |token: &SecretString| {
                slack.list_messages(token, channel, &entry.effect_key, since, until).await
            })
            .await?;
        Ok(Found::Records(found))
    }
}

/// The provider's id of the record, as the ledger has it.
fn recorded(entry: &Entry) -> Option<String> {
    entry.provider_record_id.clone()
}

/// When an effect's row was made, which no later attempt changes: the id says so.
fn first_meant_at(entry: &Entry) -> Timestamp {
    let made = entry.effect_id.0.get_timestamp().map(|made| made.to_unix());
    let made = made.and_then(|(seconds, _)| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
    made.unwrap_or(entry.intended_at)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The text of every workflow.
    fn sources(folder: &Path) -> Vec<String> {
        let mut texts = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                texts.extend(sources(&path));
            } else {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
        texts
    }

    fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
        let rest = &text[text.find(start)? + start.len()..];
        Some(&rest[..rest.find(end)?])
    }

    #[test]
    fn every_effect_that_a_workflow_makes_has_a_way_to_be_looked_for() {
        let mut seen = Vec::new();
        for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/workflows")) {
            // `Write {` is a write that is being made, `Write<'` the type.
            for write in source.split("Write {").skip(1) {
                let step = between(write, "step: ", ",").unwrap();
                let provider = between(write, "provider: Provider::", ",");
                match (provider, step) {
                    (Some(provider), step) => {
                        let step = step.trim_matches('"');
                        let provider =
                            Provider::ALL.iter().find(|known| format!("{known:?}") == provider).unwrap();
                        let kind = Kind::of(*provider, step);
                        seen.push(
                            kind.unwrap_or_else(|| panic!("nobody looks for {step} at {}", provider.name())),
                        );
                    }
                    (None, "STEP") => seen.push(Kind::Notification),
                    (None, step) => panic!("the provider of {step} cannot be told from its source"),
                }
            }
        }
        seen.sort_by_key(|kind| format!("{kind:?}"));
        seen.dedup();
        assert_eq!(seen.len(), 11, "a kind that no workflow makes can go: {seen:?}");
    }
}
