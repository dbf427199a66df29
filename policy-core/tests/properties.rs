//! Statements that hold for every page and every request.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::{Arc, LazyLock};

use policy_core::{Decision, Head, PolicySet, Step, Timestamp, evaluate};
use proptest::prelude::*;
use support::pages::{shop, tables};
use support::{NOW, Request, json, judge, request};

/// Permits that do not overlap in what they soften.
const PERMITS: [&str; 5] = [
    r#"{ "id": "read", "scope": "shop:products.read" }"#,
    r#"{ "id": "price", "scope": "shop:products.update", "fields": { "only": ["price", "stock"] }, "limits": [{ "field": "price", "max": 10 }, { "count": "rows", "max": 3 }] }"#,
    r#"{ "id": "toys", "scope": "shop:products.update[category=toys|books]", "fields": { "only": ["name", "category", "price"] } }"#,
    r#"{ "id": "delete", "scope": "shop:products.delete", "approval": "owner" }"#,
    r#"{ "id": "order", "endpoint": "shop:PUT /orders/{id}", "fields": { "only": ["status"] }, "limits": [{ "field": "status", "in": ["paid", "sent"] }] }"#,
];

/// The last covers a permit wholly: pages with both do not validate.
const FORBIDS: [&str; 5] = [
    r#"{ "id": "no-list", "scope": "shop:products.list" }"#,
    r#"{ "id": "no-free", "scope": "shop:products.update", "when": [{ "field": "price", "max": 0 }] }"#,
    r#"{ "id": "no-toys", "scope": "shop:products.*[category=toys]" }"#,
    r#"{ "id": "no-orders", "endpoint": "shop:PUT /orders/{id}" }"#,
    r#"{ "id": "no-deletes", "scope": "shop:products.delete" }"#,
];

fn page(permits: &[&str], forbids: &[&str]) -> Arc<PolicySet> {
    shop(&format!(r#"{{ "permit": [{}], "forbid": [{}] }}"#, permits.join(","), forbids.join(",")))
}

static ALL: LazyLock<Arc<PolicySet>> = LazyLock::new(|| page(&PERMITS, &[]));
static TABLES: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    tables(
        r#"{ "permit": [{ "id": "r", "scope": "db:rows.read[table=a]" },
                        { "id": "u", "scope": "db:rows.update[table=a]", "query": { "only": ["id"] }, "fields": { "only": ["x"] }, "limits": [{ "count": "rows", "max": 2 }] }] }"#,
    )
});

/// A member of a product, mostly one that some rule speaks of.
fn member() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        4 => prop::sample::select(vec!["price", "stock", "name", "category", "status"]).prop_map(String::from),
        // Never `id`, which `with_id` puts beside them.
        1 => "[a-hj-z][a-z]{0,2}",
    ];
    let scalar = prop::sample::select(vec![
        "0",
        "1",
        "9.99",
        "10",
        "11",
        "\"5\"",
        "\"x\"",
        "\"toys\"",
        "\"books\"",
        "\"paid\"",
        "null",
        "true",
        "[]",
        "{}",
        "[1]",
        "{\"a\":1}",
        "-1",
        "1e1",
    ]);
    (name, scalar.prop_map(String::from))
}

fn members() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(member(), 0..4).prop_map(|mut all| {
        all.sort();
        all.dedup_by(|a, b| a.0 == b.0);
        all
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn with_id(id: usize, members: &[(String, String)]) -> String {
    let mut all = vec![("id".to_string(), id.to_string())];
    all.extend_from_slice(members);
    object(&all)
}

fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(request("GET /v3/products")),
        Just(request("GET /v3/products/1?context=x")),
        Just(request("DELETE /v3/products/1")),
        members().prop_map(|m| json("PUT /v3/products/1", &object(&m))),
        members().prop_map(|m| json("PUT /v3/orders/1", &object(&m))),
        members().prop_map(|m| json("POST /v3/products/search", &object(&m))),
        prop::collection::vec(members(), 1..4).prop_map(|rows| {
            let rows: Vec<String> = rows.iter().enumerate().map(|(i, m)| with_id(i + 1, m)).collect();
            json("POST /v3/products/batch", &format!("{{\"update\":[{}]}}", rows.join(",")))
        }),
    ]
}

