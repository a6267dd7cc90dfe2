//! Finding messages again by the key of the effect that posted them.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{EVENT_TYPE, PROVIDER, Slack, call, wire};
use crate::http;
use crate::{ConnectorError, MalformedAnswer};

/// The most that Slack recommends to ask for at once.
const PAGE_SIZE: u32 = 200;

/// A look covers the time around one write; no channel has so many messages in it.
const MOST_PAGES: usize = 50;

/// How far our clock may be from Slack's.
const CLOCK_DIFFERENCE: Duration = Duration::from_mins(1);

impl Slack {
    /// The `ts` of the message in this channel that was posted with this effect key after `since`, or nothing. Needs the
    /// channel's id, and the scope to read the channel.
    pub async fn find_message(
        &self,
        token: &SecretString,
        channel: &str,
        effect_key: &str,
        since: Timestamp,
    ) -> Result<Option<String>, ConnectorError> {
        let found = self.look(token, channel, effect_key, (since, None), 1).await?;
        Ok(found.into_iter().next())
    }

    /// The `ts` of every message in this channel that was posted with this effect key between these times, so that one
    /// too many is seen.
    pub async fn list_messages(
        &self,
        token: &SecretString,
        channel: &str,
        effect_key: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<String>, ConnectorError> {
        self.look(token, channel, effect_key, (since, Some(until)), usize::MAX).await
    }

    async fn look(
        &self,
        token: &SecretString,
        channel: &str,
        effect_key: &str,
        (since, until): (Timestamp, Option<Timestamp>),
        enough: usize,
    ) -> Result<Vec<String>, ConnectorError> {
        let seconds = |at: Timestamp| format!("{}.000000", at.as_second());
        let earlier = since.saturating_sub(CLOCK_DIFFERENCE).expect("a duration of no calendar unit");
        let later = until
            .map(|until| until.saturating_add(CLOCK_DIFFERENCE).expect("a duration of no calendar unit"));
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let request = self.http.get(self.endpoints.api_url.join(&["conversations.history"])).query(&[
                ("channel", Some(channel)),
                ("oldest", Some(&seconds(earlier))),
                ("latest", later.map(seconds).as_deref()),
                ("include_all_metadata", Some("true")),
                ("limit", Some(&PAGE_SIZE.to_string())),
                ("cursor", cursor.as_deref()),
            ]);
            let page: wire::History = call(request, token).await?;
            let ours = page.messages.iter().filter(|message| message.is_of(EVENT_TYPE, effect_key));
            found.extend(ours.map(|message| message.ts.clone()));
            cursor = page.next_cursor();
            if cursor.is_none() || found.len() >= enough {
                return Ok(found);
            }
        }
        let path = "response_metadata.next_cursor".to_owned();
        Err(http::malformed(PROVIDER, MalformedAnswer::WrongShape { path }))
    }
}
