//! The tests' own ground: without the filter, clients and upstream see every byte. What the other
//! modules assert *not* to arrive would be seen if it did.

use std::time::Duration;

use crate::client_h1::{self, Connection, chunk};
use crate::client_h2;
use crate::config::Gateway;
use crate::deadline::until;
use crate::shop;
use crate::upstream::Upstream;

#[tokio::test]
async fn http1_bodies_reach_the_upstream_as_sent() {
    let upstream = Upstream::http1().await;
    let envoy = Gateway::to(&upstream).start().await;
    assert_eq!(upstream.bytes(), 0);

    let with_length = shop::write().with_body(shop::REFUSED);
    let answer = client_h1::exchange(envoy.address, &with_length).await;
    assert_eq!((answer.status, answer.text()), (200, r#"{"ok":true}"#.into()));
    let chunked = shop::write().with_chunks(&[b"{\"price\"", b": 7}"]);
    client_h1::exchange(envoy.address, &chunked).await;

    let received = upstream.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].method, "PUT");
    assert_eq!(received[0].path, shop::PATH);
    assert_eq!(received[0].body, shop::REFUSED);
    assert_eq!(received[0].header("x-agent-name"), Some(shop::AGENT.as_bytes()));
    assert_eq!(received[1].body, br#"{"price": 7}"#);
    assert!(received.iter().all(|r| r.complete));
    assert_eq!(envoy.forwarded().await, 2);
}

#[tokio::test]
async fn an_unfinished_request_is_on_record_from_its_head_on() {
    let upstream = Upstream::http1().await;
    let envoy = Gateway::to(&upstream).start().await;

    let mut connection = Connection::open(envoy.address).await;
    let head = shop::write().header("transfer-encoding", "chunked");
    connection.send(&head.bytes()).await;
    let limit = Duration::from_secs(20);
    until(limit, "the head", async || upstream.received().pop()).await;
    assert_eq!(envoy.stat("http.ingress.downstream_rq_active").await, 1);

    connection.send(&chunk(b"abc")).await;
    until(limit, "the first bytes", async || {
        let received = upstream.received().pop()?;
        (received.body == b"abc" && !received.complete).then_some(())
    })
    .await;

    connection.abort();
    envoy.await_open_requests(0).await;
    assert!(!upstream.received()[0].complete);
}

#[tokio::test]
async fn http2_frames_and_trailers_reach_an_http2_upstream() {
    let upstream = Upstream::http2().await;
    let envoy = Gateway::to(&upstream).start().await;

    let mut connection = client_h2::Connection::open(envoy.address).await;
    let mut stream = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
    for piece in shop::REFUSED.chunks(1) {
        stream.data(piece, false).await;
    }
    stream.trailers(&[("x-sum", "1")]);
    let answer = stream.answer().await;
    assert_eq!((answer.status, answer.text()), (200, r#"{"ok":true}"#.into()));

    let received = &upstream.received()[0];
    assert_eq!(received.body, shop::REFUSED);
    assert_eq!(received.trailers, [("x-sum".to_owned(), b"1".to_vec())]);
    assert!(received.complete);
}
