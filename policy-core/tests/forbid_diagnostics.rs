//! What is said of a forbid that would not hold as it reads, and of targets that are not understood (E1).

mod support;

use support::pages::{shop_page, sources};
use support::{diagnose, diagnosed};

fn forbidding(target: &str) -> Vec<policy_core::compile::Source> {
    sources(&[shop_page(&format!(
        r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.write" }}], "forbid": [{{ "id": "never", {target} }}] }}"#
    ))])
}

/// An endpoint does not reach the rows of a batch that do the same.
#[test]
fn an_endpoint_forbid_beside_a_batch() {
    for (endpoint, action) in [
        ("DELETE /products/{id}", "delete"),
        ("DELETE /{any:path}", "delete"),
        ("PUT /products/{id}", "update"),
        ("POST /products", "create"),
    ] {
        diagnose(
            &forbidding(&format!(r#""endpoint": "shop:{endpoint}""#)),
            &[&format!(
                "warning: rows of a batch can do `products.{action}` too, and this endpoint does not reach them | add a forbid with the scope `shop:products.{action}` | \"never\""
            )],
        );
    }
    for target in [
        r#""scope": "shop:products.delete""#,
        r#""endpoint": "shop:GET /products/{id}/notify""#,
        r#""endpoint": "shop:POST /products/batch""#,
        r#""endpoint": "shop:POST /orders/{id}/refunds""#,
    ] {
        diagnose(&forbidding(target), &[]);
    }
}

/// A condition on the body looks at rows, not at what holds them.
#[test]
fn a_condition_on_the_body_of_a_batch() {
    for target in [r#""scope": "shop:products.batch""#, r#""scope": ["shop:products.delete", "shop:products.batch"]"#] {
        diagnose(
            &forbidding(&format!(r#"{target}, "when": [{{ "field": "/create", "present": true }}]"#)),
            &[
                "this condition looks at a batch, and each row of a batch is judged by itself | name the rows' actions by `scope` | \"when\"",
            ],
        );
        diagnose(&forbidding(&format!(r#"{target}, "when": [{{ "field": "query.dry", "present": false }}]"#)), &[]);
    }
}

/// What follows from a target that is not understood is not said.
#[test]
fn a_target_that_is_not_understood_is_the_only_finding() {
    let page = |target: &str| {
        sources(&[shop_page(&format!(
            r#"{{ "permit": [{{ "id": "p", {target}, "fields": {{ "only": ["price", "nothing"] }},
                 "limits": [{{ "field": "prize", "max": 1 }}, {{ "field": "path.ids", "in": ["1"] }}] }}] }}"#
        ))])
    };
    for (target, expect) in [
        (
            r#""scope": "shop:products.updaet""#,
            "unknown action of `products` `updaet` | did you mean `update`? | \"shop:products.updaet\"",
        ),
        (
            r#""scope": "shop:product.update""#,
            "unknown resource `product` | did you mean `products`? | \"shop:product.update\"",
        ),
        (r#""scope": "shpo:products.update""#, "unknown API `shpo` | did you mean `shop`? | \"shpo:products.update\""),
        (
            r#""endpoint": "shop:FETCH /products""#,
            "unknown method `FETCH`: one of GET, POST, PUT, PATCH, DELETE | \"shop:FETCH /products\"",
        ),
    ] {
        diagnose(&page(target), &[expect]);
    }
    assert_eq!(diagnosed(&page(r#""scope": "shop:products.update""#)).len(), 3);
}

/// A multipart body is no JSON, however it is loosened.
#[test]
fn multipart_is_no_json_type() {
    for name in ["multipart/form-data", "Multipart/Mixed"] {
        let page = shop_page(&format!(
            r#"{{ "apis": {{ "shop": {{ "loosen": {{ "json_types": ["text/json", "{name}"] }} }} }}, "permit": [{{ "id": "p", "scope": "shop:products.read" }}] }}"#
        ));
        diagnose(
            &sources(&[page]),
            &[&format!("a multipart body is not JSON: an upstream would read its parts | \"{name}\"")],
        );
    }
}
