//! C3: a candidate beside the enforced policies, on live traffic: clients and the API see the enforced policies alone, the access log
//! and the metrics what the candidate would have done.

use serde_json::{Value, json};

use crate::bundle::Policies;
use crate::client_h1::{self, Connection};
use crate::config::Gateway;
use crate::connections;
use crate::decision_record::decision;
use crate::process::Envoy;
use crate::shop::{self, ALLOWED, REFUSED, Shop};
use crate::upstream::Upstream;

/// How often the candidate was the same, stricter, looser, undecidable.
async fn compared(envoy: &Envoy) -> [u64; 4] {
    let mut counts = [0; 4];
    for (count, word) in counts.iter_mut().zip(["same", "stricter", "looser", "undecidable"]) {
        *count = envoy.stat(&format!("wasmcustom.ambit.candidate_{word}")).await;
    }
    counts
}

/// What the access log says of the candidate, request by request.
async fn told(envoy: &Envoy, requests: usize) -> Vec<Value> {
    let lines = envoy.access_log(requests).await;
    assert_eq!(lines.len(), requests);
    lines.iter().map(|line| decision(line)["candidate"].take()).collect()
}

fn put(price: u32) -> Vec<u8> {
    shop::write().with_body(json!({ "price": price }).to_string().as_bytes())
}

#[tokio::test]
async fn clients_see_the_enforced_policies_alone() {
    let policies = Policies::shop().with_candidate(Policies::shop().max_price(10));
    let digest = policies.bundle().candidate.expect("a candidate");
    let shop = Shop::open(policies).await;
    assert_ne!(shop.digest, digest);
    let mut connection = Connection::open(shop.envoy.address).await;
    connection.exchange(&put(5)).await.assert_forwarded(&shop.digest);
    connection.exchange(&put(50)).await.assert_forwarded(&shop.digest);
    let answer = connection.exchange(&shop::write().with_body(REFUSED)).await;
    let refused = answer.assert_refused(403, &shop.digest);
    assert_eq!(refused.codes(), ["envelope_exceeded"]);
    let received = shop.upstream.received();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|request| request.headers.iter().all(|(name, _)| !name.contains("ambit"))));

    let told = told(&shop.envoy, 3).await;
    let words: Vec<&Value> = told.iter().map(|candidate| &candidate["compared"]).collect();
    assert_eq!(words, ["same", "stricter", "same"]);
    let expect = json!({
        "policy": digest, "compared": "stricter", "decision": "deny", "version": "1", "rule": "set-price",
        "reasons": ["envelope_exceeded"]
    });
    assert_eq!(told[1], expect);
    assert_eq!(compared(&shop.envoy).await, [2, 1, 0, 0]);
    let [allow, deny] =
        [shop.envoy.stat("wasmcustom.ambit.allow").await, shop.envoy.stat("wasmcustom.ambit.deny").await];
    assert_eq!((allow, deny), (2, 1), "decisions are counted once");
}

#[tokio::test]
async fn what_a_candidate_would_let_pass_is_refused() {
    let shop = Shop::open(Policies::shop().max_price(10).with_candidate(Policies::shop())).await;
    let answer = client_h1::exchange(shop.envoy.address, &put(50)).await;
    answer.assert_refused(403, &shop.digest);
    // By its head alone, for both.
    let unknown = client_h1::RequestHead::new("PUT", "/v1/nothing", shop::HOST).header("x-agent-name", shop::AGENT);
    client_h1::exchange(shop.envoy.address, &unknown.with_body(ALLOWED)).await.assert_refused(403, &shop.digest);
    assert_eq!(shop.upstream.bytes(), 0);
    let told = told(&shop.envoy, 2).await;
    assert_eq!((&told[0]["compared"], &told[0]["decision"]), (&json!("looser"), &json!("allow")));
    assert_eq!(told[1]["compared"], "same", "{}", told[1]);
    assert_eq!(compared(&shop.envoy).await, [1, 0, 1, 0]);
}

