//! Mistakes in a gateway document's keys, control route and pauses: what is said, and where (E1).

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::compile::SourceKind;
use serde_json::{Value, json};
use support::pages::{shop_page, sources};
use support::{diagnosed, source};

const PUBLIC: &str = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";
const OTHER: &str = "E5jyrKYDitVtgNkI3YbtPvJzO7TGk0iHvydMlqECFm0";

const NO_COMMANDS: &str = "nobody may command this gateway: no key has `control`, and none has `sessions` | give a key `\"control\": true`: `ambit keygen --control` makes one | \"control\"";

fn key(more: Value) -> Value {
    merged(json!({ "id": "ops", "public_key": PUBLIC, "control": true }), more)
}

fn merged(mut value: Value, more: Value) -> Value {
    let members = value.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    members.retain(|_, value| !value.is_null());
    value
}

/// A page on the shop for which nobody needs to sign.
fn unapproved(members: &str) -> String {
    let mut page: Value = serde_json::from_str(&shop_page(members)).expect("a page");
    page.as_object_mut().expect("an object").remove("approvers");
    page.to_string()
}

/// A sound document with these members in place of its own; `null` takes one out.
#[track_caller]
fn said(more: Value, expect: &[&str]) {
    let document = json!({
        "ambit": "gateway-v1", "identity": [{ "header": "x-agent" }], "name": "g1",
        "keys": [key(json!({}))], "control": { "path": "/.ambit/control" },
    });
    let mut sources = sources(&[unapproved(r#"{ "permit": [{ "id": "read", "scope": "shop:products.read" }] }"#)]);
    sources[0] = source(SourceKind::Gateway, merged(document, more).to_string());
    assert_eq!(diagnosed(&sources), expect);
}

#[test]
fn a_sound_document_says_nothing() {
    said(json!({}), &[]);
    said(
        json!({ "paused": [{ "agent": "agent" }, { "all": true, "what": "writes", "until": "2027-01-01T00:00:00Z" }] }),
        &[],
    );
    // Keys that follow each other, and one that both begins sessions and commands.
    let keys = [
        key(json!({ "until": "2027-01-01T00:00:00Z" })),
        key(json!({ "id": "ops-2", "public_key": OTHER, "sessions": true })),
    ];
    said(json!({ "keys": keys }), &[]);
}

#[test]
fn keys_are_of_somebody_and_for_something() {
    let approve = "who begins sessions or commands the gateway does not approve: make a key for each duty";
    for (more, expect) in [
        (
            json!({ "id": "a b" }),
            "`a b` is not 1 to 128 visible ASCII characters | write it without blanks, like `lead-2026` | \"a b\"",
        ),
        (
            json!({ "owner": "" }),
            "`` is not 1 to 128 visible ASCII characters | write it without blanks, like `lead-2026` | \"\"",
        ),
        (
            json!({ "public_key": "AAAA" }),
            "`AAAA` is not an Ed25519 public key in base64url | `ambit keygen` makes a key, and prints this | \"AAAA\"",
        ),
        (
            json!({ "from": "2026-01-01" }),
            "`2026-01-01` is not a time | write RFC 3339 in UTC: 2026-01-31T00:00:00Z | \"2026-01-01\"",
        ),
        (
            json!({ "from": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z" }),
            "the key is never valid: `until` is not after `from` | write a later time, or swap the two | \"2026-01-02T00:00:00Z\"",
        ),
    ] {
        said(json!({ "keys": [key(more)] }), &[expect]);
    }
    let both = format!("the key `ops` approves, and begins sessions or commands the gateway | {approve} | \"roles\"");
    said(json!({ "keys": [key(json!({ "roles": ["finance"], "owner": "anna" }))] }), &[&both]);
    let idle = "the key `ops` may sign nothing | give it `roles`, `sessions` or `control` | {";
    said(json!({ "keys": [key(json!({ "control": null }))] }), &[NO_COMMANDS, idle]);
    // Whoever holds a token of a session may end it there.
    said(json!({ "keys": [key(json!({ "control": null, "sessions": true }))] }), &[]);
    let twice = [key(json!({})), key(json!({ "public_key": OTHER }))];
    said(
        json!({ "keys": twice }),
        &[
            "two keys are named `ops` | keys that follow each other need ids of their own: both hold while their times overlap | \"ops\"",
        ],
    );
    let twin = [
        key(json!({})),
        key(json!({ "id": "anna", "control": null, "roles": ["finance"], "owner": "anna@example.com" })),
    ];
    let same = format!("`ops` is the same key, and has other duties | {approve} | \"{PUBLIC}\"");
    said(json!({ "keys": twin }), &[&same]);
}

fn approver(id: &str, public: &str, role: &str, owner: Value) -> Value {
    json!({ "id": id, "public_key": public, "roles": [role], "owner": owner })
}

/// B4: one key is one person, whatever it is named.
#[test]
fn a_key_does_not_pass_for_two_people() {
    let once = "name a key once, with all of its roles; who renews a key makes a new one";
    let expect = format!("`anna` is the same key: two people who approve have two keys | {once} | \"{PUBLIC}\"");
    for (role, owner) in [("owner", "bo"), ("owner", "anna"), ("finance", "anna")] {
        let twins = [approver("anna", PUBLIC, "finance", json!("anna")), approver("bo", PUBLIC, role, json!(owner))];
        said(json!({ "keys": twins }), &[NO_COMMANDS, &expect]);
    }
    // One person may have two keys.
    let two = [approver("anna", PUBLIC, "finance", json!("anna")), approver("anna-2", OTHER, "owner", json!("anna"))];
    said(json!({ "keys": two, "control": null }), &[]);
}

/// B4: who is to approve nothing that is done for them has a name.
#[test]
fn who_approves_has_an_owner() {
    let mut key = approver("anna", PUBLIC, "finance", json!(null));
    key.as_object_mut().expect("an object").remove("owner");
    said(
        json!({ "keys": [key], "control": null }),
        &[
            "warning: the key `anna` approves, and has no `owner` | write `\"owner\"`, as sessions name the person in `for`: nobody approves what is done for them | {",
        ],
    );
}

/// B4: what nobody can sign for is refused for ever.
#[test]
fn a_role_of_a_page_has_a_key() {
    let page = r#"{ "approvers": { "finence": { "expires": "10m" }, "boss": { "expires": "10m" } },
        "permit": [{ "id": "read", "scope": "shop:products.read", "approval": "boss" },
                   { "id": "write", "scope": "shop:products.update", "fields": "any", "approval": "finence" }] }"#;
    let with = |keys: Value| {
        let gateway =
            json!({ "ambit": "gateway-v1", "identity": [{ "header": "x-agent" }], "name": "g1", "keys": keys });
        let mut sources = sources(&[shop_page(page)]);
        sources[0] = source(SourceKind::Gateway, gateway.to_string());
        diagnosed(&sources)
    };
    let none = with(json!([]));
    assert!(none.iter().all(|said| !said.contains("has the role")), "{none:?}");
    let said = with(json!([approver("anna", PUBLIC, "finance", json!("anna"))]));
    for expect in [
        "warning: no key of the gateway has the role `finence`: nobody can approve for it | did you mean `finance`?",
        "warning: no key of the gateway has the role `boss`: nobody can approve for it | add it to the `roles` of a key",
    ] {
        assert_eq!(said.iter().filter(|said| said.starts_with(expect)).count(), 1, "{expect}\n{said:?}");
    }
}

#[test]
fn signed_messages_need_a_name_for_the_gateway() {
    said(
        json!({ "name": null }),
        &[
            "a gateway with keys needs a name | write `\"name\"`: signed messages say which gateway they are for | \"keys\"",
        ],
    );
    said(
        json!({ "name": "a b" }),
        &[
            "`a b` is not a name: 1 to 128 visible ASCII characters | write it without blanks, like `gateway-1` | \"a b\"",
        ],
    );
}

#[test]
fn the_control_route_is_a_path_of_its_own() {
    for path in ["", "/", "ambit", "/a//b", "/a/", "/a/../b", "/a%2fb", "/a?b", "/a;b", "/ä"] {
        let expect = format!("`{}` is not such a path", if path == "/ä" { "/\\u{e4}" } else { path });
        let expect = format!("{expect} | write a path of its own, such as `/.ambit/control` | {}", json!(path));
        said(json!({ "control": { "path": path } }), &[&expect]);
    }
    said(
        json!({ "control": { "path": "/c", "host": "a b" } }),
        &["`a b` is not a host | write `gateway.example.com` or `gateway.example.com:8443` | \"a b\""],
    );
    let shadowed = "warning: an endpoint on `shop.example.com` that the page of `agent` speaks of has this path too: no request will reach it \
                    | write a path of its own, such as `/.ambit/control` | \"/v3/products/7\"";
    said(json!({ "control": { "path": "/v3/products/7" } }), &[shadowed]);
    said(json!({ "control": { "path": "/v3/products/7", "host": "gateway.example.com" } }), &[]);
    said(
        json!({ "control": null }),
        &[
            "warning: the key signs commands, and this gateway has no route that takes them | add `\"control\": { \"path\": \"/.ambit/control\" }` | true",
        ],
    );
}

#[test]
fn a_pause_is_of_somebody() {
    let who = "a pause is of one agent or of all | write `\"agent\": \"NAME\"` or `\"all\": true` | {";
    for (pause, expect) in [
        (json!({}), who),
        (json!({ "agent": "agent", "all": true }), who),
        (json!({ "all": false }), who),
        (json!({ "agent": "agnet" }), "unknown agent `agnet` | did you mean `agent`? | \"agnet\""),
        (
            json!({ "all": true, "reason": "a\u{7}b" }),
            "a reason is one line of at most 200 bytes | write it shorter, without line breaks | \"a\\u0007b\"",
        ),
        (
            json!({ "all": true, "until": "soon" }),
            "`soon` is not a time | write RFC 3339 in UTC: 2026-01-31T00:00:00Z | \"soon\"",
        ),
        (json!({ "all": true, "what": "reads" }), "unknown value `reads` | one of: `writes`, `everything` | \"reads\""),
    ] {
        said(json!({ "paused": [pause] }), &[expect]);
    }
    let many = vec![json!({ "all": true }); policy_core::limits::PAUSES + 1];
    said(json!({ "paused": many }), &["more than 200 pauses | pause `all` | \"paused\""]);
}

/// A rule that needs a session refuses everything where no source names one: whoever writes it is told.
#[test]
fn rules_that_need_a_session_need_a_source_of_sessions() {
    let page = r#"{
        "counters": [{ "id": "all", "count": "requests", "max": 9, "window": "1h", "per": ["agent", "session"], "rules": ["read"] }],
        "permit": [
          { "id": "read", "scope": "shop:products.read", "canary": { "percent": 5, "by": "session" } },
          { "id": "remove", "scope": "shop:products.delete", "critical": true,
            "counters": [{ "id": "run", "count": "requests", "max": 2, "window": "session" }] } ] }"#;
    let of = |identity: Value| {
        let document = json!({
            "ambit": "gateway-v1", "identity": identity, "name": "g1",
            "keys": [{ "id": "ci", "public_key": PUBLIC, "sessions": true }],
        });
        let mut sources = sources(&[unapproved(page)]);
        sources[0] = source(SourceKind::Gateway, document.to_string());
        diagnosed(&sources)
    };
    let help = r#"add `{ "session_token": { "header": "authorization" } }` to `identity` in the gateway document"#;
    let token = "warning: no identity source of the gateway takes session tokens: no request can be";
    let any = "warning: no identity source of the gateway names a session: no request can be";
    let mut by_token = vec![
        format!("{token} counted here | {help} | \"session\""),
        format!("{token} permitted by this rule | {help} | true"),
    ];
    let named = json!([{ "jwt": { "metadata": ["idp", "sub"], "session": ["idp", "sid"] } }]);
    assert_eq!(of(named), by_token);
    let mut all = vec![
        format!("{any} counted here | {help} | \"session\""),
        format!("{any} inside this canary | {help} | \"session\""),
    ];
    all.append(&mut by_token);
    assert_eq!(of(json!([{ "header": "x-agent" }])), all);
    assert_eq!(of(json!([{ "jwt": { "metadata": ["idp", "sub"] } }])), all);
    let both = json!([{ "session_token": { "header": "authorization" } }, { "header": "x-agent" }]);
    assert_eq!(of(both), Vec::<String>::new());
}
