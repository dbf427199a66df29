//! What is found is never logged (A21, D2): whatever a request with a live secret is refused for, and however early,
//! neither its event nor its problem document repeats the secret.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use policy_core::{Body, PolicySet, Step, Timestamp, Unavailable, evaluate};
use support::pages::{permits, shop, tables};
use support::{NOW, Request, judge, request};

/// Live secrets as they are issued; some are longer than the piece of a request that a message repeats.
const SECRETS: [&str; 7] = [
    "sk_live_51H8abcdEFGHijklMNOPqrstUVWX",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijk",
    "sk-proj-T3BlbkFJabcdefghijkl0123456789ABCDEFGHIJKLmnopqrstuvwxyz0123456789ABCDEFGHIJKL",
    "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIiwiaXNzIjoic3VwYWJhc2UifQ.c2lnbmF0dXJlMDEyMw",
    "wJalrXUtnFEMI+K7MDENG+bPxRfiCYzzzzzzzKEY",
    "4111-1111-1111-1111",
];

/// Reads, writes with listed fields, a batch, files: something to be refused at every stage.
fn set() -> Arc<PolicySet> {
    permits(
        r#"{ "id": "r", "scope": "shop:products.read" },
           { "id": "u", "scope": "shop:products.update", "fields": { "only": ["name", "status", "tags"] },
             "limits": [{ "field": "status", "in": ["draft"] }, { "field": "tags", "length": { "max": 3 } }] },
           { "id": "b", "scope": "shop:products.delete" },
           { "id": "f", "scope": "shop:files.write", "fields": "any", "approval": "owner" },
           { "id": "o", "scope": "shop:orders.refund", "fields": { "only": ["amount"] }, "headers": { "allow": ["prefer/return"] } }"#,
    )
}

/// Every character of a text percent-encoded, or the first and every other one.
fn encoded(text: &str, each: usize) -> String {
    let encode = |(at, c): (usize, char)| if at % each == 0 { format!("%{:02x}", u32::from(c)) } else { c.to_string() };
    text.chars().enumerate().map(encode).collect()
}

/// No stretch of the secret is in what is recorded or answered, nor in any reason that is kept.
#[track_caller]
fn assert_withheld(set: &Arc<PolicySet>, outcome: &policy_core::Outcome, secret: &str, request: &Request) {
    assert!(!outcome.forward, "{request:?}");
    let problem = String::from_utf8(outcome.problem(set).body).unwrap();
    let event = String::from_utf8(outcome.decision_json(set)).unwrap();
    let all = format!("{problem}{event}{outcome:?}");
    let mut seen = all.clone();
    // As a reader decodes it.
    for c in ' '..='~' {
        seen = seen.replace(&format!("%{:02x}", u32::from(c)), &c.to_string());
    }
    for start in 0..secret.len() - 11 {
        let stretch = &secret[start..start + 12];
        assert!(!seen.contains(stretch), "{stretch} of {secret}: {request:?}\n{all}");
    }
}

#[track_caller]
fn all_withheld(set: &Arc<PolicySet>, with: impl Fn(&str) -> Vec<Request>) {
    for secret in SECRETS {
        for request in with(secret) {
            assert_withheld(set, &judge(set, &request), secret, &request);
        }
    }
}

/// Who is asking.
#[test]
fn a_name_of_no_agent() {
    all_withheld(&set(), |secret| {
        vec![
            request("GET /v3/products").set("x-agent", Some(secret)),
            request("GET /v3/products").set("x-agent", Some(&format!("agent {secret}"))),
            request("GET /v3/products").set("x-agent", Some(&format!("{}{secret}", "-".repeat(4096)))),
        ]
    });
}

/// The name of an agent without a page is in its event as long as it is one.
#[test]
fn a_name_that_is_long() {
    let set = set();
    let named =
        |length: usize| judge(&set, &request("GET /v3/products").set("x-agent", Some(&"a".repeat(length)))).agent;
    assert_eq!(named(256), Some("a".repeat(256)));
    assert_eq!(named(257), None);
}

