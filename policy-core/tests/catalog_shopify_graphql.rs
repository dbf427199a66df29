//! The catalog of Shopify's Admin API by its other door: each root field of GraphQL that it lists is one action, and
//! where that action has endpoints too, rules mean the same by both (A1, A3).
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;
use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::SourceKind;
use serde_json::{Value, json as value};
use support::pages::{GATEWAY, shop_page};
use support::{Request, check, check_all, json, judge, policy, source, text_of};

const BASE: &str = "/admin/api/2026-07";

fn catalog() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/catalogs/shopify-admin-2026-07.json");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn page(members: &str) -> Arc<PolicySet> {
    let page = shop_page(members).replace(r#""catalog":"shop-v3""#, r#""catalog":"shopify-admin-2026-07""#);
    policy(&[
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, catalog()),
        source(SourceKind::Template, page),
    ])
}

fn post(query: &str, variables: &Value) -> Request {
    json(&format!("POST {BASE}/graphql.json"), &value!({ "query": query, "variables": variables }).to_string())
}

fn document(query: &str) -> Request {
    post(query, &Value::Null)
}

/// Each root field is the action that lists it, with its effect; a mutation over a list is the action of its rows.
#[test]
fn every_root_field_is_its_action() {
    let set = page(r#"{ "permit": [{ "id": "all", "scope": "shop:*.*", "fields": "any" }] }"#);
    let catalog: Value = serde_json::from_str(&catalog()).unwrap();
    let mut seen = (0, 0);
    for (resource, entry) in catalog["resources"].as_object().unwrap() {
        for (name, action) in entry["actions"].as_object().unwrap() {
            for call in action["graphql"].as_array().into_iter().flatten() {
                let call = call.as_str().unwrap();
                let (kind, field) = call.split_once(' ').unwrap();
                let (mut arguments, mut acting) = (String::new(), name.as_str());
                if let Some((list, row)) = action["rows"].as_object().and_then(|rows| rows.iter().next()) {
                    let element = if row["key"] == "" { "\"7\"" } else { "{id:\"7\"}" };
                    arguments = format!("({}:[{element}])", list.trim_start_matches('/'));
                    acting = row["action"].as_str().unwrap();
                }
                let outcome = judge(&set, &document(&format!("{kind}{{{field}{arguments}{{id}}}}")));
                assert_eq!(text_of(&outcome), "allow all", "{call}: {:?}", outcome.reasons);
                let operation = &outcome.operations[0];
                assert_eq!(operation.action.as_deref(), Some(format!("shop:{resource}.{acting}").as_str()), "{call}");
                assert_eq!(operation.effect, entry["actions"][acting]["effect"].as_str(), "{call}");
                assert_eq!(outcome.operations.len(), 1, "{call}");
                seen.0 += usize::from(kind == "query");
                seen.1 += usize::from(kind == "mutation");
            }
        }
    }
    assert!(seen >= (190, 400), "{seen:?}");
}

/// A1: queries read, and so do two mutations that only compute; every other mutation writes.
#[test]
fn a1_reads_alone() {
    let set = page(r#"{ "permit": [{ "id": "look", "scope": "shop:*.read" }] }"#);
    check_all(
        &set,
        &[
            (document("{products(first:10){nodes{id}} shop{name}}"), "allow look"),
            (document("{node(id:\"gid://shopify/Order/1\"){id}}"), "allow look"),
            (document("mutation{draftOrderCalculate(input:{}){calculatedDraftOrder{totalPriceSet{x}}}}"), "allow look"),
            (document("mutation{draftOrderCreate(input:{}){draftOrder{id}}}"), "deny: endpoint_not_allowed"),
            (document("mutation{bulkOperationRunMutation(mutation:\"x\"){x}}"), "deny: endpoint_not_allowed"),
            (document("mutation{bulkOperationRunQuery(query:\"{x}\"){x}}"), "deny: endpoint_not_allowed"),
            (document("mutation{productFeedCreate{x}}"), "deny: endpoint_not_allowed"),
            (document("{cashDrawers{x}}"), "deny: endpoint_not_allowed"),
            (document("subscription{products{x}}"), "deny: endpoint_not_allowed"),
        ],
    );
}

/// What is forbidden by one door is forbidden by the other.
#[test]
fn forbids_hold_for_both_doors() {
    let set = page(
        r#"{ "permit": [{ "id": "all", "scope": "shop:*.*", "fields": "any" }],
             "forbid": [{ "id": "no-cancels", "scope": "shop:orders.cancel" }, { "id": "no-deletes", "scope": "shop:*.delete" }] }"#,
    );
    check_all(
        &set,
        &[
            (json(&format!("POST {BASE}/orders/7/cancel.json"), "{}"), "deny no-cancels: forbidden"),
            (
                document("mutation{orderCancel(orderId:\"gid://shopify/Order/7\" restock:true reason:OTHER){x}}"),
                "deny no-cancels: forbidden",
            ),
            (document("mutation{x:orderDelete(orderId:\"7\"){x}}"), "deny no-deletes: forbidden"),
            (
                document(
                    "mutation{productVariantsBulkDelete(productId:\"1\" variantsIds:[\"gid://shopify/ProductVariant/7\"]){x}}",
                ),
                "deny no-deletes: forbidden",
            ),
            (document("mutation{orderClose(input:{id:\"gid://shopify/Order/7\"}){x}}"), "allow all"),
        ],
    );
}

/// A11: a cap on refunds counts what GraphQL pays back, store credit too, in the currency that it names.
#[test]
fn a11_refunds_by_both_doors() {
    let set = page(
        r#"{ "money": { "currency": "usd" },
             "permit": [{ "id": "refund", "scope": "shop:refunds.create", "fields": "any",
                          "limits": [{ "id": "cap", "sum": "amount", "max": 50 }] }] }"#,
    );
    let refund = |input: &Value| {
        let query = "mutation($i:RefundInput!){refundCreate(input:$i)@idempotent(key:\"k\"){refund{id}}}";
        post(query, &value!({ "i": input }))
    };
    let pay =
        |amount: &str| value!([{ "amount": amount, "kind": "REFUND", "parentId": "gid://shopify/OrderTransaction/1" }]);
    check_all(
        &set,
        &[
            (refund(&value!({ "currency": "USD", "transactions": pay("50.00") })), "allow refund"),
            (refund(&value!({ "currency": "USD", "transactions": pay("50.01") })), "deny refund: envelope_exceeded"),
            (
                refund(&value!({ "currency": "USD", "transactions": pay("20"),
                  "refundMethods": [{ "storeCreditRefund": { "amount": { "amount": "31", "currencyCode": "USD" } } }] })),
                "deny refund: envelope_exceeded",
            ),
            (
                json(
                    &format!("POST {BASE}/orders/7/refunds.json"),
                    r#"{"refund":{"currency":"USD","transactions":[{"amount":"51"}]}}"#,
                ),
                "deny refund: envelope_exceeded /refund/transactions/0/amount",
            ),
        ],
    );
    let unknown = judge(&set, &refund(&value!({ "transactions": pay("1") })));
    assert_eq!(unknown.decision.name(), "deny", "{:?}", unknown.reasons);
}

