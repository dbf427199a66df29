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
