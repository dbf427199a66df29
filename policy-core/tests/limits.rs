//! Limits: one measure, one or more predicates (A4, A7, A17, A18).

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use support::pages::{permits, shop};
use support::{Request, check, check_all, json, judge, request};

/// A permit for any product write with these limits.
fn limited(limits: &str) -> Arc<PolicySet> {
    permits(&format!(r#"{{ "id": "w", "scope": "shop:products.update", "fields": "any", "limits": [{limits}] }}"#))
}

fn put(body: &str) -> Request {
    json("PUT /v3/products/1", body)
}

#[track_caller]
fn holds(set: &Arc<PolicySet>, bodies: &[&str]) {
    for body in bodies {
        check(set, &put(body), "allow w");
    }
}

#[track_caller]
fn breaks(set: &Arc<PolicySet>, bodies: &[(&str, &str)]) {
    for (body, expect) in bodies {
        check(set, &put(body), &format!("deny w: {expect}"));
    }
}

/// A7: bounds are exact: inclusive for min and max, strict for over and under, never through floating point.
#[test]
fn numbers_are_bounded_exactly() {
    let set = limited(r#"{ "field": "sale", "min": "0.1", "max": 19.99 }"#);
    holds(&set, &["{}", r#"{"sale":0.1}"#, r#"{"sale":"19.99"}"#, r#"{"sale":19.990}"#, r#"{"offer":{"sale":1}}"#]);
    breaks(
        &set,
        &[
            (r#"{"sale":0.09999999999999999}"#, "envelope_exceeded /sale"),
            (r#"{"sale":19.9900000000000001}"#, "envelope_exceeded /sale"),
            (r#"{"sale":1,"offer":{"sale":99}}"#, "envelope_exceeded /offer/sale"),
            (r#"{"sale":-1}"#, "envelope_exceeded /sale"),
        ],
    );
    let strict = limited(r#"{ "field": "sale", "over": 0, "under": 1 }"#);
    holds(&strict, &[r#"{"sale":0.000000000000000001}"#, r#"{"sale":0.999999999999999999}"#]);
    breaks(
        &strict,
        &[
            (r#"{"sale":0}"#, "envelope_exceeded /sale"),
            (r#"{"sale":-0.0}"#, "envelope_exceeded /sale"),
            (r#"{"sale":1.0}"#, "envelope_exceeded /sale"),
        ],
    );
}

/// A7: a value of the wrong kind never meets a bound.
#[test]
fn bounds_are_not_met_by_other_kinds() {
    let set = limited(r#"{ "field": "/x", "max": 10 }"#);
    holds(&set, &["{}", r#"{"x":10}"#, r#"{"x":"9.5"}"#]);
    for value in ["null", "true", "\"\"", "\"5 \"", "\"NaN\"", "\"1e1\"", "1e0", "[]", "[1]", "{}", "\"０\"", "\"0x1\""]
    {
        let outcome = judge(&set, &put(&format!("{{\"x\":{value}}}")));
        assert!(!outcome.forward, "{value}");
        assert_eq!(outcome.reasons[0].code.text(), "value_format", "{value}");
        assert_eq!(outcome.reasons[0].pointer.as_deref(), Some("/x"), "{value}");
    }
}

/// A4: approved and forbidden lists: numbers by value, strings byte for byte, kinds apart.
#[test]
fn lists_are_type_strict() {
    let set = shop(
        r#"{ "lists": { "states": ["draft", "live", 1, true] },
             "permit": [{ "id": "w", "scope": "shop:products.update", "fields": "any",
               "limits": [{ "field": "/a", "in": "list:states" }, { "field": "/b", "not_in": ["refunded", 0] }] }] }"#,
    );
    holds(&set, &[r#"{"a":"draft"}"#, r#"{"a":1.0}"#, r#"{"a":1e0}"#, r#"{"a":true}"#, r#"{"b":"x"}"#, r#"{"b":"0"}"#]);
    for body in
        [r#"{"a":"Draft"}"#, r#"{"a":"1"}"#, r#"{"a":"true"}"#, r#"{"a":false}"#, r#"{"a":"draft "}"#, r#"{"a":2}"#]
    {
        breaks(&set, &[(body, "value_format /a")]);
    }
    for body in [r#"{"a":null}"#, r#"{"a":["draft"]}"#] {
        assert!(!judge(&set, &put(body)).forward, "{body}");
    }
    for body in [r#"{"b":"refunded"}"#, r#"{"b":0.0}"#, r#"{"b":["x"]}"#, r#"{"b":{}}"#, r#"{"b":null}"#] {
        assert!(!judge(&set, &put(body)).forward, "{body}");
    }
}

/// Several values at one name are judged each alone.
#[test]
fn every_value_of_a_name_is_judged() {
    let set = limited(r#"{ "field": ["tags/*", "name"], "in": ["a", "b"] }"#);
    holds(&set, &["{}", r#"{"tags":[]}"#, r#"{"tags":["a","b","a"],"name":"b"}"#]);
    breaks(
        &set,
        &[
            (r#"{"tags":["a","c","d"]}"#, "value_format /tags/1, value_format /tags/2"),
            (r#"{"tags":{"x":"c"}}"#, "value_format /tags/x"),
            (r#"{"tags":["a"],"name":"c"}"#, "value_format /name"),
        ],
    );
}

/// A17: patterns match the whole value, in ASCII.
#[test]
fn patterns_match_the_whole_value() {
    let set = limited(r#"{ "field": "name", "pattern": "[a-z]{2,4}|\\d+" }"#);
    holds(&set, &[r#"{"name":"ab"}"#, r#"{"name":"42"}"#]);
    for name in ["a", "abcde", "ab\\n", "\\nab", "ab\\u0000", "٤٢", "AB", "ab 42", ""] {
        breaks(&set, &[(&format!("{{\"name\":\"{name}\"}}"), "value_format /name")]);
    }
}

/// A17: prefixes, domains and lengths.
#[test]
fn texts_are_bounded() {
    let set = limited(
        r#"{ "field": "/url", "prefix": ["https://cdn.example.com/", "data:"] },
           { "field": "contact", "domain": ["Example.com"] },
           { "field": "name", "length": { "min": 1, "max": 3 } }"#,
    );
    holds(
        &set,
        &[
            r#"{"url":"https://cdn.example.com/a"}"#,
            r#"{"url":"data:,x"}"#,
            r#"{"contact":"a.b+c@EXAMPLE.com"}"#,
            r#"{"name":"äöü"}"#,
            r#"{"name":"\ud83d\ude00\ud83d\ude00\ud83d\ude00"}"#,
        ],
    );
    breaks(
        &set,
        &[
            (r#"{"url":"https://cdn.example.com.evil.example/"}"#, "value_format /url"),
            (r#"{"url":" https://cdn.example.com/"}"#, "value_format /url"),
            (r#"{"url":"HTTPS://cdn.example.com/"}"#, "value_format /url"),
            (r#"{"url":1}"#, "value_format /url"),
            (r#"{"contact":"a@sub.example.com"}"#, "value_format /contact"),
            (r#"{"contact":"a@example.com.evil.example"}"#, "value_format /contact"),
            (r#"{"name":""}"#, "value_format /name"),
            (r#"{"name":"abcd"}"#, "value_format /name"),
        ],
    );
    for contact in ["a@evil.example,b@example.com", "a@evil.example>@example.com", "\\\"a@evil.example\\\"@example.com"]
    {
        assert!(!judge(&set, &put(&format!("{{\"contact\":\"{contact}\"}}"))).forward, "{contact}");
    }
}

/// A17: formats.
#[test]
fn formats() {
    for (format, good, bad) in [
        ("decimal", vec!["1", "-1.5", "\"19.99\"", "\"007\""], vec!["1e2", "\"1e2\"", "\"\"", "\"+1\"", "true", "[1]"]),
        ("integer", vec!["1", "-3", "0"], vec!["1.0", "1.5", "\"1\"", "1e0", "true"]),
        ("digits", vec!["\"007\"", "\"42\""], vec!["42", "\"-1\"", "\"4 2\"", "\"٤\"", "\"\""]),
        ("boolean", vec!["true", "false"], vec!["\"true\"", "1", "0", "\"\""]),
        ("string", vec!["\"\"", "\"x\""], vec!["1", "true", "[]", "{}"]),
        ("email", vec!["\"a@b.example\""], vec!["\"a\"", "\"a@b\"", "\"a@b.example\\n\"", "\"<a@b.example>\"", "1"]),
        (
            "date_time",
            vec!["\"2026-11-20T12:00:00Z\"", "\"2026-11-20T12:00:00.5+01:00\""],
            vec![
                "\"2026-11-20\"",
                "\"2026-02-30T12:00:00Z\"",
                "\"2026-11-20T12:00:00\"",
                "\"2026-11-20 12:00:00Z\"",
                "1",
            ],
        ),
        (
            "plain_text",
            vec!["\"Dear Ann & Bob,\\n\\t50 % off – “now”\""],
            vec![
                "\"<b>x</b>\"",
                "\"5 > 4\"",
                "\"&lt;b\"",
                "\"&#60;\"",
                "\"a\\u0000\"",
                "\"\\u202ea\"",
                "\"\\u001b[1m\"",
                "1",
            ],
        ),
    ] {
        let set = limited(&format!(r#"{{ "field": "/x", "format": "{format}" }}"#));
        for value in good {
            check(&set, &put(&format!("{{\"x\":{value}}}")), "allow w");
        }
        for value in bad {
            check(&set, &put(&format!("{{\"x\":{value}}}")), "deny w: value_format /x");
        }
        let null = judge(&set, &put(r#"{"x":null}"#));
        assert!(!null.forward, "{format}");
    }
}

/// A18: one name equals another: ids by value.
#[test]
fn names_are_compared_by_value() {
    let set = limited(r#"{ "field": "id", "equals": "path.id" }, { "field": "name", "equals": "status" }"#);
    holds(&set, &["{}", r#"{"id":1}"#, r#"{"id":"1"}"#, r#"{"name":"a","status":"a"}"#]);
    breaks(
        &set,
        &[
            (r#"{"id":2}"#, "value_format /id, param_shadow /id"),
            (r#"{"name":"a","status":"b"}"#, "value_format /name"),
            (r#"{"name":"a"}"#, "unknown_state /name"),
        ],
    );
    assert!(!judge(&set, &put(r#"{"id":null}"#)).forward);
    assert!(!judge(&set, &put(r#"{"id":[1]}"#)).forward);
}

/// Presence: there, or not there; null is there.
#[test]
fn presence() {
    let set = limited(r#"{ "field": "name", "present": true }, { "field": "status", "present": false }"#);
    holds(&set, &[r#"{"name":"x"}"#]);
    breaks(&set, &[("{}", "missing_required"), (r#"{"name":"x","status":"y"}"#, "field_not_allowed /status")]);
    assert!(!judge(&set, &put(r#"{"name":"x","status":null}"#)).forward);
    assert!(!judge(&set, &put(r#"{"name":null}"#)).forward);
}

/// A6: elements are counted, summed and told apart over the whole document.
#[test]
fn counts_sums_and_uniqueness() {
    let set = limited(
        r#"{ "count": "tags", "min": 1, "max": 2 }, { "sum": "/lines/*/n", "max": 10 }, { "field": "/lines/*/id", "unique": true }"#,
    );
    holds(&set, &["{}", r#"{"tags":["a"]}"#, r#"{"lines":[{"id":1,"n":4},{"id":2,"n":"6.0"}]}"#]);
    breaks(
        &set,
        &[
            (r#"{"tags":[]}"#, "batch_limit /tags"),
            (r#"{"tags":["a","b","c"]}"#, "batch_limit /tags"),
            (r#"{"tags":{"a":1}}"#, "value_format /tags"),
            (r#"{"tags":null}"#, "value_format /tags"),
            (r#"{"lines":[{"n":4},{"n":6.01}]}"#, "envelope_exceeded /lines/0/n"),
            (r#"{"lines":[{"n":4},{"n":"x"}]}"#, "value_format /lines/1/n"),
            (r#"{"lines":[{"n":4},{"n":null}]}"#, "value_format /lines/1/n"),
            (r#"{"lines":[{"id":1},{"id":1}]}"#, "duplicate_target /lines/1/id"),
            (r#"{"lines":[{"id":42},{"id":"42"}]}"#, "duplicate_target /lines/1/id"),
            (r#"{"lines":[{"id":42},{"id":42.0}]}"#, "duplicate_target /lines/1/id"),
            (r#"{"lines":[{"id":42},{"id":"042"}]}"#, "duplicate_target /lines/1/id"),
        ],
    );
    let most = "999999999999999999";
    let lines: Vec<String> = (0..20).map(|_| format!("{{\"n\":{most}}}")).collect();
    breaks(&set, &[(&format!("{{\"lines\":[{}]}}", lines.join(",")), "envelope_exceeded /lines/0/n")]);
}

/// A7: a value of the catalog is a sum of products over the request; any unknown part denies.
#[test]
fn values_of_the_catalog() {
    let set = limited(r#"{ "field": "worth", "max": 100 }"#);
    holds(&set, &[r#"{"price":"19.99","stock":5}"#, r#"{"price":0,"stock":999}"#, r#"{"price":50,"stock":2}"#]);
    breaks(
        &set,
        &[
            (r#"{"price":"20.01","stock":5}"#, "envelope_exceeded"),
            (r#"{"price":1}"#, "unknown_state"),
            (r#"{"price":"1e1","stock":1}"#, "unknown_state"),
            (r#"{"price":1,"stock":"1"}"#, "unknown_state"),
        ],
    );
    let sum = limited(r#"{ "sum": "worth", "max": 100 }"#);
    let rows = |body: &str| json("POST /v3/products/batch", body);
    check(&sum, &rows(r#"{"update":[{"id":1,"price":10,"stock":5},{"id":2,"price":25,"stock":2}]}"#), "allow w");
    check(
        &sum,
        &rows(r#"{"update":[{"id":1,"price":10,"stock":5},{"id":2,"price":"25.50","stock":2}]}"#),
        "deny w: envelope_exceeded",
    );
    check(&sum, &rows(r#"{"update":[{"id":1,"price":10,"stock":5},{"id":2}]}"#), "deny w: unknown_state");
}

/// A7: money is judged in major units of the page's currency; a currency without a rate denies.
#[test]
fn money_is_converted_exactly() {
    let set = shop(
        r#"{ "money": { "currency": "USD", "rates": { "eur": "1.1", "jpy": "0.01", "kwd": 3 } },
             "permit": [{ "id": "r", "scope": "shop:orders.refund", "fields": { "only": ["amount", "currency"], "require": ["amount"] },
               "limits": [{ "field": "amount", "max": "50.00" }] }] }"#,
    );
    let refund = |amount: &str, currency: &str| {
        json("POST /v3/orders/1/refunds", &format!("{{\"amount\":{amount},\"currency\":{currency}}}"))
    };
    for (amount, currency, expect) in [
        ("5000", "\"usd\"", "allow r"),
        ("5001", "\"USD\"", "deny r: envelope_exceeded /amount"),
        ("4545", "\"eur\"", "allow r"),
        ("4546", "\"eur\"", "deny r: envelope_exceeded /amount"),
        ("5000", "\"jpy\"", "allow r"),
        ("5001", "\"jpy\"", "deny r: envelope_exceeded /amount"),
        ("16666", "\"kwd\"", "allow r"),
        ("16667", "\"kwd\"", "deny r: envelope_exceeded /amount"),
        ("1", "\"gbp\"", "deny r: value_format /amount"),
        ("1", "\"\"", "deny r: value_format /amount"),
    ] {
        check(&set, &refund(amount, currency), expect);
    }
    check(&set, &json("POST /v3/orders/1/refunds", r#"{"amount":1}"#), "deny r: value_format /amount");
    assert!(!judge(&set, &refund("1", "[\"usd\"]")).forward);
}

/// Limits look at the path, the query and headers too; a name that stands twice has two readings.
#[test]
fn names_of_the_head() {
    let set = permits(
        r#"{ "id": "r", "scope": ["shop:products.get", "shop:products.list"],
             "limits": [{ "field": "path.id", "in": ["1", "2"] }, { "field": "query.page", "max": 10 },
                        { "field": "query.include", "in": ["a", "b"] }, { "field": "header.X-Tier", "in": ["low"] }] }"#,
    );
    let get = |rest: &str| request(&format!("GET /v3/products{rest}"));
    check_all(
        &set,
        &[
            (get("/1?page=10&include=a,%22b%22").header("x-tier", "low"), "allow r"),
            (get(""), "allow r"),
            (get("/3"), "deny r: value_format"),
            (get("?page=11"), "deny r: envelope_exceeded"),
            (get("?page=1&page=99"), "deny r: param_shadow"),
            (get("?page="), "deny r: value_format"),
            (get("?page=%31%31"), "deny r: envelope_exceeded"),
            (get("?include=a,c"), "deny r: value_format"),
            (get("?include=a&include=b"), "deny r: param_shadow"),
            (get("").header("x-tier", "high"), "deny r: value_format"),
            (get("").header("x-tier", "low").header("X-Tier", "high"), "deny r: param_shadow"),
            (get("").header("x-tier", b"lo\xffw"), "deny r: param_shadow"),
        ],
    );
}

/// Limits of an API hold for every request to it.
#[test]
fn limits_of_an_api_hold_for_every_permit() {
    let set = shop(
        r#"{ "apis": { "shop": { "limits": [{ "id": "shop-1", "field": "header.x-shop", "in": ["1"] }, { "field": "header.x-shop", "present": true }] } },
             "permit": [{ "id": "r", "scope": "shop:products.read" }, { "id": "w", "scope": "shop:products.update", "fields": "any" }] }"#,
    );
    check(&set, &request("GET /v3/products").header("x-shop", "1"), "allow r");
    check(&set, &request("GET /v3/products").header("x-shop", "2"), "deny r: value_format");
    check(&set, &request("GET /v3/products"), "deny r: missing_required");
    check(&set, &put("{}").header("x-shop", "2"), "deny w: value_format");
    let batch = json("POST /v3/products/batch", r#"{"update":[{"id":1}]}"#);
    check(&set, &batch.clone().header("x-shop", "2"), "deny w: value_format");
    check(&set, &batch.header("x-shop", "1"), "allow w");
}

/// `beyond`: a breach of a known, well-formed value may need an approval; everything else stays a refusal.
#[test]
fn beyond_softens_known_values_only() {
    let set = limited(
        r#"{ "id": "soft", "field": "price", "max": 10, "beyond": { "approval": "manager" } },
           { "id": "hard", "field": "price", "max": 100, "beyond": "deny" }"#,
    );
    holds(&set, &["{}", r#"{"price":10}"#]);
    check(&set, &put(r#"{"price":11}"#), "approval_required w: approval_required /price");
    check(&set, &put(r#"{"price":100}"#), "approval_required w: approval_required /price");
    breaks(&set, &[(r#"{"price":101}"#, "envelope_exceeded /price")]);
    for value in ["null", "\"x\"", "[]", "1e1", "{}", "1.001", "12345678"] {
        let outcome = judge(&set, &put(&format!("{{\"price\":{value}}}")));
        assert_eq!(outcome.decision.name(), "deny", "{value}");
    }
    assert!(!judge(&set, &put(r#"{"price":11}"#)).forward);
}

/// A document of another shape on the way to a limit's place might hold a value that the limit does not see.
#[test]
fn misshapen_documents_break_a_limit() {
    let set = limited(r#"{ "field": "sale", "max": 10 }"#);
    holds(&set, &["{}", r#"{"offer":{}}"#, r#"{"offer":null}"#, r#"{"offer":{"sale":10}}"#]);
    breaks(
        &set,
        &[
            (r#"{"offer":[{"sale":99}]}"#, "param_shadow"),
            (r#"{"offer":"sale=99"}"#, "param_shadow"),
            (r#"{"offer":[]}"#, "param_shadow"),
            (r#"[{"sale":99}]"#, "batch_shape, param_shadow"),
            ("99", "batch_shape, param_shadow"),
        ],
    );
    let each = limited(r#"{ "field": "/guests/*/email", "domain": ["example.com"] }"#);
    holds(&each, &["{}", r#"{"guests":[]}"#, r#"{"guests":[{"email":"a@example.com"},{}]}"#]);
    breaks(
        &each,
        &[
            (r#"{"guests":"evil@x.example"}"#, "param_shadow"),
            (r#"{"guests":["evil@x.example"]}"#, "param_shadow"),
            (r#"{"guests":[["evil@x.example"]]}"#, "param_shadow"),
            (r#"{"guests":{"a":{"email":"x@evil.example"}}}"#, "value_format /guests/a/email"),
        ],
    );
    for measure in [r#"{ "sum": "sale", "max": 10 }"#, r#"{ "count": "/offer/tags", "max": 1 }"#] {
        breaks(&limited(measure), &[(r#"{"offer":[{"sale":99,"tags":[1,2]}]}"#, "param_shadow")]);
    }
}

/// A17: no flag of a pattern takes its anchors off.
#[test]
fn flags_of_a_pattern_do_not_take_its_anchors_off() {
    for (pattern, good, bad) in [
        ("(?x)a # b", vec!["a"], vec!["ab", "xa", "a # b", "a\\nb"]),
        ("(?x: a # b\\n )", vec!["a"], vec!["ab", "xa"]),
        ("(?m)^a$", vec!["a"], vec!["a\\nb", "b\\na", "a\\n"]),
        ("(?s).", vec!["a", "\\n"], vec!["ab"]),
        ("(?i)a", vec!["a", "A"], vec!["aa"]),
        ("a|b|", vec!["a", "b", ""], vec!["ab", "c", "ax", "xb"]),
        ("(?U)a+", vec!["a", "aa"], vec!["ab"]),
        ("(?R)a$", vec!["a"], vec!["a\\r\\n", "a\\n"]),
        (".*?a", vec!["a", "ba"], vec!["ab"]),
        ("\\\\Aa\\\\z", vec!["a"], vec!["ab", "a\\n"]),
    ] {
        let set = limited(&format!(r#"{{ "field": "name", "pattern": "{pattern}" }}"#));
        for name in good {
            check(&set, &put(&format!("{{\"name\":\"{name}\"}}")), "allow w");
        }
        for name in bad {
            breaks(&set, &[(&format!("{{\"name\":\"{name}\"}}"), "value_format /name")]);
        }
    }
}

/// PHP reads several spellings as one name: a limit on a query name sees all of them, and refuses.
#[test]
fn query_limits_see_every_spelling_that_php_folds() {
    let set = permits(
        r#"{ "id": "r", "scope": "shop:products.list", "limits": [{ "field": "query.per_page", "max": 100 }] }"#,
    );
    let get = |query: &str| request(&format!("GET /v3/products?{query}"));
    for query in ["per_page=100", "page=1", "per_pages=1000", "PER_PAGE=1000", "meta.key=x", "a%20b=1"] {
        check(&set, &get(query), "allow r");
    }
    check(&set, &get("per_page=101"), "deny r: envelope_exceeded");
    for query in [
        "per.page=1000",
        "per_page=10&per.page=1000",
        "per%20page=1000",
        "+per_page=1000",
        "%20per_page=1000",
        "per.page=1",
    ] {
        check(&set, &get(query), "deny r: param_shadow");
    }
    for query in
        ["per_page=10&per_page[]=1000", "per_page[]=1000", "per_page%5B%5D=1", "per_page[a]=1000", "per[page=1000"]
    {
        check(&set, &get(query), "deny r: param_shadow");
    }
}

/// What one name must equal has several values: none of them is the one.
#[test]
fn a_name_equals_one_value() {
    let set = limited(r#"{ "field": "/tags/*/q", "equals": "/tags/*/r" }"#);
    holds(&set, &["{}", r#"{"tags":[{"q":1,"r":1}]}"#]);
    breaks(
        &set,
        &[
            (r#"{"tags":[{"q":1,"r":2}]}"#, "value_format /tags/0/q"),
            (r#"{"tags":[{"q":1,"r":1},{"r":1}]}"#, "unknown_state /tags/0/q"),
        ],
    );
}

/// The limits of an API name a variable as the catalog does, whatever an endpoint permit calls it.
#[test]
fn path_limits_of_an_api_use_the_names_of_the_catalog() {
    for name in ["id", "pid"] {
        let set = shop(&format!(
            r#"{{ "apis": {{ "shop": {{ "limits": [{{ "field": "path.id", "in": ["1"] }}] }} }},
                 "permit": [{{ "id": "e", "endpoint": "shop:PUT /products/{{{name}}}", "fields": "any" }}] }}"#
        ));
        check(&set, &put("{}"), "allow e");
        check(&set, &json("PUT /v3/products/2", "{}"), "deny e: value_format");
    }
}

/// The items of a query's list are what stands between its commas and blanks.
#[test]
fn items_of_a_query_list_are_trimmed() {
    let set = permits(
        r#"{ "id": "q", "scope": "shop:products.get", "limits": [{ "field": "query.include", "not_in": ["secret"] }] }"#,
    );
    let get = |list: &str| request(&format!("GET /v3/products/1?include={list}"));
    check(&set, &get("a,%20b"), "allow q");
    for list in ["secret", "a,secret", "a,%20secret", "a,+secret", "secret%20,a", "a,%09secret"] {
        check(&set, &get(list), "deny q: value_format");
    }
}
