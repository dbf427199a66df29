//! B2: a session token only tightens. Whatever a page says and whatever was done before, what a narrowed session gets is never
//! more than what the same request gets without narrowing.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::cell::Cell;
use std::sync::Arc;

use policy_core::{Decision, Outcome};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::counting::{DONE, Gateway};
use support::tokens::shop_with_sessions;
use support::{Request, json as with_json, request};

const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// A permit that may overlap with others, and says something of its own.
fn permit() -> impl Strategy<Value = Value> {
    let target = prop::sample::select(vec![
        json!("shop:products.update"),
        json!(["shop:products.update", "shop:products.get"]),
        json!("shop:products.update[category=toys]"),
        json!("shop:products.get"),
    ]);
    let members = prop::sample::subsequence(
        vec![
            ("limits", json!([{ "id": "low", "field": "price", "max": 5 }])),
            ("limits", json!([{ "id": "band", "field": "price", "max": 5, "beyond": { "approval": "manager" } }])),
            ("counters", json!([{ "id": "pace", "count": "requests", "max": 2, "window": "day" }])),
            (
                "counters",
                json!([{ "id": "total", "sum": "price", "max": 9, "window": "day", "beyond": { "approval": "manager" } }]),
            ),
            ("counters", json!([{ "id": "own", "count": "rows", "max": 3, "window": "session" }])),
            (
                "counters",
                json!([{ "id": "tries", "count": "requests", "max": 3, "window": "day", "charge": "attempt" }]),
            ),
            ("canary", json!({ "percent": 50, "by": "resource", "outside": "shadow" })),
            ("canary", json!({ "percent": 50, "by": "session" })),
            ("approval", json!("manager")),
            ("mode", json!("shadow")),
            ("critical", json!(true)),
        ],
        0..4,
    );
    (target, members).prop_map(|(scope, members)| {
        let mut permit = json!({ "scope": scope, "fields": "any" });
        for (name, value) in members {
            permit[name] = value;
        }
        permit
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let product = || (0..4_u32, 0..6_u32, prop::sample::select(vec!["toys", "tools"]));
    prop_oneof![
        1 => (0..4_u32).prop_map(|id| request(&format!("GET /v3/products/{id}"))),
        4 => product().prop_map(|(id, price, category)| {
            with_json(&format!("PUT /v3/products/{id}"), &json!({ "price": price.to_string(), "category": category }).to_string())
        }),
        1 => prop::collection::vec(product(), 1..4).prop_map(|rows| {
            let row = |(id, price, category): (u32, u32, &str)| {
                json!({ "id": id, "price": price.to_string(), "category": category })
            };
            let rows: Vec<Value> = rows.into_iter().map(row).collect();
            with_json("POST /v3/products/batch", &json!({ "update": rows }).to_string())
        }),
    ]
}

/// What becomes of it: what only records lets pass.
fn effect(outcome: &Outcome) -> Decision {
    if outcome.forward { Decision::Allow } else { outcome.decision }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_narrowed_session_gets_no_more(
        permits in prop::collection::vec(permit(), 1..=IDS.len()),
        rules in prop::option::of(prop::sample::subsequence(IDS.to_vec(), 0..=IDS.len())),
        caps in prop::sample::subsequence(vec!["pace", "total", "own", "tries"], 0..=4),
        most in 0..12_u32,
        before in prop::collection::vec(any_request(), 0..8),
        asked in any_request(),
        (session, apart) in (0..4_u32, any::<bool>()),
    ) {
        thread_local!(static SEEN: Cell<[u32; 3]> = const { Cell::new([0; 3]) });
        let mut permits = permits;
        // Permits that count or ask for approval beside others are a mistake, unless they are about different resources.
        let apart = apart && permits.len() > 1;
        permits.truncate(if apart { 2 } else { IDS.len() });
        let several = permits.len() > 1;
        for ((permit, id), category) in permits.iter_mut().zip(IDS).zip(["toys", "tools", "", ""]) {
            permit["id"] = json!(id);
            if apart {
                permit["scope"] = json!(format!("shop:products.update[category={category}]"));
            } else if several {
                let held = |value: &Value| value.to_string().contains("beyond");
                permit.as_object_mut().unwrap().retain(|name, value| name != "approval" && name != "counters" && !held(value));
            }
        }
        let mut page = json!({ "permit": permits });
        if apart {
            page["counters"] = json!([
                { "id": "pace", "count": "requests", "max": 2, "window": "day", "rules": ["a", "b"] },
                { "id": "own", "count": "rows", "max": 3, "window": "session", "rules": ["a", "b"] },
            ]);
        }
        let page = page.to_string();
        let has = |counter: &str| page.contains(&format!("\"id\":\"{counter}\""));
        let caps: serde_json::Map<String, Value> =
            caps.into_iter().filter(|id| has(id)).map(|id| (id.to_owned(), json!(most))).collect();
        let whole = json!({ "sid": format!("s{session}") });
        let mut narrowed = json!({ "sid": format!("s{session}"), "caps": caps });
        if let Some(rules) = rules {
            narrowed["rules"] = json!(rules);
        }
        let set = shop_with_sessions(&page);
        let ask = |claims: &Value| {
            let mut gateway = Gateway::new(Arc::clone(&set));
            for request in &before {
                gateway.send(&request.clone().in_session(whole.clone()), DONE);
            }
            gateway.send(&asked.clone().in_session(claims.clone()), DONE)
        };
        let (full, narrow) = (ask(&whole), ask(&narrowed));
        prop_assert!(effect(&narrow) >= effect(&full), "{page}\n{narrowed}\n{full:?}\n{narrow:?}");
        let same = usize::from(narrow.forward) + usize::from(full.forward);
        SEEN.with(|seen| {
            let mut counts = seen.get();
            counts[same] += 1;
            seen.set(counts);
            // It says something only if it sees requests of each kind: refused anyway, refused now, passed on.
            if counts.iter().sum::<u32>() == 400 {
                assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
            }
        });
    }
}
