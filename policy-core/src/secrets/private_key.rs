//! Private key blocks: PEM (RFC 7468; RFC 1421 headers) and OpenPGP armor (RFC 9580).
//!
//! The marker alone is no key: texts about keys quote it. A block is a marker with something behind it that can be a
//! key's first line.

use super::stretch::run;
use super::tokens::varied;

const BEGIN: &[u8] = b"-----BEGIN ";
const LABELS: [&[u8]; 2] = [b"PRIVATE KEY", b"PRIVATE KEY BLOCK"];

/// Headers between the marker and the key, when it is encrypted or armored.
const HEADERS: [&[u8]; 5] = [b"Proc-Type:", b"DEK-Info:", b"Version:", b"Comment:", b"Hash:"];

/// Whether a private key block begins at `at`.
pub(super) fn begins(bytes: &[u8], at: usize) -> bool {
    let Some(rest) = bytes.get(at..).and_then(|rest| rest.strip_prefix(BEGIN)) else {
        return false;
    };
    let label = run(rest, 0, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let private = LABELS
        .iter()
        .any(|known| label.strip_suffix(*known).is_some_and(|kind| kind.is_empty() || kind.ends_with(b" ")));
    let behind = rest.get(label.len()..).and_then(|rest| rest.strip_prefix(b"-----"));
    private && behind.is_some_and(holds_key)
}

/// Whether what follows the marker can be a key.
fn holds_key(behind: &[u8]) -> bool {
    let (line, newline) = past_blanks(behind);
    if HEADERS.iter().any(|header| line.starts_with(header)) {
        return true;
    }
    let key = run(line, 0, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
    // Every PKCS #1 and PKCS #8 key of the usual sizes begins so: a DER SEQUENCE of 256 bytes and more.
    if key.starts_with(b"MII") || (key.len() >= 16 && varied(key)) {
        return true;
    }
    // A line of its own that holds nothing but base64.
    let end = line.get(key.len()..).unwrap_or_default();
    newline
        && !key.is_empty()
        && (end.is_empty() || end.starts_with(b"\n") || end.starts_with(b"\r") || end.starts_with(b"\\n"))
}

/// What follows blanks, and whether a line ended among them. Texts that were escaped twice spell the end of a line as
/// a backslash and a letter.
fn past_blanks(mut text: &[u8]) -> (&[u8], bool) {
    let mut newline = false;
    loop {
        text = match text {
            [b'\n' | b'\r', rest @ ..] | [b'\\', b'n' | b'r', rest @ ..] => {
                newline = true;
                rest
            }
            [b' ' | b'\t', rest @ ..] => rest,
            _ => return (text, newline),
        };
    }
}
