//! Which rule a method, a host and a path reach (A2, A3, A20; common rules 2 to 4).

mod support;

use support::pages::{permits, shop, shop_page, sources};
use support::{Request, check, check_all, json, policy, request};

/// A2: an endpoint is its method and its whole path template.
#[test]
fn an_endpoint_is_method_and_whole_path() {
    let set = permits(r#"{ "id": "one", "endpoint": "shop:GET /products/{id}" }"#);
    check_all(
        &set,
        &[
            (request("GET /v3/products/42"), "allow one"),
            (request("HEAD /v3/products/42"), "allow one"),
            (request("DELETE /v3/products/42"), "deny: endpoint_not_allowed"),
            (request("GET /v3/products"), "deny: endpoint_not_allowed"),
            (request("GET /v3/products/42/notify"), "deny: endpoint_not_allowed"),
            (request("GET /v3/products/42/more"), "deny: endpoint_not_allowed"),
            (request("GET /products/42"), "deny: endpoint_not_allowed"),
            (request("GET /v3x/products/42"), "deny: endpoint_not_allowed"),
            (request("GET /v2/products/42"), "deny: endpoint_not_allowed"),
            (request("GET /"), "deny: endpoint_not_allowed"),
        ],
    );
}

/// A2: an id is 1 to 20 ASCII digits without a leading zero: the one spelling that a look-up uses too.
#[test]
fn an_id_has_one_spelling() {
    let set = permits(r#"{ "id": "one", "endpoint": "shop:GET /products/{id}" }"#);
    for id in ["1", "42", "12345678901234567890", "%34%32"] {
        check(&set, &request(&format!("GET /v3/products/{id}")), "allow one");
    }
    // What some readers take for a number is told from what is none.
    for id in [
        "042",
        "-1",
        "+1",
        "%E2%88%9242",
        "4.0",
        "4,0",
        "4_2",
        "4e1",
        "0x2A",
        "00",
        "123456789012345678901",
        "%D9%A4%D9%A2",
        "%EF%BC%94",
        "%C2%BD",
        "4%20",
        "%204",
        "%C2%A042",
        "4%E3%80%80",
        "42%3Fx=1",
        "42%2F",
    ] {
        check(&set, &request(&format!("GET /v3/products/{id}")), "deny: path_ambiguous");
        check(&set, &request(&format!("DELETE /v3/products/{id}")), "deny: path_ambiguous");
    }
    for id in ["0", "4a", "a4", "-", "-a", "e1", "x", ".", "2026-sale"] {
        let expect = if id == "." { "deny: path_ambiguous" } else { "deny: endpoint_not_allowed" };
        check(&set, &request(&format!("GET /v3/products/{id}")), expect);
    }
    // Where no rule has a variable, a number is a name like any other.
    check(&set, &request("GET /v3/042"), "deny: endpoint_not_allowed");
    check(&set, &request("GET /v3/products/042/reviews"), "deny: endpoint_not_allowed");
}

/// A2: a path that an encoded `?` or slash takes to a listed one is told from one that is listed nowhere. Source of the
/// reading with `?`: ngx_wasm_module hands a filter the decoded path.
#[test]
fn other_readings_of_a_path_are_named() {
    let set = permits(
        r#"{ "id": "one", "endpoint": ["shop:GET /products/{id}", "shop:GET /products", "shop:GET /pages/{p:text}"] }"#,
    );
    let message = |path: &str| support::judge(&set, &request(&format!("GET {path}"))).reasons[0].message.clone();
    for (path, why) in [
        ("/v3%2Fproducts", "the path holds an encoded slash: decoded, it has other segments"),
        ("/v3%2fproducts%2f42", "the path holds an encoded slash: decoded, it has other segments"),
        ("/v3%2fProducts", "the path holds an encoded slash: decoded, it has other segments"),
        ("/v3/products%3Frest_route=/v3/orders", "the path holds an encoded `?`: decoded, it ends there"),
        ("/v3/products%3F", "the path holds an encoded `?`: decoded, it ends there"),
        ("/v3/products/042", "`042` is not an id in its one spelling"),
        ("/v3/products/042%3F", "`042` is not an id in its one spelling"),
    ] {
        check(&set, &request(&format!("GET {path}")), "deny: path_ambiguous");
        assert!(message(path).ends_with(&format!("; {why}")), "{}", message(path));
    }
    for path in ["/v3%2Fnothing", "/v3/nothing%3F", "/v3/nothing/042", "/%2F", "/v3%2F"] {
        check(&set, &request(&format!("GET {path}")), "deny: endpoint_not_allowed");
    }
    // In a variable that takes any text they are a part of it.
    check(&set, &request("GET /v3/pages/a%3Fb"), "allow one");
    check(&set, &request("GET /v3/pages/042"), "allow one");
}

/// A2: the types of path variables, in the template and in the catalog.
#[test]
fn path_variables_have_types() {
    let set = permits(
        r#"{ "id": "labels", "scope": "shop:files.label" },
           { "id": "any", "endpoint": "shop:GET /tokens/{x:token}" },
           { "id": "tree", "endpoint": "shop:GET /trees/{x:path}" }"#,
    );
    let long = "a".repeat(255);
    for (path, expect) in [
        ("labels/caf%C3%A9%20%26%20more", "allow labels"),
        ("pages/a-b_C9", "allow labels"),
        ("pages/a.b", "deny: endpoint_not_allowed"),
        ("sizes/m", "allow labels"),
        ("sizes/M", "deny: endpoint_not_allowed"),
        ("sizes/xl", "deny: endpoint_not_allowed"),
        ("skus/AB12", "allow labels"),
        ("skus/AB12x", "deny: endpoint_not_allowed"),
        ("skus/AB%D9%A4", "deny: endpoint_not_allowed"),
        ("tokens/a-B_9", "allow any"),
        (&format!("tokens/{long}"), "allow any"),
        (&format!("tokens/{long}a"), "deny: endpoint_not_allowed"),
        ("tokens/a%40b", "deny: endpoint_not_allowed"),
        ("trees/a", "allow tree"),
        ("trees/a/b/c.txt", "allow tree"),
        ("trees", "deny: endpoint_not_allowed"),
    ] {
        check(&set, &request(&format!("GET /v3/{path}")), expect);
    }
}

/// A2, common rule 3: a path that two servers read differently is refused, whatever it would reach.
#[test]
fn a_path_with_two_readings_is_refused() {
    let set = permits(r#"{ "id": "all", "endpoint": ["shop:GET /{rest:path}", "shop:GET /products/{id}"] }"#);
    check(&set, &request("GET /v3/products/42"), "allow all");
    for path in [
        "/v3//products/42",
        "//v3/products/42",
        "/v3/products/42//",
        "/v3/products/42/",
        "/v3/./products/42",
        "/v3/orders/../products/42",
        "/v3/orders/%2e%2E/products/42",
        "/v3/orders/.%2e/products/42",
        "/v3/products%2F42",
        "/v3/products%5c42",
        "/v3/products\\42",
        "/v3/products%252F42",
        "/v3/products/42;a=b",
        "/v3/products/42%00",
        "/v3/products/42%0a",
        "/v3/products/42%7F",
        "/v3/products/42#x",
        "/v3/products/42?a=b#x",
        "/v3/products/42%",
        "/v3/products/42%4",
        "/v3/products/42%zz",
        "/v3/products/%ff",
        "/v3/produkt\u{e9}",
        "/V3/products/42",
        "/v3/Products/42",
        "/v3/%70roducts/42",
        "/%76%33/products/42",
        "http://shop.example.com/v3/products/42",
        "https://evil.example.com/v3/products/42",
        "v3/products/42",
        "*",
        "",
    ] {
        check(&set, &request("GET /").set(":path", Some(path)), "deny: path_ambiguous");
    }
}

/// A1, common rule 4: only six methods are judged, in their one spelling.
#[test]
fn methods_are_exact() {
    let set = permits(r#"{ "id": "all", "scope": "shop:products.*", "fields": "any" }"#);
    for method in ["OPTIONS", "TRACE", "get", "Get", "PROPFIND", "GET ", "", "GET\t", "QUERY"] {
        check(&set, &request("GET /v3/products").set(":method", Some(method)), "deny: endpoint_not_allowed");
    }
    check(&set, &request("GET /v3/products"), "allow all");
    check(&set, &request("GET /v3/products").set(":method", None), "deny: endpoint_not_allowed");
    check(&set, &request("GET /v3/products").set(":method", Some("CONNECT")), "deny: upgrade_not_allowed");
}

/// Common rule 2: the page's hosts, in any case and with the default port; nothing else.
#[test]
fn hosts_are_exact() {
    let set = shop(
        r#"{ "apis": { "shop": { "hosts": ["shop.example.com", "shop.example.com:8443"] } },
             "permit": [{ "id": "list", "scope": "shop:products.list" }] }"#,
    );
    let at = |host: &str| request("GET /v3/products").host(host);
    for host in ["shop.example.com", "SHOP.Example.com", "shop.example.com:443", "shop.example.com:8443"] {
        check(&set, &at(host), "allow list");
    }
    for host in [
        "shop.example.com:80",
        "shop.example.com:0443",
        "shop.example.com.",
        "shop.example.com:",
        "www.shop.example.com",
        "example.com",
        "shop.example.com@evil.example",
        "user@shop.example.com",
        "shop.example.com, evil.example",
        "[::1]",
        "",
    ] {
        check(&set, &at(host), "deny: host_mismatch");
    }
    check(&set, &request("GET /v3/products").set(":authority", None), "deny: host_mismatch");
    check(&set, &request("GET /v3/products").header("host", "shop.example.com:443"), "allow list");
    check(&set, &request("GET /v3/products").header("host", "other.example.com"), "deny: host_mismatch");
}

/// A20: an agent that is released for staging reaches staging hosts only.
#[test]
fn a_page_reaches_the_stages_it_is_released_for() {
    let page = |released: &str| {
        shop(&format!(
            r#"{{ {released} "apis": {{ "shop": {{ "hosts": {{ "staging": ["s.example.com"], "production": ["p.example.com"] }} }} }},
                 "permit": [{{ "id": "list", "scope": "shop:products.list" }}] }}"#
        ))
    };
    let at = |host: &str| request("GET /v3/products").host(host);
    let staging = page(r#""released_for": ["staging"],"#);
    check(&staging, &at("s.example.com"), "allow list");
    check(&staging, &at("p.example.com"), "deny: host_mismatch");
    let both = page("");
    check(&both, &at("s.example.com"), "allow list");
    check(&both, &at("p.example.com"), "allow list");
}

/// A3: a scope names catalog actions: one, a resource's, the reads, the writes.
#[test]
fn scopes_name_actions_by_effect_never_by_method() {
    let no = "deny: endpoint_not_allowed";
    for (rule, expect) in [
        (r#"{ "id": "r", "scope": "shop:products.read" }"#, ["allow r", "allow r", no, no, no]),
        (r#"{ "id": "w", "scope": "shop:products.write" }"#, [no, no, "allow w", "allow w", no]),
        (r#"{ "id": "p", "scope": "shop:products.*" }"#, ["allow p", "allow p", "allow p", "allow p", no]),
        (r#"{ "id": "a", "scope": "shop:*.read" }"#, ["allow a", "allow a", no, no, "allow a"]),
        (r#"{ "id": "l", "scope": ["shop:products.list", "shop:orders.get"] }"#, ["allow l", no, no, no, "allow l"]),
    ] {
        let set = permits(rule);
        let requests = [
            request("GET /v3/products"),
            request("POST /v3/products/search"),
            request("GET /v3/products/1/notify"),
            request("DELETE /v3/products/1"),
            request("GET /v3/orders/1"),
        ];
        for (request, expect) in requests.iter().zip(expect) {
            check(&set, request, expect);
        }
    }
}

/// A1: a wide read does not reach a GET that the catalog knows to have an effect, nor a HEAD on it.
#[test]
fn a_wide_get_is_no_door() {
    let set = permits(r#"{ "id": "wide", "endpoint": "shop:GET /{rest:path}" }"#);
    check(&set, &request("GET /v3/products/1"), "allow wide");
    check(&set, &request("GET /v3/unknown/place"), "allow wide");
    check(&set, &request("GET /v3/products/1/notify"), "deny: endpoint_not_allowed");
    check(&set, &request("HEAD /v3/products/1/notify"), "deny: endpoint_not_allowed");
}

/// Loosened by name, and only there: a trailing slash, an encoded slash.
#[test]
fn slashes_are_loosened_by_name() {
    let set = shop(
        r#"{ "apis": { "shop": { "loosen": { "trailing_slash": "same", "encoded_slash": ["name"] } } },
             "permit": [{ "id": "r", "scope": ["shop:files.label", "shop:files.read"] }] }"#,
    );
    check(&set, &request("GET /v3/pages/a/"), "allow r");
    check(&set, &request("GET /v3/pages/a//"), "deny: path_ambiguous");
    check(&set, &request("GET /v3/labels/a%2Fb"), "allow r");
    check(&set, &request("GET /v3/labels/a%2F..%2Fb"), "deny: path_ambiguous");
    check(&set, &request("GET /v3/files/a%2Fb"), "deny: path_ambiguous");
    check(&set, &request("GET /v3/pages%2Fa"), "deny: path_ambiguous");
}

/// A long path, many segments, many parameters: refused, and soon.
#[test]
fn targets_are_bounded() {
    let set = permits(r#"{ "id": "tree", "endpoint": "shop:GET /trees/{x:path}" }"#);
    let at = |path: String| -> Request { request("GET /").set(":path", Some(&path)) };
    check(&set, &at(format!("/v3/trees{}", "/a".repeat(62))), "allow tree");
    check(&set, &at(format!("/v3/trees{}", "/a".repeat(63))), "deny: path_ambiguous");
    check(&set, &at(format!("/v3/trees/{}", "a".repeat(16 * 1024))), "deny: path_ambiguous");
    check(&set, &at(format!("/v3/trees/a?{}", "a&".repeat(500))), "allow tree");
    check(&set, &at(format!("/v3/trees/a?{}", "a&".repeat(501))), "deny: param_shadow");
}

/// A forbid reaches whatever its path matches, a GET with an effect too; a permit as wide does not.
#[test]
fn a_wide_forbid_reaches_a_get_with_an_effect() {
    for path in ["/products/{rest:path}", "/products/{id}/{what:text}", "/{rest:path}"] {
        let set = shop(&format!(
            r#"{{ "permit": [{{ "id": "p", "scope": ["shop:products.notify", "shop:orders.refund"] }}],
                 "forbid": [{{ "id": "f", "endpoint": "shop:GET {path}" }}] }}"#
        ));
        check(&set, &request("GET /v3/products/1/notify"), "deny f: forbidden");
        check(&set, &request("HEAD /v3/products/1/notify"), "deny f: forbidden");
        let permit = permits(&format!(r#"{{ "id": "w", "endpoint": "shop:GET {path}" }}"#));
        check(&permit, &request("GET /v3/products/1/notify"), "deny: endpoint_not_allowed");
    }
    let exact = permits(r#"{ "id": "e", "endpoint": "shop:GET /products/{x}/notify" }"#);
    check(&exact, &request("GET /v3/products/1/notify"), "allow e");
}

/// Where a variable may hold an encoded slash, an upstream may read a plain one there: a forbid sees both readings.
#[test]
fn an_encoded_slash_is_read_as_a_plain_one_for_forbids() {
    for forbid in [
        r#""endpoint": "shop:GET /files/secret/{x:path}""#,
        r#""endpoint": "shop:GET /files/secret/{x:text}""#,
        r#""endpoint": "shop:GET /files/secret/a""#,
    ] {
        let set = shop(&format!(
            r#"{{ "apis": {{ "shop": {{ "loosen": {{ "encoded_slash": ["file"] }} }} }},
                 "permit": [{{ "id": "p", "scope": "shop:files.read" }}], "forbid": [{{ "id": "f", {forbid} }}] }}"#
        ));
        check(&set, &request("GET /v3/files/secret/a"), "deny f: forbidden");
        for path in ["secret%2Fa", "secret%2fa"] {
            check(&set, &request(&format!("GET /v3/files/{path}")), "deny f: path_ambiguous");
            check(&set, &request(&format!("HEAD /v3/files/{path}")), "deny f: path_ambiguous");
        }
        check(&set, &request("GET /v3/files/open%2Fa"), "allow p");
    }
}

/// The other readings of an encoded slash hold empty segments and other letter cases too.
#[test]
fn every_reading_of_an_encoded_slash_meets_a_forbid() {
    let set = shop(
        r#"{ "apis": { "shop": { "loosen": { "encoded_slash": ["file"] } } }, "permit": [{ "id": "p", "scope": "shop:files.read" }],
             "forbid": [{ "id": "f", "endpoint": "shop:GET /files/secret/{x}" }, { "id": "g", "endpoint": "shop:GET /files/hidden" }] }"#,
    );
    for path in ["secret%2F1", "secret%2F1%2F", "%2Fsecret%2F1", "secret%2F%2F1"] {
        check(&set, &request(&format!("GET /v3/files/{path}")), "deny f: path_ambiguous");
    }
    check(&set, &request("GET /v3/files/hidden%2F"), "deny g: path_ambiguous");
    check(&set, &request("GET /v3/files/Secret%2F1"), "deny: path_ambiguous");
    check(&set, &request("GET /v3/files/open%2F1"), "allow p");
}

/// With a plain slash a path may lie below another API of the same host: its forbids are seen.
#[test]
fn an_encoded_slash_into_another_api_meets_its_forbids() {
    let set = policy(&sources(&[shop_page(
        r#"{ "apis": { "shop": { "loosen": { "encoded_slash": ["x"] } }, "db": { "catalog": "postgrest", "hosts": ["shop.example.com"] } },
             "permit": [{ "id": "q", "endpoint": "shop:GET //{x:path}" }, { "id": "r", "scope": "db:rows.insert[table=a]" }],
             "forbid": [{ "id": "f", "scope": "db:rows.read" }] }"#,
    )]));
    check(&set, &request("GET /rest/v1/secret"), "deny f: forbidden");
    check(&set, &request("GET /rest%2Fv1%2Fsecret"), "deny f: path_ambiguous");
}

/// A2: a variable of one segment does not stand for a literal that another endpoint has at its place; a path does.
#[test]
fn a_variable_stands_for_no_literal_of_another_endpoint() {
    let refused = "deny: endpoint_not_allowed";
    for (endpoint, search) in [
        ("POST /products/{what:token}", refused),
        ("POST /products/{what:text}", refused),
        ("POST /products/{rest:path}", "allow p"),
        ("POST /products/search", "allow p"),
    ] {
        let set = permits(&format!(r#"{{ "id": "p", "endpoint": "shop:{endpoint}", "fields": "any" }}"#));
        check(&set, &json("POST /v3/products/search", "{}"), search);
    }
    // A forbid reaches what its path matches.
    let set = shop(
        r#"{ "permit": [{ "id": "p", "scope": "shop:products.search" }], "forbid": [{ "id": "f", "endpoint": "shop:POST /products/{what:token}" }] }"#,
    );
    check(&set, &json("POST /v3/products/search", "{}"), "deny f: forbidden");
}

/// A2, A3: a path that a rule spells hides no endpoint of the catalog: only what the catalog lists is one of its own.
#[test]
fn a_path_that_a_rule_spells_hides_no_endpoint() {
    let set = permits(
        r#"{ "id": "r", "endpoint": "shop:GET /products/1/{rest:path}" }, { "id": "n", "scope": "shop:products.notify" }"#,
    );
    check(&set, &request("GET /v3/products/1/notify"), "allow n");
    check(&set, &request("GET /v3/products/2/notify"), "allow n");
    check(&set, &request("GET /v3/products/2/other"), "deny: endpoint_not_allowed");
}