/// The head has no single reading.
#[test]
fn a_head_that_is_refused() {
    let get = || request("GET /v3/products");
    all_withheld(&set(), |secret| {
        let mut requests = vec![
            request(&format!("{secret} /v3/products")),
            get().set(":method", None).header(":method", [secret.as_bytes(), b"\xff"].concat()),
            get().host(secret),
            get().host(&format!("{secret}@shop.example.com")),
            get().host(&format!("{secret}.shop.example.com")),
            get().header("host", secret),
            get().header("x-forwarded-host", secret),
            get().header("x_host", secret),
            get().header("forwarded", format!("host={secret}")),
            get().header("connection", secret),
            get().header("connection", format!("close, {secret}")),
            get().header("connection", [secret.as_bytes(), b"\xff"].concat()),
            get().header("upgrade", secret),
            get().header("content-length", secret),
            get().header("transfer-encoding", secret),
            get().header("x-http-method-override", secret),
            get().header("x-original-url", format!("/{secret}")),
            get().header("content_type", secret),
            get().header("x-tenant", secret),
            get().header("prefer", secret),
            get().header("prefer", format!("{secret}=1")),
            get().header("prefer", format!("{secret}=1; a=")),
            get().header(&format!("a b{secret}"), "1"),
            get().header(&format!("x-{secret}"), "1").header("upgrade", "x"),
            request("GET /v3/products").set(":path", Some(secret)),
        ];
        for secret in [secret.to_string(), encoded(secret, 2), encoded(secret, 1)] {
            for target in [
                format!("/v3/products?_method[{secret}]=1"),
                format!("/v3/products?.method={secret}"),
                format!("/v3/products?{secret}=%zz"),
                format!("/v3/products?a={secret}%00"),
                format!("/v3/products?{secret}#x"),
                format!("/v3/{secret}#x"),
                format!("/v3/{secret}/../products"),
                format!("/v3/{secret};x"),
                format!("/v3/{secret}%252f"),
                format!("//{secret}"),
                format!("{secret}/v3"),
            ] {
                requests.push(request(&format!("GET {target}")));
            }
        }
        requests
    });
}

/// No rule covers the endpoint, or it has two readings.
#[test]
fn an_endpoint_that_is_refused() {
    all_withheld(&set(), |secret| {
        let mut requests = Vec::new();
        for secret in [secret.to_string(), encoded(secret, 2), encoded(secret, 1)] {
            for line in [
                format!("GET /{secret}"),
                format!("GET /v3/{secret}"),
                format!("DELETE /v3/products/{secret}"),
                format!("GET /v3/products/{secret}"),
                format!("GET /v3/products/{secret}/"),
                format!("GET /v3/products/{secret}%2fx"),
                format!("GET /v3/products/1%2f{secret}"),
                format!("GET /v3/Products/{secret}"),
                format!("GET /v3/%70roducts/{secret}"),
                format!("GET /v3/files/{secret}"),
                format!("GET /v3/files/{secret}?{secret}={secret}"),
                format!("POST /v3/orders?{secret}={secret}"),
                format!("GET /v3/products%3f{secret}"),
            ] {
                requests.push(request(&line));
            }
        }
        requests
    });
}

