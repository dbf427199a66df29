//! What is wrong with what a catalog or a page says of the present.

mod support;

use support::diagnosed;
use support::present::{STORE, sources_on};

/// What the store's catalog says with one piece replaced, under a page that needs nothing of it.
#[track_caller]
fn catalog(piece: &str, by: &str) -> Vec<String> {
    assert!(STORE.contains(piece), "{piece}");
    let page = r#"{ "permit": [{ "id": "p", "scope": "store:products.list" }] }"#;
    diagnosed(&sources_on(&STORE.replacen(piece, by, 1), page))
}

#[track_caller]
fn permit(scope: &str, rest: &str) -> Vec<String> {
    let page = format!(r#"{{ "permit": [{{ "id": "p", "scope": "{scope}", "fields": "any", {rest} }}] }}"#);
    diagnosed(&sources_on(STORE, &page))
}

#[track_caller]
fn limit(test: &str) -> Vec<String> {
    permit("store:products.update", &format!(r#""limits": [{test}]"#))
}

#[test]
fn the_catalog_is_fine() {
    assert_eq!(catalog("store-v1", "store-v1"), [""; 0]);
}

#[test]
fn addresses() {
    let get = r#""get": "/products/{id}", "list""#;
    for (by, expect) in [
        (r#""get": "/products/{nothing}", "list""#, &["no request says `nothing`: give it in `vars` | \"try\""][..]),
        (
            r#""get": "/products//{id}", "list""#,
            &["the path has an empty segment, or one of dots | \"/products//{id}\""],
        ),
        (r#""get": "/prod%75cts/{id}", "list""#, &["`/v1/prod%75cts/` is not part of a path | \"/prod%75cts/{id}\""]),
        (r#""get": "products/{id}", "list""#, &["the path `products/{id}` begins with `/` | \"products/{id}\""]),
        (
            r#""get": "/products/{id:path}", "list""#,
            &["a variable of an address stands for one segment, not for several | \"/products/{id:path}\""],
        ),
        (r#""get": "/products/{id}?a=b c", "list""#, &["`a=b c` is not part of a query | \"/products/{id}?a=b c\""]),
        (r#""get": "/products/{id}?a={id", "list""#, &["a `{` is not closed | \"/products/{id}?a={id\""]),
        (
            r#""tool": "get_product", "list""#,
            &[
                "no endpoint of this catalog carries tool calls at one path: none has the decoder `jsonrpc` | \"get_product\"",
            ],
        ),
        (
            r#""get": "/products/{id}", "arguments": {"id":"id"}, "list""#,
            &["`arguments` are those of a `tool` | \"arguments\""],
        ),
        (r#""get": "/products/{id}", "pointer": "a", "list""#, &["this is not a pointer to one place | \"a\""]),
        (r#""get": "/products/{id}", "each": "/*", "list""#, &["this is not a pointer to one place | \"/*\""]),
        (r#""list""#, &["an address is either `get` or `tool` | {"]),
    ] {
        let found = catalog(get, by);
        assert!(expect.iter().all(|line| found.iter().any(|text| text == line)), "{by}: {found:#?}");
    }
    let list = r#""list": "/products?include={id}&per_page=100""#;
    let one = "a list call has one variable in its query, which takes several values: `/products?include={id}`";
    for by in [r#""list": "/products""#, r#""list": "/products?include=1""#, r#""list": "/products?a={id}&b={id}""#] {
        let found = catalog(list, by);
        assert!(found[0].starts_with(one), "{by}: {found:#?}");
    }
    let found = catalog(r#""same": { "id": "id" }"#, r#""same": {}"#);
    let line = "a list call needs `same`: a field of each element that says which resource it is";
    assert!(found.iter().any(|text| text.starts_with(line)), "{found:#?}");
}

/// Without `same` the only element of a list may be any; a lookup with totals alone needs none.
#[test]
fn a_list_says_which_element_is_meant() {
    let get = r#""get": "/products/{id}", "list": "/products?include={id}&per_page=100" }],
        "same": { "id": "id" }"#;
    let line = "`each` needs `same`: a field of each element that equals a variable of this address | ";
    for (by, wrong) in [
        (r#""get": "/products?id={id}", "each": "" }]"#, true),
        (r#""get": "/products?id={id}", "each": "" }], "same": {}"#, true),
        (r#""get": "/products?id={id}", "each": "" }], "same": { "id": "id" }"#, false),
        (r#""get": "/mine", "each": "" }, { "get": "/products/{id}" }], "same": { "id": "id" }"#, true),
    ] {
        let found = catalog(get, by);
        assert_eq!(found.iter().any(|text| text.starts_with(line)), wrong, "{by}: {found:#?}");
    }
}

#[test]
fn fields_variables_and_totals() {
    let same = r#""same": { "id": "id" }"#;
    let found = catalog(same, r#""same": { "ident": "id" }"#);
    let line = "`ident` is not a field of the answer, which has `categories`, `cost`";
    assert!(found.iter().any(|text| text.starts_with(line)), "{found:#?}");
    let found = catalog(same, r#""same": { "id": "ident" }"#);
    let line = "`ident` is not a variable of this lookup, which has `id` | ";
    assert!(found.iter().any(|text| text.starts_with(line)), "{found:#?}");
    let total = r#""total": { "quantity_sum": { "sum": "quantity" }"#;
    let found = catalog(total, r#""total": { "quantity_sum": { "sum": "amount" }"#);
    assert!(
        found[0].starts_with("`amount` is not a field of the answer, which has `id`, `lines`, `quantity`"),
        "{found:#?}"
    );
    let found = catalog(r#""each": "/orders" }"#, r#""pointer": "/orders" }"#);
    assert!(
        found[0].starts_with("a total needs `each` in every address: where the answer holds its list"),
        "{found:#?}"
    );
    let found = catalog(r#""for": "lines""#, r#""for": "rows""#);
    assert_eq!(found[0], "`rows` is not a field of this resource | \"rows\"");
    let found = catalog(r#""vars": { "sku": "shelf/sku" }"#, r#""vars": { "sku": "a.b.c" }"#);
    assert_eq!(found[0], "`a.b.c` is not `LOOKUP.field` with a pointer tail | \"a.b.c\"");
    let found = catalog(r#""payer": { "vars""#, r#""query": { "vars""#);
    assert!(
        found[0].starts_with("no lookup can be named `query`: names of it would mean something else"),
        "{found:#?}"
    );
    let found = catalog(r#""payer": { "vars""#, r#""current": { "vars""#);
    assert!(found[0].starts_with("the lookup of the resource itself is the member `current`"), "{found:#?}");
    let found = catalog("current.payer", "payer.trust");
    assert!(found[0].starts_with("`payer` is itself looked up by another: two in a row are the most"), "{found:#?}");
    let found = catalog("current.payer", "current.payr");
    assert!(found[0].contains("did you mean `current.payer`?"), "{found:#?}");
}

#[test]
fn what_refers_to_the_present() {
    let found = catalog(r#""category": "current.categories""#, r#""category": "current.categorie""#);
    assert!(found[0].contains("did you mean `current.categories`?"), "{found:#?}");
    let found = catalog(r#""category": "parent.categories""#, r#""category": "parents.categories""#);
    assert!(found[0].starts_with("unknown name `parents.categories`: `variations."), "{found:#?}");
    let found = catalog(r#""add": ["current.stock", "delta"]"#, r#""add": ["current.stok", "delta"]"#);
    assert!(found[0].contains("did you mean `current.stock`?"), "{found:#?}");
    let found = catalog(r#"[["stock", "current.price"]]"#, r#"[["current.stock", "current.price"]]"#);
    assert!(found[0].starts_with("a product has one value of the present at most"), "{found:#?}");
    let each = r#"{ "each": "lines", "add": [["quantity", "product.price"]] }"#;
    let found = catalog(each, r#"{ "add": ["product.price"] }"#);
    assert!(
        found
            .iter()
            .any(|text| text.starts_with("`product.price` is looked up per element: give `each` the same array")),
        "{found:#?}"
    );
    let found = catalog(r#""base": ["sale_price", "regular_price"]"#, r#""base": ["sale_prise", "regular_price"]"#);
    assert!(found[0].contains("did you mean `current.sale_price`?"), "{found:#?}");
    let found = catalog(r#""base": ["sale_price", "regular_price"]"#, r#""base": ["path.id"]"#);
    assert!(found[0].starts_with("`path.id` is no name of the resource as it is now"), "{found:#?}");
    let found =
        catalog(r#"{ "name": "path.id", "strip": "gid://store/Variation/" }"#, r#"{ "name": "path.id", "strip": "" }"#);
    assert!(found[0].starts_with("`strip` is the prefix to take off: it is not empty"), "{found:#?}");
}

#[test]
fn names_of_pages() {
    for (test, expect) in [
        (
            r#"{ "field": "current.prise", "max": 1 }"#,
            "unknown name `current.prise`: the answer has no such field; did you mean `current.price`? | \"current.prise\"",
        ),
        (
            r#"{ "field": "opened.orders", "max": 1 }"#,
            "unknown name `opened.orders`: `products.update` has no lookup `opened`, but `current`, `open` | \"opened.orders\"",
        ),
        (
            r#"{ "field": "open.order", "max": 1 }"#,
            "unknown name `open.order`: the answer has no such field; did you mean `open.orders`? | \"open.order\"",
        ),
        (
            r#"{ "field": "price", "equals": "current.prise" }"#,
            "unknown name `current.prise`: the answer has no such field; did you mean `current.price`? | \"current.prise\"",
        ),
        (
            r#"{ "field": "current.price", "present": true }"#,
            "`present` says nothing of a resource as it is now: what is missing there is not known | true",
        ),
    ] {
        assert_eq!(limit(test), [expect], "{test}");
    }
    let found = permit("store:products.create", r#""limits": [{ "field": "current.price", "max": 1 }]"#);
    assert_eq!(
        found,
        [
            "unknown name `current.price`: nothing says how to look `products.create` up as it is now | \"current.price\""
        ]
    );
    let found = permit("store:products.list[category=a]", r#""limits": []"#);
    assert_eq!(
        found,
        [
            "`products.list` cannot be filtered by `category`: no request of it says which resource to look up | name the \
          actions that can, without `*` | \"store:products.list[category=a]\""
        ]
    );
    let found = permit(
        "store:products.update",
        r#""limits": [{ "id": "x", "field": "price", "max": 1 }], "query": { "only": [] }"#,
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn bounds_of_changes() {
    let against = "name the current values to measure it against: `\"against\": [\"price\"]`";
    for (test, expect) in [
        (
            r#"{ "field": "price", "change": {} }"#,
            "`change` needs `percent`, `absolute` or both | \"change\"".to_string(),
        ),
        (
            r#"{ "field": "price", "change": { "percent": "-5" } }"#,
            "the bound of a change is not negative | \"-5\"".into(),
        ),
        (
            r#"{ "sum": "price", "increase": { "percent": "5" } }"#,
            "`increase` belongs to a test of `field` | \"increase\"".into(),
        ),
        (
            r#"{ "field": "price", "change": { "percent": "5", "against": [] } }"#,
            "`against` names nothing | \"against\"".into(),
        ),
        (
            r#"{ "field": "price", "change": { "percent": "5", "against": ["prise"] } }"#,
            "unknown name `current.prise`: the answer has no such field; did you mean `current.price`? | \"prise\""
                .into(),
        ),
        (
            r#"{ "field": "/price", "change": { "percent": "5" } }"#,
            format!("nothing says what `/price` is measured against | {against} | \"change\""),
        ),
        (
            r#"{ "field": "tags/0", "decrease": { "percent": "5" } }"#,
            format!("nothing says what `tags/0` is measured against | {against} | \"decrease\""),
        ),
    ] {
        assert_eq!(limit(test), [expect], "{test}");
    }
    assert_eq!(limit(r#"{ "field": "/price", "change": { "percent": "5", "against": ["price"] } }"#), [""; 0]);
    let found = permit("store:products.create", r#""limits": [{ "field": "price", "change": { "percent": "5" } }]"#);
    assert!(found[0].starts_with("nothing says what `price` of `products.create` is measured against"), "{found:#?}");
    let found = permit(
        "store:orders.create",
        r#""limits": [{ "field": "lines/*/price", "change": { "percent": "5", "against": ["product.price"] } }]"#,
    );
    assert_eq!(
        found,
        ["the lookup `product` is made per element, and a change is measured against one value | \"product.price\""]
    );
}

/// A resource can be in two groups at once: permits of both meet.
#[test]
fn groups_overlap() {
    let page = r#"{ "permit": [
        { "id": "a", "scope": "store:products.update[category=a]", "fields": "any", "approval": "manager" },
        { "id": "b", "scope": "store:products.update[category=b]", "fields": "any" }] }"#;
    let found = diagnosed(&sources_on(STORE, page));
    assert!(found[0].starts_with("`b` and `a` can match the same operation"), "{found:#?}");
}

/// What `on_unavailable` softens asks for an approval: another permit would let it pass.
#[test]
fn on_unavailable_softens() {
    let page = |unavailable: &str| {
        format!(
            r#"{{ {unavailable} "permit": [
                {{ "id": "a", "scope": "store:products.update", "fields": "any", "limits": [{{ "field": "price", "change": {{ "percent": "5" }} }}] }},
                {{ "id": "b", "scope": "store:products.update", "fields": "any", "limits": [{{ "field": "price", "max": 5 }}] }}] }}"#
        )
    };
    assert_eq!(diagnosed(&sources_on(STORE, &page(""))), [""; 0]);
    let found = diagnosed(&sources_on(STORE, &page(r#""on_unavailable": { "approval": "owner" },"#)));
    assert!(found[0].starts_with("`b` and `a` can match the same operation"), "{found:#?}");
    let found = diagnosed(&sources_on(STORE, &page(r#""on_unavailable": { "approval": "boss" },"#)));
    assert!(found.iter().any(|text| text.starts_with("unknown role `boss`")), "{found:#?}");
}
