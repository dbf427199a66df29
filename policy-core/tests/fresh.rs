//! `fresh` of an API: which answers to an agent its lookups may use, and what a host is told of it.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::{Outcome, PolicySet, Step, Timestamp, evaluate};
use support::pages::{shop_page, sources};
use support::present::{World, judge_in, response, sources_on, store};
use support::{NOW, Request, diagnosed, json, judge, request};

const RULES: &str = r#""permit": [
    { "id": "read", "scope": "store:products.read" },
    { "id": "p", "scope": "store:products.update", "fields": { "only": ["price"] },
      "limits": [{ "field": "price", "change": { "percent": "5" } }] }]"#;

fn page(more: &str) -> Arc<PolicySet> {
    store(&format!("{{ {more} {RULES} }}"))
}

const FRESH: &str = r#""apis": { "store": { "fresh": "5s" } },"#;

fn read() -> Request {
    request("GET /v1/products/42")
}

fn raise() -> Request {
    json("PUT /v1/products/42", r#"{"price":"10.50"}"#)
}

fn needed(set: &Arc<PolicySet>, write: &Request) -> policy_core::NeedCurrent {
    let Step::NeedBody(need) = evaluate(set, write.head(), Timestamp::parse(NOW).unwrap()) else { panic!("a body") };
    let body = policy_core::Body::Complete(br#"{"price":"10.50"}"#.to_vec());
    let Step::NeedCurrent(need) = need.answer(body) else { panic!("a lookup") };
    need
}

/// What is kept of a read is what the lookup of a write asks for, and for the one who will write.
#[test]
fn a_read_that_is_allowed_is_what_a_lookup_asks_for() {
    let set = page(FRESH);
    let keep = judge(&set, &read()).keep.expect("it may be kept");
    let need = needed(&set, &raise());
    let [fetch] = need.fetches() else { panic!("one call") };
    assert_eq!((&keep.host, &keep.target, &keep.reader), (&fetch.host, &fetch.target, &need.reader()));
    assert_eq!((keep.fresh_ms, fetch.fresh_ms, keep.limit), (5_000, 5_000, fetch.limit));
    assert!(set.reuses_answers());
    let credential = |request: Request| request.header("authorization", "Bearer 1");
    let other = judge(&set, &credential(read())).keep.expect("it may be kept").reader;
    assert_ne!(other, need.reader());
    assert_eq!(other, needed(&set, &credential(raise())).reader());
}

#[test]
fn without_it_nothing_is_kept() {
    for more in ["", r#""apis": { "store": { "fresh": "0s" } },"#] {
        let set = page(more);
        assert!(!set.reuses_answers());
        assert_eq!(judge(&set, &read()).keep, None);
        assert_eq!(needed(&set, &raise()).fetches()[0].fresh_ms, 0);
    }
}

/// Only what the page allows: not what shadow lets pass, and nothing that has an effect.
#[test]
fn only_an_allowed_read_may_be_kept() {
    let shadow = page(&format!(r#"{FRESH} "mode": "shadow","#));
    let outcome = judge(&shadow, &read());
    assert!(outcome.forward && outcome.keep.is_none() && outcome.only_reads(), "{outcome:?}");
    let set = page(FRESH);
    let refused = judge(&set, &request("GET /v1/secrets/1"));
    assert!(!refused.forward && refused.keep.is_none());
    let world = World::default().with("/v1/products/42", response(200, r#"{"id":42,"price":"10.00"}"#));
    let written: Outcome = judge_in(&set, &raise(), &world);
    assert!(written.forward && written.keep.is_none() && !written.only_reads(), "{written:?}");
    assert_eq!(judge(&set, &read().header("x-tenant", "other")).keep, None);
}

/// A bundle carries it.
#[test]
fn a_bundle_carries_it() {
    let set =
        policy_core::compile::compile(&sources_on(support::present::STORE, &format!("{{ {FRESH} {RULES} }}"))).set;
    let sealed = policy_core::bundle::seal(&set.expect("it compiles")).expect("a bundle");
    let loaded = Arc::new(policy_core::bundle::load(&sealed).expect("it loads"));
    assert_eq!(judge(&loaded, &read()).keep.map(|keep| keep.fresh_ms), Some(5_000));
}

#[test]
fn it_is_a_short_duration() {
    let said = |fresh: &str| {
        diagnosed(&sources(&[shop_page(&format!(r#"{{ "apis": {{ "shop": {{ "fresh": "{fresh}" }} }} }}"#))]))
    };
    let wrong = |fresh: &str| said(fresh).iter().any(|text| text.starts_with("`fresh` is `0s` to `60s`"));
    for fine in ["0s", "1s", "60s", "1m"] {
        assert!(!wrong(fine), "{fine}: {:?}", said(fine));
    }
    for bad in ["61s", "2m", "1h", "5", "", "s", "-1s", "999999d"] {
        assert!(wrong(bad), "{bad}: {:?}", said(bad));
    }
}
