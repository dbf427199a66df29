//! Answers to lookups that are none, or not good enough, or late: the request is refused with the reason, in time, and
//! whatever comes next is served.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::store::{Answered, Conduct, Store, toy};
use super::{Market, lines, put};
use crate::bundle::Policies;

/// How long lookups may take here, in milliseconds.
const TIMEOUT_MS: u32 = 500;
/// What a loaded machine may add to it.
const MARGIN: Duration = Duration::from_secs(3);

/// Products 1 to 40 at 100.00.
fn toys() -> Store {
    Store::of_toys((1..=40).map(|id| (id, "100.00")))
}

fn product(id: u64) -> Answered {
    Answered::json(200, &toy(id, "100.00"))
}

fn priced(price: Value) -> impl Fn(u64) -> Answered {
    move |id| {
        let mut product = toy(id, "100.00");
        product["price"] = price.clone();
        Answered::json(200, &product)
    }
}

/// `{"id":2,"price":"100.00","categories":["toys"]}` as a gzip member.
const GZIPPED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\xca\x4c\x51\xb2\x32\xd2\x51\x2a\x28\xca\x4c\x4e\x55\xb2\x52\
      \x32\x34\x30\xd0\x33\x30\x50\xd2\x51\x4a\x4e\x2c\x49\x4d\xcf\x2f\xca\x4c\x2d\x56\xb2\x8a\x56\x2a\xc9\xaf\x2c\x56\x8a\xad\x05\x00\xfb\xb1\xba\x22\x2f\x00\x00\x00";

