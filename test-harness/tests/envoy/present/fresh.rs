//! `fresh` of an API: a write is measured by what the agent itself has just read, and nothing is asked again.

use serde_json::json;

use super::store::{Answered, Conduct, Store, toy};
use super::{AGENT_CREDENTIAL, Market, get, lines, put};
use crate::bundle::Policies;
use crate::client_h1::RequestHead;
use crate::shop::{AGENT, HOST};

/// One worker, with answers that stay fresh for longer than a test takes.
async fn market() -> Market {
    Market::open(Policies::prices().fresh("60s"), Store::of_toys([(1, "10.00"), (2, "100.00")])).await
}

/// A read as it stands, and a write after it: nothing is looked up. The next write is measured by what is there then.
#[tokio::test]
async fn a_write_after_a_read_needs_no_lookup_and_the_next_one_does() {
    let market = market().await;
    market.send(&get(2)).await.assert_forwarded(&market.digest);
    market.assert_refused(&market.send(&put(2, "105.01")).await, "envelope_exceeded");
    market.send(&put(2, "105.00")).await.assert_forwarded(&market.digest);
    assert_eq!(lines(&market.upstream.received()), ["GET /v1/products/2", "PUT /v1/products/2"]);
    assert_eq!(market.lookups().len(), 0);

    market.send(&put(2, "110.25")).await.assert_forwarded(&market.digest);
    assert_eq!(lines(&market.lookups()), ["GET /v1/products/2"]);
    assert_eq!(market.store.price(2), "110.25");

    // What others write meanwhile is not seen: that is what `fresh` gives up.
    market.send(&get(2)).await.assert_forwarded(&market.digest);
    market.store.put(toy(2, "50.00"));
    market.send(&put(2, "112.00")).await.assert_forwarded(&market.digest);
    assert_eq!(market.lookups().len(), 1);
}

/// Another resource, another credential, a read that asks for something else: none of them tells what is there.
#[tokio::test]
async fn what_another_read_has_shown_is_looked_up() {
    let market = market().await;
    let read = |path: &str| RequestHead::new("GET", path, HOST).header("x-agent-name", AGENT);
    let with = |path: &str| read(path).header("authorization", AGENT_CREDENTIAL);
    for (count, read) in [
        with("/v1/products/1").bytes(),
        read("/v1/products/2").bytes(),
        read("/v1/products/2").header("authorization", "Bearer another").bytes(),
        with("/v1/products/2").header("accept-language", "de").bytes(),
        with("/v1/products/2").header("if-none-match", "\"0\"").bytes(),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(market.send(read).await.status, 200);
        market.send(&put(2, "100.00")).await.assert_forwarded(&market.digest);
        assert_eq!(market.lookups().len(), count + 1, "{}", String::from_utf8_lossy(read));
    }
}

/// An answer in many pieces reaches the agent as it is, and is used; one that is not whole, too large or compressed is
/// not.
#[tokio::test]
async fn a_large_answer_is_used_and_one_that_no_lookup_would_take_is_not() {
    let market = market().await;
    let sized = |notes: usize| {
        let mut product = toy(2, "100.00");
        product["notes"] = json!(vec!["x".repeat(997); notes]);
        Answered::json(200, &product)
    };
    let cases = [
        (sized(900), 0),
        (sized(1_100), 1),
        (sized(1).with_header("content-encoding", "gzip"), 1),
        (sized(1).with_header("age", "7"), 1),
        (sized(1).with_status(203), 1),
    ];
    for (answer, lookups) in cases {
        let before = market.lookups().len();
        market.store.conduct("GET /v1/products/2", Conduct::Instead(answer.clone()));
        assert_eq!(market.send(&get(2)).await.body, answer.body);
        market.store.behave("GET /v1/products/2");
        market.send(&put(2, "100.00")).await.assert_forwarded(&market.digest);
        assert_eq!(market.lookups().len() - before, lookups, "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn without_fresh_a_read_spares_no_lookup() {
    let market = Market::open(Policies::prices(), Store::of_toys([(2, "100.00")])).await;
    market.send(&get(2)).await.assert_forwarded(&market.digest);
    market.send(&put(2, "105.00")).await.assert_forwarded(&market.digest);
    assert_eq!(market.lookups().len(), 1);
}
