//! What is too large for a row, in S3: a tenant's payloads under its own prefix, and what is the platform's under
//! `carried/` (deliveries on their way to the database) and `deliveries/` (those that have left it).
//!
//! **Invariant:** whatever belongs to one tenant has a key that begins with it, and nothing is ever deleted here but a
//! carried delivery, once it is filed.

mod archive;
mod carried;

use std::time::Duration;

use aws_sdk_s3::{
    Client, config::timeout::TimeoutConfig, error::BoxError,
    operation::put_object::builders::PutObjectFluentBuilder, presigning::PresigningConfig,
    primitives::ByteStream,
};
use aws_types::SdkConfig;
use zixly_domain::{JobId, TenantId};

pub use archive::Archived;

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
        source: BoxError,
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
    fn unavailable(key: &str, source: impl Into<BoxError>) -> Self {
        Self::Unavailable { key: key.to_owned(), source: source.into() }
    }
}

/// The bucket of payloads.
#[derive(Clone)]
pub struct PayloadStore {
    client: Client,
    bucket: String,
}

impl PayloadStore {
    /// The bucket called `bucket`. With an endpoint that is an IP address the bucket goes into the path.
    pub fn new(config: &SdkConfig, bucket: String) -> Self {
        Self { client: Client::new(config), bucket }
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
        let put = self.put(&key, content_type, content).send().await;
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
        let lifetime = PresigningConfig::expires_in(lifetime)
            .map_err(|source| PayloadError::unavailable(&key, source))?;
        let get = self.client.get_object().bucket(&self.bucket).key(&key);
        // A browser saves it under its name instead of showing it.
        let get = get.response_content_disposition(format!("attachment; filename=\"{name}\""));
        let presigned = get.presigned(lifetime).await;
        Ok(presigned.map_err(|source| PayloadError::unavailable(&key, source))?.uri().to_owned())
    }

    /// Asks the bucket for a sign of life.
    pub async fn ping(&self) -> Result<(), PayloadError> {
        let answer = self.client.head_bucket().bucket(&self.bucket).send().await;
        answer
            .map(|_| ())
            .map_err(|source| PayloadError::Unavailable { key: self.bucket.clone(), source: source.into() })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Encrypted as the bucket says.
    fn put(&self, key: &str, content_type: &str, content: Vec<u8>) -> PutObjectFluentBuilder {
        let put = self.client.put_object().bucket(&self.bucket).key(key);
        put.content_type(content_type).body(ByteStream::from(content))
    }
}

/// What the keys of a job's results begin with.
pub fn results_of(tenant_id: TenantId, job_id: JobId) -> String {
    format!("tenants/{tenant_id}/jobs/{job_id}/")
}

/// For objects of several megabytes: longer than other calls may take, shorter than any function's own time.
fn patient() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(6))
        .operation_timeout(Duration::from_secs(8))
        .build();
    aws_sdk_s3::config::Builder::new().timeout_config(timeouts)
}
