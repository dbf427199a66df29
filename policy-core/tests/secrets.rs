//! Live secrets do not leave, whatever permits the request (A21): path, query, headers and body; the reason names the
//! detector and the place, and never the value. What of a request reaches a message at all: `unlogged.rs`.

mod support;

use policy_core::compile::SourceKind;
use sha2::{Digest as _, Sha256};
use support::catalogs::SHOP;
use support::pages::{permits, shop, shop_page, sources};
use support::{Request, check, check_all, diagnosed, json, judge, policy, request, source};

const STRIPE: &str = "sk_live_51H8abcdEFGHijklMNOPqrstUVWX";
const GITHUB: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
const AWS_ID: &str = "AKIAIOSFODNN7EXAMPL3";
const AWS_SECRET: &str = "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";

/// Everything the shop has, with any field.
const ALL: &str = r#"{ "permit": [{ "id": "p", "scope": "shop:*.*", "fields": "any" },
                                  { "id": "e", "endpoint": ["shop:GET /notes/{text:text}", "shop:POST /notes"], "fields": "any" }] }"#;

/// A21: wherever the upstream, its logs or its readers could see it.
#[test]
fn every_place_is_looked_through() {
    assert!(SHOP.contains("/products/search"));
    let set = shop(ALL);
    check_all(
        &set,
        &[
            (request(&format!("GET /v3/products?search={STRIPE}")), "deny: secret_found"),
            (request(&format!("HEAD /v3/products?search={STRIPE}")), "deny: secret_found"),
            (request(&format!("GET /v3/products?{STRIPE}")), "deny: secret_found"),
            (request("GET /v3/products?search=%73k_live%5F51H8abcdEFGHijklMNOPqrstUVWX"), "deny: secret_found"),
            (request(&format!("GET /v3/notes/{GITHUB}")), "deny: secret_found"),
            (request("GET /v3/notes/gh%70%5F0123456789abcdefghijABCDEFGHIJ012345"), "deny: secret_found"),
            (json("POST /v3/notes", &format!(r#"{{"note":"token {GITHUB}"}}"#)), "deny: secret_found /note"),
            (json("POST /v3/notes", &format!(r#"{{"a":[0,{{"b/c":"{GITHUB}"}}]}}"#)), "deny: secret_found /a/1/b~1c"),
            (
                json("POST /v3/notes", r#"{"note":"sk_\u006cive_51H8abcdEFGHijklMNOPqrstUVWX"}"#),
                "deny: secret_found /note",
            ),
            // A text that holds JSON, or a URL.
            (
                json("POST /v3/notes", &format!(r#"{{"note":"{{\"k\":\"A=1\\n{STRIPE}\"}}"}}"#)),
                "deny: secret_found /note",
            ),
            (json("POST /v3/notes", &format!(r#"{{"note":"?a=1%0A{GITHUB}"}}"#)), "deny: secret_found /note"),
            (json("POST /v3/notes", &format!(r#"{{"a":{{"{STRIPE}":1}}}}"#)), "deny: secret_found /a"),
            (json("POST /v3/notes", &format!(r#"{{"{STRIPE}":{{"b":1}}}}"#)), "deny: secret_found "),
            (json("POST /v3/products/search", &format!(r#"{{"q":"{STRIPE}"}}"#)), "deny: secret_found /q"),
            (
                json("POST /v3/notes", r#"{"note":"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n"}"#),
                "deny: secret_found /note",
            ),
            (
                json("POST /v3/products/batch", &format!(r#"{{"update":[{{"id":1}},{{"id":2,"name":"{STRIPE}"}}]}}"#)),
                "deny: secret_found /update/1/name",
            ),
        ],
    );
}

/// A21: a header that is not there for credentials is a way out like any other.
#[test]
fn headers_are_looked_through() {
    let set = shop(ALL);
    let with = |name: &str, value: &str| request("GET /v3/products").header(name, value);
    let long_name = format!("x-{}", "cs_1234567890abcdef1234567890abcdef12345678");
    check_all(
        &set,
        &[
            (with("x-note", STRIPE), "deny: secret_found"),
            (with("X-Note", &format!("see {GITHUB}, please")), "deny: secret_found"),
            (with("referer", &format!("https://a.example/?k={STRIPE}")), "deny: secret_found"),
            (with("user-agent", &format!("agent/1 ({GITHUB})")), "deny: secret_found"),
            (with("cookie", &format!("a=1; session={GITHUB}; b=2")), "deny: secret_found"),
            (with("baggage", &format!("k={STRIPE}")), "deny: secret_found"),
            (with("accept", &format!("text/{STRIPE}")), "deny: secret_found"),
            (with("x-card", "4539148803436467"), "deny: secret_found"),
            (with("x-note", "4111-1111-1111-1111"), "deny: secret_found"),
            (with("x-note", "-----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"), "deny: secret_found"),
            (with("x-id", AWS_ID).header("x-key", AWS_SECRET), "deny: secret_found"),
            (with("x-id", AWS_ID).header("authorization", AWS_SECRET), "allow p"),
            (with(&long_name, "1"), "deny: secret_found"),
            (
                request("GET /v3/products").header("x-note", [b"\xff ", STRIPE.as_bytes()].concat()),
                "deny: secret_found",
            ),
            (json("POST /v3/notes", r#"{"note":"x"}"#).header("x-note", STRIPE), "deny: secret_found"),
            // Look-alikes: ids, traces, agents, dates.
            (with("x-request-id", "41c75889-64d6-4f78-a60a-cfd723da4f2c"), "allow p"),
            (with("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), "allow p"),
            (with("x-datadog-trace-id", "4539148803436467"), "allow p"),
            (with("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0"), "allow p"),
            (with("if-modified-since", "Wed, 21 Oct 2026 07:28:00 GMT"), "allow p"),
            (
                with(
                    "cookie",
                    "session=eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln; id=9f86d081884c7d659a2feaa0c55ad015",
                ),
                "allow p",
            ),
            (with("x-note", "sk_test_51H8abcdEFGHijklMNOPqrstUVWX"), "allow p"),
        ],
    );
}

/// A21: a header value that is base64 as MCP writes it is looked into.
#[test]
fn base64_headers_are_looked_into() {
    use base64::Engine as _;
    let encoded = |text: &str| format!("=?base64?{}?=", base64::engine::general_purpose::STANDARD.encode(text));
    let set = shop(ALL);
    let with = |name: &str, value: String| request("GET /v3/products").header(name, value);
    check_all(
        &set,
        &[
            (with("x-note", encoded(STRIPE)), "deny: secret_found"),
            (with("mcp-param-note", encoded(&format!("é {GITHUB}"))), "deny: secret_found"),
            (with("x-note", encoded(&format!("{AWS_ID} {AWS_SECRET}"))), "deny: secret_found"),
            (with("x-note", encoded(AWS_ID)).header("x-other", encoded(AWS_SECRET)), "deny: secret_found"),
            (with("x-note", encoded(AWS_ID)), "allow p"),
            (with("x-note", encoded("héllo")), "allow p"),
            (with("x-note", "=?base64?***?=".into()), "allow p"),
            (with("authorization", encoded(STRIPE)), "allow p"),
        ],
    );
}

/// A21: a key in a header that is there for it is the request's own: what the standard and gateways use, what names the
/// agent, and what the catalog guards and a rule lists.
#[test]
fn headers_for_credentials_hold_them() {
    let set = shop(&ALL.replacen('{', r#"{ "apis": { "shop": { "headers": { "allow": ["x-tenant"] } } }, "#, 1));
    let get = || request("GET /v3/products");
    for name in ["authorization", "Authorization", "proxy-authorization", "apikey", "x-api-key", "x-tenant"] {
        check(&set, &get().header(name, format!("Bearer {STRIPE}")), "allow p");
        check(&set, &get().header(name, GITHUB), "allow p");
    }
    // One that the catalog does not guard is a header like any other, and so is a twin.
    check(&set, &get().header("x-other-key", STRIPE), "deny: secret_found");
    check(&set, &get().header("x_api_key", STRIPE), "deny: secret_found");
    // One that is guarded and not listed does not pass anyway.
    check(&set, &get().header("x-version", STRIPE), "deny p: header_not_allowed");
    // The header that carries the agent's token.
    let digest: String = Sha256::digest(GITHUB).iter().map(|byte| format!("{byte:02x}")).collect();
    let gateway = format!(
        r#"{{ "ambit": "gateway-v1", "identity": [{{ "header": "x-agent" }},
        {{ "token": {{ "header": "x-agent-token", "sha256": {{ "{digest}": "agent" }} }} }}] }}"#
    );
    let mut documents = sources(&[shop_page(ALL)]);
    documents[0] = source(SourceKind::Gateway, gateway);
    check(&policy(&documents), &get().header("x-agent-token", GITHUB), "allow p");
    check(&set, &get().header("x-agent-token", GITHUB), "deny: secret_found");
}

/// A21: what only looks like one passes.
#[test]
fn look_alikes_pass() {
    let set = shop(ALL);
    let sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    check_all(
        &set,
        &[
            (request(&format!("GET /v3/products?sku={sha}")), "allow p"),
            (request("GET /v3/products?search=pk_live_51H8abcdEFGHijklMNOPqrstUVWX"), "allow p"),
            (request(&format!("GET /v3/notes/{sha}")), "allow e"),
            (request(&format!("GET /v3/notes/{AWS_ID}")), "allow e"),
            (json("POST /v3/notes", r#"{"note":"Why do keys begin with sk_live_ and ghp_?"}"#), "allow e"),
            (json("POST /v3/notes", r#"{"note":"sk_test_51H8abcdEFGHijklMNOPqrstUVWX"}"#), "allow e"),
            (
                json("POST /v3/notes", r#"{"note":"Paste the part between -----BEGIN CERTIFICATE----- lines."}"#),
                "allow e",
            ),
            (json("POST /v3/notes", r#"{"id":4539148803436467,"ref":"4539148803436467"}"#), "allow e"),
            (json("POST /v3/notes", r#"{"id":"41c75889-64d6-4f78-a60a-cfd723da4f2c","at":1790000000000}"#), "allow e"),
        ],
    );
}

/// A21: either half of an AWS key passes; both in one request do not, wherever they stand.
#[test]
fn the_halves_of_an_aws_key() {
    let set = shop(ALL);
    let body = |text: String| json("POST /v3/notes", &text);
    let plus = AWS_SECRET.replace('/', "+");
    check_all(
        &set,
        &[
            (body(format!(r#"{{"note":"{AWS_ID} {AWS_SECRET}"}}"#)), "deny: secret_found /note"),
            (
                body(format!(r#"{{"secret":"{AWS_SECRET}","nested":{{"id":"{AWS_ID}"}}}}"#)),
                "deny: secret_found /secret",
            ),
            (body(format!(r#"{{"id":"{AWS_ID}"}}"#)), "allow e"),
            (body(format!(r#"{{"secret":"{AWS_SECRET}"}}"#)), "allow e"),
            (request(&format!("GET /v3/notes/{AWS_ID}?x={AWS_SECRET}")), "deny: secret_found"),
            (request(&format!("GET /v3/notes/{AWS_ID}?x={plus}")), "deny: secret_found"),
        ],
    );
}

/// A21: a plain number is a card's where a name above it says so.
#[test]
fn names_tell_cards() {
    let set = shop(ALL);
    check_all(
        &set,
        &[
            (json("POST /v3/notes", r#"{"card":{"number":4539148803436467}}"#), "deny: secret_found /card/number"),
            (json("POST /v3/notes", r#"{"cards":[{"n":"4539148803436467"}]}"#), "deny: secret_found /cards/0/n"),
            (json("POST /v3/notes", r#"{"PAN":"371449635398431"}"#), "deny: secret_found /PAN"),
            (json("POST /v3/notes", r#"{"card":{"last4":"6467"},"order":"4539148803436467"}"#), "allow e"),
            (json("POST /v3/notes", r#"{"note":"4111 1111 1111 1111"}"#), "deny: secret_found /note"),
            (request("GET /v3/products?card=4539148803436467"), "deny: secret_found"),
            (request("GET /v3/products?search=4111+1111+1111+1111"), "deny: secret_found"),
            (request("GET /v3/products?order=4539148803436467"), "allow p"),
        ],
    );
}

/// A21: a refusal never repeats the value, in whatever else is wrong with the request.
#[test]
fn the_value_is_never_repeated() {
    let set = shop(
        r#"{ "permit": [{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["name", "status"] },
                          "limits": [{ "field": "status", "in": ["draft"] }] },
                        { "id": "n", "scope": "shop:products.update", "mode": "shadow", "fields": { "only": ["name"] } }] }"#,
    );
    let requests: [(Request, &str); 4] = [
        (
            json("PUT /v3/products/1", &format!(r#"{{"status":"{STRIPE}"}}"#)),
            "deny u: value_format, secret_found /status",
        ),
        (json("PUT /v3/products/1", &format!(r#"{{"{STRIPE}":"x"}}"#)), "deny u: field_not_allowed, secret_found "),
        (json(&format!("PUT /v3/products/1?{STRIPE}=1"), r#"{"name":"x"}"#), "deny u: param_shadow, secret_found"),
        (json("PUT /v3/products/1", &format!(r#"{{"name":"{STRIPE}"}}"#)), "deny: secret_found /name"),
    ];
    for (request, expect) in requests {
        check(&set, &request, expect);
        let outcome = judge(&set, &request);
        assert!(!outcome.forward);
        let all = format!(
            "{outcome:?}{}{}",
            String::from_utf8(outcome.problem(&set).body).unwrap(),
            String::from_utf8(outcome.decision_json(&set)).unwrap()
        );
        assert!(!all.contains("51H8abcd"), "{all}");
        assert!(all.contains("`stripe`"), "{all}");
    }
}

/// A21: the refusal says what was found, where, and what to do.
#[test]
fn the_reason_explains() {
    let set = shop(ALL);
    let message = |request: &Request| judge(&set, request).reasons[0].message.clone();
    assert_eq!(
        message(&request(&format!("GET /v3/products?search={STRIPE}"))),
        "a live Stripe key (detector `stripe`) in `query.search`; send the request without it"
    );
    assert_eq!(
        message(&request(&format!("GET /v3/notes/{GITHUB}"))),
        "a GitHub token (detector `github`) in segment 3 of the path; send the request without it"
    );
    assert_eq!(
        message(&request("GET /v3/products").header("X-Note", STRIPE)),
        "a live Stripe key (detector `stripe`) in `header.x-note`; send the request without it"
    );
    assert_eq!(
        message(&json("POST /v3/notes", &format!(r#"{{"n":"{GITHUB}"}}"#))),
        "a GitHub token (detector `github`) in the body; send the request without it"
    );
}

/// A21: an approval does not help, and a forbid that matches is named first.
#[test]
fn whatever_the_rules_say() {
    let set = shop(
        r#"{ "permit": [{ "id": "a", "scope": "shop:products.update", "fields": "any", "approval": "owner" },
                        { "id": "c", "scope": "shop:products.create", "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "shop:products.create", "when": [{ "field": "status", "in": ["live"] }] }] }"#,
    );
    let body = format!(r#"{{"status":"draft","name":"{STRIPE}"}}"#);
    check(&set, &json("PUT /v3/products/1", r#"{"name":"x"}"#), "approval_required a: approval_required");
    check(&set, &json("PUT /v3/products/1", &body), "deny: secret_found /name");
    check(&set, &json("POST /v3/products", &body), "deny: secret_found /name");
    let both = body.replace("draft", "live");
    check(&set, &json("POST /v3/products", &both), "deny f: forbidden, secret_found /name");
}

/// C1: a page in shadow records it, and forwards.
#[test]
fn shadow_records() {
    let set = shop(&ALL.replacen('{', r#"{ "mode": "shadow", "#, 1));
    let outcome = judge(&set, &request(&format!("GET /v3/products?search={STRIPE}")));
    assert!(outcome.forward && outcome.shadow);
    assert_eq!(outcome.decision.name(), "deny");
    assert_eq!(outcome.reasons[0].code.text(), "secret_found");
}

/// A body that no rule reads is not looked through; its head is.
#[test]
fn opaque_bodies_pass() {
    let set = permits(r#"{ "id": "p", "scope": "shop:products.create", "body": { "opaque": true } }"#);
    let body = format!(r#"{{"name":"{STRIPE}"}}"#);
    check(&set, &json("POST /v3/products", &body), "allow p");
    check(&set, &json(&format!("POST /v3/products?context={STRIPE}"), &body), "deny: secret_found");
    check(&set, &json("POST /v3/products", &body).header("x-note", GITHUB), "deny: secret_found");
}

/// `loosen.secrets` switches off what it names, and nothing else.
#[test]
fn detectors_can_be_switched_off() {
    let loosened = |names: &str| {
        shop(&ALL.replacen(
            '{',
            &format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ "secrets": [{names}] }} }} }}, "#),
            1,
        ))
    };
    let note = |text: &str| json("POST /v3/notes", &format!(r#"{{"note":"{text}"}}"#));
    let set = loosened(r#""stripe", "card", "aws""#);
    check(&set, &note(STRIPE), "allow e");
    check(&set, &note("4111 1111 1111 1111"), "allow e");
    check(&set, &json("POST /v3/notes", r#"{"card":4539148803436467}"#), "allow e");
    check(&set, &note("x").header("x-note", STRIPE), "allow e");
    check(&set, &note("x").header("x-note", GITHUB), "deny: secret_found");
    check(&set, &note(&format!("{AWS_ID} {AWS_SECRET}")), "allow e");
    check(&set, &note(&format!("{STRIPE} {GITHUB}")), "deny: secret_found /note");
    check(&loosened(""), &note(STRIPE), "deny: secret_found /note");
}

#[test]
fn unknown_detectors_are_diagnosed() {
    let with = |name: &str| {
        let page = shop_page(&ALL.replacen(
            '{',
            &format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ "secrets": ["card", "{name}"] }} }} }}, "#),
            1,
        ));
        diagnosed(&sources(&[page]))
    };
    assert_eq!(with("github"), [""; 0]);
    assert_eq!(with("strip"), [r#"unknown secret detector `strip` | did you mean `stripe`? | "strip""#]);
    let known = "known here: `private_key`, `stripe`, `aws`, `github`, `slack`, `woocommerce`, `google`, `openai`, \
                 `anthropic`, `supabase`, `card`";
    assert_eq!(with("everything"), [format!(r#"unknown secret detector `everything` | {known} | "everything""#)]);
}
