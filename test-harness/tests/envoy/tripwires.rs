//! C4: tripwires in a gateway of two workers: what one worker sees pauses the agent in both, from its next request on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bundle::Policies;
use crate::config::Gateway;
use crate::connections;
use crate::deadline::until;
use crate::process::Envoy;
use crate::shop::{self, ALLOWED};
use crate::upstream::{Api, Received, Reply, Upstream};

/// Connections enough for both workers to have some.
const CONNECTIONS: usize = 32;

/// Reads are answered as asked for; to a write it says in a 200 that it failed.
struct Busy;

impl Api for Busy {
    async fn reply(&self, request: Received) -> Reply {
        match request.method.as_str() {
            "GET" => Reply::json(200, b"{}"),
            _ => Reply::json(200, br#"{"error":{"code":"busy"}}"#),
        }
    }
}

fn write() -> Vec<u8> {
    shop::write().with_body(ALLOWED)
}

async fn open(upstream: &Upstream, tripwire: Value) -> (Envoy, String) {
    let bundle = Policies::shop().tripwire(tripwire).bundle();
    (Gateway::to(upstream).with_static(&bundle.text).workers(2).start().await, bundle.digest)
}

/// The records of tripwires in Envoy's log.
async fn tripped(envoy: &Envoy, count: usize) -> Vec<Value> {
    let records = || -> Vec<Value> {
        let log = envoy.log();
        let lines = log.lines().filter_map(|line| Some(line.split_once("ambit: tripped: ")?.1.to_owned()));
        // A line may have more behind it than the record.
        let first = |line: String| serde_json::Deserializer::from_str(&line).into_iter().next()?.ok();
        lines.filter_map(first).collect()
    };
    until(Duration::from_secs(20), "the record in the log", async || Some(records()).filter(|all| all.len() >= count))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_inside_a_200_pause_writes_in_every_worker() {
    let upstream = Upstream::serving(Arc::new(Busy)).await;
    let tripwire = json!({ "id": "failures", "count": "failed", "window": "5m", "max": 20, "then": "pause_writes" });
    let (envoy, digest) = open(&upstream, tripwire).await;
    let mut connections = connections::open(envoy.address, CONNECTIONS).await;
    // The 21st failure trips: it has passed itself.
    for connection in connections.iter_mut().take(21) {
        connection.exchange(&write()).await.assert_forwarded(&digest);
    }
    let (connections, refused) = connections::ask_all(connections, &write()).await;
    for answer in refused {
        let problem = answer.assert_refused(403, &digest);
        assert_eq!(problem.codes(), ["paused"]);
        assert!(problem.prose().contains("by the tripwire `failures`"), "{}", problem.prose());
    }
    assert_eq!(upstream.received().len(), 21);
    let (_, read) = connections::ask_all(connections, &shop::read()).await;
    for answer in read {
        answer.assert_forwarded(&digest);
    }

    envoy.await_stat("wasmcustom.ambit.tripped", 1).await;
    let records = tripped(&envoy, 1).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((&record["agent"], &record["tripwire"]), (&json!(shop::AGENT), &json!("failures")));
    assert_eq!((&record["counted"], &record["max"], &record["window"]), (&json!(21), &json!(20), &json!(300)));
    assert_eq!(record["policy"], digest.as_str());
    let actions = record["actions"].as_array().expect("actions");
    assert_eq!(actions.len(), 21);
    for action in actions {
        assert_eq!((&action["status"], &action["failed"]), (&json!(200), &json!(true)), "{action}");
        assert_eq!(action["operations"][0]["effect"], "gate", "{action}");
    }
    assert_eq!(envoy.stat("wasmcustom.ambit.tripwire_lost").await, 0);
}

/// Two workers count together, and trip once: as many writes pass as the tripwire lets, and those that were under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_count_together() {
    let upstream = Upstream::serving(Arc::new(Busy)).await;
    let tripwire =
        json!({ "id": "pace", "count": "writes", "window": "1m", "max": 50, "then": "pause_writes", "until": "1h" });
    let (envoy, digest) = open(&upstream, tripwire).await;
    let mut connections = connections::open(envoy.address, CONNECTIONS).await;
    let (mut passed, mut refused) = (0, BTreeSet::new());
    for _ in 0..4 {
        let (back, answers) = connections::ask_all(connections, &write()).await;
        connections = back;
        for answer in answers {
            if answer.status == 200 {
                passed += 1;
            } else {
                refused.insert(answer.assert_refused(403, &digest).codes().join(","));
            }
        }
    }
    // The 51st trips. The two workers judge one request each at a time.
    assert!((51..=52).contains(&passed), "{passed}");
    assert_eq!(upstream.received().len(), passed);
    assert_eq!(refused, BTreeSet::from(["paused".to_owned()]));
    envoy.await_stat("wasmcustom.ambit.tripped", 1).await;
    assert_eq!(tripped(&envoy, 1).await.len(), 1);
}
