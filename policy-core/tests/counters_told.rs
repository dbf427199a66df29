//! What was used, as somebody else knows it (F5): a recording that shows what was done, a case that says what has been used.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::Outcome;
use policy_core::counters::{Charge, Intent, Plan, Refusal, Usage, record, set_used, usage};
use policy_core::number::Decimal;
use support::counting::{Gateway, SENT};
use support::pages::permits;
use support::present::{World, store_permits};
use support::{Request, json};

fn decimal(text: &str) -> Decimal {
    Decimal::parse_plain(text).unwrap()
}

fn products(counters: &str) -> Gateway {
    let rule = r#"{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price", "stock"] }, "limits": [{ "field": "price", "max": 100 }], "counters": "#;
    Gateway::new(permits(&format!("{rule}[{counters}] }}")))
}

fn put(body: &str) -> Request {
    json("PUT /v3/products/1", body)
}

const PACE: &str = r#"{ "id": "pace", "count": "requests", "max": 2, "window": "1m" }"#;

/// What an outcome is charged to.
#[track_caller]
fn plan(outcome: &Outcome) -> &Plan {
    outcome.charged.as_ref().expect("it is counted")
}

#[track_caller]
fn one(outcome: &Outcome) -> &Charge {
    let [charge] = plan(outcome).charges() else { panic!("{:?}", outcome.charged) };
    charge
}

#[track_caller]
fn used(gateway: &mut Gateway, outcome: &Outcome) -> Usage {
    usage(one(outcome), &gateway.table, &mut gateway.memory, gateway.now).expect("the store says")
}

fn of(used: &str, max: &str, percent: bool) -> Usage {
    Usage { used: decimal(used), max: decimal(max), percent }
}

/// Whatever becomes of a request, it says what it would be charged to.
#[test]
fn every_outcome_says_what_it_is_charged_to() {
    let mut gateway = products(PACE);
    let refused = gateway.judge(&put(r#"{"price":101}"#));
    assert_eq!(one(&refused).intent(), Intent::Leave);
    assert_eq!((one(&refused).amount(), one(&refused).budget()), (Some(Decimal::ONE), Some(vec![])));
    assert_eq!(used(&mut gateway, &refused), of("0", "2", false));
    let allowed = gateway.send(&put("{}"), SENT);
    assert_eq!(one(&allowed).intent(), Intent::Reserve);
    assert_eq!(used(&mut gateway, &allowed), of("1", "2", false));
    // No rule counts it.
    assert_eq!(gateway.judge(&support::request("DELETE /v3/products/1")).charged, None);
}

/// What was done is charged beyond what may be; what was not done is not, unless it was an attempt.
#[test]
fn what_was_done_is_charged_whether_it_fits_or_not() {
    for (charge, undone) in [("forwarded", "3"), ("attempt", "4")] {
        let counter = PACE.replace("}", &format!(r#", "charge": "{charge}" }}"#));
        let mut gateway = products(&counter);
        let refused = Gateway::judge(&mut products(&counter), &put(r#"{"price":101}"#));
        let Gateway { table, memory, now, .. } = &mut gateway;
        for _ in 0..3 {
            assert_eq!(record(plan(&refused), true, table, memory, *now), vec![]);
        }
        record(plan(&refused), false, table, memory, *now);
        assert_eq!(used(&mut gateway, &refused), of(undone, "2", false), "{charge}");
        gateway.check(&put("{}"), "deny w: rate_limited");
    }
}

/// What has been used is set, and set again: nothing adds up.
#[test]
fn what_has_been_used_is_set() {
    let mut gateway = products(PACE);
    let known = gateway.judge(&put("{}"));
    let mut set = |text: Option<&str>| {
        let Gateway { table, memory, now, .. } = &mut gateway;
        set_used(one(&known), text.map(decimal), table, memory, *now).unwrap();
        used(&mut gateway, &known)
    };
    assert_eq!(set(Some("2")), of("2", "2", false));
    assert_eq!(set(Some("1")), of("1", "2", false));
    assert_eq!(set(None), of("0", "2", false));
    assert_eq!(set(Some("1")), of("1", "2", false));
    gateway.check(&put("{}"), "allow w");
    gateway.check(&put("{}"), "deny w: rate_limited");
}

/// Of a gross drift it is percent of the value now, of a net one the value when the window began. What is used of a percentage is
/// rounded up, so that what is over never looks as if it fitted.
#[test]
fn what_has_moved_is_set() {
    for (drift, told, allowed, denied) in [("gross", "4", "106.00", "106.01"), ("net", "95.00", "104.50", "104.51")] {
        let mut gateway = Gateway::new(store_permits(&format!(
            r#"{{ "id": "p", "scope": "store:products.update", "fields": {{ "only": ["price"] }}, "counters": [{{ "id": "d", "drift": "{drift}", "field": "price", "per": ["resource"], "max": {{ "percent": 10 }}, "window": "7d" }}] }}"#
        )));
        let product = r#"{"id":42,"price":"100.00"}"#;
        let list = format!("[{product}]");
        gateway.world = World::of(&[("/v1/products/42", product), ("/v1/products?include=42&per_page=100", &list)]);
        for (price, expect) in [(denied, "deny p: drift_exceeded"), (allowed, "allow p")] {
            let request = json("PUT /v1/products/42", &format!(r#"{{"price":"{price}"}}"#));
            let known = gateway.judge(&request);
            assert_eq!(one(&known).budget(), Some(vec!["store:products/42".to_owned()]));
            let Gateway { table, memory, now, .. } = &mut gateway;
            set_used(one(&known), Some(decimal(told)), table, memory, *now).unwrap();
            gateway.check(&request, expect);
            if expect == "allow p" {
                assert_eq!(used(&mut gateway, &known), of("10", "10", true), "{drift}");
            }
        }
    }
}

/// A store that lacks the slot says so.
#[test]
fn what_has_no_place_is_not_charged() {
    let known = products(PACE).judge(&put("{}"));
    let mut other = products(&PACE.replace("pace", "other"));
    let Gateway { table, memory, now, .. } = &mut other;
    assert_eq!(record(plan(&known), true, table, memory, *now), vec![(0, Refusal::Damaged)]);
    assert_eq!(set_used(one(&known), None, table, memory, *now), Err(Refusal::Damaged));
    assert_eq!(usage(one(&known), table, memory, *now), None);
}
