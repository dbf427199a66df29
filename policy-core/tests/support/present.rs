//! A store whose rules look at things as they are now, and a host that answers from a world the test lays out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use policy_core::compile::{Source, SourceKind};
use policy_core::policy::Method;
use policy_core::state::{Answer, Fetch};
use policy_core::{Body, Outcome, PolicySet, Step, Timestamp, Unavailable, evaluate};

use super::pages::framed;
use super::{NOW, Request, json, line_of, policy, source, text_of};

/// Products in categories, variations of them, orders by lines, refunds in the currency of their charge.
pub const STORE: &str = r#"{
  "catalog": "store-v1",
  "base": "/v1",
  "vars": { "charge": "token", "intent": "token", "sku": "token", "slug": "text" },
  "resources": {
    "products": {
      "key": "path.id",
      "filters": { "category": "current.categories", "status": "current.status" },
      "current": {
        "try": [{ "get": "/products/{id}", "list": "/products?include={id}&per_page=100" }],
        "same": { "id": "id" }
      },
      "lookups": {
        "open": {
          "try": [{ "get": "/orders?product={id}&per_page=3", "each": "/orders" }],
          "fields": { "id": { "at": "/id" }, "quantity": { "at": "/quantity", "type": "integer" }, "lines": { "at": "/lines/*/quantity", "type": "integer" } },
          "total": { "quantity_sum": { "sum": "quantity" }, "orders": { "count": "id" }, "in_lines": { "sum": "lines" } }
        }
      },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "price": { "at": "/price", "type": "decimal", "digits": 7, "decimals": 2 },
        "regular_price": { "at": ["/item/regular_price", "/regular_price"], "type": "decimal", "digits": 7, "decimals": 2 },
        "sale_price": { "at": "/sale_price", "type": "decimal", "decimals": 2, "base": ["sale_price", "regular_price"] },
        "stock": { "at": "/stock", "type": "integer" },
        "ratio": { "at": "/ratio", "type": "decimal" },
        "final_count": { "at": "/final_count", "type": "integer" },
        "delta": { "at": "/delta", "type": "integer" },
        "status": { "at": "/status", "type": "string" },
        "categories": { "at": "/categories/*/slug", "type": "string" },
        "tags": { "at": "/tags/*" },
        "cost": { "at": "/cost", "type": "money", "unit": "minor", "currency": "/currency" },
        "fee": { "at": "/fee", "type": "money", "unit": "major", "currency": "/currency" }
      },
      "values": {
        "counted": { "add": ["current.stock", "delta"] },
        "left": { "add": ["current.stock", ["-1", "open.quantity_sum"]] },
        "worth": { "add": [["stock", "current.price"]] }
      },
      "actions": {
        "list": { "endpoints": ["GET /products"], "effect": "read" },
        "get": { "endpoints": ["GET /products/{id}"], "effect": "read" },
        "create": { "endpoints": ["POST /products"], "effect": "gate" },
        "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /products/{id}"], "effect": "door" },
        "batch": { "endpoints": ["POST /products/batch"], "effect": "door", "rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    },
    "variations": {
      "key": { "name": "path.id", "strip": "gid://store/Variation/" },
      "filters": { "category": "parent.categories" },
      "current": {
        "try": [{ "get": "/products/{product_id}/variations/{id}", "list": "/products/{product_id}/variations?include={id}", "each": "/variations" }],
        "same": { "id": "id", "parent": "product_id" }
      },
      "lookups": { "parent": { "try": [{ "get": "/products/{product_id}" }], "same": { "id": "product_id" } } },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "parent": { "at": "/parent_id", "type": "digits" },
        "price": { "at": "/price", "type": "decimal", "decimals": 2 }
      },
      "actions": {
        "update": { "endpoints": ["PUT /products/{product_id}/variations/{id}"], "effect": "gate" },
        "batch": { "endpoints": ["POST /products/{product_id}/variations/batch"], "effect": "door", "rows": { "/update": { "action": "update", "key": "/id", "parent": "path.product_id" } } }
      }
    },
    "orders": {
      "key": "path.id",
      "lookups": {
        "product": {
          "for": "lines",
          "try": [{ "get": "/products/{product_id}/variations/{variation_id}" }, { "get": "/products/{product_id}" }],
          "fields": { "price": { "at": "/price", "type": "decimal" }, "status": { "at": "/status" } }
        },
        "gift": { "for": "lines", "try": [{ "get": "/gifts/{id}" }], "fields": { "kind": { "at": "/kind", "type": "string" } } },
        "shelf": { "for": "lines", "vars": { "sku": "shelf/sku" }, "try": [{ "get": "/shelves/{sku}" }], "fields": { "left": { "at": "/left", "type": "integer" } } }
      },
      "fields": { "lines": { "at": "/lines" }, "note": { "at": "/note", "type": "string" } },
      "values": {
        "line_value": { "each": "lines", "add": [["quantity", "product.price"]] },
        "over": { "each": "lines", "add": ["quantity", ["-1", "shelf.left"]] }
      },
      "actions": { "create": { "endpoints": ["POST /orders"], "effect": "gate" } }
    },
    "refunds": {
      "current": {
        "try": [{ "get": "/charges/{charge}" }, { "get": "/intents/{intent}" }],
        "fields": { "currency": { "at": "/currency", "type": "string" }, "payer": { "at": "/payer" }, "charged": { "at": "/amount", "type": "money", "unit": "minor", "currency": "currency" } }
      },
      "lookups": { "payer": { "vars": { "slug": "current.payer" }, "try": [{ "get": "/payers/{slug}" }], "fields": { "trust": { "at": "/trust", "type": "string" } } } },
      "fields": {
        "charge": { "at": "/charge", "type": "string" },
        "intent": { "at": "/intent", "type": "string" },
        "amount": { "at": "/amount", "type": "money", "unit": "minor", "currency": "current.currency" }
      },
      "actions": { "create": { "endpoints": ["POST /refunds"], "effect": "door" } }
    }
  }
}"#;

