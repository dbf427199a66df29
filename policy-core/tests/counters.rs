//! Counters: what an agent may use up in a window (A9, A10, A11).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::counters::{Signals, set_used};
use policy_core::number::Decimal;
use policy_core::{Code, Decision};
use support::counting::{DONE, Gateway, SENT, UNSENT};
use support::pages::{permits, shop, tables};
use support::{Request, json, request, text_of};

fn update(counters: &str) -> Gateway {
    let rule = r#"{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price", "stock", "category"] }, "limits": [{ "field": "price", "max": 100 }], "counters": "#;
    Gateway::new(permits(&format!("{rule}[{counters}] }}")))
}

fn put(id: u32, body: &str) -> Request {
    json(&format!("PUT /v3/products/{id}"), body)
}

fn refund(amount: u32) -> Request {
    json("POST /v3/orders/7/refunds", &format!(r#"{{"amount":{amount},"currency":"eur"}}"#))
}

fn refunds(counter: &str) -> Gateway {
    let rule = r#""permit": [{ "id": "refund", "scope": "shop:orders.refund", "fields": { "only": ["amount", "currency"] }, "counters": "#;
    Gateway::new(shop(&format!(
        r#"{{ "money": {{ "currency": "EUR", "rates": {{ "USD": "0.9" }} }}, {rule}[{counter}] }}] }}"#
    )))
}

/// A9: five write requests a minute. The sixth is refused, until the first is a minute ago.
#[test]
fn requests_a_minute() {
    let mut gateway = update(r#"{ "id": "pace", "count": "requests", "max": 5, "window": "1m" }"#);
    gateway.check_times(5, &put(1, "{}"), "allow w");
    let refused = gateway.send(&put(1, "{}"), DONE);
    assert_eq!(text_of(&refused), "deny w: rate_limited");
    assert_eq!(refused.reasons[0].message, "5 of 5 requests within 1m are used, and this is 1 more (counter `pace`)");
    assert_eq!(refused.problem(&gateway.set).status, 429);
    gateway.pass(59);
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    // At most one part of sixty too long.
    gateway.pass(2);
    gateway.check_times(5, &put(1, "{}"), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
}

/// What is refused uses nothing, unless attempts are counted: then everything that the target matches does.
#[test]
fn attempts_are_charged_whatever_the_verdict() {
    let mut forwarded = update(r#"{ "id": "c", "count": "requests", "max": 2, "window": "1m" }"#);
    forwarded.check_times(5, &put(1, r#"{"price":101}"#), "deny w: envelope_exceeded /price");
    forwarded.check_times(2, &put(1, "{}"), "allow w");
    forwarded.check(&put(1, "{}"), "deny w: rate_limited");

    let mut attempts = update(r#"{ "id": "c", "count": "requests", "max": 2, "window": "1m", "charge": "attempt" }"#);
    attempts.check(&request("DELETE /v3/products/1"), "deny: endpoint_not_allowed");
    attempts.check_times(2, &put(1, r#"{"price":101}"#), "deny w: envelope_exceeded /price");
    attempts.check(&put(1, r#"{"price":101}"#), "deny w: envelope_exceeded /price, rate_limited");
    attempts.check(&put(1, "{}"), "deny w: rate_limited");
    // What is refused by the counter itself is not counted once more.
    attempts.pass(61);
    attempts.check(&put(1, "{}"), "allow w");
    // Nor is an attempt given back.
    attempts.send(&put(1, "{}"), UNSENT);
    attempts.check(&put(1, "{}"), "deny w: rate_limited");
}

/// What was reserved is given back only where the upstream certainly did nothing.
#[test]
fn what_did_nothing_is_given_back() {
    for (signals, given) in [
        (UNSENT, true),
        (Signals { status: Some(422), ..SENT }, true),
        (Signals { connect_failed: true, ..SENT }, true),
        (SENT, false),
        (DONE, false),
        (Signals { status: Some(409), ..SENT }, false),
        (Signals { status: Some(503), ..SENT }, false),
    ] {
        let mut gateway = update(r#"{ "id": "c", "count": "requests", "max": 1, "window": "1h" }"#);
        assert_eq!(text_of(&gateway.send(&put(1, "{}"), signals)), "allow w");
        gateway.pass(60);
        gateway.check(&put(1, "{}"), if given { "allow w" } else { "deny w: rate_limited" });
    }
}

/// Until it is settled, what is reserved is used.
#[test]
fn reservations_count() {
    let mut gateway = update(r#"{ "id": "c", "count": "requests", "max": 1, "window": "1h" }"#);
    let first = gateway.judge(&put(1, "{}"));
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    gateway.settle(&first, UNSENT);
    gateway.check(&put(1, "{}"), "allow w");
}

const BATCH: &str =
    r#"{ "id": "w", "scope": ["shop:products.update", "shop:products.create"], "fields": "any", "counters": "#;

/// Rows are counted, not requests; where only some of them would fit, none is charged.
#[test]
fn rows_of_batches() {
    let mut gateway =
        Gateway::new(permits(&format!(r#"{BATCH}[{{ "id": "rows", "count": "rows", "max": 5, "window": "1h" }}] }}"#)));
    let batch = |rows: u32| {
        let rows: Vec<String> = (1..=rows).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        json("POST /v3/products/batch", &format!(r#"{{"update":[{}]}}"#, rows.join(",")))
    };
    gateway.check(&batch(6), "deny w: rate_limited");
    gateway.check(&batch(3), "allow w");
    gateway.check(&batch(3), "deny w: rate_limited");
    gateway.check(&batch(2), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
}

/// A number of rows that is not known is not counted.
#[test]
fn rows_that_are_not_knowable() {
    let set = tables(
        r#"{ "permit": [{ "id": "u", "scope": "db:rows.update[table=a]", "query": { "only": ["id", "age"] }, "fields": "any", "counters": [{ "id": "rows", "count": "rows", "max": 3, "window": "1h" }] }] }"#,
    );
    let mut gateway = Gateway::new(set);
    gateway.check(&json("PATCH /rest/v1/a?age=gt.5", r#"{"x":1}"#), "deny u: batch_limit");
    gateway.check(&json("PATCH /rest/v1/a?id=in.(1,2)", r#"{"x":1}"#), "allow u");
    gateway.check(&json("PATCH /rest/v1/a?id=in.(1,2)", r#"{"x":1}"#), "deny u: rate_limited");
}

/// A11: money adds up exactly, in major units of the page's currency.
#[test]
fn sums_of_money() {
    let mut gateway = refunds(r#"{ "id": "day", "sum": "amount", "max": "200.00", "window": "24h" }"#);
    gateway.check(&refund(19_999), "allow refund");
    gateway.check(&refund(2), "deny refund: budget_exceeded");
    gateway.check(&refund(1), "allow refund");
    let refused = gateway.send(&refund(1), DONE);
    assert_eq!(refused.reasons[0].message, "200 of 200 within 1d is used, and this is 0.01 more (counter `day`)");
    assert_eq!(refused.problem(&gateway.set).status, 403);

    let mut gateway = refunds(r#"{ "id": "day", "sum": "amount", "max": "200.00", "window": "24h" }"#);
    let dollars = json("POST /v3/orders/7/refunds", r#"{"amount":20000,"currency":"usd"}"#);
    gateway.check(&dollars, "allow refund");
    gateway.check(&refund(2_001), "deny refund: budget_exceeded");
    gateway.check(&refund(2_000), "allow refund");
}

/// A sum that goes down would make room.
#[test]
fn negative_totals_are_refused() {
    let set = permits(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [{ "id": "c", "sum": "/x", "max": 5, "window": "1h" }] }"#,
    );
    let mut gateway = Gateway::new(set);
    gateway.check(&put(1, r#"{"x":5}"#), "allow w");
    gateway.check(&put(1, r#"{"x":-5}"#), "deny w: value_format");
    gateway.check(&put(1, r#"{"x":0.000000000000000001}"#), "deny w: budget_exceeded");
    gateway.check(&put(1, r#"{"x":"y"}"#), "deny w: value_format");
    gateway.check(&put(1, r#"{"x":null}"#), "deny w: value_format");
    gateway.check(&put(1, "{}"), "allow w");
}

/// The day of the page's zone: 23 hours or 25 where clocks change.
#[test]
fn days_of_the_calendar() {
    let page = r#"{ "time_zone": "Europe/Berlin", "valid": { "from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z" }, "permit": [{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [{ "id": "c", "count": "requests", "max": 1, "window": "day" }] }] }"#;
    let mut gateway = Gateway::born(shop(page), "2026-01-01T00:00:00Z");
    for (at, expect) in [
        ("2026-03-28T22:59:59Z", "allow w"),
        ("2026-03-28T23:00:00Z", "allow w"),
        ("2026-03-29T21:59:59Z", "deny w: rate_limited"),
        ("2026-03-29T22:00:00Z", "allow w"),
        ("2026-10-24T22:00:00Z", "allow w"),
        ("2026-10-25T22:59:59Z", "deny w: rate_limited"),
        ("2026-10-25T23:00:00Z", "allow w"),
    ] {
        gateway.at(at);
        gateway.check(&put(1, "{}"), expect);
    }
}

/// Each resource has a budget of its own, whichever way it is reached.
#[test]
fn budgets_per_resource() {
    let mut gateway = Gateway::new(permits(&format!(
        r#"{BATCH}[{{ "id": "each", "count": "rows", "max": 1, "window": "1h", "per": ["resource"] }}] }}"#
    )));
    gateway.check(&put(1, "{}"), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    gateway.check(&json("POST /v3/products/batch", r#"{"update":[{"id":2},{"id":"1"}]}"#), "deny w: rate_limited");
    gateway.check(&json("POST /v3/products/batch", r#"{"update":[{"id":2},{"id":3}]}"#), "allow w");
    gateway.check(&put(2, "{}"), "deny w: rate_limited");
    // A resource that has no name yet cannot be counted by it.
    gateway.check(&json("POST /v3/products", "{}"), "deny w: unknown_state");
}

/// A value of the request can have a budget of its own; numbers that are equal are one value.
#[test]
fn budgets_per_value() {
    let mut gateway =
        update(r#"{ "id": "c", "count": "requests", "max": 1, "window": "1h", "per": ["agent", "category"] }"#);
    gateway.check(&put(1, r#"{"category":"toys"}"#), "allow w");
    gateway.check(&put(1, r#"{"category":"toys"}"#), "deny w: rate_limited");
    gateway.check(&put(1, r#"{"category":"1.0"}"#), "allow w");
    gateway.check(&put(1, r#"{"category":1}"#), "deny w: rate_limited");
    gateway.check(&put(1, "{}"), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    gateway.check(&put(1, r#"{"category":""}"#), "allow w");
    gateway.check(&put(1, r#"{"category":null}"#), "deny w: value_format, value_format /category");
    let long = "x".repeat(900);
    let body = format!(r#"{{"category":"{long}"}}"#);
    gateway.check(&put(1, &body), "allow w");
    gateway.check(&put(1, &body), "deny w: rate_limited");
}

/// All of a request's counters are reserved, or none.
#[test]
fn all_or_none() {
    let mut gateway = update(
        r#"{ "id": "a", "count": "requests", "max": 2, "window": "1h" }, { "id": "b", "sum": "price", "max": 10, "window": "1h" }"#,
    );
    gateway.check(&put(1, r#"{"price":9}"#), "allow w");
    gateway.check_times(5, &put(1, r#"{"price":2}"#), "deny w: budget_exceeded");
    gateway.check(&put(1, r#"{"price":1}"#), "allow w");
    gateway.check(&put(1, r#"{"price":1}"#), "deny w: rate_limited, budget_exceeded");
}

/// `beyond`: past the bound a person decides, and what is held uses nothing.
#[test]
fn past_the_bound_a_person_decides() {
    let mut gateway = refunds(
        r#"{ "id": "soft", "sum": "amount", "max": 10, "window": "1h", "beyond": { "approval": "manager" } }, { "id": "hard", "sum": "amount", "max": 100, "window": "1h" }"#,
    );
    gateway.check(&refund(900), "allow refund");
    let held = gateway.send(&refund(200), DONE);
    assert_eq!(text_of(&held), "approval_required refund: approval_required");
    assert!(held.reasons[0].message.ends_with("past that, `manager` must approve"), "{held:?}");
    gateway.check(&refund(100), "allow refund");
    gateway.check(&refund(9_001), "deny refund: budget_exceeded");
}

/// A request that is held uses nothing, and is refused where it would not fit.
#[test]
fn held_requests_are_only_looked_at() {
    let mut gateway = Gateway::new(permits(
        r#"{ "id": "d", "scope": "shop:products.delete", "approval": "owner", "counters": [{ "id": "c", "count": "requests", "max": 0, "window": "1h" }] },
           { "id": "w", "scope": "shop:products.update", "approval": "owner", "counters": [{ "id": "c", "count": "requests", "max": 1, "window": "1h" }] }"#,
    ));
    gateway.check(&request("DELETE /v3/products/1"), "deny d: rate_limited");
    gateway.check_times(3, &request("PUT /v3/products/1"), "approval_required w: approval_required");
}

/// One counter of several permits.
#[test]
fn permits_share_a_counter() {
    let set = shop(
        r#"{ "permit": [{ "id": "w", "scope": "shop:products.update", "fields": "any" }, { "id": "d", "scope": "shop:products.delete" }, { "id": "r", "scope": "shop:products.get" }],
             "counters": [{ "id": "writes", "rules": ["w", "d"], "count": "requests", "max": 2, "window": "1h" }] }"#,
    );
    let mut gateway = Gateway::new(set);
    gateway.check(&request("DELETE /v3/products/1"), "allow d");
    gateway.check_times(5, &request("GET /v3/products/1"), "allow r");
    // One request, though both permits are needed for it.
    gateway.check(&json("POST /v3/products/batch", r#"{"update":[{"id":2}],"delete":[3]}"#), "allow d");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    gateway.check(&request("DELETE /v3/products/1"), "deny d: rate_limited");
}

/// Counters of the same name in two permits are two.
#[test]
fn permits_have_counters_of_their_own() {
    let counters = r#"[{ "id": "c", "count": "requests", "max": 1, "window": "1h" }]"#;
    let mut gateway = Gateway::new(permits(&format!(
        r#"{{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": {counters} }}, {{ "id": "d", "scope": "shop:products.delete", "counters": {counters} }}"#
    )));
    gateway.check(&put(1, "{}"), "allow w");
    gateway.check(&request("DELETE /v3/products/1"), "allow d");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
}

/// A page in shadow counts for itself; a permit in shadow counts nothing.
#[test]
fn shadow_has_counters_of_its_own() {
    let page = |mode: &str| {
        shop(&format!(
            r#"{{ "mode": "{mode}", "permit": [{{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [{{ "id": "c", "count": "requests", "max": 1, "window": "1h" }}] }}] }}"#
        ))
    };
    let mut gateway = Gateway::new(page("shadow"));
    gateway.check(&put(1, "{}"), "allow w");
    let second = gateway.send(&put(1, "{}"), DONE);
    assert_eq!((text_of(&second).as_str(), second.forward), ("deny w: rate_limited", true));
    gateway.load(page("enforce"));
    gateway.check(&put(1, "{}"), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");

    let mut gateway = Gateway::new(permits(
        r#"{ "id": "s", "mode": "shadow", "scope": "shop:products.update", "fields": "any", "counters": [{ "id": "c", "count": "requests", "max": 0, "window": "1h" }] }, { "id": "w", "scope": "shop:products.update", "fields": "any" }"#,
    ));
    gateway.check_times(3, &put(1, "{}"), "allow w");
}

/// Outside a canary that only records nothing is counted; what goes on beside it is, and is refused where it does not fit.
#[test]
fn canaries_count_what_is_inside() {
    let set = permits(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price"] }, "canary": { "percent": 50, "by": "resource", "outside": "shadow" }, "counters": [{ "id": "c", "count": "rows", "max": 2, "window": "1h" }] }"#,
    );
    let mut gateway = Gateway::new(set);
    let is_inside = |gateway: &mut Gateway, id: u32| !gateway.judge(&put(id, r#"{"stock":1}"#)).forward;
    let ids: (Vec<u32>, Vec<u32>) = (1..40).partition(|id| is_inside(&mut gateway, *id));
    let (inside, outside) = (ids.0[0], ids.1[0]);
    for _ in 0..9 {
        assert!(gateway.send(&put(outside, "{}"), DONE).forward);
    }
    // The row outside would be refused: that is recorded, and the row inside counts.
    let both = json(
        "POST /v3/products/batch",
        &format!(r#"{{"update":[{{"id":{inside},"price":1}},{{"id":{outside},"stock":1}}]}}"#),
    );
    for _ in 0..2 {
        let outcome = gateway.send(&both, DONE);
        assert_eq!((outcome.decision, outcome.forward, outcome.shadow), (Decision::Deny, true, true), "{outcome:?}");
    }
    let refused = gateway.send(&both, DONE);
    assert_eq!(text_of(&refused), "deny w: rate_limited");
    assert_eq!((refused.forward, refused.shadow), (false, false));
    gateway.check(&put(inside, "{}"), "deny w: rate_limited");
}

/// Another spelling of one thing is no budget of its own.
#[test]
fn spellings_share_a_budget() {
    let mut gateway = update(r#"{ "id": "c", "count": "requests", "max": 1, "window": "1h", "per": ["category"] }"#);
    gateway.check(&put(1, r#"{"category":"Toys"}"#), "allow w");
    gateway.check(&put(1, r#"{"category":"tOYS"}"#), "deny w: rate_limited");
    gateway.check(&put(1, r#"{"category":"007"}"#), "allow w");
    gateway.check(&put(1, r#"{"category":7.0}"#), "deny w: rate_limited");
}

/// A counter goes on under a new version of the page, with what it says now; under another name it begins anew.
#[test]
fn counters_outlive_their_page() {
    let page = |id: &str, max: u32, window: &str| {
        permits(&format!(
            r#"{{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [{{ "id": "{id}", "count": "requests", "max": {max}, "window": "{window}" }}] }}"#
        ))
    };
    let mut gateway = Gateway::new(page("c", 3, "1h"));
    gateway.check_times(3, &put(1, "{}"), "allow w");
    gateway.load(page("c", 4, "1h"));
    gateway.check(&put(1, "{}"), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    gateway.load(page("c", 2, "1h"));
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    // Under another window, what was used counts as if it were used now.
    gateway.load(page("c", 5, "10m"));
    gateway.pass(60);
    gateway.check(&put(1, "{}"), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    gateway.pass(580);
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
    gateway.pass(60);
    gateway.check(&put(1, "{}"), "allow w");
    gateway.load(page("renamed", 1, "1h"));
    gateway.check(&put(1, "{}"), "allow w");
    gateway.check(&put(1, "{}"), "deny w: rate_limited");
}

/// After a restart sums refuse until they have been kept for a whole window, counts begin empty; a page may say otherwise.
#[test]
fn after_a_restart() {
    let page = |counter: &str, after: &str| {
        shop(&format!(
            r#"{{ {after} "permit": [{{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [{counter}] }}] }}"#
        ))
    };
    let sum = r#"{ "id": "c", "sum": "price", "max": 9, "window": "1h" }"#;
    let count = r#"{ "id": "c", "count": "requests", "max": 9, "window": "1h" }"#;
    let (refuse, allow) = (r#""after_restart": "refuse","#, r#""after_restart": "allow","#);
    for (counter, after, refused) in [
        (sum, "", true),
        (sum, refuse, true),
        (sum, allow, false),
        (count, "", false),
        (count, refuse, true),
        (count, allow, false),
    ] {
        let mut gateway = Gateway::born(page(counter, after), "2026-11-20T11:30:00Z");
        gateway.check(&put(1, r#"{"price":1}"#), if refused { "deny w: unknown_state" } else { "allow w" });
        gateway.at("2026-11-20T12:30:00Z");
        gateway.check(&put(1, r#"{"price":1}"#), "allow w");
    }
    let mut gateway = Gateway::born(page(sum, ""), "2026-11-20T11:30:00Z");
    let refused = gateway.judge(&put(1, r#"{"price":1}"#));
    assert_eq!(refused.counters_since, Some(policy_core::Timestamp::from_seconds(1_795_174_200)));
    let record: serde_json::Value = serde_json::from_slice(&refused.decision_json(&gateway.set)).expect("JSON");
    assert_eq!(record["counters_since"], "2026-11-20T11:30:00Z");
    assert_eq!(
        refused.reasons[0].message,
        "what was used within 1h is not known (counter `c`): this gateway counts since 2026-11-20T11:30:00Z; see `after_restart`"
    );
}

/// A host without counters refuses what needs them, and charges nothing.
#[test]
fn without_a_store_nothing_passes() {
    let gateway = update(r#"{ "id": "c", "count": "requests", "max": 9, "window": "1h" }"#);
    let step = policy_core::evaluate(&gateway.set, put(1, "{}").head(), gateway.now);
    let policy_core::Step::NeedBody(need) = step else { panic!("a body: {step:?}") };
    let step = need.answer(policy_core::Body::Complete(b"{}".to_vec()));
    let policy_core::Step::NeedStore(need) = step else { panic!("counters: {step:?}") };
    let policy_core::Step::Done(outcome) = need.unavailable(policy_core::Unavailable::NotSupported) else {
        panic!("an end")
    };
    assert_eq!((outcome.decision, outcome.reasons[0].code), (Decision::Deny, Code::UnknownState));
    assert!(!outcome.forward && outcome.reserved.is_empty());
}

/// A host can begin where another state left off.
#[test]
fn what_was_used_before() {
    let rules = r#"{ "id": "w", "scope": "shop:products.update", "fields": "any", "counters": [
        { "id": "pace", "count": "requests", "max": 5, "window": "1h" },
        { "id": "each", "sum": "price", "max": 10, "window": "1h", "per": ["resource", "category"] }] }"#;
    let mut gateway = Gateway::new(permits(rules));
    let tell = |gateway: &mut Gateway, used: &[&str]| {
        let told = Gateway::new(gateway.set.clone()).judge(&put(1, r#"{"price":1,"category":"Toys"}"#));
        let charges = told.charged.as_ref().expect("it is counted").charges();
        for (charge, used) in charges.iter().zip(used) {
            let used = Decimal::parse_plain(used).expect("a number");
            assert_eq!(set_used(charge, Some(used), &gateway.table, &mut gateway.memory, gateway.now), Ok(()));
        }
        charges.len()
    };
    assert_eq!(tell(&mut gateway, &["3", "9.50"]), 2);
    gateway.check(&put(1, r#"{"price":1,"category":"toys"}"#), "deny w: budget_exceeded");
    gateway.check(&put(1, r#"{"price":0.5,"category":"toys"}"#), "allow w");
    gateway.check(&put(2, r#"{"price":1,"category":"toys"}"#), "allow w");
    gateway.check(&put(3, "{}"), "deny w: rate_limited");
    // Past its bound as well: then nothing fits.
    assert_eq!(tell(&mut gateway, &["100"]), 2);
    gateway.pass(3_500);
    gateway.check(&put(4, "{}"), "deny w: rate_limited");
}
