//! Two writers at once: what is guaranteed is the distance from the value that the lookup returned, and no more; where
//! the store takes conditional writes, a page that asks for them gets the rest.

use super::store::Store;
use super::{Market, put, request};
use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::Connection;

const LOOKUP: &str = "GET /v1/products/2";

async fn market(policies: Policies) -> Market {
    Market::open(policies.lookup_timeout_ms(60_000), Store::of_toys([(1, "10.00"), (2, "100.00")])).await
}

/// Sends a write whose lookup is held by the store, and returns when that has arrived.
async fn held(market: &Market, write: &[u8]) -> Connection {
    let lookups = market.lookups().len();
    let mut writer = Connection::open(market.envoy.address).await;
    writer.send(write).await;
    market.await_lookups(lookups + 1).await;
    writer
}

/// Both read 100.00 before either writes: both may write what is within 5 % of that.
#[tokio::test]
async fn writers_that_read_the_same_value_are_each_within_the_limit_of_it() {
    let market = market(Policies::prices()).await;
    let gate = market.store.hold(LOOKUP);
    let mut first = held(&market, &put(2, "105.00")).await;
    let mut second = held(&market, &put(2, "105.00")).await;
    let mut third = held(&market, &put(2, "105.01")).await;
    gate.send_replace(true);
    first.answer().await.assert_forwarded(&market.digest);
    second.answer().await.assert_forwarded(&market.digest);
    market.assert_refused(&third.answer().await, "envelope_exceeded");
    assert_eq!(market.store.price(2), "105.00");
}

/// What is written between a lookup and its write is not seen: the step from there may be larger than the limit.
#[tokio::test]
async fn a_write_is_held_to_the_value_that_its_lookup_returned_and_to_nothing_later() {
    let market = market(Policies::prices()).await;
    let gate = market.store.hold(LOOKUP);
    let mut slow = held(&market, &put(2, "95.00")).await;
    let mut too_far = held(&market, &put(2, "105.01")).await;
    market.store.behave(LOOKUP);
    for price in ["105.00", "110.25"] {
        market.send(&put(2, price)).await.assert_forwarded(&market.digest);
        assert_eq!(market.store.price(2), price);
    }
    gate.send_replace(true);
    // Within 5 % of what it is by now, but not of what was looked up.
    market.assert_refused(&too_far.answer().await, "envelope_exceeded");
    // 5 % below 100.00, which it was when it was looked up; 13.8 % below what it is now.
    slow.answer().await.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(2), "95.00");
    // Nobody in between: held to what it is now.
    market.assert_refused(&market.send(&put(2, "100.00")).await, "envelope_exceeded");
}

fn versioned(price: &str, versions: &str) -> Vec<u8> {
    let body = format!(r#"{{"price":"{price}"}}"#);
    request("PUT", "/v1/products/2").header("if-match", versions).with_body(body.as_bytes())
}

#[track_caller]
fn assert_stale(answer: &Answer, market: &Market) {
    assert_eq!((answer.status, answer.header("x-upstream").as_deref()), (412, Some("reached")), "{}", answer.text());
    assert_eq!(answer.digest(), market.digest);
}

/// With `If-Match` the store refuses the write of whoever came second: what is written is within the limit of what was
/// there.
#[tokio::test]
async fn a_write_that_must_name_its_version_fails_where_another_came_between() {
    let market = market(Policies::prices().requires_version()).await;
    let version = market.store.version(2);
    let gate = market.store.hold(LOOKUP);
    let mut slow = held(&market, &versioned("95.00", &version)).await;
    market.store.behave(LOOKUP);
    market.send(&versioned("105.00", &version)).await.assert_forwarded(&market.digest);
    gate.send_replace(true);
    assert_stale(&slow.answer().await, &market);
    assert_eq!(market.store.price(2), "105.00");
    // The first one again, with the version that it knows: stale as well.
    assert_stale(&market.send(&versioned("105.00", &version)).await, &market);
    let version = market.store.version(2);
    market.send(&versioned("110.25", &version)).await.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(2), "110.25");
}

/// A write without a version, or with one that fits any, does not reach the store.
#[tokio::test]
async fn a_page_that_asks_for_a_version_takes_one_and_not_any() {
    let market = market(Policies::prices().requires_version()).await;
    let version = market.store.version(2);
    let two = format!("{version}, \"0123456789abcdef\"");
    market.assert_refused(&market.send(&put(2, "105.00")).await, "missing_required");
    for versions in ["*", two.as_str(), "W/\"0123456789abcdef\"", ""] {
        market.send(&versioned("105.00", versions)).await.assert_refused(403, &market.digest);
    }
    assert_eq!(market.reached().await, [""; 0]);
    assert_eq!(market.lookups().len(), 0, "refused without a look");
}
