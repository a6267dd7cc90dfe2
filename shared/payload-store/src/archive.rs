//! Deliveries that leave the database, as gzip-compressed lines of JSON.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use zixly_domain::DeliveryId;

use crate::{PayloadError, PayloadStore};

/// An object of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// Where it lies.
    pub key: String,
    /// Of the object as it lies there.
    pub sha256: [u8; 32],
}

impl PayloadStore {
    /// Stores lines of JSON about deliveries of `day`, the first of which is `first`, reads them back, and fails unless
    /// they are what was sent. The key names the content, so other lines never replace these.
    pub async fn put_archive(
        &self,
        day: Date,
        first: DeliveryId,
        lines: &str,
    ) -> Result<Archived, PayloadError> {
        let content = compressed(lines);
        let sha256: [u8; 32] = Sha256::digest(&content).into();
        let start: String = sha256[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("deliveries/{}/{first}-{start}.ndjson.gz", day.strftime("%Y/%m/%d"));

        let bucket = self.bucket.patient();
        let put = bucket.put(&key, "application/gzip", content).await;
        put.map_err(|source| PayloadError::unavailable(&key, source))?;
        let stored = bucket.get(&key).await.map_err(|source| PayloadError::unavailable(&key, source))?;
        if Sha256::digest(stored)[..] != sha256 {
            return Err(PayloadError::Damaged { key });
        }
        Ok(Archived { key, sha256 })
    }
}

fn compressed(lines: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(lines.as_bytes()).and_then(|()| encoder.finish()).expect("a vector takes every byte")
}
