//! Same request, same answers, same bytes: an outcome depends on nothing else, not even on which answer was there first.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_core::state::{Answer, Fetch};
use policy_core::{Body, Outcome, PolicySet, Step, Timestamp, Unavailable, evaluate};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use support::present::{response, store};
use support::{NOW, Request, json, request};

const PAGE: &str = r#"{
  "on_unavailable": { "approval": "owner" },
  "permit": [
    {
      "id": "reprice", "scope": ["store:products.update[category=toys]", "store:variations.update[category=toys]"],
      "fields": { "only": ["price"] },
      "limits": [
        { "id": "step", "field": "price", "change": { "percent": "5" } },
        { "id": "many", "count": "rows", "max": 60 }
      ]
    },
    {
      "id": "order", "scope": "store:orders.create", "fields": "any",
      "limits": [{ "id": "worth", "sum": "line_value", "max": "500.00" }, { "id": "sold", "field": "product.status", "in": ["live"] }]
    }
  ],
  "forbid": [{ "id": "no-drafts", "scope": "store:products.update", "when": [{ "field": "current.status", "in": ["draft"] }] }]
}"#;

/// Everything that can be seen of an outcome.
fn bytes(outcome: &Outcome, set: &PolicySet) -> Vec<Vec<u8>> {
    vec![outcome.decision_json(set), outcome.problem(set).body, format!("{outcome:?}").into_bytes()]
}

