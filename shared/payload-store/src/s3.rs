//! The few requests to S3 that there are, signed by ourselves: S3's own client is a fifth of a function's zip, most of
//! it tables for checksums that nobody asks for. Timeouts, connections and what is tried again are as with the other
//! AWS clients.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use std::{error::Error, time::Duration};

use aws_credential_types::provider::ProvideCredentials;
use aws_runtime::{
    recursion_detection::RecursionDetectionInterceptor, retries::classifiers::AwsErrorCodeClassifier,
};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime::client::{
    orchestrator::operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::client::{
    orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
    result::SdkError,
};
use aws_smithy_types::{
    body::SdkBody,
    error::metadata::{ErrorMetadata, ProvideErrorMetadata},
};
use aws_types::{SdkConfig, sdk_config::TimeoutConfig};
use http::{
    Request,
    header::{CONTENT_LENGTH, CONTENT_TYPE, ToStrError},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const SERVICE: &str = "s3";
/// What a signature wants encoded in a value of the query, and in the path, where slashes stay.
const IN_QUERY: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const IN_PATH: AsciiSet = IN_QUERY.remove(b'/');

/// A request could not be signed, nobody answered in time, or S3 refused.
pub type S3Error = Box<dyn Error + Send + Sync>;
type Operation = operation::Operation<HttpRequest, Vec<u8>, Refusal>;

/// A bucket, as the function's role may use it.
#[derive(Clone)]
pub struct Bucket {
    pub name: String,
    /// What the address of an object begins with.
    url: String,
    config: SdkConfig,
    operation: Operation,
}

/// What S3 says when it does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("S3 answered {status} {}, request {request_id}", self.code().unwrap_or("without a reason"))]
struct Refusal {
    status: u16,
    /// With the word that programs go by, e.g. `NoSuchKey`; none where an answer has no body.
    meta: Box<ErrorMetadata>,
    /// Both numbers that AWS Support asks for.
    request_id: String,
}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

impl Bucket {
    /// The bucket called `name` in the configured region, or at the endpoint that is configured instead.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        let url = match config.endpoint_url() {
            // A name before that of a local AWS would lead nowhere.
            Some(endpoint) => format!("{}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.{SERVICE}.{}.amazonaws.com", region(config)),
        };
        Self { name, operation: operation(config, origin(&url)), url, config: config.clone() }
    }

    /// The same for objects of several megabytes: longer than other calls may take, shorter than any function's own time.
    pub fn patient(&self) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(6))
            .operation_timeout(Duration::from_secs(8))
            .build();
        let config = self.config.to_builder().timeout_config(timeouts).build();
        Self::new(&config, self.name.clone())
    }

    /// Stores an object, encrypted as the bucket says. S3 holds the bytes against those that were signed.
    pub async fn put(&self, key: &str, content_type: &str, content: Vec<u8>) -> Result<(), S3Error> {
        let put = Request::put(self.address(key)).header(CONTENT_TYPE, content_type);
        // S3 wants the length of nothing as well, which is not sent by itself.
        let put = put.header(CONTENT_LENGTH, content.len()).body(content)?;
        self.send(put).await.map(drop)
    }

    /// An object's bytes.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>, S3Error> {
        self.send(Request::get(self.address(key)).body(Vec::new())?).await
    }

    /// Deletes an object. That there is none is no error.
    pub async fn delete(&self, key: &str) -> Result<(), S3Error> {
        self.send(Request::delete(self.address(key)).body(Vec::new())?).await.map(drop)
    }

    /// Fails unless the bucket is there.
    pub async fn head(&self) -> Result<(), S3Error> {
        self.send(Request::head(self.address("")).body(Vec::new())?).await.map(drop)
    }

    /// The address at which anybody can fetch an object until `lifetime` is over, and that tells a browser what to do with
    /// it (`disposition`).
    pub async fn presigned(
        &self,
        key: &str,
        disposition: &str,
        lifetime: Duration,
    ) -> Result<String, S3Error> {
        let disposition = utf8_percent_encode(disposition, &IN_QUERY);
        let address = format!("{}?response-content-disposition={disposition}", self.address(key));
        let mut get = Request::get(address).body(())?;
        self.sign(&mut get, in_address(lifetime), SignableBody::UnsignedPayload).await?;
        Ok(get.uri().to_string())
    }

    fn address(&self, key: &str) -> String {
        format!("{}/{}", self.url, utf8_percent_encode(key, &IN_PATH))
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Vec<u8>, S3Error> {
        let (head, body) = request.into_parts();
        let mut request = Request::from_parts(head, ());
        self.sign(&mut request, in_headers(), SignableBody::Bytes(&body)).await?;
        let request = request.map(|()| SdkBody::from(body));
        Ok(self.operation.invoke(HttpRequest::try_from(request)?).await?)
    }

    async fn sign(
        &self,
        request: &mut Request<()>,
        settings: SigningSettings,
        body: SignableBody<'_>,
    ) -> Result<(), S3Error> {
        let credentials = told(self.config.credentials_provider()).provide_credentials().await?;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region(&self.config))
            .name(SERVICE)
            .time(told(self.config.time_source()).now())
            .settings(settings)
            .build()?
            .into();
        let address = request.uri().to_string();
        let headers = request.headers().iter().map(|(name, value)| Ok((name.as_str(), value.to_str()?)));
        let headers = headers.collect::<Result<Vec<_>, ToStrError>>()?;
        let signable = SignableRequest::new(request.method().as_str(), address, headers.into_iter(), body)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

/// Whether S3 refused because there is no such object.
pub fn is_no_such_key(error: &S3Error) -> bool {
    let failed = error.downcast_ref::<SdkError<Refusal, HttpResponse>>();
    failed.and_then(SdkError::as_service_error).and_then(Refusal::code) == Some("NoSuchKey")
}

/// The scheme and the host of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

fn region(config: &SdkConfig) -> &str {
    told(config.region()).as_ref()
}

/// What every AWS client is told.
fn told<T>(setting: Option<T>) -> T {
    setting.expect("the configuration of the AWS clients says it")
}

fn in_headers() -> SigningSettings {
    let mut settings = as_it_is();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

fn in_address(lifetime: Duration) -> SigningSettings {
    let mut settings = as_it_is();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(lifetime);
    settings
}

/// S3 alone signs a path as it goes out.
fn as_it_is() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

/// Sends a request that is signed, and once more if that may help.
fn operation(config: &SdkConfig, origin: &str) -> Operation {
    operation::Operation::builder()
        .service_name("S3")
        .operation_name("request")
        .http_client(told(config.http_client()))
        .sleep_impl(told(config.sleep_impl()))
        .timeout_config(told(config.timeout_config()).clone())
        .standard_retry(told(config.retry_config()))
        .retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        // Sends the trace that the function is in.
        .interceptor(RecursionDetectionInterceptor::new())
        .endpoint_url(origin)
        .no_auth()
        .serializer(Ok)
        .deserializer(answer)
        .build()
}

fn answer(response: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(body.to_vec());
    }
    let header = |name| response.headers().get(name).unwrap_or("-");
    Err(OrchestratorError::operation(Refusal {
        status: response.status().as_u16(),
        meta: Box::new(code(&String::from_utf8_lossy(body))),
        request_id: format!("{} {}", header("x-amz-request-id"), header("x-amz-id-2")),
    }))
}

/// `<Error><Code>NoSuchKey</Code>…`. Its message names keys and roles, and is left out.
fn code(answer: &str) -> ErrorMetadata {
    let code = answer.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    match code {
        Some((code, _)) => ErrorMetadata::builder().code(code).build(),
        None => ErrorMetadata::builder().build(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_async::time::TimeSource;
    use aws_types::region::Region;
    use zixly_testkit::LocalAws;

    use super::*;

    /// 24 May 2013, 00:00:00 UTC.
    #[derive(Debug)]
    struct ThatDay;

    impl TimeSource for ThatDay {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600)
        }
    }

    /// Where the examples of AWS's documentation of S3 are.
    fn bucket() -> Bucket {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", key, None, None, "documentation");
        let mut config = LocalAws::at(String::new()).config.to_builder();
        config.set_endpoint_url(None);
        let config = config.region(Region::new("us-east-1")).time_source(ThatDay);
        let config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
        Bucket::new(&config.build(), "examplebucket".to_owned())
    }

    #[tokio::test]
    async fn headers_are_signed_as_in_the_documentation() {
        let url = format!(
            "https://examplebucket.s3.amazonaws.com/{}",
            utf8_percent_encode("test$file.text", &IN_PATH)
        );
        let mut put = Request::put(url)
            .header("date", "Fri, 24 May 2013 00:00:00 GMT")
            .header("x-amz-storage-class", "REDUCED_REDUNDANCY")
            .body(())
            .unwrap();
        bucket().sign(&mut put, in_headers(), SignableBody::Bytes(b"Welcome to Amazon S3.")).await.unwrap();
        let signed = put.headers()["authorization"].to_str().unwrap();
        assert!(
            signed.ends_with("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            "{signed}"
        );
    }

    #[tokio::test]
    async fn an_address_is_signed_as_in_the_documentation() {
        let mut get = Request::get("https://examplebucket.s3.amazonaws.com/test.txt").body(()).unwrap();
        let day = Duration::from_secs(86_400);
        bucket().sign(&mut get, in_address(day), SignableBody::UnsignedPayload).await.unwrap();
        let signed = get.uri().to_string();
        assert!(
            signed.ends_with("Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
            "{signed}"
        );
    }

    #[tokio::test]
    async fn a_bucket_is_a_host_at_aws_and_a_path_elsewhere() {
        let bucket = bucket();
        assert_eq!(bucket.address("a/b c"), "https://examplebucket.s3.us-east-1.amazonaws.com/a/b%20c");
        let config = bucket.config.to_builder().endpoint_url("http://127.0.0.1:4566/").build();
        let bucket = Bucket::new(&config, bucket.name);
        assert_eq!(bucket.address("a"), "http://127.0.0.1:4566/examplebucket/a");
        assert_eq!(origin(&bucket.url), "http://127.0.0.1:4566");
        let address =
            bucket.presigned("a", "attachment; filename=\"b\"", Duration::from_secs(60)).await.unwrap();
        let start = "http://127.0.0.1:4566/examplebucket/a?response-content-disposition=attachment%3B%20filename%3D%22b%22&X-Amz-";
        assert!(address.starts_with(start), "{address}");
    }
}
