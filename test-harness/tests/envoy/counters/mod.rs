//! Counters, kept by all workers of a gateway together: what arrives at the upstream is never more than a page allows.

mod exact;
mod restart;
mod settling;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::bundle::Bundle;
use crate::client_h1::{Connection, RequestHead};
use crate::config::Gateway;
use crate::process::Envoy;
use crate::shop::{AGENT, HOST};
use crate::upstream::Upstream;

/// A gateway of two workers, which takes new policies while it runs.
async fn gateway(upstream: &Upstream, bundle: &Bundle) -> Envoy {
    Gateway::to(upstream).workers(2).with_ecds(&bundle.text).start().await
}

/// Setting the price of a product.
fn put(id: usize, price: &str) -> Vec<u8> {
    RequestHead::new("PUT", &format!("/v1/products/{id}"), HOST)
        .header("x-agent-name", AGENT)
        .header("content-type", "application/json")
        .with_body(json!({ "price": price }).to_string().as_bytes())
}

/// At most so many requests an hour.
fn requests(max: usize) -> Value {
    json!({ "id": "pace", "count": "requests", "max": max, "window": "1h" })
}

/// Sends so many requests on one connection.
async fn ask(connection: &mut Connection, times: usize) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..times {
        answers.push(connection.exchange(&put(1, "5")).await);
    }
    answers
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}
