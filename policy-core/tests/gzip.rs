//! Compressed bodies, where a page takes them: what is inflated is judged, and only what every reader inflates alike.

mod support;

use std::sync::Arc;

use miniz_oxide::deflate::compress_to_vec;
use policy_core::PolicySet;
use support::approving::{on, with};
use support::pages::shop;
use support::{Request, check, check_all, json, judge, request};

const LINE: &str = "PUT /v3/products/1";
const PERMIT: &str = r#""permit": [{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["name", "price"] },
    "limits": [{ "field": "price", "max": 10 }] }]"#;

fn set() -> Arc<PolicySet> {
    shop(&format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ "gzip": true }} }} }}, {PERMIT} }}"#))
}

/// CRC-32 bit by bit, as RFC 1952 §8 describes it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn gzip(text: &str) -> Vec<u8> {
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    bytes.extend(compress_to_vec(text.as_bytes(), 6));
    bytes.extend(crc32(text.as_bytes()).to_le_bytes());
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes
}

fn packed(bytes: Vec<u8>) -> Request {
    let length = bytes.len().to_string();
    json(LINE, "").header("content-encoding", "gzip").header("content-length", length).body(bytes)
}

#[test]
fn what_is_inflated_is_judged() {
    let set = set();
    check_all(
        &set,
        &[
            (packed(gzip(r#"{"price":"9"}"#)), "allow w"),
            (packed(gzip(r#"{"price":"9"}"#)).set("content-encoding", Some("GZIP")), "allow w"),
            (packed(gzip(r#"{"price":"11"}"#)), "deny w: envelope_exceeded /price"),
            (packed(gzip(r#"{"price":"9","price":"11"}"#)), "deny: body_duplicate_key"),
            (packed(gzip(r#"{"stock":1}"#)), "deny w: field_not_allowed /stock"),
            (packed(gzip("{")), "deny: body_unparsable"),
            // Bodies that are not compressed are judged as ever.
            (json(LINE, r#"{"price":"9"}"#), "allow w"),
            (json(LINE, r#"{"price":"9"}"#).header("content-encoding", "identity"), "allow w"),
            // The announced length is that of the bytes on the wire.
            (packed(gzip(r#"{"price":"9"}"#)).set("content-length", Some("13")), "deny: body_not_seen"),
        ],
    );
}

/// A page says so, or nothing is inflated.
#[test]
fn without_the_loosening_nothing_is_inflated() {
    for given in [r#""gzip": false"#, ""] {
        let set = shop(&format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ {given} }} }} }}, {PERMIT} }}"#));
        let outcome = judge(&set, &packed(gzip(r#"{"price":"9"}"#)));
        assert_eq!(outcome.reasons[0].code.text(), "content_encoding");
        assert!(!outcome.forward);
    }
}

/// Some readers stop where others go on, and some do not inflate at all.
#[test]
fn what_readers_read_in_two_ways_is_refused() {
    let set = set();
    let good = gzip(r#"{"price":"9"}"#);
    let other = gzip(r#"{"price":"11"}"#);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        let at = if at < 10 { at } else { bytes.len() + 10 - at };
        bytes[at] ^= byte;
        bytes
    };
    for (what, bytes) in [
        ("plain JSON under a label that lies", br#"{"price":"11"}"#.to_vec()),
        ("two members", [good.clone(), other.clone()].concat()),
        ("the same member twice", [good.clone(), good.clone()].concat()),
        ("a byte behind", [&good[..], b"\0"].concat()),
        ("a member cut off", good[..good.len() - 1].to_vec()),
        ("a wrong checksum", with(18, 1)),
        ("a wrong length", with(14, 1)),
        ("a reserved flag", with(3, 0x80)),
        ("another method", with(2, 1)),
        ("zlib", miniz_oxide::deflate::compress_to_vec_zlib(b"{}", 6)),
        ("nothing inside", gzip("")),
    ] {
        let outcome = judge(&set, &packed(bytes));
        assert_eq!(outcome.decision.name(), "deny", "{what}");
        let code = outcome.reasons[0].code.text();
        assert_eq!(code, "content_encoding", "{what}");
    }
    for encoding in ["deflate", "br", "x-gzip", "gzip, gzip", "gzip, identity", "gzip;q=1", ""] {
        let outcome = judge(&set, &packed(good.clone()).set("content-encoding", Some(encoding)));
        assert_eq!(outcome.reasons[0].code.text(), "content_encoding", "{encoding}");
    }
}

/// The limit is that of the text, not of the bytes on the wire (1 KiB here).
#[test]
fn bombs_are_refused() {
    let set = set();
    let named = |length: usize| packed(gzip(&format!(r#"{{"name":"{}"}}"#, "a".repeat(length - 11))));
    check(&set, &named(1024), "allow w");
    check(&set, &named(1025), "deny: body_too_large");
    check(&set, &named(1 << 22), "deny: body_too_large");
    assert_eq!(
        judge(&set, &named(1025)).reasons[0].message,
        "the body inflates to more than the 1024 bytes that are judged; send less in one request"
    );
    let mut lying = gzip(&format!(r#"{{"name":"{}"}}"#, "a".repeat(1 << 20)));
    assert!(lying.len() > 1024, "too large on the wire as well");
    check(&set, &packed(lying.clone()), "deny: body_too_large");
    let at = lying.len() - 4;
    lying[at..].copy_from_slice(&64u32.to_le_bytes());
    let wide =
        shop(&format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ "gzip": true, "body_kib": 16 }} }} }}, {PERMIT} }}"#));
    check(&wide, &packed(lying), "deny: content_encoding");
}

#[test]
fn reads_have_no_body_however_it_is_packed() {
    let set = shop(
        r#"{ "apis": { "shop": { "loosen": { "gzip": true } } }, "permit": [{ "id": "r", "scope": "shop:products.read" }] }"#,
    );
    let get = request("GET /v3/products/1").header("content-encoding", "gzip");
    check(&set, &get.clone().body(gzip("{}")), "deny: body_on_read");
    check(&set, &get.body(""), "allow r");
}

/// A21: a secret is found in what the upstream will inflate.
#[test]
fn secrets_in_compressed_bodies() {
    let set = set();
    let key = "sk_live_51H8abcdEFGHijklMNOPqrstUVWX";
    check(&set, &packed(gzip(&format!(r#"{{"name":"{key}"}}"#))), "deny: secret_found /name");
    let escaped = key.replacen("li", "\\u006ci", 1);
    check(&set, &packed(gzip(&format!(r#"{{"name":"see {escaped}"}}"#))), "deny: secret_found /name");
    check(&set, &packed(gzip(r#"{"name":"pk_live_51H8abcdEFGHijklMNOPqrstUVWX"}"#)), "allow w");
}

/// B4: what a person approves is the bytes on the wire, not what they hold.
#[test]
fn a_ticket_binds_the_compressed_bytes() {
    let mut gateway = on(r#"{ "apis": { "store": { "loosen": { "gzip": true } } },
        "permit": [{ "id": "any", "scope": "store:products.create", "fields": "any", "approval": "manager" }] }"#);
    let text = r#"{"price":"9"}"#;
    let posted = |bytes: Vec<u8>| {
        let length = bytes.len().to_string();
        json("POST /v1/products", "")
            .set("content-encoding", Some("gzip"))
            .set("content-length", Some(&length))
            .body(bytes)
    };
    let bytes = gzip(text);
    let ticket = gateway.held(&posted(bytes.clone()));
    assert_eq!(ticket.body, policy_core::approval::digest(&bytes));
    let grant = gateway.grant(&ticket, "manager", "mia");
    // The same text, compressed otherwise: its header says another file system.
    let mut otherwise = bytes.clone();
    otherwise[9] = 3;
    let outcome = gateway.send(&with(&posted(otherwise), &grant), support::counting::DONE);
    assert_eq!(outcome.decision.name(), "deny", "{outcome:#?}");
    assert!(outcome.reasons[0].message.contains("is for another body"), "{outcome:#?}");
    gateway.check(&with(&posted(bytes), &grant), "allow any");
}
