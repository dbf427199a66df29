//! Forms seen from outside: the tree is judged like a JSON document, and what two readers read in two ways is refused.

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::{Source, SourceKind};
use support::pages::GATEWAY;
use support::{Request, check, check_all, diagnosed, policy, request, source};

/// Payments as Stripe's v1 spells them. Source: docs.stripe.com/api, "Authentication", "Create a refund".
const PAYMENTS: &str = r#"{
  "catalog": "payments-v1",
  "base": "/v1",
  "decoder": "form",
  "vars": { "id": "[A-Za-z0-9_]{1,255}" },
  "guarded": { "headers": ["stripe-account"], "query": ["api_key"] },
  "resources": {
    "refunds": {
      "filters": { "reason": "reason" },
      "fields": {
        "charge": { "at": "/charge", "type": "string" },
        "payment_intent": { "at": "/payment_intent", "type": "string" },
        "amount": { "at": "/amount", "type": "money", "unit": "minor", "currency": "usd", "as": ["number"] },
        "reason": { "at": "/reason", "type": "string" },
        "fee": { "at": "/refund_application_fee", "type": "boolean" },
        "metadata": { "at": "/metadata" },
        "expand": { "at": "/expand" }
      },
      "actions": { "create": { "endpoints": ["POST /refunds"], "effect": "door" } }
    },
    "subscriptions": {
      "key": "path.id",
      "fields": {
        "items": { "at": "/items" },
        "quantity": { "at": "/items/*/quantity", "type": "integer" },
        "price": { "at": "/items/*/price", "type": "string" },
        "level": { "at": "/level", "type": "integer", "as": ["number"] },
        "seats": { "at": "/seats" },
        "rate": { "at": "/rate", "type": "decimal", "decimals": 2 },
        "code": { "at": "/code", "type": "digits" },
        "mail": { "at": "/mail", "type": "email" },
        "active": { "at": "/active", "type": "boolean" }
      },
      "values": { "worth": { "add": [["level", "rate"]] } },
      "actions": {
        "get": { "endpoints": ["GET /subscriptions/{id}"], "effect": "read" },
        "update": { "endpoints": ["POST /subscriptions/{id}"], "effect": "gate" },
        "batch": { "endpoints": ["POST /subscriptions"], "effect": "gate", "rows": { "/update": { "action": "update", "key": "/id" } } }
      }
    }
  }
}"#;

fn sources_of(catalog: &str, api: &str, rules: &str) -> Vec<Source> {
    let page = format!(
        r#"{{ "ambit": "v1", "agent": {{ "name": "agent", "purpose": "a test", "impact": "low" }}, "version": "1",
          "valid": {{ "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" }}, "mode": "enforce",
          "money": {{ "currency": "usd" }}, "approvers": {{ "finance": {{}} }}, "owners": {{ "product": "a team" }},
          "apis": {{ "pay": {{ "catalog": "payments-v1", "hosts": ["shop.example.com"] {api} }} }}, {rules} }}"#
    );
    vec![source(SourceKind::Gateway, GATEWAY), source(SourceKind::Catalog, catalog), source(SourceKind::Template, page)]
}

fn set_of(catalog: &str, rules: &str) -> Arc<PolicySet> {
    policy(&sources_of(catalog, "", rules))
}

fn permit(members: &str) -> Arc<PolicySet> {
    let scope = r#""id": "s", "scope": "pay:subscriptions.update""#;
    set_of(PAYMENTS, &format!(r#""permit": [{{ {scope}, {members} }}]"#))
}

fn form(line: &str, body: impl AsRef<[u8]>) -> Request {
    request(line).header("content-type", "application/x-www-form-urlencoded").body(body)
}

fn refund(body: impl AsRef<[u8]>) -> Request {
    form("POST /v1/refunds", body)
}

fn update(body: impl AsRef<[u8]>) -> Request {
    form("POST /v1/subscriptions/sub_1", body)
}

const REFUNDS: &str = r#""permit": [{
    "id": "r", "scope": "pay:refunds.create",
    "fields": { "only": ["charge", "payment_intent", "amount", "reason", "metadata/*", "expand/*"],
      "require": ["amount"], "exactly_one": [["charge", "payment_intent"]] },
    "limits": [
      { "id": "most", "field": "amount", "over": 0, "max": 500 },
      { "id": "alone", "field": "amount", "max": 100, "beyond": { "approval": "finance" } },
      { "id": "why", "field": "reason", "in": ["duplicate", "requested_by_customer"] },
      { "id": "few", "count": "expand", "max": 2 },
      { "id": "short", "field": "metadata/*", "length": { "max": 8 } }
    ]
  }]"#;

