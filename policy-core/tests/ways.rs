//! Ways past a gateway: requests that one reader on the way takes for something else than the next (A1, A2, common
//! rules 2 to 11). Each is named by what it does; the upstreams that it works on are named where they are known. What the
//! rules of a page close (fields, limits, forbids) is in the files about those.

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::SourceKind;
use support::catalogs::SHOP;
use support::pages::{permits, shop, shop_page, sources, tables};
use support::{Request, check, check_all, json, policy, request, source};

/// A shop on PHP whose agent reads products, and writes their price and name, alone or in a batch.
fn set() -> Arc<PolicySet> {
    permits(
        r#"{ "id": "r", "scope": "shop:products.read" },
           { "id": "w", "scope": "shop:products.update", "fields": { "only": ["price", "name"] } }"#,
    )
}

fn get() -> Request {
    request("GET /v3/products/1")
}

fn put(body: &str) -> Request {
    json("PUT /v3/products/1", body)
}

/// The verb is not the verb. WordPress takes it from `_method` or `X-HTTP-Method-Override` on whatever came, PHP's
/// spellings of the name included; Rack, Symfony, ASP.NET and Google's front ends know others.
#[test]
fn a_method_in_another_place() {
    let set = set();
    for line in ["GET /v3/products/1", "HEAD /v3/products/1", "POST /v3/products/1", "DELETE /v3/products/1"] {
        for query in [
            "_method=DELETE&force=true",
            "_method=delete",
            "_method=GET",
            "a=1&_method=GET&_method=DELETE",
            ".method=DELETE",
            "%20_method=DELETE",
            "_method%00x=DELETE",
            "%5Fmethod=DELETE",
            "_HttpMethod=DELETE",
            "$httpMethod=DELETE",
        ] {
            check(&set, &request(&format!("{line}?{query}")), "deny: method_override");
        }
        for name in ["X-HTTP-Method-Override", "X_HTTP_Method_Override", "X-HTTP-Method", "X-Method-Override"] {
            check(&set, &request(line).header(name, "DELETE"), "deny: method_override");
            check(&set, &request(line).header(name, "GET").header(name, "DELETE"), "deny: method_override");
        }
    }
    for method in ["OPTIONS", "TRACE", "get", "GET ", " GET", "GET\t", "GET /x", "GET\r\n"] {
        let refused = support::judge(&set, &get().set(":method", Some(method)));
        assert_eq!(refused.reasons[0].code.text(), "endpoint_not_allowed", "{method}");
    }
}

/// The route is not the route. WordPress prefers `rest_route` to the path, from the query and from a form, and answers
/// for any of its front-end URLs.
#[test]
fn a_route_in_another_place() {
    let set = set();
    for name in ["rest_route", "rest.route", "rest+route", "rest[route", "rest%5Froute", "rest_route[]", "+rest_route"]
    {
        check(&set, &request(&format!("GET /v3/products/1?{name}=/v3/orders")), "deny r: route_override");
        check(&set, &json(&format!("PUT /v3/products/1?{name}=/v3/orders"), "{}"), "deny w: route_override");
    }
    check(&set, &request("GET /v3/products/1?rest_route=/v3/orders/9%0A"), "deny r: route_override");
    check(&set, &request("GET /v3/products/1?rest_route%00x=/v3/orders"), "deny: param_shadow");
    for path in ["/?rest_route=/v3/products", "/index.php?rest_route=/v3/products", "/hello?rest_route=/x"] {
        check(&set, &request(&format!("GET {path}")), "deny: endpoint_not_allowed");
    }
    check(&set, &request("GET /index.php/v3/products"), "deny: endpoint_not_allowed");
    for (name, value) in [("X-Original-URL", "/v3/orders"), ("x_rewrite_url", "/"), ("X-Forwarded-Prefix", "/v2")] {
        check(&set, &get().header(name, value), "deny: route_override");
    }
    for line in ["PUT /v3/products/1", "POST /v3/products/1"] {
        let form = request(line).header("content-type", "application/x-www-form-urlencoded");
        check(&set, &form.body("rest_route=/v3/orders/7&title=x"), "deny w: content_type");
        let parts = request(line).header("content-type", "multipart/form-data; boundary=b");
        let part = "--b\r\nContent-Disposition: form-data; name=\"rest_route\"\r\n\r\n/v3/orders/7\r\n--b--\r\n";
        check(&set, &parts.body(part), "deny w: content_type");
    }
}

