//! Deals, and the notes on them.

use jiff::Timestamp;
use secrecy::SecretString;
use zixly_domain::Provider;

use super::{HubSpot, send, wire};
use crate::ConnectorError;

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
}

impl HubSpot {
    /// The deal with this id and its contacts, or nothing.
    pub async fn fetch_deal(
        &self,
        token: &SecretString,
        deal_id: &str,
    ) -> Result<Option<Deal>, ConnectorError> {
        let properties = "dealname,amount,deal_currency_code,dealstage,pipeline,hs_is_closed_won";
        let found = self.fetch_object(token, &["deals", deal_id], properties, Some("contacts")).await?;
        Ok(found.map(Deal::from))
    }

    /// The ids of the notes on a deal, newest first; nothing when there is no such deal.
    pub async fn list_notes_of_deal(
        &self,
        token: &SecretString,
        deal_id: &str,
    ) -> Result<Option<Vec<String>>, ConnectorError> {
        let found = self.fetch_object(token, &["deals", deal_id], "dealname", Some("notes")).await?;
        Ok(found.map(|deal| {
            let mut ids = deal.associated("notes");
            // Ids are numbers that grow.
            ids.sort_by_key(|id| std::cmp::Reverse(id.parse::<u64>().unwrap_or_default()));
            ids
        }))
    }

    /// The note with this id, or nothing.
    pub async fn fetch_note(
        &self,
        token: &SecretString,
        note_id: &str,
    ) -> Result<Option<Note>, ConnectorError> {
        let found = self.fetch_object(token, &["notes", note_id], "hs_note_body", None).await?;
        Ok(found.map(|note| Note { body: note.property("hs_note_body"), id: note.id }))
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
