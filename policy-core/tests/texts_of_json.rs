//! A1: servers of tools parse a text as JSON where their schema asks for no text. Names on the way are no text then; a rule
//! about any depth (`**`) cannot say what is in such a text, and does not hold.

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use support::catalogs::MCP;
use support::pages::{permits, tools, tools_sources};
use support::{Request, check, check_all, json, judge, policy, source};

use policy_core::compile::SourceKind;

fn order(arguments: &str) -> Request {
    rpc("tools/call", &format!(r#"{{"name":"order","arguments":{arguments}}}"#))
}

fn rpc(method: &str, params: &str) -> Request {
    json("POST /mcp", &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
}

/// A page with this permit for the tool, and what else it says.
fn page(permit: &str, rest: &str) -> Arc<PolicySet> {
    tools(&format!(
        r#"{{ "permit": [{{ "id": "order", "tool": "srv:order", {permit} }},
             {{ "id": "list", "rpc": "srv:tools/list", "fields": "any", "limits": [{{ "field": "/**/price", "max": 10 }}] }}]{rest} }}"#
    ))
}

const HIDDEN: &str = r#"{"x":" {\"price\":500}\n"}"#;

/// A limit on values at any depth denies; the reason says what to send instead of what.
#[test]
fn limits_deny() {
    let set = page(r#""fields": "any", "limits": [{ "id": "deep", "field": "/**/price", "max": 10 }]"#, "");
    check_all(
        &set,
        &[
            (order(r#"{"x":{"price":5}}"#), "allow order"),
            (order(r#"{"x":{"price":500}}"#), "deny order: envelope_exceeded /params/arguments/x/price"),
            (order(HIDDEN), "deny order: param_shadow"),
            (order(r#"{"x":[{"y":"[{\"price\":500}]"}],"price":5}"#), "deny order: param_shadow"),
            // What lenient parsers take, and what says nothing of a price.
            (order(r#"{"x":"{\"price\":500,\"z\":NaN,\"price\":5}"}"#), "deny order: param_shadow"),
            (order(r#"{"x":"{}"}"#), "deny order: param_shadow"),
            // Texts that nobody takes for an object or array.
            (order(r#"{"x":"price: {500}","y":"[done] {x}","z":"{","price":5}"#), "allow order"),
            (order(r#"{"x":"500","y":"\"{}\"","z":"null"}"#), "allow order"),
            // Any other method of JSON-RPC alike.
            (rpc("tools/list", r#"{"x":"{\"price\":5}"}"#), "deny list: param_shadow"),
            (rpc("tools/list", r#"{"x":"y"}"#), "allow list"),
        ],
    );
    assert_eq!(
        judge(&set, &order(HIDDEN)).reasons[0].message,
        "`/**/price`: a text on the way to it is JSON, in which a server may find more (limit `deep`)"
    );
}

/// Counts and sums over any depth are not known; a place that does not reach the text is.
#[test]
fn what_is_measured() {
    for limit in [
        r#"{ "sum": "/**/price", "max": 10 }"#,
        r#"{ "count": "/**/lines", "max": 10 }"#,
        r#"{ "field": "/**", "not_in": ["x"] }"#,
        r#"{ "field": "/x/**/price", "max": 10 }"#,
        r#"{ "field": "/*/**/price", "max": 10 }"#,
        r#"{ "field": "/y", "max": 10, "when": [{ "field": "/**/z", "in": ["x"] }] }"#,
    ] {
        let set = page(&format!(r#""fields": "any", "limits": [{limit}]"#), "");
        let outcome = judge(&set, &order(HIDDEN));
        assert_eq!(outcome.decision.name(), "deny", "{limit}: {:?}", outcome.reasons);
    }
    for limit in [
        r#"{ "field": "/y/**/price", "max": 10 }"#,
        r#"{ "field": "/x/price", "max": 10, "when": [{ "field": "/y", "present": true }] }"#,
        r#"{ "field": "/x", "length": { "max": 50 } }"#,
    ] {
        let set = page(&format!(r#""fields": "any", "limits": [{limit}]"#), "");
        check(&set, &order(HIDDEN), "allow order");
    }
}

/// A forbid's `when` counts what it cannot know as a match.
#[test]
fn forbids_apply() {
    let forbid = |when: &str| {
        page(r#""fields": "any""#, &format!(r#", "forbid": [{{ "id": "no", "tool": "srv:order", "when": [{when}] }}]"#))
    };
    for when in
        [r#"{ "field": "/**/price", "present": true }"#, r#"{ "field": "/**/price", "present": true, "over": 9 }"#]
    {
        let set = forbid(when);
        check(&set, &order(HIDDEN), "deny no: forbidden");
        check(&set, &order(r#"{"x":{"price":500}}"#), "deny no: forbidden");
        check(&set, &order(r#"{"x":"{price}"}"#), "allow order");
    }
}

/// Presence at any depth: `never`, groups, `require`, and what the catalog says of a field.
#[test]
fn presence_is_not_known() {
    let fields = |rules: &str| page(&format!(r#""fields": {{ "only": ["/**"], {rules} }}"#), "");
    let never = fields(r#""never": ["/**/price"]"#);
    check(&never, &order(HIDDEN), "deny order: field_not_allowed");
    check(&never, &order(r#"{"x":"y"}"#), "allow order");
    let one = fields(r#""exactly_one": [["/**/price", "/y"]]"#);
    check(&one, &order(r#"{"x":"{\"price\":500}","y":1}"#), "deny order: missing_required");
    check(&one, &order(r#"{"x":"price","y":1}"#), "allow order");
    let any = fields(r#""at_least_one": [["/**/price", "/y"]]"#);
    check(&any, &order(HIDDEN), "deny order: missing_required");
    check(&any, &order(r#"{"x":"{\"price\":500}","y":1}"#), "allow order");
    let required = fields(r#""require": ["/**/price"]"#);
    check(&required, &order(HIDDEN), "deny order: missing_required");
    check(&required, &order(r#"{"x":{"y":[{"price":5}]},"z":"{}"}"#), "allow order");
    check(&required, &order(r#"{"x":{"price":null}}"#), "deny order: missing_required");

    let catalog = MCP.replacen(
        r#""actions": {
        "get""#,
        r#""actions": {
        "order": { "tool": "order", "effect": "door" },
        "get""#,
        1,
    );
    let catalog = catalog.replacen(r#"{ "at": "/price", "type""#, r#"{ "at": "/**/price", "type""#, 1);
    let rules = r#"{ "permit": [{ "id": "order", "tool": "srv:order", "fields": { "only": ["price", "/x"] } }] }"#;
    let mut sources = tools_sources(rules);
    sources[1] = source(SourceKind::Catalog, catalog);
    let typed = policy(&sources);
    check(&typed, &order(r#"{"x":"y","price":5}"#), "allow order");
    check(&typed, &order(r#"{"x":"{}","price":"a lot"}"#), "deny order: field_not_allowed");
}

/// Elsewhere a text is a text: bodies of REST have the types that they have.
#[test]
fn other_bodies_are_what_they_say() {
    let set = permits(
        r#"{ "id": "update", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "/**/price", "max": 10 }] }"#,
    );
    check(&set, &json("PUT /v3/products/7", r#"{"name":"{\"price\":500}"}"#), "allow update");
}
