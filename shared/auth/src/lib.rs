//! Who is calling: a tenant by its API key, an external API by its callback token, a person by a token of
//! Supabase Auth, a person's WebSocket by a ticket, and a person who
//! comes back from a provider by what he was sent away with.
//!
//! **Invariant:** knows nothing of HTTP, SQL or the clock. A key or callback token is shown once, when it is made; from
//! then on only its hash is known.

mod local_token;
mod random_text;
mod tickets;
mod user_tokens;

pub use local_token::{LocalSession, local_token};
pub use random_text::{ApiKey, CallbackToken, ConsentCookie, ConsentState};
pub use tickets::{Ticket, TicketRefusal};
pub use user_tokens::{TokenRefusal, TokenRules, TokenRulesError, UserTokens};

/// The credential in an `Authorization: Bearer …` header.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, credential) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(credential)
}