/// Only some of these, in this order.
fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(of.to_vec(), 0..=of.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// The order of rules on a page says nothing.
    #[test]
    fn the_order_of_rules_says_nothing(
        permits in Just(PERMITS.to_vec()).prop_shuffle(), forbids in Just(FORBIDS[..4].to_vec()).prop_shuffle(), request in any_request(),
    ) {
        let (one, other) = (judge(&page(&PERMITS, &FORBIDS[..4]), &request), judge(&page(&permits, &forbids), &request));
        prop_assert_eq!(one.decision, other.decision);
        prop_assert_eq!(one.forward, other.forward);
    }

    /// The order of a body's members says nothing.
    #[test]
    fn the_order_of_members_says_nothing((members, shuffled) in members().prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle()))) {
        let put = |m: &[(String, String)]| judge(&ALL, &json("PUT /v3/products/1", &object(m)));
        let (one, other) = (put(&members), put(&shuffled));
        prop_assert_eq!(one.decision, other.decision);
        prop_assert_eq!(one.rule, other.rule);
    }

    /// The order of a batch's rows says nothing.
    #[test]
    fn the_order_of_rows_says_nothing(
        (rows, shuffled) in prop::collection::vec(members(), 1..4).prop_flat_map(|rows| {
            let rows: Vec<String> = rows.iter().enumerate().map(|(i, m)| with_id(i + 1, m)).collect();
            (Just(rows.clone()), Just(rows).prop_shuffle())
        }),
    ) {
        let post = |rows: &[String]| judge(&ALL, &json("POST /v3/products/batch", &format!("{{\"update\":[{}]}}", rows.join(","))));
        prop_assert_eq!(post(&rows).decision, post(&shuffled).decision);
    }

    /// One more forbid never allows more; one more permit never less.
    #[test]
    fn forbids_only_narrow_and_permits_only_widen(
        permits in some(&PERMITS), forbids in some(&FORBIDS), more in prop::sample::select(FORBIDS.to_vec()), request in any_request(),
    ) {
        // A permit that a forbid covers wholly does not validate: it is taken out on both sides.
        let permits: Vec<&str> = permits.into_iter().filter(|rule| !rule.contains("products.delete")).collect();
        let forbids: Vec<&str> = forbids.into_iter().filter(|rule| *rule != more).collect();
        let mut narrowed = forbids.clone();
        narrowed.push(more);
        let (before, after) = (judge(&page(&permits, &forbids), &request), judge(&page(&permits, &narrowed), &request));
        prop_assert!(after.decision >= before.decision, "{:?} then {:?}", before.decision, after.decision);
        let mut widened = permits.clone();
        if !widened.contains(&PERMITS[0]) {
            widened.push(PERMITS[0]);
        }
        let wider = judge(&page(&widened, &forbids), &request);
        prop_assert!(wider.decision <= before.decision, "{:?} then {:?}", before.decision, wider.decision);
    }

    /// A6: a batch says of its rows what it says of each alone; the strictest decides.
    #[test]
    fn a_batch_is_its_rows(rows in prop::collection::vec(members(), 1..4)) {
        let post = |rows: &[String]| judge(&ALL, &json("POST /v3/products/batch", &format!("{{\"update\":[{}]}}", rows.join(",")))).decision;
        let rows: Vec<String> = rows.iter().enumerate().map(|(i, m)| with_id(i + 1, m)).collect();
        let alone = rows.iter().map(|row| post(std::slice::from_ref(row))).max().unwrap_or(Decision::Deny);
        prop_assert_eq!(post(&rows), alone);
    }

    /// A6: a row is judged as the same write to its own address would be.
    #[test]
    fn a_row_is_judged_as_a_write_of_its_own(members in members()) {
        let alone = judge(&ALL, &json("PUT /v3/products/1", &object(&members)));
        let row = judge(&ALL, &json("POST /v3/products/batch", &format!("{{\"update\":[{}]}}", with_id(1, &members))));
        prop_assert_eq!(alone.decision, row.decision);
        prop_assert_eq!(alone.rule, row.rule);
    }

    /// A request judged twice gives one outcome.
    #[test]
    fn judging_is_a_function(request in any_request()) {
        let (one, other) = (judge(&ALL, &request), judge(&ALL, &request));
        prop_assert_eq!(one.decision_json(&ALL), other.decision_json(&ALL));
        prop_assert_eq!(one, other);
    }

    /// Reasons are there exactly where the decision is not allow, and only an allow is forwarded.
    #[test]
    fn a_refusal_says_why(request in any_request()) {
        let outcome = judge(&ALL, &request);
        prop_assert_eq!(outcome.forward, outcome.decision == Decision::Allow);
        prop_assert_eq!(outcome.reasons.is_empty(), outcome.decision == Decision::Allow);
    }
}