/// Reads bodies of fifty rows.
const GATEWAY: &str = r#"{ "ambit": "gateway-v1", "identity": [{ "header": "x-agent" }], "unknown_agent": "deny", "limits": { "body_kib": 64 }, "lookups": { "clusters": { "shop.example.com": "shop-lookups" } } }"#;
const STORE_API: &str = r#"{ "apis": { "store": { "catalog": "store-v1", "hosts": ["shop.example.com"] } } }"#;

/// Documents of a page on a catalog that is named `store` on it.
pub fn sources_on(catalog: &str, members: &str) -> Vec<Source> {
    let name = serde_json::from_str::<serde_json::Value>(catalog).expect("a catalog")["catalog"].to_string();
    let api = STORE_API.replace("\"store-v1\"", &name);
    vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, catalog),
        source(SourceKind::Template, framed(&[&api, members])),
    ]
}

/// The set of one page on the store.
pub fn store(members: &str) -> Arc<PolicySet> {
    policy(&sources_on(STORE, members))
}

/// [`store`] from its permits alone.
pub fn store_permits(rules: &str) -> Arc<PolicySet> {
    store(&format!(r#"{{ "permit": [{rules}] }}"#))
}

/// The store with these limits on what its products become.
pub fn limited(limits: &str) -> Arc<PolicySet> {
    store_permits(&format!(
        r#"{{ "id": "p", "scope": "store:products.update", "fields": "any", "limits": [{limits}] }}"#
    ))
}

/// A write to the product 42.
pub fn put(body: &str) -> Request {
    json("PUT /v1/products/42", body)
}

/// A world in which the product 42 has these members.
pub fn now(members: &str) -> World {
    World::of(&[("/v1/products/42", &format!(r#"{{"id":42,{members}}}"#))])
}

/// What a host would find: answers by method and target. What is not in it is not found.
#[derive(Default)]
pub struct World {
    answers: BTreeMap<String, Answer>,
    asked: RefCell<Vec<Fetch>>,
}

/// An answer of JSON with this status.
pub fn response(status: u16, body: &str) -> Answer {
    let headers = vec![(b"content-type".to_vec(), b"application/json".to_vec())];
    Answer::Response { status, headers, body: body.as_bytes().to_vec() }
}

impl World {
    /// A world where each target of a GET answers with this JSON.
    pub fn of(answers: &[(&str, &str)]) -> Self {
        answers.iter().fold(Self::default(), |world, (target, body)| world.with(target, response(200, body)))
    }

    #[must_use]
    pub fn with(mut self, target: &str, answer: Answer) -> Self {
        self.answers.insert(target.into(), answer);
        self
    }

    #[must_use]
    pub fn unavailable(self, target: &str, why: Unavailable) -> Self {
        self.with(target, Answer::Unavailable(why))
    }

    pub fn answer(&self, fetch: &Fetch) -> Answer {
        self.asked.borrow_mut().push(fetch.clone());
        let known = self.answers.get(&key_of(fetch)).cloned();
        known.unwrap_or_else(|| response(404, r#"{"code":"not_found"}"#))
    }

    /// The targets (of tools, their name and arguments) that were asked for, and forgets them.
    pub fn asked(&self) -> Vec<String> {
        self.asked.take().iter().map(key_of).collect()
    }

    /// What was fetched, and forgets it.
    pub fn fetched(&self) -> Vec<Fetch> {
        self.asked.take()
    }
}

/// Under which an answer stands: the target, or `get_product {"id":42}`.
fn key_of(fetch: &Fetch) -> String {
    match &fetch.body {
        None => fetch.target.clone(),
        Some(body) => {
            let call: serde_json::Value = serde_json::from_slice(body).expect("a call is JSON");
            assert_eq!(call["method"], "tools/call");
            format!("{} {}", call["params"]["name"].as_str().expect("a name"), call["params"]["arguments"])
        }
    }
}

/// What a tool answers: its structured content.
pub fn tool_answer(content: &str) -> Answer {
    response(
        200,
        &format!(r#"{{"jsonrpc":"2.0","id":"ambit-lookup","result":{{"content":[],"structuredContent":{content}}}}}"#),
    )
}

/// Drives one evaluation to its end in a world.
pub fn judge_in(set: &Arc<PolicySet>, request: &Request, world: &World) -> Outcome {
    let now = Timestamp::parse(NOW).expect("a time");
    let mut step = evaluate(set, request.head(), now);
    let mut rounds = 0;
    loop {
        step = match step {
            Step::NeedBody(need) => need.answer(request.body.clone().map_or(Body::Empty, Body::Complete)),
            Step::NeedCurrent(need) => {
                rounds += 1;
                assert!(rounds <= 2, "two rounds at most: {request:?}");
                for fetch in need.fetches() {
                    assert_eq!((fetch.api.as_str(), fetch.host.as_str()), ("store", "shop.example.com"));
                    assert_eq!(fetch.method == Method::Get, fetch.body.is_none(), "{fetch:?}");
                    let own = |name: &str| name.starts_with("x-") || name == "authorization" || name == "cookie";
                    assert!(!fetch.headers.iter().any(|(name, _)| own(name)), "nothing of the agent's: {fetch:?}");
                }
                let answers = need.fetches().iter().map(|fetch| world.answer(fetch)).collect();
                need.answer(answers)
            }
            Step::Done(outcome) => return outcome,
            open => panic!("nothing else can be needed: {open:?}"),
        };
    }
}

/// What `set` says of a request in a world, as [`text_of`] spells it.
#[track_caller]
pub fn check_in(set: &Arc<PolicySet>, world: &World, request: &Request, expect: &str) {
    let outcome = judge_in(set, request, world);
    assert_eq!(text_of(&outcome), expect, "{}\n{:#?}", line_of(request), outcome.reasons);
}

/// The messages of the reasons.
pub fn messages(outcome: &Outcome) -> Vec<&str> {
    outcome.reasons.iter().map(|reason| reason.message.as_str()).collect()
}
