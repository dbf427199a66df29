//! What is wrong with a request: how much of it is kept, and that none of it hides the rest.

mod support;

use policy_core::compile::SourceKind;
use support::catalogs::SHOP;
use support::pages::{permits, shop, shop_page, sources};
use support::{Request, check, json, judge, policy, source};

fn put(body: &str) -> Request {
    json("PUT /v3/products/1", body)
}

/// However much of a body is wrong, the reasons are few, and the decision stays.
#[test]
fn findings_are_bounded() {
    let wide = |rules: &str| {
        shop(&format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ "body_kib": 1024 }} }} }}, "permit": [{rules}] }}"#))
    };
    let elements = |element: &str, n: usize| vec![element; n].join(",");
    let most = |outcome: &policy_core::Outcome, decision: &str| {
        assert_eq!(outcome.decision.name(), decision);
        assert_eq!(outcome.reasons.len(), 16);
        assert!(outcome.considered.iter().all(|rule| rule.reasons.len() <= 16), "{}", outcome.considered.len());
    };
    let set = wide(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "tags/*", "in": ["a"] }] }"#,
    );
    most(&judge(&set, &put(&format!("{{\"tags\":[{}]}}", elements("\"c\"", 32_000)))), "deny");
    let soft = wide(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": "any",
             "limits": [{ "field": "tags/*", "in": ["a"], "beyond": { "approval": "manager" } }] }"#,
    );
    most(&judge(&soft, &put(&format!("{{\"tags\":[{}]}}", elements("\"c\"", 32_000)))), "approval_required");
    // What is only held does not hide what is denied behind it.
    let hidden = judge(&soft, &put(&format!("{{\"tags\":[{},null]}}", elements("\"c\"", 32_000))));
    assert_eq!(support::text_of(&hidden), "deny w: value_format /tags/32000");
    let unique = wide(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "tags/*", "unique": true }] }"#,
    );
    let rows: Vec<String> = (1..=1000).map(|id| format!("{{\"id\":{id},\"tags\":[{}]}}", elements("1", 40))).collect();
    let outcome = judge(&unique, &json("POST /v3/products/batch", &format!("{{\"update\":[{}]}}", rows.join(","))));
    assert_eq!(outcome.operations.len(), 1000);
    most(&outcome, "deny");
}

/// A listed field whose elements are all of another type, and a query of unknown names beside many rows.
#[test]
fn findings_of_types_and_of_the_query_are_bounded() {
    let wide = |fields: &str| {
        shop_page(&format!(
            r#"{{ "apis": {{ "shop": {{ "loosen": {{ "body_kib": 256 }} }} }},
                 "permit": [{{ "id": "p", "scope": "shop:products.update", "fields": {fields} }}] }}"#
        ))
    };
    let mut all = sources(&[wide(r#"{ "only": ["marks"] }"#)]);
    let tags = r#""tags": { "at": "/tags" },"#;
    all[1] = source(
        SourceKind::Catalog,
        SHOP.replace(tags, &format!(r#"{tags} "marks": {{ "at": "/tags/*", "type": "decimal" }},"#)),
    );
    let outcome = judge(&policy(&all), &put(&format!("{{\"tags\":[{}]}}", vec!["\"x\""; 8000].join(","))));
    assert_eq!(outcome.decision.name(), "deny");
    assert!(outcome.reasons.len() <= 16, "{}", outcome.reasons.len());
    assert!(outcome.considered.iter().all(|rule| rule.reasons.len() <= 16));
    let set = policy(&sources(&[wide(r#""any""#)]));
    let rows: Vec<String> = (1..=1000).map(|id| format!("{{\"id\":{id}}}")).collect();
    let query: Vec<String> = (0..480).map(|i| format!("a{i}=1")).collect();
    let line = format!("POST /v3/products/batch?{}", query.join("&"));
    let outcome = judge(&set, &json(&line, &format!("{{\"update\":[{}]}}", rows.join(","))));
    assert_eq!(outcome.decision.name(), "deny");
    assert_eq!(outcome.reasons[0].code.text(), "param_shadow");
    assert!(outcome.reasons.len() <= 16, "{}", outcome.reasons.len());
    assert!(outcome.considered.iter().all(|rule| rule.reasons.len() <= 16));
}

/// What an approval could grant does not hide what nothing could.
#[test]
fn an_approval_hides_no_refusal() {
    let set = permits(
        r#"{ "id": "p", "scope": "shop:products.update", "fields": { "only": ["tags/*"] },
             "limits": [{ "field": "tags/*", "unique": true, "beyond": { "approval": "manager" } }] }"#,
    );
    check(&set, &put(r#"{"tags":[1,2]}"#), "allow p");
    check(&set, &put(r#"{"tags":[1,1]}"#), "approval_required p: approval_required /tags/1");
    for n in [2, 9, 40] {
        let tags = vec!["1"; n].join(",");
        check(&set, &put(&format!(r#"{{"tags":[{tags}],"status":"evil"}}"#)), "deny p: field_not_allowed /status");
    }
    let search = permits(
        r#"{ "id": "p", "scope": "shop:products.search", "fields": { "never": ["status"] },
             "limits": [{ "field": "query.n", "max": 1, "beyond": { "approval": "manager" } }] }"#,
    );
    check(&search, &json("POST /v3/products/search?n=5", "{}"), "approval_required p: approval_required");
    check(&search, &json("POST /v3/products/search?n=5", r#"[{"status":1}]"#), "deny p: field_not_allowed");
}
