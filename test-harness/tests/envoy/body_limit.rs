//! A body above the policy's limit gets the filter's own 413, with its reason, on both protocols and
//! as soon as the limit is passed: 256 KiB in the policy of these tests, well below Envoy's buffers.

use crate::bundle::Policies;
use crate::client_h1::{self, Connection, chunk};
use crate::client_h2;
use crate::shop::{self, Shop};

const LIMIT: usize = 256 * 1024;
/// What a client goes on sending when nobody stops it; more than Envoy would buffer.
const ENDLESS: usize = 8 * 1024 * 1024;

/// A body of this size whose price is allowed.
fn body(size: usize) -> Vec<u8> {
    let mut body = br#"{"price": 5, "note": ""#.to_vec();
    body.resize(size - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_judged() {
    let shop = Shop::open(Policies::shop()).await;
    let request = shop::write().with_body(&body(LIMIT));
    let answer = client_h1::exchange(shop.envoy.address, &request).await;
    answer.assert_forwarded(&shop.digest);
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let answer = connection.exchange("PUT", shop::URL, shop::WRITE_HEADERS, &body(LIMIT)).await;
    answer.assert_forwarded(&shop.digest);
    let reached = shop.reached().await;
    assert_eq!(reached.len(), 2);
    assert!(reached.iter().all(|r| r.body == body(LIMIT)));
}

#[tokio::test]
async fn http1_one_byte_above_the_limit() {
    let shop = Shop::open(Policies::shop()).await;
    let large = body(LIMIT + 1);
    for request in [shop::write().with_body(&large), shop::write().with_chunks(&large.chunks(1000).collect::<Vec<_>>())]
    {
        let mut connection = Connection::open(shop.envoy.address).await;
        let answer = connection.send_until_answered(std::iter::once(request)).await;
        answer.assert_refused(413, &shop.digest);
    }
    shop.assert_nothing_reached().await;
}

#[tokio::test]
async fn http1_endless() {
    let shop = Shop::open(Policies::shop()).await;
    let head = shop::write().header("transfer-encoding", "chunked").bytes();
    let pieces = std::iter::repeat_n(chunk(&[b'x'; 1024]), ENDLESS / 1024);
    let mut connection = Connection::open(shop.envoy.address).await;
    let answer = connection.send_until_answered(std::iter::once(head).chain(pieces)).await;
    answer.assert_refused(413, &shop.digest);
    shop.assert_nothing_reached().await;
}

#[tokio::test]
async fn http2_one_byte_above_the_limit() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let mut stream = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
    // The gateway may have answered, and ended the stream, before the last frame.
    stream.try_data(&body(LIMIT + 1), true).await;
    stream.answer().await.assert_refused(413, &shop.digest);
    shop.assert_nothing_reached().await;
}

#[tokio::test]
async fn http2_endless() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let mut stream = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
    let mut sent = 0;
    while sent < ENDLESS && stream.try_data(&[b'x'; 1024], false).await {
        sent += 1024;
    }
    assert!(sent < ENDLESS, "the gateway stops reading");
    stream.answer().await.assert_refused(413, &shop.digest);
    shop.assert_nothing_reached().await;
}
