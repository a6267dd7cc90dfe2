//! Deals, and the notes on them.

use jiff::Timestamp;
use secrecy::SecretString;
use zixly_domain::Provider;

use super::{HubSpot, send, wire};
use crate::ConnectorError;

/// What HubSpot's paths call deals.
const DEALS: &str = "0-3";

/// The most ids of notes that HubSpot lists at once.
const IDS_AT_ONCE: u16 = 500;

/// How HubSpot numbers the association of a note with a deal.
const NOTE_TO_DEAL: u16 = 214;

/// A deal in HubSpot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal {
    /// HubSpot's id for it.
    pub id: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Whether it is in a stage that means won, whatever the stage is called in its pipeline.
    pub is_won: bool,
    /// Digits, in `currency_code`.
    pub amount: Option<String>,
    /// ISO 4217; only in a portal with several currencies.
    pub currency_code: Option<String>,
    /// The ids of the contacts on it.
    pub contact_ids: Vec<String>,
}

/// A note on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// HubSpot's id for it.
    pub id: String,
    /// Its text, in HTML.
    pub body: Option<String>,
    /// When it was made, whatever time it is about.
    pub created_at: Option<Timestamp>,
}

/// A part of the ids of a deal's notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteIds {
    /// In no order.
    pub ids: Vec<String>,
    /// What gives the next part; nothing after the last one.
    pub next: Option<String>,
}

impl HubSpot {
    /// How many notes can be fetched in one call.
    pub const NOTES_AT_ONCE: usize = 100;

    /// The deal with this id and its contacts, or nothing.
    pub async fn fetch_deal(
        &self,
        token: &SecretString,
        deal_id: &str,
    ) -> Result<Option<Deal>, ConnectorError> {
        let properties = "dealname,amount,deal_currency_code,dealstage,pipeline,hs_is_closed_won";
        let found = self.fetch_object(token, &[DEALS, deal_id], properties, Some("contacts")).await?;
        Ok(found.map(Deal::from))
    }

    /// The ids of the notes on a deal, from where the last part ended; none when there is no such deal. Unlike a search
    /// this sees a note that has just been made.
    pub async fn list_notes_of_deal(
        &self,
        token: &SecretString,
        deal_id: &str,
        after: Option<&str>,
    ) -> Result<NoteIds, ConnectorError> {
        let url = self.object_url(&[DEALS, deal_id, "associations", "notes"]);
        let mut request = self.http.get(url).query(&[("limit", IDS_AT_ONCE)]);
        if let Some(after) = after {
            request = request.query(&[("after", after)]);
        }
        match send(request, token).await {
            Err(ConnectorError::Rejected { status: 404, .. }) => Ok(NoteIds { ids: Vec::new(), next: None }),
            answer => answer?.parse::<wire::AssociatedIds>(Provider::HubSpot).map(NoteIds::from),
        }
    }

    /// The notes with these ids, at most [`HubSpot::NOTES_AT_ONCE`]; those that are gone are left out.
    pub async fn fetch_notes(
        &self,
        token: &SecretString,
        note_ids: &[String],
    ) -> Result<Vec<Note>, ConnectorError> {
        let body = wire::BatchRead {
            properties: ["hs_note_body"],
            properties_with_history: [],
            inputs: note_ids.iter().map(|id| wire::ObjectId { id }).collect(),
        };
        let request = self.http.post(self.object_url(&["notes", "batch", "read"])).json(&body);
        let found: wire::Objects = send(request, token).await?.parse(Provider::HubSpot)?;
        Ok(found.results.into_iter().map(Note::from).collect())
    }

    /// Adds a note to a deal, as of `at`, and gives its id. Repeated, it adds another one: HubSpot has no key for it.
    pub async fn create_note_on_deal(
        &self,
        token: &SecretString,
        deal_id: &str,
        body: &str,
        at: Timestamp,
    ) -> Result<String, ConnectorError> {
        let kind = wire::AssociationType {
            association_category: "HUBSPOT_DEFINED",
            association_type_id: NOTE_TO_DEAL,
        };
        let note = wire::NewNote {
            properties: wire::NewNoteProperties { hs_timestamp: at.to_string(), hs_note_body: body },
            associations: [wire::NewAssociation { to: wire::ObjectId { id: deal_id }, types: [kind] }],
        };
        let request = self.http.post(self.object_url(&["notes"])).json(&note);
        let made: wire::Object = send(request, token).await?.parse(Provider::HubSpot)?;
        Ok(made.id)
    }

    async fn fetch_object(
        &self,
        token: &SecretString,
        segments: &[&str],
        properties: &str,
        associations: Option<&str>,
    ) -> Result<Option<wire::Object>, ConnectorError> {
        let mut request = self.http.get(self.object_url(segments)).query(&[("properties", properties)]);
        if let Some(associations) = associations {
            request = request.query(&[("associations", associations)]);
        }
        match send(request, token).await {
            Err(ConnectorError::Rejected { status: 404, .. }) => Ok(None),
            answer => answer?.parse(Provider::HubSpot).map(Some),
        }
    }
}

impl From<wire::Object> for Note {
    fn from(wire: wire::Object) -> Self {
        Self { body: wire.property("hs_note_body"), created_at: wire.created_at, id: wire.id }
    }
}

impl From<wire::AssociatedIds> for NoteIds {
    fn from(wire: wire::AssociatedIds) -> Self {
        let ids = wire.results.into_iter().map(|associated| associated.id()).collect();
        Self { ids, next: wire.paging.and_then(|paging| paging.next).map(|next| next.after) }
    }
}

impl From<wire::Object> for Deal {
    fn from(wire: wire::Object) -> Self {
        Self {
            name: wire.property("dealname"),
            is_won: wire.property("hs_is_closed_won").as_deref() == Some("true"),
            amount: wire.property("amount"),
            currency_code: wire.property("deal_currency_code"),
            contact_ids: wire.associated("contacts"),
            id: wire.id,
        }
    }
}
