use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::SecretsError;

/// How long a value is used before it is read again, so that a rotated key needs no deployment.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// The one secret of a function: a JSON object of texts, read when first needed and again every five minutes.
pub struct FunctionSecret {
    client: Client,
    arn: String,
    read: Mutex<Option<(Instant, BTreeMap<String, SecretString>)>>,
}

impl FunctionSecret {
    /// The secret called `arn`. Nothing is read yet.
    pub fn new(config: &SdkConfig, arn: String) -> Self {
        Self { client: Client::new(config), arn, read: Mutex::new(None) }
    }

    /// The field called `name`; none where the secret has no such field, or an empty one.
    ///
    /// While Secrets Manager is down, the last value read is used on.
    pub async fn get(&self, name: &str) -> Result<Option<SecretString>, SecretsError> {
        let mut read = self.read.lock().await;
        if read.as_ref().is_none_or(|(at, _)| at.elapsed() > KEPT_FOR) {
            match (self.fetch().await, read.as_mut()) {
                (Ok(fields), _) => *read = Some((Instant::now(), fields)),
                // Asked again in five minutes, not with every request.
                (Err(_), Some((at, _))) => *at = Instant::now(),
                (Err(error), None) => return Err(error),
            }
        }
        Ok(read.as_ref().and_then(|(_, fields)| fields.get(name)).cloned())
    }

    /// Replaces the whole secret, whose place must be there; for the operator's tools. A function notices within
    /// five minutes.
    pub async fn put(&self, fields: &BTreeMap<&str, SecretString>) -> Result<(), SecretsError> {
        let fields: BTreeMap<&str, &str> =
            fields.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        let text = serde_json::to_string(&fields).expect("texts serialise");
        let put = self.client.put_secret_value().secret_id(&self.arn).secret_string(text).send().await;
        put.map_err(|source| SecretsError::Unreachable { name: self.arn.clone(), source: source.into() })?;
        *self.read.lock().await = None;
        Ok(())
    }

    async fn fetch(&self) -> Result<BTreeMap<String, SecretString>, SecretsError> {
        let answer =
            self.client.get_secret_value().secret_id(&self.arn).send().await.map_err(|source| {
                SecretsError::Unreachable { name: self.arn.clone(), source: source.into() }
            })?;
        let text = answer.secret_string().ok_or_else(|| SecretsError::Empty { name: self.arn.clone() })?;
        let fields: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| {
            SecretsError::Malformed { name: self.arn.clone(), expected: "a JSON object of texts" }
        })?;
        Ok(fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, SecretString::from(value)))
            .collect())
    }
}
