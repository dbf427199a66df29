//! A body is judged before anything is forwarded, however it is framed: a refused request never
//! reaches the upstream, not even its head, and an allowed one reaches it whole.

use crate::answer::Answer;
use crate::bundle::Policies;
use crate::client_h1::{self, Connection, chunk};
use crate::client_h2;
use crate::shop::{self, ALLOWED, REFUSED, Shop};

/// Asserts what became of the same request with an allowed and with a refused body.
async fn assert_judged(shop: &Shop, allowed: &Answer, refused: &Answer, body: &[u8]) {
    allowed.assert_forwarded(&shop.digest);
    let problem = refused.assert_refused(403, &shop.digest);
    assert_eq!(problem.decision(), "deny");
    assert_eq!(problem.rule(), Some("set-price"));
    let reached = shop.reached().await;
    assert_eq!(reached.len(), 1, "the allowed request alone: {reached:?}");
    assert_eq!(reached[0].body, body);
    assert!(reached[0].complete);
}

/// Asserts that a rule about the body was not taken as met by having none.
#[track_caller]
fn assert_body_missed(shop: &Shop, answer: &Answer) {
    let problem = answer.assert_refused(403, &shop.digest);
    assert_eq!((problem.rule(), problem.codes()[0]), (Some("set-price"), "missing_required"), "{answer:?}");
}

#[tokio::test]
async fn http1_with_length() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = Connection::open(shop.envoy.address).await;
    let refused = connection.exchange(&shop::write().with_body(REFUSED)).await;
    assert_eq!(shop.upstream.bytes(), 0);
    let allowed = connection.exchange(&shop::write().with_body(ALLOWED)).await;
    assert_judged(&shop, &allowed, &refused, ALLOWED).await;
}

#[tokio::test]
async fn http1_with_length_in_pieces() {
    let shop = Shop::open(Policies::shop()).await;
    let mut answers = Vec::new();
    for body in [REFUSED, ALLOWED] {
        let mut connection = Connection::open(shop.envoy.address).await;
        let head = shop::write().header("content-length", body.len().to_string());
        connection.send(&head.bytes()).await;
        shop.envoy.await_open_requests(1).await;
        connection.send(&body[..4]).await;
        assert_eq!(shop.upstream.bytes(), 0, "held while the body is under way");
        connection.send(&body[4..]).await;
        answers.push(connection.answer().await);
    }
    assert_judged(&shop, &answers[1], &answers[0], ALLOWED).await;
}

#[tokio::test]
async fn http1_chunked() {
    let shop = Shop::open(Policies::shop()).await;
    let mut answers = Vec::new();
    for body in [REFUSED, ALLOWED] {
        let mut connection = Connection::open(shop.envoy.address).await;
        let head = shop::write().header("transfer-encoding", "chunked");
        connection.send(&head.bytes()).await;
        for byte in body.chunks(1) {
            connection.send(&chunk(byte)).await;
        }
        shop.envoy.await_open_requests(1).await;
        assert_eq!(shop.upstream.bytes(), 0, "held until the last chunk");
        connection.send(b"0\r\n\r\n").await;
        answers.push(connection.answer().await);
    }
    assert_judged(&shop, &answers[1], &answers[0], ALLOWED).await;
}

#[tokio::test]
async fn http1_without_a_body_where_one_is_judged() {
    let shop = Shop::open(Policies::shop()).await;
    for request in [shop::write().with_chunks(&[]), shop::write().with_body(b""), shop::write().bytes()] {
        let answer = client_h1::exchange(shop.envoy.address, &request).await;
        assert_body_missed(&shop, &answer);
    }
    shop.assert_nothing_reached().await;
}

#[tokio::test]
async fn http2_without_trailers() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let refused = connection.exchange("PUT", shop::URL, shop::WRITE_HEADERS, REFUSED).await;
    assert_eq!(shop.upstream.bytes(), 0);
    let allowed = connection.exchange("PUT", shop::URL, shop::WRITE_HEADERS, ALLOWED).await;
    assert_judged(&shop, &allowed, &refused, ALLOWED).await;
}

#[tokio::test]
async fn http2_with_trailers() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let mut answers = Vec::new();
    for body in [REFUSED, ALLOWED] {
        let mut stream = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
        stream.data(body, false).await;
        shop.envoy.await_open_requests(1).await;
        assert_eq!(shop.upstream.bytes(), 0, "held until the trailers");
        stream.trailers(&[("x-sum", "1")]);
        answers.push(stream.answer().await);
    }
    assert_judged(&shop, &answers[1], &answers[0], ALLOWED).await;
}

#[tokio::test]
async fn http2_with_a_delayed_body() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let mut answers = Vec::new();
    for body in [REFUSED, ALLOWED] {
        let mut stream = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
        // The head alone is in, and judged as far as it goes.
        shop.envoy.await_open_requests(1).await;
        assert_eq!(shop.upstream.bytes(), 0, "held until the body");
        stream.data(body, true).await;
        answers.push(stream.answer().await);
    }
    assert_judged(&shop, &answers[1], &answers[0], ALLOWED).await;
}

#[tokio::test]
async fn http2_in_3000_frames() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let body = |price: u32| {
        let start = format!(r#"{{"price": {price}, "note": ""#);
        format!("{start:x<2998}\"}}").into_bytes()
    };
    let mut answers = Vec::new();
    for price in [5000, 5] {
        let body = body(price);
        assert_eq!(body.len(), 3000);
        let mut stream = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
        for byte in body.chunks(1) {
            stream.data(byte, false).await;
        }
        stream.end();
        answers.push(stream.answer().await);
    }
    assert_judged(&shop, &answers[1], &answers[0], &body(5)).await;
}

#[tokio::test]
async fn http2_without_a_body_where_one_is_judged() {
    let shop = Shop::open(Policies::shop()).await;
    let mut connection = client_h2::Connection::open(shop.envoy.address).await;
    let whole = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, true).await;
    let mut empty_frame = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
    empty_frame.end();
    let mut only_trailers = connection.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
    only_trailers.trailers(&[("x-sum", "0")]);
    for stream in [whole, empty_frame, only_trailers] {
        assert_body_missed(&shop, &stream.answer().await);
    }
    shop.assert_nothing_reached().await;
}
