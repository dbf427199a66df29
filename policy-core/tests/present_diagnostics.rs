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
        (
            r#""get": "products/{id}", "list""#,
            &["the path `products/{id}` does not begin with `/`: write `/products/{id}` | \"products/{id}\""],
        ),
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
        (
            r#""get": "/products/{id}", "pointer": "a", "list""#,
            &["this is not a pointer to one place: write it like `/data`, without `*` | \"a\""],
        ),
        (
            r#""get": "/products/{id}", "each": "/*", "list""#,
            &["this is not a pointer to one place: write it like `/data`, without `*` | \"/*\""],
        ),
        (r#""list""#, &["an address is either `get`, like `/products/{id}`, or `tool`: write one of them | {"]),
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
    assert_eq!(found[0], "`a.b.c` is not a name like `current.price`, the name of a lookup and of a field | \"a.b.c\"");
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
            "`present` says nothing of a resource as it is now: what is missing there is not known | leave `present` out: a test of a value that is not known does not hold | true",
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
            "`change` needs `percent`, `absolute` or both | write `{\"percent\": 5}`, `{\"absolute\": \"5.00\"}` or both | \"change\"".to_string(),
        ),
        (
            r#"{ "field": "price", "change": { "percent": "-5" } }"#,
            "the bound of a change is not negative | write how large the change may be, without a sign; for one direction alone use `increase` or `decrease` | \"-5\"".into(),
        ),
        (
            r#"{ "sum": "price", "increase": { "percent": "5" } }"#,
            "`increase` bounds the change of a `field`, not of a count or a sum | name the value that changes: `\"field\": \"price\"` | \"increase\"".into(),
        ),
        (
            r#"{ "field": "price", "change": { "percent": "5", "against": [] } }"#,
            "`against` names nothing | name current values, like `[\"price\"]`, or leave it out | \"against\"".into(),
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

/// B6: a change is one of numbers.
#[test]
fn changes_of_texts() {
    let text = "say which texts it may be: `\"in\": [\"…\"]`; if its texts are numbers, give the field `\"type\": \"decimal\"` in the catalog";
    for (word, direction) in [("change", "percent"), ("increase", "absolute"), ("decrease", "percent")] {
        assert_eq!(
            limit(&format!(r#"{{ "field": "status", "{word}": {{ "{direction}": 5 }} }}"#)),
            [format!("`{word}` bounds a number, and the catalog says that `status` is a text | {text} | \"{word}\"")]
        );
    }
    let drift = r#""counters": [{ "id": "c", "drift": "net", "field": "status", "max": { "percent": 5 }, "window": "day", "per": ["resource"] }]"#;
    assert_eq!(
        permit("store:products.update", drift),
        [
            "a drift adds up changes of numbers, and the catalog says that `status` is a text | name a field whose type is a number | \"status\""
        ]
    );
}

/// E1: percentages that bound hardly anything, and parts that were written for percentages.
#[test]
fn unusual_percentages() {
    for (change, expect) in [
        (
            r#""change": { "percent": 500 }"#,
            "warning: a change of 500 percent bounds nearly nothing: the value may fall to 0 | write a smaller number, or bound each way by itself: `increase` and `decrease` | 500",
        ),
        (
            r#""change": { "percent": 100 }"#,
            "warning: a change of 100 percent bounds nearly nothing: the value may fall to 0 | write a smaller number, or bound each way by itself: `increase` and `decrease` | 100",
        ),
        (
            r#""decrease": { "percent": 100 }"#,
            "warning: a change of 100 percent bounds nearly nothing: the value may fall to 0, and no value above it falls further | write a smaller number, like 5 | 100",
        ),
        (
            r#""increase": { "percent": "401" }"#,
            "warning: a change of 401 percent bounds nearly nothing: the value may become more than five times as large | write a smaller number, like 5 | \"401\"",
        ),
        (
            r#""change": { "percent": "0.05" }"#,
            "warning: this is 0.05 of one percent, not 5 percent | write 5 for 5 percent | \"0.05\"",
        ),
    ] {
        assert_eq!(limit(&format!(r#"{{ "field": "price", {change} }}"#)), [expect], "{change}");
    }
    for fine in [
        r#""change": { "percent": 99 }"#,
        r#""change": { "percent": 500, "absolute": 5 }"#,
        r#""change": { "percent": 0 }"#,
        r#""change": { "percent": 1 }"#,
        r#""increase": { "percent": 400 }"#,
        r#""decrease": { "percent": 99.5 }"#,
    ] {
        assert_eq!(limit(&format!(r#"{{ "field": "price", {fine} }}"#)), [""; 0], "{fine}");
    }
    let drift = |kind: &str| {
        let counter = format!(
            r#""counters": [{{ "id": "c", "drift": "{kind}", "field": "price", "max": {{ "percent": 150 }}, "window": "day", "per": ["resource"] }}]"#
        );
        permit("store:products.update", &counter)
    };
    // Of changes that add up in both directions more than the whole may be meant.
    assert_eq!((drift("net").len(), drift("gross").len()), (1, 0));
}

/// B8: a total is known of a whole list, so its address says how long a page is.
#[test]
fn totals_ask_for_a_page_size() {
    let get = r#""get": "/orders?product={id}&per_page=3""#;
    let line = "a total needs the whole list, and this address does not say how many elements it asks for: unless the answer says that it is whole, the total is not known";
    for (address, sized) in
        [("/orders?product={id}", "/orders?product={id}&per_page=100"), ("/orders/{id}", "/orders/{id}?per_page=100")]
    {
        assert_eq!(
            catalog(get, &format!(r#""get": "{address}""#)),
            [format!(
                "warning: {line} | add the API's parameter for the size of a page, with no more than it gives at once: `{sized}` | \"{address}\""
            )]
        );
    }
    for size in ["per_page=50", "limit=50", "pageSize=50", "first=50"] {
        assert_eq!(catalog(get, &format!(r#""get": "/orders?product={{id}}&{size}""#)), [""; 0], "{size}");
    }
}
