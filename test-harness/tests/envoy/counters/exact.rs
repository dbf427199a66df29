//! A9: two workers, 64 connections, one counter: exactly as much passes as it allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::task::JoinSet;

use super::{gateway, put, requests};
use crate::answer::Answer;
use crate::bundle::{Bundle, Policies};
use crate::client_h1::Connection;
use crate::connections;
use crate::shop;
use crate::upstream::{Received, Upstream};

const CONNECTIONS: usize = 64;
const MOST: usize = 500;
const RUNS: usize = 20;

/// What the connections get, each asking until it is refused twice.
async fn load(
    connections: Vec<Connection>,
    request: impl Fn(usize) -> Vec<u8> + Clone + Send + 'static,
) -> (Vec<Connection>, Vec<Answer>) {
    load_until(connections, request, |_, refused| refused == 2).await
}

async fn load_until(
    connections: Vec<Connection>,
    request: impl Fn(usize) -> Vec<u8> + Clone + Send + 'static,
    enough: impl Fn(usize, usize) -> bool + Clone + Send + 'static,
) -> (Vec<Connection>, Vec<Answer>) {
    let mut clients = JoinSet::new();
    for mut connection in connections {
        let (request, enough) = (request.clone(), enough.clone());
        clients.spawn(async move {
            let (mut answers, mut refused) = (Vec::new(), 0);
            for turn in 0.. {
                let answer = connection.exchange(&request(turn)).await;
                refused += usize::from(answer.status != 200);
                answers.push(answer);
                if enough(turn, refused) {
                    break;
                }
            }
            (connection, answers)
        });
    }
    let (connections, answers): (Vec<_>, Vec<_>) = clients.join_all().await.into_iter().unzip();
    (connections, answers.concat())
}

/// So many are allowed, and the others have used the counter up.
#[track_caller]
fn assert_exactly(answers: &[Answer], allowed: usize) {
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((passed, refused), (allowed, answers.len() - allowed));
}

/// Each product has a budget of its own: each run begins with nothing used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_are_five_hundred_twenty_times() {
    let upstream = Upstream::http1().await;
    let mut pace = requests(MOST);
    pace["per"] = json!(["resource"]);
    let envoy = gateway(&upstream, &Policies::shop().counter(pace).bundle()).await;
    let mut connections = connections::open(envoy.address, CONNECTIONS).await;
    for run in 1..=RUNS {
        let (again, answers) = load(connections, move |_| put(run, "5")).await;
        connections = again;
        assert_exactly(&answers, MOST);
    }
    let received = upstream.received();
    for run in 1..=RUNS {
        let path = format!("/v1/products/{run}");
        assert_eq!(received.iter().filter(|request| request.path == path).count(), MOST, "run {run}");
    }
    assert_eq!(received.len(), RUNS * MOST);
    assert_eq!(envoy.stat("wasmcustom.ambit.charged").await, (RUNS * MOST) as u64);
    assert_eq!(envoy.stat("wasmcustom.ambit.given_back").await, 0);
}

/// A11: sums are exact: prices of three sizes fill a budget to the cent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_adds_up_to_the_cent() {
    const PRICES: [&str; 3] = ["5.00", "2.50", "1.25"];
    let upstream = Upstream::http1().await;
    let budget = json!({ "id": "budget", "sum": "price", "max": "1000.00", "window": "1h" });
    let bundle = Policies::shop().counter(budget).after_restart("allow").bundle();
    let envoy = gateway(&upstream, &bundle).await;
    // What refuses the smallest price has no room for it.
    let smallest_refused = Arc::new(AtomicUsize::new(0));
    let enough = {
        let last = Arc::clone(&smallest_refused);
        move |turn: usize, refused: usize| {
            let end = turn % 3 == 2 && refused >= 3;
            last.fetch_add(usize::from(end), Ordering::SeqCst);
            end
        }
    };
    let (_, answers) =
        load_until(connections::open(envoy.address, CONNECTIONS).await, |turn| put(1, PRICES[turn % 3]), enough).await;
    assert_eq!(smallest_refused.load(Ordering::SeqCst), CONNECTIONS);
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    let received = upstream.received();
    assert_eq!(received.len(), passed);
    assert_eq!(received.iter().map(cents).sum::<u64>(), 100_000, "{passed} requests");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.assert_refused(403, &bundle.digest).codes(), ["budget_exceeded"]);
    }
}

fn cents(request: &Received) -> u64 {
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    body["price"].as_str().expect("a price").replace('.', "").parse().expect("a number")
}

/// A new version of a page goes on with what is used: a budget is not doubled by delivering a policy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_in_the_middle_changes_no_count() {
    const TURNS: usize = 2;
    let upstream = Upstream::http1().await;
    let policies = |max_price| Policies::shop().max_price(max_price).counter(requests(MOST)).bundle();
    let bundles: Vec<Bundle> = [100, 101, 102].map(policies).into();
    let envoy = gateway(&upstream, &bundles[0]).await;
    let mut connections = connections::open(envoy.address, CONNECTIONS).await;
    let mut counted = Vec::new();
    for next in &bundles[1..] {
        let (again, answers) = load_until(connections, |_| put(1, "5"), |turn, _| turn + 1 == TURNS).await;
        assert_exactly(&answers, TURNS * CONNECTIONS);
        counted.extend(answers);
        envoy.push(&next.text);
        connections = again;
        connections::await_policy(&mut connections, &shop::read(), &next.digest).await;
    }
    let running = tokio::spawn(load(connections, |_| put(1, "5")));
    envoy.push(&bundles[0].text);
    let (mut connections, answers) = running.await.expect("load ends well");
    counted.extend(answers);
    assert_exactly(&counted, MOST);

    connections::await_policy(&mut connections, &shop::read(), &bundles[0].digest).await;
    let (_, answers) = load(connections, |_| put(1, "5")).await;
    assert_exactly(&answers, 0);
    assert_eq!(upstream.received().iter().filter(|request| request.method == "PUT").count(), MOST);
}
