//! What is kept of a request besides its body, so that it can be read again: from the queue, or years later.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::{Request, asana};

/// Under this name, which no header can have, stands the path that was called.
const PATH: &str = ":path";

/// Headers that could open a door. Asana's handshake brings the webhook's secret, and nothing stops it from coming again;
/// most signatures are good for ever, and Shopify's for any shop.
const NOT_KEPT: [&str; 8] = [
    "authorization",
    "cookie",
    asana::HANDSHAKE,
    "x-hook-signature",
    "x-hubspot-signature",
    "x-hubspot-signature-v3",
    "x-shopify-hmac-sha256",
    "x-xero-signature",
];

/// The path and the headers of a request as a JSON object, without what could open a door.
pub fn keep(path: &str, headers: &HeaderMap) -> Value {
    let mut kept = Map::new();
    kept.insert(PATH.to_owned(), path.into());
    for name in headers.keys().filter(|name| !NOT_KEPT.contains(&name.as_str())) {
        // Repeated headers as the gateway joins them, so that what was not clear at the door is not clear later.
        let values: Vec<_> =
            headers.get_all(name).iter().map(|it| String::from_utf8_lossy(it.as_bytes())).collect();
        kept.insert(name.to_string(), values.join(",").replace('\0', "").into());
    }
    Value::Object(kept)
}

/// A request's path and headers as they were kept.
pub struct Kept {
    path: String,
    headers: HeaderMap,
}

impl Kept {
    /// Reads what [`keep`] made. What can be no header is left out.
    pub fn read(kept: &Value) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in kept.as_object().into_iter().flatten() {
            let (Ok(name), Some(Ok(value))) =
                (HeaderName::try_from(name.as_str()), value.as_str().map(HeaderValue::from_str))
            else {
                continue;
            };
            headers.insert(name, value);
        }
        Self { path: kept[PATH].as_str().unwrap_or_default().to_owned(), headers }
    }

    /// The request, with the body that was kept beside it.
    pub fn request<'a>(&'a self, body: &'a [u8]) -> Request<'a> {
        Request { method: "POST", uri: &self.path, headers: &self.headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_without_what_opens_a_door() {
        let mut headers = HeaderMap::new();
        headers.insert("x-shopify-topic", HeaderValue::from_static("orders/paid"));
        headers.insert("authorization", HeaderValue::from_static("Bearer secret"));
        headers.insert("cookie", HeaderValue::from_static("session=secret"));
        headers.insert(asana::HANDSHAKE, HeaderValue::from_static("secret"));
        headers.append("x-shopify-event-id", HeaderValue::from_static("1"));
        headers.append("x-shopify-event-id", HeaderValue::from_static("2"));
        let kept = Kept::read(&keep("/webhook/shopify", &headers));
        let request = kept.request(b"{}");
        assert_eq!((request.uri, request.body), ("/webhook/shopify", &b"{}"[..]));
        assert_eq!(request.headers.len(), 2);
        assert_eq!(request.headers["x-shopify-event-id"], "1,2");
        assert_eq!(request.headers["x-shopify-topic"], "orders/paid");
    }
}
