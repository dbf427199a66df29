//! A held request always ends: by its body, by the policy's time limit, or by the news that this
//! gateway cannot hold requests.

use crate::bundle::Policies;
use crate::client_h1::{self, Connection};
use crate::client_h2;
use crate::config::Gateway;
use crate::shop::{self, ALLOWED, Shop};

#[tokio::test]
async fn a_gateway_that_cannot_hold_requests_says_why() {
    let shop = Shop::with(Policies::shop(), Gateway::without_header_stop).await;
    let over_http1 = client_h1::exchange(shop.envoy.address, &shop::write().with_body(ALLOWED)).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let over_http2 = connection.exchange("PUT", shop::URL, shop::WRITE_HEADERS, ALLOWED).await;
    for answer in [over_http1, over_http2] {
        let problem = answer.assert_refused(503, &shop.digest);
        let prose = problem.prose();
        assert!(prose.contains("allow_on_headers_stop_iteration"), "{prose}");
    }
    shop.assert_nothing_reached().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_is_answered_408() {
    let shop = Shop::open(Policies::shop().body_timeout_ms(500)).await;
    // From here on this gateway is known to deliver bodies.
    let answer = client_h1::exchange(shop.envoy.address, &shop::write().with_body(ALLOWED)).await;
    answer.assert_forwarded(&shop.digest);
    let before = shop.upstream.bytes();

    let mut only_head = Connection::open(shop.envoy.address).await;
    let head = shop::write().header("content-length", "100").bytes();
    only_head.send(&head).await;
    let mut half_body = Connection::open(shop.envoy.address).await;
    half_body.send(&head).await;
    half_body.send(&ALLOWED[..5]).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let mut http2 = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
    http2.data(&ALLOWED[..5], false).await;

    for answer in [only_head.answer().await, half_body.answer().await, http2.answer().await] {
        answer.assert_refused(408, &shop.digest);
    }
    assert_eq!(shop.upstream.bytes(), before);
    assert_eq!(shop.reached().await.len(), 1);
}
