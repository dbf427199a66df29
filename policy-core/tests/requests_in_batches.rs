//! Requests within a request: every part of a multipart batch is judged as if it came alone, and the strictest verdict
//! holds for all of them.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::{Source, SourceKind};
use serde_json::{Value, json};
use support::counting::Gateway;
use support::pages::GATEWAY;
use support::{Request, check, check_all, diagnose, diagnosed, judge, line_of, policy, request, source, text_of};

/// A mailbox whose API takes batches, and uploads beside its own paths.
const MAIL: &str = r#"{
  "catalog": "mail-v1",
  "base": "/mail/v1",
  "vars": { "id": "token" },
  "guarded": { "headers": ["x-goog-user-project"], "query": ["key"] },
  "resources": {
    "messages": {
      "key": "path.id",
      "fields": { "raw": { "at": "/raw", "type": "string" }, "labels": { "at": "/labels" } },
      "actions": {
        "list": { "endpoints": ["GET /messages"], "effect": "read" },
        "get": { "endpoints": ["GET /messages/{id}"], "effect": "read" },
        "label": { "endpoints": ["POST /messages/{id}/labels"], "effect": "safe" },
        "archive": { "endpoints": ["POST /messages/{id}/archive"], "effect": "safe" },
        "send": { "endpoints": ["POST /messages/send"], "effect": "gate" },
        "upload": { "endpoints": ["POST //upload/mail/v1/messages/send"], "effect": "gate" },
        "import": { "endpoints": ["POST /messages/import"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /messages/{id}"], "effect": "door" }
      }
    },
    "batch": { "actions": { "call": { "endpoints": ["POST //batch", "POST //batch/mail/v1"], "effect": "door", "decoder": "google_batch" } } }
  }
}"#;

/// A calendar on the same host.
const CALENDAR: &str = r#"{
  "catalog": "calendar-v3",
  "base": "/calendar/v3",
  "resources": {
    "events": { "actions": {
      "list": { "endpoints": ["GET /events"], "effect": "read" },
      "clear": { "endpoints": ["POST /clear"], "effect": "door" } } }
  }
}"#;

const RULES: &str = r#"
  { "id": "read", "scope": ["mail:*.read", "cal:*.read"] },
  { "id": "sort", "scope": ["mail:messages.label", "mail:messages.archive"], "fields": { "only": ["labels/*"] },
    "limits": [{ "id": "few", "count": "labels", "max": 2 }] },
  { "id": "send", "scope": "mail:messages.send", "fields": { "only": ["raw"], "require": ["raw"] }, "approval": "manager" },
  { "id": "import", "scope": ["mail:messages.import", "mail:messages.upload"], "body": { "opaque": true } }"#;

const FORBIDS: &str = r#"{ "id": "no-deletes", "scope": "mail:*.delete" }"#;

fn page(members: &Value) -> Vec<Source> {
    let mut page = json!({
        "ambit": "v1",
        "agent": { "name": "agent", "purpose": "a test", "impact": "low" },
        "version": "1",
        "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" },
        "mode": "enforce",
        "apis": {
            "mail": { "catalog": "mail-v1", "hosts": ["shop.example.com"],
                      "loosen": { "google_batch": "each", "write_query": ["alt"] } },
            "cal": { "catalog": "calendar-v3", "hosts": ["shop.example.com"] }
        },
        "approvers": { "manager": {} },
        "permit": serde_json::from_str::<Value>(&format!("[{RULES}]")).expect("permits"),
        "forbid": serde_json::from_str::<Value>(&format!("[{FORBIDS}]")).expect("forbids"),
        "owners": { "product": "a team" }
    });
    for (name, value) in members.as_object().expect("an object") {
        page[name] = value.clone();
    }
    vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, MAIL),
        source(SourceKind::Catalog, CALENDAR),
        source(SourceKind::Template, page.to_string()),
    ]
}

fn set() -> Arc<PolicySet> {
    policy(&page(&json!({})))
}

/// A batch of requests, each written as a client does.
fn batch(parts: &[&str]) -> Request {
    batch_to("POST /batch", parts)
}

fn batch_to(line: &str, parts: &[&str]) -> Request {
    let part = |part: &&str| format!("--b\r\nContent-Type: application/http\r\n\r\n{part}\r\n");
    let body: String = parts.iter().map(part).collect();
    request(line).header("content-type", "multipart/mixed; boundary=b").body(format!("{body}--b--\r\n"))
}

fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A part that reads, with one more header.
fn get_with(header: &str) -> String {
    format!("GET /mail/v1/messages HTTP/1.1\r\n{header}\r\n\r\n")
}

const LIST: &str = "GET /mail/v1/messages";

/// E1, A1: nothing passes in a batch that does not pass alone, and nothing of it passes unless all of it does.
#[test]
fn the_strictest_part_decides() {
    let label = post("/mail/v1/messages/m1/labels?alt=json", r#"{"labels":["a"]}"#);
    let send = post("/mail/v1/messages/send", r#"{"raw":"eA"}"#);
    let delete = "DELETE /mail/v1/messages/m1";
    check_all(
        &set(),
        &[
            (batch(&[LIST]), "allow read"),
            (batch_to("POST /batch/mail/v1", &[LIST, "GET /mail/v1/messages/m2"]), "allow read"),
            (batch(&[LIST, &label]), "allow read"),
            (batch(&[&label, LIST]), "allow sort"),
            (batch(&[LIST, &send]), "approval_required send: approval_required"),
            (batch(&[&send, LIST, &label]), "approval_required send: approval_required"),
            (batch(&[LIST, &send, delete]), "deny no-deletes: forbidden"),
            (batch(&[delete, &send]), "deny no-deletes: forbidden"),
            // Rules of a part are rules of a request of its own: fields, limits, query, body.
            (batch(&[&post("/mail/v1/messages/m1/labels", r#"{"name":"a"}"#)]), "deny sort: field_not_allowed /name"),
            (
                batch(&[LIST, &post("/mail/v1/messages/m1/labels", r#"{"labels":["a","b","c"]}"#)]),
                "deny sort: batch_limit /labels",
            ),
            (batch(&[&post("/mail/v1/messages/m1/archive?x=1", "{}")]), "deny sort: param_shadow"),
            (batch(&[&post("/mail/v1/messages/send", "{}")]), "deny send: missing_required"),
            (
                batch(&[&post("/mail/v1/messages/m1/labels", r#"{"labels":["a"],"labels":["b"]}"#)]),
                "deny: body_duplicate_key",
            ),
            (batch(&["GET /mail/v1/messages HTTP/1.1\r\n\r\n{}"]), "deny: body_on_read"),
            (
                batch(&["POST /mail/v1/messages/send HTTP/1.1\r\nContent-Type: text/plain\r\n\r\nx"]),
                "deny send: content_type",
            ),
            (batch(&["GET /mail/v1/nothing"]), "deny: endpoint_not_allowed"),
            (batch(&["GET /MAIL/v1/messages"]), "deny: path_ambiguous"),
            (batch(&["GET /mail/v1/messages?key=x"]), "deny read: param_shadow"),
            // Another API of the page, on the same host.
            (batch(&[LIST, "GET /calendar/v3/events"]), "allow read"),
            (batch(&[LIST, &post("/calendar/v3/clear", "{}")]), "deny: endpoint_not_allowed"),
        ],
    );
}

/// A batch writes a resource once; reading it twice is harmless.
#[test]
fn one_resource_is_written_once() {
    let label = post("/mail/v1/messages/m1/labels", r#"{"labels":["a"]}"#);
    let archive = post("/mail/v1/messages/m1/archive", "{}");
    let set = set();
    check(&set, &batch(&[&label, &archive]), "deny: duplicate_target");
    check(&set, &batch(&[&label, &archive.replace("m1", "m2")]), "allow sort");
    let get = "GET /mail/v1/messages/m1";
    check(&set, &batch(&[get, get, &label]), "allow read");
}

/// A part speaks for nobody else than the request it stands in, and in no other way.
#[test]
fn a_part_takes_no_head_of_its_own() {
    let set = set();
    let part = |header: &str| batch(&[LIST, &get_with(header)]).header("authorization", "Bearer t");
    for header in [
        "Accept: application/json",
        "Accept-Encoding: gzip, deflate",
        "User-Agent: x",
        "MIME-Version: 1.0",
        "X-Goog-Api-Client: gl-python/3.11",
        "Content-Type: application/json",
        "Content-Length: 0",
        "If-None-Match: \"e\"",
        "Authorization: Bearer t",
        "Host: shop.example.com",
        "host: SHOP.example.com:443",
    ] {
        check(&set, &part(header), "allow read");
    }
    for (header, code) in [
        ("Authorization: Bearer other", "header_not_allowed"),
        ("authorization: bearer t", "header_not_allowed"),
        ("Proxy-Authorization: Bearer t", "header_not_allowed"),
        ("X-Goog-User-Project: p", "header_not_allowed"),
        ("X-Goog-Api-Key: k", "header_not_allowed"),
        ("X-Agent: other", "header_not_allowed"),
        ("x_agent: other", "header_not_allowed"),
        ("Cookie: a=b", "header_not_allowed"),
        ("X-Forwarded-For: 10.0.0.1", "header_not_allowed"),
        ("Content-Encoding: gzip", "header_not_allowed"),
        ("Content-ID: x", "header_not_allowed"),
        ("Accept: a/b\r\naccept: c/d", "header_not_allowed"),
        ("X-HTTP-Method-Override: DELETE", "method_override"),
        ("x_http_method_override: DELETE", "method_override"),
        ("X-Original-URL: /mail/v1/messages/send", "route_override"),
        ("Host: other.example.com", "host_mismatch"),
        ("Host: shop.example.com\r\nHost: other.example.com", "host_mismatch"),
        ("Transfer-Encoding: chunked", "header_not_allowed"),
        ("Upgrade: h2c", "upgrade_not_allowed"),
        ("Connection: x-agent", "upgrade_not_allowed"),
    ] {
        let request = part(header);
        assert_eq!(text_of(&judge(&set, &request)), format!("deny: {code}"), "{header}");
    }
    // The outer request's headers are the part's: what a rule guards there counts for every part.
    check(&set, &batch(&[LIST]).header("x-goog-user-project", "p"), "deny read: header_not_allowed");
    check(&set, &batch(&[LIST]).header("x-agent", "other"), "deny: unknown_agent");
    check(&set, &batch(&[&get_with("Authorization: Bearer t")]), "deny: header_not_allowed");
    // Addresses in the request line.
    check(&set, &batch(&["GET https://shop.example.com/mail/v1/messages HTTP/1.1"]), "allow read");
    check(&set, &batch(&["GET https://other.example.com/mail/v1/messages HTTP/1.1"]), "deny: host_mismatch");
    check(
        &set,
        &batch(&["GET https://shop.example.com/mail/v1/messages HTTP/1.1\r\nHost: other.example.com"]),
        "deny: host_mismatch",
    );
    check(&set, &batch(&["GET https://u@shop.example.com/mail/v1/messages HTTP/1.1"]), "deny: host_mismatch");
    check(&set, &batch(&["PURGE /mail/v1/messages"]), "deny: endpoint_not_allowed");
    check(&set, &batch(&["GET /mail/v1/messages?_method=DELETE"]), "deny: method_override");
}

/// What holds requests itself, or bytes that nothing reads, is no part of a batch.
#[test]
fn nothing_nests() {
    let set = set();
    let upload = "POST /upload/mail/v1/messages/send HTTP/1.1\r\nContent-Type: message/rfc822\r\n\r\nSubject: x";
    let import = "POST /mail/v1/messages/import HTTP/1.1\r\nContent-Type: message/rfc822\r\n\r\nSubject: x";
    let inner = "POST /batch HTTP/1.1\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--c--";
    for part in [upload, import, inner] {
        check(&set, &batch(&[LIST, part]), "deny: nested_request");
    }
    // Alone they pass, where a rule says so.
    let alone = request("POST /upload/mail/v1/messages/send").header("content-type", "message/rfc822").body("x");
    check(&set, &alone, "allow import");

    // Without the loosening a batch is refused, whatever rules permit.
    let strict = json!({ "mail": { "catalog": "mail-v1", "hosts": ["shop.example.com"] } });
    let permits = json!([
        { "id": "all", "scope": "mail:*.*", "fields": "any" },
        { "id": "unread", "endpoint": "mail:POST //{any:path}", "body": { "opaque": true } }
    ]);
    let strict = policy(&page(&json!({ "apis": strict, "permit": permits, "forbid": [] })));
    check(&strict, &batch(&[LIST]), "deny: nested_request");
    check(&strict, &request("POST /batch"), "deny: nested_request");
}

/// With it, no permit lets the batch itself pass unread, and what is no batch is refused.
#[test]
fn a_batch_is_read_or_refused() {
    let set = set();
    let whole = batch(&[LIST]);
    let typed = |content_type: &str| whole.clone().set("content-type", Some(content_type));
    check_all(
        &set,
        &[
            (request("POST /batch"), "deny: batch_shape"),
            (whole.clone().set("content-type", None), "deny: content_type"),
            (typed("multipart/form-data; boundary=b"), "deny: content_type"),
            (typed("application/json"), "deny: content_type"),
            (typed("multipart/mixed"), "deny: content_type"),
            (typed("multipart/mixed; boundary=c"), "deny: body_unparsable"),
            (whole.clone().header("content-encoding", "gzip"), "deny: content_encoding"),
            (whole.clone().header("content-length", "5"), "deny: body_not_seen"),
            (whole.clone().body("--b--"), "deny: batch_shape"),
            (whole.clone().body("--b\r\n\r\n--b--"), "deny: body_unparsable"),
            (whole.clone().set(":path", Some("/batch?alt=json")), "allow read"),
            (whole.clone().set(":path", Some("/batch?key=x")), "deny: param_shadow"),
            (whole.clone().set(":path", Some("/batch?x=1")), "deny: param_shadow"),
            (whole.clone().set(":method", Some("GET")), "deny: endpoint_not_allowed"),
            (batch(&[LIST; 20]), "deny: body_too_large"),
        ],
    );
    let secret = format!("sk_{}_{}", "live", "a1B2c3D4e5F6g7H8i9J0k1L2");
    check(&set, &batch(&[&format!("GET /mail/v1/messages?q={secret}")]), "deny: secret_found");
    check(&set, &whole.clone().set(":path", Some(&format!("/batch?alt={secret}"))), "deny: secret_found");
}

/// A forbid on the batch holds for every part; so does one on the parts' own paths.
#[test]
fn forbids_reach_the_parts() {
    let forbid = |forbid: Value| policy(&page(&json!({ "forbid": [forbid] })));
    for rule in [
        json!({ "id": "f", "scope": "mail:batch.call" }),
        json!({ "id": "f", "endpoint": "mail:POST //batch" }),
        json!({ "id": "f", "scope": "mail:*.read" }),
        json!({ "id": "f", "endpoint": "mail:GET /{any:path}" }),
    ] {
        check(&forbid(rule), &batch(&[LIST]), "deny f: forbidden");
    }
    let shadow = forbid(json!({ "id": "f", "scope": "mail:batch.call", "mode": "shadow" }));
    let outcome = judge(&shadow, &batch(&[LIST]));
    assert_eq!(text_of(&outcome), "allow read");
    assert!(outcome.considered.iter().any(|considered| considered.rule == "f" && considered.shadow));
}

/// A9: each part is a request of its own to a counter, and they are charged together or not at all.
#[test]
fn parts_are_counted_each() {
    let counter = json!([{ "id": "sorted", "rules": ["sort"], "count": "requests", "max": 3, "window": "1h" }]);
    let mut gateway = Gateway::new(policy(&page(&json!({ "counters": counter }))));
    let label = |id: &str| post(&format!("/mail/v1/messages/{id}/labels"), r#"{"labels":["a"]}"#);
    gateway.check(&batch(&[&label("m1"), &label("m2"), LIST]), "allow sort");
    gateway.check(&batch(&[&label("m3"), &label("m4")]), "deny sort: rate_limited");
    gateway.check(&batch(&[&label("m3"), LIST]), "allow sort");
    gateway.check(&batch(&[&label("m5")]), "deny sort: rate_limited");
}

/// The record lists every operation; reasons say which part they are about.
#[test]
fn records_and_reasons_speak_of_parts() {
    let send = post("/mail/v1/messages/send", r#"{"raw":"eA"}"#);
    let outcome = judge(&set(), &batch(&[LIST, &send, "DELETE /mail/v1/messages/m1", "GET /nowhere"]));
    let actions: Vec<_> = outcome.operations.iter().map(|operation| operation.action.as_deref()).collect();
    assert_eq!(actions[..2], [Some("mail:messages.list"), Some("mail:messages.send")]);
    assert_eq!(actions.len(), 4);
    let messages: Vec<&str> = outcome.reasons.iter().map(|reason| reason.message.as_str()).collect();
    assert!(messages[0].starts_with("part 3 of the batch: the rule `no-deletes` forbids"), "{messages:?}");
    assert!(messages[1].starts_with("part 4 of the batch: no rule of this page covers"), "{messages:?}");
    let of_send = outcome.considered.iter().find(|considered| considered.rule == "send").expect("`send` was looked at");
    assert_eq!(of_send.operation, 1);

    let many = vec![LIST; 100];
    let large = json!({ "mail": { "catalog": "mail-v1", "hosts": ["shop.example.com"], "loosen": { "google_batch": "each", "body_kib": 64 } },
                        "cal": { "catalog": "calendar-v3", "hosts": ["shop.example.com"] } });
    let large = policy(&page(&json!({ "apis": large })));
    let outcome = judge(&large, &batch(&many));
    assert_eq!((text_of(&outcome).as_str(), outcome.operations.len()), ("allow read", 100));
    let event = outcome.event(&large);
    assert_eq!((event.operations.len(), event.operation_count), (4, 100));
    check(&large, &batch(&vec![LIST; 101]), "deny: batch_limit");
}

/// Each part in the page's shadow is recorded like the rest, and all of it goes on.
#[test]
fn shadow_records_and_forwards() {
    let shadow = policy(&page(&json!({ "mode": "shadow" })));
    let outcome = judge(&shadow, &batch(&["DELETE /mail/v1/messages/m1"]));
    assert_eq!(
        (text_of(&outcome).as_str(), outcome.forward, outcome.shadow),
        ("deny no-deletes: forbidden", true, true)
    );
    for refused in [batch(&["x"]), request("POST /batch")] {
        let outcome = judge(&shadow, &refused);
        assert!(outcome.forward && outcome.shadow && outcome.decision.name() == "deny", "{}", line_of(&refused));
    }
}

#[test]
fn what_pages_and_catalogs_say_of_batches_is_looked_at() {
    let help = r#"name the actions of its requests by `scope`, and say `"loosen": {"google_batch": "each"}`"#;
    diagnose(
        &page(&json!({ "permit": [{ "id": "p", "scope": "mail:batch.call" }] })),
        &[&format!(
            "`p` names only batches of requests, and each request is judged as the action it is | {help} | \"p\""
        )],
    );
    diagnose(
        &page(&json!({ "permit": [{ "id": "p", "endpoint": "mail:POST //batch", "body": { "opaque": true } }] })),
        &[&format!(
            "`batch.call` is a batch of requests: each of them is judged as the action it is | {help} | \"mail:POST //batch\""
        )],
    );
    let apis = json!({ "cal": { "catalog": "calendar-v3", "hosts": ["shop.example.com"], "loosen": { "google_batch": "each" } } });
    diagnose(
        &page(&json!({ "apis": apis, "permit": [{ "id": "p", "scope": "cal:*.read" }], "forbid": [] })),
        &[
            r#"the catalog `calendar-v3` has no action with the decoder `google_batch` | take it out: there is nothing that it loosens | "each""#,
        ],
    );
    let catalog = |from: &str, to: &str| {
        let mut all = page(&json!({}));
        all[1] = source(SourceKind::Catalog, MAIL.replacen(from, to, 1));
        diagnosed(&all)
    };
    let said = catalog("\"POST //batch\",", "\"GET //batch\",");
    assert!(said.iter().any(|text| text.starts_with("batches of requests come by POST alone")), "{said:?}");
    let said = catalog("\"base\": \"/mail/v1\",", "\"base\": \"/mail/v1\", \"types\": [\"Multipart/mixed\"],");
    assert!(said.iter().any(|text| text.starts_with("a multipart body is not one document")), "{said:?}");
    let said = catalog("\"base\": \"/mail/v1\",", "\"base\": \"/mail/v1\", \"decoder\": \"google_batch\",");
    assert!(said.iter().any(|text| text.starts_with("the decoder `google_batch` belongs to the actions")), "{said:?}");
}

/// B3: the agent's token stays at the gateway, also where it stands in the body.
#[test]
fn a_part_does_not_carry_the_agents_token_on() {
    let digest = policy_core::bundle::digest_of(b"of-the-agent");
    let agents = json!({ digest.strip_prefix("sha256:").expect("a digest"): "agent" });
    let mut gateway: Value = serde_json::from_str(GATEWAY).expect("a gateway document");
    gateway["identity"] = json!([{ "token": { "header": "authorization", "sha256": agents } }]);
    let part = batch(&[&get_with("Authorization: Bearer of-the-agent")]).set("x-agent", None);
    let request = part.header("authorization", "Bearer of-the-agent");
    for (credentials, expect) in [(None, "allow read"), (Some(json!({})), "deny: header_not_allowed")] {
        if let Some(credentials) = credentials {
            gateway["credentials"] = credentials;
        }
        let mut sources = page(&json!({}));
        sources[0] = source(SourceKind::Gateway, gateway.to_string());
        check(&policy(&sources), &request, expect);
    }
}
