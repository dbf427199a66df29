//! What a recording lacks of the present: undecidable where it could decide, decided where it could not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use policy_core::Unavailable;
use policy_core::state::Answer;
use support::present::{World, judge_in, response, store, store_permits};
use support::{Request, json};

const REPRICE: &str = r#"{ "id": "reprice", "scope": "store:products.update", "fields": { "only": ["price", "sale_price"] },
    "limits": [{ "field": "price", "change": { "percent": 10 } }, { "field": "sale_price", "change": { "percent": 10 } }] }"#;

fn put(body: &str) -> Request {
    json("PUT /v1/products/1", body)
}

fn part(body: &str) -> World {
    World::default().with("/v1/products/1", Answer::Part(body.as_bytes().to_vec()))
}

#[test]
fn what_a_part_holds_counts_and_what_it_does_not_hold_is_not_known() {
    let set = store_permits(REPRICE);
    let of = |world: &World, body: &str| {
        let outcome = judge_in(&set, &put(body), world);
        (outcome.decision.name(), outcome.undecidable)
    };
    let priced = part(r#"{"id":1,"price":"10.00"}"#);
    assert_eq!(of(&priced, r#"{"price":"11.00"}"#), ("allow", None));
    assert_eq!(of(&priced, r#"{"price":"12.00"}"#), ("deny", None));
    // Whole, the product would have no sale price, and its regular price would count.
    let lacks = Some("current value not in the recording".to_owned());
    let regular = r#"{"id":1,"regular_price":"10.00"}"#;
    assert_eq!(of(&part(regular), r#"{"sale_price":"11.00"}"#), ("deny", lacks.clone()));
    let whole = World::default().with("/v1/products/1", response(200, regular));
    assert_eq!(of(&whole, r#"{"sale_price":"11.00"}"#), ("allow", None));
    // Empty is not missing.
    let empty = part(r#"{"id":1,"sale_price":"","regular_price":"10.00"}"#);
    assert_eq!(of(&empty, r#"{"sale_price":"11.00"}"#), ("allow", None));
    assert_eq!(of(&part(r#"{"id":1,"tags":["x"]}"#), r#"{"price":"12.00"}"#), ("deny", lacks));
}

/// A lack counts only where a better answer could have come to something else.
#[test]
fn what_could_not_decide_is_not_lacking() {
    let set = store_permits(
        r#"{ "id": "reprice", "scope": "store:products.update", "fields": { "only": ["price"] },
             "limits": [{ "field": "price", "change": { "percent": 10 } }] },
           { "id": "tag", "scope": "store:products.update[category=toys]", "fields": { "only": ["tags"] } }"#,
    );
    let outcome = judge_in(&set, &put(r#"{"price":"12.00"}"#), &part(r#"{"id":1,"price":"10.00"}"#));
    assert_eq!((outcome.decision.name(), &outcome.undecidable), ("deny", &None), "the other permit takes no price");
    let outcome = judge_in(&set, &put(r#"{"tags":["x"]}"#), &part(r#"{"id":1,"price":"10.00"}"#));
    assert_eq!(outcome.undecidable.as_deref(), Some("current value not in the recording"));
}

/// A person may decide where a lookup has no answer: whether one is asked may be all that the recording leaves open.
#[test]
fn a_lack_that_a_person_would_decide_is_still_one() {
    let members = format!(
        r#"{{ "on_unavailable": {{ "approval": "lead" }}, "approvers": {{ "lead": {{}} }}, "permit": [{REPRICE}] }}"#
    );
    let set = store(&members);
    let world = World::default().unavailable("/v1/products/1", Unavailable::NotRecorded);
    let outcome = judge_in(&set, &put(r#"{"price":"12.00"}"#), &world);
    assert_eq!(outcome.decision.name(), "approval_required");
    assert_eq!(outcome.undecidable.as_deref(), Some("current value not in the recording"));
}
