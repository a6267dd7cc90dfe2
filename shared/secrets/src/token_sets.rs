use aws_sdk_secretsmanager::{
    Client,
    operation::{delete_secret::DeleteSecretError, put_secret_value::PutSecretValueError},
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zixly_domain::{TokenSet, TokenSetId};

use crate::SecretsError;

/// The token sets, one secret each.
#[derive(Clone)]
pub struct TokenSets {
    client: Client,
    prefix: String,
}

/// The stored form of a token set.
#[derive(Serialize, Deserialize)]
struct Stored {
    access_token: String,
    refresh_token: String,
    expires_at: Timestamp,
}

impl TokenSets {
    /// Token sets whose secrets' names begin with `prefix`, e.g. `zixly/aws/token-sets/`.
    pub fn new(config: &SdkConfig, prefix: String) -> Self {
        Self { client: Client::new(config), prefix }
    }

    /// Reads a token set, always afresh: another worker may have replaced it a moment ago.
    pub async fn fetch(&self, token_set_id: TokenSetId) -> Result<TokenSet, SecretsError> {
        let name = self.name(token_set_id);
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&name)
            .send()
            .await
            .map_err(|source| SecretsError::Unreachable { name: name.clone(), source: source.into() })?;
        let text = answer.secret_string().ok_or_else(|| SecretsError::Empty { name: name.clone() })?;
        let stored: Stored = serde_json::from_str(text)
            .map_err(|_| SecretsError::Malformed { name, expected: "a token set" })?;
        Ok(TokenSet {
            access_token: SecretString::from(stored.access_token),
            refresh_token: SecretString::from(stored.refresh_token),
            expires_at: stored.expires_at,
        })
    }

    /// Replaces a token set that exists. Secrets Manager keeps the one before as its previous version.
    pub async fn store(&self, token_set_id: TokenSetId, token_set: &TokenSet) -> Result<(), SecretsError> {
        let name = self.name(token_set_id);
        self.put(&name, token_set)
            .await
            .map_err(|source| SecretsError::Unreachable { name, source: source.into() })
    }

    /// Stores a token set, making its secret where there is none.
    pub async fn create(&self, token_set_id: TokenSetId, token_set: &TokenSet) -> Result<(), SecretsError> {
        let name = self.name(token_set_id);
        match self.put(&name, token_set).await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_not_found_exception) =>
            {
                let created =
                    self.client.create_secret().name(&name).secret_string(wire(token_set)).send().await;
                created
                    .map(|_| ())
                    .map_err(|source| SecretsError::Unreachable { name, source: source.into() })
            }
            other => other.map_err(|source| SecretsError::Unreachable { name, source: source.into() }),
        }
    }

    /// Removes a token set for good, at once and without a way back. It is no error when it is gone already.
    pub async fn remove(&self, token_set_id: TokenSetId) -> Result<(), SecretsError> {
        let name = self.name(token_set_id);
        let delete = self.client.delete_secret().secret_id(&name).force_delete_without_recovery(true);
        match delete.send().await {
            Err(error)
                if !error
                    .as_service_error()
                    .is_some_and(DeleteSecretError::is_resource_not_found_exception) =>
            {
                Err(SecretsError::Unreachable { name, source: error.into() })
            }
            _ => Ok(()),
        }
    }

    async fn put(
        &self,
        name: &str,
        token_set: &TokenSet,
    ) -> Result<(), aws_sdk_secretsmanager::error::SdkError<PutSecretValueError>> {
        self.client.put_secret_value().secret_id(name).secret_string(wire(token_set)).send().await?;
        Ok(())
    }

    fn name(&self, token_set_id: TokenSetId) -> String {
        format!("{}{token_set_id}", self.prefix)
    }
}

fn wire(token_set: &TokenSet) -> String {
    let stored = Stored {
        access_token: token_set.access_token.expose_secret().to_owned(),
        refresh_token: token_set.refresh_token.expose_secret().to_owned(),
        expires_at: token_set.expires_at,
    };
    serde_json::to_string(&stored).expect("texts and a time serialise")
}
