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
            "unknown method `FETCH`: one of GET, POST, PUT, PATCH, DELETE | write a method and a path below the API's base, like `GET /products/{id}` | \"shop:FETCH /products\"",
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
            &[&format!(
                "a multipart body is not JSON: an upstream would read its parts | take it out; other types of JSON are like `application/vnd.api+json` | \"{name}\""
            )],
        );
    }
}

/// E1: a forbid on a path that nothing grants reads like protection and is none.
#[test]
fn an_endpoint_forbid_that_nothing_meets() {
    let never = "warning: this forbid never holds: no endpoint of the catalog and of a permit is met by it";
    for (endpoint, help) in [
        // The base, written twice.
        (
            "DELETE /v3/orders/{id}/refunds",
            "the base `/v3` stands before every path: write `shop:DELETE /orders/{id}/refunds`",
        ),
        ("POST /orders/{id}/refund", "did you mean `shop:POST /orders/{id}/refunds`?"),
        ("PUT /order/{id}", "did you mean `shop:PUT /orders/{id}`?"),
        ("POST /orders/{id:token}/Refunds", "did you mean `shop:POST /orders/{id}/refunds`?"),
    ] {
        let expect = format!("{never} | {help} | \"shop:{endpoint}\"");
        diagnose(&forbidding(&format!(r#""endpoint": ["shop:GET /orders/{{id}}", "shop:{endpoint}"]"#)), &[&expect]);
    }
    let found = diagnosed(&forbidding(r#""endpoint": "shop:GET /something/else/entirely""#));
    assert!(found[0].starts_with(&format!("{never} | known here: `DELETE /products/{{id}}`, ")), "{found:?}");
    // A permit by endpoint grants what the catalog does not list; a template may be wider than what it meets.
    let page = |forbid: &str| {
        sources(&[shop_page(&format!(
            r#"{{ "permit": [{{ "id": "p", "endpoint": "shop:GET /reports/{{name:token}}" }}], "forbid": [{{ "id": "never", "endpoint": "shop:{forbid}" }}] }}"#
        ))])
    };
    for endpoint in ["GET /reports/sales", "GET /{any:path}", "PUT /files/secret/{rest:path}"] {
        diagnose(&page(endpoint), &[]);
    }
    assert_eq!(diagnosed(&page("GET /report/sales")).len(), 1);
}

/// E1: a filter value of another kind than what it is compared with.
#[test]
fn a_filter_value_that_never_comes() {
    let catalog = r#"{
      "catalog": "paint", "base": "/v1", "vars": { "kind": ["red", "blue"] },
      "resources": { "pots": {
        "filters": { "id": "path.id", "kind": "path.kind", "size": "size", "name": "name" },
        "fields": { "size": { "at": "/size", "type": "integer" }, "name": { "at": "/name" } },
        "actions": {
          "get": { "endpoints": ["GET /pots/{id}"], "effect": "read" },
          "paint": { "endpoints": ["POST /pots/{id}/{kind}"], "effect": "safe" }
        } } }
    }"#;
    let found = |target: &str| {
        let mut all = sources(&[shop_page(&format!(
            r#"{{ "apis": {{ "paint": {{ "catalog": "paint", "hosts": ["paint.example.com"] }} }},
                 "permit": [{{ "id": "p", "scope": "paint:pots.read" }}], "forbid": [{{ "id": "never", "scope": "paint:{target}" }}] }}"#
        ))]);
        all.push(support::source(policy_core::compile::SourceKind::Catalog, catalog));
        diagnosed(&all)
    };
    for (filter, name, value, kind) in [
        ("pots.get[id=7|abc]", "id", "abc", "digits"),
        ("pots.paint[kind=green]", "kind", "green", "one of `red`, `blue`"),
        ("pots.*[kind=green]", "kind", "green", "one of `red`, `blue`"),
        ("pots.paint[size=big]", "size", "big", "a whole number"),
    ] {
        let kind = kind.replace("`red`, `blue`", "`blue`, `red`");
        assert_eq!(
            found(filter),
            [format!(
                "warning: the filter value `{value}` never holds: `{name}` is never that | it is {kind} | \"paint:{filter}\""
            )]
        );
    }
    assert_eq!(
        found("pots.get[kind=red]"),
        [
            "warning: the filter `kind` never holds: no endpoint of these actions has its name | take the filter out, or \
          name the actions that have it | \"paint:pots.get[kind=red]\""
        ]
    );
    for filter in ["pots.get[id=7]", "pots.*[kind=red]", "pots.paint[id=7,kind=blue|red]", "pots.paint[size=3,name=x]"]
    {
        assert_eq!(found(filter), [""; 0], "{filter}");
    }
}

/// E1: a name in the head that is nearly one the API knows.
#[test]
fn names_in_the_head_that_are_nearly_known() {
    let page = |members: &str| diagnosed(&sources(&[shop_page(members)]));
    let permit =
        |rest: &str| page(&format!(r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.read", {rest} }}] }}"#));
    let header = |name: &str, near: &str| {
        format!(
            "warning: the header `{name}` is neither guarded nor allowed here | did you mean `header.{near}`? | \"header.{name}\""
        )
    };
    let query = |name: &str, near: &str| {
        format!(
            "warning: the query name `{name}` is listed nowhere here | did you mean `query.{near}`? | \"query.{name}\""
        )
    };
    let limit = |name: &str| permit(&format!(r#""limits": [{{ "field": "{name}", "in": ["1"] }}]"#));
    assert_eq!(limit("header.x-tenent"), [header("x-tenent", "x-tenant")]);
    assert_eq!(limit("header.x_tenant"), [header("x_tenant", "x-tenant")]);
    assert_eq!(limit("header.perfer"), [header("perfer", "prefer")]);
    assert_eq!(limit("query.contxt"), [query("contxt", "context")]);
    assert_eq!(limit("query.restRoute"), [query("restRoute", "rest_route")]);
    assert_eq!(
        permit(
            r#""headers": { "allow": ["x-tenant"] }, "query": { "only": ["per_page"] },
               "limits": [{ "field": ["query.perpage", "query.page"], "max": 10,
                            "when": [{ "field": "header.x-tenants", "present": true }] }]"#
        ),
        [query("perpage", "per_page"), header("x-tenants", "x-tenant")]
    );
    // Known, known everywhere, or like nothing that is known.
    for name in [
        "header.x-tenant",
        "header.X-Tenant",
        "header.prefer/return",
        "header.accept",
        "header.if-match",
        "header.x-trace",
        "query.context",
        "query.page",
        "query.kei",
        "query.oauth_token",
    ] {
        assert_eq!(limit(name), [""; 0], "{name}");
    }
    assert_eq!(
        page(
            r#"{ "apis": { "shop": { "limits": [{ "field": "header.x-versoin", "in": ["1"] }] } },
                 "permit": [{ "id": "p", "scope": "shop:products.read", "query": { "only": ["dry_run"] } }],
                 "forbid": [{ "id": "never", "scope": "shop:products.write", "when": [{ "field": "query.dryrun", "present": false }] }] }"#
        ),
        [header("x-versoin", "x-version"), query("dryrun", "dry_run")]
    );
}

/// E1: permits that no request can meet.
#[test]
fn permits_nobody_can_meet() {
    let update = |rest: &str| {
        diagnosed(&sources(&[shop_page(&format!(
            r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.update", {rest} }}] }}"#
        ))]))
    };
    for (rest, expect) in [
        (
            r#""fields": { "only": ["price"], "require": ["price", "stock"] }"#,
            "`stock` is required and not in `only` | add it to `only` | \"stock\"",
        ),
        (
            r#""fields": { "only": ["price"], "require": ["/name/first"] }"#,
            "a pointer is required and not in `only` | add it to `only` | \"/name/first\"",
        ),
        (
            r#""fields": { "never": ["stock"], "require": ["stock"] }"#,
            "`stock` is required and in `never` | take it out of one of them | \"stock\"",
        ),
        (
            r#""fields": "any", "limits": [{ "sum": "status", "max": 5 }]"#,
            "a sum adds numbers, and the catalog says that `status` is a text | name a field whose type is a number | \"status\"",
        ),
        (
            r#""fields": "any", "limits": [{ "field": "contact", "domain": ["example.org", "*.example.com"] }]"#,
            "no address is at the domain `*.example.com` | write `example.com`; subdomains are listed each by itself | \"*.example.com\"",
        ),
        (
            r#""fields": "any", "limits": [{ "field": "contact", "domain": ["@example.com"] }]"#,
            "no address is at the domain `@example.com` | write `example.com`; subdomains are listed each by itself | \"@example.com\"",
        ),
        (
            r#""fields": "any", "limits": [{ "field": "price", "min": 10 }, { "field": "price", "max": 5 }]"#,
            "no number lies above 10 and below 5: this limit and `0` can never both be met | swap the bounds, or take \
             one of the two limits out | {",
        ),
        (
            r#""fields": "any", "limits": [{ "id": "set", "field": "price", "present": true }, { "field": "price", "present": false }]"#,
            "this limit and `set` ask for a value and for none | take one of the two limits out | {",
        ),
    ] {
        assert_eq!(update(rest), [expect], "{rest}");
    }
    for rest in [
        r#""fields": { "only": ["/price", "stock"], "require": ["price", "/stock"] }"#,
        r#""fields": { "require": ["stock"] }"#,
        r#""fields": "any", "limits": [{ "sum": "stock", "max": 5 }, { "sum": "tags", "max": 5 }, { "sum": "/x", "max": 5 }]"#,
        r#""fields": "any", "limits": [{ "field": "price", "min": 10, "when": [{ "field": "status", "in": ["a"] }] }, { "field": "price", "max": 5 }]"#,
        r#""fields": "any", "limits": [{ "field": "price", "max": 10 }, { "field": "price", "max": 5, "beyond": { "approval": "manager" } }]"#,
    ] {
        assert_eq!(update(rest), [""; 0], "{rest}");
    }
}

/// E1: a forbid covers a permit whose filter is no wider than its own.
#[test]
fn a_permit_within_the_filter_of_a_forbid() {
    let page = |permit: &str, forbid: &str| {
        diagnosed(&sources(&[shop_page(&format!(
            r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.update{permit}" }}], "forbid": [{{ "id": "never", "scope": "shop:products.update{forbid}" }}] }}"#
        ))]))
    };
    let covered = ["`p` can never allow anything: a forbid covers all of it | take one of the two out | \"p\""];
    for (permit, forbid) in
        [("", ""), ("[category=1]", ""), ("[category=1]", "[category=1|2]"), ("[category=1,shelf=a]", "[category=1]")]
    {
        assert_eq!(page(permit, forbid), covered, "{permit} {forbid}");
    }
    for (permit, forbid) in
        [("", "[category=1]"), ("[category=1|2]", "[category=1]"), ("[category=1]", "[category=1,shelf=a]")]
    {
        assert_eq!(page(permit, forbid), [""; 0], "{permit} {forbid}");
    }
}
