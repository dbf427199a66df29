//! A store whose rules look at things as they are now, requests to it, and a second opinion on what may be allowed there:
//! answers read by [`super::reread`], numbers by [`super::exact`].

use std::sync::{Arc, LazyLock};

use policy_core::PolicySet;
use policy_core::compile::SourceKind;
use policy_core::state::{Answer, Fetch};

use super::documents::{policy, source};
use super::exact::{Bound, Written, parts};
use super::message::{Message, read};
use super::reread::{self, Tree};

const GATEWAY: &str = r#"{ "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }], "unknown_agent": "deny", "lookups": { "clusters": { "shop.example.com": "lookups" } } }"#;

const CATALOG: &str = r#"{
  "catalog": "store-v1",
  "vars": { "charge": "token" },
  "resources": {
    "products": {
      "key": "path.id",
      "filters": { "category": "current.categories" },
      "current": { "try": [{ "get": "/products/{id}", "list": "/products?include={id}&per_page=100" }], "same": { "id": "id" } },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "price": { "at": "/price", "type": "decimal" },
        "categories": { "at": "/categories/*/slug", "type": "string" }
      },
      "actions": {
        "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" },
        "batch": { "endpoints": ["POST /products/batch"], "effect": "gate", "rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    },
    "counts": {
      "key": "path.id",
      "current": { "try": [{ "get": "/counts/{id}" }] },
      "fields": {
        "stock": { "at": "/stock", "type": "integer" },
        "delta": { "at": "/delta", "type": "integer" },
        "final_count": { "at": "/final_count", "type": "integer" }
      },
      "values": { "counted": { "add": ["current.stock", "delta"] } },
      "actions": { "take": { "endpoints": ["PUT /counts/{id}"], "effect": "gate" } }
    },
    "orders": {
      "lookups": {
        "product": { "for": "lines", "vars": { "id": "product_id" }, "try": [{ "get": "/products/{id}" }], "same": { "id": "id" },
          "fields": { "id": { "at": "/id" }, "price": { "at": "/price", "type": "decimal" } } }
      },
      "fields": { "lines": { "at": "/lines" } },
      "values": { "line_value": { "each": "lines", "add": [["quantity", "product.price"]] } },
      "actions": { "create": { "endpoints": ["POST /orders"], "effect": "door" } }
    },
    "shelves": {
      "key": "path.id",
      "current": { "try": [{ "get": "/shelves/{id}" }] },
      "lookups": {
        "open": { "try": [{ "get": "/orders?shelf={id}&per_page=3", "each": "/orders" }],
          "fields": { "quantity": { "at": "/quantity", "type": "integer" } }, "total": { "ordered": { "sum": "quantity" } } }
      },
      "fields": { "stock": { "at": "/stock", "type": "integer" }, "note": { "at": "/note", "type": "string" } },
      "values": { "left": { "add": ["current.stock", ["-1", "open.ordered"]] } },
      "actions": { "fill": { "endpoints": ["PUT /shelves/{id}"], "effect": "gate" } }
    },
    "refunds": {
      "current": { "try": [{ "get": "/charges/{charge}" }], "fields": { "currency": { "at": "/currency", "type": "string" } } },
      "fields": {
        "charge": { "at": "/charge", "type": "string" },
        "amount": { "at": "/amount", "type": "money", "unit": "minor", "currency": "current.currency" }
      },
      "actions": { "create": { "endpoints": ["POST /refunds"], "effect": "door" } }
    },
    "protocol": { "actions": { "post": { "endpoints": ["POST /mcp"], "decoder": "jsonrpc", "effect": "door" } } },
    "offers": {
      "key": "id",
      "current": { "try": [{ "tool": "get_offer", "arguments": { "id": "id" } }], "same": { "id": "id" } },
      "fields": { "id": { "at": "/id", "type": "integer" }, "price": { "at": "/price", "type": "decimal" } },
      "actions": { "set": { "tool": "set_offer", "effect": "gate" } }
    }
  }
}"#;

const PAGE: &str = r#"{
  "ambit": "v1",
  "agent": { "name": "agent", "purpose": "to be fuzzed", "impact": "low" },
  "version": "1",
  "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" },
  "mode": "enforce",
  "on_unavailable": { "approval": "manager" },
  "money": { "currency": "usd", "rates": { "jpy": "0.01", "kwd": "3" } },
  "apis": { "store": { "catalog": "store-v1", "hosts": ["shop.example.com"] } },
  "approvers": { "manager": {} },
  "permit": [
    { "id": "reprice", "scope": "store:products.update[category=toys]", "fields": { "only": ["price"] },
      "limits": [{ "field": "price", "change": { "percent": 5, "absolute": "50.00" } }] },
    { "id": "take", "scope": "store:counts.take", "fields": { "only": ["delta", "final_count"], "require": ["delta", "final_count"] },
      "limits": [{ "field": "final_count", "equals": "counted" }] },
    { "id": "order", "scope": "store:orders.create",
      "fields": { "only": ["lines/*/product_id", "lines/*/quantity"], "require": ["lines", "lines/*/product_id", "lines/*/quantity"] },
      "limits": [{ "field": "lines/*/quantity", "min": 1 }, { "sum": "line_value", "max": "500.00" }] },
    { "id": "fill", "scope": "store:shelves.fill", "fields": { "only": ["note"] }, "limits": [{ "field": "left", "min": 2 }] },
    { "id": "refund", "scope": "store:refunds.create", "fields": { "only": ["charge", "amount"], "require": ["charge", "amount"] },
      "limits": [{ "field": "amount", "max": 100 }] },
    { "id": "offer", "tool": "store:set_offer", "fields": { "only": ["id", "price"], "require": ["id", "price"] },
      "limits": [{ "field": "price", "increase": { "percent": "12.5" } }] }
  ],
  "owners": { "product": "a team" }
}"#;

