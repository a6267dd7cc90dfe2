//! Deliveries that are too large for a queue message, while PostgreSQL is away.

use zixly_domain::DeliveryId;

use crate::{PayloadError, PayloadStore, s3};

const PREFIX: &str = "carried/";

/// What Lambda hands to a function at the most.
const LARGEST_BYTES: usize = 6 * 1024 * 1024;

impl PayloadStore {
    /// Stores a delivery's bytes, up to 6 MiB, and returns their key. The same id again replaces them.
    pub async fn put_carried(
        &self,
        delivery_id: DeliveryId,
        content: Vec<u8>,
    ) -> Result<String, PayloadError> {
        let key = format!("{PREFIX}{delivery_id}");
        check_size(&key, &content)?;
        let put = self.bucket.put(&key, "application/octet-stream", content).await;
        put.map_err(|source| PayloadError::unavailable(&key, source))?;
        Ok(key)
    }

    /// The bytes that [`Self::put_carried`] stored. Once they are deleted, they are [`PayloadError::Missing`].
    pub async fn get_carried(&self, key: &str) -> Result<Vec<u8>, PayloadError> {
        check_key(key)?;
        let content = self.bucket.get(key).await.map_err(|source| match s3::is_no_such_key(&source) {
            true => PayloadError::Missing { key: key.to_owned() },
            false => PayloadError::unavailable(key, source),
        })?;
        check_size(key, &content)?;
        Ok(content)
    }

    /// Deletes the bytes, once the delivery is filed. Deleting them again changes nothing.
    pub async fn delete_carried(&self, key: &str) -> Result<(), PayloadError> {
        check_key(key)?;
        self.bucket.delete(key).await.map_err(|source| PayloadError::unavailable(key, source))
    }
}

/// A key comes out of a message, and must not lead to anything else in the bucket.
fn check_key(key: &str) -> Result<(), PayloadError> {
    match key.strip_prefix(PREFIX).and_then(|id| id.parse::<DeliveryId>().ok()) {
        Some(_) => Ok(()),
        None => Err(PayloadError::NotCarried { key: key.to_owned() }),
    }
}

fn check_size(key: &str, content: &[u8]) -> Result<(), PayloadError> {
    if content.len() <= LARGEST_BYTES {
        return Ok(());
    }
    Err(PayloadError::TooLarge { key: key.to_owned(), size_bytes: content.len() as u64 })
}