/// The body is not what it has to be, or does not come.
#[test]
fn a_body_that_is_refused() {
    let set = set();
    let put = |body: &str| request("PUT /v3/products/1").header("content-type", "application/json").body(body);
    let batch = |body: &str| request("POST /v3/products/batch").header("content-type", "application/json").body(body);
    all_withheld(&set, |secret| {
        vec![
            request("PUT /v3/products/1").header("content-type", secret).body("{}"),
            request("PUT /v3/products/1").header("content-type", format!("{secret}/json")).body("{}"),
            request("PUT /v3/products/1").header("content-type", format!("text/{secret}")).body("{}"),
            request("PUT /v3/products/1").header("content-type", format!("a/b; charset={secret}")).body("{}"),
            put("{}").header("content-encoding", secret),
            put(&format!(r#"{{"{secret}":1,"{secret}":2}}"#)),
            put(&format!(r#"{{"a":{{"{secret}":1,"{secret}":2}}}}"#)),
            put(&format!(r#"{{"{secret}":"{secret}""#)),
            put(secret),
            put(&format!(r#"["{secret}"]"#)),
            put(&format!(r#"{{"{secret}":1e999}}"#)),
            request(&format!("GET /v3/products?a={secret}")).body(format!("{{\"a\":\"{secret}\"}}")),
            batch(&format!(r#"{{"{secret}":[1]}}"#)),
            batch(&format!(r#"{{"{secret}":1,"delete":[1]}}"#)),
            batch(&format!(r#"{{"delete":"{secret}"}}"#)),
            batch(&format!(r#"{{"delete":["{secret}"]}}"#)),
            batch(&format!(r#"{{"delete":["{secret}","{secret}"]}}"#)),
            batch(&format!(r#"{{"delete":[{{"{secret}":"{secret}"}}]}}"#)),
            batch(&format!(r#"{{"update":[{{"id":1,"{secret}":1}}]}}"#)),
            batch(&format!(r#"["{secret}"]"#)),
        ]
    });
    for why in [Unavailable::TooLarge, Unavailable::NotSeen, Unavailable::Timeout, Unavailable::NotDelivered] {
        for secret in SECRETS {
            let request = request(&format!("PUT /v3/files/{secret}?{secret}")).body("x").header("x-note", secret);
            let Step::NeedBody(need) = evaluate(&set, request.head(), Timestamp::parse(NOW).unwrap()) else {
                panic!("a write with a body waits for it")
            };
            let Step::Done(outcome) = need.answer(Body::Unavailable(why)) else { panic!("nothing else is needed") };
            assert_withheld(&set, &outcome, secret, &request);
        }
    }
}

/// A rule refuses, or asks for an approval.
#[test]
fn what_the_rules_refuse() {
    let put = |line: &str, body: &str| request(line).header("content-type", "application/json").body(body);
    all_withheld(&set(), |secret| {
        vec![
            put("PUT /v3/products/1", &format!(r#"{{"status":"{secret}"}}"#)),
            put("PUT /v3/products/1", &format!(r#"{{"{secret}":1}}"#)),
            put("PUT /v3/products/1", &format!(r#"{{"tags":["{secret}"]}}"#)),
            put("PUT /v3/products/1", &format!(r#"{{"tags":{{"{secret}":1}}}}"#)),
            put(&format!("PUT /v3/products/1?{secret}=1"), r#"{"name":"x"}"#),
            put(&format!("PUT /v3/products/1?context={secret}&context=a"), r#"{"name":"x"}"#),
            put(&format!("PUT /v3/files/{secret}"), r#"{"name":"x"}"#),
            put(&format!("PUT /v3/files/{secret}"), &format!(r#"{{"{secret}":"{secret}"}}"#)),
            put(&format!("POST /v3/orders/1/refunds?{secret}"), &format!(r#"{{"{secret}":"{secret}"}}"#))
                .header("prefer", format!("{secret}={secret}")),
            request(&format!("GET /v3/products?rest_route[{secret}]=1")),
            put(&format!("PUT /v3/products/1?a.{secret}=1"), r#"{"name":"x"}"#),
        ]
    });
    let rows = tables(
        r#"{ "permit": [{ "id": "u", "scope": "db:rows.update[table=t]", "query": { "only": ["id"] },
             "fields": { "only": ["a"] }, "limits": [{ "count": "rows", "max": 1 }] }] }"#,
    );
    all_withheld(&rows, |secret| {
        vec![
            put(&format!("PATCH /rest/v1/t?id=eq.{secret}&select=a({secret})"), r#"{"a":1}"#),
            put(&format!("PATCH /rest/v1/t?id=in.({secret},{secret})"), r#"{"a":1}"#),
            put(&format!("PATCH /rest/v1/t?{secret}=eq.1"), r#"{"a":1}"#),
            put(&format!("PATCH /rest/v1/{secret}?id=eq.1"), r#"{"a":1}"#),
        ]
    });
}

/// What a page lets out by switching a detector off, it does not let into a log.
#[test]
fn a_detector_that_is_off() {
    let set = shop(
        r#"{ "apis": { "shop": { "loosen": { "secrets": ["stripe"] } } },
             "permit": [{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["name"] } }] }"#,
    );
    let secret = SECRETS[0];
    let put = |body: &str| request("PUT /v3/products/1").header("content-type", "application/json").body(body);
    assert!(judge(&set, &put(&format!(r#"{{"name":"{secret}"}}"#))).forward);
    for body in [format!(r#"{{"{secret}":1}}"#), format!(r#"{{"name":{{"{secret}":1}}}}"#)] {
        let request = put(&body);
        let outcome = judge(&set, &request);
        assert_eq!(outcome.reasons[0].code.text(), "field_not_allowed");
        assert_withheld(&set, &outcome, secret, &request);
    }
    let message = judge(&set, &put(&format!(r#"{{"{secret}":1}}"#))).reasons[0].message.clone();
    assert!(message.starts_with("`…` (not repeated, for it may hold a secret) is not a field"), "{message}");
}

/// A secret that stands behind what is repeated is not repeated either, and one that begins in it is known whole.
#[test]
fn secrets_at_the_end_of_what_is_repeated() {
    let set = set();
    for secret in SECRETS {
        for before in [40, 50, 60, 63, 64, 65, 200, 250, 256, 300, 5000] {
            let name = format!("{}:{secret}", "x".repeat(before));
            for request in [
                request(&format!("GET /v3/{name}")),
                request("PUT /v3/products/1")
                    .header("content-type", "application/json")
                    .body(format!(r#"{{"{name}":1,"{name}":2}}"#)),
            ] {
                assert_withheld(&set, &judge(&set, &request), secret, &request);
            }
        }
    }
}

/// What is no secret is explained as ever.
#[test]
fn other_texts_are_repeated() {
    let set = set();
    let message = |line: &str| judge(&set, &request(line)).reasons[0].message.clone();
    assert_eq!(message("GET /v3/nothing/42"), "no rule of this page covers GET `/v3/nothing/42`");
    for text in ["sk_live_", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "41c75889-64d6-4f78-a60a-cfd723da4f2c"] {
        assert!(message(&format!("GET /v3/nothing/{text}")).contains(text));
    }
}
