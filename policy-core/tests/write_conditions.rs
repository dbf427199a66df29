//! Conditions of a catalog: what a write must carry, so that the API refuses it where what it changes has changed since.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::compile::SourceKind;
use policy_core::{PolicySet, Unavailable};
use support::present::{World, check_in, judge_in, messages, sources_on};
use support::{Request, diagnosed, json, policy, request, source};

/// Notes have a version field, pages an entity tag, labels both ways in one place each; guarded as headers often are.
const WIKI: &str = r#"{
  "catalog": "wiki-v1",
  "base": "/v1",
  "guarded": { "headers": ["if-match", "x-tenant"] },
  "resources": {
    "notes": {
      "key": "path.id",
      "current": { "try": [{ "get": "/notes/{id}", "list": "/notes?ids={id}&per_page=100" }], "same": { "id": "id" } },
      "fields": {
        "id": { "at": "/id", "type": "digits" },
        "version": { "at": ["/version", "/meta/version"], "type": "integer" },
        "text": { "at": "/text", "type": "string" },
        "price": { "at": "/price", "type": "decimal" }
      },
      "actions": {
        "get": { "endpoints": ["GET /notes/{id}"], "effect": "read" },
        "update": { "endpoints": ["PUT /notes/{id}"], "effect": "gate", "condition": { "name": "version", "equals": "current.version" } },
        "append": { "endpoints": ["POST /notes/{id}/text"], "effect": "safe", "condition": "version" },
        "delete": { "endpoints": ["DELETE /notes/{id}"], "effect": "door", "condition": { "name": "query.version", "equals": "current.version" } },
        "update_many": { "endpoints": ["POST /notes/batch"], "effect": "gate", "rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    },
    "pages": {
      "key": "path.id",
      "current": { "try": [{ "get": "/pages/{id}" }] },
      "fields": { "id": { "at": "/id", "type": "digits" }, "etag": { "at": "/etag", "type": "string" }, "text": { "at": "/text", "type": "string" } },
      "actions": {
        "update": { "endpoints": ["PUT /pages/{id}"], "effect": "gate", "condition": "header.if-match" },
        "publish": { "endpoints": ["POST /pages/{id}/publish"], "effect": "gate", "condition": { "name": "header.If-Match", "equals": "current.etag" } },
        "update_many": { "endpoints": ["POST /pages/batch"], "effect": "gate", "rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    }
  }
}"#;

fn wiki(members: &str) -> Arc<PolicySet> {
    policy(&sources_on(WIKI, members))
}

fn permit(scope: &str, rules: &str) -> Arc<PolicySet> {
    wiki(&format!(r#"{{ "permit": [{{ "id": "p", "scope": {scope} {rules} }}] }}"#))
}

const NOTES: &str = r#""store:notes.*""#;

fn note(version: &str) -> World {
    World::of(&[("/v1/notes/7", &format!(r#"{{"id":7,"version":{version},"price":"10.00"}}"#))])
}

fn put(body: &str) -> Request {
    json("PUT /v1/notes/7", body)
}

/// The version is asked for whatever the permit says, and may be there whatever it lists.
#[test]
fn a_version_field_is_required_and_admitted() {
    for rules in [
        r#", "fields": { "only": ["text"] }"#,
        r#", "fields": { "only": ["text", "version"] }"#,
        r#", "fields": "any""#,
    ] {
        let set = permit(NOTES, rules);
        for (body, expect) in [
            (r#"{"text":"x","version":3}"#, "allow p"),
            (r#"{"text":"x","meta":{"version":3}}"#, "allow p"),
            (r#"{"text":"x"}"#, "deny p: missing_required"),
            (r#"{"text":"x","version":4}"#, "deny p: value_format /version"),
            (r#"{"text":"x","version":2}"#, "deny p: value_format /version"),
        ] {
            check_in(&set, &note("3"), &put(body), expect);
        }
    }
    // A permit without `fields` lets the condition through, and nothing else.
    let bare = permit(NOTES, "");
    check_in(&bare, &note("3"), &put(r#"{"version":3}"#), "allow p");
    check_in(&bare, &note("3"), &put(r#"{"version":3,"text":"x"}"#), "deny p: field_not_allowed /text");
}

/// What says nothing, or two things, is no condition.
#[test]
fn a_condition_is_one_value() {
    let set = permit(NOTES, r#", "fields": "any""#);
    for (body, expect) in [
        (r#"{"version":null}"#, "deny p: missing_required"),
        (r#"{"version":[3]}"#, "deny p: missing_required"),
        (r#"{"version":{"a":3}}"#, "deny p: missing_required"),
        (r#"{"version":""}"#, "deny p: missing_required"),
        (r#"{"version":3,"meta":{"version":3}}"#, "deny p: missing_required"),
        (r#"{"version":"3"}"#, "deny p: value_format /version"),
        (r#"{"version":3.5}"#, "deny p: value_format /version"),
        (r#"{"version":3e0}"#, "deny p: value_format /version"),
        ("[]", "deny p: param_shadow"),
    ] {
        check_in(&set, &note("3"), &put(body), expect);
    }
    check_in(&set, &note("3"), &request("PUT /v1/notes/7"), "deny p: missing_required");
}

/// Without `equals` any version will do: the API compares it. Nothing is looked up.
#[test]
fn what_is_not_compared_is_the_api_s_to_compare() {
    let set = permit(NOTES, r#", "fields": { "only": ["text"] }"#);
    let world = note("3");
    check_in(&set, &world, &json("POST /v1/notes/7/text", r#"{"text":"x","version":99}"#), "allow p");
    check_in(&set, &world, &json("POST /v1/notes/7/text", r#"{"text":"x"}"#), "deny p: missing_required");
    assert!(world.asked().is_empty());
}

/// A DELETE has it in its query, where a permit lists no such name.
#[test]
fn a_query_parameter() {
    for rules in ["", r#", "query": { "only": [] }"#] {
        let set = permit(NOTES, rules);
        for (line, expect) in [
            ("DELETE /v1/notes/7?version=3", "allow p"),
            ("DELETE /v1/notes/7?version=4", "deny p: value_format"),
            ("DELETE /v1/notes/7", "deny p: missing_required"),
            ("DELETE /v1/notes/7?version=", "deny p: missing_required"),
            ("DELETE /v1/notes/7?version=3&version=3", "deny p: param_shadow, param_shadow"),
            ("DELETE /v1/notes/7?version=3&force=true", "deny p: param_shadow"),
        ] {
            check_in(&set, &note("3"), &request(line), expect);
        }
        // Of a read it is a name like any other; of another write it is not listed.
        let line = "PUT /v1/notes/7?version=3";
        check_in(&set, &note("3"), &json(line, r#"{"version":3}"#), "deny p: param_shadow");
    }
}

/// A header that the catalog guards passes where it is the condition. `*` is any version, and a list is several.
#[test]
fn an_entity_tag() {
    let set = permit(r#""store:pages.*""#, r#", "fields": { "only": ["text"] }"#);
    let update = || json("PUT /v1/pages/7", r#"{"text":"x"}"#);
    let missing = "deny p: missing_required";
    for (tag, expect) in [
        ("\"abc\"", "allow p"),
        ("\"a,b'!~\"", "allow p"),
        ("\"W/\"", "allow p"),
        ("W/\"abc\"", missing),
        ("w/\"abc\"", missing),
        ("abc", missing),
        ("\"a b\"", missing),
        ("\"a\tb\"", missing),
        ("\"\"", missing),
        ("\"", missing),
        ("*", missing),
        (" * ", missing),
        ("", missing),
        ("\"a\", \"b\"", missing),
        ("\"a\",*", missing),
        ("a, b", missing),
        ("\"a", missing),
        ("W/*", missing),
    ] {
        check_in(&set, &World::default(), &update().header("if-match", tag), expect);
    }
    check_in(&set, &World::default(), &update(), missing);
    let twice = update().header("if-match", "\"a\"").header("if-match", "\"b\"");
    check_in(&set, &World::default(), &twice, "deny p: header_not_allowed, param_shadow");
    let twin = update().header("if-match", "\"a\"").header("if_match", "*");
    check_in(&set, &World::default(), &twin, "deny p: header_not_allowed, param_shadow");
    // Other guards stay, and so does this one for other actions.
    let tenant = update().header("if-match", "\"a\"").header("x-tenant", "7");
    check_in(&set, &World::default(), &tenant, "deny p: header_not_allowed");
    let notes = permit(NOTES, "");
    let other = put(r#"{"version":3}"#).header("if-match", "\"a\"");
    check_in(&notes, &note("3"), &other, "deny p: header_not_allowed");
}

/// A tag equals a field with its quotes or without them.
#[test]
fn an_entity_tag_that_is_compared() {
    let set = permit(r#""store:pages.*""#, r#", "fields": "any""#);
    let publish = |tag: &str| request("POST /v1/pages/7/publish").header("if-match", tag);
    let page = |etag: &str| World::of(&[("/v1/pages/7", &format!(r#"{{"id":7,"etag":{etag}}}"#))]);
    let (other, missing) = ("deny p: value_format", "deny p: missing_required");
    for (etag, tag, expect) in [
        (r#""\"abc\"""#, "\"abc\"", "allow p"),
        (r#""abc""#, "\"abc\"", "allow p"),
        (r#""abc""#, "abc", missing),
        (r#""W/\"abc\"""#, "W/\"abc\"", missing),
        (r#""W/\"abc\"""#, "\"abc\"", other),
        (r#""abd""#, "\"abc\"", other),
        (r#""*""#, "*", "deny p: missing_required"),
        ("null", "\"abc\"", "deny p: unknown_state"),
        (r#""""#, "\"abc\"", "deny p: unknown_state"),
    ] {
        check_in(&set, &page(etag), &publish(tag), expect);
    }
}

/// What is no date makes an API ignore the condition, and so does an `if-match` beside it.
#[test]
fn a_time_is_a_date_that_is_not_ignored() {
    let wiki = WIKI.replacen(r#""condition": "header.if-match""#, r#""condition": "header.if-unmodified-since""#, 1);
    let wiki = wiki.replacen(r#""guarded": { "headers": ["if-match", "x-tenant"] },"#, "", 1);
    let page = r#"{ "permit": [{ "id": "p", "scope": "store:pages.*", "fields": "any" }] }"#;
    let set = policy(&sources_on(&wiki, page));
    let update = |time: &str| json("PUT /v1/pages/7", "{}").header("if-unmodified-since", time);
    let missing = "deny p: missing_required";
    for (time, expect) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "allow p"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "allow p"),
        ("Fri, 20 Nov 2026 12:00:00 GMT", "allow p"),
        ("Mon, 06 Nov 1994 08:49:37 GMT", missing),
        ("Sunday, 06-Nov-94 08:49:37 GMT", missing),
        ("Sun Nov  6 08:49:37 1994", missing),
        ("Sun, 6 Nov 1994 08:49:37 GMT", missing),
        ("Sun, 06 Nov 1994 08:49:37.0 GMT", missing),
        ("Sun, 06 Nov 1994 08:49:37 UTC", missing),
        ("Sun, 06 Nov 1994 08:49:37 GMT x", missing),
        ("sun, 06 nov 1994 08:49:37 gmt", missing),
        ("Sun, 31 Feb 1994 08:49:37 GMT", missing),
        ("Sun, 06 Nov 1994 25:49:37 GMT", missing),
        ("1994-11-06T08:49:37Z", missing),
        ("784111777", missing),
        ("*", missing),
        ("", missing),
    ] {
        check_in(&set, &World::default(), &update(time), expect);
    }
    for header in ["if-match", "if_match"] {
        let both = update("Sun, 06 Nov 1994 08:49:37 GMT").header(header, "*");
        check_in(&set, &World::default(), &both, missing);
    }
    let said = diagnosed(&sources_on(&wiki, page)).join("\n");
    assert!(
        said.contains("the time of `if-unmodified-since` may lie anywhere: alone it binds nothing certain"),
        "{said}"
    );
    let compared = WIKI.replace("header.If-Match", "header.If-Unmodified-Since");
    assert_eq!(diagnosed(&sources_on(&compared, page)).join("\n"), diagnosed(&sources_on(WIKI, page)).join("\n"));
}

/// The version of now is known or the write is refused; `on_unavailable` lets a person decide where it could not be had.
#[test]
fn a_version_that_is_not_known() {
    let rules = |more: &str| {
        wiki(&format!(
            r#"{{ {more} "permit": [{{ "id": "p", "scope": {NOTES}, "fields": {{ "only": ["text"] }} }}] }}"#
        ))
    };
    let (deny, ask) = (rules(""), rules(r#""on_unavailable": { "approval": "owner" },"#));
    let body = put(r#"{"text":"x","version":3}"#);
    for set in [&deny, &ask] {
        for world in [World::default(), note("null"), note("\"x\""), note("[3]"), note("{}")] {
            let outcome = judge_in(set, &body, &world);
            assert!(!outcome.forward);
            let code = support::text_of(&outcome);
            assert!(code == "deny p: unknown_state /version" || code == "deny p: value_format /version", "{code}");
        }
    }
    let away = || World::default().unavailable("/v1/notes/7", Unavailable::Timeout);
    check_in(&deny, &away(), &body, "deny p: unknown_state /version");
    check_in(&ask, &away(), &body, "approval_required p: approval_required /version");
    // What is missing stays missing, and is not asked for.
    check_in(&ask, &away(), &put(r#"{"text":"x"}"#), "deny p: missing_required");
    let world = note("3");
    check_in(&deny, &world, &put(r#"{"text":"x"}"#), "deny p: missing_required");
    assert!(world.asked().is_empty());
    check_in(&deny, &world, &body, "allow p");
    assert_eq!(world.asked(), ["/v1/notes/7"]);
}

/// Each row has its own; all are looked up together.
#[test]
fn rows_have_conditions_of_their_own() {
    let set = permit(NOTES, r#", "fields": { "only": ["text"] }"#);
    let list = r#"[{"id":7,"version":3},{"id":8,"version":5}]"#;
    let world = World::of(&[("/v1/notes?ids=7,8&per_page=100", list)]);
    let batch = |rows: &str| json("POST /v1/notes/batch", &format!(r#"{{"update":[{rows}]}}"#));
    for (rows, expect) in [
        (r#"{"id":7,"text":"a","version":3},{"id":8,"text":"b","version":5}"#, "allow p"),
        (
            r#"{"id":7,"text":"a","version":3},{"id":8,"text":"b","version":3}"#,
            "deny p: value_format /update/1/version",
        ),
        (r#"{"id":7,"text":"a","version":3},{"id":8,"text":"b"}"#, "deny p: missing_required"),
    ] {
        check_in(&set, &world, &batch(rows), expect);
    }
    world.asked();
    check_in(&set, &world, &batch(r#"{"id":7,"text":"a","version":3},{"id":8,"text":"b","version":5}"#), "allow p");
    assert_eq!(world.asked(), ["/v1/notes?ids=7,8&per_page=100"]);
    // A header of the batch is none of its rows.
    let pages =
        permit(r#""store:pages.*""#, r#", "fields": { "only": ["text"] }, "headers": { "allow": ["if-match"] }"#);
    let rows = json("POST /v1/pages/batch", r#"{"update":[{"id":7,"text":"x"}]}"#).header("if-match", "\"a\"");
    check_in(&pages, &World::default(), &rows, "deny p: missing_required");
}

/// It is asked for under every permit on the action, by scope or by endpoint, and no permit allows without it.
#[test]
fn every_permit_asks_for_it() {
    let set = wiki(
        r#"{ "permit": [
             { "id": "a", "scope": "store:notes.update", "fields": { "only": ["text"] } },
             { "id": "b", "endpoint": "store:PUT /notes/{id}", "fields": "any" },
             { "id": "c", "endpoint": "store:PUT /notes/{x:text}", "fields": "any" } ] }"#,
    );
    check_in(&set, &note("3"), &put(r#"{"text":"x"}"#), "deny a: missing_required");
    check_in(&set, &note("3"), &put(r#"{"text":"x","version":2}"#), "deny a: value_format /version");
    check_in(&set, &note("3"), &put(r#"{"text":"x","version":3}"#), "allow a");
    check_in(&set, &note("3"), &request("GET /v1/notes/7"), "deny: endpoint_not_allowed");
}

/// A1: what to do is said.
#[test]
fn messages_let_an_agent_correct_itself() {
    let set = permit(r#"["store:notes.*", "store:pages.*"]"#, r#", "fields": "any""#);
    for (request, expect) in [
        (put(r#"{"version":2}"#), "`version` is not `current.version` as it is now: read it again"),
        (put("{}"), "`version` is required: the version that is changed, so that no other one is"),
        (
            json("PUT /v1/pages/7", "{}").header("if-match", "*"),
            "`header.if-match` must name the one version that is changed: one strong entity tag, like `\"v3\"`",
        ),
        (
            json("POST /v1/pages/batch", r#"{"update":[{"id":7}]}"#),
            "`header.if-match` is required, and a row or call of a request has none of its own: send it alone",
        ),
    ] {
        assert_eq!(messages(&judge_in(&set, &request, &note("3"))), [expect]);
    }
}

#[test]
fn slips() {
    let page = r#"{ "permit": [{ "id": "p", "scope": "store:pages.*", "fields": "any" }] }"#;
    let said = |piece: &str, by: &str, page: &str| {
        assert!(WIKI.contains(piece), "{piece}");
        diagnosed(&sources_on(&WIKI.replacen(piece, by, 1), page)).join("\n")
    };
    let append = r#""effect": "safe", "condition": "version""#;
    for (piece, by, expect) in [
        (append, r#""effect": "read", "condition": "version""#, "a read changes nothing"),
        (
            append,
            r#""effect": "safe", "condition": "versoin""#,
            "`versoin` is not a field of this resource: did you mean `version`?",
        ),
        (
            append,
            r#""effect": "safe", "condition": "path.id""#,
            "`path.id` is no condition: it is a header, a query parameter or a field",
        ),
        (
            append,
            r#""effect": "safe", "condition": "header.If-None-Match""#,
            "`header.if-none-match` asks for the reverse, that there is another version: write `header.if-match`",
        ),
        (append, r#""effect": "safe", "condition": "current.version""#, "`current.version` is no condition"),
        (append, r#""effect": "safe", "condition": "/all/*/version""#, "`/all/*/version` is not one place"),
        (
            append,
            r#""effect": "safe", "condition": { "name": "version", "equals": "version" }"#,
            "`version` is not looked up: name what is there now, like `current.version`",
        ),
        (
            append,
            r#""effect": "safe", "condition": { "name": "version", "equals": "current.versoin" }"#,
            "unknown name `current.versoin`: the answer has no such field; did you mean `current.version`?",
        ),
        (append, r#""effect": "safe", "condition": { "equals": "current.version" }"#, "`name`"),
        (
            r#""rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    },
    "pages""#,
            r#""condition": "version", "rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    },
    "pages""#,
            "`notes.update_many` holds operations: give the condition to the actions that they are",
        ),
        (
            r#""endpoints": ["PUT /pages/{id}"], "effect""#,
            r#""effect""#,
            "no request is `pages.update` alone, so none has `header.if-match` of its own",
        ),
    ] {
        let said = said(piece, by, page);
        assert!(said.contains(expect), "{by}: {said}");
    }
    let of_page = |permit: &str| said("wiki-v1", "wiki-v1", &format!(r#"{{ "permit": [{permit}] }}"#));
    for (permit, expect) in [
        (
            r#"{ "id": "p", "scope": "store:notes.append", "fields": { "only": ["text"], "never": ["version"] } }"#,
            "`version` is in `never`, and the catalog requires it",
        ),
        (
            r#"{ "id": "p", "scope": "store:notes.append", "body": { "opaque": true } }"#,
            "an opaque body is not read: the condition of `notes.append` stands in it",
        ),
    ] {
        let said = of_page(permit);
        assert!(said.contains(expect), "{permit}: {said}");
    }
    // Where a person may be asked instead, another permit for the same would let it pass unasked.
    let two = r#"{ "on_unavailable": { "approval": "owner" }, "permit": [
      { "id": "a", "scope": "store:notes.update", "fields": "any" }, { "id": "b", "scope": "store:notes.update", "fields": { "only": ["text"] } } ] }"#;
    assert!(said("wiki-v1", "wiki-v1", two).contains("can match the same operation"));
}

/// A catalog that extends another keeps its conditions.
#[test]
fn an_extension_keeps_conditions() {
    let own = |action: &str| {
        let extension = format!(
            r#"{{ "catalog": "own-v1", "extends": "wiki-v1", "resources": {{ "pages": {{ "actions": {{ "update": {action} }} }} }} }}"#
        );
        let mut all =
            sources_on(&extension, r#"{ "permit": [{ "id": "p", "scope": "store:pages.*", "fields": "any" }] }"#);
        all.push(source(SourceKind::Catalog, WIKI));
        diagnosed(&all).join("\n")
    };
    let endpoints = r#""endpoints": ["PUT /pages/{id}"], "effect": "gate""#;
    assert!(own(&format!("{{ {endpoints} }}")).contains("an extension keeps the `condition` of its base's actions"));
    assert_eq!(own(&format!(r#"{{ {endpoints}, "condition": "header.if-match" }}"#)), "");
}
