//! A header byte that is no UTF-8 (0xFF, allowed in a field value by RFC 9110, 5.5) fails nothing but
//! the request it is in, and only if the policy reads that header.

use crate::bundle::Policies;
use crate::client_h1::{self, RequestHead};
use crate::client_h2;
use crate::shop::{self, ALLOWED, Shop};

const STRANGE: &[u8] = b"pricing-agent\xff";

#[tokio::test]
async fn in_the_header_that_names_the_agent() {
    let shop = Shop::open(Policies::shop()).await;
    let head = RequestHead::new("GET", shop::PATH, shop::HOST).header("x-agent-name", STRANGE);
    let over_http1 = client_h1::exchange(shop.envoy.address, &head.bytes()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let over_http2 = connection.exchange("GET", shop::URL, &[("x-agent-name", STRANGE)], b"").await;
    for answer in [over_http1, over_http2] {
        // The name of nobody: refused, never a VM that failed.
        assert_eq!(answer.assert_refused(401, &shop.digest).codes(), ["unknown_agent"], "{answer:?}");
    }
    shop.assert_nothing_reached().await;
}

#[tokio::test]
async fn in_a_header_no_rule_reads() {
    let shop = Shop::open(Policies::shop()).await;
    let request = shop::write().header("x-note", b"a\xffb").with_body(ALLOWED);
    let answer = client_h1::exchange(shop.envoy.address, &request).await;
    answer.assert_forwarded(&shop.digest);
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let headers = [shop::WRITE_HEADERS, &[("x-note", b"a\xffb".as_slice())]].concat();
    let answer = connection.exchange("PUT", shop::URL, &headers, ALLOWED).await;
    answer.assert_forwarded(&shop.digest);
    let reached = shop.reached().await;
    assert_eq!(reached.len(), 2);
    for received in reached {
        assert_eq!(received.header("x-note"), Some(b"a\xffb".as_slice()));
    }
}
