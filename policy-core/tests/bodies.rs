//! What a body must be to be judged at all (common rules 5 and 7).

mod support;

use policy_core::{Body, Step, Timestamp, Unavailable, evaluate};
use support::pages::{permits, shop};
use support::{NOW, Request, check, check_all, json, judge, request};

const PERMITS: &str = r#"{ "id": "r", "scope": "shop:products.read" },
    { "id": "w", "scope": "shop:products.update", "fields": { "only": ["price", "name", "meta/**"], "require": ["price"] } }"#;

const LINE: &str = "PUT /v3/products/1";

fn write(body: impl AsRef<[u8]>) -> Request {
    request(LINE).header("content-type", "application/json").body(body)
}

/// Common rule 5: a read has no body; an empty one is none.
#[test]
fn reads_have_no_body() {
    let set = permits(PERMITS);
    let get = || request("GET /v3/products/1");
    check_all(
        &set,
        &[
            (get().header("content-length", "0"), "allow r"),
            (get().body(""), "allow r"),
            (get().header("transfer-encoding", "chunked").body(""), "allow r"),
            (get().body("{}"), "deny: body_on_read"),
            (get().header("content-type", "application/json").body(r#"{"id":77}"#), "deny: body_on_read"),
            (request("HEAD /v3/products/1").body(" "), "deny: body_on_read"),
            // A POST that the catalog calls a read may have one.
            (json("POST /v3/products/search", r#"{"anything":[1]}"#), "allow r"),
            (request("POST /v3/products/search"), "allow r"),
        ],
    );
}

/// Common rule 7: one media type, of the API's list, in UTF-8.
#[test]
fn the_content_type_is_one_that_the_api_lists() {
    let set = permits(PERMITS);
    for (value, expect) in [
        ("application/json", "allow w"),
        ("Application/JSON", "allow w"),
        ("application/json; charset=utf-8", "allow w"),
        ("application/json;charset=\"UTF-8\"", "allow w"),
        ("application/json; charset=utf-16", "deny w: charset"),
        ("application/json; charset=latin1", "deny w: charset"),
        ("application/json; charset=utf-8; charset=utf-16", "deny w: content_type"),
        ("text/plain", "deny w: content_type"),
        ("text/plain, application/json", "deny w: content_type"),
        ("application/json, application/json", "deny w: content_type"),
        ("text/plain; a=application/json", "deny w: content_type"),
        ("application/vnd.api+json", "deny w: content_type"),
        ("application/json-patch+json", "deny w: content_type"),
        ("application/x-www-form-urlencoded", "deny w: content_type"),
        ("multipart/form-data; boundary=x", "deny w: content_type"),
        ("application/json\u{a0}", "deny w: content_type"),
        ("", "deny w: content_type"),
    ] {
        let request = request(LINE).header("content-type", value).body(r#"{"price":1}"#);
        // Two reasons may stand side by side: what could not be read holds no required field either.
        let outcome = judge(&set, &request);
        let expected = expect.split(' ').next_back().unwrap();
        if expect == "allow w" {
            check(&set, &request, expect);
        } else {
            assert!(!outcome.forward, "{value}");
            assert_eq!(outcome.reasons[0].code.text(), expected, "{value}");
        }
    }
    let outcome = judge(&set, &request(LINE).body(r#"{"price":1}"#));
    assert_eq!(outcome.reasons[0].code.text(), "content_type");
}

/// Common rule 7: nothing compressed, and nothing that says it is.
#[test]
fn the_encoding_is_identity() {
    let set = permits(PERMITS);
    check(&set, &write(r#"{"price":1}"#).header("content-encoding", "identity"), "allow w");
    for value in ["gzip", "deflate", "br", "zstd", "identity, gzip", "x", ""] {
        let outcome = judge(&set, &write(r#"{"price":1}"#).header("content-encoding", value));
        assert!(!outcome.forward, "{value}");
        assert_eq!(outcome.reasons[0].code.text(), "content_encoding", "{value}");
    }
}

/// Common rule 7: JSON by RFC 8259, strictly; what two parsers read differently is refused.
#[test]
fn json_has_one_reading() {
    let set = permits(PERMITS);
    for body in [
        r#"{"price":1}"#,
        " \t\r\n{ \"price\" : 1 } \n",
        r#"{"pr\u0069ce":1}"#,
        r#"{"price":1,"meta":{"a":1,"A":2}}"#,
        r#"{"price":"1.10"}"#,
        r#"{"price":1,"name":"\ud83d\ude00"}"#,
        r#"{"price":1,"name":"Zimmer 4 – Übersicht"}"#,
    ] {
        check(&set, &write(body), "allow w");
    }
    for (body, expect) in [
        (r#"{"price":1,"price":2}"#, "deny: body_duplicate_key"),
        (r#"{"price":1,"pr\u0069ce":2}"#, "deny: body_duplicate_key"),
        (r#"{"price":1,"meta":{"a":{"x":1,"x":1}}}"#, "deny: body_duplicate_key"),
        ("\u{feff}{\"price\":1}", "deny: charset"),
        (r#"{"price":1}{"price":2}"#, "deny: body_unparsable"),
        (r#"{"price":1},"#, "deny: body_unparsable"),
        (r#"{"price":1,}"#, "deny: body_unparsable"),
        (r#"{'price':1}"#, "deny: body_unparsable"),
        (r#"{price:1}"#, "deny: body_unparsable"),
        ("{\"price\":1/* x */}", "deny: body_unparsable"),
        ("{\"price\":1} // x", "deny: body_unparsable"),
        (r#"{"price":NaN}"#, "deny: body_unparsable"),
        (r#"{"price":Infinity}"#, "deny: body_unparsable"),
        (r#"{"price":+1}"#, "deny: body_unparsable"),
        (r#"{"price":.5}"#, "deny: body_unparsable"),
        (r#"{"price":1.}"#, "deny: body_unparsable"),
        (r#"{"price":01}"#, "deny: body_unparsable"),
        (r#"{"price":0x1}"#, "deny: body_unparsable"),
        (r#"{"price":1e400}"#, "deny: value_format"),
        (r#"{"price":1234567890123456789}"#, "deny: value_format"),
        (r#"{"price":1.0000000000000000001}"#, "deny: value_format"),
        ("{\"price\":1,\"name\":\"a\nb\"}", "deny: body_unparsable"),
        (r#"{"price":1,"name":"\ud800"}"#, "deny: body_unparsable"),
        (r#"{"price":1,"name":"\x41"}"#, "deny: body_unparsable"),
        ("\u{c}{\"price\":1}", "deny: body_unparsable"),
        ("\u{a0}{\"price\":1}", "deny: body_unparsable"),
        ("price=1", "deny: body_unparsable"),
        (" ", "deny: body_unparsable"),
        (r#"{"price":1"#, "deny: body_unparsable"),
    ] {
        check(&set, &write(body), expect);
    }
    check(&set, &write(b"{\"price\":1,\"name\":\"\xff\"}"), "deny: charset");
    for body in ["{", r#"{"price":1,"price":2}"#, r#"{"price":1e400}"#, "\u{feff}{}"] {
        let message = judge(&set, &write(body)).reasons[0].message.clone();
        assert!(message.starts_with("the body cannot be read: "), "{message}");
    }
    check(&set, &write(b"{\0\"\0p\0\"\0:\x001\0}\0"), "deny: body_unparsable");
}

/// Common rule 7: depth 32 at most.
#[test]
fn depth_is_bounded() {
    let set = permits(PERMITS);
    let nested = |levels: usize| format!(r#"{{"price":1,"meta":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    check(&set, &write(nested(31)), "allow w");
    check(&set, &write(nested(32)), "deny: body_unparsable");
    check(&set, &write("[".repeat(1000)), "deny: body_unparsable");
}

/// Common rule 7: a body above the limit is refused, announced or not; the page may loosen the limit by name.
#[test]
fn size_is_bounded() {
    let of = |bytes: usize| {
        let frame = r#"{"price":1,"name":""}"#.len();
        format!(r#"{{"price":1,"name":"{}"}}"#, "x".repeat(bytes - frame))
    };
    let set = permits(PERMITS);
    check(&set, &write(of(1024)), "allow w");
    check(&set, &write(of(1025)), "deny: body_too_large");
    check(&set, &write(of(1025)).header("content-length", "1025"), "deny: body_too_large");
    let wider =
        shop(&format!(r#"{{ "apis": {{ "shop": {{ "loosen": {{ "body_kib": 2 }} }} }}, "permit": [{PERMITS}] }}"#));
    check(&wider, &write(of(2048)), "allow w");
    check(&wider, &write(of(2049)), "deny: body_too_large");
    // The limit that a host is told is the one that is judged by.
    for (set, limit) in [(&set, 1024), (&wider, 2048)] {
        match evaluate(set, write("").head(), Timestamp::parse(NOW).unwrap()) {
            Step::NeedBody(need) => assert_eq!(need.limit(), limit),
            step => panic!("{step:?}"),
        }
    }
}

/// Common rule 7: a body that was not seen in full is none to judge by; a recording that lacks it is told apart.
#[test]
fn a_body_that_was_not_seen_denies() {
    let set = permits(PERMITS);
    for (why, code, undecidable) in [
        (Unavailable::TooLarge, "body_too_large", false),
        (Unavailable::NotSeen, "body_not_seen", false),
        (Unavailable::Timeout, "body_timeout", false),
        (Unavailable::NotDelivered, "body_not_delivered", false),
        (Unavailable::NotSupported, "gateway", false),
        (Unavailable::NotRecorded, "body_not_seen", true),
        (Unavailable::Truncated, "body_not_seen", true),
    ] {
        let Step::NeedBody(need) = evaluate(&set, write("").head(), Timestamp::parse(NOW).unwrap()) else {
            panic!("a body is needed");
        };
        let Step::Done(outcome) = need.answer(Body::Unavailable(why)) else { panic!("done") };
        assert!(!outcome.forward);
        assert_eq!(outcome.reasons[0].code.text(), code, "{why:?}");
        assert_eq!(outcome.undecidable.is_some(), undecidable, "{why:?}");
    }
}

/// The announced length and what came must agree.
#[test]
fn lengths_agree() {
    let set = permits(PERMITS);
    let body = r#"{"price":1}"#;
    check_all(
        &set,
        &[
            (write(body).header("content-length", "11"), "allow w"),
            (write(body).header("content-length", "12"), "deny: body_not_seen"),
            (write(body).header("content-length", "10"), "deny: body_not_seen"),
            (request(LINE).header("content-length", "11"), "deny: body_not_seen"),
            (write("").header("content-length", "11"), "deny: body_not_seen"),
            (write(body).header("content-length", "+11"), "deny: body_unparsable"),
            (write(body).header("content-length", "11, 11"), "deny: body_unparsable"),
            (write(body).header("content-length", "0x0b"), "deny: body_unparsable"),
            (write(body).header("transfer-encoding", "chunked"), "allow w"),
            (write(body).header("transfer-encoding", "xchunked"), "deny: body_unparsable"),
            (write(body).header("transfer-encoding", "gzip, chunked"), "deny: body_unparsable"),
            (
                write(body).header("transfer-encoding", "chunked").header("content-length", "11"),
                "deny: body_unparsable",
            ),
        ],
    );
}

/// What the head decides is decided without the body.
#[test]
fn a_refusal_by_the_head_needs_no_body() {
    let set = permits(PERMITS);
    for line in ["PUT /v3/orders/1", "DELETE /v3/products/1", "PUT /v3/products/1?_method=DELETE", "PUT /v3//x"] {
        let head = json(line, "{}").head();
        assert!(matches!(evaluate(&set, head, Timestamp::parse(NOW).unwrap()), Step::Done(_)), "{line}");
    }
}

/// A permit narrows the media types; `json_types` adds some that are read as JSON.
#[test]
fn media_types_are_narrowed_and_loosened() {
    let set = shop(
        r#"{ "apis": { "shop": { "loosen": { "json_types": ["application/x-www-form-urlencoded"] } } },
             "permit": [{ "id": "u", "scope": "shop:products.update", "fields": "any" },
                        { "id": "c", "scope": "shop:products.create", "fields": "any", "body": { "types": ["application/json"] } }] }"#,
    );
    let form =
        |line: &str, body: &str| request(line).header("content-type", "application/x-www-form-urlencoded").body(body);
    check(&set, &form("PUT /v3/products/1", r#"{"price":1}"#), "allow u");
    check(&set, &form("PUT /v3/products/1", "price=1"), "deny: body_unparsable");
    // What a reader of forms would take for parameters.
    for name in ["a&price=9", "a&b", "a=b", "a;b"] {
        check(&set, &form("PUT /v3/products/1", &format!(r#"{{"name":"{name}"}}"#)), "deny: body_unparsable");
        check(&set, &json("PUT /v3/products/1", &format!(r#"{{"name":"{name}"}}"#)), "allow u");
    }
    check(&set, &form("POST /v3/products", r#"{"price":1}"#), "deny c: content_type");
    check(&set, &json("POST /v3/products", r#"{"price":1}"#), "allow c");
}

/// An opaque body passes unread, whatever its type and size; the head is still judged.
#[test]
fn opaque_bodies_pass_unread() {
    let set = permits(
        r#"{ "id": "up", "scope": "shop:files.write", "body": { "opaque": true },
             "limits": [{ "field": "path.file", "pattern": "img/.*" }] }"#,
    );
    let put = |path: &str| request(&format!("PUT /v3/files/{path}")).header("content-type", "image/png");
    let head = put("img/a.png").body("x").head();
    let Step::Done(outcome) = evaluate(&set, head, Timestamp::parse(NOW).unwrap()) else {
        panic!("an opaque body is not waited for");
    };
    assert!(outcome.forward);
    check(&set, &put("img/a.png").body("x".repeat(100_000)), "allow up");
    check(&set, &put("img/a.png").body("x").header("content-length", "100000000"), "allow up");
    check(&set, &put("doc/a.png").body("x"), "deny up: value_format");
    check(&set, &put("img/a.png?x=1").body("x"), "deny up: param_shadow");
}

/// What an unread body holds is unknown, and a forbid on the unknown holds.
#[test]
fn names_of_an_unread_body_are_unknown_to_a_forbid() {
    let page = |when: &str| {
        shop(&format!(
            r#"{{ "permit": [{{ "id": "o", "scope": "shop:products.update", "body": {{ "opaque": true }} }}],
                 "forbid": [{{ "id": "f", "scope": "shop:products.update", "when": [{when}] }}] }}"#
        ))
    };
    let put = || request(LINE).header("content-type", "image/png").body("x");
    for when in [
        r#"{ "field": "status", "present": true }"#,
        r#"{ "field": "status", "in": ["gone"] }"#,
        r#"{ "field": "/a/*", "present": true }"#,
        r#"{ "field": "stock", "over": 5 }"#,
    ] {
        let set = page(when);
        check(&set, &json(LINE, r#"{"status":"gone","stock":6,"a":[1]}"#), "deny f: forbidden");
        check(&set, &put(), "deny f: forbidden");
    }
    check(&page(r#"{ "field": "query.context", "present": true }"#), &put(), "allow o");
}