/// Case variants, encoded letters and slashes, dot segments, empty segments: servers and proxies normalise some and not
/// others, in their own order.
#[test]
fn a_path_that_somebody_normalises() {
    let set = set();
    for path in [
        "/v3/PRODUCTS/1",
        "/V3/products/1",
        "/v3/%70roducts/1",
        "/%763/products/1",
        "/v3%2fproducts%2f1",
        "/v3/products%2F1",
        "/v3/x/../products/1",
        "/v3/x/%2e%2e/products/1",
        "/v3/x/.%2E/products/1",
        "/v3/x/%252e%252e/products/1",
        "/v3/./products/1",
        "//v3/products/1",
        "/v3//products/1",
        "/v3/products/1/",
        "/v3/products/1//",
        "/v3/products/1\\",
        "/v3/products/1%5c",
        "/v3/products/1%0a",
        "/v3/products/1%00",
        "/v3/products/1;v=2",
        "/v3/products;v=2/1",
        "/v3/products/1#x",
        "/v3/products/\u{664}\u{662}",
        "/v3/products/%D9%A4%D9%A2",
        "/v3/products/%EF%BC%91",
        "/v3/products/01",
        "/v3/products/1.0",
        "/v3/products/1e0",
        "/v3/products/+1",
        "/v3/products/1%20",
        "/v3/products/1%3F_method=DELETE",
        "/v3/products%3Frest_route=/v3/orders",
        " /v3/products/1",
        "/v3/products/1 ",
        "/v3/products/1\t",
        "/v3/products/1 HTTP/1.1\r\nx: y",
        "http://shop.example.com/v3/products/1",
        "//shop.example.com/v3/products/1",
        "*",
    ] {
        check(&set, &get().set(":path", Some(path)), "deny: path_ambiguous");
        check(&set, &put("{}").set(":path", Some(path)), "deny: path_ambiguous");
    }
    // A prefix of a listed path, and a longer one, are other paths; so are other versions.
    for path in ["/v3/product", "/v3/productsx", "/v3/products/1/more", "/v3x/products/1", "/v2/products/1", "/v3"] {
        check(&set, &request(&format!("GET {path}")), "deny: endpoint_not_allowed");
    }
}

/// A forbid by path holds for what a server without regard to case reads there.
#[test]
fn a_case_variant_does_not_pass_by_a_forbid() {
    let set = shop(
        r#"{ "permit": [{ "id": "p", "scope": "shop:files.read" }],
             "forbid": [{ "id": "f", "endpoint": "shop:GET /files/private/{rest:path}" }] }"#,
    );
    check(&set, &request("GET /v3/files/private/a"), "deny f: forbidden");
    for path in ["Private/a", "PRIVATE/a", "%70rivate/a", "privat%65/a"] {
        check(&set, &request(&format!("GET /v3/files/{path}")), "deny: path_ambiguous");
    }
    check(&set, &request("GET /v3/files/public/a"), "allow p");
}

