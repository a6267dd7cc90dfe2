//! What is too large for a row, in S3, each tenant's under its own prefix.
//!
//! **Invariant:** a key always begins with the tenant, and nothing is ever deleted here.

use aws_sdk_s3::{Client, error::BoxError, primitives::ByteStream, types::ServerSideEncryption};
use aws_types::SdkConfig;
use zixly_domain::{JobId, TenantId};

/// S3 did not take an object.
#[derive(Debug, thiserror::Error)]
#[error("the payload store did not take {key}")]
pub struct PayloadError {
    key: String,
    #[source]
    source: BoxError,
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
        let key = format!("tenants/{tenant_id}/jobs/{job_id}/{name}");
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .content_type(content_type)
            .server_side_encryption(ServerSideEncryption::Aes256)
            .body(ByteStream::from(content))
            .send()
            .await
            .map_err(|source| PayloadError { key: key.clone(), source: source.into() })?;
        Ok(key)
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}
