//! Tickets for the WebSocket, which cannot send an `Authorization` header: made for who is signed in, good for half a
//! minute, and shown in an address instead of the token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;
use zixly_domain::{TenantId, UserId};

/// What is signed begins with this, so that a signature made with the same key for something else is none for a ticket.
const PURPOSE: &[u8] = b"realtime-ticket";

const ID_BYTES: usize = 16;
const SIGNED_BYTES: usize = 3 * ID_BYTES + size_of::<i64>();
const SIGNATURE_BYTES: usize = 32;

/// The right to open one WebSocket to a tenant's job events. Whoever lets its holder in has to see to it that each
/// ticket is used once: the signature cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Whose job events.
    pub tenant_id: TenantId,
    /// Who has signed in.
    pub user_id: UserId,
    /// Tells tickets apart.
    pub ticket_id: Uuid,
    /// From then on it is refused, to the second.
    pub expires_at: Timestamp,
}

/// Why a ticket is refused. None of them repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefusal {
    /// It is none of ours.
    #[error("the ticket is not in our format")]
    Malformed,
    /// It was made with another key, or changed since.
    #[error("the ticket's signature is not right")]
    Forged,
    /// Half a minute has passed.
    #[error("the ticket has expired")]
    Expired,
}

impl Ticket {
    /// How long a ticket is good.
    pub const LIFETIME: SignedDuration = SignedDuration::from_secs(30);

    /// The text of a new ticket, safe in an address.
    pub fn issue(key: &SecretString, tenant_id: TenantId, user_id: UserId, now: Timestamp) -> String {
        Self { tenant_id, user_id, ticket_id: Uuid::new_v4(), expires_at: now + Self::LIFETIME }.text(key)
    }

    /// Reads a ticket's text. Its signature is compared in constant time, and before its time is looked at.
    pub fn verify(key: &SecretString, text: &str, now: Timestamp) -> Result<Self, TicketRefusal> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TicketRefusal::Malformed)?;
        let (signed, signature) =
            bytes.split_first_chunk::<SIGNED_BYTES>().ok_or(TicketRefusal::Malformed)?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(TicketRefusal::Malformed);
        }
        hmac::verify(&hmac_key(key), &message(signed), signature).map_err(|_| TicketRefusal::Forged)?;
        let ticket = Self::read(signed).ok_or(TicketRefusal::Malformed)?;
        if ticket.expires_at <= now {
            return Err(TicketRefusal::Expired);
        }
        Ok(ticket)
    }

    fn text(&self, key: &SecretString) -> String {
        let ids = [self.tenant_id.0, self.user_id.0, self.ticket_id];
        let mut bytes: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
        bytes.extend(self.expires_at.as_second().to_be_bytes());
        let signature = hmac::sign(&hmac_key(key), &message(&bytes));
        bytes.extend(signature.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(signed: &[u8; SIGNED_BYTES]) -> Option<Self> {
        let (ids, expiry) = signed.split_at(3 * ID_BYTES);
        let id = |index: usize| Uuid::from_slice(ids.chunks(ID_BYTES).nth(index)?).ok();
        Some(Self {
            tenant_id: TenantId(id(0)?),
            user_id: UserId(id(1)?),
            ticket_id: id(2)?,
            expires_at: Timestamp::from_second(i64::from_be_bytes(expiry.try_into().ok()?)).ok()?,
        })
    }
}

fn hmac_key(key: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes())
}

fn message(signed: &[u8]) -> Vec<u8> {
    [PURPOSE, signed].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SecretString {
        SecretString::from("a key that both functions have")
    }

    fn now() -> Timestamp {
        "2026-11-03T09:30:00Z".parse().unwrap()
    }

    fn issued() -> (TenantId, UserId, String) {
        let (tenant_id, user_id) = (TenantId::new(), UserId(Uuid::now_v7()));
        (tenant_id, user_id, Ticket::issue(&key(), tenant_id, user_id, now()))
    }

    #[test]
    fn a_ticket_says_whose_it_is_for_thirty_seconds() {
        let (tenant_id, user_id, text) = issued();
        let last = now() + SignedDuration::from_millis(29_999);
        let ticket = Ticket::verify(&key(), &text, last).unwrap();
        assert_eq!((ticket.tenant_id, ticket.user_id), (tenant_id, user_id));
        assert_eq!(ticket.expires_at, now() + Ticket::LIFETIME);
        let refusal = Ticket::verify(&key(), &text, ticket.expires_at).unwrap_err();
        assert_eq!(refusal, TicketRefusal::Expired);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
    }

    #[test]
    fn no_two_tickets_are_the_same() {
        let (tenant_id, user_id, text) = issued();
        let other = Ticket::issue(&key(), tenant_id, user_id, now());
        assert_ne!(text, other);
    }

    #[test]
    fn a_ticket_that_was_changed_anywhere_is_refused() {
        let (_, _, text) = issued();
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let refusal = Ticket::verify(&key(), &URL_SAFE_NO_PAD.encode(changed), now()).unwrap_err();
            assert_eq!(refusal, TicketRefusal::Forged, "byte {index}");
        }
    }

    #[test]
    fn a_ticket_of_another_key_is_refused_even_when_it_has_expired() {
        let (_, _, text) = issued();
        let refusal = Ticket::verify(&SecretString::from("other"), &text, now() + Ticket::LIFETIME);
        assert_eq!(refusal, Err(TicketRefusal::Forged));
    }

    #[test]
    fn what_is_no_ticket_is_refused() {
        let (_, _, text) = issued();
        let longer = format!("{text}AAAA");
        for wrong in ["", "ticket", "!", &text[..text.len() - 4], &longer, &"A".repeat(100_000)] {
            assert_eq!(Ticket::verify(&key(), wrong, now()), Err(TicketRefusal::Malformed), "{wrong:.20}");
        }
    }
}
