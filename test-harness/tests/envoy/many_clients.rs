//! Many requests held at once, and clients that go away while theirs are.

use crate::bundle::Policies;
use crate::client_h1::{self, Connection, chunk};
use crate::client_h2;
use crate::config::Gateway;
use crate::shop::{self, ALLOWED, Shop};
use crate::upstream::Upstream;

#[tokio::test]
async fn clients_gone_while_paused_leave_nothing_behind() {
    let shop = Shop::open(Policies::shop()).await;
    // What is still held when the others go must be served afterwards.
    let mut patient = Connection::open(shop.envoy.address).await;
    let chunked = shop::write().header("transfer-encoding", "chunked").bytes();
    patient.send(&chunked).await;
    shop.envoy.await_open_requests(1).await;

    let mut http2 = client_h2::Connection::open(shop.envoy.address).await;
    let mut gone = Vec::new();
    let mut cancelled = Vec::new();
    for _ in 0..10 {
        let mut connection = Connection::open(shop.envoy.address).await;
        connection.send(&chunked).await;
        connection.send(&chunk(&ALLOWED[..5])).await;
        gone.push(connection);
        let mut stream = http2.start("PUT", shop::URL, shop::WRITE_HEADERS, false).await;
        stream.data(&ALLOWED[..5], false).await;
        cancelled.push(stream);
    }
    shop.envoy.await_open_requests(21).await;
    gone.into_iter().for_each(Connection::abort);
    shop.envoy.await_open_requests(11).await;
    cancelled.into_iter().for_each(client_h2::Stream::cancel);
    shop.envoy.await_open_requests(1).await;
    assert_eq!(shop.upstream.bytes(), 0);

    patient.send(&chunk(ALLOWED)).await;
    patient.send(b"0\r\n\r\n").await;
    patient.answer().await.assert_forwarded(&shop.digest);
    let answer = http2.exchange("PUT", shop::URL, shop::WRITE_HEADERS, ALLOWED).await;
    answer.assert_forwarded(&shop.digest);
    let reached = shop.reached().await;
    assert_eq!(reached.len(), 2, "nothing of those that went: {reached:?}");
    assert!(reached.iter().all(|r| r.body == ALLOWED));
}

#[tokio::test]
async fn a_hundred_requests_held_at_once_are_each_judged_by_their_own_body() {
    let upstream = Upstream::http1().await;
    let bundle = Policies::shop().bundle();
    let envoy = Gateway::to(&upstream).workers(2).with_static(&bundle.text).start().await;
    // Each request has a price of its own: 1 to 100 are allowed, 101 to 200 are not; they come mixed.
    let prices = || (1..=100u32).map(|n| if n % 2 == 0 { n } else { n + 100 });
    let mut held = Vec::new();
    for price in prices() {
        let body = format!(r#"{{"price": {price}, "note": "n{price}"}}"#);
        let mut connection = Connection::open(envoy.address).await;
        let request = shop::write().with_body(body.as_bytes());
        let (now, later) = request.split_at(request.len() - 10);
        connection.send(now).await;
        held.push((price, body.clone(), connection, later.to_vec()));
    }
    envoy.await_open_requests(100).await;
    assert_eq!(upstream.bytes(), 0, "all are held");

    let mut allowed = Vec::new();
    for (_, _, connection, rest) in &mut held {
        connection.send(rest).await;
    }
    for (price, body, mut connection, _) in held {
        let answer = connection.answer().await;
        if price <= 100 {
            answer.assert_forwarded(&bundle.digest);
            allowed.push(body);
        } else {
            answer.assert_refused(403, &bundle.digest);
        }
    }
    let mut reached: Vec<String> =
        upstream.received().into_iter().map(|r| String::from_utf8(r.body).expect("a body of this test")).collect();
    reached.sort();
    allowed.sort();
    assert_eq!(reached, allowed);
    let answer = client_h1::exchange(envoy.address, &shop::read()).await;
    answer.assert_forwarded(&bundle.digest);
}