/// G1: a candidate comes, is replaced and goes with the configuration; the enforced policies stay.
#[tokio::test]
async fn a_candidate_is_replaced_by_an_update() {
    let upstream = Upstream::http1().await;
    let with = |max: u32| Policies::shop().with_candidate(Policies::shop().max_price(max)).bundle();
    let plain = Policies::shop().bundle();
    let bundles = [with(10), with(60), plain.clone()];
    let envoy = Gateway::to(&upstream).with_ecds(&bundles[0].text).start().await;
    for (n, bundle) in bundles.iter().enumerate() {
        if n > 0 {
            envoy.push(&bundle.text);
            envoy.await_updates(n as u64 + 1, 0).await;
        }
        client_h1::exchange(envoy.address, &put(50)).await.assert_forwarded(&plain.digest);
    }
    let told = told(&envoy, 3).await;
    assert_eq!((&told[0]["compared"], &told[0]["policy"]), (&json!("stricter"), &json!(bundles[0].candidate)));
    assert_eq!((&told[1]["compared"], &told[1]["policy"]), (&json!("same"), &json!(bundles[1].candidate)));
    assert_eq!(told[2], Value::Null);
    assert_eq!(compared(&envoy).await, [1, 1, 0, 0]);
}

/// A candidate that does not load is told in the log, and changes nothing.
#[tokio::test]
async fn a_broken_candidate_is_left_out() {
    let upstream = Upstream::http1().await;
    let bundle = Policies::shop().with_candidate(Policies::shop().max_price(10)).bundle();
    let mut envelope: Value = serde_json::from_str(&bundle.text).expect("an envelope");
    envelope["candidate"]["payload"] = json!("bm90aGluZw==");
    let envoy = Gateway::to(&upstream).workers(2).with_static(&envelope.to_string()).start().await;
    let answer = client_h1::exchange(envoy.address, &put(50)).await;
    answer.assert_forwarded(&bundle.digest);
    let refused = client_h1::exchange(envoy.address, &shop::write().with_body(REFUSED)).await;
    refused.assert_refused(403, &bundle.digest);
    assert_eq!(told(&envoy, 2).await, [Value::Null, Value::Null]);
    assert_eq!(compared(&envoy).await, [0; 4]);
    let log = envoy.log();
    let left_out = "ambit: the candidate is left out: `digest` is";
    assert!(log.lines().any(|line| line.contains(left_out)), "{log}");
}

fn pace(max: u32) -> Value {
    json!({ "id": "pace", "count": "requests", "max": max, "window": "1h" })
}

/// The counters of both have one name on their pages, and each its own slots over all workers.
#[tokio::test]
async fn counters_of_the_candidate_are_its_own() {
    let upstream = Upstream::http1().await;
    let counted = |max| Policies::shop().counter(pace(max));
    let bundle = counted(6).with_candidate(counted(4)).bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_ecds(&bundle.text).start().await;
    // Envoy gives each worker one of them.
    let mut connections = connections::open(envoy.address, 2).await;
    let mut statuses = Vec::new();
    for turn in 0..8 {
        // What the enforced policies refuse is charged to nobody.
        connections[turn % 2].exchange(&shop::write().with_body(REFUSED)).await.assert_refused(403, &bundle.digest);
        statuses.push(connections[turn % 2].exchange(&put(5)).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);
    assert_eq!(upstream.received().len(), 6);
    assert_eq!(compared(&envoy).await, [8 + 4 + 2, 2, 0, 0]);
    assert_eq!(envoy.stat("wasmcustom.ambit.charged").await, 6);

    // What the candidate has used up is not used up once it is the enforced one.
    envoy.push(&counted(5).bundle().text);
    envoy.await_updates(2, 0).await;
    let answer = client_h1::exchange(envoy.address, &put(5)).await;
    assert_eq!(answer.status, 429, "six are used of the enforced budget, whose name it takes over");
}
