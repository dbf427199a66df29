//! What is wrong with a document: the message, the help and the underlined text (E1).

mod support;

use policy_core::compile::{Source, SourceKind};
use support::pages::{GATEWAY, shop_page, sources};
use support::{diagnose, diagnosed, source};

/// A whole page as an author writes it; tests replace a piece of it.
const PAGE: &str = r#"{
  "ambit": "v1",
  "agent": { "name": "agent", "purpose": "a test", "impact": "low" },
  "version": "1",
  "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" },
  "mode": "enforce",
  "apis": { "shop": { "catalog": "shop-v3", "hosts": ["shop.example.com"] } },
  "lists": { "states": ["draft"] },
  "approvers": { "manager": { "expires": "10m" } },
  "permit": [
    { "id": "read", "scope": "shop:products.read" },
    { "id": "write", "scope": "shop:products.update",
      "fields": { "only": ["price", "status"] },
      "limits": [{ "field": "price", "max": 10, "beyond": { "approval": "manager" } }, { "field": "status", "in": "list:states" }] }
  ],
  "forbid": [{ "id": "never", "scope": "shop:products.delete" }],
  "owners": { "product": "a team" }
}"#;

/// The target of the page's forbid.
const FORBIDDEN: &str = r#""scope": "shop:products.delete""#;

fn replaced(piece: &str, by: &str) -> Vec<Source> {
    assert_eq!(PAGE.matches(piece).count(), 1, "{piece} stands once");
    sources(&[PAGE.replace(piece, by)])
}

#[test]
fn a_page_without_a_mistake_says_nothing() {
    diagnose(&sources(&[PAGE.to_string()]), &[]);
}

