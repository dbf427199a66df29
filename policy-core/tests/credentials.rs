//! Phantom tokens (B3): the token of an agent stays at the gateway, and the internal route header, which leads to the real
//! credential, is set on what is forwarded for a named agent and on nothing else.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::bundle::digest_of;
use policy_core::compile::{Source, SourceKind};
use policy_core::{Obligation, Outcome, PolicySet};
use serde_json::{Value, json};
use support::counting::{DONE, Gateway};
use support::pages::{shop_page, sources};
use support::present::sources_on;
use support::tokens::{shop_with_sessions, shop_with_sessions_and, token};
use support::{Request, diagnose, judge, judge_at, policy, request, source};

const TOKEN: &str = "f00d-worth-nothing-elsewhere";
const BEARER: &str = "Bearer f00d-worth-nothing-elsewhere";
const RULES: &str = r#""permit": [{ "id": "read", "scope": "shop:products.read" }]"#;

/// A header that an earlier filter sets, then tokens in two headers.
fn gateway(more: Value) -> Value {
    let agents = json!({ digest_of(TOKEN.as_bytes()).strip_prefix("sha256:").unwrap(): "agent" });
    let token = |header: &str| json!({ "token": { "header": header, "sha256": agents } });
    let mut gateway = json!({
        "ambit": "gateway-v1",
        "identity": [{ "header": "x-agent" }, token("authorization"), token("x-key")],
    });
    for (name, value) in more.as_object().unwrap() {
        gateway[name] = value.clone();
    }
    gateway
}

fn with_gateway(mut sources: Vec<Source>, more: Value) -> Vec<Source> {
    sources[0] = source(SourceKind::Gateway, gateway(more).to_string());
    sources
}

fn set_of(members: &str, more: Value) -> Arc<PolicySet> {
    policy(&with_gateway(sources(&[shop_page(&format!("{{ {members} }}"))]), more))
}

fn credentials() -> Value {
    json!({ "credentials": { "route_header": "X-Inner", "routes": { "Shop.example.com:443": "shop" } } })
}

fn set() -> Arc<PolicySet> {
    set_of(RULES, credentials())
}

/// What the gateway does to the headers.
fn changes(outcome: &Outcome) -> Vec<String> {
    let text = |obligation: &Obligation| match obligation {
        Obligation::SetRequestHeader { name, value } => format!("{name}={}", String::from_utf8_lossy(value)),
        Obligation::RemoveRequestHeader { name } => format!("-{name}"),
        other => panic!("{other:?}"),
    };
    outcome.obligations.iter().map(text).collect()
}

#[track_caller]
fn forwarded(set: &Arc<PolicySet>, request: &Request, expect: &[&str]) {
    let outcome = judge(set, request);
    assert!(outcome.forward, "{:?}", outcome.reasons);
    assert_eq!(changes(&outcome), expect);
}

fn read() -> Request {
    request("GET /v3/products/1").set("x-agent", None)
}

/// B3: what named the agent comes off, and the credential's route goes on.
#[test]
fn the_token_comes_off_and_the_route_goes_on() {
    let set = set();
    for bearer in [BEARER, TOKEN, "token f00d-worth-nothing-elsewhere", " Bearer  f00d-worth-nothing-elsewhere "] {
        forwarded(&set, &read().header("authorization", bearer), &["-authorization", "x-inner=shop"]);
    }
    forwarded(&set, &read().header("X-Key", TOKEN), &["-x-key", "x-inner=shop"]);
    // Whose name a filter before has set has no token: what it sends beside it is its own.
    let named = || read().header("x-agent", "agent");
    forwarded(&set, &named(), &["x-inner=shop"]);
    forwarded(&set, &named().header("authorization", "Basic of-another-kind"), &["x-inner=shop"]);
    // A token beside another source is no less one.
    let both = named().header("authorization", BEARER).header("x-key", TOKEN);
    forwarded(&set, &both, &["-authorization", "-x-key", "x-inner=shop"]);
}

/// B3: the header says that the request was judged. What a client sends in it says nothing.
#[test]
fn a_clients_route_comes_off_whoever_asks() {
    let set = set_of(RULES, credentials());
    let forged = |request: Request| request.header("X-INNER", "shop").header("x-inner", "admin");
    forwarded(&set, &forged(read().header("x-key", TOKEN)), &["-x-inner", "-x-key", "x-inner=shop"]);
    let mut open = credentials();
    open["unknown_agent"] = json!("not_an_agent");
    let open = set_of(RULES, open);
    let outcome = judge(&open, &forged(read().header("authorization", "Basic of-a-person")));
    assert!(outcome.not_an_agent);
    assert_eq!(changes(&outcome), ["-x-inner"]);
    forwarded(&open, &read(), &[]);
    // Who shows a token is no passer-by.
    let outcome = judge(&open, &forged(read().header("authorization", "Bearer guessed")));
    assert_eq!((outcome.forward, changes(&outcome)), (false, vec![]));
}