/// Fields are spelled in another way by GraphQL, and are the same fields.
#[test]
fn fields_of_both_doors() {
    let set = page(
        r#"{ "permit": [
             { "id": "hooks", "scope": "shop:webhooks.create", "fields": { "only": ["address", "topic", "format"], "require": ["address"] },
               "limits": [{ "field": "address", "prefix": ["https://hooks.example.com/"] }] },
             { "id": "texts", "scope": "shop:pages.update", "fields": { "only": ["id", "title", "body_html"] },
               "limits": [{ "field": "body_html", "format": "plain_text" }] }] }"#,
    );
    let hook = |uri: &str| {
        let query = "mutation($u:String!){webhookSubscriptionCreate(topic:ORDERS_CREATE webhookSubscription:{uri:$u format:JSON}){x}}";
        post(query, &value!({ "u": uri }))
    };
    let page = |body: &str| {
        document(&format!("mutation{{pageUpdate(id:\"gid://shopify/Page/7\" page:{{body:\"{body}\"}}){{x}}}}"))
    };
    check_all(
        &set,
        &[
            (hook("https://hooks.example.com/a"), "allow hooks"),
            (hook("https://elsewhere.example.com/"), "deny hooks: value_format"),
            (
                json(
                    &format!("POST {BASE}/webhooks.json"),
                    r#"{"webhook":{"address":"https://elsewhere.example.com/","topic":"orders/create"}}"#,
                ),
                "deny hooks: value_format /webhook/address",
            ),
            (page("plain"), "allow texts"),
            (page("<script>"), "deny texts: value_format"),
            (page("\\u003cscript\\u003e"), "deny texts: value_format"),
        ],
    );
}

/// A3: `path.id` of a rule is the number in a GID.
#[test]
fn keys_of_both_doors() {
    let set = page(
        r#"{ "permit": [{ "id": "one", "scope": "shop:orders.close", "fields": { "only": ["id"] },
                          "limits": [{ "field": "path.id", "in": ["7"] }] }] }"#,
    );
    let close = |id: &str| document(&format!("mutation{{orderClose(input:{{id:\"{id}\"}}){{x}}}}"));
    check(&set, &json(&format!("POST {BASE}/orders/7/close.json"), "{}"), "allow one");
    check(&set, &json(&format!("POST {BASE}/orders/8/close.json"), "{}"), "deny one: value_format");
    check(&set, &close("gid://shopify/Order/7"), "allow one");
    check(&set, &close("gid://shopify/Order/8"), "deny one: value_format");
    check(&set, &close("gid://shopify/DraftOrder/7"), "deny: value_format");
    check(&set, &close("gid://shopify/Order/07"), "deny: value_format");
    check(&set, &document("mutation{orderClose{x}}"), "deny one: unknown_state");
}
