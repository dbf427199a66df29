//! How long counters last: a gateway that is restarted has forgotten what was used, and `after_restart` says what that means.
//! A worker's own counters last as long as its VM, over new policies.

use std::time::Duration;

use serde_json::json;

use super::{ask, gateway, put, requests, statuses};
use crate::bundle::Policies;
use crate::client_h1::{self, Connection};
use crate::connections;
use crate::deadline::until;
use crate::shop;
use crate::upstream::Upstream;

/// With `allow` it begins with nothing used: twice as much passes.
#[tokio::test]
async fn allow_begins_with_nothing_used() {
    let upstream = Upstream::http1().await;
    let bundle = Policies::shop().counter(requests(5)).after_restart("allow").bundle();
    for _ in 0..2 {
        let envoy = gateway(&upstream, &bundle).await;
        let answers = ask(&mut Connection::open(envoy.address).await, 6).await;
        assert_eq!(statuses(&answers), [200, 200, 200, 200, 200, 429]);
    }
    assert_eq!(upstream.received().len(), 10);
}

/// With `refuse` it says that it does not know, until it has counted for a whole window.
#[tokio::test]
async fn refuse_waits_for_a_whole_window() {
    let upstream = Upstream::http1().await;
    let pace = json!({ "id": "pace", "count": "requests", "max": 1, "window": "8s" });
    let bundle = Policies::shop().counter(pace).after_restart("refuse").bundle();
    for forwarded in 1..=2 {
        let envoy = gateway(&upstream, &bundle).await;
        let answer = client_h1::exchange(envoy.address, &put(1, "5")).await;
        let problem = answer.assert_refused(403, &bundle.digest);
        assert_eq!(problem.codes(), ["unknown_state"]);
        assert!(problem.prose().contains("this gateway counts since"), "{answer:?}");
        until(Duration::from_secs(20), "the end of the first window", async || {
            (client_h1::exchange(envoy.address, &put(1, "5")).await.status == 200).then_some(())
        })
        .await;
        let answer = client_h1::exchange(envoy.address, &put(1, "5")).await;
        assert_eq!(answer.status, 429);
        assert_eq!(upstream.received().len(), forwarded);
    }
}

/// Each worker counts for itself, and goes on under the next policy.
#[tokio::test]
async fn a_worker_goes_on_under_the_next_policy() {
    let upstream = Upstream::http1().await;
    let mut own = requests(5);
    own["reach"] = json!("worker");
    let policies = |max_price| Policies::shop().max_price(max_price).counter(own.clone()).bundle();
    let (first, second) = (policies(100), policies(101));
    let envoy = gateway(&upstream, &first).await;
    // Envoy gives each worker one of them.
    let mut connections = connections::open(envoy.address, 2).await;
    for connection in &mut connections {
        assert_eq!(statuses(&ask(connection, 3).await), [200; 3]);
    }
    envoy.push(&second.text);
    connections::await_policy(&mut connections, &shop::read(), &second.digest).await;
    for connection in &mut connections {
        assert_eq!(statuses(&ask(connection, 3).await), [200, 200, 429]);
    }
}
