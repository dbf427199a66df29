//! What is wrong with a catalog: the message, the help and the underlined text (E1).

mod support;

use policy_core::compile::SourceKind;
use support::catalogs::{POSTGREST, SHOP};
use support::pages::{GATEWAY, shop_page, sources};
use support::{diagnose, diagnosed, source};

/// Catalogs.
#[test]
fn catalogs() {
    let with = |piece: &str, by: &str| {
        assert_eq!(SHOP.matches(piece).count(), 1, "{piece} stands once");
        let mut all = sources(&[shop_page(r#"{ "permit": [{ "id": "r", "scope": "shop:orders.get" }] }"#)]);
        all[1] = source(SourceKind::Catalog, SHOP.replace(piece, by));
        diagnosed(&all)
    };
    for (piece, by, expect) in [
        (
            r#""php_names": true"#,
            r#""php_name": true"#,
            "unknown quirk `php_name`; known here: `method_override`, `route_in_query`, `credentials_in_query`, \
             `php_names`, `case_insensitive`, `format_suffix` | true",
        ),
        (
            r#""GET /products/{id}/notify""#,
            r#""GET /products/{id}""#,
            "one endpoint (GET) is listed by `products.get` and `products.notify`: take it out of one of them | \"resources\"",
        ),
        (
            r#""action": "create" }"#,
            r#""action": "creates" }"#,
            "unknown action `products.creates`: did you mean `products.create`? | {",
        ),
        (
            r#"{ "at": "/meta" }"#,
            r#"{ "at": "meta" }"#,
            "`meta` is not a pointer: write where the value stands in the body, like `/price` or `/lines/*/price` | \"meta\"",
        ),
        (
            r#"{ "at": "/meta" }"#,
            r#"{ "at": "/**/a/**" }"#,
            "`/**/a/**` is not a pointer: write where the value stands in the body, like `/price` or `/lines/*/price` | \"/**/a/**\"",
        ),
        (r#"[["price", "stock"]]"#, r#"[["price", "stocks"]]"#, "`stocks` is not a field of this resource | ["),
        (
            r#""action": "create" }"#,
            r#""action": "create", "parent": "path.shop" }"#,
            "unknown parent `path.shop`: it is `path.NAME`, a variable of this action's endpoints, or a pointer to a \
             member beside the lists | \"path.shop\"",
        ),
        (
            r#""action": "create" }"#,
            r#""action": "create", "parent": "shop" }"#,
            "unknown parent `shop`: it is `path.NAME`, a variable of this action's endpoints, or a pointer to a \
             member beside the lists | \"shop\"",
        ),
        (
            r#""unit": "minor", "#,
            "",
            "a money field needs `unit` (`minor` for cents, `major` for euros) and `currency` (a code like `eur`, or the place of one) | \"amount\"",
        ),
    ] {
        let found = with(piece, by);
        assert!(found.iter().any(|text| text == expect), "{by}: {found:?}");
    }
    for parent in ["/shop", "/a/b"] {
        let by = format!(r#""action": "create", "parent": "{parent}" }}"#);
        assert_eq!(with(r#""action": "create" }"#, &by), [""; 0], "{parent}");
    }
    let below = SHOP.replace("\"POST /products/batch\"", "\"POST /shops/{shop}/products/batch\"");
    let of_the_path = below.replace(r#""action": "create" }"#, r#""action": "create", "parent": "path.shop" }"#);
    let mut all = sources(&[shop_page(r#"{ "permit": [{ "id": "r", "scope": "shop:orders.get" }] }"#)]);
    all[1] = source(SourceKind::Catalog, of_the_path);
    diagnose(&all, &[]);
    let twice = vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, POSTGREST),
        source(SourceKind::Catalog, POSTGREST),
    ];
    diagnose(
        &twice,
        &["two catalogs are named `postgrest` | give one of them another name, or take one out | \"postgrest\""],
    );
    let circle = vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, r#"{ "catalog": "a", "extends": "b" }"#),
        source(SourceKind::Catalog, r#"{ "catalog": "b", "extends": "a" }"#),
        source(SourceKind::Catalog, r#"{ "catalog": "c", "extends": "d" }"#),
    ];
    let found = diagnosed(&circle);
    assert!(
        found.contains(
            &"the catalogs extend each other in a circle | take `extends` out of one of them | \"b\"".to_string()
        ),
        "{found:?}"
    );
    assert!(found.iter().any(|text| text.starts_with("unknown catalog `d` | ")), "{found:?}");
}

/// An extension of a catalog keeps the effects of what it extends.
#[test]
fn extensions_keep_effects() {
    let extended = |effect: &str| {
        let mut all = sources(&[shop_page(
            r#"{ "apis": { "shop": { "catalog": "mine" } }, "permit": [{ "id": "r", "scope": "shop:products.read" }] }"#,
        )]);
        all.push(source(
            SourceKind::Catalog,
            format!(
                r#"{{ "catalog": "mine", "extends": "shop-v3", "resources": {{ "products": {{ "actions": {{ "delete": {{ "endpoints": ["DELETE /products/{{id}}"], "effect": "{effect}" }} }} }} }} }}"#
            ),
        ));
        diagnosed(&all)
    };
    assert_eq!(extended("door"), [""; 0]);
    let reads = "warning: `DELETE /products/{id}` is said to read: every page that permits reads permits it | write what it does to the world: `safe`, `gate`, `door` or `brake` | \"read\"";
    assert_eq!(extended("read")[1..], [reads]);
    for effect in ["read", "safe", "gate", "brake"] {
        assert_eq!(
            extended(effect)[..1],
            [format!("an extension does not change the effect of an action: write the one of its base | \"{effect}\"")]
        );
    }
}

/// An extension adds endpoints; it does not give one of its base to another action.
#[test]
fn extensions_keep_endpoints() {
    let extended = |actions: &str| {
        let mut all = sources(&[shop_page(
            r#"{ "apis": { "shop": { "catalog": "mine" } }, "permit": [{ "id": "r", "scope": "shop:products.read" }] }"#,
        )]);
        all.push(source(
            SourceKind::Catalog,
            format!(r#"{{ "catalog": "mine", "extends": "shop-v3", "resources": {{ "products": {{ "actions": {{ {actions} }} }} }} }}"#),
        ));
        diagnosed(&all)
    };
    let peek = |endpoint: &str| format!(r#""peek": {{ "endpoints": ["{endpoint}"], "effect": "read" }}"#);
    assert_eq!(extended(&peek("GET /products/{id}/peek")), [""; 0]);
    let away = r#""delete": { "endpoints": ["DELETE /none/{id}"], "effect": "door" }"#;
    let moved = format!("{away}, {}", peek("DELETE /products/{id}").replace("read", "safe"));
    assert_eq!(
        extended(&moved),
        [
            "an extension keeps the endpoints of its base's actions: list them too, or take the action out | \"endpoints\"",
            "an extension does not move an endpoint of its base: name the action that has it there | \"endpoints\"",
        ]
    );
    // A variable by another name or type reaches the same requests.
    assert_eq!(
        extended(&peek("DELETE /products/{any:text}").replace("read", "safe")),
        ["an extension does not move an endpoint of its base: name the action that has it there | \"endpoints\""]
    );
    let shared = peek("PATCH|GET /products/{id}").replace("read", "safe");
    assert_eq!(
        extended(&shared),
        [
            "one endpoint (GET) is listed by `products.get` and `products.peek`: take it out of one of them | \"resources\"",
            "one endpoint (PATCH) is listed by `products.peek` and `products.update`: take it out of one of them | \"resources\"",
            "an extension does not move an endpoint of its base: name the action that has it there | \"endpoints\"",
        ]
    );
}

/// E1: what follows from a mistake is not said.
#[test]
fn a_pointer_that_is_none_is_the_only_finding() {
    let mut all = sources(&[shop_page(r#"{ "permit": [{ "id": "r", "scope": "shop:orders.get" }] }"#)]);
    all[1] = source(SourceKind::Catalog, SHOP.replace(r#""at": "/tags""#, r#""at": "tags""#));
    diagnose(
        &all,
        &[
            "`tags` is not a pointer: write where the value stands in the body, like `/price` or `/lines/*/price` | \"tags\"",
        ],
    );
}

/// E1: what a catalog says by a slip.
#[test]
fn slips() {
    let with = |piece: &str, by: &str, loosen: &str| {
        assert_eq!(SHOP.matches(piece).count(), 1, "{piece} stands once");
        let mut all = sources(&[shop_page(&format!(
            r#"{{ "apis": {{ "shop": {{ "loosen": {{ "encoded_slash": [{loosen}] }} }} }}, "permit": [
                 {{ "id": "r", "scope": "shop:orders.get" }}, {{ "id": "e", "endpoint": "shop:GET /own/{{thing:text}}" }}] }}"#
        ))]);
        all[1] = source(SourceKind::Catalog, SHOP.replace(piece, by));
        diagnosed(&all)
    };
    let slug = r#""slug": "token""#;
    for (text, near) in [("tokens", "token"), ("digit", "digits"), ("Text", "text")] {
        assert_eq!(
            with(slug, &format!(r#""slug": "{text}""#), ""),
            [format!(
                "warning: `{text}` is no type of a variable, so it is a pattern that only this text meets | did you mean \
                 `{near}`? | \"{text}\""
            )]
        );
    }
    assert_eq!(
        with(r#""endpoints": ["POST /orders/{id}/refunds"], "#, "", ""),
        [
            "warning: no request is `orders.refund`: it has no endpoint and no name of a call | list `endpoints`, `tool`, \
          `rpc` or `graphql`, or name it in the `rows` of a batch | \"refund\""
        ]
    );
    // A row of a batch is one.
    assert_eq!(with(r#""endpoints": ["DELETE /products/{id}"], "#, "", ""), [""; 0]);
    assert_eq!(
        with(slug, slug, r#""name", "thing", "slugs""#),
        ["warning: no path of this API has the variable `slugs` | did you mean `slug`? | \"slugs\""]
    );
}

/// E1: names that no request of the resource has.
#[test]
fn keys_and_filters_name_what_requests_have() {
    let with = |piece: &str, by: &str| {
        assert!(SHOP.contains(piece), "{piece}");
        let mut all = sources(&[shop_page(r#"{ "permit": [{ "id": "r", "scope": "shop:files.read" }] }"#)]);
        all[1] = source(SourceKind::Catalog, SHOP.replacen(piece, by, 1));
        diagnosed(&all)
    };
    let orders = "\"orders\": {\n      \"key\": \"path.id\"";
    for (key, expect) in [
        (
            r#""path.ids""#,
            "no endpoint of `orders` has the path variable `ids` | did you mean `path.id`? | \"path.ids\"",
        ),
        (
            r#""path.order""#,
            "no endpoint of `orders` has the path variable `order` | its endpoints have `id` | \"path.order\"",
        ),
        (
            r#"{ "name": "path.order", "strip": "x/" }"#,
            "no endpoint of `orders` has the path variable `order` | its endpoints have `id` | \"path.order\"",
        ),
        (
            r#""number""#,
            "unknown field `number` | known here: `amount`, `currency`, `guests`, `lines`, `status` | \"number\"",
        ),
    ] {
        assert_eq!(with(orders, &format!("\"orders\": {{\n      \"key\": {key}")), [expect], "{key}");
    }
    for fine in ["query.id", "/id", "status", "header.x-order"] {
        assert_eq!(with(orders, &format!("\"orders\": {{\n      \"key\": \"{fine}\"")), [""; 0], "{fine}");
    }
    // A row says its key in the body.
    assert_eq!(with("\"key\": \"path.id\"", "\"key\": \"path.product\""), [""; 0]);
    assert_eq!(
        with(orders, &format!("{orders}, \"filters\": {{ \"shop\": \"path.shop\" }}")),
        [
            "warning: no endpoint of `orders` has the path variable `shop`: no request passes this filter | its endpoints have `id` | \"path.shop\""
        ]
    );
}

/// Slips in a catalog that would open more than is meant, or lead nowhere: each is a warning where it stands.
#[test]
fn what_a_catalog_seems_to_say() {
    let found = |entry: &str| {
        let mut all = sources(&[shop_page(r#"{ "permit": [{ "id": "r", "scope": "shop:products.read" }] }"#)]);
        all.push(source(SourceKind::Catalog, format!(r#"{{ "catalog": "mine", "base": "/v7", {entry} }}"#)));
        diagnosed(&all)
    };
    let items = |actions: &str, more: &str| {
        found(&format!(r#""resources": {{ "items": {{ "key": "path.id", {more} "actions": {{ {actions} }} }} }}"#))
    };
    let get = r#""get": { "endpoints": ["GET /items/{id}"], "effect": "read" }"#;
    let update = r#""update": { "endpoints": ["PUT /items/{id}"], "effect": "gate" }"#;
    let search = r#""search": { "endpoints": ["POST|PUT /items/search"], "effect": "read" }"#;
    let many = |key: &str| {
        format!(
            r#"{update}, "many": {{ "endpoints": ["POST /items/many"], "effect": "gate", "rows": {{ "/rows": {{ "action": "update"{key} }} }} }}"#
        )
    };
    let looked_up = |address: &str| format!(r#""current": {{ "try": [{{ "get": "{address}" }}] }},"#);
    for harmless in [
        items(&format!("{get}, {update}, {search}"), &looked_up("/items/{id}")),
        items(&many(r#", "key": "/id""#), ""),
        items(get, &looked_up("/stock/{id}")),
    ] {
        assert_eq!(harmless, [""; 0]);
    }
    assert_eq!(
        items(r#""remove": { "endpoints": ["DELETE /items/{id}"], "effect": "read" }"#, ""),
        [
            "warning: `DELETE /items/{id}` is said to read: every page that permits reads permits it | write what it does to the world: `safe`, `gate`, `door` or `brake` | \"read\""
        ]
    );
    assert_eq!(
        items(&many(""), ""),
        [
            "warning: the rows do not say which of `items` they mean: it may stand twice | add `key`, the pointer where a row says it, like `\"key\": \"/id\"` | {"
        ]
    );
    assert_eq!(
        items(get, &looked_up("/v7/items/{id}")),
        [
            "warning: `/v7/items/{id}` begins with the base, which is put before it | write `/items/{id}` | \"/v7/items/{id}\""
        ]
    );
    assert_eq!(
        items(r#""get": { "endpoints": ["GET /v7/items/{id}"], "effect": "read" }"#, ""),
        [
            "warning: `/v7/items/{id}` begins with the base, which is put before it | write `/items/{id}` | \"GET /v7/items/{id}\""
        ]
    );
    assert_eq!(
        items(get, &looked_up("/item/{id}")),
        ["warning: the catalog has no endpoint `/item/{id}` | did you mean `/items/{id}`? | \"/item/{id}\""]
    );
    assert_eq!(
        found(r#""vars": { "id": "uuid" }, "resources": {}"#),
        [
            "warning: `uuid` is no type of a variable, so it is a pattern that only this text meets | write one of `digits`, `token`, `name`, `text`, `path`, a pattern, or a list of values | \"uuid\""
        ]
    );
}
