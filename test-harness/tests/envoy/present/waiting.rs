//! While a lookup is pending: others are served, the client may go away, the policies may change.

use super::store::{Conduct, Store};
use super::{AGENT_CREDENTIAL, Market, get, lines, put};
use crate::bundle::Policies;
use crate::client_h1::Connection;
use crate::client_h2;
use crate::shop::AGENT;

const URL: &str = "http://shop.example.com/v1/products/2";
const LOOKUP: &str = "GET /v1/products/2";
const HEADERS: &[(&str, &[u8])] = &[
    ("x-agent-name", AGENT.as_bytes()),
    ("authorization", AGENT_CREDENTIAL.as_bytes()),
    ("content-type", b"application/json"),
];
const BODY: &[u8] = br#"{"price":"105.00"}"#;

fn toys() -> Store {
    Store::of_toys((1..=5).map(|id| (id, "100.00")))
}

/// One worker, on which two writes wait for their lookups: reads and writes of others pass, on the same connection too.
#[tokio::test]
async fn a_pending_lookup_holds_nothing_else_up() {
    let market = Market::open(Policies::prices().lookup_timeout_ms(60_000), toys()).await;
    let gate = market.store.hold(LOOKUP);
    let mut over_http1 = Connection::open(market.envoy.address).await;
    over_http1.send(&put(2, "105.00")).await;
    let mut connection = client_h2::Connection::open(market.envoy.address).await;
    let mut stream = connection.start("PUT", URL, HEADERS, false).await;
    stream.data(BODY, true).await;
    market.await_lookups(2).await;

    for id in [3, 4] {
        market.send(&get(id)).await.assert_forwarded(&market.digest);
        market.send(&put(id, "105.00")).await.assert_forwarded(&market.digest);
    }
    let other = connection.exchange("PUT", "http://shop.example.com/v1/products/5", HEADERS, BODY).await;
    other.assert_forwarded(&market.digest);
    assert!([3, 4, 5].iter().all(|id| market.store.price(*id) == "105.00"));
    assert_eq!(market.store.price(2), "100.00");
    market.envoy.await_open_requests(2).await;

    gate.send_replace(true);
    over_http1.answer().await.assert_forwarded(&market.digest);
    stream.answer().await.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(2), "105.00");
}

/// Whoever is gone when the answer comes has asked for nothing.
#[tokio::test]
async fn what_a_client_asked_for_that_is_gone_never_arrives() {
    let market = Market::open(Policies::prices().lookup_timeout_ms(60_000), toys()).await;
    let gate = market.store.hold(LOOKUP);
    let mut connection = client_h2::Connection::open(market.envoy.address).await;
    let mut gone = Vec::new();
    let mut cancelled = Vec::new();
    for _ in 0..5 {
        let mut over_http1 = Connection::open(market.envoy.address).await;
        over_http1.send(&put(2, "105.00")).await;
        gone.push(over_http1);
        let mut stream = connection.start("PUT", URL, HEADERS, false).await;
        stream.data(BODY, true).await;
        cancelled.push(stream);
    }
    // One that stays, and whose lookup has no answer either.
    let mut patient = Connection::open(market.envoy.address).await;
    patient.send(&put(2, "105.00")).await;
    market.await_lookups(11).await;
    gone.into_iter().for_each(Connection::abort);
    cancelled.into_iter().for_each(client_h2::Stream::cancel);
    market.envoy.await_open_requests(1).await;
    assert_eq!(market.store.price(2), "100.00");

    gate.send_replace(true);
    patient.answer().await.assert_forwarded(&market.digest);
    market.envoy.await_stat("cluster.shop-lookups.upstream_rq_active", 0).await;
    assert_eq!(market.reached().await, ["PUT /v1/products/2"], "the patient one alone");
    // The filter goes on, on the connection whose streams were cancelled too.
    let answer = connection.exchange("PUT", URL, HEADERS, br#"{"price":"110.25"}"#).await;
    answer.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(2), "110.25");
}

/// Envoy goes on with a call whose client is gone: until its time is over, and for nobody.
#[tokio::test]
async fn a_lookup_whose_client_is_gone_ends_with_its_time() {
    let market = Market::open(Policies::prices().lookup_timeout_ms(1_000), toys()).await;
    market.store.conduct(LOOKUP, Conduct::Hang);
    let mut client = Connection::open(market.envoy.address).await;
    client.send(&put(2, "105.00")).await;
    market.await_lookups(1).await;
    client.abort();
    market.envoy.await_open_requests(0).await;
    market.envoy.await_stat("cluster.shop-lookups.upstream_rq_active", 0).await;
    assert_eq!(market.reached().await, [""; 0]);
    market.store.behave(LOOKUP);
    market.send(&put(2, "105.00")).await.assert_forwarded(&market.digest);
    assert_eq!(market.lookups().len(), 2);
}

/// G1: whoever waits for a lookup is judged by the policies that it came under; whoever comes later by the new ones.
#[tokio::test]
async fn a_request_that_waits_during_a_change_is_judged_by_one_policy() {
    let policies = |percent| Policies::prices().lookup_timeout_ms(60_000).step_percent(percent).bundle();
    let (narrow, wide) = (policies(1), policies(5));
    let market = Market::with(Policies::prices(), toys(), |gateway, upstream| {
        gateway.with_lookups(upstream).with_ecds(&narrow.text)
    })
    .await;
    let gate = market.store.hold(LOOKUP);
    let mut under_narrow = Connection::open(market.envoy.address).await;
    under_narrow.send(&put(2, "105.00")).await;
    market.await_lookups(1).await;

    market.envoy.push(&wide.text);
    market.envoy.await_updates(2, 0).await;
    let mut under_wide = Connection::open(market.envoy.address).await;
    under_wide.send(&put(2, "105.00")).await;
    market.await_lookups(2).await;
    market.send(&put(3, "105.00")).await.assert_forwarded(&wide.digest);

    market.envoy.push(&narrow.text);
    market.envoy.await_updates(3, 0).await;
    market.send(&put(4, "105.00")).await.assert_refused(403, &narrow.digest);
    market.send(&put(4, "101.00")).await.assert_forwarded(&narrow.digest);

    assert_eq!(market.store.price(2), "100.00");
    gate.send_replace(true);
    let problem = under_narrow.answer().await.assert_refused(403, &narrow.digest);
    assert_eq!(problem.codes(), ["envelope_exceeded"]);
    under_wide.answer().await.assert_forwarded(&wide.digest);
    assert_eq!(lines(&market.forwarded()), ["PUT /v1/products/3", "PUT /v1/products/4", "PUT /v1/products/2"]);
    // On the connection that waited under the wide one.
    under_wide.exchange(&put(5, "105.00")).await.assert_refused(403, &narrow.digest);
}