/// The page on the store, compiled.
pub static STORE: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    let documents = [(SourceKind::Gateway, GATEWAY), (SourceKind::Catalog, CATALOG), (SourceKind::Template, PAGE)];
    policy(&documents.map(|(kind, text)| source(kind, text)))
});

/// Requests by name: where they go, and their bodies with `$` for a value that is given.
const REQUESTS: [(&str, &str, &str); 7] = [
    ("reprice", "PUT /products/42", r#"{"price":$}"#),
    ("batch", "POST /products/batch", r#"{"update":[{"id":41,"price":$},{"id":"42","price":"10.00"}]}"#),
    ("take", "PUT /counts/42", r#"{"delta":$,"final_count":7}"#),
    ("order", "POST /orders", r#"{"lines":[{"product_id":1,"quantity":$},{"product_id":2,"quantity":1}]}"#),
    ("fill", "PUT /shelves/42", r#"{"note":$}"#),
    ("refund", "POST /refunds", r#"{"charge":"ch_1","amount":$}"#),
    (
        "offer",
        "POST /mcp",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"set_offer","arguments":{"id":42,"price":$}}}"#,
    ),
];

/// The request of this name with this value.
pub fn request(name: &str, value: &str) -> Option<Message> {
    let (_, line, body) = REQUESTS.iter().find(|(known, _, _)| *known == name)?;
    let head = format!("{line}\nhost: shop.example.com\nx-agent-name: agent\ncontent-type: application/json");
    Some(Message { body: body.replace('$', value).into_bytes(), ..read(head.as_bytes()) })
}

/// Answers that were given, by the calls they were given to.
pub type Given = [(Fetch, Answer)];

/// Panics when a request that was allowed with these answers lies beyond a limit.
pub fn assert_within(name: &str, message: &Message, given: &Given) {
    for (fetch, answer) in given {
        let complete = matches!(answer, Answer::Response { status: 200, body, .. } if body.len() <= fetch.limit);
        assert!(complete, "nothing is allowed on {answer:?}");
    }
    let body = reread::read(&message.body).expect("what is allowed is JSON");
    let member = |tree: &Tree, name: &str| tree.member(name).unwrap_or_else(|| panic!("no {name}: {tree:?}")).clone();
    let change = |percent: &str, absolute: Option<&str>, word| Bound {
        word,
        percent: parts(percent),
        absolute: absolute.map(|absolute| parts(absolute).expect("a number")),
    };
    match name {
        "reprice" | "batch" => {
            let rows = match name {
                "batch" => member(&body, "update").elements().expect("rows").to_vec(),
                _ => vec![Tree::Object(vec![
                    ("id".into(), Tree::Text("42".into())),
                    ("price".into(), member(&body, "price")),
                ])],
            };
            for row in rows {
                let id = member(&row, "id").written().expect("an id").to_string();
                let now = product(&id, given);
                let categories = member(&now, "categories").elements().expect("a list").to_vec();
                let toys = |category: &Tree| category.member("slug").and_then(Tree::written) == Some("toys");
                assert!(categories.iter().any(toys), "it is a toy: {now:?}");
                let (current, new) = (number(&member(&now, "price")), number(&member(&row, "price")));
                assert!(change("5", Some("50.00"), "change").holds(current, new), "{current:?} to {new:?}");
            }
        }
        "take" => {
            let now = answer("/counts/42", given);
            let [stock, delta] = [member(&now, "stock"), member(&body, "delta")].map(|tree| number(&tree));
            let total = sum(&[stock, delta]);
            assert_eq!(same(total), same(number(&member(&body, "final_count"))), "{stock:?} and {delta:?}");
        }
        "order" => {
            let lines = member(&body, "lines").elements().expect("lines").to_vec();
            let worth: Vec<Written> = lines
                .iter()
                .map(|line| {
                    let id = member(line, "product_id").written().expect("an id").to_string();
                    let (quantity, price) =
                        (number(&member(line, "quantity")), number(&member(&product(&id, given), "price")));
                    assert!(quantity.0 >= 1, "one at least: {line:?}");
                    (quantity.0.checked_mul(price.0).expect("it can be held"), quantity.1 + price.1)
                })
                .collect();
            assert!(at_most(sum(&worth), (500, 0)), "{worth:?}");
        }
        "fill" => {
            let stock = number(&member(&answer("/shelves/42", given), "stock"));
            let open =
                member(&answer("/orders?shelf=42&per_page=3", given), "orders").elements().expect("a list").to_vec();
            let ordered: Vec<Written> = open.iter().map(|order| number(&member(order, "quantity"))).collect();
            let (digits, scale) = sum(&ordered);
            assert!(at_most((2, 0), sum(&[stock, (-digits, scale)])), "{stock:?} less {ordered:?}");
        }
        "refund" => {
            let currency =
                member(&answer("/charges/ch_1", given), "currency").written().expect("a currency").to_string();
            let (digits, scale) = number(&member(&body, "amount"));
            let (units, rate) = match currency.to_ascii_lowercase().as_str() {
                "usd" => (2, 100),
                "jpy" => (0, 1),
                "kwd" => (3, 300),
                other => panic!("no rate for {other}"),
            };
            // Hundredths of the page's currency.
            assert!(at_most((digits * rate, scale + units), (10_000, 0)), "{digits} {scale} {currency}");
        }
        "offer" => {
            let arguments = member(&member(&body, "params"), "arguments");
            let new = number(&member(&arguments, "price"));
            let fits = |now: &Tree| {
                let id = now.member("id").and_then(Tree::written) == Some("42");
                id && now
                    .member("price")
                    .is_some_and(|price| change("12.5", None, "increase").holds(number(price), new))
            };
            assert!(said_by_tool(given).iter().any(fits), "{new:?}: {given:?}");
        }
        _ => panic!("no request is named {name}"),
    }
}

/// The answer to the call of this target, read again.
fn answer(target: &str, given: &Given) -> Tree {
    let found = given.iter().find(|(fetch, _)| fetch.target == target);
    let Some((_, Answer::Response { body, .. })) = found else { panic!("{target} was not answered: {given:?}") };
    reread::read(body).unwrap_or_else(|| panic!("{target} was answered with what is no JSON"))
}

/// A product as it is now: by its own call, or in a list.
fn product(id: &str, given: &Given) -> Tree {
    let is = |tree: &&Tree| tree.member("id").and_then(Tree::written) == Some(id);
    let own = format!("/products/{id}");
    let found = if given.iter().any(|(fetch, _)| fetch.target == own) {
        vec![answer(&own, given)]
    } else {
        let list = given.iter().find(|(fetch, _)| fetch.target.starts_with("/products?include="));
        let (fetch, _) = list.unwrap_or_else(|| panic!("{id} was not asked for: {given:?}"));
        answer(&fetch.target, given).elements().expect("a list").to_vec()
    };
    let found: Vec<&Tree> = found.iter().filter(is).collect();
    assert_eq!(found.len(), 1, "{id} is there once: {given:?}");
    found[0].clone()
}

/// Everything that a tool's answer may say: of a stream the data of every event.
fn said_by_tool(given: &Given) -> Vec<Tree> {
    let mut said = Vec::new();
    for (_, answer) in given {
        let Answer::Response { body, .. } = answer else { continue };
        let text = String::from_utf8_lossy(body).replace("\r\n", "\n").replace('\r', "\n");
        let data = |event: &str| {
            let lines = event.lines().filter_map(|line| line.strip_prefix("data"));
            let lines = lines.map(|line| line.strip_prefix(':').unwrap_or(line));
            lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
        };
        let messages = text.split("\n\n").map(data).chain([String::from_utf8_lossy(body).into_owned()]);
        for message in messages.filter_map(|message| reread::read(message.as_bytes())) {
            let Some(result) = message.member("result") else { continue };
            said.extend(result.member("structuredContent").cloned());
            let content = result.member("content").and_then(Tree::elements).unwrap_or_default();
            let texts = content.iter().filter_map(|item| item.member("text")?.written());
            said.extend(texts.filter_map(|text| reread::read(text.as_bytes())));
        }
    }
    said
}

/// A number or a text of at most eighteen significant digits, in plain notation.
fn number(tree: &Tree) -> Written {
    let found = tree.written().and_then(parts);
    let (digits, scale) = found.unwrap_or_else(|| panic!("no plain number: {tree:?}"));
    assert!(digits.abs() < 10i128.pow(18) && scale <= 18, "more than eighteen digits: {tree:?}");
    (digits, scale)
}

fn sum(all: &[Written]) -> Written {
    let scale = all.iter().map(|(_, scale)| *scale).max().unwrap_or(0);
    let aligned =
        all.iter().map(|(digits, from)| digits.checked_mul(10i128.pow(scale - from)).expect("it can be held"));
    (aligned.fold(0i128, |sum, digits| sum.checked_add(digits).expect("it can be held")), scale)
}

fn at_most(a: Written, b: Written) -> bool {
    sum(&[b, (-a.0, a.1)]).0 >= 0
}

/// One spelling of one number.
fn same((mut digits, mut scale): Written) -> Written {
    while scale > 0 && digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    (digits, scale)
}
