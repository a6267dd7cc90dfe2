//! Secrets Manager: the one secret of each function, the token sets, and what was agreed in handshakes.
//!
//! **Invariant:** a value leaves this crate only inside a `SecretString`, and no error repeats one.

mod function_secret;
mod hook_secrets;
mod token_sets;

use aws_sdk_secretsmanager::error::BoxError;

pub use function_secret::{FromSecret, FunctionSecret};
pub use hook_secrets::HookSecrets;
pub use token_sets::{StoredTokenSet, TokenSets};

/// A secret could not be had or stored.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Secrets Manager cannot be reached, or refuses.
    #[error("Secrets Manager did not answer for secret {name}")]
    Unreachable {
        /// The secret's name or ARN.
        name: String,
        /// What the client saw.
        #[source]
        source: BoxError,
    },
    /// There is no such secret, any more or yet.
    #[error("there is no secret {name}")]
    NotFound {
        /// The secret's name.
        name: String,
    },
    /// The secret holds no value yet.
    #[error("secret {name} has no value")]
    Empty {
        /// The secret's name or ARN.
        name: String,
    },
    /// The value is not what was expected. What it is instead is not told, since it is a secret.
    #[error("secret {name} is not {expected}")]
    Malformed {
        /// The secret's name or ARN.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
}
