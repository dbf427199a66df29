//! A bundle that does not load never becomes a gateway without a policy.

use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::{self, Connection};
use crate::config::Gateway;
use crate::shop::{self, ALLOWED};
use crate::upstream::Upstream;

/// Asserts that the log says, in one line of the filter's, that the bundle was refused.
#[track_caller]
fn assert_explained(log: &str) {
    let explained = log.lines().any(|l| l.contains("wasm log") && l.contains("ambit") && l.contains("bundle"));
    assert!(explained, "a line of the filter about its bundle:\n{log}");
}

#[tokio::test]
async fn a_static_start_ends_with_a_failure() {
    let upstream = Upstream::http1().await;
    let other = Policies::shop().max_price(10).bundle();
    let changed = Policies::shop().bundle().with_payload_of(&other);
    for broken in [changed.as_str(), "{\"format\": \"ambit-bundle/3\"", ""] {
        let exit = Gateway::to(&upstream).with_static(broken).start_and_exit().await;
        assert_eq!(exit.status.code(), Some(1), "{broken:?}: {}", exit.log);
        assert_explained(&exit.log);
    }
    assert_eq!(upstream.bytes(), 0);
}

#[tokio::test]
async fn an_update_is_dropped_and_the_policy_before_goes_on() {
    let upstream = Upstream::http1().await;
    let good = Policies::shop().bundle();
    let next = Policies::shop().max_price(10).bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_ecds(&good.text).start().await;
    let mut old = Connection::open(envoy.address).await;
    let write = shop::write().with_body(ALLOWED);
    old.exchange(&write).await.assert_forwarded(&good.digest);

    for (n, broken) in [good.with_payload_of(&next).as_str(), "no bundle", ""].into_iter().enumerate() {
        envoy.push(broken);
        envoy.await_updates(1, n as u64 + 1).await;
        assert_explained(&envoy.log());
        // The connection from before, and new ones on both workers.
        old.exchange(&write).await.assert_forwarded(&good.digest);
        for _ in 0..4 {
            let answer = client_h1::exchange(envoy.address, &write).await;
            answer.assert_forwarded(&good.digest);
            let refused = shop::write().with_body(shop::REFUSED);
            let answer = client_h1::exchange(envoy.address, &refused).await;
            answer.assert_refused(403, &good.digest);
        }
    }

    envoy.push(&next.text);
    envoy.await_updates(2, 3).await;
    old.exchange(&write).await.assert_forwarded(&next.digest);
}

#[tokio::test]
async fn without_a_first_policy_everything_is_answered_500() {
    let upstream = Upstream::http1().await;
    let good = Policies::shop().bundle();
    let other = Policies::shop().max_price(10).bundle();
    let envoy = Gateway::to(&upstream).with_ecds(&good.with_payload_of(&other)).start().await;
    assert_explained(&envoy.log());
    let mut connection = Connection::open(envoy.address).await;
    let assert_unserved = |answer: &Answer| {
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert_eq!(answer.header("ambit-policy"), None);
    };
    assert_unserved(&connection.exchange(&shop::read()).await);
    let write = shop::write().with_body(ALLOWED);
    assert_unserved(&client_h1::exchange(envoy.address, &write).await);
    assert_eq!(upstream.bytes(), 0);

    envoy.push(&good.text);
    envoy.await_updates(1, 1).await;
    let answer = client_h1::exchange(envoy.address, &write).await;
    answer.assert_forwarded(&good.digest);
}
