//! G1: a bundle changed while requests are under way: each is judged by one policy, its answer says by
//! which, and once a connection has met the new policy it never meets the old one again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::bundle::{Bundle, Policies};
use crate::client_h1::{self, Connection};
use crate::client_h2;
use crate::config::Gateway;
use crate::deadline::within;
use crate::shop;
use crate::upstream::Upstream;

/// Allowed by every other policy of these tests.
const BODY: &[u8] = br#"{"price": 50}"#;

fn policy(max: u32) -> Bundle {
    Policies::shop().max_price(max).bundle()
}

/// What one connection of the load has seen.
struct Load {
    latest: watch::Receiver<String>,
    answers: JoinHandle<Vec<Answer>>,
}

/// One request after another on one connection, until told to stop.
fn load(address: std::net::SocketAddr, http2: bool, stop: Arc<AtomicBool>) -> Load {
    let (seen, latest) = watch::channel(String::new());
    let answers = tokio::spawn(async move {
        let mut answers = Vec::new();
        let mut client = if http2 {
            Client::Http2(client_h2::Connection::open(address).await)
        } else {
            Client::Http1(Connection::open(address).await)
        };
        while !stop.load(Ordering::SeqCst) {
            let answer = client.write().await;
            seen.send_replace(answer.digest());
            answers.push(answer);
        }
        answers
    });
    Load { latest, answers }
}

enum Client {
    Http1(Connection),
    Http2(client_h2::Connection),
}

impl Client {
    /// Sends head and body apart, so that the request is often held while the policy changes.
    async fn write(&mut self) -> Answer {
        match self {
            Self::Http1(connection) => {
                let request = shop::write().with_body(BODY);
                let (head, body) = request.split_at(request.len() - BODY.len());
                connection.send(head).await;
                tokio::task::yield_now().await;
                connection.exchange(body).await
            }
            Self::Http2(connection) => {
                let mut stream = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
                tokio::task::yield_now().await;
                stream.data(BODY, true).await;
                stream.answer().await
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_answer_names_the_policy_that_judged_it() {
    // Each has a digest of its own, and the price asked for is allowed and refused in turn.
    let bundles: Vec<Bundle> = [100, 10, 101, 11, 102, 12].map(policy).into();
    let allows: HashMap<&str, bool> =
        bundles.iter().enumerate().map(|(n, b)| (b.digest.as_str(), n % 2 == 0)).collect();
    assert_eq!(allows.len(), bundles.len());

    let upstream = Upstream::http1().await;
    let envoy = Gateway::to(&upstream).workers(2).with_ecds(&bundles[0].text).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads: Vec<Load> = (0..8).map(|n| load(envoy.address, n % 4 == 3, Arc::clone(&stop))).collect();
    for (n, bundle) in bundles.iter().enumerate() {
        if n > 0 {
            envoy.push(&bundle.text);
        }
        for load in &mut loads {
            let seen = load.latest.wait_for(|digest| *digest == bundle.digest);
            within(Duration::from_secs(20), "answer by the new policy", seen).await.expect("load goes on");
        }
        // Every worker has switched: whoever comes now meets the new policy.
        let answer = client_h1::exchange(envoy.address, &shop::read()).await;
        answer.assert_forwarded(&bundle.digest);
    }
    stop.store(true, Ordering::SeqCst);

    let mut forwarded = bundles.len();
    for load in loads {
        let answers = load.answers.await.expect("load ends well");
        let mut order: Vec<String> = Vec::new();
        for answer in &answers {
            let digest = answer.digest();
            if allows[digest.as_str()] {
                answer.assert_forwarded(&digest);
                forwarded += 1;
            } else {
                answer.assert_refused(403, &digest);
            }
            if order.last() != Some(&digest) {
                order.push(digest);
            }
        }
        let pushed: Vec<_> = bundles.iter().map(|b| b.digest.clone()).collect();
        assert_eq!(order, pushed, "each policy once, in order, none again");
    }
    assert_eq!(upstream.received().len(), forwarded, "what reached the upstream is what was answered as allowed");
    assert_eq!(envoy.updates().await, (bundles.len() as u64, 0));
}

#[tokio::test]
async fn a_request_held_during_the_change_is_judged_by_one_policy() {
    let (wide, narrow) = (policy(100), policy(10));
    let upstream = Upstream::http1().await;
    let envoy = Gateway::to(&upstream).with_ecds(&wide.text).start().await;
    let mut held = Connection::open(envoy.address).await;
    let request = shop::write().with_body(BODY);
    let (head, body) = request.split_at(request.len() - BODY.len());
    held.send(head).await;
    envoy.await_open_requests(1).await;

    envoy.push(&narrow.text);
    envoy.await_updates(2, 0).await;
    let answer = client_h1::exchange(envoy.address, &shop::write().with_body(BODY)).await;
    answer.assert_refused(403, &narrow.digest);

    let answer = held.exchange(body).await;
    answer.assert_forwarded(&wide.digest);
    let answer = held.exchange(&request).await;
    answer.assert_refused(403, &narrow.digest);
    assert_eq!(upstream.received().len(), 1);
}
