use aws_sdk_secretsmanager::{
    Client,
    error::BoxError,
    operation::{
        delete_secret::DeleteSecretError, get_secret_value::GetSecretValueError,
        put_secret_value::PutSecretValueError, update_secret_version_stage::UpdateSecretVersionStageError,
    },
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zixly_domain::{TokenSet, TokenSetId};

use crate::SecretsError;

/// The stage of the version that is in force, as Secrets Manager calls it.
const IN_FORCE: &str = "AWSCURRENT";
/// The stage of a version that is stored and not yet in force.
const ON_ITS_WAY: &str = "AWSPENDING";

/// The token sets, one secret each.
#[derive(Clone)]
pub struct TokenSets {
    client: Client,
    prefix: String,
    key_arn: Option<String>,
}

/// A token set as it was read.
#[derive(Debug, Clone)]
pub struct StoredTokenSet {
    /// The tokens.
    pub token_set: TokenSet,
    /// Names this version of them among all that there ever were; no secret.
    pub version: String,
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
        Self { client: Client::new(config), prefix, key_arn: None }
    }

    /// The same, but new ones are encrypted with the KMS key `key_arn` instead of the one that AWS keeps.
    pub fn encrypted_with(self, key_arn: Option<String>) -> Self {
        Self { key_arn, ..self }
    }

    /// Reads the token set in force, always afresh: another worker may have replaced it a moment ago. One that was removed is
    /// [`SecretsError::NotFound`].
    pub async fn fetch(&self, token_set_id: TokenSetId) -> Result<StoredTokenSet, SecretsError> {
        let name = self.name(token_set_id);
        let answer =
            self.client.get_secret_value().secret_id(&name).send().await.map_err(|error| {
                match error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception)
                {
                    true => SecretsError::NotFound { name: name.clone() },
                    false => SecretsError::Unreachable { name: name.clone(), source: error.into() },
                }
            })?;
        let (text, version) = answer
            .secret_string()
            .zip(answer.version_id())
            .ok_or_else(|| SecretsError::Empty { name: name.clone() })?;
        let stored: Stored = serde_json::from_str(text)
            .map_err(|_| SecretsError::Malformed { name, expected: "a token set" })?;
        let token_set = TokenSet {
            access_token: SecretString::from(stored.access_token),
            refresh_token: SecretString::from(stored.refresh_token),
            expires_at: stored.expires_at,
        };
        Ok(StoredTokenSet { token_set, version: version.to_owned() })
    }

    /// Stores a token set in place of `old`, and gives what is in force then: this one, or, if `old` had been replaced
    /// before, whatever did that. So a worker that was held up for long undoes nobody's work, neither another worker's
    /// nor that of an owner who has consented anew. Secrets Manager keeps `old` as the previous version.
    pub async fn replace(
        &self,
        token_set_id: TokenSetId,
        old: &StoredTokenSet,
        new: &TokenSet,
    ) -> Result<StoredTokenSet, SecretsError> {
        let name = self.name(token_set_id);
        let unreachable = |source: BoxError| SecretsError::Unreachable { name: name.clone(), source };
        // Stored on its own first: only the stage can be moved on the condition that nobody else has moved it.
        let put = self.client.put_secret_value().secret_id(&name).secret_string(wire(new));
        let put = put.version_stages(ON_ITS_WAY).send().await.map_err(|error| unreachable(error.into()))?;
        let version = put.version_id().ok_or_else(|| SecretsError::Empty { name: name.clone() })?;
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(&name)
            .version_stage(IN_FORCE)
            .remove_from_version_id(&old.version)
            .move_to_version_id(version)
            .send()
            .await;
        match moved {
            Ok(_) => Ok(StoredTokenSet { token_set: new.clone(), version: version.to_owned() }),
            // Refused because it is somewhere else by now; that may be our own doing, with the first answer lost.
            Err(error) if error.as_service_error().is_some_and(is_about_the_stage) => {
                self.fetch(token_set_id).await
            }
            Err(error) => Err(unreachable(error.into())),
        }
    }

    /// Stores a token set that a consent has given, whatever is there, and makes its secret where there is none.
    pub async fn create(&self, token_set_id: TokenSetId, token_set: &TokenSet) -> Result<(), SecretsError> {
        let name = self.name(token_set_id);
        match self.put(&name, token_set).await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_not_found_exception) =>
            {
                let create = self.client.create_secret().name(&name).set_kms_key_id(self.key_arn.clone());
                let created = create.secret_string(wire(token_set)).send().await;
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

fn is_about_the_stage(error: &UpdateSecretVersionStageError) -> bool {
    error.is_invalid_parameter_exception() || error.is_invalid_request_exception()
}

fn wire(token_set: &TokenSet) -> String {
    let stored = Stored {
        access_token: token_set.access_token.expose_secret().to_owned(),
        refresh_token: token_set.refresh_token.expose_secret().to_owned(),
        expires_at: token_set.expires_at,
    };
    serde_json::to_string(&stored).expect("texts and a time serialise")
}
