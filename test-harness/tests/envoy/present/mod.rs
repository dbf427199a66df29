//! Requests judged against the present: what a resource is now, looked up by the gateway while the request waits.

mod answers;
mod candidate;
mod changes;
mod credential;
mod fresh;
mod memory;
mod races;
mod store;
mod tools;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::store::Store;
use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::{self, RequestHead};
use crate::config::{Gateway, LOOKUP_CREDENTIAL};
use crate::deadline::until;
use crate::decision_record::decision;
use crate::process::Envoy;
use crate::shop::{AGENT, HOST};
use crate::upstream::{Received, Upstream};

/// The credential that the agent sends with everything it asks for.
const AGENT_CREDENTIAL: &str = "Bearer agent-token";

/// A request of the agent.
fn request(method: &str, path: &str) -> RequestHead {
    RequestHead::new(method, path, HOST)
        .header("x-agent-name", AGENT)
        .header("authorization", AGENT_CREDENTIAL)
        .header("content-type", "application/json")
}

/// Setting the price of a product.
fn put(id: u64, price: &str) -> Vec<u8> {
    request("PUT", &format!("/v1/products/{id}")).with_body(json!({ "price": price }).to_string().as_bytes())
}

/// Reading a product: nothing needs to be looked up for it.
fn get(id: u64) -> Vec<u8> {
    RequestHead::new("GET", &format!("/v1/products/{id}"), HOST)
        .header("x-agent-name", AGENT)
        .header("authorization", AGENT_CREDENTIAL)
        .bytes()
}

/// A store behind a gateway that looks things up in it.
struct Market {
    store: Arc<Store>,
    upstream: Upstream,
    envoy: Envoy,
    digest: String,
}

impl Market {
    /// One worker, the bundle inside the listener.
    async fn open(policies: Policies, store: Store) -> Self {
        Self::with(policies, store, |gateway, upstream| gateway.with_lookups(upstream)).await
    }

    /// As [`Market::open`], the gateway changed: it is given with the store's address, and without a cluster for lookups.
    async fn with(policies: Policies, store: Store, changed: impl FnOnce(Gateway, SocketAddr) -> Gateway) -> Self {
        let store = Arc::new(store);
        let upstream = Upstream::serving(Arc::clone(&store)).await;
        let bundle = policies.bundle();
        let gateway = changed(Gateway::to(&upstream).with_static(&bundle.text), upstream.address);
        Self { envoy: gateway.start().await, store, upstream, digest: bundle.digest }
    }

    /// Sends one request on a connection of its own.
    async fn send(&self, request: &[u8]) -> Answer {
        client_h1::exchange(self.envoy.address, request).await
    }

    /// Asserts that the request was refused, with this code alone.
    #[track_caller]
    fn assert_refused(&self, answer: &Answer, code: &str) {
        let problem = answer.assert_refused(403, &self.digest);
        assert_eq!((problem.decision(), problem.codes()), ("deny", vec![code]), "{}", answer.text());
    }

    /// The lookups that have reached the store, known by their credential.
    fn lookups(&self) -> Vec<Received> {
        self.upstream.received().into_iter().filter(is_lookup).collect()
    }

    /// What else has reached the store.
    fn forwarded(&self) -> Vec<Received> {
        self.upstream.received().into_iter().filter(|received| !is_lookup(received)).collect()
    }

    /// Waits until so many lookups have reached the store.
    async fn await_lookups(&self, count: usize) {
        until(Duration::from_secs(20), "lookups", async || (self.lookups().len() >= count).then_some(())).await;
    }

    /// Asserts that an ordinary request is served, and gives the method and path of everything of agents that has
    /// reached the store besides: what Envoy forwarded before it is on record when it returns.
    async fn reached(&self) -> Vec<String> {
        self.send(&get(1)).await.assert_forwarded(&self.digest);
        let mut forwarded = lines(&self.forwarded());
        assert_eq!(forwarded.pop().as_deref(), Some("GET /v1/products/1"));
        forwarded
    }

    /// Waits for so many decisions in the access log.
    async fn decisions(&self, count: usize) -> Vec<Value> {
        self.envoy.access_log(count).await.iter().map(decision).collect()
    }
}

fn is_lookup(received: &Received) -> bool {
    received.header("authorization") == Some(LOOKUP_CREDENTIAL.as_bytes())
}

/// Method and path of each.
fn lines(received: &[Received]) -> Vec<String> {
    received.iter().map(|r| format!("{} {}", r.method, r.path)).collect()
}
