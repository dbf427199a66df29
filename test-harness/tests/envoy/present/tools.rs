//! A tool's lookup is a tool too: called at the same endpoint, answered as JSON or as a stream of events.

use serde_json::{Value, json};

use super::store::{Conduct, Speech, Store};
use super::{AGENT_CREDENTIAL, Market};
use crate::bundle::Policies;
use crate::client_h1::RequestHead;
use crate::mcp::HOST;
use crate::shop::AGENT;

fn set_price(price: &str) -> Vec<u8> {
    let call = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "set_price", "arguments": { "id": 2, "price": price } },
    });
    RequestHead::new("POST", "/mcp", HOST)
        .header("x-agent-name", AGENT)
        .header("authorization", AGENT_CREDENTIAL)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-session-id", "session-of-the-agent")
        .with_body(call.to_string().as_bytes())
}

/// A8, A19: a call that changes a price is judged by what another call says the price is.
#[tokio::test]
async fn a_tool_is_judged_by_what_another_tool_says() {
    let market = Market::open(Policies::prices(), Store::of_toys([(1, "10.00"), (2, "19.99")])).await;
    for (speech, within, beyond) in [(Speech::Structured, "20.98", "20.99"), (Speech::Events, "22.02", "22.03")] {
        market.store.speak(speech);
        let before = market.store.price(2);
        let problem =
            market.send(&set_price(beyond)).await.assert_refused_call(&market.digest).expect("a problem document");
        assert_eq!(problem.codes(), ["envelope_exceeded"]);
        assert_eq!(market.store.price(2), before);
        market.send(&set_price(within)).await.assert_forwarded(&market.digest);
        assert_eq!(market.store.price(2), within);
    }
    let lookups = market.lookups();
    assert_eq!(lookups.len(), 4);
    for lookup in &lookups {
        assert_eq!((lookup.method.as_str(), lookup.path.as_str()), ("POST", "/mcp"));
        assert_eq!(lookup.header("host"), Some(HOST.as_bytes()));
        assert_eq!(lookup.header("mcp-session-id"), None, "the session is the agent's");
        let call: Value = serde_json::from_slice(&lookup.body).expect("JSON");
        assert_eq!(call["params"], json!({ "name": "get_product", "arguments": { "id": 2 } }));
    }
    let calls: Vec<Value> =
        market.forwarded().iter().map(|call| serde_json::from_slice(&call.body).expect("JSON")).collect();
    let prices: Vec<&Value> = calls.iter().map(|call| &call["params"]["arguments"]["price"]).collect();
    assert_eq!(prices, ["20.98", "22.02"]);
}

/// A server that says nothing in time, for agents and lookups alike, changes nothing.
#[tokio::test]
async fn a_tool_that_does_not_answer_lets_nothing_pass() {
    let policies = Policies::prices().lookup_timeout_ms(500);
    let market = Market::open(policies, Store::of_toys([(1, "10.00"), (2, "19.99")])).await;
    market.store.conduct("POST /mcp", Conduct::Hang);
    let problem =
        market.send(&set_price("20.00")).await.assert_refused_call(&market.digest).expect("a problem document");
    assert_eq!(problem.codes(), ["unknown_state"]);
    assert_eq!(market.reached().await, [""; 0]);
    assert_eq!(market.lookups().len(), 1);
}
