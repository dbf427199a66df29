//! Answers to lookups are not kept: memory does not grow with their number.

use std::time::Instant;

use serde_json::json;

use super::store::{Answered, Conduct, Store, toy};
use super::{Market, put};
use crate::bundle::Policies;
use crate::client_h1::Connection;

/// Connections at a time, each with a product of its own.
const CLIENTS: u64 = 16;

/// Products that are looked up with an answer of 100 kB each.
fn store() -> Store {
    let store = Store::of_toys((1..=CLIENTS).map(|id| (id, "100.00")));
    for id in 1..=CLIENTS {
        let mut product = toy(id, "100.00");
        product["notes"] = json!(vec!["x".repeat(195); 500]);
        let answer = Answered::json(200, &product);
        assert!(answer.body.len() > 99_000);
        store.conduct(&format!("GET /v1/products/{id}"), Conduct::Instead(answer));
    }
    store
}

/// Sends so many writes, on connections that stay open, each of which needs a lookup.
async fn write(market: &Market, requests: u64) {
    let writers: Vec<_> = (1..=CLIENTS)
        .map(|id| {
            let (address, digest) = (market.envoy.address, market.digest.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await;
                for _ in 0..requests / CLIENTS {
                    connection.exchange(&put(id, "105.00")).await.assert_forwarded(&digest);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("all are served");
    }
}

/// 2,000 requests with lookups of 100 kB, and 8,000 more, on two workers: no more memory than before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_the_number_of_lookups() {
    let market = Market::with(Policies::prices().lookup_timeout_ms(60_000), store(), |gateway, upstream| {
        gateway.with_lookups(upstream).workers(2)
    })
    .await;
    let began = Instant::now();
    write(&market, 2_000).await;
    let early = market.envoy.resident_kib();
    write(&market, 8_000).await;
    let late = market.envoy.resident_kib();
    eprintln!("{early} KiB resident after 2,000 requests, {late} KiB after 10,000, in {:?}", began.elapsed());
    assert_eq!(market.lookups().len(), 10_000);
    assert_eq!(market.forwarded().len(), 10_000);
    assert!(late.abs_diff(early) * 10 < early, "{early} KiB after 2,000 requests, {late} KiB after 10,000");
}
