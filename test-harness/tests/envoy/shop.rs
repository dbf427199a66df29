//! The requests all scenarios use: `pricing-agent` and one product of a shop.

use crate::bundle::Policies;
use crate::client_h1::{self, RequestHead};
use crate::config::Gateway;
use crate::process::Envoy;
use crate::upstream::{Received, Upstream};

pub(crate) const HOST: &str = "shop.example.com";
pub(crate) const AGENT: &str = "pricing-agent";
pub(crate) const PATH: &str = "/v1/products/7";
pub(crate) const URL: &str = "http://shop.example.com/v1/products/7";

/// A price every shop policy of these tests allows.
pub(crate) const ALLOWED: &[u8] = br#"{"price": 5}"#;
/// A price none of them allows.
pub(crate) const REFUSED: &[u8] = br#"{"price": 5000}"#;

/// The headers of a write, for HTTP/2.
pub(crate) const WRITE_HEADERS: &[(&str, &[u8])] =
    &[("x-agent-name", b"pricing-agent"), ("content-type", b"application/json")];

/// Setting a price: the head, for a body to be added.
pub(crate) fn write() -> RequestHead {
    RequestHead::new("PUT", PATH, HOST).header("x-agent-name", AGENT).header("content-type", "application/json")
}

/// Reading a product, which the policy allows.
pub(crate) fn read() -> Vec<u8> {
    RequestHead::new("GET", PATH, HOST).header("x-agent-name", AGENT).bytes()
}

/// A shop behind a gateway that holds `pricing-agent` to its policy.
pub(crate) struct Shop {
    pub(crate) upstream: Upstream,
    pub(crate) envoy: Envoy,
    pub(crate) digest: String,
}

impl Shop {
    /// One worker, the bundle inside the listener.
    pub(crate) async fn open(policies: Policies) -> Self {
        Self::with(policies, |gateway| gateway).await
    }

    /// As [`Shop::open`], the gateway changed.
    pub(crate) async fn with(policies: Policies, changed: impl FnOnce(Gateway) -> Gateway) -> Self {
        let upstream = Upstream::http1().await;
        let bundle = policies.bundle();
        let gateway = changed(Gateway::to(&upstream).with_static(&bundle.text));
        Self { envoy: gateway.start().await, upstream, digest: bundle.digest }
    }

    /// Asserts that an ordinary request is served, and gives everything that has reached the upstream
    /// besides. The request is sent last: what Envoy forwarded before it is on record when it returns.
    pub(crate) async fn reached(&self) -> Vec<Received> {
        let answer = client_h1::exchange(self.envoy.address, &read()).await;
        answer.assert_forwarded(&self.digest);
        let mut received = self.upstream.received();
        assert_eq!(self.envoy.forwarded().await, received.len() as u64);
        let last = received.pop().expect("the request just served");
        assert_eq!((last.method.as_str(), last.complete), ("GET", true));
        received
    }

    /// Asserts that nothing has reached the upstream so far, not even the head of a request.
    pub(crate) async fn assert_nothing_reached(&self) {
        assert_eq!(self.upstream.bytes(), 0);
        assert_eq!(self.reached().await.len(), 0);
    }
}
