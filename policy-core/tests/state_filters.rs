//! Filters on the resource as it is now: judged on what is, not on what an agent says.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::Unavailable;
use support::present::{World, check_in, judge_in, messages, store, store_permits};
use support::{json, request};

const TOYS: &str =
    r#"{ "id": "p", "scope": "store:products.update[category=toys|games]", "fields": { "only": ["price"] } }"#;

fn categories(list: &str) -> World {
    World::of(&[("/v1/products/42", &format!(r#"{{"id":42,"categories":{list}}}"#))])
}

/// A product in several categories is in each of them.
#[test]
fn a_permit_is_for_resources_that_are_in_its_group() {
    let set = store_permits(TOYS);
    let put = json("PUT /v1/products/42", r#"{"price":"1"}"#);
    for (list, expect) in [
        (r#"[{"slug":"toys"}]"#, "allow p"),
        (r#"[{"slug":"books"},{"slug":"games"}]"#, "allow p"),
        (r#"[{"slug":"books"}]"#, "deny: scope_filter"),
        (r#"[{"slug":"Toys"}]"#, "deny: scope_filter"),
        ("[]", "deny: scope_filter"),
        // What is not known matches no permit.
        ("null", "deny: unknown_state"),
        (r#""toys""#, "deny: unknown_state"),
        (r#"[{"id":1}]"#, "deny: unknown_state"),
        (r#"[{"slug":"books"},{"slug":null}]"#, "deny: unknown_state"),
    ] {
        check_in(&set, &categories(list), &put, expect);
    }
    check_in(&set, &World::default(), &put, "deny: unknown_state");
    let away = World::default().unavailable("/v1/products/42", Unavailable::Timeout);
    check_in(&set, &away, &put, "deny: unknown_state");
}

/// The agent's own word for the category says nothing.
#[test]
fn the_request_does_not_say_what_a_resource_is() {
    let set = store_permits(&TOYS.replace(r#"{ "only": ["price"] }"#, r#""any""#));
    let claim = json("PUT /v1/products/42", r#"{"price":"1","categories":[{"slug":"toys"}]}"#);
    check_in(&set, &categories(r#"[{"slug":"books"}]"#), &claim, "deny: scope_filter");
}

/// The message says what the resource is, and what it would have to be.
#[test]
fn messages_show_the_group() {
    let set = store_permits(TOYS);
    let put = json("PUT /v1/products/42", r#"{"price":"1"}"#);
    let outcome = judge_in(&set, &put, &categories(r#"[{"slug":"books"},{"slug":"b\u001b[31m"}]"#));
    assert_eq!(
        messages(&outcome),
        ["`store:products.update` is permitted only for other resources: \
          `category` is `books`, `b\\u{1b}[31m`, not `toys`, `games`"]
    );
    let outcome = judge_in(&set, &put, &World::default());
    assert_eq!(
        messages(&outcome),
        [
            "`store:products.update` is permitted only for some resources, and which this is cannot be known: `category` \
          is not known: its lookup was answered with the status 404"
        ]
    );
}

/// A forbid matches what it cannot know; one that cannot match needs no lookup.
#[test]
fn a_forbid_on_what_is() {
    let set = store(
        r#"{ "permit": [{ "id": "p", "scope": ["store:products.update", "store:products.delete"], "fields": "any" }],
             "forbid": [{ "id": "live", "scope": ["store:products.update[status=live]", "store:products.delete[status=live]"], "when": [{ "field": "price", "present": true, "max": 1 }] }] }"#,
    );
    let status = |status: &str| World::of(&[("/v1/products/42", &format!(r#"{{"id":42,"status":{status}}}"#))]);
    let cheap = json("PUT /v1/products/42", r#"{"price":"1"}"#);
    check_in(&set, &status(r#""draft""#), &cheap, "allow p");
    check_in(&set, &status(r#""live""#), &cheap, "deny live: forbidden");
    check_in(&set, &status("null"), &cheap, "deny live: forbidden");
    check_in(&set, &status(r#"["live"]"#), &cheap, "deny live: forbidden");
    check_in(&set, &World::default(), &cheap, "deny live: forbidden");
    let world = status(r#""live""#);
    check_in(&set, &world, &json("PUT /v1/products/42", r#"{"price":"2"}"#), "allow p");
    assert_eq!(world.asked(), [""; 0]);
}

/// The draft rule: only what is a draft now may be written.
#[test]
fn only_drafts() {
    let set = store(
        r#"{ "permit": [{ "id": "p", "scope": "store:products.update[status=draft]", "fields": { "only": ["status", "price"] }, "limits": [{ "field": "status", "in": ["draft"] }] }] }"#,
    );
    let status = |status: &str| World::of(&[("/v1/products/42", &format!(r#"{{"id":42,"status":"{status}"}}"#))]);
    let body = json("PUT /v1/products/42", r#"{"price":"1"}"#);
    check_in(&set, &status("draft"), &body, "allow p");
    check_in(&set, &status("publish"), &body, "deny: scope_filter");
    // What an agent would make of it is another matter.
    let publish = json("PUT /v1/products/42", r#"{"status":"publish"}"#);
    let world = status("draft");
    check_in(&set, &world, &publish, "deny p: value_format /status");
    assert_eq!(world.asked(), [""; 0]);
}

/// Permits of different groups share a batch: each counts the rows that are its own.
#[test]
fn rows_are_counted_by_the_permit_they_match() {
    let set = store_permits(
        r#"{ "id": "toys", "scope": "store:products.update[category=toys]", "fields": "any", "limits": [{ "count": "rows", "max": 2 }] },
           { "id": "books", "scope": "store:products.update[category=books]", "fields": "any", "limits": [{ "count": "rows", "max": 2 }] }"#,
    );
    let rows = |ids: &[u32]| {
        let rows: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":{id},"price":"1"}}"#)).collect();
        json("POST /v1/products/batch", &format!(r#"{{"update":[{}]}}"#, rows.join(",")))
    };
    let list = |ids: &[u32]| {
        let product = |id: &u32| {
            let category = if *id < 10 { "toys" } else { "books" };
            format!(r#"{{"id":{id},"categories":[{{"slug":"{category}"}}]}}"#)
        };
        let joined: Vec<String> = ids.iter().map(u32::to_string).collect();
        let body: Vec<String> = ids.iter().map(product).collect();
        World::of(&[(
            &format!("/v1/products?include={}&per_page=100", joined.join(",")),
            &format!("[{}]", body.join(",")),
        )])
    };
    for (ids, expect) in [
        (&[1, 2, 11, 12][..], "allow toys"),
        (&[1, 2, 3, 11], "deny toys: batch_limit"),
        (&[1, 11, 12, 13], "deny books: batch_limit"),
    ] {
        check_in(&set, &list(ids), &rows(ids), expect);
    }
    // Where only one permit could grant, too many rows are too many whatever they are.
    let set = store_permits(
        r#"{ "id": "toys", "scope": "store:products.update[category=toys]", "fields": "any", "limits": [{ "count": "rows", "max": 2 }] }"#,
    );
    let world = list(&[1, 2, 3]);
    check_in(&set, &world, &rows(&[1, 2, 3]), "deny toys: batch_limit");
    assert_eq!(world.asked(), [""; 0]);
    let mixed = list(&[1, 11]);
    check_in(&set, &mixed, &rows(&[1, 11]), "deny: scope_filter");
}

/// A filter on the present holds for a request without a body too.
#[test]
fn deletes_are_filtered() {
    let set = store_permits(r#"{ "id": "p", "scope": "store:products.delete[status=draft]" }"#);
    let world = World::of(&[
        ("/v1/products/42", r#"{"id":42,"status":"draft"}"#),
        ("/v1/products/43", r#"{"id":43,"status":"live"}"#),
    ]);
    check_in(&set, &world, &request("DELETE /v1/products/42"), "allow p");
    check_in(&set, &world, &request("DELETE /v1/products/43"), "deny: scope_filter");
    check_in(&set, &world, &request("DELETE /v1/products/44"), "deny: unknown_state");
}