/// What each product's lookup is answered with, and the code of the refusal.
fn oddities() -> Vec<(&'static str, &'static str, Conduct)> {
    let instead = |f: &dyn Fn(u64) -> Answered, id: u64| Conduct::Instead(f(id));
    let unknown = "unknown_state";
    let mut list = Vec::new();
    let mut add = |what: &'static str, code: &'static str, conduct: &dyn Fn(u64) -> Conduct| {
        let id = 2 + list.len() as u64;
        list.push((what, code, conduct(id)));
    };
    add("compressed", unknown, &|_| {
        let answer = Answered::typed("application/json", GZIPPED);
        Conduct::Instead(answer.with_header("content-encoding", "gzip"))
    });
    for status in [201, 206, 401, 403, 404, 410, 429, 500, 503] {
        add("a status but 200", unknown, &|id| Conduct::Instead(product(id).with_status(status)));
    }
    add("a redirect", unknown, &|id| {
        Conduct::Instead(product(id).with_status(302).with_header("location", "/v1/products/1"))
    });
    add("another product", unknown, &|id| instead(&product, id + 1));
    add("no JSON", unknown, &|_| Conduct::Instead(Answered::typed("application/json", "<html>")));
    add("half of it", unknown, &|_| Conduct::Instead(Answered::typed("application/json", r#"{"id": 2, "price": "1"#)));
    add("a page for people", unknown, &|id| {
        Conduct::Instead(Answered::typed("text/html", toy(id, "100.00").to_string()))
    });
    add("10 MB", unknown, &|id| {
        let mut long = toy(id, "100.00");
        long["description"] = json!("x".repeat(10_000_000));
        Conduct::Instead(Answered::json(200, &long))
    });
    add("a member twice", unknown, &|id| {
        let text = toy(id, "100.00").to_string().replacen('{', r#"{"price":"1.00","#, 1);
        Conduct::Instead(Answered::typed("application/json", text))
    });
    for price in [json!(null), json!(""), json!("1e2"), json!("100,00"), json!(["100.00"]), json!(true)] {
        add("a price that is none", unknown, &|id| instead(&priced(price.clone()), id));
    }
    add("an exponent", unknown, &|id| {
        let text = toy(id, "100.00").to_string().replace(r#""100.00""#, "1e2");
        Conduct::Instead(Answered::typed("application/json", text))
    });
    add("no price", unknown, &|id| {
        let mut product = toy(id, "100.00");
        product.as_object_mut().expect("members").remove("price");
        Conduct::Instead(Answered::json(200, &product))
    });
    add("a price of 0", "envelope_exceeded", &|id| instead(&priced(json!("0.00")), id));
    add("reset", unknown, &|_| Conduct::Reset);
    add("shorter than announced", unknown, &|id| Conduct::Cut(product(id)));
    list
}

/// Whatever a lookup is answered with but the product as it is: refused, and asked for once.
#[tokio::test]
async fn an_answer_that_is_not_good_enough_lets_nothing_pass() {
    let market = Market::open(Policies::prices(), toys()).await;
    let oddities = oddities();
    let mut expected = Vec::new();
    for (id, (what, code, conduct)) in (2..).zip(&oddities) {
        let lookup = format!("GET /v1/products/{id}");
        market.store.conduct(&lookup, conduct.clone());
        let answer = market.send(&put(id, "105.00")).await;
        let problem = answer.assert_refused(403, &market.digest);
        assert_eq!(problem.codes(), [*code], "{what}: {}", answer.text());
        expected.push(lookup.clone());
        // The same lookup with a good answer: it was for this answer alone.
        market.store.behave(&lookup);
        market.send(&put(id, "105.00")).await.assert_forwarded(&market.digest);
        expected.extend([lookup, format!("PUT /v1/products/{id}")]);
    }
    assert_eq!(lines(&market.upstream.received()), expected, "no redirect followed, nothing asked for again");
    let decisions = market.decisions(oddities.len() * 2).await;
    for (decision, (what, code, _)) in decisions.iter().step_by(2).zip(&oddities) {
        assert_eq!(decision["decision"], "deny", "{what}");
        assert!(decision.to_string().contains(code), "{what}: {decision}");
    }
}

/// Sends a write, and asserts that it is refused for want of an answer, in time.
async fn assert_in_time(market: &Market, id: u64, at_least: Duration) {
    let began = Instant::now();
    let answer = market.send(&put(id, "105.00")).await;
    let took = began.elapsed();
    market.assert_refused(&answer, "unknown_state");
    let most = Duration::from_millis(TIMEOUT_MS.into()) + MARGIN;
    assert!((at_least..most).contains(&took), "{took:?}: {}", answer.text());
}

/// No answer, half an answer, a late one: refused when the time is over, and what comes then changes nothing.
#[tokio::test]
async fn an_answer_that_is_late_counts_as_none() {
    let market = Market::open(Policies::prices().lookup_timeout_ms(TIMEOUT_MS), toys()).await;
    market.store.conduct("GET /v1/products/2", Conduct::Hang);
    market.store.conduct("GET /v1/products/3", Conduct::Stall(product(3)));
    let gate = market.store.hold("GET /v1/products/4");
    // Envoy's clock is that of its loop: a timer may end a little early.
    let nearly = Duration::from_millis(u64::from(TIMEOUT_MS) * 9 / 10);
    for id in [2, 3, 4] {
        assert_in_time(&market, id, nearly).await;
    }
    gate.send_replace(true);
    assert_eq!(market.reached().await, [""; 0]);
    assert_eq!(market.lookups().len(), 3);
    // Held, but not for too long: here the answer counts. The lookup of the same product is asked for anew.
    let market = Market::open(Policies::prices(), toys()).await;
    let gate = market.store.hold("GET /v1/products/4");
    let request = put(4, "105.00");
    let opened = async {
        market.await_lookups(1).await;
        assert_eq!(lines(&market.forwarded()), [""; 0]);
        gate.send_replace(true);
    };
    let (answer, ()) = tokio::join!(market.send(&request), opened);
    answer.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(4), "105.00");
}

/// Nobody listens, the cluster is not there, or no cluster is named: nothing can be looked up.
#[tokio::test]
async fn a_store_that_is_not_reached_lets_nothing_pass() {
    // Bound, and not listening: connections are refused, and no one else gets the port.
    let closed = TcpSocket::new_v4().expect("a socket");
    closed.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let down = closed.local_addr().expect("its address");
    let policies = || Policies::prices().lookup_timeout_ms(TIMEOUT_MS);
    for market in [
        Market::with(policies(), toys(), |gateway, _| gateway.with_lookups(down)).await,
        Market::with(policies().lookup_cluster(Some("elsewhere")), toys(), |gateway, up| gateway.with_lookups(up))
            .await,
        Market::with(policies().lookup_cluster(None), toys(), |gateway, up| gateway.with_lookups(up)).await,
    ] {
        assert_in_time(&market, 2, Duration::ZERO).await;
        assert_eq!(market.reached().await, [""; 0]);
        assert_eq!(market.lookups().len(), 0);
    }
}

/// A person may decide on a limit where there was no answer, and only there: not where the answer says nothing.
#[tokio::test]
async fn a_page_may_ask_a_person_where_there_is_no_answer() {
    let policies = || Policies::prices().approval_when_unavailable().lookup_timeout_ms(TIMEOUT_MS);
    let market = Market::open(policies().any_category(), toys()).await;
    for (id, conduct) in [
        (2, Conduct::Hang),
        (3, Conduct::Reset),
        (4, Conduct::Instead(product(4).with_status(503))),
        (5, Conduct::Instead(product(5).with_status(429))),
    ] {
        market.store.conduct(&format!("GET /v1/products/{id}"), conduct);
        let answer = market.send(&put(id, "105.00")).await;
        let problem = answer.assert_refused(403, &market.digest);
        assert_eq!(problem.decision(), "approval_required", "{}", answer.text());
        assert!(problem.codes().contains(&"approval_required"), "{}", answer.text());
    }
    for (id, conduct) in [
        (6, Conduct::Instead(product(6).with_status(404))),
        (7, Conduct::Instead(product(8))),
        (8, Conduct::Instead(Answered::typed("text/html", "<p>on holiday</p>"))),
    ] {
        market.store.conduct(&format!("GET /v1/products/{id}"), conduct);
        let answer = market.send(&put(id, "105.00")).await;
        market.assert_refused(&answer, "unknown_state");
    }
    assert_eq!(market.reached().await, [""; 0]);
    // Whether the permit is about this product at all is no question for a person.
    let market = Market::open(policies(), toys()).await;
    market.store.conduct("GET /v1/products/2", Conduct::Hang);
    let answer = market.send(&put(2, "105.00")).await;
    market.assert_refused(&answer, "unknown_state");
}
