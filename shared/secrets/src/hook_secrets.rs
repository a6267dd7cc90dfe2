use std::collections::HashMap;

use aws_sdk_secretsmanager::{
    Client,
    operation::{create_secret::CreateSecretError, get_secret_value::GetSecretValueError},
};
use aws_types::SdkConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::SecretsError;

/// How many secrets an instance remembers. They never change, so this bounds its memory only.
const REMEMBERED: usize = 1000;

/// The secrets that providers sign with which were agreed in a handshake, one for each endpoint.
pub struct HookSecrets {
    client: Client,
    prefix: String,
    key_arn: Option<String>,
    remembered: Mutex<HashMap<String, SecretString>>,
}

impl HookSecrets {
    /// Secrets whose names begin with `prefix`, e.g. `zixly/aws/asana-webhooks/`.
    pub fn new(config: &SdkConfig, prefix: String) -> Self {
        Self { client: Client::new(config), prefix, key_arn: None, remembered: Mutex::default() }
    }

    /// The same, but new ones are encrypted with the KMS key `key_arn` instead of the one that AWS keeps.
    pub fn encrypted_with(self, key_arn: Option<String>) -> Self {
        Self { key_arn, ..self }
    }

    /// The secret of an endpoint; none before its handshake.
    pub async fn get(&self, endpoint: &str) -> Result<Option<SecretString>, SecretsError> {
        if let Some(secret) = self.remembered.lock().await.get(endpoint) {
            return Ok(Some(secret.clone()));
        }
        let name = self.name(endpoint);
        let answer = match self.client.get_secret_value().secret_id(&name).send().await {
            Ok(answer) => answer,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            Err(source) => return Err(SecretsError::Unreachable { name, source: source.into() }),
        };
        let secret = answer.secret_string().map(SecretString::from).ok_or(SecretsError::Empty { name })?;
        let mut remembered = self.remembered.lock().await;
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(endpoint.to_owned(), secret.clone());
        Ok(Some(secret))
    }

    /// Keeps the secret of an endpoint that has none. False if it has one: of two handshakes at once, one is taken.
    pub async fn create(&self, endpoint: &str, secret: &SecretString) -> Result<bool, SecretsError> {
        let name = self.name(endpoint);
        let create = self.client.create_secret().name(&name).set_kms_key_id(self.key_arn.clone());
        match create.secret_string(secret.expose_secret()).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(CreateSecretError::is_resource_exists_exception) =>
            {
                Ok(false)
            }
            Err(source) => Err(SecretsError::Unreachable { name, source: source.into() }),
        }
    }

    fn name(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.prefix)
    }
}