/// What an API says of one product, variation or list, chosen by its address and `seed`: products that are there, gone, in
/// other categories, without what is asked for; answers that are none.
fn answer(fetch: &Fetch, seed: u64) -> Answer {
    let of = |target: &str| target.bytes().fold(seed, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
    let product = |id: &str| {
        let (kind, cents) = (of(id) % 7, 900 + of(id) % 200);
        let category = if kind == 0 { "books" } else { "toys" };
        let status = if kind == 1 { "draft" } else { "live" };
        let price = if kind == 2 { "null".into() } else { format!("\"{}.{:02}\"", cents / 100, cents % 100) };
        format!(
            r#"{{"id":{id},"parent_id":7,"price":{price},"status":"{status}","categories":[{{"slug":"{category}"}}]}}"#
        )
    };
    match of(&fetch.target) % 9 {
        0 => return Answer::Unavailable(Unavailable::Timeout),
        1 => return response(503, "{}"),
        _ => {}
    }
    match fetch.target.split_once("include=") {
        Some((_, ids)) => {
            let ids = ids.split('&').next().unwrap_or_default();
            let all: Vec<String> = ids.split(',').map(product).collect();
            response(200, &format!("[{}]", all.join(",")))
        }
        None => response(200, &product(fetch.target.rsplit('/').next().unwrap_or_default())),
    }
}

/// Drives one evaluation; the answers of a round are prepared in an order of their own, and handed over in that of the calls.
fn judged(set: &Arc<PolicySet>, request: &Request, seed: u64, turn: usize) -> (Outcome, Vec<String>) {
    let mut asked = Vec::new();
    let mut step = evaluate(set, request.head(), Timestamp::parse(NOW).expect("a time"));
    loop {
        step = match step {
            Step::NeedBody(need) => need.answer(request.body.clone().map_or(Body::Empty, Body::Complete)),
            Step::NeedCurrent(need) => {
                let count = need.fetches().len();
                let mut prepared: BTreeMap<usize, Answer> = BTreeMap::new();
                for position in 0..count {
                    let position =
                        if turn.is_multiple_of(2) { (position + turn) % count } else { count - 1 - position };
                    prepared.insert(position, answer(&need.fetches()[position], seed));
                }
                asked.extend(need.fetches().iter().map(|fetch| fetch.target.clone()));
                need.answer(prepared.into_values().collect())
            }
            Step::Done(outcome) => return (outcome, asked),
            open => panic!("nothing else can be needed: {open:?}"),
        };
    }
}

fn requests() -> impl Strategy<Value = Request> {
    let rows = prop::collection::btree_map(1u32..80, 900u32..1100, 1..60);
    prop_oneof![
        (1u32..80, 900u32..1100).prop_map(|(id, cents)| {
            json(&format!("PUT /v1/products/{id}"), &format!(r#"{{"price":"{}.{:02}"}}"#, cents / 100, cents % 100))
        }),
        (1u32..80, 900u32..1100).prop_map(|(id, cents)| {
            json(
                &format!("PUT /v1/products/7/variations/{id}"),
                &format!(r#"{{"price":{}.{:02}}}"#, cents / 100, cents % 100),
            )
        }),
        rows.prop_map(|rows| {
            let row =
                |(id, cents): (&u32, &u32)| format!(r#"{{"id":{id},"price":"{}.{:02}"}}"#, cents / 100, cents % 100);
            let rows: Vec<String> = rows.iter().map(row).collect();
            json("POST /v1/products/batch", &format!(r#"{{"update":[{}]}}"#, rows.join(",")))
        }),
        prop::collection::vec((1u32..80, 1u32..9), 1..9).prop_map(|lines| {
            let line = |(id, quantity): &(u32, u32)| format!(r#"{{"product_id":{id},"quantity":{quantity}}}"#);
            let lines: Vec<String> = lines.iter().map(line).collect();
            json("POST /v1/orders", &format!(r#"{{"lines":[{}]}}"#, lines.join(",")))
        }),
        Just(request("GET /v1/products/1")),
    ]
}

/// Replaying a request with the same answers comes to the same bytes, twice, in any order of the answers, and under
/// a set that was compiled once more.
#[test]
fn the_same_answers_come_to_the_same_bytes() {
    let set = store(PAGE);
    let again = store(PAGE);
    let config = Config { cases: 600, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let seen = std::cell::RefCell::new(BTreeMap::<(String, bool), u32>::new());
    let run = runner.run(&(requests(), any::<u64>(), 0usize..9), |(request, seed, turn)| {
        let (first, asked) = judged(&set, &request, seed, 0);
        *seen.borrow_mut().entry((first.decision.name().into(), asked.len() > 1)).or_default() += 1;
        for (set, turn) in [(&set, 0), (&set, 1), (&set, turn), (&again, turn)] {
            let (other, also) = judged(set, &request, seed, turn);
            prop_assert_eq!(&also, &asked, "the same is asked for");
            prop_assert_eq!(bytes(&other, set), bytes(&first, set));
        }
        Ok(())
    });
    run.unwrap_or_else(|e| panic!("{e}"));
    // What is compared are outcomes of every kind, of one call and of several.
    let seen = seen.into_inner();
    for decision in ["allow", "approval_required", "deny"] {
        for several in [false, true] {
            assert!(
                seen.contains_key(&(decision.to_string(), several)),
                "{decision}, several calls: {several}: {seen:?}"
            );
        }
    }
}

/// What an API adds to its answers, and in which order it writes them, says nothing.
#[test]
fn the_way_an_answer_is_written_says_nothing() {
    let set = store(PAGE);
    let product = [
        r#""id":42"#,
        r#""price":"10.00""#,
        r#""status":"live""#,
        r#""categories":[{"slug":"toys"}]"#,
        r#""other":{"a":[1]}"#,
    ];
    let written = [
        format!("{{{}}}", product.join(",")),
        format!("{{\n  {}\n}}\n", product.iter().rev().copied().collect::<Vec<_>>().join(",\n  ")),
        format!("{{{}}}", product[..4].join(" , ")).replace("toys", "to\\u0079s"),
    ];
    let plain = vec![(b"content-type".to_vec(), b"application/json".to_vec())];
    let noisy = vec![
        (b"Date".to_vec(), b"today".to_vec()),
        (b"Content-Type".to_vec(), b"application/json; charset=UTF-8".to_vec()),
        (b"etag".to_vec(), b"\"x\"".to_vec()),
    ];
    for (price, decision) in [("10.50", "allow"), ("10.51", "deny")] {
        let request = json("PUT /v1/products/42", &format!(r#"{{"price":"{price}"}}"#));
        let mut all = Vec::new();
        for body in &written {
            for headers in [&plain, &noisy] {
                let step = evaluate(&set, request.head(), Timestamp::parse(NOW).expect("a time"));
                let Step::NeedBody(need) = step else { panic!("it has a body") };
                let step = need.answer(Body::Complete(request.body.clone().expect("a body")));
                let Step::NeedCurrent(need) = step else { panic!("it looks the product up") };
                let answer = Answer::Response { status: 200, headers: headers.clone(), body: body.as_bytes().to_vec() };
                let Step::Done(outcome) = need.answer(vec![answer]) else { panic!("that is all") };
                assert_eq!(outcome.decision.name(), decision, "{:?}", outcome.reasons);
                all.push(bytes(&outcome, &set));
            }
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
