//! Values that recordings write as text: points in time, and bytes.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;

use super::json::Fault;

/// A point in time by RFC 3339.
pub(super) fn timestamp(member: &str, text: &[u8]) -> Result<Timestamp, Fault> {
    let text = String::from_utf8_lossy(text);
    text.parse().map_err(|_| {
        let text: String = text.chars().take(40).collect();
        Fault(format!("`{member}` is `{}`, not a date and time by RFC 3339", text.escape_debug()))
    })
}

/// Base64 as protobuf readers take it: either alphabet, padding or none.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
    const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
    PLAIN.decode(text).or_else(|_| URL.decode(text)).ok()
}