/// E1: members and values that the language does not have.
#[test]
fn mistyped_members_and_words() {
    for (piece, by, expect) in [
        (r#""version""#, r#""verison""#, "unknown member `verison` | did you mean `version`? | \"verison\""),
        (r#""purpose""#, r#""purpsoe""#, "unknown member `purpsoe` | did you mean `purpose`? | \"purpsoe\""),
        (r#""fields""#, r#""Fields""#, "unknown member `Fields` | did you mean `fields`? | \"Fields\""),
        (r#""only""#, r#""onyl""#, "unknown member `onyl` | did you mean `only`? | \"onyl\""),
        (r#""max""#, r#""maximum""#, "unknown member `maximum` | did you mean `max`? | \"maximum\""),
        (r#""max""#, r#""colour""#, ""),
        (r#""enforce""#, r#""enforced""#, "unknown value `enforced` | did you mean `enforce`? | \"enforced\""),
        (r#""low""#, r#""none""#, "unknown value `none` | one of: `low`, `medium`, `high` | \"none\""),
        (r#""v1""#, r#""v2""#, "unknown value `v2` | did you mean `v1`? | \"v2\""),
    ] {
        let found = diagnosed(&replaced(piece, by));
        if expect.is_empty() {
            assert!(found[0].starts_with("unknown member `colour` | known here: "), "{found:?}");
            assert!(found[0].ends_with(" | \"colour\""), "{found:?}");
        } else {
            assert_eq!(found, [expect]);
        }
    }
}

/// E1: members that are missing, stand twice, or hold something else.
#[test]
fn missing_doubled_and_mistyped_values() {
    for (piece, by, expect) in [
        (r#""version": "1","#, "", "the member `version` is missing | add `version` | {"),
        (r#", "until": "2026-12-01T00:00:00Z""#, "", "the member `until` is missing | add `until` | {"),
        (r#""id": "read", "#, "", "the member `id` is missing | add `id` | {"),
        (
            r#""version": "1","#,
            r#""version": "1", "version": "2","#,
            "the member `version` occurs twice in one object | keep one of the two | \"",
        ),
        (r#""version": "1""#, r#""version": 1"#, "expected a string, found a number | write it in quotes: \"1\" | 1"),
        (r#""version": "1""#, r#""version": null"#, "expected a string, found null | null"),
        (
            r#"["shop.example.com"]"#,
            r#""shop.example.com""#,
            "expected an array or an object, found a string | write it in brackets: [\"shop.example.com\"] | \"shop.example.com\"",
        ),
        (
            r#"{ "product": "a team" }"#,
            r#"["a team"]"#,
            "expected an object, found an array | write it like `{\"product\": \"pricing@example.com\"}` | [",
        ),
        (
            r#""max": 10"#,
            r#""max": true"#,
            "expected a number, or a number in a string | write a number, like 10 or \"19.99\" | true",
        ),
        (
            r#""in": "list:states""#,
            r#""in": 1"#,
            "expected a string or an array, found a number | write it in brackets: [1] | 1",
        ),
        (
            r#""enforce""#,
            r#"["enforce"]"#,
            "expected a name in quotes, found an array | one of: `enforce`, `shadow` | [",
        ),
        (r#""enforce""#, "1", "expected a name in quotes, found a number | one of: `enforce`, `shadow` | 1"),
        (
            r#"{ "name": "agent", "purpose": "a test", "impact": "low" }"#,
            r#"["agent", "a test", "low"]"#,
            "expected an object, found an array | write it like `{\"name\": \"price-agent\", \"purpose\": \"…\", \"impact\": \"low\"}` | [",
        ),
        (
            r#"{ "id": "read", "scope": "shop:products.read" }"#,
            r#"["read", "shop:products.read"]"#,
            "expected an object, found an array | write it like `{\"id\": \"look\", \"scope\": \"shop:products.read\"}` | [",
        ),
    ] {
        assert_eq!(diagnosed(&replaced(piece, by)), [expect], "{by}");
    }
}

/// E1: what is no JSON at all.
#[test]
fn documents_that_are_no_json() {
    for (piece, by, expect) in [
        (
            r#""version": "1","#,
            r#""version": "1""#,
            "not JSON: expected `,` or `}` | a comma is missing before this, behind what stands there | \"",
        ),
        (
            r#""version": "1","#,
            r#""version": '1',"#,
            "not JSON: expected a value | write texts in double quotes: \"…\" | '",
        ),
        (
            r#""version": "1","#,
            r#"// the version"#,
            "not JSON: expected a member name in double quotes | JSON has no comments: take this out | /",
        ),
        (r#""max": 10"#, r#""max": 1234567890123456789"#, "a number with more than 18 significant digits | 1"),
    ] {
        assert_eq!(diagnosed(&replaced(piece, by)), [expect], "{by}");
    }
}

/// E1, E2: names that mean nothing, with the nearest that does.
#[test]
fn unknown_names() {
    for (piece, by, expect) in [
        (
            r#""shop:products.read""#,
            r#""shpo:products.read""#,
            "unknown API `shpo` | did you mean `shop`? | \"shpo:products.read\"",
        ),
        (
            r#""shop:products.read""#,
            r#""shop:product.read""#,
            "unknown resource `product` | did you mean `products`? | \"shop:product.read\"",
        ),
        (
            r#""shop:products.read""#,
            r#""shop:products.lists""#,
            "unknown action of `products` `lists` | did you mean `list`? | \"shop:products.lists\"",
        ),
        (
            r#""shop:products.read""#,
            r#""shop:products.read[categroy=a]""#,
            "unknown filter `categroy` | did you mean `category`? | \"shop:products.read[categroy=a]\"",
        ),
        (
            r#"{ "approval": "manager" }"#,
            r#"{ "approval": "manger" }"#,
            "unknown role `manger` | did you mean `manager`? | \"manger\"",
        ),
        (r#""list:states""#, r#""list:state""#, "unknown list `state` | did you mean `states`? | \"list:state\""),
        (
            r#"["price", "status"]"#,
            r#"["price", "statsu"]"#,
            "unknown name `statsu`: `products.update` has no such field; did you mean `status`? | \"statsu\"",
        ),
        (
            r#""field": "price""#,
            r#""field": "prize""#,
            "unknown name `prize`: `products.update` has no such field; did you mean `price`? | \"prize\"",
        ),
    ] {
        // A predicate that is wrong is none: what follows from that may be said too.
        let mut found = diagnosed(&replaced(piece, by));
        found.retain(|text| !text.starts_with("this test says what is measured"));
        assert_eq!(found, [expect], "{by}");
    }
    let catalog = diagnosed(&replaced(r#""shop-v3""#, r#""shop-v4""#));
    assert_eq!(catalog[0], "unknown catalog `shop-v4` | did you mean `shop-v3`? | \"shop-v4\"");
}

/// E1: targets that are none.
#[test]
fn wrong_targets() {
    for (by, expect) in [
        (
            r#""products.read""#,
            "a target begins with the alias of an API | write `shop:products.read` | \"products.read\"",
        ),
        (
            r#""shop:products""#,
            "a scope is `api:resource.action` | name its actions: `products.read`, `products.write`, `products.*`, or one by its name | \"shop:products\"",
        ),
        (
            r#""shop:products.read[category]""#,
            "a filter is `[name=value|value]` | write it behind the action, without blanks or quotes: `products.update[status=draft|live]` | \"shop:products.read[category]\"",
        ),
        (
            r#""shop:products.read[category=a""#,
            "a filter is `[name=value|value]` | write it behind the action, without blanks or quotes: `products.update[status=draft|live]` | \"shop:products.read[category=a\"",
        ),
        (
            "[]",
            "the target is empty: the rule could never match | name what the rule is about, or take the rule out | \"scope\"",
        ),
    ] {
        assert_eq!(diagnosed(&replaced(r#""shop:products.read""#, by)), [expect], "{by}");
    }
    for (by, expect) in [
        ("shop:/products", "an endpoint is `METHOD /path`"),
        ("shop:FETCH /products", "unknown method `FETCH`: one of GET, POST, PUT, PATCH, DELETE"),
        ("shop:HEAD /products", "HEAD is allowed wherever GET is; write GET"),
        ("shop:GET /a//b", "the path has an empty segment"),
        ("shop:DELETE products/{id}", "the path `products/{id}` does not begin with `/`: write `/products/{id}`"),
        ("shop:GET /a%20b", "`a%20b` is no part of a path: write it in plain characters, or as a variable like `{id}`"),
        ("shop:GET /{x:path}/b", "a variable of type `path` must be last"),
        ("shop:GET /{x}/{x}", "the path variable `x` occurs twice"),
        ("shop:GET /{x:word}", "unknown type `word` of a path variable: token, text, path or digits"),
    ] {
        let found = diagnosed(&replaced(FORBIDDEN, &format!(r#""endpoint": "{by}""#)));
        let help = if expect.contains("write ") {
            ""
        } else {
            " | write a method and a path below the API's base, like `GET /products/{id}`"
        };
        assert_eq!(found, [format!("{expect}{help} | \"{by}\"")]);
    }
    let both =
        replaced(r#""scope": "shop:products.read""#, r#""scope": "shop:products.read", "endpoint": "shop:GET /x""#);
    diagnose(&both, &["a rule has exactly one kind of target | write a rule for each | \"shop:products.read\""]);
    let none = replaced(r#", "scope": "shop:products.read""#, "");
    diagnose(
        &none,
        &[
            "the rule has no target | add `scope` (catalog actions), `endpoint` (method and path), `tool`, `rpc` or `graphql` | {",
        ],
    );
}

/// E1: times, durations, hosts, bases, numbers, patterns.
#[test]
fn wrong_words_of_every_kind() {
    for (piece, by, expect) in [
        (
            r#""2026-11-01T00:00:00Z""#,
            r#""2026-11-31T00:00:00Z""#,
            "`2026-11-31T00:00:00Z` is not a time | write RFC 3339 in UTC, like 2026-11-01T00:00:00Z | \"2026-11-31T00:00:00Z\"",
        ),
        (
            r#""2026-12-01T00:00:00Z""#,
            r#""2026-10-01T00:00:00Z""#,
            "the page ends before it begins: `until` must be later than `from` | write a later time, or swap the two | \"2026-10-01T00:00:00Z\"",
        ),
        (r#""10m""#, r#""10 min""#, "`10 min` is not a duration | write 30s, 5m, 24h or 7d | \"10 min\""),
        (
            r#""shop.example.com""#,
            r#""https://shop.example.com""#,
            "`https://shop.example.com` is not a host | write `shop.example.com` or `shop.example.com:8443` | \"https://shop.example.com\"",
        ),
        (
            r#""max": 10"#,
            r#""max": "1e1""#,
            "`1e1` is not a decimal number of at most 18 significant digits | write it without exponent, like 19.99 or \"19.99\" | \"1e1\"",
        ),
        (
            r#""in": "list:states""#,
            r#""in": "draft""#,
            "expected constants in an array, or `list:NAME` | write [\"draft\"] for one constant, or \"list:NAME\" for a list of the page | \"draft\"",
        ),
        (r#""in": "list:states""#, r#""format": "numeric""#, ""),
        (
            r#""in": "list:states""#,
            r#""in": []"#,
            "the list is empty: nothing could ever be in it | list what the value may be, or must not be; whether it is there at all says `present` | \"in\"",
        ),
        (
            r#""in": "list:states""#,
            r#""prefix": [""]"#,
            "`prefix` needs one or more values, none of them empty | write them in a list, like `[\"draft-\"]` | \"prefix\"",
        ),
        (r#""in": "list:states""#, r#""unique": false"#, "`unique` is true or left out | take it out | false"),
        (
            r#""fields": { "only": ["price", "status"] }"#,
            r#""fields": "all""#,
            "unknown value `all` | write \"any\" or an object | \"all\"",
        ),
    ] {
        let found = diagnosed(&replaced(piece, by));
        let errors: Vec<&String> = found.iter().filter(|text| !text.starts_with("this test has a measure")).collect();
        if expect.is_empty() {
            assert!(errors[0].starts_with("unknown format `numeric` | known here: `decimal`, "), "{found:?}");
        } else {
            assert!(errors.iter().any(|text| *text == expect), "{by}: {found:?}");
        }
    }
    let pattern = diagnosed(&replaced(r#""in": "list:states""#, r#""pattern": "a)|(b""#));
    assert!(
        pattern.iter().any(|t| t.starts_with("the pattern is not valid: ") && t.ends_with(" | \"a)|(b\"")),
        "{pattern:?}"
    );
    let huge = diagnosed(&replaced(r#""in": "list:states""#, r#""pattern": "(a|b)*a(a|b){20}""#));
    assert!(huge.iter().any(|t| t.starts_with("the pattern becomes larger than 256 KiB")), "{huge:?}");
}

/// E1: limits that are no limits, or that nothing can meet.
#[test]
fn contradictory_limits() {
    let status = r#"{ "field": "status", "in": "list:states" }"#;
    for (by, expect) in [
        (
            r#"{ "field": "price", "min": 5, "max": "4.99" }"#,
            "no number lies above 5 and below 4.99: this limit can never be met | swap the bounds, or take one out | {",
        ),
        (
            r#"{ "field": "price", "over": 5, "max": 5 }"#,
            "no number lies above 5 and below 5: this limit can never be met | swap the bounds, or take one out | {",
        ),
        (
            r#"{ "field": "name", "length": { "min": 3, "max": 2 } }"#,
            "no length is at least 3 and at most 2 | swap the two | \"length\"",
        ),
        (
            r#"{ "field": "name", "length": {} }"#,
            "`length` needs `min` or `max` | write it like `{\"max\": 80}` | \"length\"",
        ),
        (
            r#"{ "in": ["a"] }"#,
            "a test has exactly one measure: `field`, `count` or `sum` | say what is measured: `\"field\": \"price\"` | {",
        ),
        (
            r#"{ "field": "price", "sum": "price", "max": 1 }"#,
            "a test has exactly one measure: `field`, `count` or `sum` | write a limit for each | {",
        ),
        (
            r#"{ "count": "rows", "in": [1] }"#,
            "a count or a sum can only be bounded by `min`, `max`, `over`, `under` | write the other conditions as a limit of their own, on a `field` | {",
        ),
        (
            r#"{ "field": "price", "max": 1, "when": [{ "count": "rows", "max": 1 }] }"#,
            "a test of `when` looks at one operation: use `field` | counts, sums and `unique` belong to limits | {",
        ),
        (
            r#"{ "field": "price", "max": 1, "when": [{ "id": "x", "field": "price", "max": 1 }] }"#,
            "`id` belongs to a limit, not to a test of `when` | take it out, or write it in the limit itself | \"x\"",
        ),
        (
            r#"{ "id": "0", "field": "status", "in": ["a"] }"#,
            "two limits are named `0` | give one of them another id; a limit without one is named by its place: 0, 1, … | \"0\"",
        ),
    ] {
        assert_eq!(diagnosed(&replaced(status, by)), [expect], "{by}");
    }
    let none = diagnosed(&replaced(status, r#"{ "field": "price" }"#));
    assert!(
        none[0].starts_with(
            "this test says what is measured, and not what must hold of it | say what must hold of it: in, "
        ),
        "{none:?}"
    );
}

/// E1: rules that get in each other's way.
#[test]
fn rules_that_contradict_each_other() {
    diagnose(
        &replaced(r#""id": "write""#, r#""id": "read""#),
        &["two rules are named `read` | give one of them another id: events and approvals name the rule | \"read\""],
    );
    diagnose(
        &replaced(r#""only": ["price", "status"]"#, r#""only": ["price", "status"], "never": ["price"]"#),
        &["`price` is in `only` and in `never` | take it out of one of them | \"fields\""],
    );
    diagnose(
        &replaced(FORBIDDEN, r#""scope": "shop:products.read""#),
        &["`read` can never allow anything: a forbid covers all of it | take one of the two out | \"read\""],
    );
    diagnose(
        &replaced(r#""scope": "shop:products.read""#, r#""endpoint": "shop:PUT /{any:path}""#),
        &[
            "`read` and `write` can match the same operation, and one of them asks for approval: the other would let it pass | narrow one of the targets, or put both into one rule | \"write\"",
        ],
    );
    diagnose(
        &sources(&[PAGE.to_string(), PAGE.to_string()]),
        &[
            "two templates are for the agent `agent` | an agent has one page: put the rules into one of them | \"agent\"",
        ],
    );
    diagnose(
        &sources(&[shop_page("{}")]),
        &[
            "warning: the page permits nothing: every request of this agent is refused | add what the agent may do: `{\"id\": \"look\", \"scope\": \"API:RESOURCE.ACTION\"}` | \"permit\"",
        ],
    );
    diagnose(
        &replaced(r#"{ "product": "a team" }"#, "{}"),
        &["the page has no owner | name who answers for the agent: `\"product\": \"…\"` | \"owners\""],
    );
}

/// A20: stages and hosts.
#[test]
fn stages_need_hosts_by_stage() {
    let by_stage = r#"{ "staging": ["s.example.com"] }"#;
    diagnose(
        &replaced(r#""mode": "enforce","#, r#""mode": "enforce", "released_for": ["staging"],"#),
        &["`released_for` needs hosts by stage | write hosts by stage: `{\"staging\": [\"…\"]}` | \"hosts\""],
    );
    let mut page = PAGE.replace(r#"["shop.example.com"]"#, by_stage);
    page = page.replace(r#""mode": "enforce","#, r#""mode": "enforce", "released_for": ["stagin"],"#);
    diagnose(
        &sources(&[page]),
        &[
            "unknown stage `stagin` | did you mean `staging`? | \"released_for\"",
            "no host of this API is reachable: its rules could never match | list a host, like `[\"shop.example.com\"]`; with stages, for a stage of `released_for` | \"hosts\"",
        ],
    );
}

/// The gateway document.
#[test]
fn the_gateway_document() {
    let with = |text: &str| {
        let mut all = sources(&[PAGE.to_string()]);
        all[0] = source(SourceKind::Gateway, text);
        diagnosed(&all)
    };
    assert_eq!(with(GATEWAY), [""; 0]);
    for (text, expect) in [
        (
            r#"{ "ambit": "gateway-v1", "identity": [] }"#,
            "no identity source: no request could name its agent | say where the agent's name stands, like `[{\"header\": \"x-agent-name\"}]` | \"identity\"",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "header": "a b" }] }"#,
            "`a b` is not a header name | write it like `x-agent-name`: letters, digits, `-` and `_` | \"a b\"",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "cookie": "a" }] }"#,
            "unknown value `cookie` | one of: `header`, `token`, `jwt`, `mtls`, `kong_consumer`, `session_token` | ",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "token": { "header": "a", "sha256": { "00": "x" } } }] }"#,
            "`00` is not a SHA-256 in hexadecimal | printf %s TOKEN | sha256sum | \"x\"",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "jwt": { "metadata": ["jwt_payload"] } }] }"#,
            "the way to a claim has 2 to 8 names, the namespace first | write `[\"envoy.filters.http.jwt_authn\", ",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "jwt": { "metadata": ["a", "sub"], "session": ["a", ""] } }] }"#,
            "the way to a claim has 2 to 8 names, the namespace first | ",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "session_token": { "header": "authorization" } }] }"#,
            "no key may sign session tokens | give one of `keys` the member `\"sessions\": true`",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "mtls": { "uri_sans": { "example.com/agent": "x" } } }] }"#,
            "`example.com/agent` is not a URI | write it as it stands in the certificate: `spiffe://example.com/price-agent`",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "header": "a" }], "limits": { "body_kib": 0 } }"#,
            "`body_kib` is 1 to 16384 | write how many KiB, like 256 | 0",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "header": "a" }], "limits": { "body_timeout_ms": 1 } }"#,
            "`body_timeout_ms` is 100 to 600000 | write milliseconds, like 15000 | 1",
        ),
        (
            r#"{ "ambit": "gateway-v1", "identity": [{ "header": "a" }], "limits": { "counters_kib": 8 } }"#,
            "`counters_kib` is 64 to 1048576 | write how many KiB, like 65536 | 8",
        ),
    ] {
        let found = with(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expect), "{found:?}");
    }
}

/// E1: a path variable that no endpoint of the rule has.
#[test]
fn unknown_path_variables() {
    let status = r#"{ "field": "status", "in": "list:states" }"#;
    for by in [
        r#"{ "field": "path.ids", "in": ["1"] }"#,
        r#"{ "field": ["price", "path.ids"], "max": 1 }"#,
        r#"{ "field": "price", "max": 1, "when": [{ "field": "path.ids", "in": ["1"] }] }"#,
        r#"{ "field": "status", "equals": "path.ids" }"#,
    ] {
        diagnose(&replaced(status, by), &["unknown path variable `ids` | did you mean `id`? | \"path.ids\""]);
    }
    diagnose(&replaced(status, r#"{ "field": "path.id", "in": ["1"] }"#), &[]);
    for forbid in [FORBIDDEN, r#""endpoint": "shop:GET /products/{id}/notify""#] {
        diagnose(
            &replaced(FORBIDDEN, &format!(r#"{forbid}, "when": [{{ "field": "path.ids", "in": ["1"] }}]"#)),
            &["unknown path variable `ids` | did you mean `id`? | \"path.ids\""],
        );
    }
    let of_api = replaced(
        r#""hosts": ["shop.example.com"]"#,
        r#""hosts": ["shop.example.com"], "limits": [{ "field": "path.ids", "in": ["1"] }]"#,
    );
    assert_eq!(diagnosed(&of_api).len(), 1, "{:?}", diagnosed(&of_api));
    assert!(diagnosed(&of_api)[0].starts_with("unknown path variable `ids`"), "{:?}", diagnosed(&of_api));
}

/// E1: a base is plain segments.
#[test]
fn bases_are_plain() {
    for base in ["/{shop}", "v3", "/v3/", "/", "/a//b", "/a%20b", "/a?b", "/a#b", "/a;b", "/a b", "/\u{e4}", "/a}"] {
        // Endpoints below a base that is none are said to be none too: the base comes first.
        let found = diagnosed(&replaced(
            r#""hosts": ["shop.example.com"]"#,
            &format!(r#""base": "{base}", "hosts": ["shop.example.com"]"#),
        ));
        let expect = "a base is empty, or plain segments that begin with `/` and do not end in one | write the path before all endpoints, like `/v1`, or leave `base` out";
        assert_eq!(found[0], format!("{expect} | \"{base}\""));
    }
    diagnose(
        &replaced(r#""hosts": ["shop.example.com"]"#, r#""base": "/a/b-c.d", "hosts": ["shop.example.com"]"#),
        &[],
    );
}

/// A batch's rows are granted by what they are: an endpoint permit on the batch itself can grant nothing.
#[test]
fn endpoint_permits_on_a_batch() {
    let write = r#""id": "read", "scope": "shop:products.read""#;
    for endpoint in ["POST /products/batch", "PUT|POST /products/batch"] {
        let found = diagnosed(&replaced(write, &format!(r#""id": "read", "endpoint": "shop:{endpoint}""#)));
        assert!(found[0].starts_with("`products.batch` is a batch: each of its rows is judged as the action it is | name the rows' actions by `scope` | "), "{found:?}");
    }
    diagnose(&replaced(FORBIDDEN, r#""endpoint": "shop:POST /products/batch""#), &[]);
}

/// A permit in shadow grants nothing, so it may stand beside a live one that it would soften.
#[test]
fn shadow_permits_may_overlap() {
    let second = |members: &str| {
        shop_page(&format!(
            r#"{{ "permit": [{{ "id": "live", "scope": "shop:products.update", "fields": "any" }},
                             {{ "id": "next", "scope": "shop:products.update", "fields": "any", "approval": "manager" {members} }}] }}"#
        ))
    };
    diagnose(&sources(&[second(r#", "mode": "shadow""#)]), &[]);
    assert_eq!(diagnosed(&sources(&[second("")])).len(), 1);
    // The other way round: what is live softens, what is in shadow grants nothing.
    let shadowed = shop_page(
        r#"{ "permit": [{ "id": "live", "scope": "shop:products.update", "fields": "any", "approval": "manager" },
                        { "id": "next", "scope": "shop:products.update", "fields": "any", "mode": "shadow" }] }"#,
    );
    diagnose(&sources(&[shadowed]), &[]);
}

/// E1, D1: what every record names has a name.
#[test]
fn empty_names() {
    let help = "name what it is for: every record of what the rule decides names it";
    for (piece, by) in [(r#""id": "read""#, r#""id": """#), (r#""id": "never""#, r#""id": " ""#)] {
        let text = by.rsplit(": ").next().unwrap_or_default();
        diagnose(&replaced(piece, by), &[&format!("a rule needs an id | {help} | {text}")]);
    }
    let help = "write the name by which the gateway knows the agent";
    for name in ["\"\"", "\" \""] {
        let page = replaced(r#""name": "agent""#, &format!(r#""name": {name}"#));
        diagnose(&page, &[&format!("the page is for no agent: the name is empty | {help} | {name}")]);
    }
}

/// E1: one spelling or another, a host of an API is listed once.
#[test]
fn a_host_is_listed_once() {
    let hosts = r#"["shop.example.com"]"#;
    for (twice, text) in [
        (r#"["shop.example.com", "shop.example.com"]"#, "\"shop.example.com\""),
        (r#"["shop.example.com", "SHOP.example.com:443"]"#, "\"SHOP.example.com:443\""),
        (r#"{ "staging": ["shop.example.com"], "test": ["shop.example.com"] }"#, "\"shop.example.com\""),
    ] {
        let expect = format!("the host `shop.example.com` is listed twice | keep one of the two | {text}");
        diagnose(&replaced(hosts, twice), &[&expect]);
    }
    diagnose(&replaced(hosts, r#"["shop.example.com", "shop.example.com:8443"]"#), &[]);
}

/// E1: what follows from a mistake is not said.
#[test]
fn a_host_that_is_no_host_is_the_only_finding() {
    let help = "write `shop.example.com` or `shop.example.com:8443`";
    let host = "https://shop.example.com";
    diagnose(
        &replaced(r#""shop.example.com""#, &format!("\"{host}\"")),
        &[&format!("`{host}` is not a host | {help} | \"{host}\"")],
    );
}
