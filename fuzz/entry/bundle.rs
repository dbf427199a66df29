//! Entry: bytes as a bundle. The first byte says how:
//!
//! - `e`: the rest edits the payload of a real bundle, three bytes an edit: the place (two, little endian, modulo the
//!   length) and the new byte. The digest is made to fit. So inputs outlive a change of the format.
//! - `p`: the rest is a payload, its digest made to fit.
//! - anything else: all of it is the bundle.
//!
//! A set that loads must judge without a panic, whatever is in it.

use std::sync::{Arc, LazyLock};

use policy_core::bundle;
use serde_json::Value;

use super::documents::{sealed, small};
use super::drive::judge;
use super::message::read;

/// Requests that reach rows, filters, limits and forbids.
const REQUESTS: [&str; 5] = [
    "GET /v3/products/1?context=x\nhost: shop.example.com\nx-agent-name: agent",
    "PUT /v3/products/1\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json\n\n{\"price\":\"5\",\"stock\":2,\"category\":\"games\"}",
    "PUT /v3/products/1\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json\n\n{\"name\":\"a b\",\"category\":\"toys\",\"price\":5}",
    "POST /v3/products/batch\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json\n\n{\"update\":[{\"id\":1,\"price\":1,\"stock\":0,\"category\":\"games\"}],\"delete\":[3]}",
    "PUT /v3/orders/1\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json\n\n{\"status\":\"paid\"}",
];

static BUNDLE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(&sealed(&small())).expect("an envelope is JSON"));
static PAYLOAD: LazyLock<Vec<u8>> =
    LazyLock::new(|| decoded(BUNDLE["payload"].as_str().expect("an envelope has a payload")));

/// Loads the bundle, and judges by it.
pub fn run(bytes: &[u8]) {
    let bundle = match bytes.split_first() {
        Some((b'e', edits)) => with_payload(&edited(edits)),
        Some((b'p', payload)) => with_payload(payload),
        _ => bytes.to_vec(),
    };
    let set = match bundle::load(&bundle) {
        Ok(set) => Arc::new(set),
        Err(why) => {
            let why = why.to_string();
            assert!(!why.is_empty() && !why.contains('\n'), "a refusal is one line: {why}");
            return;
        }
    };
    for request in REQUESTS {
        let _ = judge(&set, &read(request.as_bytes()));
    }
}

fn edited(edits: &[u8]) -> Vec<u8> {
    let mut payload = PAYLOAD.clone();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % payload.len();
        payload[place] = edit[2];
    }
    payload
}

fn with_payload(payload: &[u8]) -> Vec<u8> {
    let (digest, payload) = (bundle::digest_of(payload), encoded(payload));
    format!(r#"{{"format":"{}","digest":"{digest}","payload":"{payload}"}}"#, bundle::FORMAT).into_bytes()
}

/// RFC 4648 §4.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
        let digit = |byte: &u8| ALPHABET.iter().position(|known| known == byte).expect("base64") as u32;
        let group = chunk.iter().fold(0u32, |group, byte| group << 6 | digit(byte)) << (6 * (4 - chunk.len()));
        bytes.extend_from_slice(&group.to_be_bytes()[1..chunk.len()]);
    }
    bytes
}
