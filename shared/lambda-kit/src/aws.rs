//! The configuration that every AWS client of a function shares.

mod https;

use std::time::Duration;

use anyhow::Result;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
pub use aws_types::SdkConfig;
use aws_types::{
    region::Region,
    sdk_config::{RetryConfig, TimeoutConfig},
};

use crate::settings::Settings;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Region, credentials and endpoint as Lambda puts them into the environment; `AWS_ENDPOINT_URL` points at a
/// local AWS. Calls are tried twice and end after 3 s, so that a dead dependency is an answer, not a timeout.
pub fn sdk_config(lookup: impl Fn(&str) -> Option<String>) -> Result<SdkConfig> {
    let mut settings = Settings::new(&lookup);
    let region = Region::new(settings.required("AWS_REGION"));
    let credentials = Credentials::new(
        settings.required("AWS_ACCESS_KEY_ID"),
        settings.required("AWS_SECRET_ACCESS_KEY"),
        settings.optional("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let endpoint = settings.optional("AWS_ENDPOINT_URL");
    let (region, credentials) = settings.finish((region, credentials))?;

    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(3))
        .build();
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(https::Https::new(CONNECT_TIMEOUT))
        .sleep_impl(TokioSleep::new())
        .time_source(SystemTimeSource::new())
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(timeouts);
    builder.set_endpoint_url(endpoint);
    Ok(builder.build())
}
