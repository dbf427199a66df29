//! Canaries: a permit is tried on a part of the resources, the same part for as long as its percentage stands (C2).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use policy_core::decision::Code;
use policy_core::{Decision, PolicySet};
use support::present::{STORE, World, check_in, judge_in, messages, sources_on, store, store_permits};
use support::{Request, diagnosed, json, policy, request, text_of};

const LIMITS: &str = r#""fields": { "only": ["price"] }, "limits": [{ "field": "price", "max": 10 }]"#;

fn tried(percent: &str, outside: &str) -> Arc<PolicySet> {
    store_permits(&format!(
        r#"{{ "id": "try", "scope": "store:products.update", {LIMITS}, "canary": {{ "percent": "{percent}", "by": "resource"{outside} }} }}"#
    ))
}

fn put(id: u32, price: u32) -> Request {
    json(&format!("PUT /v1/products/{id}"), &format!(r#"{{"price":{price}}}"#))
}

fn inside(set: &Arc<PolicySet>, ids: impl Iterator<Item = u32>) -> BTreeSet<u32> {
    let world = World::default();
    ids.filter(|id| {
        let outcome = judge_in(set, &put(*id, 5), &world);
        let text = text_of(&outcome);
        assert!(text == "allow try" || text == "deny try: outside_canary", "{text}");
        outcome.decision == Decision::Allow
    })
    .collect()
}

/// Which of the first hundred products are inside at 20 %.
static TWENTY: LazyLock<(Vec<u32>, Vec<u32>)> = LazyLock::new(|| {
    let inside = inside(&tried("20", ""), 1..=100);
    (1..=100).partition(|id| inside.contains(id))
});

/// Raising the percentage takes no resource out; at 100 all are in, at 0 none.
#[test]
fn a_raised_percentage_takes_nothing_out() {
    let ids = 1..=1500;
    let mut before = BTreeSet::new();
    for (percent, least, most) in [
        ("0.01", 0, 5),
        ("1", 2, 35),
        ("1.00", 2, 35),
        ("5", 40, 115),
        ("20", 230, 370),
        ("50", 650, 850),
        ("99.99", 1490, 1500),
        ("100", 1500, 1500),
    ] {
        let now = inside(&tried(percent, ""), ids.clone());
        assert!(before.is_subset(&now), "{percent} %: {:?}", before.difference(&now));
        assert!((least..=most).contains(&now.len()), "{percent} %: {}", now.len());
        before = now;
    }
    assert_eq!(inside(&store_permits(r#"{ "id": "try", "scope": "store:products.update", "fields": "any", "canary": { "percent": 0, "by": "resource" } }"#), 1..=200).len(), 0);
}

/// The same resources are inside by every door, under another rule, version or page around it.
#[test]
fn a_resource_stays_inside() {
    let expect: BTreeSet<u32> = TWENTY.0.iter().copied().collect();
    assert!(!expect.is_empty() && expect.len() < 100);
    let other = store(
        r#"{ "version": "other", "forbid": [{ "id": "no-deletes", "scope": "store:products.delete" }],
             "permit": [{ "id": "look", "scope": "store:products.get" },
               { "id": "try", "scope": ["store:products.update", "store:products.delete"], "fields": "any", "canary": { "percent": 20, "by": "resource", "outside": "deny" } }] }"#,
    );
    assert_eq!(inside(&other, 1..=100), expect);
    let by_endpoint = store_permits(
        r#"{ "id": "try", "endpoint": "store:PUT /products/{x}", "fields": "any", "canary": { "percent": "20.00", "by": "resource" } }"#,
    );
    assert_eq!(inside(&by_endpoint, 1..=100), expect);
    // A row of a batch is the product itself, however its id is spelled.
    let set = tried("20", "");
    for (id, is_inside) in (1..=100).map(|id| (id, expect.contains(&id))) {
        for id in [format!("{id}"), format!("\"{id}\"")] {
            let batch = json("POST /v1/products/batch", &format!(r#"{{"update":[{{"id":{id},"price":5}}]}}"#));
            let expect = if is_inside { "allow try" } else { "deny try: outside_canary" };
            check_in(&set, &World::default(), &batch, expect);
        }
    }
    // One row outside refuses the request.
    let (ins, outs) = &*TWENTY;
    let batch = format!(r#"{{"update":[{{"id":{},"price":5}},{{"id":{},"price":5}}]}}"#, ins[0], outs[0]);
    check_in(&set, &World::default(), &json("POST /v1/products/batch", &batch), "deny try: outside_canary");
    // The part differs from agent to agent.
    let agent = r#""agent": { "name": "second", "purpose": "to try", "impact": "low" },"#;
    let second = store(&format!(
        r#"{{ {agent} "permit": [{{ "id": "try", "scope": "store:products.update", "fields": "any", "canary": {{ "percent": 20, "by": "resource" }} }}] }}"#
    ));
    let of_second = (1..=100).filter(|id| {
        judge_in(&second, &put(*id, 5).set("x-agent", Some("second")), &World::default()).decision == Decision::Allow
    });
    assert_ne!(of_second.collect::<BTreeSet<u32>>(), expect);
}

/// A1: an agent is told what is the matter, and nothing else is judged.
#[test]
fn outside_is_denied_and_says_so() {
    let (ins, outs) = &*TWENTY;
    let set = tried("20", r#", "outside": "deny""#);
    let outcome = judge_in(&set, &put(outs[0], 50), &World::default());
    assert_eq!(text_of(&outcome), "deny try: outside_canary");
    assert_eq!(
        messages(&outcome),
        [format!(
            "the rule `try` is tried on 20 % of the resources, and `{}` is not one of them: leave it as it is",
            outs[0]
        )]
    );
    check_in(&set, &World::default(), &put(ins[0], 50), "deny try: envelope_exceeded /price");
    // Nothing is looked up for what is outside.
    let change = store_permits(
        r#"{ "id": "try", "scope": "store:products.update", "fields": "any", "limits": [{ "field": "price", "change": { "percent": 5 } }],
             "canary": { "percent": 20, "by": "resource" } }"#,
    );
    let world = World::default();
    check_in(&change, &world, &put(outs[0], 5), "deny try: outside_canary");
    assert!(world.asked().is_empty());
    check_in(&change, &world, &put(ins[0], 5), "deny try: unknown_state /price");
    assert_eq!(world.asked(), [format!("/v1/products/{}", ins[0])]);
}

/// The wide limits are tried on a part; the narrow ones stand for all.
#[test]
fn another_permit_may_hold_for_the_rest() {
    let (ins, outs) = &*TWENTY;
    let set = store_permits(&format!(
        r#"{{ "id": "try", "scope": "store:products.update", "fields": "any", "limits": [{{ "field": "price", "max": 100 }}], "canary": {{ "percent": 20, "by": "resource" }} }},
           {{ "id": "all", "scope": "store:products.update", {LIMITS} }}"#
    ));
    for (id, price, expect) in [
        (ins[0], 50, "allow try"),
        (ins[0], 5, "allow try"),
        (outs[0], 5, "allow all"),
        (outs[0], 50, "deny try: outside_canary"),
        (ins[0], 101, "deny try: envelope_exceeded /price"),
    ] {
        check_in(&set, &World::default(), &put(id, price), expect);
    }
}

const SHADOW: &str = r#", "outside": "shadow""#;

/// Outside, what the permit would refuse is recorded as refused, and goes upstream; what it would allow is allowed.
#[test]
fn outside_in_shadow_is_recorded_and_forwarded() {
    let (ins, outs) = &*TWENTY;
    let set = tried("20", SHADOW);
    for (id, price, expect, forward, shadow) in [
        (ins[0], 5, "allow try", true, false),
        (ins[0], 50, "deny try: envelope_exceeded /price", false, false),
        (outs[0], 5, "allow try", true, false),
        (outs[0], 50, "deny try: envelope_exceeded /price", true, true),
    ] {
        let outcome = judge_in(&set, &put(id, price), &World::default());
        assert_eq!((text_of(&outcome).as_str(), outcome.forward, outcome.shadow), (expect, forward, shadow), "{id}");
        let record: serde_json::Value = serde_json::from_slice(&outcome.decision_json(&set)).unwrap();
        assert_eq!(record["forwarded"], forward);
        assert_eq!(record.get("shadow").is_some(), shadow);
        assert_eq!(outcome.considered.iter().any(|c| c.shadow), shadow);
    }
    // An approval that would be needed is recorded, too.
    let held = store(&format!(
        r#"{{ "permit": [{{ "id": "try", "scope": "store:products.update", {LIMITS}, "approval": "manager", "canary": {{ "percent": 20, "by": "resource"{SHADOW} }} }}] }}"#
    ));
    let outcome = judge_in(&held, &put(outs[0], 5), &World::default());
    assert_eq!((outcome.decision, outcome.forward), (Decision::ApprovalRequired, true));
    assert!(!judge_in(&held, &put(ins[0], 5), &World::default()).forward);
}

/// An agent chooses how it spells a key, and whether a call has one. Where it is not known which resource is meant, the
/// stricter side counts, at every percentage.
#[test]
fn a_resource_that_is_not_known() {
    let texts = STORE.replacen(r#""vars": {"#, r#""vars": { "id": "text","#, 1);
    let set = |percent: &str, outside: &str| {
        policy(&sources_on(
            &texts,
            &format!(
                r#"{{ "permit": [{{ "id": "try", "scope": "store:products.update", {LIMITS}, "canary": {{ "percent": "{percent}", "by": "resource"{outside} }} }}] }}"#
            ),
        ))
    };
    let put = |id: &str| json(&format!("PUT /v1/products/{id}"), r#"{"price":50}"#);
    for percent in ["0", "1.38", "100"] {
        let (deny, shadow) = (set(percent, ""), set(percent, SHADOW));
        for id in ["42%20", "+42", "%2B42", "42.0", "%C3%A4", "%C3%84", "a:b"] {
            check_in(&deny, &World::default(), &put(id), "deny try: outside_canary");
            let outcome = judge_in(&shadow, &put(id), &World::default());
            assert_eq!(
                (text_of(&outcome).as_str(), outcome.forward),
                ("deny try: envelope_exceeded /price", false),
                "{id}"
            );
        }
    }
    for id in ["42", "ABC-1", "abc_1"] {
        check_in(&set("100", ""), &World::default(), &put(id), "deny try: envelope_exceeded /price");
        assert!(judge_in(&set("0", SHADOW), &put(id), &World::default()).forward, "{id}");
    }
    let told = judge_in(&set("5", ""), &put("42.0"), &World::default());
    assert_eq!(
        messages(&told),
        [
            "the rule `try` is tried on 5 % of the resources, and `42.0` may be read as another key: which resource it is is not known; write it in ASCII letters, digits, `_` and `-`"
        ]
    );
}

/// A call says its key in its arguments, or nowhere.
#[test]
fn a_call_that_leaves_out_its_key() {
    let tools = r#"{
      "catalog": "tools-v1", "decoder": "jsonrpc",
      "resources": { "protocol": { "actions": { "post": { "endpoints": ["POST /mcp"], "effect": "door" } } },
       "products": { "key": "id",
        "fields": { "id": { "at": "/id", "type": "string" }, "price": { "at": "/price", "type": "integer" } },
        "actions": { "update": { "tool": "set_price", "effect": "gate" } } } } }"#;
    let set = |percent: u32, outside: &str| {
        policy(&sources_on(
            tools,
            &format!(
                r#"{{ "permit": [{{ "id": "try", "scope": "store:products.update", "fields": {{ "only": ["id", "price"] }}, "limits": [{{ "field": "price", "max": 10 }}],
                     "canary": {{ "percent": {percent}, "by": "resource"{outside} }} }}] }}"#
            ),
        ))
    };
    let call = |arguments: &str| {
        json(
            "POST /mcp",
            &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"set_price"{arguments}}}}}"#),
        )
    };
    for percent in [0, 100] {
        for arguments in [r#","arguments":{"ID":"42","price":50}"#, r#","arguments":{"price":50}"#] {
            let outcome = judge_in(&set(percent, SHADOW), &call(arguments), &World::default());
            assert_eq!((outcome.decision, outcome.forward), (Decision::Deny, false), "{arguments}: {outcome:?}");
            let denied = judge_in(&set(percent, ""), &call(arguments), &World::default());
            assert_eq!(text_of(&denied), "deny try: outside_canary", "{arguments}");
        }
    }
    let known = judge_in(&set(0, SHADOW), &call(r#","arguments":{"id":"42","price":50}"#), &World::default());
    assert_eq!((known.decision, known.forward), (Decision::Deny, true), "{known:?}");
}

/// What other rules and the way of reading refuse is refused as everywhere.
#[test]
fn shadow_outside_loosens_nothing_else() {
    let outs = &TWENTY.1;
    let set = store(&format!(
        r#"{{ "permit": [{{ "id": "try", "scope": "store:products.update", {LIMITS}, "canary": {{ "percent": 20, "by": "resource"{SHADOW} }} }}],
              "forbid": [{{ "id": "no-free", "scope": "store:products.update", "when": [{{ "field": "price", "present": true, "max": 0 }}] }}] }}"#
    ));
    let target = format!("PUT /v1/products/{}", outs[0]);
    let secret = format!("sk_live_{}", "4eC39HqLyjWDarjtT1zdp7dc");
    for (request, expect) in [
        (put(outs[0], 0), "deny no-free: forbidden".to_string()),
        (json(&target, r#"{"price":1,"price":2}"#), "deny: body_duplicate_key".into()),
        (json(&target, &format!(r#"{{"price":50,"note":"{secret}"}}"#)), "deny: secret_found /note".into()),
        (json(&target, &format!(r#"{{"price":"{secret}"}}"#)), "deny no-free: forbidden, secret_found /price".into()),
        (json("POST /v1/products", r#"{"price":5}"#), "deny: endpoint_not_allowed".into()),
    ] {
        let outcome = judge_in(&set, &request, &World::default());
        assert_eq!(text_of(&outcome), expect);
        assert!(!outcome.forward && !outcome.shadow, "{request:?}");
    }
}

/// Who a request speaks for is not the permit's to let pass.
#[test]
fn shadow_outside_keeps_guards_and_limits_of_the_api() {
    let outs = &TWENTY.1;
    let guarded = STORE.replacen(
        r#""base": "/v1","#,
        r#""base": "/v1", "guarded": { "headers": ["x-tenant"], "query": ["api_key"] },"#,
        1,
    );
    let page = format!(
        r#"{{ "apis": {{ "store": {{ "limits": [{{ "field": "header.x-shop", "in": ["north"] }}, {{ "field": "path.id", "max": {} }}] }} }},
              "permit": [{{ "id": "try", "scope": "store:products.update", {LIMITS}, "canary": {{ "percent": 20, "by": "resource"{SHADOW} }} }}] }}"#,
        outs[1]
    );
    let set = policy(&sources_on(&guarded, &page));
    for (request, forward) in [
        (put(outs[0], 50), true),
        (put(outs[0], 50).header("x-shop", "north"), true),
        (put(outs[0], 50).header("x-shop", "south"), false),
        (put(outs[0], 50).header("x-tenant", "7"), false),
        (put(outs[2], 50), false),
        (json(&format!("PUT /v1/products/{}?api_key=7", outs[0]), r#"{"price":50}"#), false),
        (json(&format!("PUT /v1/products/{}?force=1", outs[0]), r#"{"price":50}"#), false),
    ] {
        let outcome = judge_in(&set, &request, &World::default());
        assert_eq!((outcome.decision, outcome.forward), (Decision::Deny, forward), "{request:?}: {outcome:?}");
    }
}

/// In a batch the rows inside decide; those outside are recorded where nothing else is refused.
#[test]
fn rows_inside_and_outside() {
    let (ins, outs) = &*TWENTY;
    let set = tried("20", SHADOW);
    let batch = |rows: &[(u32, u32)]| {
        let rows: Vec<String> = rows.iter().map(|(id, price)| format!(r#"{{"id":{id},"price":{price}}}"#)).collect();
        json("POST /v1/products/batch", &format!(r#"{{"update":[{}]}}"#, rows.join(",")))
    };
    for (rows, expect, forward) in [
        (vec![(ins[0], 5), (outs[0], 5)], "allow try", true),
        (vec![(ins[0], 5), (outs[0], 50)], "deny try: envelope_exceeded /update/1/price", true),
        (vec![(outs[0], 50), (outs[1], 5)], "deny try: envelope_exceeded /update/0/price", true),
        (vec![(outs[0], 50), (ins[0], 50)], "deny try: envelope_exceeded /update/1/price", false),
        (vec![(ins[0], 50), (outs[0], 50)], "deny try: envelope_exceeded /update/0/price", false),
    ] {
        let outcome = judge_in(&set, &batch(&rows), &World::default());
        assert_eq!((text_of(&outcome).as_str(), outcome.forward), (expect, forward), "{rows:?}");
        assert_eq!(outcome.shadow, forward && outcome.decision != Decision::Allow);
    }
}

/// Outside in shadow nothing is looked up, but to know whether the permit is about the resource at all.
#[test]
fn shadow_outside_looks_nothing_up() {
    let (ins, outs) = &*TWENTY;
    let limits = r#""fields": "any", "limits": [{ "field": "price", "max": 100 }, { "field": "price", "change": { "percent": 5 } }]"#;
    let canary = format!(r#""canary": {{ "percent": 20, "by": "resource"{SHADOW} }}"#);
    let set = store_permits(&format!(r#"{{ "id": "try", "scope": "store:products.update", {limits}, {canary} }}"#));
    let at = |id: u32| format!("/v1/products/{id}");
    let product = |id: u32, price: &str| format!(r#"{{"id":{id},"price":"{price}","categories":[{{"slug":"toys"}}]}}"#);
    let world = |id: u32| World::of(&[(&at(id), &product(id, "10"))]);

    let outside = world(outs[0]);
    let outcome = judge_in(&set, &put(outs[0], 50), &outside);
    assert!(outside.asked().is_empty());
    assert_eq!((text_of(&outcome).as_str(), outcome.forward), ("deny try: unknown_state", true));
    assert_eq!(outcome.undecidable.as_deref(), Some("current value not looked up: the resource is outside the canary"));
    // Refused whatever is now: that is known.
    let outcome = judge_in(&set, &put(outs[0], 500), &outside);
    assert_eq!((outcome.reasons[0].code, outcome.undecidable.as_deref()), (Code::EnvelopeExceeded, None));
    // Inside it is looked up, beside a row that is not.
    check_in(&set, &world(ins[0]), &put(ins[0], 50), "deny try: envelope_exceeded /price");
    let both = format!(r#"{{"update":[{{"id":{},"price":50}},{{"id":{},"price":500}}]}}"#, ins[0], outs[0]);
    let mixed = world(ins[0]);
    let outcome = judge_in(&set, &json("POST /v1/products/batch", &both), &mixed);
    assert_eq!(mixed.asked(), [at(ins[0])]);
    assert_eq!((text_of(&outcome).as_str(), outcome.forward), ("deny try: envelope_exceeded /update/0/price", false));

    let filtered = store_permits(&format!(
        r#"{{ "id": "try", "scope": "store:products.update[category=toys]", {LIMITS}, {canary} }}"#
    ));
    for (world, expect, forward) in [
        (world(outs[0]), "deny try: envelope_exceeded /price", true),
        (World::of(&[(&at(outs[0]), &product(outs[0], "1").replace("toys", "books"))]), "deny: scope_filter", false),
        (World::default(), "deny: unknown_state", false),
    ] {
        let outcome = judge_in(&filtered, &put(outs[0], 50), &world);
        assert_eq!((text_of(&outcome).as_str(), outcome.forward), (expect, forward));
        assert_eq!(world.asked(), [at(outs[0])]);
    }
}

/// Only a part that is refused for real refuses a batch of requests.
#[test]
fn parts_of_a_batch_of_requests() {
    let mail = r#"{ "catalog": "mail-v1", "base": "/mail/v1", "vars": { "id": "token" }, "resources": {
      "messages": { "key": "path.id", "fields": { "add": { "at": "/add" } },
        "actions": { "modify": { "endpoints": ["POST /messages/{id}/modify"], "effect": "gate" } } },
      "batch": { "actions": { "call": { "endpoints": ["POST //batch"], "effect": "door", "decoder": "google_batch" } } } } }"#;
    let permit = r#"{ "id": "try", "scope": "store:messages.modify", "fields": { "only": ["add"] }, "limits": [{ "field": "add", "in": ["READ"] }], "canary": { "percent": 50, "by": "resource", "outside": "shadow" } }"#;
    let page =
        format!(r#"{{ "apis": {{ "store": {{ "loosen": {{ "google_batch": "each" }} }} }}, "permit": [{permit}] }}"#);
    let set = policy(&sources_on(mail, &page));
    let part = |id: &str, label: &str| {
        let body = format!(r#"{{"add":"{label}"}}"#);
        format!(
            "--b\r\nContent-Type: application/http\r\n\r\nPOST /mail/v1/messages/{id}/modify HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}\r\n",
            body.len()
        )
    };
    let judged = |parts: &[String]| {
        let body = format!("{}--b--\r\n", parts.concat());
        let batch = request("POST /batch").header("content-type", "multipart/mixed; boundary=b").body(body);
        support::judge(&set, &batch)
    };
    let alone = |id: u32| judged(&[part(&format!("m{id}"), "SPAM")]).forward;
    let (out, into): (Vec<u32>, Vec<u32>) = (0..40).partition(|id| alone(*id));
    assert!(out.len() > 5 && into.len() > 5, "{out:?}");
    let [first, second] = [out[0], into[0]].map(|id| format!("m{id}"));
    for (labels, decision, forward) in [
        (("READ", "READ"), Decision::Allow, true),
        (("SPAM", "READ"), Decision::Deny, true),
        (("READ", "SPAM"), Decision::Deny, false),
        (("SPAM", "SPAM"), Decision::Deny, false),
    ] {
        let outcome = judged(&[part(&first, labels.0), part(&second, labels.1)]);
        assert_eq!((outcome.decision, outcome.forward), (decision, forward), "{labels:?}");
        assert_eq!(outcome.shadow, forward && decision == Decision::Deny);
        assert!(outcome.reasons.iter().all(|reason| forward || reason.message.starts_with("part 2 ")));
    }
}

#[test]
fn slips() {
    let said = |permit: &str| {
        let page = format!(r#"{{ "permit": [{permit}] }}"#);
        diagnosed(&sources_on(STORE, &page)).join("\n")
    };
    let with = |scope: &str, canary: &str| {
        said(&format!(r#"{{ "id": "try", {scope}, "fields": "any", "canary": {{ {canary} }} }}"#))
    };
    let update = r#""scope": "store:products.update""#;
    for (canary, expect) in [
        (r#""percent": 101, "by": "resource""#, "the percentage of a canary is 0 to 100, in hundredths"),
        (r#""percent": "-1", "by": "resource""#, "the percentage of a canary is 0 to 100"),
        (r#""percent": "0.005", "by": "resource""#, "in hundredths | write 5 or \"0.25\""),
        (r#""percent": "5%", "by": "resource""#, "`5%` is not a number | write the number alone: 5"),
        (r#""percent": 0, "by": "resource""#, "a canary of 0 % has no resource inside"),
        (r#""percent": 0, "by": "session""#, "a canary of 0 % has no session inside"),
        (
            r#""percent": 5, "by": "resource", "outside": "shadow""#,
            "outside its canary `try` refuses nothing: what it would refuse goes upstream",
        ),
        (r#""percent": 5"#, "`by`"),
    ] {
        let said = with(update, canary);
        assert!(said.contains(expect), "{canary}: {said}");
    }
    let five = r#""percent": 5, "by": "resource""#;
    assert_eq!(with(update, five), "");
    for (scope, expect) in [
        (r#""scope": "store:products.create""#, "no request of `products.create` says which resource it is about"),
        (r#""scope": "store:products.read""#, "no request of `products.list` says which resource it is about"),
        (r#""scope": "store:refunds.create""#, "no request of `refunds.create` says which resource it is about"),
        (r#""endpoint": "store:POST /products""#, "no request of `products.create` says"),
        (r#""endpoint": "store:PUT /elsewhere/{id}""#, "no catalog lists this target"),
    ] {
        let said = with(scope, five);
        assert!(said.contains(expect), "{scope}: {said}");
    }
    for scope in [
        r#""scope": ["store:products.get", "store:products.delete", "store:variations.*"]"#,
        r#""endpoint": "store:PUT|DELETE /products/{id}""#,
    ] {
        let said = with(scope, five);
        assert!(!said.contains("canary"), "{scope}: {said}");
    }
}
