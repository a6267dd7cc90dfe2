//! What a person sees whose consent came to nothing. The way back is a link, since nobody may send him anywhere.

use base64::{Engine, engine::general_purpose::STANDARD};
use lambda_http::{
    Body, Response,
    http::{HeaderValue, header},
};
use sha2::{Digest, Sha256};

use super::end::Failed;
use crate::App;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;\
color-scheme:light dark}h1{font-size:1.25rem}a{display:inline-block;margin-top:1rem;padding:.5rem 1rem;\
border:1px solid;border-radius:.375rem;color:inherit;text-decoration:none}";

/// What the page may do: nothing but look as it does.
pub(crate) fn policy() -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("it is plain text")
}

pub(super) fn failed(app: &App, failed: &Failed) -> Response<Body> {
    let (words, back) = (escaped(&failed.words), escaped(&app.config.page("/connections")));
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Not connected · Zixly</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><main><h1>Not connected</h1><p>{words}</p><a href=\"{back}\">Back to Connections</a></main></body></html>"
    );
    Response::builder()
        .status(failed.status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .body(Body::from(page))
        .expect("the headers are valid")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