/// Heads of any bytes, some of which look like a request.
fn any_head() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let name = prop_oneof![
        Just(b":method".to_vec()),
        Just(b":path".to_vec()),
        Just(b":authority".to_vec()),
        Just(b"content-type".to_vec()),
        Just(b"content-length".to_vec()),
        Just(b"prefer".to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    let value = prop_oneof![
        Just(b"GET".to_vec()),
        Just(b"PATCH".to_vec()),
        Just(b"/v3/products/1".to_vec()),
        Just(b"/rest/v1/a?id=eq.1".to_vec()),
        Just(b"shop.example.com".to_vec()),
        Just(b"application/json".to_vec()),
        "/v3/[a-z%2f./;?=&0-9]{0,24}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..16),
    ];
    prop::collection::vec((name, value), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any head and any body end in a decision; without the agent's name, in a refusal.
    #[test]
    fn any_bytes_end_in_a_decision(fields in any_head(), body in prop::collection::vec(any::<u8>(), 0..64), named in any::<bool>()) {
        let mut fields = fields;
        if named {
            fields.push((b"x-agent".to_vec(), b"agent".to_vec()));
        }
        let head = Head::new(fields.clone(), false);
        let known = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"x-agent"));
        for set in [&*ALL, &*TABLES] {
            let step = match evaluate(set, head.clone(), Timestamp::parse(NOW).unwrap()) {
                Step::NeedBody(need) => need.answer(policy_core::Body::Complete(body.clone())),
                step => step,
            };
            let Step::Done(outcome) = step else { panic!("nothing else is needed") };
            prop_assert!(known || !outcome.forward);
            serde_json::from_slice::<serde_json::Value>(&outcome.problem(set).body).unwrap();
        }
    }

    /// A write of a path that no rule names is never allowed, however it is spelled.
    #[test]
    fn no_spelling_reaches_what_no_rule_names(path in "/(v3|V3|%763|\\.|)/{0,2}(orders|ORDERS|order%73)/{0,2}[0-9%a-f./;]{0,8}", method in prop::sample::select(vec!["GET", "POST", "DELETE", "PATCH"])) {
        let outcome = judge(&ALL, &request("GET /").set(":method", Some(method)).set(":path", Some(&path)));
        prop_assert!(!outcome.forward, "{method} {path}");
    }

    /// Any body of a permitted write is refused, or is a JSON object with no more than the listed members.
    #[test]
    fn an_allowed_body_holds_only_listed_members(body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..32),
        members().prop_map(|m| object(&m).into_bytes()),
        "[{}\\[\\]\",:a-z0-9 ]{0,24}".prop_map(String::into_bytes),
    ]) {
        let request = request("PUT /v3/orders/1").header("content-type", "application/json").body(&body);
        if judge(&ALL, &request).forward && !body.is_empty() {
            let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let members: Vec<&String> = read.as_object().unwrap().keys().collect();
            prop_assert!(members.iter().all(|name| *name == "status"), "{members:?}");
        }
    }
}
