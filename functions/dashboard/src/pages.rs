//! The pages: files that the build has put into the binary, each in the form that the browser takes. Whatever is no file
//! is a page's own address, for which there is one file.

use lambda_http::{
    Body, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use zixly_lambda_kit::problem::Problem;

use crate::{DashboardConfig, answers::takes};

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

struct File {
    path: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

const PAGE: &str = "index.html";

/// The file at `path`.
pub(crate) fn find(path: &str, request: &Request) -> Response<Body> {
    let name = path.trim_start_matches('/');
    let is_asset = name.starts_with("assets/");
    let found = FILES.iter().find(|file| file.path == name);
    match found.or_else(|| FILES.iter().find(|file| file.path == PAGE && !is_asset)) {
        Some(file) => served(file, request),
        None if is_asset => {
            Problem::new(StatusCode::NOT_FOUND, format!("There is no file {path}. Load the page again."))
                .into_response()
        }
        None => {
            let detail = "This dashboard was built without its pages. Run `make setup` and build it again.";
            Problem::new(StatusCode::NOT_FOUND, detail).into_response()
        }
    }
}

/// What a page may do: nothing that it does not do. It calls Supabase Auth, the pipeline API and the WebSocket, and
/// fetches results from S3.
pub(crate) fn policy(config: &DashboardConfig) -> HeaderValue {
    let others = [
        config.auth_issuer.as_deref(),
        Some(config.webhook_url.as_str()),
        config.websocket_url.as_deref(),
        Some(config.payload_origin.as_str()),
    ];
    let others: String =
        others.into_iter().flatten().filter_map(origin).map(|origin| format!(" {origin}")).collect();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         font-src 'self'; manifest-src 'self'; connect-src 'self'{others}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn served(file: &File, request: &Request) -> Response<Body> {
    let (encoding, bytes) = match file {
        File { brotli: Some(bytes), .. } if takes(request, "br") => (Some("br"), *bytes),
        File { gzip: Some(bytes), .. } if takes(request, "gzip") => (Some("gzip"), *bytes),
        _ => (None, file.plain),
    };
    // The name of an asset changes with its content.
    let caching =
        if file.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut answer = Response::builder()
        .header(header::CONTENT_TYPE, content_type(file.path))
        .header(header::CACHE_CONTROL, caching)
        .header(header::VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        answer = answer.header(header::CONTENT_ENCODING, encoding);
    }
    answer.body(Body::from(bytes)).expect("the headers are valid")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// `https://host:port` of an address.
fn origin(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    Some(&url[..scheme.len() + "://".len() + host.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_an_address_without_its_path() {
        assert_eq!(origin("https://x.supabase.co/auth/v1"), Some("https://x.supabase.co"));
        assert_eq!(origin("ws://127.0.0.1:4566"), Some("ws://127.0.0.1:4566"));
        assert_eq!(origin("nonsense"), None);
    }
}
