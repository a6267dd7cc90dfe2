use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, MutexGuard};

use crate::SecretsError;

/// How long a value is used before it is read again, so that a rotated key needs no deployment.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// How long reading again may hold up a request that the last value would do for.
const REREAD_TIMEOUT: Duration = Duration::from_millis(500);

/// The one secret of a function: a JSON object of texts, read when first needed and again every minute.
pub struct FunctionSecret {
    client: Client,
    arn: String,
    read: Mutex<Option<Read>>,
}

struct Read {
    at: Instant,
    version: u64,
    fields: BTreeMap<String, SecretString>,
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
        let read = self.read().await?;
        Ok(read.as_ref().and_then(|read| read.fields.get(name)).cloned())
    }

    /// Counts the values that the secret has had.
    async fn version(&self) -> Result<u64, SecretsError> {
        Ok(self.read().await?.as_ref().map_or(0, |read| read.version))
    }

    async fn read(&self) -> Result<MutexGuard<'_, Option<Read>>, SecretsError> {
        let mut read = self.read.lock().await;
        match read.as_mut() {
            None => *read = Some(Read { at: Instant::now(), version: 1, fields: self.fetch().await? }),
            Some(last) if last.at.elapsed() > KEPT_FOR => {
                match tokio::time::timeout(REREAD_TIMEOUT, self.fetch()).await {
                    Ok(Ok(fields)) => last.replace(fields),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "the last value of the function's secret is used on")
                    }
                    Err(_) => tracing::warn!("the last value of the function's secret is used on: no answer"),
                }
                // In any case not with every request.
                last.at = Instant::now();
            }
            Some(_) => {}
        }
        Ok(read)
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

impl Read {
    fn replace(&mut self, fields: BTreeMap<String, SecretString>) {
        let is_same = self.fields.len() == fields.len()
            && self.fields.iter().all(|(name, value)| {
                fields.get(name).is_some_and(|other| other.expose_secret() == value.expose_secret())
            });
        if !is_same {
            self.version += 1;
            self.fields = fields;
        }
    }
}

/// What is made from a function's secret, and made anew when the secret has changed.
pub struct FromSecret<T> {
    made: Mutex<Option<(u64, Arc<T>)>>,
}

impl<T> FromSecret<T> {
    /// Nothing is made yet.
    pub const fn new() -> Self {
        Self { made: Mutex::const_new(None) }
    }

    /// What `make` gives, or gave since the secret last changed.
    pub async fn get<E: From<SecretsError>>(
        &self,
        secret: &FunctionSecret,
        make: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let version = secret.version().await?;
        let mut made = self.made.lock().await;
        if let Some((of, value)) = made.as_ref()
            && *of == version
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make().await?);
        *made = Some((version, Arc::clone(&value)));
        Ok(value)
    }
}

impl<T> Default for FromSecret<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_value_is_another_version() {
        let fields = |value: &str| BTreeMap::from([("key".to_owned(), SecretString::from(value))]);
        let mut read = Read { at: Instant::now(), version: 1, fields: fields("one") };
        read.replace(fields("one"));
        assert_eq!(read.version, 1);
        read.replace(fields("two"));
        read.replace(BTreeMap::new());
        assert_eq!(read.version, 3);
    }
}
