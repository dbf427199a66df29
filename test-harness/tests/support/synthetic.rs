//! Policy sets of any size, and the two requests every measurement uses.

use policy_core::compile::{Source, SourceKind, compile};

/// A bundle whose one page has `rules` permits, each for its own resource.
pub(crate) fn bundle(rules: usize) -> Vec<u8> {
    let mut resources = Vec::new();
    let mut permits = Vec::new();
    for n in 0..rules {
        resources.push(format!(
            r#""r{n}": {{ "fields": {{ "price": {{ "at": "/price", "type": "decimal" }}, "note": {{ "at": "/note", "type": "string" }} }},
                "actions": {{ "get": {{ "endpoints": ["GET /r{n}/{{id}}"], "effect": "read" }},
                              "update": {{ "endpoints": ["PUT /r{n}/{{id}}"], "effect": "gate" }} }} }}"#
        ));
        permits.push(format!(
            r#"{{ "id": "p{n}", "scope": ["api:r{n}.get", "api:r{n}.update"], "fields": {{ "only": ["price", "note"] }},
                "limits": [ {{ "field": "price", "min": 1, "max": "500.00" }}, {{ "field": "note", "length": {{ "max": 2000 }} }} ] }}"#
        ));
    }
    let source = |name: &str, kind, text| Source { name: name.into(), kind, text };
    let compiled = compile(&[
        source(
            "gateway.json",
            SourceKind::Gateway,
            r#"{ "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }] }"#.into(),
        ),
        source(
            "catalog.json",
            SourceKind::Catalog,
            format!(r#"{{ "catalog": "synthetic", "base": "/v1", "resources": {{ {} }} }}"#, resources.join(",")),
        ),
        source(
            "template.json",
            SourceKind::Template,
            format!(
                r#"{{ "ambit": "v1", "agent": {{ "name": "agent", "purpose": "to be measured", "impact": "low" }}, "version": "1",
                    "valid": {{ "from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z" }}, "mode": "enforce",
                    "apis": {{ "api": {{ "catalog": "synthetic", "hosts": ["api.example.com"] }} }},
                    "permit": [ {} ], "owners": {{ "product": "nobody@example.com" }} }}"#,
                permits.join(",")
            ),
        ),
    ]);
    let set = compiled.set.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics.first()));
    policy_core::bundle::seal(&set).expect("a compiled set seals")
}

/// When the measured requests arrive, in nanoseconds since the Unix epoch.
pub(crate) const NOW: u64 = 1_790_000_000_000_000_000;

/// Head and body of a read without a body.
pub(crate) fn read(rules: usize) -> (Vec<(String, String)>, Option<Vec<u8>>) {
    (head("GET", rules, None), None)
}

/// Head and body of a write with a body of 1 KiB.
pub(crate) fn write(rules: usize) -> (Vec<(String, String)>, Option<Vec<u8>>) {
    let mut body = br#"{"price":"19.99","note":""#.to_vec();
    body.resize(1022, b'x');
    body.extend(br#""}"#);
    (head("PUT", rules, Some(body.len())), Some(body))
}

/// A head as a real client's: a dozen headers.
fn head(method: &str, rules: usize, length: Option<usize>) -> Vec<(String, String)> {
    let path = format!("/v1/r{}/42", rules / 2);
    let mut head: Vec<(String, String)> = [
        (":method", method),
        (":path", path.as_str()),
        (":authority", "api.example.com"),
        (":scheme", "https"),
        ("user-agent", "python-httpx/0.28.1"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate"),
        ("x-agent-name", "agent"),
        ("x-request-id", "41c75889-64d6-4f78-a60a-cfd723da4f2c"),
        ("x-forwarded-for", "192.0.2.2"),
        ("x-forwarded-proto", "https"),
    ]
    .map(|(name, value)| (name.to_string(), value.to_string()))
    .into();
    if let Some(length) = length {
        head.push(("content-type".into(), "application/json".into()));
        head.push(("content-length".into(), length.to_string()));
    }
    head
}