/// What an honest client sends passes, in each spelling of the same tree.
#[test]
fn refunds_inside_the_page() {
    let set = set_of(PAYMENTS, REFUNDS);
    for body in [
        "charge=ch_1&amount=500",
        "amount=10000&payment_intent=pi_1&reason=duplicate",
        "charge=ch_1&amount=500&metadata[order]=7&metadata%5Bby%5D=a+b",
        "charge=ch_1&amount=500&expand[]=charge&expand[]=balance",
        "charge=ch_1&amount=500&expand[0]=charge&expand%5B1%5D=balance",
        "%63harge=ch%5F1&amount=%35%30%30",
    ] {
        check(&set, &refund(body), "allow r");
        check(
            &set,
            &refund(body).set("content-type", Some("application/x-www-form-urlencoded; charset=utf-8")),
            "allow r",
        );
    }
    check(&set, &refund("charge=ch_1&amount=10001"), "approval_required r: approval_required /amount");
    check(&set, &refund("charge=ch_1&amount=50001"), "deny r: envelope_exceeded /amount");
}

/// Ways past a rule that look at a form as text.
#[test]
fn ways_past_the_page() {
    let set = set_of(PAYMENTS, REFUNDS);
    let with = |more: &str| refund(format!("charge=ch_1&amount=100{more}"));
    check_all(
        &set,
        &[
            (with("&amount=99999"), "deny: body_duplicate_key /amount"),
            (with("&%61mount=99999"), "deny: body_duplicate_key /amount"),
            (with("&amount[]=99999"), "deny: body_duplicate_key /amount"),
            (with(";amount=99999"), "deny: value_format"),
            (with("&amount[usd]=99999"), "deny: body_duplicate_key /amount"),
            (with("&refund_application_fee=true"), "deny r: field_not_allowed /refund_application_fee"),
            (with("&payment_intent=pi_1"), "deny r: missing_required"),
            (with("&_method=DELETE"), "deny: method_override"),
            (with("&api_key=sk"), "deny: param_shadow"),
            (with("&metadata=x"), "deny r: field_not_allowed /metadata, param_shadow"),
            (with("&metadata="), "deny r: field_not_allowed /metadata, param_shadow"),
            (with("&metadata[a][b]=x"), "deny r: field_not_allowed /metadata/a, value_format /metadata/a"),
            (with("&metadata[a]=123456789"), "deny r: value_format /metadata/a"),
            (with("&metadata[0]=x"), "allow r"),
            (with("&metadata[1]=x"), "deny: body_unparsable /metadata/1"),
            (with("&expand=a"), "deny r: value_format /expand, field_not_allowed /expand"),
            (with("&expand[]=a&expand[]=b&expand[]=c"), "deny r: batch_limit /expand"),
            (with("&expand[]=a&expand[1]=b"), "deny: body_unparsable /expand"),
            (with("&expand[a"), "deny: body_unparsable"),
            (with("&reason=fraud"), "deny r: value_format /reason"),
            (with("&reason="), "deny r: value_format /reason"),
            (with("&%00=1"), "deny: body_unparsable"),
            (with("&reason=%ff"), "deny: charset"),
            (with("&%E2%80%AEcharge=ch_2"), "deny r: field_not_allowed /\u{fffd}charge"),
            (refund("amount=100"), "deny r: missing_required"),
            (refund("charge=ch_1"), "deny r: missing_required"),
            // An empty value is what Stripe reads as "not set".
            (refund("charge=&amount=100"), "deny r: missing_required"),
            (
                refund("charge=ch_1&amount="),
                "deny r: value_format /amount, missing_required /amount, value_format /amount, value_format /amount",
            ),
            (refund(""), "deny r: missing_required, missing_required, missing_required"),
        ],
    );
    for amount in ["1e3", "５０００", "%EF%BC%95", "+5", "%2B5", "5+", "0x5", "-5", "1,0", "Infinity", "0"] {
        let outcome = support::judge(&set, &refund(format!("charge=ch_1&amount={amount}")));
        assert_eq!(outcome.decision.name(), "deny", "{amount}");
        assert_eq!(outcome.reasons[0].pointer.as_deref(), Some("/amount"), "{amount}");
    }
    // The same parameter from the query.
    check(&set, &form("POST /v1/refunds?amount=99999", "charge=ch_1&amount=100"), "deny r: param_shadow");
}

