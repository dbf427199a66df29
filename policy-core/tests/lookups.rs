//! What is looked up, when, and which answers count.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::{Arc, LazyLock};

use policy_core::policy::Method;
use policy_core::state::Answer;
use policy_core::{PolicySet, Step, Timestamp, Unavailable, evaluate};
use proptest::prelude::*;
use support::present::{World, check_in, judge_in, messages, put, response, store, store_permits};
use support::{NOW, Request, json, request, text_of};

const STEP: &str = r#"{ "id": "p", "scope": ["store:products.update", "store:variations.update"], "fields": { "only": ["price", "id"] },
    "limits": [{ "count": "rows", "max": 60 }, { "id": "step", "field": "price", "change": { "percent": "5" } }] }"#;

fn product(id: u32, price: &str) -> String {
    format!(r#"{{"id":{id},"price":"{price}"}}"#)
}

const RAISE: &str = r#"{"price":"10.50"}"#;

/// A page whose rules look at the request alone asks for nothing.
#[test]
fn a_page_without_such_rules_never_asks() {
    let set = store_permits(r#"{ "id": "p", "scope": "store:products.update", "fields": "any" }"#);
    let world = World::default();
    check_in(&set, &world, &put(RAISE), "allow p");
    assert_eq!(world.asked(), [""; 0]);
}

/// What is refused whatever the present is, is refused without a call.
#[test]
fn a_refusal_needs_no_lookup() {
    let set = store(&format!(
        r#"{{ "permit": [{STEP}], "forbid": [{{ "id": "f", "scope": "store:products.update", "when": [{{ "field": "id", "present": true, "in": ["7"] }}] }}] }}"#
    ));
    let world = World::of(&[("/v1/products/42", &product(42, "10.00"))]);
    for (request, expect) in [
        (put(r#"{"price":"10.50","name":"x"}"#), "deny p: field_not_allowed /name"),
        (put(r#"{"price":"x"}"#), "deny p: value_format /price, value_format /price"),
        (put(r#"{"price":"10.50","id":"7"}"#), "deny f: forbidden"),
        (put(r#"{"price":"10.50","id":"sk_live_0123456789abcdefghij"}"#), "deny f: forbidden, secret_found /id"),
        (json("PUT /v1/products/42?x=1", RAISE), "deny p: param_shadow"),
        (request("DELETE /v1/products/42"), "deny: endpoint_not_allowed"),
    ] {
        check_in(&set, &world, &request, expect);
        assert_eq!(world.asked(), [""; 0], "{request:?}");
    }
    check_in(&set, &world, &put(RAISE), "allow p");
    assert_eq!(world.asked(), ["/v1/products/42"]);
}

/// An explanation says which rules would have needed one.
#[test]
fn an_explanation_names_what_was_not_looked_up() {
    let set = store(&format!(
        r#"{{ "permit": [{STEP}], "forbid": [{{ "id": "f", "scope": "store:products.update[category=x]" }}] }}"#
    ));
    let rows = r#"{"update":[{"id":1,"price":"1"},{"id":2,"price":"x"}]}"#;
    let outcome = judge_in(&set, &json("POST /v1/products/batch", rows), &World::default());
    let said = "depends on what is now, which was not looked up: the request is refused anyway";
    let of_first: Vec<_> = outcome.considered.iter().filter(|rule| rule.operation == 0).collect();
    assert_eq!(of_first.len(), 2);
    for rule in of_first {
        assert!(rule.reasons.iter().any(|reason| reason.message == said), "{rule:?}");
    }
}

/// A change that is not asked for needs no current value.
#[test]
fn a_limit_on_what_is_not_there_needs_no_lookup() {
    let set = store_permits(STEP);
    let world = World::default();
    check_in(&set, &world, &put(r#"{"id":"42"}"#), "allow p");
    assert_eq!(world.asked(), [""; 0]);
}

/// A permit that needs nothing and allows makes the others needless.
#[test]
fn another_permit_that_allows_needs_no_lookup() {
    let set = store_permits(&format!(
        r#"{STEP}, {{ "id": "all", "scope": "store:products.update", "fields": "any", "limits": [{{ "field": "price", "max": 20 }}] }}"#
    ));
    let world = World::of(&[("/v1/products/42", &product(42, "100.00"))]);
    check_in(&set, &world, &put(RAISE), "allow all");
    assert_eq!(world.asked(), [""; 0]);
    check_in(&set, &world, &put(r#"{"price":"101"}"#), "allow p");
    assert_eq!(world.asked(), ["/v1/products/42"]);
}

#[test]
fn what_is_fetched() {
    let set = store_permits(STEP);
    let world = World::of(&[("/v1/products/42", &product(42, "10.00"))]);
    let request = put(RAISE).header("authorization", "Bearer agent").header("cookie", "a=b").header("x-trace", "1");
    check_in(&set, &world, &request, "allow p");
    let [fetch] = world.fetched().try_into().unwrap();
    assert_eq!(
        (fetch.method, fetch.target.as_str(), fetch.host.as_str()),
        (Method::Get, "/v1/products/42", "shop.example.com")
    );
    let headers: Vec<(&str, &str)> = fetch.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(headers, [("accept", "application/json"), ("accept-encoding", "identity")]);
    assert!(fetch.body.is_none() && fetch.limit > 0);
}

/// An answer that is not full, not JSON, not of one reading or of another resource: the limit is not met.
#[test]
fn an_answer_that_is_not_good_enough() {
    let set = store_permits(STEP);
    let unknown = "deny p: unknown_state /price";
    for (answer, why) in [
        (response(404, "{}"), "status 404"),
        (response(206, &product(42, "10")), "status 206"),
        (response(301, ""), "status 301"),
        (response(500, "{}"), "status 500"),
        (response(200, "<html>"), "cannot be read"),
        (response(200, r#"{"id":42,"price":"10","price":"10"}"#), "occurs twice"),
        (response(200, &product(43, "10")), "another resource"),
        (response(200, r#"{"price":"10"}"#), "another resource"),
        (response(200, r#"{"id":"042","price":"10"}"#), "another resource"),
        (response(200, r#"[{"id":42,"price":"10"}]"#), "another resource"),
        (response(200, r#"{"id":42,"price":10.1234567890123456789}"#), "18 significant digits"),
        (response(200, "null"), "does not hold it"),
        (Answer::Response { status: 200, headers: vec![], body: product(42, "10").into_bytes() }, "not JSON"),
        (Answer::Unavailable(Unavailable::Timeout), "not answered in time"),
        (Answer::Unavailable(Unavailable::Unreachable), "could not be reached"),
        (Answer::Unavailable(Unavailable::TooLarge), "larger"),
        (Answer::Unavailable(Unavailable::NotSupported), "cannot look it up"),
    ] {
        let outcome = judge_in(&set, &put(RAISE), &World::default().with("/v1/products/42", answer.clone()));
        assert_eq!(text_of(&outcome), unknown, "{answer:?}");
        assert!(messages(&outcome)[0].contains(why), "{why}: {:?}", messages(&outcome));
    }
    let string = response(200, r#"{"id":"42","price":"10"}"#);
    check_in(&set, &World::default().with("/v1/products/42", string), &put(RAISE), "allow p");
}

/// A host that answers too few calls, or none.
#[test]
fn a_call_without_an_answer() {
    let set = store_permits(STEP);
    let at = || {
        let step = evaluate(&set, put(RAISE).head(), Timestamp::parse(NOW).unwrap());
        let Step::NeedBody(need) = step else { panic!("{step:?}") };
        match need.answer(policy_core::Body::Complete(RAISE.into())) {
            Step::NeedCurrent(need) => need,
            step => panic!("{step:?}"),
        }
    };
    for step in [at().answer(Vec::new()), at().unavailable(Unavailable::Timeout)] {
        let Step::Done(outcome) = step else { panic!("{step:?}") };
        assert_eq!(text_of(&outcome), "deny p: unknown_state /price");
        assert_eq!(outcome.undecidable, None);
    }
    let Step::Done(outcome) = at().unavailable(Unavailable::NotRecorded) else { panic!("an end") };
    assert_eq!(outcome.undecidable.as_deref(), Some("current value not in the recording"));
}

fn batch(rows: impl Iterator<Item = (u32, &'static str)>) -> Request {
    let rows: Vec<String> = rows.map(|(id, price)| format!(r#"{{"id":{id},"price":"{price}"}}"#)).collect();
    json("POST /v1/products/batch", &format!(r#"{{"update":[{}]}}"#, rows.join(",")))
}

/// A batch needs each of its resources: in list calls where the API has them.
#[test]
fn a_batch_is_listed() {
    let set = store_permits(STEP);
    let list = |ids: std::ops::RangeInclusive<u32>| {
        let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        format!("/v1/products?include={}&per_page=100", ids.join(","))
    };
    let answer = |ids: std::ops::RangeInclusive<u32>| {
        let all: Vec<String> = ids.rev().map(|id| product(id, "10.00")).collect();
        response(200, &format!("[{}]", all.join(",")))
    };
    let world =
        World::default().with(&list(1..=50), answer(1..=50)).with("/v1/products/51", response(200, &product(51, "10")));
    check_in(&set, &world, &batch((1..=51).map(|id| (id, "10.50"))), "allow p");
    assert_eq!(world.asked(), [list(1..=50), "/v1/products/51".to_string()]);
    // One of fifty out of bounds, one that the list does not have, one that it has twice.
    let mut rows: Vec<(u32, &str)> = (1..=50).map(|id| (id, "10.50")).collect();
    rows[7].1 = "10.51";
    check_in(&set, &world, &batch(rows.into_iter()), "deny p: envelope_exceeded /update/7/price");
    let world = World::default().with(&list(1..=3), answer(1..=2));
    check_in(&set, &world, &batch((1..=3).map(|id| (id, "10.50"))), "deny p: unknown_state /update/2/price");
    let twice = format!("[{},{},{}]", product(1, "10"), product(2, "10"), product(1, "10"));
    let world = World::default().with(&list(1..=2), response(200, &twice));
    check_in(&set, &world, &batch((1..=2).map(|id| (id, "10.50"))), "deny p: unknown_state /update/0/price");
}

/// Variations: the parent once, each in the list of its parent.
#[test]
fn what_several_rows_share_is_fetched_once() {
    let set = store_permits(
        r#"{ "id": "p", "scope": "store:variations.update[category=toys]", "fields": { "only": ["price"] }, "limits": [{ "field": "price", "change": { "percent": "5" } }] }"#,
    );
    let rows = r#"{"update":[{"id":1,"price":"10.50"},{"id":"gid://store/Variation/2","price":"10.50"}]}"#;
    let list = "/v1/products/9/variations?include=1,2";
    let parent = ("/v1/products/9", r#"{"id":9,"categories":[{"slug":"toys"}]}"#);
    let request = json("POST /v1/products/9/variations/batch", rows);
    let found = r#"{"variations":[{"id":1,"parent_id":9,"price":"10"},{"id":2,"parent_id":9,"price":"10"}]}"#;
    let world = World::of(&[parent, (list, found)]);
    check_in(&set, &world, &request, "allow p");
    let mut asked = world.asked();
    asked.sort();
    assert_eq!(asked, ["/v1/products/9", list]);
    // Of another parent: not the resource that was asked for.
    let other = found.replace(r#""id":2,"parent_id":9"#, r#""id":2,"parent_id":8"#);
    check_in(&set, &World::of(&[parent, (list, &other)]), &request, "deny p: unknown_state /update/1/price");
    // One resource in two spellings is one resource.
    let twice = rows.replace("\"id\":1", "\"id\":2");
    let request = json("POST /v1/products/9/variations/batch", &twice);
    check_in(&set, &world, &request, "deny: duplicate_target");
}

/// Values of an address come from the agent: what could change the address is not looked up.
#[test]
fn an_agent_cannot_steer_a_lookup() {
    let set = store(
        r#"{ "money": { "currency": "usd" }, "permit": [{ "id": "p", "scope": "store:refunds.create", "fields": "any",
             "limits": [{ "field": "current.charged", "max": "100" }] }] }"#,
    );
    let set = Arc::new(set);
    for charge in ["../payers/x", "a/b", "a%2fb", "a?x=1", "a#b", "..", ".", "", "a b", "a;b", "\\u0000", "ü"] {
        let body = format!(r#"{{"charge":"{charge}","amount":1}}"#);
        let world = World::default();
        check_in(&set, &world, &json("POST /v1/refunds", &body), "deny p: unknown_state");
        assert_eq!(world.asked(), [""; 0], "{charge}");
    }
    for charge in ["null", "true", "[1]", "{}"] {
        let world = World::default();
        let body = format!(r#"{{"charge":{charge},"intent":"pi_1","amount":1}}"#);
        check_in(&set, &world, &json("POST /v1/refunds", &body), "deny p: unknown_state");
        assert_eq!(world.asked(), [""; 0], "{charge}");
    }
}

/// The first address whose variables are all there.
#[test]
fn addresses_are_tried_by_what_the_request_says() {
    let set = store(
        r#"{ "money": { "currency": "usd" },
             "permit": [{ "id": "p", "scope": "store:refunds.create", "fields": "any", "limits": [{ "field": "amount", "max": "1.00" }] }] }"#,
    );
    let usd = r#"{"currency":"usd"}"#;
    let world = World::of(&[("/v1/charges/ch_1", usd), ("/v1/intents/pi_1", usd)]);
    for (body, expect, asked) in [
        (r#"{"charge":"ch_1","amount":100}"#, "allow p", &["/v1/charges/ch_1"][..]),
        (r#"{"intent":"pi_1","amount":100}"#, "allow p", &["/v1/intents/pi_1"]),
        (r#"{"intent":"pi_1","amount":101}"#, "deny p: envelope_exceeded /amount", &["/v1/intents/pi_1"]),
        (r#"{"charge":"ch_1","intent":"pi_1","amount":100}"#, "allow p", &["/v1/charges/ch_1"]),
        // The first answers for itself: a failure does not lead on to the next.
        (r#"{"charge":"ch_2","intent":"pi_1","amount":100}"#, "deny p: unknown_state /amount", &["/v1/charges/ch_2"]),
        (r#"{"amount":100}"#, "deny p: unknown_state /amount", &[]),
    ] {
        check_in(&set, &world, &json("POST /v1/refunds", body), expect);
        assert_eq!(world.asked(), asked, "{body}");
    }
}

/// A lookup whose address the present says takes a second round; there is no third.
#[test]
fn one_lookup_after_another() {
    let set = store_permits(
        r#"{ "id": "p", "scope": "store:refunds.create", "fields": "any", "limits": [{ "field": "payer.trust", "in": ["high"] }] }"#,
    );
    let body = json("POST /v1/refunds", r#"{"charge":"ch_1"}"#);
    let charge = |payer: &str| format!(r#"{{"currency":"usd","payer":{payer}}}"#);
    let world = World::of(&[
        ("/v1/charges/ch_1", &charge("\"jo@example.com\"")),
        ("/v1/payers/jo%40example.com", r#"{"trust":"high"}"#),
    ]);
    check_in(&set, &world, &body, "allow p");
    assert_eq!(world.asked(), ["/v1/charges/ch_1", "/v1/payers/jo%40example.com"]);
    // What the upstream says is no more trusted in an address than what an agent does.
    for payer in ["\"../admin\"", "\"a/b\"", "{}", "null", "\"\""] {
        let world = World::of(&[("/v1/charges/ch_1", &charge(payer))]);
        check_in(&set, &world, &body, "deny p: unknown_state");
        assert_eq!(world.asked(), ["/v1/charges/ch_1"], "{payer}");
    }
}

/// More than a request may look up: refused, and nothing is.
#[test]
fn lookups_are_bounded() {
    let set = store_permits(
        r#"{ "id": "p", "scope": "store:orders.create", "fields": "any", "limits": [{ "sum": "line_value", "max": "1000000" }] }"#,
    );
    let order = |lines: usize| {
        let lines: Vec<String> = (1..=lines).map(|id| format!(r#"{{"product_id":{id},"quantity":1}}"#)).collect();
        let body = format!(r#"{{"lines":[{}]}}"#, lines.join(","));
        json("POST /v1/orders", &body)
    };
    let mut world = World::default();
    for id in 1..=70 {
        world = world.with(&format!("/v1/products/{id}"), response(200, r#"{"price":"1"}"#));
    }
    check_in(&set, &world, &order(64), "allow p");
    assert_eq!(world.asked().len(), 64);
    for lines in [65, 500] {
        check_in(&set, &world, &order(lines), "deny p: unknown_state");
        assert_eq!(world.asked(), [""; 0], "{lines}");
    }
}

/// The page is in shadow: it decides and records, and makes no calls.
#[test]
fn shadow_looks_nothing_up() {
    let set: Arc<PolicySet> = store(&format!(r#"{{ "mode": "shadow", "permit": [{STEP}] }}"#));
    let world = World::of(&[("/v1/products/42", &product(42, "10.00"))]);
    let outcome = judge_in(&set, &put(RAISE), &world);
    assert_eq!(text_of(&outcome), "deny p: unknown_state /price");
    assert!(outcome.forward && outcome.shadow);
    assert_eq!(outcome.undecidable.as_deref(), Some("current value not looked up: the page is in shadow"));
    let outcome = judge_in(&set, &put(r#"{"price":"x"}"#), &world);
    assert_eq!((text_of(&outcome).starts_with("deny p: value_format"), outcome.undecidable), (true, None));
    assert_eq!(world.asked(), [""; 0]);
}

/// Rules in shadow do not count, and nothing is looked up for them.
#[test]
fn rules_in_shadow_look_nothing_up() {
    let set = store(
        r#"{ "permit": [{ "id": "p", "scope": "store:products.update", "fields": "any" },
                        { "id": "q", "mode": "shadow", "scope": "store:products.update[category=a]", "fields": "any", "limits": [{ "field": "price", "change": { "percent": "5" } }] }],
             "forbid": [{ "id": "f", "mode": "shadow", "scope": "store:products.update", "when": [{ "field": "current.status", "in": ["live"] }] }] }"#,
    );
    let world = World::default();
    check_in(&set, &world, &put(RAISE), "allow p");
    assert_eq!(world.asked(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// Whatever bytes come as an answer: nothing but a full answer of that resource with such a price lets the change pass.
    #[test]
    fn damaged_answers_let_nothing_pass(at in 0usize..60, byte in any::<u8>(), cut in 0usize..60, status in prop::sample::select(vec![200u16, 200, 200, 201, 404])) {
        static SET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| store_permits(STEP));
        let mut body = r#"{"id":42,"name":"a \u00fc b","price":"10.00","tags":[1,2]}"#.as_bytes().to_vec();
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        if cut < 8 {
            body.truncate(body.len() - cut);
        }
        let answer = Answer::Response { status, headers: vec![(b"content-type".to_vec(), b"application/json".to_vec())], body: body.clone() };
        let outcome = judge_in(&SET, &put(RAISE), &World::default().with("/v1/products/42", answer));
        if outcome.forward {
            let read: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            prop_assert_eq!(status, 200);
            prop_assert_eq!(&read["id"], 42);
            let price: f64 = read["price"].as_str().expect("a text").parse().expect("a number");
            prop_assert!((price - 10.5).abs() <= price * 0.05 + 1e-9, "{}", price);
        }
    }
}

/// The same request in the same world: the same calls, the same outcome.
#[test]
fn outcomes_are_the_same_every_time() {
    let set = store_permits(STEP);
    let world =
        World::of(&[("/v1/products?include=1,2&per_page=100", &format!("[{},{}]", product(1, "10"), product(2, "9")))]);
    let request = batch([(1, "10.50"), (2, "10.50")].into_iter());
    let first = (judge_in(&set, &request, &world), world.fetched());
    for _ in 0..3 {
        assert_eq!((judge_in(&set, &request, &world), world.fetched()), first);
    }
    assert_eq!(text_of(&first.0), "deny p: envelope_exceeded /update/1/price");
}
