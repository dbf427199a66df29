//! Another kind of JSON than is expected: what to write instead (E1).

mod support;

use policy_core::compile::SourceKind;
use support::pages::{GATEWAY, shop_page, sources};
use support::{diagnosed, source};

#[track_caller]
fn page(members: &str) -> Vec<String> {
    diagnosed(&sources(&[shop_page(members)]))
}

#[track_caller]
fn permit(members: &str) -> Vec<String> {
    page(&format!(r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.update", {members} }}] }}"#))
}

#[test]
fn texts_without_quotes() {
    let duration = "write a duration in quotes, with its unit: \"30s\", \"15m\", \"24h\" or \"7d\"";
    let found = permit(r#""counters": [{ "id": "c", "count": "requests", "max": 5, "window": 60 }]"#);
    assert_eq!(found, [format!("expected a string, found a number | {duration} | 60")]);
    let found = page(r#"{ "approvers": { "boss": { "expires": 30 } } }"#);
    assert_eq!(found, [format!("expected a string, found a number | {duration} | 30")]);
    let found = page(
        r#"{ "tripwires": [{ "id": "t", "count": "writes", "window": "5m", "max": 5, "then": "pause_writes", "until": 60 }] }"#,
    );
    assert_eq!(found, [format!("expected a string, found a number | {duration} | 60")]);
    let found = permit(r#""hours": [{ "from": 8, "until": 18 }]"#);
    assert_eq!(found, ["expected a string, found a number | write a time of day in quotes, like \"08:00\" | 8"]);
    let found = permit(r#""limits": [{ "field": "price", "equals": 5 }]"#);
    assert_eq!(
        found,
        [
            "expected a string, found a number | `equals` names another value of the request; for a constant write `\"in\": [5]` | 5"
        ]
    );
    assert_eq!(page(r#"{ "version": 2 }"#), ["expected a string, found a number | write it in quotes: \"2\" | 2"]);
}

#[test]
fn whole_numbers() {
    let trip = |max: &str| {
        page(&format!(
            r#"{{ "tripwires": [{{ "id": "t", "count": "writes", "window": "5m", "max": {max}, "then": "pause_writes" }}] }}"#
        ))
    };
    let help = "write a whole number without quotes, like 10";
    assert_eq!(trip("\"5\"")[0], "expected a whole number, found a string | write it without quotes: 5 | \"5\"");
    assert_eq!(trip("\"many\"")[0], format!("expected a whole number, found a string | {help} | \"many\""));
    assert_eq!(trip("-1")[0], format!("expected a whole number of 0 or more | {help} | -1"));
    assert_eq!(trip("1.5")[0], format!("expected a whole number | {help} | 1.5"));
    let mut all = sources(&[shop_page("{}")]);
    all[0] = source(SourceKind::Gateway, GATEWAY.replace(r#""body_kib": 1"#, r#""body_kib": 99999999999"#));
    assert_eq!(diagnosed(&all)[0], format!("expected a smaller whole number | {help} | 99999999999"));
}

#[test]
fn lists_and_objects() {
    assert_eq!(
        permit(r#""hours": [{ "days": "mon", "from": "08:00", "until": "18:00" }]"#),
        ["expected an array, found a string | write it in brackets: [\"mon\"] | \"mon\""]
    );
    assert_eq!(
        permit(r#""hours": ["08:00-18:00"]"#),
        [
            "expected an object, found a string | write it like `{\"from\": \"08:00\", \"until\": \"18:00\"}` | \"08:00-18:00\""
        ]
    );
    for (word, value) in [("change", "5"), ("increase", "\"5%\""), ("decrease", "[5]")] {
        let found = permit(&format!(r#""limits": [{{ "field": "price", "{word}": {value} }}]"#));
        assert!(found[0].contains(" | write it like `{\"percent\": 5}` | "), "{found:#?}");
    }
    assert_eq!(
        page(r#"{ "approvers": { "boss": "boss@example.com" } }"#),
        [
            "expected an object, found a string | write `{}`, or `{\"expires\": \"30m\"}`; whose keys have the role says the gateway document | \"boss@example.com\""
        ]
    );
    assert_eq!(
        page(r#"{ "money": "eur" }"#),
        ["expected an object, found a string | write it like `{\"currency\": \"eur\"}` | \"eur\""]
    );
}

#[test]
fn words_with_and_without_a_value() {
    let limit = |beyond: &str| permit(&format!(r#""limits": [{{ "field": "price", "max": 5, "beyond": {beyond} }}]"#));
    assert_eq!(
        limit("\"approval\""),
        ["`approval` needs a value | write it with its value: `{\"approval\": …}` | \"approval\""]
    );
    assert_eq!(limit(r#"{ "deny": true }"#), ["`deny` takes no value | write it alone: \"deny\" | true"]);
    assert_eq!(limit("5"), ["expected a name in quotes, found a number | one of: `deny`, `approval` | 5"]);
    assert_eq!(
        permit(r#""critical": "true""#),
        ["expected a boolean, found a string | write it without quotes: true | \"true\""]
    );
}

/// E1: what is no JSON says what to write.
#[test]
fn texts_that_are_no_json() {
    let page = shop_page(r#"{ "permit": [{ "id": "p", "scope": "shop:products.read" }] }"#);
    let with = |piece: &str, by: &str| {
        assert!(page.contains(piece), "{piece}");
        diagnosed(&sources(&[page.replacen(piece, by, 1)]))
    };
    let scope = r#""scope":"shop:products.read""#;
    for (by, expect) in [
        (r#""scope":"shop:products.read","#, "take out the comma before this: nothing follows it | }"),
        (r#""scope":'shop:products.read'"#, "write texts in double quotes: \"…\" | '"),
        (r#""scope":shop"#, "write texts and names in double quotes: \"…\" | s"),
        (r#""scope":"a" // reads"#, "JSON has no comments: take this out | /"),
        (r#""scope":"a" "mode":"shadow""#, "a comma is missing before this, behind what stands there | \""),
        (r#""scope":.5"#, "write a digit before the point: 0.05 | ."),
    ] {
        let found = with(scope, by);
        assert!(found.len() == 1 && found[0].ends_with(expect), "{by}: {found:#?}");
    }
    let open = page.trim_end().trim_end_matches('}');
    let found = diagnosed(&sources(&[open.to_string()]));
    assert!(found[0].contains("something that was opened is not closed"), "{found:#?}");
}

/// E1: members that other languages have.
#[test]
fn words_of_other_languages() {
    for (members, expect) in [
        (r#"{ "deny": [] }"#, "unknown member `deny` | did you mean `forbid`? | \"deny\""),
        (r#"{ "rules": [] }"#, "unknown member `rules` | did you mean `permit`? | \"rules\""),
    ] {
        assert_eq!(page(members), [expect]);
    }
    for (limit, expect) in [
        (r#"{ "field": "price", ">": 5 }"#, "unknown member `>` | did you mean `over`? | \">\""),
        (r#"{ "field": "price", "maximum": 5 }"#, "unknown member `maximum` | did you mean `max`? | \"maximum\""),
        (r#"{ "field": "status", "not": "draft" }"#, "unknown member `not` | did you mean `not_in`? | \"not\""),
    ] {
        assert_eq!(permit(&format!(r#""limits": [{limit}]"#)), [expect]);
    }
}

/// E1: targets as other languages write them.
#[test]
fn targets_of_other_languages() {
    let target = |target: &str| page(&format!(r#"{{ "permit": [{{ "id": "p", {target} }}] }}"#));
    for (written, expect) in [
        (
            r#""scope": "shop/products.update""#,
            "a target begins with the alias of an API | write `shop:products.update` | \"shop/products.update\"",
        ),
        (
            r#""scope": "shop:products.update[category!=a]""#,
            "a filter says which values pass: it has `=` and `|` alone | list the values that pass, or forbid the others: a forbid has the same filters | \"shop:products.update[category!=a]\"",
        ),
        (
            r#""scope": "shop:products.update[category='a']""#,
            "the quotes would be part of the filter's value | write it without: `[status=draft|live]` | \"shop:products.update[category='a']\"",
        ),
        (
            r#""endpoint": "shop:PUT /products/:id""#,
            "`:id` is no variable here: write `{id}` | \"shop:PUT /products/:id\"",
        ),
        (
            r#""endpoint": "shop:PUT /products/*""#,
            "`*` stands for nothing here: write a variable like `{id}`, or `{rest:path}` for all that follows | \"shop:PUT /products/*\"",
        ),
        (
            r#""endpoint": "shop:PUT https://shop.example.com/v3/products/{id}""#,
            "`https://shop.example.com/v3/products/{id}` is a whole address: write the path alone, without the host and the API's base | \"shop:PUT https://shop.example.com/v3/products/{id}\"",
        ),
    ] {
        assert_eq!(target(written), [expect]);
    }
}

/// E1: lists and roles that are named where something else is expected.
#[test]
fn lists_and_roles_in_the_wrong_place() {
    let limit = |members: &str| {
        page(&format!(
            r#"{{ "lists": {{ "states": ["draft"] }}, "permit": [{{ "id": "p", "scope": "shop:products.update", "fields": "any",
                 "limits": [{{ "field": "status", {members} }}] }}] }}"#
        ))
    };
    let line = "expected constants in an array, or `list:NAME`";
    assert_eq!(
        limit(r#""in": "states""#),
        [format!(
            "{line} | write \"list:states\" for the list of the page, or [\"states\"] for this one text | \"states\""
        )]
    );
    assert_eq!(limit(r#""in": "draft|live""#), [format!("{line} | write [\"draft\", \"live\"] | \"draft|live\"")]);
    assert_eq!(
        limit(r#""in": ["draft"], "beyond": "manager""#),
        ["unknown value `manager` | write `{\"approval\": \"manager\"}` | \"manager\""]
    );
    assert_eq!(
        limit(r#""pattern": "/draft/""#),
        [
            "warning: the slashes are part of the pattern: the value must have them too | write \"draft\": a pattern always stands for the whole value | \"/draft/\""
        ]
    );
    assert_eq!(
        permit(r#""approval": true"#),
        ["expected a string, found a boolean | name a role of the page's `approvers`, in quotes | true"]
    );
    assert_eq!(
        permit(r#""fields": ["price"]"#),
        ["expected a string or an object, found an array | write `{\"only\": [\"price\"]}`, or \"any\" | ["]
    );
    assert_eq!(
        permit(r#""fields": { "only": ["price"], "at_least_one": ["price"] }"#),
        [
            "expected an array, found a string | write a list of groups, each in brackets of its own: `[[\"price\", \"sale_price\"]]` | \"price\""
        ]
    );
    assert_eq!(
        permit(r#""counters": [{ "id": "c", "sum": ["price"], "max": 5, "window": "1h" }]"#),
        ["expected a string, found an array | write one text, without brackets: \"price\" | ["]
    );
    let found = permit(r#""limits": [{ "field": "body.price", "max": 5 }], "fields": "any""#);
    assert!(found[0].contains("; for the field of the request write `price` | "), "{found:#?}");
    assert_eq!(
        page(r#"{ "version": " ", "permit": [{ "id": "p", "scope": "shop:products.read" }] }"#),
        [
            "warning: this text is empty | write one that changes with the page, like 2026-11-20.1: events name it | \" \""
        ]
    );
}
