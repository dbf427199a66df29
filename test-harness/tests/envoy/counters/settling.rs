//! What certainly did nothing is given back: a counter of three lets pass any number of them, and three others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{ask, put, requests, statuses};
use crate::bundle::Policies;
use crate::client_h1::Connection;
use crate::config::Gateway;
use crate::deadline::until;
use crate::process::Envoy;
use crate::upstream::{Api, Received, Reply, Upstream};

/// What the counter allows.
const MOST: usize = 3;

/// Answers one request after another as told, then 200.
struct Answers {
    kinds: Vec<Kind>,
    next: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Kind {
    Status(u16),
    Reset,
    Silence,
}

impl Answers {
    fn of(kinds: Vec<Kind>) -> Arc<Self> {
        Arc::new(Self { kinds, next: AtomicUsize::new(0) })
    }
}

impl Api for Answers {
    async fn reply(&self, _: Received) -> Reply {
        match self.kinds.get(self.next.fetch_add(1, Ordering::SeqCst)).copied() {
            None => Reply::json(200, b"{}"),
            Some(Kind::Status(status)) => Reply::json(status, b"{}"),
            Some(Kind::Reset) => Reply::Reset,
            Some(Kind::Silence) => Reply::SendAndStall(Vec::new()),
        }
    }
}

fn gateway(upstream: &Upstream) -> Gateway {
    Gateway::to(upstream).with_static(&Policies::shop().counter(requests(MOST)).bundle().text)
}

/// What one connection gets, request by request, from an upstream that answers so.
async fn answered(
    kinds: Vec<Kind>,
    with: impl FnOnce(Gateway) -> Gateway,
    times: usize,
) -> (Vec<u16>, Upstream, Envoy) {
    let upstream = Upstream::serving(Answers::of(kinds)).await;
    let envoy = with(gateway(&upstream)).start().await;
    let answers = ask(&mut Connection::open(envoy.address).await, times).await;
    (statuses(&answers), upstream, envoy)
}

#[tokio::test]
async fn what_the_upstream_refuses_is_given_back() {
    let refusals = [404, 400, 401, 403, 405, 415, 422];
    let kinds = refusals.map(Kind::Status).into();
    let (got, upstream, envoy) = answered(kinds, |gateway| gateway, refusals.len() + MOST + 1).await;
    assert_eq!(got, [404, 400, 401, 403, 405, 415, 422, 200, 200, 200, 429]);
    assert_eq!(upstream.received().len(), refusals.len() + MOST);
    envoy.await_stat("wasmcustom.ambit.given_back", refusals.len() as u64).await;
}

#[tokio::test]
async fn what_may_have_been_done_is_not_given_back() {
    for kinds in [[500, 502, 503], [409, 429, 408], [301, 202, 425]] {
        let (got, upstream, envoy) = answered(kinds.map(Kind::Status).into(), |gateway| gateway, MOST + 1).await;
        assert_eq!(got[..MOST], kinds);
        assert_eq!((got[MOST], upstream.received().len()), (429, MOST));
        assert_eq!(envoy.stat("wasmcustom.ambit.given_back").await, 0);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_or_an_answer_that_does_not_come_is_not_given_back() {
    let (got, upstream, _envoy) = answered(vec![Kind::Reset; MOST], |gateway| gateway, MOST + 1).await;
    assert_eq!((got, upstream.received().len()), (vec![503, 503, 503, 429], MOST));
    let silence = vec![Kind::Silence; MOST];
    let (got, upstream, _envoy) = answered(silence, |gateway| gateway.answers_within("0.2s"), MOST + 1).await;
    assert_eq!((got, upstream.received().len()), (vec![504, 504, 504, 429], MOST));
}

#[tokio::test]
async fn what_nobody_accepts_is_given_back() {
    let upstream = Upstream::http1().await;
    let envoy = gateway(&upstream).start().await;
    drop(upstream);
    let answers = ask(&mut Connection::open(envoy.address).await, 3 * MOST).await;
    assert_eq!(statuses(&answers), [503; 3 * MOST], "none is refused by the counter");
    envoy.await_stat("wasmcustom.ambit.given_back", 3 * MOST as u64).await;
}

/// Of a request that was sent twice, the last answer says nothing of the first.
#[tokio::test]
async fn what_was_sent_twice_is_not_given_back() {
    let kinds: Vec<Kind> = (0..MOST).flat_map(|_| [Kind::Reset, Kind::Status(404)]).collect();
    let (got, upstream, envoy) = answered(kinds, Gateway::retrying, MOST + 1).await;
    assert_eq!((got, upstream.received().len()), (vec![404, 404, 404, 429], 2 * MOST));
    assert_eq!(envoy.stat("wasmcustom.ambit.given_back").await, 0);
}

/// Nor where the second try does not even get a connection.
#[tokio::test]
async fn what_was_sent_once_and_then_found_nobody_is_not_given_back() {
    /// Takes a request, and is gone.
    struct Leaves(tokio::sync::Mutex<Option<tokio::sync::oneshot::Sender<()>>>, tokio::sync::Semaphore);
    impl Api for Leaves {
        async fn reply(&self, _: Received) -> Reply {
            if let Some(arrived) = self.0.lock().await.take() {
                arrived.send(()).expect("the test waits");
            }
            let _gone = self.1.acquire().await.expect("never closed");
            Reply::Reset
        }
    }
    let (arrived, arrival) = tokio::sync::oneshot::channel();
    let api = Arc::new(Leaves(tokio::sync::Mutex::new(Some(arrived)), tokio::sync::Semaphore::new(0)));
    let upstream = Upstream::serving(Arc::clone(&api)).await;
    let envoy = gateway(&upstream).retrying().start().await;
    let mut connection = Connection::open(envoy.address).await;
    connection.send(&put(1, "5")).await;
    arrival.await.expect("the request arrives");
    let address = upstream.address;
    drop(upstream);
    until(Duration::from_secs(20), "a port without a listener", async || {
        tokio::net::TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
    api.1.add_permits(1);
    assert_eq!(connection.answer().await.status, 503);
    // These are tried twice as well.
    let rest = ask(&mut connection, MOST).await;
    assert_eq!(statuses(&rest), [503, 503, 429]);
    assert_eq!(envoy.stat("wasmcustom.ambit.given_back").await, 0);
}

/// A client that goes once its request was sent keeps the charge; one that goes before is never charged.
#[tokio::test]
async fn a_client_that_goes_keeps_what_was_sent() {
    let upstream = Upstream::serving(Answers::of(vec![Kind::Silence])).await;
    let envoy = gateway(&upstream).start().await;
    let mut held = Connection::open(envoy.address).await;
    let request = put(1, "5");
    held.send(&request[..request.len() - 1]).await;
    envoy.await_open_requests(1).await;
    held.abort();
    envoy.await_open_requests(0).await;

    let mut sent = Connection::open(envoy.address).await;
    sent.send(&request).await;
    until(Duration::from_secs(20), "the request", async || (upstream.received().len() == 1).then_some(())).await;
    sent.abort();
    envoy.await_open_requests(0).await;

    let answers = ask(&mut Connection::open(envoy.address).await, MOST).await;
    assert_eq!(statuses(&answers), [200, 200, 429]);
    assert_eq!(envoy.stat("wasmcustom.ambit.given_back").await, 0);
}
