//! Prices that move by no more than a part of what they are: one, and fifty in a batch.

use serde_json::{Value, json};

use super::store::{Store, toy};
use super::{Market, lines, put, request};
use crate::bundle::Policies;

/// A8: a change within 5 % arrives, one cent more never does; what it is compared with is the price at that time.
#[tokio::test]
async fn a_price_moves_within_the_limit_of_what_it_is() {
    let market = Market::open(Policies::prices(), Store::of_toys([(1, "19.99"), (2, "100.00")])).await;
    let refused = market.send(&put(1, "20.99")).await;
    market.assert_refused(&refused, "envelope_exceeded");
    assert_eq!(lines(&market.upstream.received()), ["GET /v1/products/1"], "the lookup alone");
    assert_eq!(lines(&market.lookups()), ["GET /v1/products/1"]);
    assert_eq!(market.store.price(1), "19.99");

    market.send(&put(1, "20.98")).await.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(1), "20.98");
    // Judged by what it is by now: the same again, and what was too much before.
    market.send(&put(1, "20.99")).await.assert_forwarded(&market.digest);
    market.send(&put(1, "19.95")).await.assert_forwarded(&market.digest);
    let refused = market.send(&put(1, "18.95")).await;
    market.assert_refused(&refused, "envelope_exceeded");
    assert_eq!(market.store.price(1), "19.95");
    market.send(&put(2, "105.00")).await.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(2), "105.00");

    assert_eq!(market.lookups().len(), 6, "one for each write");
    let decisions = market.decisions(6).await;
    let said: Vec<(&Value, &Value)> = decisions.iter().map(|d| (&d["decision"], &d["rule"])).collect();
    let (allow, deny) = (json!("allow"), json!("deny"));
    let rule = json!("reprice");
    assert_eq!(said, [&deny, &allow, &allow, &allow, &deny, &allow].map(|decision| (decision, &rule)), "{decisions:?}");
    assert!(decisions[0].to_string().contains("envelope_exceeded"), "{}", decisions[0]);
}

/// A4: a permit for toys is for what is a toy now.
#[tokio::test]
async fn a_filter_is_about_what_the_product_is_now() {
    let store = Store::of_toys([(1, "10.00")]);
    let mut saw = toy(2, "10.00");
    saw["categories"] = json!(["tools"]);
    store.put(saw);
    let market = Market::open(Policies::prices(), store).await;
    market.send(&put(1, "10.50")).await.assert_forwarded(&market.digest);
    let refused = market.send(&put(2, "10.50")).await;
    market.assert_refused(&refused, "scope_filter");
    assert_eq!(market.reached().await, ["PUT /v1/products/1"]);
    // It becomes a toy.
    market.store.put(toy(2, "10.00"));
    market.send(&put(2, "10.50")).await.assert_forwarded(&market.digest);
    assert_eq!(market.store.price(2), "10.50");
}

/// Fifty rows, each 5 % more than 100.00.
fn rows() -> Vec<Value> {
    (1..=50).map(|id| json!({ "id": id, "price": "105.00" })).collect()
}

fn batch(rows: &[Value]) -> Vec<u8> {
    request("POST", "/v1/products/batch").with_body(json!({ "update": rows }).to_string().as_bytes())
}

/// A6, A8: fifty rows take one lookup, and one bad row keeps all of them from arriving.
#[tokio::test]
async fn one_bad_row_of_fifty_keeps_the_batch_from_arriving() {
    let market = Market::open(Policies::prices(), Store::of_toys((1..=50).map(|id| (id, "100.00")))).await;
    let mut bad = rows();
    bad[30]["price"] = json!("105.01");
    let refused = market.send(&batch(&bad)).await;
    market.assert_refused(&refused, "envelope_exceeded");
    assert!(refused.text().contains("/update/30/price"), "{}", refused.text());
    let ids: Vec<String> = (1..=50).map(|id: u32| id.to_string()).collect();
    let list = format!("GET /v1/products?include={}&per_page=100", ids.join(","));
    assert_eq!(lines(&market.upstream.received()), [list.as_str()]);
    assert!((1..=50).all(|id| market.store.price(id) == "100.00"));

    market.send(&batch(&rows())).await.assert_forwarded(&market.digest);
    assert_eq!(lines(&market.upstream.received()), [list.clone(), list, "POST /v1/products/batch".to_owned()]);
    let sent: Value = serde_json::from_slice(&market.forwarded()[0].body).expect("JSON");
    assert_eq!(sent, json!({ "update": rows() }), "it arrives whole");
    assert!((1..=50).all(|id| market.store.price(id) == "105.00"));

    // A row of a product that the list does not have.
    let unknown = [&rows()[..3], &[json!({ "id": 51, "price": "105.00" })]].concat();
    let refused = market.send(&batch(&unknown)).await;
    market.assert_refused(&refused, "unknown_state");
    assert_eq!(market.forwarded().len(), 1);
}
