//! Deliveries that are too large for a queue message, while PostgreSQL is away.

use aws_sdk_s3::operation::get_object::GetObjectError;
use zixly_domain::DeliveryId;

use crate::{PayloadError, PayloadStore};

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
        check_size(&key, content.len() as u64)?;
        let put = self.put(&key, "application/octet-stream", content).send().await;
        put.map_err(|source| PayloadError::unavailable(&key, source))?;
        Ok(key)
    }

    /// The bytes that [`Self::put_carried`] stored. Once they are deleted, they are [`PayloadError::Missing`].
    pub async fn get_carried(&self, key: &str) -> Result<Vec<u8>, PayloadError> {
        check_prefix(key)?;
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Err(PayloadError::Missing { key: key.to_owned() });
            }
            Err(error) => return Err(PayloadError::unavailable(key, error)),
        };
        check_size(
            key,
            object.content_length().and_then(|length| length.try_into().ok()).unwrap_or(u64::MAX),
        )?;
        let body = object.body.collect().await.map_err(|source| PayloadError::unavailable(key, source))?;
        Ok(body.to_vec())
    }

    /// Deletes the bytes, once the delivery is filed. Deleting them again changes nothing.
    pub async fn delete_carried(&self, key: &str) -> Result<(), PayloadError> {
        check_prefix(key)?;
        let deleted = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        deleted.map_err(|source| PayloadError::unavailable(key, source))?;
        Ok(())
    }
}

/// A key comes out of a message, and must not lead to anything else in the bucket.
fn check_prefix(key: &str) -> Result<(), PayloadError> {
    if key.starts_with(PREFIX) { Ok(()) } else { Err(PayloadError::NotCarried { key: key.to_owned() }) }
}

fn check_size(key: &str, size_bytes: u64) -> Result<(), PayloadError> {
    if size_bytes <= LARGEST_BYTES as u64 {
        return Ok(());
    }
    Err(PayloadError::TooLarge { key: key.to_owned(), size_bytes })
}