/// B3: a host without a route gets no credential, and no token either.
#[test]
fn a_host_without_a_route_gets_neither() {
    let none = set_of(RULES, json!({ "credentials": {} }));
    let forged = read().header("authorization", BEARER).header("x-ambit-route", "shop");
    forwarded(&none, &forged, &["-x-ambit-route", "-authorization"]);
    let other = set_of(RULES, json!({ "credentials": { "routes": { "shop.example.com:8443": "shop" } } }));
    forwarded(&other, &read().header("authorization", BEARER), &["-authorization"]);
}

/// Where the gateway adds nothing, what an agent shows may be the API's own key, known here by its digest.
#[test]
fn without_credentials_everything_goes_on_as_it_came() {
    let set = set_of(RULES, json!({}));
    forwarded(&set, &read().header("authorization", BEARER).header("x-ambit-route", "shop"), &[]);
}

/// B2, B3: a session token has no use upstream, so it comes off whether the gateway adds credentials or not.
#[test]
fn a_session_token_never_goes_upstream() {
    let page = format!("{{ {RULES} }}");
    let plain = shop_with_sessions(&page);
    let read = || request("GET /v3/products/1");
    let goes_on = |set: &Arc<PolicySet>, request: &Request, expect: &[&str]| {
        let outcome = Gateway::new(Arc::clone(set)).send(request, DONE);
        assert!(outcome.forward, "{:?}", outcome.reasons);
        assert_eq!(changes(&outcome), expect);
    };
    goes_on(&plain, &read().in_session(json!({})), &["-authorization"]);
    goes_on(&plain, &read(), &[]);
    // A plain token may be the API's own key, and stays.
    goes_on(&plain, &read().with_token("s3cret"), &[]);
    goes_on(
        &shop_with_sessions_and(&page, &credentials()),
        &read().in_session(json!({})),
        &["-authorization", "x-inner=shop"],
    );
    // An earlier filter has named the agent, and a token is there all the same.
    let sources = json!([{ "header": "x-agent" }, { "session_token": { "header": "x-session" } }]);
    let named = shop_with_sessions_and(&page, &json!({ "identity": sources }));
    goes_on(&named, &read().header("x-session", token(json!({}))), &["-x-session"]);
    // Nor does one in a spelling that names nobody here.
    let (token, unread) = (token(json!({})), ["-x-session"]);
    for value in [format!("Basic {token}"), format!("{token} x"), "x".into()] {
        goes_on(&named, &read().header("x-session", value), &unread);
    }
    goes_on(&named, &read().header("x_session", token), &["-x_session"]);
}

