use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;

use crate::{
    Refusal,
    keys::{self, MAC_BYTES},
};

/// The one value of a header.
pub(crate) fn only<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<&'a [u8], Refusal> {
    let mut values = headers.get_all(header).iter();
    let value = values.next().ok_or(Refusal::MissingHeader { header })?.as_bytes();
    // The gateway joins repeated headers by a comma, which no value that is read here can contain.
    if values.next().is_some() || value.contains(&b',') {
        return Err(Refusal::RepeatedHeader { header });
    }
    Ok(value)
}

/// The signature in a header as base64: standard alphabet, padded, nothing around it.
pub(crate) fn base64_mac(headers: &HeaderMap, header: &'static str) -> Result<[u8; MAC_BYTES], Refusal> {
    let decoded = STANDARD.decode(only(headers, header)?).ok();
    decoded.and_then(|bytes| bytes.try_into().ok()).ok_or(Refusal::MalformedSignature { header })
}

/// The signature in a header as hex: small letters, nothing around it.
pub(crate) fn hex_mac(headers: &HeaderMap, header: &'static str) -> Result<[u8; MAC_BYTES], Refusal> {
    keys::mac_from_hex(only(headers, header)?).ok_or(Refusal::MalformedSignature { header })
}
