//! `ambit token` (B2): issued, held against the policies, and shown.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn ambit(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ambit")).current_dir(directory).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap().trim_end()
}

/// A key `ci.pem` for sessions, and a gateway that believes it.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let made = ambit(directory.path(), &["keygen", "-o", "ci.pem", "--sessions", "--owner", "release"]);
    let key: Value = serde_json::from_slice(&made.stdout).unwrap();
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
    let policies = directory.path().join("policies");
    std::fs::create_dir_all(policies.join("catalogs")).unwrap();
    std::fs::write(policies.join("catalogs/shop.json"), catalog.to_string()).unwrap();
    std::fs::write(policies.join("gateway.json"), gateway.to_string()).unwrap();
    std::fs::write(policies.join("agent-policy-20260101-price-agent.json"), page.to_string()).unwrap();
    directory
}

const NEW: [&str; 8] = ["token", "new", "--key", "ci.pem", "--agent", "price-agent", "--policies", "policies"];

#[test]
fn a_token_is_issued_and_shown() {
    let directory = directory();
    let narrowed = ["--ttl", "1h", "--session", "run-7", "--rules", "read,write", "--cap", "pace=2", "--for", "anna"];
    let issued = ambit(directory.path(), &[&NEW[..], &narrowed].concat());
    assert!(issued.status.success(), "{issued:?}");
    let token = text(&issued.stdout);
    let shown = ambit(directory.path(), &["token", "show", token, "--policies", "policies"]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let said: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(said["holds"], true);
    let claims = &said["claims"];
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["sid"], &claims["for"], life),
        (&json!("release"), &json!("shop-gateway"), &json!("run-7"), &json!("anna"), 3_600)
    );
    assert_eq!((&claims["rules"], &claims["caps"]), (&json!(["read", "write"]), &json!({ "pace": "2" })));

    let unverified = ambit(directory.path(), &["token", "show", token]);
    assert_eq!(unverified.status.code(), Some(0));
    assert!(text(&unverified.stderr).starts_with("not verified"), "{unverified:?}");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", "A".repeat(86));
    let shown = ambit(directory.path(), &["token", "show", &forged, "--policies", "policies"]);
    assert_eq!(shown.status.code(), Some(2));
    assert!(text(&shown.stderr).contains("is not what was signed"), "{shown:?}");
}

#[test]
fn a_session_without_a_name_gets_one_that_nobody_guesses() {
    let directory = directory();
    let session = || {
        let issued = ambit(directory.path(), &[&NEW[..], &["--ttl", "30m"]].concat());
        let said = text(&issued.stderr).to_owned();
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
        let output = ambit(directory.path(), &[&NEW[..], more].concat());
        assert_eq!(output.status.code(), Some(1), "{more:?}");
        assert!(output.stdout.is_empty() && text(&output.stderr).contains(expect), "{more:?}: {output:?}");
    }
    let away = ["token", "new", "--key", "ci.pem", "--agent", "a", "--ttl", "1h", "--gateway", "shop-gateway"];
    let guessed = ambit(directory.path(), &away);
    assert_eq!((guessed.status.code(), guessed.stdout.len()), (Some(1), 0));
    assert!(text(&guessed.stderr).contains("--gateway needs --issuer too"), "{guessed:?}");
    let issued = ambit(directory.path(), &[&away[..], &["--issuer", "release"]].concat());
    assert!(issued.status.success(), "{issued:?}");
    let output = ambit(directory.path(), &["token", "show", "nonsense"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}
