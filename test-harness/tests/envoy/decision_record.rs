//! The access log carries the decision on each request, allowed or not, as JSON of its own.

use serde_json::Value;

use crate::bundle::Policies;
use crate::client_h1::{self, RequestHead};
use crate::shop::{self, ALLOWED, REFUSED, Shop};

/// The decision in a line of the access log.
pub(crate) fn decision(line: &Value) -> Value {
    // Envoy puts a filter state that is JSON text into the line as a string.
    let text = line["decision"].as_str().expect("a decision");
    serde_json::from_str(text).expect("a JSON document")
}

#[tokio::test]
async fn each_request_leaves_its_decision() {
    let shop = Shop::open(Policies::shop()).await;
    let stranger = RequestHead::new("GET", shop::PATH, shop::HOST).header("x-agent-name", "a \"quoted\"\tstranger");
    for request in [shop::write().with_body(ALLOWED), shop::write().with_body(REFUSED), stranger.bytes()] {
        client_h1::exchange(shop.envoy.address, &request).await;
    }
    let lines = shop.envoy.access_log(3).await;
    assert_eq!(lines.len(), 3);
    let decisions: Vec<Value> = lines.iter().map(decision).collect();
    for decision in &decisions {
        assert_eq!(decision["policy"], shop.digest, "{decision}");
    }
    assert_eq!(lines[0]["status"], 200);
    assert_eq!(decisions[0]["decision"], "allow");
    assert_eq!(decisions[0]["agent"], shop::AGENT);
    assert_eq!(decisions[0]["rule"], "set-price");
    assert_eq!(lines[1]["status"], 403);
    assert_eq!(decisions[1]["decision"], "deny");
    assert_eq!(decisions[1]["agent"], shop::AGENT);
    assert_eq!(decisions[1]["rule"], "set-price");
    assert_eq!(lines[2]["status"], 401);
    assert_eq!(decisions[2]["decision"], "deny");
    for reasons in [&decisions[1]["reasons"], &decisions[2]["reasons"]] {
        assert!(reasons.as_array().is_some_and(|r| !r.is_empty()));
    }
}