/// `\d` of Unicode, and `$` before a final line end, are a pattern's own ways round.
#[test]
fn patterns_are_ascii_and_end_where_the_value_ends() {
    let catalog = SHOP.replacen(r#""sku": "[A-Z]{2}[0-9]{1,4}""#, r#""sku": "\\d{1,4}""#, 1);
    let mut documents = sources(&[shop_page(
        r#"{ "permit": [{ "id": "s", "endpoint": "shop:GET /skus/{sku}" },
                        { "id": "w", "scope": "shop:products.update", "fields": { "only": ["name"] },
                          "limits": [{ "field": "name", "pattern": "\\w+$" }] },
                        { "id": "l", "scope": "shop:products.list", "limits": [{ "field": "query.q", "pattern": "[a-z]+" }] }] }"#,
    )]);
    documents[1] = source(SourceKind::Catalog, catalog);
    let set = policy(&documents);
    check(&set, &request("GET /v3/skus/42"), "allow s");
    check(&set, &request("GET /v3/skus/%D9%A4%D9%A2"), "deny: path_ambiguous");
    check(&set, &request("GET /v3/skus/four"), "deny: endpoint_not_allowed");
    check(&set, &put(r#"{"name":"abc"}"#), "allow w");
    for name in ["abc\\n", "\\u0664", "ab c", "\\u00e9"] {
        check(&set, &put(&format!(r#"{{"name":"{name}"}}"#)), "deny w: value_format /name");
    }
    check(&set, &request("GET /v3/products?q=abc"), "allow l");
    for value in ["abc%0a", "abc%0d", "a%C3%A9", ""] {
        check(&set, &request(&format!("GET /v3/products?q={value}")), "deny l: value_format");
    }
}

/// Two hosts, a host in the target, user information, odd ports and spellings.
#[test]
fn a_host_that_somebody_reads_differently() {
    let set = set();
    for host in [
        "evil.example",
        "shop.example.com.",
        "shop.example.com:444",
        "shop.example.com:00443",
        "shop.example.com@evil.example",
        "evil.example@shop.example.com",
        "shop.example.com#",
        "shop.example.com/",
        "shop.example.com evil.example",
        " shop.example.com",
        "shop.example.com\t",
        "sh\u{f6}p.example.com",
        "xn--shp-tna.example.com",
        "shop.example.com,evil.example",
        "",
    ] {
        check(&set, &get().host(host), "deny: host_mismatch");
    }
    check(&set, &get().header("host", "evil.example"), "deny: host_mismatch");
    for twice in [":authority", "host"] {
        let two = get().header("host", "shop.example.com").header(twice, "shop.example.com");
        check(&set, &two, "deny: header_not_allowed");
    }
    for name in ["X-Forwarded-Host", "X-Host", "x_forwarded_host", "X-Original-Host"] {
        check(&set, &get().header(name, "evil.example"), "deny: host_mismatch");
        check(&set, &get().header(name, "shop.example.com, evil.example"), "deny: host_mismatch");
    }
    check(&set, &get().header("forwarded", "host=evil.example"), "deny: host_mismatch");
    check(&set, &get().set(":path", Some("https://evil.example/v3/products/1")), "deny: path_ambiguous");
}

/// HTTP/2's pseudo-headers: twice, unknown, or with more in them than their name says.
#[test]
fn pseudo_headers() {
    let set = set();
    for name in [":method", ":path", ":authority", ":scheme"] {
        check(&set, &get().header(name, "a").header(name, "b"), "deny: header_not_allowed");
    }
    for scheme in ["http", "https"] {
        check(&set, &get().header(":scheme", scheme), "allow r");
    }
    for scheme in ["https://evil.example/v3/orders?", "HTTPS", "ftp", "http ", "", "http\r\nx: y"] {
        check(&set, &get().header(":scheme", scheme), "deny: path_ambiguous");
    }
    for name in [":status", ":x", ":x-http-method-override", ":host"] {
        check(&set, &get().header(name, "1"), "deny: header_not_allowed");
    }
    check(&set, &get().header(":protocol", "websocket"), "deny: upgrade_not_allowed");
    for name in ["", ":", "a b", "a:b", "a\0", "x-\u{e9}", "x\r\ny"] {
        check(&set, &get().header(name, "1"), "deny: header_not_allowed");
    }
}

/// After an upgrade the connection is a tunnel; a header that `Connection` names is dropped on the way.
#[test]
fn a_connection_that_becomes_another() {
    let set = set();
    let h2c = get().header("Connection", "Upgrade, HTTP2-Settings").header("Upgrade", "h2c");
    check(&set, &h2c.header("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"), "deny: upgrade_not_allowed");
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "x-agent"),
        ("connection", "close, authorization"),
        ("proxy-connection", "x-agent"),
        ("http2-settings", ""),
    ] {
        check(&set, &get().header(name, value), "deny: upgrade_not_allowed");
    }
    check(&set, &get().set(":method", Some("CONNECT")), "deny: upgrade_not_allowed");
}

/// Where a body ends: two announcements, one twice, an encoding that is none. `Expect` changes nothing.
#[test]
fn framing_in_two_ways() {
    let set = set();
    let body = r#"{"price":1}"#;
    let length = || put(body).header("content-length", "11");
    check(&set, &length(), "allow w");
    check(&set, &length().header("expect", "100-continue"), "allow w");
    check(&set, &length().header("expect", "100-continue").body(r#"{"stock":1}"#), "deny w: field_not_allowed /stock");
    check(&set, &length().header("content-length", "11"), "deny: header_not_allowed");
    for (name, value) in [("transfer-encoding", "chunked"), ("transfer-encoding", "identity")] {
        check(&set, &length().header(name, value), "deny: body_unparsable");
    }
    let chunked = || put(body).header("transfer-encoding", "chunked");
    check(&set, &chunked().header("transfer-encoding", "chunked"), "deny: header_not_allowed");
    for value in ["xchunked", "chunked, identity", "\u{b}chunked", ""] {
        let refused = support::judge(&set, &put(body).header("transfer-encoding", value));
        assert_eq!(refused.reasons[0].code.text(), "body_unparsable", "{value:?}");
    }
    check(&set, &chunked().header("transfer_encoding", "identity"), "deny: header_not_allowed");
    check(&set, &length().header("content_length", "1"), "deny: header_not_allowed");
}

/// A body on a read: WordPress, Elasticsearch and others take parameters from it.
#[test]
fn a_read_with_a_body() {
    let set = set();
    for line in ["GET /v3/products/1", "HEAD /v3/products/1"] {
        check(&set, &json(line, r#"{"id":77}"#), "deny: body_on_read");
        check(&set, &request(line).body("id=77"), "deny: body_on_read");
        check(&set, &request(line).header("content-length", "0"), "allow r");
    }
}

/// The label is not the format: PHP reads forms, WordPress any type with `json` in it, PostgREST what has no label.
#[test]
fn a_body_under_another_label() {
    let set = set();
    let labelled = |label: &str, body: &str| request("PUT /v3/products/1").header("content-type", label).body(body);
    for (label, body) in [
        ("text/plain", r#"{"price":1}"#),
        ("text/plain, application/json", r#"{"price":1}"#),
        ("application/json, text/plain", r#"{"price":1}"#),
        ("application/vnd.api+json", r#"{"price":1}"#),
        ("application/x-www-form-urlencoded", "price=1"),
        ("application/xml", "<price>1</price>"),
        ("text/csv", "price\n1"),
        ("application/jsonx", r#"{"price":1}"#),
        ("json", r#"{"price":1}"#),
    ] {
        check(&set, &labelled(label, body), "deny w: content_type");
    }
    check(&set, &request("PUT /v3/products/1").body("price=1"), "deny w: content_type");
    check(&set, &labelled("application/json", "price=1"), "deny: body_unparsable");
    check(&set, &labelled("application/json; charset=utf-16", r#"{"price":1}"#), "deny w: charset");
    let twice = labelled("application/json", r#"{"price":1}"#).header("Content-Type", "text/plain");
    check(&set, &twice, "deny: header_not_allowed");
}

/// A body that says it is compressed, and one that only says so: PHP ignores the header and reads what came.
#[test]
fn a_body_that_only_says_it_is_compressed() {
    let set = set();
    for encoding in ["gzip", "x-gzip", "deflate", "br", "zstd", "identity, identity", "GZIP"] {
        check(&set, &put(r#"{"price":1}"#).header("content-encoding", encoding), "deny w: content_encoding");
    }
    let loosened = shop(
        r#"{ "apis": { "shop": { "loosen": { "gzip": true } } },
             "permit": [{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price", "name"] } }] }"#,
    );
    check(&loosened, &put(r#"{"price":1}"#).header("content-encoding", "gzip"), "deny: content_encoding");
}

/// One name, two values: by JSON's reader first or last, by folding case, by an escape, behind a NUL.
#[test]
fn names_that_two_readers_pair_differently() {
    let set = set();
    for (body, expect) in [
        (r#"{"price":104,"price":1}"#, "deny: body_duplicate_key"),
        (r#"{"price":104,"\u0070rice":1}"#, "deny: body_duplicate_key"),
        (r#"{"price":104,"Price":1}"#, "deny w: field_not_allowed /Price"),
        (r#"{"price":104,"price\u0000":1}"#, "deny w: field_not_allowed /price\u{fffd}"),
        (r#"{"price":104,"__proto__":{"price":1}}"#, "deny w: field_not_allowed /__proto__"),
        (r#"{"price":104,"constructor":1}"#, "deny w: field_not_allowed /constructor"),
        (r#"{"price":104,"price ":1}"#, "deny w: field_not_allowed /price "),
        (r#"{"price":104,"price[]":1}"#, "deny w: field_not_allowed /price[]"),
    ] {
        check(&set, &put(body), expect);
    }
}

/// Prices as WooCommerce's `wc_format_decimal` would take them: a number is spelled in one way or refused.
#[test]
fn numbers_that_are_read_in_two_ways() {
    let set = set();
    for price in ["104", "104.00", "0.5"] {
        check(&set, &put(&format!(r#"{{"price":"{price}"}}"#)), "allow w");
    }
    for price in [
        "5e1",
        "1.5e2",
        "1,000.00",
        "19.99.00",
        "19,99",
        "99 (was 120)",
        "1-99.99",
        "1%309.99",
        "<b>1</b>9.99",
        "\u{ff11}\u{ff19}",
        "\u{661}\u{669}",
        "\u{2212}1",
        "1\u{a0}000",
        "\u{bd}",
        "1e400",
        "NaN",
        "0x10",
        "+1",
        " 1",
        "1 ",
        ".5",
        "1.",
        "",
        "99999999999999999999",
    ] {
        check(&set, &put(&format!(r#"{{"price":"{price}"}}"#)), "deny w: value_format /price");
    }
    for price in ["null", "true", "5e1", "[1]", "{}"] {
        assert!(!support::judge(&set, &put(&format!(r#"{{"price":{price}}}"#))).forward, "{price}");
    }
    check(&set, &put(r#"{"price":9007199254740993}"#), "deny w: value_format /price");
}

/// Parameters from two places: WordPress prefers the body to the query to the path, and fills a batch from its query.
#[test]
fn one_source_of_parameters() {
    let set = permits(
        r#"{ "id": "r", "scope": "shop:products.read" },
           { "id": "w", "scope": "shop:products.update", "fields": { "only": ["price", "id"] } }"#,
    );
    for id in ["77", "\"77\"", "77.0", "\"077\"", "null", "[1]", "1.0"] {
        let refused = support::judge(&set, &put(&format!(r#"{{"id":{id},"price":"41.00"}}"#)));
        assert!(refused.reasons.iter().any(|reason| reason.code.text() == "param_shadow"), "{id}: {refused:?}");
    }
    check(&set, &put(r#"{"id":1,"price":"41.00"}"#), "allow w");
    for query in ["id=77", "id=77e0", "%69d=77", "id[]=77", "+id=77"] {
        check(&set, &request(&format!("GET /v3/products/1?{query}")), "deny r: param_shadow");
        check(&set, &json(&format!("PUT /v3/products/1?{query}"), r#"{"price":1}"#), "deny w: param_shadow");
    }
    for query in ["price=0.01", "sale=0.01", "price[]=1", "consumer_key=x", "key=x", "oauth_token=x"] {
        check(&set, &json(&format!("PUT /v3/products/1?{query}"), r#"{"price":1}"#), "deny w: param_shadow");
    }
    for query in ["delete[]=42", "delete%5B%5D=42", "update[0][id]=1"] {
        let batch = json(&format!("POST /v3/products/batch?{query}"), r#"{"update":[{"id":1,"price":1}]}"#);
        check(&set, &batch, "deny w: param_shadow");
    }
    check(&set, &request("GET /v3/products?key=x"), "deny r: param_shadow");
}

/// `;` ends a parameter for some readers (CGI.pm, Java, older Rack and Python): a write is refused, whatever the API;
/// a read where a guarded name would begin there.
#[test]
fn a_semicolon_in_the_query() {
    let php = set();
    check(&php, &request("GET /v3/products?a=1;b=2"), "deny r: param_shadow");
    check(&php, &request("GET /v3/products?a=1%3Bb=2"), "allow r");
    let rows = tables(
        r#"{ "permit": [{ "id": "r", "scope": "db:rows.read[table=t]" },
             { "id": "u", "scope": "db:rows.update[table=t]", "query": { "only": ["id", "select"] }, "fields": "any" }] }"#,
    );
    check_all(
        &rows,
        &[
            (request("GET /rest/v1/t?a=eq.1;b"), "allow r"),
            (request("GET /rest/v1/t?a=eq.1;apikey=x"), "deny r: param_shadow"),
            (request("GET /rest/v1/t?a;apikey=x"), "deny r: param_shadow"),
            (request("GET /rest/v1/t?a=eq.1;apikeys=x"), "allow r"),
            (request("GET /rest/v1/t?a=eq.1%3Bapikey=x"), "allow r"),
            (json("PATCH /rest/v1/t?id=eq.1", r#"{"a":1}"#), "allow u"),
            (json("PATCH /rest/v1/t?id=eq.1;id=gt.0", r#"{"a":1}"#), "deny u: param_shadow"),
            (json("PATCH /rest/v1/t?id=eq.1%3Bx", r#"{"a":1}"#), "allow u"),
        ],
    );
}

/// A header that a rule reads says one thing: once, in its own name, in visible ASCII.
#[test]
fn a_header_that_a_rule_reads() {
    let set = permits(
        r#"{ "id": "r", "scope": "shop:products.read", "headers": { "require": ["x-version"] },
             "limits": [{ "field": "header.x-version", "in": ["3"] }] }"#,
    );
    check(&set, &get().header("x-version", "3"), "allow r");
    check(&set, &get().header("X-Version", " 3 "), "allow r");
    for value in [&b"2"[..], b"3, 2", b"\xff", b"3\xff", b"3\r\n", b"3\0", b""] {
        assert!(!support::judge(&set, &get().header("x-version", value)).forward, "{value:?}");
    }
    for more in ["x-version", "X-VERSION", "x_version"] {
        assert!(!support::judge(&set, &get().header("x-version", "3").header(more, "3")).forward, "{more}");
    }
    assert!(!support::judge(&set, &get().header("x_version", "3")).forward);
    // Tenant, schema and the like are guarded by the catalog: listed or refused.
    let plain = self::set();
    for name in ["x-tenant", "X-Tenant", "x_tenant", "prefer"] {
        check(&plain, &get().header(name, "a"), "deny r: header_not_allowed");
    }
    // A part of a write, and names that agents like to use for themselves.
    check(&plain, &put(r#"{"price":1}"#).header("range", "bytes=0-1"), "deny: header_not_allowed");
    for name in ["x-agent-name", "x-consumer-username", "x-forwarded-client-cert", "baggage"] {
        check(&plain, &get().set("x-agent", Some("nobody")).header(name, "agent"), "deny: unknown_agent");
    }
}

/// Lists of rows that PHP takes from an object, keys beside them, rows that are none, one resource in two spellings.
#[test]
fn a_batch_that_is_shaped_otherwise() {
    let set = permits(
        r#"{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price"] } },
           { "id": "d", "scope": "shop:products.delete" }"#,
    );
    let batch = |body: &str| json("POST /v3/products/batch", body);
    check(&set, &batch(r#"{"update":[{"id":1,"price":1},{"id":"2","price":1}],"delete":[3]}"#), "allow d");
    for (body, expect) in [
        (r#"{"update":{"0":{"id":1,"price":1}}}"#, "deny: batch_shape /update"),
        (r#"{"delete":{"a":42}}"#, "deny: batch_shape /delete"),
        (r#"{"update":[{"id":1,"price":1}],"Delete":[1]}"#, "deny: batch_shape /Delete"),
        (r#"{"update":[[{"id":1,"price":1}]]}"#, "deny: batch_shape /update/0"),
        (r#"{"update":[{"id":1,"price":1},{"id":"1","price":2}]}"#, "deny: duplicate_target"),
        (r#"{"update":[{"id":1,"price":1}],"delete":["1"]}"#, "deny: duplicate_target"),
        (r#"{"update":[{"id":1.0,"price":1}]}"#, "deny: value_format /update/0"),
        (r#"{"delete":["42abc"]}"#, "deny: value_format /delete/0"),
        (r#"{"delete":[" 42"]}"#, "deny: value_format /delete/0"),
        (r#"{"create":[{"price":1}]}"#, "deny: endpoint_not_allowed"),
    ] {
        check(&set, &batch(body), expect);
    }
}