/// B3, C1: shadow changes nothing for the client, so what it forwards has the credential as well: also what nobody could
/// read, as long as its host can be.
#[test]
fn what_a_page_in_shadow_forwards_has_the_credential() {
    let set = set_of(&format!(r#""mode": "shadow", {RULES}"#), credentials());
    let of_agent = |request: Request| request.set("x-agent", None).header("authorization", BEARER);
    let all = ["-authorization", "x-inner=shop"];
    for line in ["GET /v3/products/1", "DELETE /v3/products/1", "GET /v3//products", "GET /elsewhere"] {
        forwarded(&set, &of_agent(request(line)), &all);
    }
    forwarded(&set, &of_agent(support::json("POST /v3/products/search", &"x".repeat(2000))), &all);
    forwarded(&set, &of_agent(request("POST /v3/products/search").body("x")), &all);
    let late = judge_at(&set, &of_agent(read()), policy_core::Timestamp::parse("2027-01-01T00:00:00Z").unwrap());
    assert!(late.forward);
    assert_eq!(changes(&late), all);
    forwarded(&set, &of_agent(request("GET /v3/products/1").host("other.example.com")), &["-authorization"]);
    for two_hosts in [read().header("host", "other.example.com"), read().header(":authority", "shop.example.com")] {
        forwarded(&set, &of_agent(two_hosts), &["-authorization"]);
    }
}

/// B3: what answers to an agent may be kept for is not changed by the swap, which is the same for each of its requests.
#[test]
fn answers_are_kept_as_before() {
    let page =
        r#"{ "apis": { "store": { "fresh": "5s" } }, "permit": [{ "id": "r", "scope": "store:products.read" }] }"#;
    let set = policy(&with_gateway(sources_on(support::present::STORE, page), credentials()));
    let outcome = judge(&set, &request("GET /v1/products/42").set("x-agent", None).header("x-key", TOKEN));
    assert_eq!(changes(&outcome), ["-x-key", "x-inner=shop"]);
    assert!(outcome.keep.is_some());
    // What was forged may have chosen another answer, should the gateway have let it.
    let forged = request("GET /v1/products/42").header("x-inner", "shop");
    assert_eq!(judge(&set, &forged).keep, None);
}

/// B3, D2: the record names the agent; neither it nor what a refused client reads holds a token, known or not.
#[test]
fn no_record_holds_a_token() {
    let set = set();
    for (line, bearer) in [
        ("GET /v3/products/1", BEARER),
        ("DELETE /v3/products/1", BEARER),
        ("GET /v3/products/1", "Bearer f00d-guessed"),
        ("GET /v3//products", BEARER),
    ] {
        let outcome = judge(&set, &request(line).set("x-agent", None).header("authorization", bearer));
        for text in [outcome.decision_json(&set), outcome.problem(&set).body] {
            let text = String::from_utf8(text).unwrap();
            assert!(!text.contains("f00d"), "{text}");
        }
        assert_eq!(outcome.agent.as_deref(), (bearer == BEARER).then_some("agent"));
    }
}

/// A21: a token in the form of a live key is what the header is for, not a leak.
#[test]
fn a_token_in_the_form_of_a_key_names_its_agent() {
    let key = ["sk", "_live_", &"a1B2".repeat(8)].concat();
    let agents = json!({ digest_of(key.as_bytes()).strip_prefix("sha256:").unwrap(): "agent" });
    let mut more = credentials();
    more["identity"] = json!([{ "token": { "header": "x-key", "sha256": agents } }]);
    let set = set_of(RULES, more);
    forwarded(&set, &read().header("x-key", &key), &["-x-key", "x-inner=shop"]);
    let leak = judge(&set, &read().header("x-key", &key).header("x-note", &key));
    assert_eq!(leak.reasons[0].code.text(), "secret_found");
}

fn said(more: Value, expect: &[&str]) {
    diagnose(&with_gateway(sources(&[shop_page(&format!("{{ {RULES} }}"))]), more), expect);
}

/// E2: what is wrong, where, and what to write instead.
#[test]
fn mistakes_are_found_where_they_stand() {
    said(credentials(), &[]);
    let header = |name: &str| json!({ "credentials": { "route_header": name } });
    let syntax = "write letters, digits and `-`, as in `x-ambit-route`";
    let own = "name a header that nothing else uses, such as `x-ambit-route`";
    for (name, message, help) in [
        ("", "is not a name for the internal header", syntax),
        (":path", "is not a name for the internal header", syntax),
        ("x_route", "is not a name for the internal header", syntax),
        ("X-Agent", "names the agent already", own),
        ("Authorization", "names the agent already", own),
        ("x-key", "names the agent already", own),
        ("Host", "has a meaning of its own in requests", own),
        ("transfer-encoding", "has a meaning of its own in requests", own),
    ] {
        said(header(name), &[&format!("`{name}` {message} | {help} | \"{name}\"")]);
    }
    let routes = |routes: Value| json!({ "credentials": { "routes": routes } });
    said(
        routes(json!({ "shop.example.com/v3": "shop" })),
        &["`shop.example.com/v3` is not a host | write `shop.example.com` or `shop.example.com:8443` | \"shop\""],
    );
    let value = "write the value that the gateway's route matches: letters, digits, `-`, `_` and `.`";
    for route in ["", "a b", "a,b"] {
        let message = format!("`{route}` is not a value of the internal header | {value} | \"{route}\"");
        said(routes(json!({ "shop.example.com": route })), &[&message]);
    }
    said(
        routes(json!({ "shop.example.com": "a", "Shop.example.com:443": "b" })),
        &["the host `shop.example.com` is listed twice | keep one of the two | \"a\""],
    );
    said(
        routes(json!({ "shop.exampel.com": "shop" })),
        &[
            "warning: no page speaks of the host `shop.exampel.com`: no agent gets its credential | did you mean `shop.example.com`? | \"shop\"",
        ],
    );
    said(
        routes(json!({ "api.stripe.com": "stripe" })),
        &[
            "warning: no page speaks of the host `api.stripe.com`: no agent gets its credential | add the host to the page of an agent, or take it out | \"stripe\"",
        ],
    );
}
