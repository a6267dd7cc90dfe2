//! What is too large for a row, in S3: a tenant's payloads under its own prefix, and what is the platform's under
//! `carried/` (deliveries on their way to the database) and `deliveries/` (those that have left it).
//!
//! **Invariant:** whatever belongs to one tenant has a key that begins with it, and nothing is ever deleted here but a
//! carried delivery, once it is filed.

mod archive;
mod carried;
mod s3;

use std::time::Duration;

use aws_types::SdkConfig;
use zixly_domain::{JobId, TenantId};

pub use archive::Archived;
use s3::{Bucket, S3Error};

/// What went wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// S3 cannot be reached, or refuses.
    #[error("the payload store did not answer for {key}")]
    Unavailable {
        /// The object's key.
        key: String,
        /// What the client saw.
        #[source]
        source: S3Error,
    },
    /// There is no such object, or no longer.
    #[error("there is no {key} in the payload store")]
    Missing {
        /// The object's key.
        key: String,
    },
    /// It is larger than a delivery can be.
    #[error("{key} has {size_bytes} bytes, more than a delivery can have")]
    TooLarge {
        /// The object's key.
        key: String,
        /// How large it is.
        size_bytes: u64,
    },
    /// What S3 gives back is not what it was given.
    #[error("{key} was not stored as it was sent")]
    Damaged {
        /// The object's key.
        key: String,
    },
    /// The key is not that of a carried delivery.
    #[error("{key} is not a carried delivery")]
    NotCarried {
        /// What was asked for.
        key: String,
    },
}

impl PayloadError {
    fn unavailable(key: &str, source: S3Error) -> Self {
        Self::Unavailable { key: key.to_owned(), source }
    }
}

/// The bucket of payloads.
#[derive(Clone)]
pub struct PayloadStore {
    bucket: Bucket,
}

impl PayloadStore {
    /// The bucket called `bucket`.
    pub fn new(config: &SdkConfig, bucket: String) -> Self {
        Self { bucket: Bucket::new(config, bucket) }
    }

    /// Stores a job's result under `name` and returns its key. The same name again replaces it.
    pub async fn put_result(
        &self,
        tenant_id: TenantId,
        job_id: JobId,
        name: &str,
        content_type: &str,
        content: Vec<u8>,
    ) -> Result<String, PayloadError> {
        let key = format!("{}{name}", results_of(tenant_id, job_id));
        let put = self.bucket.put(&key, content_type, content).await;
        put.map_err(|source| PayloadError::unavailable(&key, source))?;
        Ok(key)
    }

    /// The address at which anybody can fetch a job's result until `lifetime` is over. That there is one is not looked at.
    pub async fn presign_result(
        &self,
        tenant_id: TenantId,
        job_id: JobId,
        name: &str,
        lifetime: Duration,
    ) -> Result<String, PayloadError> {
        let key = format!("{}{name}", results_of(tenant_id, job_id));
        // A browser saves it under its name instead of showing it.
        let disposition = format!("attachment; filename=\"{name}\"");
        let presigned = self.bucket.presigned(&key, &disposition, lifetime).await;
        presigned.map_err(|source| PayloadError::unavailable(&key, source))
    }

    /// Asks the bucket for a sign of life.
    pub async fn ping(&self) -> Result<(), PayloadError> {
        self.bucket.head().await.map_err(|source| PayloadError::unavailable(self.bucket(), source))
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket.name
    }
}

/// What the keys of a job's results begin with.
pub fn results_of(tenant_id: TenantId, job_id: JobId) -> String {
    format!("tenants/{tenant_id}/jobs/{job_id}/")
}