/// The decoder reads forms alone.
#[test]
fn other_content_types_are_refused() {
    let set = set_of(PAYMENTS, REFUNDS);
    let fair = "charge=ch_1&amount=500";
    for wrong in ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/vnd.api+json"] {
        let json = refund(r#"{"charge":"ch_1","amount":500}"#).set("content-type", Some(wrong));
        for request in [json, refund(fair).set("content-type", Some(wrong))] {
            let outcome = support::judge(&set, &request);
            assert_eq!((outcome.decision.name(), outcome.reasons[0].code.text()), ("deny", "content_type"), "{wrong}");
        }
    }
    let outcome = support::judge(&set, &refund(fair).set("content-type", None));
    assert_eq!(outcome.reasons[0].code.text(), "content_type");
    check(&set, &refund(r#"{"charge":"ch_1","amount":500}"#), "deny: body_unparsable");
    let utf16 = "application/x-www-form-urlencoded; charset=utf-16";
    let outcome = support::judge(&set, &refund(fair).set("content-type", Some(utf16)));
    assert_eq!(outcome.reasons[0].code.text(), "charset");
    check(&set, &request("GET /v1/refunds").body(fair), "deny: endpoint_not_allowed");
}

/// A form has no types: each type of field reads its plain spelling, whatever `as` says.
#[test]
fn every_type_is_read_from_its_spelling() {
    let set = permit(r#""fields": { "only": ["level", "seats", "rate", "code", "mail", "active"] }"#);
    for fair in ["level=5", "rate=19.99", "code=007", "mail=a@example.com", "active=true", "active=false", "seats=x"] {
        check(&set, &update(fair), "allow s");
    }
    for (wrong, at) in [
        ("level=5.5", "/level"),
        ("level=five", "/level"),
        ("level=", "/level"),
        ("level=5e0", "/level"),
        ("rate=19.999", "/rate"),
        ("rate=19,99", "/rate"),
        ("code=-1", "/code"),
        ("mail=a", "/mail"),
        ("active=1", "/active"),
        ("active=TRUE", "/active"),
        ("active=on", "/active"),
        ("active=", "/active"),
    ] {
        check(&set, &update(wrong), &format!("deny s: value_format {at}"));
    }
}

/// Constants of tests keep their types; a text is one of them only in its plain spelling, and is not known to be
/// another value in any other.
#[test]
fn constants_are_compared_by_type() {
    let set = permit(
        r#""fields": "any", "limits": [
            { "id": "a", "field": "active", "in": [true] }, { "id": "b", "field": "level", "not_in": [5] },
            { "id": "c", "field": "seats", "not_in": [3, true] }, { "id": "d", "field": "rate", "format": "decimal" },
            { "id": "e", "field": "code", "equals": "level" }]"#,
    );
    check_all(
        &set,
        &[
            (update("active=true&level=6&rate=1.5&code=6"), "allow s"),
            (update("active=false"), "deny s: value_format /active"),
            (update("level=5"), "deny s: value_format /level"),
            (update("level=5.0"), "deny s: value_format /level"),
            (update("seats=3"), "deny s: value_format /seats"),
            (update("seats=true"), "deny s: value_format /seats"),
            // PHP and Ruby read these as 3 or true.
            (update("seats=3e0"), "deny s: value_format /seats"),
            (update("seats=+3"), "deny s: value_format /seats"),
            (update("seats=TRUE"), "deny s: value_format /seats"),
            (update("seats=3x"), "deny s: value_format /seats"),
            (update("rate=1e5"), "deny s: value_format /rate"),
            (update("level=6&code=7"), "deny s: value_format /code"),
        ],
    );
    let forbid = r#""permit": [{ "id": "s", "scope": "pay:subscriptions.update", "fields": "any" }],
        "forbid": [{ "id": "f", "scope": "pay:subscriptions.update", "when": [{ "field": "seats", "present": true, "in": [true] }] }]"#;
    let set = set_of(PAYMENTS, forbid);
    check_all(
        &set,
        &[
            (update("seats=true"), "deny f: forbidden"),
            (update("seats=1"), "deny f: forbidden"),
            (update("seats=false"), "allow s"),
            (update("level=1"), "allow s"),
        ],
    );
}

/// Elements, sums, counts, uniqueness and products see the tree.
#[test]
fn elements_are_judged() {
    let set = permit(
        r#""fields": { "only": ["price", "quantity", "level", "rate"], "require": ["items/*/price"] },
           "limits": [{ "id": "n", "count": "items", "max": 2 }, { "id": "q", "sum": "quantity", "max": 10 },
             { "id": "each", "field": "quantity", "min": 1 }, { "id": "once", "field": "price", "unique": true },
             { "id": "w", "field": "worth", "max": 100, "when": [{ "field": "level", "present": true }] }]"#,
    );
    let worth = "&level=2&rate=5";
    let items = |text: &str| update(format!("{text}{worth}"));
    check_all(
        &set,
        &[
            (items("items[0][price]=p&items[0][quantity]=4&items[1][price]=q&items[1][quantity]=6"), "allow s"),
            (items("items[][price]=p"), "allow s"),
            (items("items[0][price]=p&items[0][quantity]=11"), "deny s: envelope_exceeded /items/0/quantity"),
            (items("items[0][price]=p&items[0][quantity]=0"), "deny s: envelope_exceeded /items/0/quantity"),
            (items("items[0][price]=p&items[1][price]=p"), "deny s: duplicate_target /items/1/price"),
            (items("items[0][price]=p&items[1][quantity]=1"), "deny s: missing_required /items/1"),
            (items("items[0][price]="), "deny s: missing_required /items/0/price"),
            (items("items[0][price]=p&items[1][price]=q&items[2][price]=r"), "deny s: batch_limit /items"),
            (items("items[0][price]=p&items[0][plan]=x"), "deny s: field_not_allowed /items/0/plan"),
            (items("items[][price]=p&items[][quantity]=1"), "deny: body_unparsable /items/1"),
            (update("items[0][price]=p&level=20&rate=5.01"), "deny s: envelope_exceeded"),
        ],
    );
    // Members are not counted as elements.
    let outcome = support::judge(&set, &items("items[a][price]=p"));
    assert_eq!(support::text_of(&outcome), "deny s: value_format /items");
}

/// A batch in a form is taken apart like one in JSON, its keys in their one spelling.
#[test]
fn rows_of_a_form() {
    let set = permit(r#""fields": { "only": ["level"] }, "limits": [{ "id": "l", "field": "level", "max": 5 }]"#);
    let batch = |body: &str| form("POST /v1/subscriptions", body);
    check_all(
        &set,
        &[
            (batch("update[0][id]=1&update[0][level]=5&update[1][id]=2&update[1][level]=1"), "allow s"),
            (
                batch("update[0][id]=1&update[0][level]=5&update[1][id]=2&update[1][level]=6"),
                "deny s: envelope_exceeded /update/1/level",
            ),
            (batch("update[0][id]=1&update[1][id]=1"), "deny: duplicate_target"),
            (batch("update[0][id]=01"), "deny: value_format /update/0"),
            (batch("update[x][id]=1"), "deny: batch_shape /update"),
            (batch("update[0][id]=1&delete[]=2"), "deny: batch_shape /delete"),
        ],
    );
}

/// PHP reads names in its own way.
#[test]
fn php_names() {
    let catalog = PAYMENTS
        .replacen(r#""decoder": "form","#, r#""decoder": "form", "quirks": { "php_names": true },"#, 1)
        .replacen(r#"["api_key"]"#, r#"["api_key", "rest_route"]"#, 1);
    let set = set_of(&catalog, r#""permit": [{ "id": "s", "scope": "pay:subscriptions.update", "fields": "any" }]"#);
    check(&set, &update("seats=1&meta[a.b]=2"), "allow s");
    for name in
        ["rest_route", "rest.route", "rest+route", "rest_route[]", "+rest_route", "se.ats", "+seats", "meta[+a]"]
    {
        check(&set, &update(format!("seats=1&{name}=x")), "deny: param_shadow");
    }
    for name in ["rest[route", "rest_route[x"] {
        check(&set, &update(format!("seats=1&{name}=x")), "deny: body_unparsable");
    }
}

/// PHP drops the fields behind the thousandth: a body that some readers cut is refused.
#[test]
fn too_many_fields() {
    let set = permit(r#""fields": "any""#);
    let body = |n: usize| {
        (0..n)
            .map(|i| format!("{}=", char::from(b'a' + (i % 26) as u8).to_string() + &"b".repeat(i / 26)))
            .collect::<Vec<_>>()
    };
    let many = body(60).join("&");
    assert!(many.len() < 1024);
    check(&set, &update(&many), "allow s");
    let lists = "l[]=&".repeat(200);
    assert!(lists.len() < 1024);
    check(&set, &update(&lists), "allow s");
    check(&set, &update("l[]=&".repeat(300)), "deny: body_too_large");
    check(&set, &update(format!("a{}=1", "[b]".repeat(40))), "deny: body_unparsable");
}

/// A catalog says one thing of its bodies.
#[test]
fn what_the_decoder_does_not_read_is_a_mistake() {
    let rules = r#""permit": [{ "id": "s", "scope": "pay:subscriptions.get" }]"#;
    let json = PAYMENTS.replacen(r#""decoder": "form","#, r#""decoder": "form", "types": ["application/json"],"#, 1);
    let found = diagnosed(&sources_of(&json, "", rules));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("the decoder `form` reads `application/x-www-form-urlencoded` alone"), "{found:?}");
    let loosened = r#", "loosen": { "json_types": ["application/vnd.api+json"] }"#;
    let found = diagnosed(&sources_of(PAYMENTS, loosened, rules));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("so no type can be added to it"), "{found:?}");
}
