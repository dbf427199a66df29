//! Currencies of pages and catalogs, and limits on amounts that nothing can be compared with (E1).

mod support;

use policy_core::compile::SourceKind;
use support::catalogs::SHOP;
use support::pages::{shop_page, sources};
use support::{diagnosed, source};

const LIMIT: &str =
    r#"{ "id": "p", "scope": "shop:orders.refund", "fields": "any", "limits": [{ "field": "amount", "max": 5 }] }"#;

#[track_caller]
fn page(money: &str, permit: &str) -> Vec<String> {
    diagnosed(&sources(&[shop_page(&format!(r#"{{ {money} "permit": [{permit}] }}"#))]))
}

/// The page's money, under a limit on an amount.
#[track_caller]
fn money(money: &str) -> Vec<String> {
    page(&format!(r#""money": {money},"#), LIMIT)
}

/// What is said of the shop's catalog with one piece replaced, under a page that needs nothing of it.
#[track_caller]
fn catalog(piece: &str, by: &str) -> Vec<String> {
    assert_eq!(SHOP.matches(piece).count(), 1, "{piece}");
    let mut all = sources(&[shop_page(r#"{ "permit": [{ "id": "p", "scope": "shop:products.read" }] }"#)]);
    all[1] = source(SourceKind::Catalog, SHOP.replace(piece, by));
    diagnosed(&all)
}

#[test]
fn currencies_of_a_page() {
    for (written, expect) in [
        (r#"{ "currency": "eru" }"#, "warning: no currency is known by the code `eru` | did you mean `eur`? | \"eru\""),
        (
            r#"{ "currency": "euro" }"#,
            "`euro` is not an ISO 4217 currency code | a code has three letters: did you mean `eur`? | \"euro\"",
        ),
        (
            r#"{ "currency": "€" }"#,
            "`\\u{20ac}` is not an ISO 4217 currency code | a code has three letters, like `eur` or `usd` | \"€\"",
        ),
        (
            r#"{ "currency": "eur", "rates": { "usb": "0.9" } }"#,
            "warning: no currency is known by the code `usb` | did you mean `usd`? | \"usb\"",
        ),
        (
            r#"{ "currency": "eur", "rates": { "usd": 0 } }"#,
            "a rate is more than 0: at 0 every amount in `usd` would be within every limit | write what one usd is worth in eur, like \"0.92\" | 0",
        ),
        (
            r#"{ "currency": "EUR", "rates": { "eur": "1.1" } }"#,
            "`eur` is the currency of the page: limits are written in it, and it has no rate | take this rate out | \"1.1\"",
        ),
        (
            r#"{ "currency": "eur", "rates": { "usd": 1, "USD": 2 } }"#,
            "the currency `usd` has two rates | keep one of the two | 1",
        ),
    ] {
        assert_eq!(money(written), [expect], "{written}");
    }
    for fine in [r#"{ "currency": "EUR", "rates": { "usd": "0.92", "JPY": "0.006" } }"#, r#"{ "currency": "xcg" }"#] {
        assert_eq!(money(fine), [""; 0], "{fine}");
    }
}

/// B7: an amount of money is compared in the page's currency, so the page needs one.
#[test]
fn limits_on_amounts_need_a_currency() {
    let expect = "`amount` is an amount of money, and the page does not say in which currency its limits are | give the page its currency: `\"money\": {\"currency\": \"eur\"}` | ";
    for limit in [
        r#"{ "field": "amount", "max": 5 }"#,
        r#"{ "field": "amount", "in": [5] }"#,
        r#"{ "sum": "amount", "max": 5 }"#,
        r#"{ "field": "status", "present": true, "when": [{ "field": "amount", "over": 5 }] }"#,
    ] {
        let permit = format!(r#"{{ "id": "p", "scope": "shop:orders.refund", "fields": "any", "limits": [{limit}] }}"#);
        let found = page("", &permit);
        assert!(found.len() == 1 && found[0].starts_with(expect), "{limit}: {found:#?}");
    }
    let counter = r#"{ "id": "p", "scope": "shop:orders.refund", "fields": "any", "counters": [{ "id": "c", "sum": "amount", "max": 5, "window": "1h" }] }"#;
    assert_eq!(page("", counter), [format!("{expect}\"amount\"")]);
    for limit in [r#"{ "field": "amount", "present": true }"#, r#"{ "field": "status", "in": ["a"] }"#] {
        let permit = format!(r#"{{ "id": "p", "scope": "shop:orders.refund", "fields": "any", "limits": [{limit}] }}"#);
        assert_eq!(page("", &permit), [""; 0], "{limit}");
    }
}

/// B7: an amount whose currency is fixed needs a rate, or is in the page's.
#[test]
fn fixed_currencies_need_a_rate() {
    let with = |money: &str| {
        let limit = format!(r#"{{ "money": {money}, "permit": [{LIMIT}] }}"#);
        let mut all = sources(&[shop_page(&limit)]);
        all[1] = source(SourceKind::Catalog, SHOP.replace(r#""currency": "/currency""#, r#""currency": "usd""#));
        diagnosed(&all)
    };
    assert_eq!(
        with(r#"{ "currency": "eur" }"#),
        [
            "`amount` is in `usd`, and the page has no rate for it: every amount would be refused | write what one usd is worth in eur: `\"rates\": {\"usd\": \"…\"}` | {"
        ]
    );
    for fine in [r#"{ "currency": "USD" }"#, r#"{ "currency": "eur", "rates": { "USD": "0.92" } }"#] {
        assert_eq!(with(fine), [""; 0], "{fine}");
    }
}

/// E1: `money` of a page is for amounts that have a currency in the catalog.
#[test]
fn money_that_changes_nothing() {
    let plain = r#"{ "id": "p", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "price", "max": 5 }] }"#;
    assert_eq!(
        page(r#""money": { "currency": "eur" },"#, plain),
        [
            "warning: no limit of this page is on an amount with a currency: `money` changes nothing | where a limit is meant to be in this currency, give its field `\"type\": \"money\"`, `\"unit\"` and `\"currency\"` in the catalog; else take `money` out | \"money\""
        ]
    );
    assert_eq!(page(r#""money": { "currency": "eur" },"#, LIMIT), [""; 0]);
}

/// E1: what the catalog calls the money of an action, as a plain number.
#[test]
fn money_without_a_currency() {
    let all = |limit: &str| {
        let page = shop_page(&format!(
            r#"{{ "money": {{ "currency": "eur" }}, "permit": [
                {{ "id": "o", "scope": "shop:orders.refund", "fields": "any", "limits": [{{ "field": "amount", "max": 5 }}] }},
                {{ "id": "p", "scope": "shop:products.update", "fields": "any", {limit} }}] }}"#
        ));
        let mut all = sources(&[page]);
        let update = r#""endpoints": ["PUT|PATCH|POST /products/{id}"], "effect": "gate""#;
        assert_eq!(SHOP.matches(update).count(), 1);
        all[1] = source(SourceKind::Catalog, SHOP.replace(update, &format!(r#"{update}, "money": "price""#)));
        diagnosed(&all)
    };
    let expect = "warning: `price` is the money of `products.update`, and the catalog gives it no currency: the limit is on the number as it stands, not in eur | give the field `\"type\": \"money\"`, `\"unit\"` and `\"currency\"` in the catalog | \"price\"";
    assert_eq!(all(r#""limits": [{ "field": "price", "max": 5 }]"#), [expect]);
    assert_eq!(all(r#""counters": [{ "id": "c", "sum": "price", "max": 5, "window": "1h" }]"#), [expect]);
    assert_eq!(all(r#""limits": [{ "field": "stock", "max": 5 }]"#), [""; 0]);
}

#[test]
fn currencies_of_a_catalog() {
    let quirks = r#""quirks": { "php_names": true }"#;
    for (digits, expect) in [
        (r#"{ "hfu": 0 }"#, "warning: no currency is known by the code `hfu` | did you mean `huf`? | \"hfu\""),
        (r#"{ "forint": 0 }"#, "`forint` is not an ISO 4217 currency code: write its three letters, like `huf` | 0"),
        (r#"{ "huf": 20 }"#, "a minor unit has at most 18 digits: write 2 where it is a hundredth, as cents are | 20"),
    ] {
        assert_eq!(catalog(quirks, &format!(r#"{quirks}, "minor_digits": {digits}"#)), [expect], "{digits}");
    }
    assert_eq!(catalog(quirks, &format!(r#"{quirks}, "minor_digits": {{ "HUF": 0 }}"#)), [""; 0]);
    let currency = r#""currency": "/currency""#;
    for (written, expect) in [
        ("usx", "warning: no currency is known by the code `usx` | did you mean `usd`? | \"usx\""),
        ("curency", "unknown currency field `curency` | did you mean `currency`? | \"curency\""),
    ] {
        assert_eq!(catalog(currency, &format!(r#""currency": "{written}""#)), [expect], "{written}");
    }
    for fine in ["usd", "currency", "/meta/currency"] {
        assert_eq!(catalog(currency, &format!(r#""currency": "{fine}""#)), [""; 0], "{fine}");
    }
    let named = r#""amount": { "at": "/amount", "type": "money", "unit": "minor", "currency": "/currency" },
        "currency": {"#;
    assert_eq!(
        catalog(
            named,
            r#""amount": { "at": "/amount", "type": "money", "unit": "minor", "currency": "ccy" }, "ccy": {"#
        ),
        [
            "three letters are a currency code: this is not the field `ccy` | write the place where the code stands, like `/ccy` | \"ccy\""
        ]
    );
}
