//! `ambit token` (B2): issued, held against the policies, and shown.

use serde_json::{Value, json};

use crate::ambit::ambit_in;
use crate::policy_directory;

/// A folder with the key `ci.pem` for sessions, and `policies` of a gateway that believes it.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let (_, entry, _) = ambit_in(directory.path(), &["keygen", "-o", "ci.pem", "--sessions", "--owner", "release"]);
    let key: Value = serde_json::from_str(&entry).unwrap();
    let gateway = json!({
        "ambit": "gateway-v1", "name": "shop-gateway", "keys": [key],
        "identity": [{ "session_token": { "header": "authorization" } }],
    });
    let page = json!({
        "ambit": "v1", "agent": { "name": "price-agent", "purpose": "a test", "impact": "low" }, "version": "1",
        "valid": { "from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z" }, "mode": "enforce",
        "apis": { "shop": { "catalog": "shop", "hosts": ["shop.example.com"] } },
        "permit": [
            { "id": "read", "scope": "shop:products.get" },
            { "id": "write", "scope": "shop:products.update", "fields": "any",
              "counters": [{ "id": "pace", "count": "requests", "max": 5, "window": "1h" }] },
        ],
        "owners": { "product": "a team" },
    });
    let catalog = json!({ "catalog": "shop", "resources": { "products": { "key": "path.id", "actions": {
        "get": { "endpoints": ["GET /products/{id}"], "effect": "read" },
        "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" },
    } } } });
    let [gateway, catalog, page] = [gateway, catalog, page].map(|document| document.to_string());
    policy_directory::write(
        &directory.path().join("policies"),
        &[
            ("gateway.json", &gateway),
            ("catalogs/shop.json", &catalog),
            ("agent-policy-20260101-price-agent.json", &page),
        ],
    );
    directory
}

const NEW: [&str; 8] = ["token", "new", "--key", "ci.pem", "--agent", "price-agent", "--policies", "policies"];

#[test]
fn a_token_is_issued_and_shown() {
    let directory = directory();
    let narrowed = ["--ttl", "1h", "--session", "run-7", "--rules", "read,write", "--cap", "pace=2", "--for", "anna"];
    let (code, token, err) = ambit_in(directory.path(), &[&NEW[..], &narrowed].concat());
    assert_eq!(code, 0, "{err}");
    let token = token.trim_end();
    let show = |token: &str, more: &[&str]| ambit_in(directory.path(), &[&["token", "show", token], more].concat());
    let (code, out, err) = show(token, &["--policies", "policies"]);
    assert_eq!(code, 0, "{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["holds"], true);
    let claims = &said["claims"];
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["sid"], &claims["for"], life),
        (&json!("release"), &json!("shop-gateway"), &json!("run-7"), &json!("anna"), 3_600)
    );
    assert_eq!((&claims["rules"], &claims["caps"]), (&json!(["read", "write"]), &json!({ "pace": "2" })));

    let (code, _, err) = show(token, &[]);
    assert_eq!(code, 0);
    assert!(err.starts_with("not verified"), "{err}");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    let (code, _, err) = show(&forged, &["--policies", "policies"]);
    assert_eq!(code, 2);
    assert!(err.contains("is not what was signed"), "{err}");
}

#[test]
fn a_session_without_a_name_gets_one_that_nobody_guesses() {
    let directory = directory();
    let session = || {
        let (_, _, said) = ambit_in(directory.path(), &[&NEW[..], &["--ttl", "30m"]].concat());
        said.strip_prefix("session ").and_then(|said| said.split(' ').next()).unwrap().to_owned()
    };
    let (one, two) = (session(), session());
    assert!(one.len() == 32 && one != two, "{one} {two}");
}

#[test]
fn mistakes_say_what_to_write_instead() {
    let directory = directory();
    for (more, expect) in [
        (&["--ttl", "31d"][..], "--ttl takes a duration of at most 30d"),
        (&["--ttl", "soon"], "--ttl takes a duration"),
        (&["--ttl", "1h", "--session", "a b"], "--session takes 1 to 128 visible ASCII characters"),
        (&["--ttl", "1h", "--cap", "pace"], "--cap takes COUNTER=MAX"),
        (&["--ttl", "1h", "--cap", "pace=1", "--cap", "pace=4"], "--cap names the counter `pace` twice"),
        (&["--ttl", "1h", "--cap", "speed=1"], "the gateway would refuse it: the session caps `speed`"),
        (&["--ttl", "1h", "--rules", "reed"], "the page has no permit `reed`; there is read, write"),
        (&["--ttl", "1h", "--key-id", "other"], "no key `other` of the gateway document signs sessions"),
    ] {
        let (code, token, err) = ambit_in(directory.path(), &[&NEW[..], more].concat());
        assert_eq!((code, token.as_str()), (1, ""), "{more:?}");
        assert!(err.contains(expect), "{more:?}: {err}");
    }
    let away = ["token", "new", "--key", "ci.pem", "--agent", "a", "--ttl", "1h", "--gateway", "shop-gateway"];
    let (code, token, err) = ambit_in(directory.path(), &away);
    assert_eq!((code, token.as_str()), (1, ""));
    assert!(err.contains("--gateway needs --issuer too"), "{err}");
    let (code, _, err) = ambit_in(directory.path(), &[&away[..], &["--issuer", "release"]].concat());
    assert_eq!(code, 0, "{err}");
    let (code, shown, _) = ambit_in(directory.path(), &["token", "show", "nonsense"]);
    assert_eq!((code, shown.as_str()), (1, ""));
}
