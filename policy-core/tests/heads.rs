//! Identity, headers and the query (A1, B1; common rules 4, 6, 9 and 11).

mod support;

use policy_core::compile::SourceKind;
use policy_core::{Step, Timestamp, evaluate};
use support::catalogs::SHOP;
use support::pages::{permits, shop, shop_page, sources};
use support::{Request, check, check_all, json, judge, policy, request, source};

const READ_AND_WRITE: &str = r#"{ "id": "r", "scope": "shop:products.read" },
    { "id": "w", "scope": "shop:products.update", "fields": { "only": ["price"] } }"#;

fn write(query: &str) -> Request {
    json(&format!("PUT /v3/products/1{query}"), r#"{"price":1}"#)
}

fn read(query: &str) -> Request {
    request(&format!("GET /v3/products/1{query}"))
}

/// B1: the agent is who the gateway's header names: one value, of visible ASCII, with a page.
#[test]
fn the_identity_header_names_one_known_agent() {
    let set = permits(READ_AND_WRITE);
    check(&set, &read(""), "allow r");
    for agent in [None, Some(""), Some("nobody"), Some("Agent"), Some("agent, agent"), Some("agent2")] {
        check(&set, &read("").set("x-agent", agent), "deny: unknown_agent");
    }
    check(&set, &read("").header("x-agent", "agent"), "deny: unknown_agent");
    check(&set, &read("").set("x-agent", None).header("x-agent", b"ag\xffent"), "deny: unknown_agent");
    check(&set, &read("").set("x-agent", None).header("X-Agent", "agent"), "allow r");
}

/// B1: one agent's page says nothing of another's requests.
#[test]
fn each_agent_has_its_own_page() {
    let other = shop_page(r#"{ "agent": { "name": "other" }, "permit": [{ "id": "o", "scope": "shop:orders.get" }] }"#);
    let one = shop_page(&format!(r#"{{ "permit": [{READ_AND_WRITE}] }}"#));
    let set = policy(&sources(&[one, other]));
    check(&set, &read(""), "allow r");
    check(&set, &read("").set("x-agent", Some("other")), "deny: endpoint_not_allowed");
    check(&set, &request("GET /v3/orders/1").set("x-agent", Some("other")), "allow o");
}

/// B1: a token is known by its SHA-256; the first source that is present decides.
#[test]
fn tokens_name_agents() {
    // printf %s s3cret | sha256sum
    let gateway = r#"{ "ambit": "gateway-v1", "unknown_agent": "not_an_agent", "identity": [{ "header": "x-agent" },
        { "token": { "header": "authorization",
          "sha256": { "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0": "agent" } } }] }"#;
    let mut sources = sources(&[shop_page(&format!(r#"{{ "permit": [{READ_AND_WRITE}] }}"#))]);
    sources[0] = source(SourceKind::Gateway, gateway);
    let set = policy(&sources);
    let with = |value: &str| read("").set("x-agent", None).header("authorization", value);
    for value in ["Bearer s3cret", "bearer s3cret", "token s3cret", "s3cret"] {
        check(&set, &with(value), "allow r");
    }
    check(&set, &with("Bearer other"), "deny: unknown_agent");
    check(&set, &with("Bearer s3cret").header("x-agent", "nobody"), "deny: unknown_agent");
    check(&set, &with("Bearer s3cret").header("authorization", "Bearer s3cret"), "deny: unknown_agent");
    let nobody = judge(&set, &read("").set("x-agent", None));
    assert!(nobody.not_an_agent && nobody.forward && nobody.agent.is_none());
}

/// E1: a page holds from its first moment to the moment before its end.
#[test]
fn a_page_is_valid_for_a_time() {
    let set = permits(READ_AND_WRITE);
    for (now, allowed) in [
        ("2026-10-31T23:59:59.999999999Z", false),
        ("2026-11-01T00:00:00Z", true),
        ("2026-11-30T23:59:59.999999999Z", true),
        ("2026-12-01T00:00:00Z", false),
    ] {
        let Step::Done(outcome) = evaluate(&set, read("").head(), Timestamp::parse(now).unwrap()) else {
            panic!("a request without body is judged at once");
        };
        assert_eq!(outcome.forward, allowed, "{now}");
        if !allowed {
            assert_eq!(outcome.reasons[0].code.text(), "not_valid_now");
        }
    }
}

/// A1, common rule 4: any method override is refused, on reads and writes, whatever its value.
#[test]
fn method_overrides_are_refused() {
    let set = permits(READ_AND_WRITE);
    for name in [
        "X-HTTP-Method-Override",
        "x_http_method_override",
        "X-Http_Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "HTTP-Method-Override",
        "X-Forwarded-Method",
    ] {
        for value in ["DELETE", "GET", ""] {
            check(&set, &read("").header(name, value), "deny: method_override");
            check(&set, &write("").header(name, value), "deny: method_override");
        }
    }
    for query in [
        "_method=DELETE",
        "_method",
        ".method=x",
        "%20_method=x",
        "+_method=x",
        "%5fmethod=x",
        "[method=x",
        "_method%00x=DELETE",
    ] {
        check(&set, &read(&format!("?{query}")), "deny: method_override");
    }
    for query in [
        "_HttpMethod=DELETE",
        "$httpMethod=DELETE",
        "$HTTPMETHOD=DELETE",
        "%24httpMethod=DELETE",
        "$httpHeaders=X-HTTP-Method-Override:DELETE",
        "X-HTTP-Method-Override=DELETE",
        "x_http_method_override=DELETE",
        "_METHOD=DELETE",
    ] {
        check(&set, &read(&format!("?{query}")), "deny: method_override");
        check(&set, &write(&format!("?{query}")), "deny: method_override");
    }
    check(&set, &read("?a=1&_method[]=DELETE"), "deny: method_override");
    check(&set, &read("?method=DELETE"), "allow r");
}

/// Common rules 2, 9 and 11: headers that replace the route, the host or the connection.
#[test]
fn headers_that_replace_something_are_refused() {
    let set = permits(READ_AND_WRITE);
    for (name, value, expect) in [
        ("X-Original-URL", "/v3/orders/1", "deny: route_override"),
        ("X_Rewrite_URL", "/", "deny: route_override"),
        ("X-Original-URI", "/x", "deny: route_override"),
        ("x_forwarded_uri", "/x", "deny: route_override"),
        ("X-Original-Host", "evil.example", "deny: host_mismatch"),
        ("x_http_host_override", "evil.example", "deny: host_mismatch"),
        ("X-Forwarded-Host", "evil.example", "deny: host_mismatch"),
        ("x_forwarded_host", "evil.example", "deny: host_mismatch"),
        ("X-Host", "evil.example", "deny: host_mismatch"),
        ("X-Forwarded-Host", "shop.example.com:443", "allow r"),
        ("Upgrade", "websocket", "deny: upgrade_not_allowed"),
        ("HTTP2-Settings", "AAMAAABk", "deny: upgrade_not_allowed"),
        (":protocol", "websocket", "deny: upgrade_not_allowed"),
        ("Connection", "Upgrade", "deny: upgrade_not_allowed"),
        ("Connection", "keep-alive, x-agent", "deny: upgrade_not_allowed"),
        ("Connection", "Keep-Alive", "allow r"),
        ("Connection", "close", "allow r"),
        ("user-agent", "a", "allow r"),
        ("idempotency-key", "1", "allow r"),
        ("if-none-match", "\"x\"", "allow r"),
        ("x-note", "\u{ff}", "allow r"),
        ("a b", "c", "deny: header_not_allowed"),
        ("", "c", "deny: header_not_allowed"),
    ] {
        check(&set, &read("").header(name, value), expect);
    }
    check(&set, &read("").header("x-note", b"\xff\x00\r\n"), "allow r");
}

/// Common rules 2, 7: what stands once at most.
#[test]
fn singletons_stand_once() {
    let set = permits(READ_AND_WRITE);
    for (name, value) in [
        (":method", "GET"),
        (":path", "/v3/products/1"),
        (":authority", "shop.example.com"),
        ("content-type", "application/json"),
        ("Content-Type", "application/json"),
        ("authorization", "a"),
        ("content-encoding", "identity"),
    ] {
        let twice = write("").header(name, value).header(name, value);
        check(&set, &twice, "deny: header_not_allowed");
    }
    let many = (0..200).fold(read(""), |request, n| request.header(&format!("x-{n}"), "1"));
    check(&set, &many, "deny: header_not_allowed");
}

/// Common rule 6: a write takes its parameters from its body; the query holds only what is known to be harmless.
#[test]
fn the_query_of_a_write_is_listed() {
    let set = permits(READ_AND_WRITE);
    for (query, expect) in [
        ("", "allow w"),
        ("?", "allow w"),
        ("?&&", "allow w"),
        ("?context=edit", "allow w"),
        ("?%63ontext=edit", "allow w"),
        ("?context=edit&context=view", "deny w: param_shadow"),
        ("?price=9", "deny w: param_shadow"),
        ("?Context=edit", "deny w: param_shadow"),
        ("?context[]=edit", "deny w: param_shadow"),
        ("?id=2", "deny w: param_shadow"),
        ("?rest_route=/x", "deny w: route_override"),
        ("?oauth_token=1", "deny w: param_shadow"),
        ("?context=%00", "deny: param_shadow"),
        ("?context=%zz", "deny: param_shadow"),
        ("?context=%ff", "deny: param_shadow"),
        ("?context=1;price=9", "deny w: param_shadow"),
    ] {
        check(&set, &write(query), expect);
    }
}

/// Common rule 6: a read may be asked anything, except what replaces the route, a credential or a path variable, in any
/// spelling that PHP folds to it.
#[test]
fn the_query_of_a_read_is_free_but_for_guarded_names() {
    let set = permits(READ_AND_WRITE);
    for query in ["?search=cable", "?a=1&a=2", "?_embed", "?keys=1", "?ids=1", "?rest=1"] {
        check(&set, &read(query), "allow r");
    }
    for query in [
        "?rest_route=/x",
        "?rest.route=/x",
        "?rest+route=/x",
        "?rest[route=/x",
        "?rest%5Froute=/x",
        "?%20rest_route=/x",
        "?rest_route[]=/x",
    ] {
        check(&set, &read(query), "deny r: route_override");
    }
    for query in ["?key=1", "?oauth_token=1", "?oauth.token=1", "?id=2", "?id[]=2", "?+id=2", "?a=1;id=2"] {
        check(&set, &read(query), "deny r: param_shadow");
    }
    // `id` is no variable of this route.
    check(&set, &request("GET /v3/products?id=2"), "allow r");
}

/// The permit's own list of query names, on reads too, each once.
#[test]
fn query_lists_and_requirements() {
    let set = permits(
        r#"{ "id": "r", "scope": "shop:products.get", "query": { "only": ["page", "key"], "require": ["page"] } }"#,
    );
    check(&set, &read("?page=1"), "allow r");
    check(&set, &read("?page=1&key=k"), "allow r");
    check(&set, &read("?page=1&page=2"), "deny r: param_shadow");
    check(&set, &read("?page=1&other=2"), "deny r: param_shadow");
    check(&set, &read(""), "deny r: missing_required");
    check(&set, &read("?page"), "allow r");
}

/// Loosened by name: credentials in the query, harmless names on writes.
#[test]
fn query_names_are_loosened_by_name() {
    let set = shop(&format!(
        r#"{{ "apis": {{ "shop": {{ "loosen": {{ "query_credentials": ["oauth_*"], "write_query": ["dry_run"] }} }} }},
             "permit": [{READ_AND_WRITE}] }}"#
    ));
    check(&set, &write("?oauth_token=1&oauth_nonce=2&dry_run=1&context=x"), "allow w");
    check(&set, &read("?oauth_token=1"), "allow r");
    check(&set, &read("?key=1"), "deny r: param_shadow");
    check(&set, &write("?dry_run=1&dry_run=2"), "deny w: param_shadow");
}

/// Common rule 9: a guarded header passes only where a rule of the page or the permit lists it.
#[test]
fn guarded_headers_are_listed() {
    let set = shop(
        r#"{ "apis": { "shop": { "headers": { "allow": ["X-Version"] } } },
             "permit": [{ "id": "g", "scope": "shop:products.get" },
                        { "id": "l", "scope": "shop:products.list", "headers": { "require": ["x-tenant"] } }] }"#,
    );
    let list = || request("GET /v3/products");
    check_all(
        &set,
        &[
            (read("").header("x-version", "3"), "allow g"),
            (read("").header("X-Tenant", "a"), "deny g: header_not_allowed"),
            (read("").header("x_tenant", "a"), "deny g: header_not_allowed"),
            (list().header("x-tenant", "a"), "allow l"),
            (list(), "deny l: missing_required"),
            (list().header("x-tenant", "a").header("x_tenant", "b"), "deny l: header_not_allowed"),
        ],
    );
}

/// A header of `name=value` tokens is judged token by token (PostgREST's `Prefer`).
#[test]
fn header_parameters_are_judged_each() {
    let set = permits(
        r#"{ "id": "g", "scope": "shop:products.get", "headers": { "allow": ["prefer/return", "prefer/max"] },
             "limits": [{ "field": "header.prefer/return", "in": ["minimal"] },
                        { "field": "header.prefer/max", "format": "integer", "max": 50 }] }"#,
    );
    for (value, expect) in [
        ("return=minimal", "allow g"),
        ("return=minimal, max=50", "allow g"),
        ("Return=minimal", "allow g"),
        ("return=representation", "deny g: value_format"),
        ("max=51", "deny g: envelope_exceeded"),
        ("max=5e1", "deny g: value_format"),
        ("max=-1", "allow g"),
        ("resolution=merge-duplicates", "deny g: header_not_allowed"),
        ("return=minimal, resolution=x", "deny g: header_not_allowed"),
        ("return=minimal; resolution=x", "deny g: header_not_allowed, param_shadow, param_shadow"),
        ("return=\"minimal\"", "deny g: header_not_allowed, param_shadow, param_shadow"),
        ("return=minimal,", "deny g: header_not_allowed, param_shadow, param_shadow"),
        ("return=minimal, return=minimal", "deny g: param_shadow"),
    ] {
        check(&set, &read("").header("prefer", value), expect);
    }
    let two = read("").header("prefer", "return=minimal").header("Prefer", "resolution=x");
    check(&set, &two, "deny g: header_not_allowed");
}

/// Nothing of a request reaches a message unescaped or unbounded.
#[test]
fn messages_escape_what_was_sent() {
    let set = permits(READ_AND_WRITE);
    let long = "x".repeat(3000);
    for request in [
        read("?rest_route%0d%0aSet-Cookie:%20a=1"),
        read(&format!("?rest_route{long}")),
        read("").set("x-agent", Some("a\u{1b}[31m")),
        read("").header("x-forwarded-host", "\r\nevil"),
        json("PUT /v3/products/1", &format!("{{\"{long}\\u001b\":1}}")),
        request(&format!("GET /v3/{long}")),
    ] {
        let outcome = judge(&set, &request);
        for reason in &outcome.reasons {
            assert!(reason.message.chars().all(|c| (' '..='~').contains(&c) || c == '…'), "{:?}", reason.message);
            assert!(reason.message.len() < 400, "{:?}", reason.message);
        }
        let problem = outcome.problem(&set);
        assert!(problem.body.len() < 8192, "{}", problem.body.len());
    }
    assert!(SHOP.contains("rest_route"));
}

/// Names that CGI folds to a header that stands once are refused, whatever they say.
#[test]
fn underscore_twins_are_refused() {
    let set = permits(READ_AND_WRITE);
    for (name, value) in [
        ("content_type", "text/plain"),
        ("Content_Type", "application/json"),
        ("content_encoding", "gzip"),
        ("content_length", "1"),
        ("transfer_encoding", "chunked"),
        ("x_version", "1"),
    ] {
        let code = |line: Request| judge(&set, &line.header(name, value)).reasons[0].code.text();
        assert_eq!(code(write("")), "header_not_allowed", "{name}");
        assert_eq!(code(read("")), "header_not_allowed", "{name}");
    }
}

/// A part of a write, another host, another prefix.
#[test]
fn ranges_hosts_and_prefixes_are_refused() {
    let set = permits(READ_AND_WRITE);
    check(&set, &write("").header("range", "bytes=0-1"), "deny: header_not_allowed");
    check(&set, &write("").header("content-range", "bytes 0-1/5"), "deny: header_not_allowed");
    check(&set, &read("").header("range", "bytes=0-1"), "allow r");
    for value in [
        "host=evil.example",
        "for=1.2.3.4;host=evil.example",
        "for=1.2.3.4, Host=\"evil.example\"",
        "HOST=shop.example.com",
        "host =evil.example",
        "for=1.2.3.4;host\t= evil.example",
    ] {
        check(&set, &read("").header("forwarded", value), "deny: host_mismatch");
        check(&set, &write("").header("Forwarded", value), "deny: host_mismatch");
    }
    check(&set, &read("").header("forwarded", "for=1.2.3.4;proto=https"), "allow r");
    for name in ["x-forwarded-prefix", "X-Forwarded-Prefix", "x_forwarded_prefix"] {
        check(&set, &read("").header(name, "/v2"), "deny: route_override");
        check(&set, &write("").header(name, ""), "deny: route_override");
    }
}

/// A guarded header that a rule lists stands once all the same, unless the catalog calls it a list.
#[test]
fn a_guarded_header_stands_once() {
    let set = permits(
        r#"{ "id": "g", "scope": "shop:products.get", "headers": { "require": ["x-version"], "allow": ["prefer/return", "prefer/max"] } }"#,
    );
    let get = || read("").header("x-version", "1");
    check(&set, &get(), "allow g");
    check(&set, &get().header("X-Version", "1"), "deny g: header_not_allowed");
    check(&set, &get().header("x-version", "2"), "deny g: header_not_allowed");
    check(&set, &get().header("prefer", "return=minimal").header("prefer", "max=1"), "allow g");
}

/// What a client names is bounded and escaped in pointers too.
#[test]
fn pointers_are_bounded_and_escaped() {
    let set = shop(
        r#"{ "apis": { "shop": { "loosen": { "body_kib": 512 } } },
             "permit": [{ "id": "w", "scope": "shop:products.update", "fields": { "only": ["price"] } }] }"#,
    );
    let put = |name: &str| json("PUT /v3/products/1", &format!("{{\"{name}\":1}}"));
    let pointer = |name: &str| judge(&set, &put(name)).reasons[0].pointer.clone().expect("a place in the body");
    assert_eq!(pointer("a/b~c"), "/a~1b~0c");
    assert_eq!(pointer(&"x".repeat(255)), format!("/{}", "x".repeat(255)));
    assert_eq!(pointer(&"x".repeat(256)), format!("/{}…", "x".repeat(255)));
    assert_eq!(pointer(&"ü".repeat(100_000)), format!("/{}…", "ü".repeat(255)));
    let outcome = judge(&set, &put(&format!("{}\\r\\n\\u001b[31m\\\"<script>", "x".repeat(9))));
    let body = outcome.problem(&set).body;
    assert!(body.iter().all(|b| *b >= b' '), "no raw control character reaches a reply");
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["reasons"][0]["pointer"], "/xxxxxxxxx\u{fffd}\u{fffd}\u{fffd}[31m\"<script>");
    for sent in ['\u{202e}', '\u{2028}', '\u{2029}', '\u{2066}', '\u{200f}', '\u{85}', '\u{7f}'] {
        let outcome = judge(&set, &put(&format!("a{sent}b")));
        assert_eq!(outcome.reasons[0].pointer.as_deref(), Some("/a\u{fffd}b"), "{sent:?}");
        assert!(!String::from_utf8_lossy(&outcome.problem(&set).body).contains(sent), "{sent:?}");
        assert!(!String::from_utf8_lossy(&outcome.decision_json(&set)).contains(sent), "{sent:?}");
    }
    let long = judge(&set, &put(&"x".repeat(200_000)));
    assert!(long.problem(&set).body.len() < 2048);
    assert!(long.decision_json(&set).len() < 2048);
}

/// A query name that the path has too is refused, whatever an endpoint permit calls the variable.
#[test]
fn a_query_name_does_not_replace_a_path_variable() {
    for name in ["id", "pid"] {
        let set = permits(&format!(r#"{{ "id": "p", "endpoint": "shop:GET /products/{{{name}}}" }}"#));
        check(&set, &read(""), "allow p");
        check(&set, &read("?id=2"), "deny p: param_shadow");
    }
}
