//! Limits that ask for another kind of value than the catalog gives, that nothing can meet, or that hardly bound anything (E1).

mod support;

use support::pages::{permits_page, sources};
use support::{diagnose, diagnosed};

/// What is said of limits on a permit that may write these fields.
#[track_caller]
fn limits(limits: &str) -> Vec<String> {
    let fields =
        r#"{ "only": ["price", "sale", "stock", "name", "status", "contact", "visible", "id", "meta", "tags"] }"#;
    permit(&format!(r#""scope": "shop:products.update", "fields": {fields}, "limits": [{limits}]"#))
}

#[track_caller]
fn permit(members: &str) -> Vec<String> {
    diagnosed(&sources(&[permits_page(&format!(r#"{{ "id": "p", {members} }}"#))]))
}

/// B3: a bound on a number where the catalog has a text.
#[test]
fn bounds_on_what_is_no_number() {
    let text = "say which texts it may be: `\"in\": [\"…\"]`; if its texts are numbers, give the field `\"type\": \"decimal\"` in the catalog";
    for (member, value) in [
        ("min", "1"),
        ("max", "1"),
        ("over", "1"),
        ("under", "1"),
        ("change", r#"{ "percent": 5, "against": ["price"] }"#),
    ] {
        let found = limits(&format!(r#"{{ "field": "status", "{member}": {value} }}"#));
        let line = format!("`{member}` bounds a number, and the catalog says that `status` is a text | {text} | ");
        // The shop has no lookup, which is said of the change too.
        let kind = found.iter().filter(|found| found.starts_with(&line)).count();
        assert_eq!(kind, usize::from(member != "change"), "{member}: {found:#?}");
    }
    for (field, word, help) in
        [("visible", "true or false", "say what it may be: `\"in\": [false]`"), ("contact", "an e-mail address", text)]
    {
        assert_eq!(
            limits(&format!(r#"{{ "field": "{field}", "max": 1 }}"#)),
            [format!("`max` bounds a number, and the catalog says that `{field}` is {word} | {help} | 1")]
        );
    }
    for field in ["price", "stock", "id", "path.id", "/meta/size"] {
        let found = limits(&format!(r#"{{ "field": "{field}", "max": 1 }}"#));
        assert!(!found.iter().any(|found| found.contains("bounds a number")), "{found:#?}");
    }
}

/// B4: constants that the value can never be.
#[test]
fn constants_of_another_type() {
    for (test, expect) in [
        (
            r#"{ "field": "status", "in": [1] }"#,
            "`status` is never the number 1: the catalog says that it is a text | write it in quotes: \"1\" | 1",
        ),
        (
            r#"{ "field": "status", "in": [true] }"#,
            "`status` is never true: the catalog says that it is a text | write it in quotes: \"true\" | true",
        ),
        (
            r#"{ "field": "stock", "in": ["5"] }"#,
            "`stock` is never the text `5`: the catalog says that it is a whole number | write it without quotes: 5 | \"5\"",
        ),
        (
            r#"{ "field": "stock", "not_in": [1.5] }"#,
            "`stock` is never the number 1.5: the catalog says that it is a whole number | write a whole number, like 5 | 1.5",
        ),
        (
            r#"{ "field": "visible", "in": ["true"] }"#,
            "`visible` is never the text `true`: the catalog says that it is true or false | write it without quotes: true | \"true\"",
        ),
        (
            r#"{ "field": "price", "in": ["cheap"] }"#,
            "`price` is never the text `cheap`: the catalog says that it is a number | write a number, like 19.99, with no more digits than the catalog gives it | \"cheap\"",
        ),
        (
            r#"{ "field": "price", "in": [1.999] }"#,
            "`price` is never the number 1.999: the catalog says that it is a number | write a number, like 19.99, with no more digits than the catalog gives it | 1.999",
        ),
        (
            r#"{ "field": "id", "in": ["a1"] }"#,
            "`id` is never the text `a1`: the catalog says that it is digits | write digits, like \"42\" | \"a1\"",
        ),
        (
            r#"{ "field": "contact", "in": ["sales"] }"#,
            "`contact` is never the text `sales`: the catalog says that it is an e-mail address | write an address, like \"someone@example.com\" | \"sales\"",
        ),
        // Of several only some: the others still mean something.
        (
            r#"{ "field": "status", "in": ["draft", 1] }"#,
            "warning: `status` is never the number 1: the catalog says that it is a text | write it in quotes: \"1\" | 1",
        ),
        (
            r#"{ "field": "stock", "max": 5, "when": [{ "field": "status", "in": [1] }] }"#,
            "`status` is never the number 1: the catalog says that it is a text | write it in quotes: \"1\" | 1",
        ),
    ] {
        assert_eq!(limits(test), [expect], "{test}");
    }
    for fine in [
        r#"{ "field": "status", "in": ["draft", "1"] }"#,
        r#"{ "field": "stock", "in": [5, 0] }"#,
        r#"{ "field": "visible", "in": [true] }"#,
        r#"{ "field": "price", "in": ["5.00", 5] }"#,
        r#"{ "field": "id", "in": ["42", 42] }"#,
        r#"{ "field": "path.id", "in": [42, "a"] }"#,
        r#"{ "field": "/meta/any", "in": [42, "a", true] }"#,
    ] {
        assert_eq!(limits(fine), [""; 0], "{fine}");
    }
}

/// B4: a list may serve several fields; one of which no constant fits the field is a mistake.
#[test]
fn lists_of_another_type() {
    let page = |list: &str| {
        let page = permits_page(
            r#"{ "id": "p", "scope": "shop:products.update", "fields": "any", "limits": [{ "field": "stock", "not_in": "list:bad" }] }"#,
        );
        diagnosed(&sources(&[page.replacen('{', &format!(r#"{{ "lists": {{ "bad": {list} }},"#), 1)]))
    };
    assert_eq!(
        page(r#"["1", "2"]"#),
        [
            "`stock` is never in `list:bad`: the catalog says that it is a whole number | write the list's constants as the API writes the field: texts in quotes, numbers without | \"list:bad\""
        ]
    );
    assert_eq!(page(r#"["1", 2]"#), [""; 0]);
}

/// B4: what `not_in` refuses as a number passes as a text, where the API takes both.
#[test]
fn not_in_names_both_spellings() {
    let help = "or bound the value by `min`, `max`, `over` or `under`";
    assert_eq!(
        limits(r#"{ "field": "price", "not_in": [0] }"#),
        [format!(
            "warning: `price` may be a number or a text: this refuses the number 0, and the text `0` passes | list \"0\" too, {help} | 0"
        )]
    );
    assert_eq!(
        limits(r#"{ "field": "price", "not_in": ["0"] }"#),
        [format!(
            "warning: `price` may be a number or a text: this refuses the text `0`, and the number 0 passes | list 0 too, {help} | \"0\""
        )]
    );
    for fine in [r#"{ "field": "price", "not_in": [0, "0"] }"#, r#"{ "field": "stock", "not_in": [0] }"#] {
        assert_eq!(limits(fine), [""; 0], "{fine}");
    }
}

/// B4: tests of texts where the catalog has a number, and the reverse.
#[test]
fn tests_of_another_type() {
    let numbers = "bound it by `min` and `max`, or list what it may be: `\"in\": [1, 2]`";
    for (test, expect) in [
        (
            r#"{ "field": "stock", "pattern": "[0-9]+" }"#,
            format!("`pattern` looks at texts, and the catalog says that `stock` is a whole number | {numbers} | \"[0-9]+\""),
        ),
        (
            r#"{ "field": "stock", "length": { "max": 2 } }"#,
            format!("`length` looks at texts, and the catalog says that `stock` is a whole number | {numbers} | \"length\""),
        ),
        (
            r#"{ "field": "visible", "prefix": ["t"] }"#,
            "`prefix` looks at texts, and the catalog says that `visible` is true or false | say what it may be: `\"in\": [false]` | \"prefix\"".into(),
        ),
        (
            r#"{ "field": "price", "domain": ["example.com"] }"#,
            "`domain` looks at e-mail addresses, and the catalog says that `price` is a number | name the field that holds the address | \"domain\"".into(),
        ),
        (
            r#"{ "field": "stock", "format": "email" }"#,
            "`stock` never has the format `email`: the catalog says that it is a whole number | take `format` out: the catalog's type is held to anyway where `fields` lists the field | \"email\"".into(),
        ),
        (
            r#"{ "field": "status", "format": "boolean" }"#,
            "`status` never has the format `boolean`: the catalog says that it is a text | take `format` out: the catalog's type is held to anyway where `fields` lists the field | \"boolean\"".into(),
        ),
        (
            r#"{ "field": "visible", "equals": "name" }"#,
            "`visible` never equals `name`: the catalog says that one is true or false, and the other a text | name a value of the same type | \"name\"".into(),
        ),
    ] {
        assert_eq!(limits(test), [expect], "{test}");
    }
    for fine in [
        r#"{ "field": "price", "pattern": "[0-9]+" }"#,
        r#"{ "field": "status", "format": "date_time" }"#,
        r#"{ "field": "price", "format": "decimal" }"#,
        r#"{ "field": "id", "equals": "path.id" }"#,
        r#"{ "field": "name", "equals": "status" }"#,
    ] {
        assert_eq!(limits(fine), [""; 0], "{fine}");
    }
}

/// B4: `equals` compares with a name.
#[test]
fn equals_with_a_constant() {
    assert_eq!(
        limits(r#"{ "field": "status", "equals": "draft" }"#),
        [
            "unknown name `draft`: `products.update` has no such field; it has `category`, `contact`, `id`, `meta`, `name`, `price`, `sale`, `status`, `stock`, `tags`, `visible`, `worth` | `equals` names another value of the request; for a constant write `\"in\": [\"draft\"]` | \"draft\""
        ]
    );
}

/// E1: limits that no value meets.
#[test]
fn limits_that_nothing_meets() {
    for (test, expect) in [
        (
            r#"{ "field": "status", "in": ["draft"], "not_in": ["draft"] }"#,
            "none of `draft` meets the rest of this limit: it can never be met | list a value that does, or take the other conditions out | {",
        ),
        (
            r#"{ "field": "stock", "in": [5, 6], "max": 4 }"#,
            "none of `5`, `6` meets the rest of this limit: it can never be met | list a value that does, or take the other conditions out | {",
        ),
        (
            r#"{ "field": "status", "in": ["live"], "prefix": ["dr"] }"#,
            "none of `live` meets the rest of this limit: it can never be met | list a value that does, or take the other conditions out | {",
        ),
        (
            r#"{ "field": "status", "in": ["live"], "length": { "max": 3 } }"#,
            "none of `live` meets the rest of this limit: it can never be met | list a value that does, or take the other conditions out | {",
        ),
        (
            r#"{ "id": "a", "field": "status", "in": ["live"] }, { "id": "b", "field": "status", "in": ["draft"] }"#,
            "none of `live` meets this limit and `a`: they can never both be met | list a value that meets both, or take one of the two limits out | {",
        ),
        (
            r#"{ "field": "price", "max": -1 }"#,
            "the catalog gives `price` digits and no sign: it is never less than 0 | write a bound of 0 or more, or take `digits` out of the catalog | {",
        ),
        (
            r#"{ "field": "price", "min": 100000000 }"#,
            "the catalog gives `price` too few digits for this: it is never 100000000 or more | write a lower bound, or more `digits` in the catalog | {",
        ),
        (
            r#"{ "count": "rows", "max": 0 }"#,
            "every request is of one row or more: this limit can never be met | write `\"max\": 1` or more; to refuse all of them, take the permit out | {",
        ),
        (
            r#"{ "count": "tags", "under": 0 }"#,
            "a count is never less than 0: this limit can never be met | write 0 or more | {",
        ),
    ] {
        assert_eq!(limits(test), [expect], "{test}");
    }
    for fine in [
        r#"{ "field": "status", "in": ["draft", "live"], "not_in": ["draft"] }"#,
        r#"{ "field": "path.id", "in": ["5"], "not_in": [6] }"#,
        r#"{ "field": "price", "in": [5, "5"], "min": 5 }"#,
        r#"{ "field": "price", "min": 9999999 }"#,
        r#"{ "field": "sale", "max": -1 }"#,
        r#"{ "id": "a", "field": "status", "in": ["live"] }, { "id": "b", "field": "status", "in": ["draft", "live"] }"#,
        r#"{ "id": "a", "field": "status", "in": ["live"], "beyond": { "approval": "manager" } }, { "id": "b", "field": "status", "in": ["draft"] }"#,
        r#"{ "id": "a", "field": "status", "in": ["live"], "when": [{ "field": "stock", "max": 1 }] }, { "id": "b", "field": "status", "in": ["draft"] }"#,
    ] {
        assert_eq!(limits(fine), [""; 0], "{fine}");
    }
}

/// E1: what speaks of fields that the permit lets nobody write.
#[test]
fn fields_that_nobody_may_write() {
    let scope = r#""scope": "shop:products.update""#;
    assert_eq!(
        permit(&format!(
            r#"{scope}, "fields": {{ "only": ["price"] }}, "limits": [{{ "field": "status", "in": ["draft"] }}]"#
        )),
        [
            "warning: the permit lets nobody write `status`: this limit never sees a value | add `status` to `fields.only`, or take the limit out | \"status\""
        ]
    );
    assert_eq!(
        permit(&format!(r#"{scope}, "limits": [{{ "field": "price", "max": 5 }}]"#)),
        [
            "warning: the permit has no `fields`, so that a write may hold none: its limits on `price` never see a value | add `\"fields\": {\"only\": [\"price\"]}` | \"limits\""
        ]
    );
    assert_eq!(
        permit(&format!(
            r#"{scope}, "fields": {{ "only": ["price"] }}, "limits": [{{ "field": "status", "present": true }}]"#
        )),
        [
            "`status` must be there, and the permit lets nobody write it: it can never allow | add `status` to `fields.only`, or take the limit out | true"
        ]
    );
    assert_eq!(
        permit(&format!(r#"{scope}, "fields": {{ "only": ["price"], "at_least_one": [["status", "name"]] }}"#)),
        [
            "`at_least_one` asks for one of `status`, `name`, and the permit lets none of them be written | add them to `only` | ["
        ]
    );
    for fine in [
        format!(r#"{scope}, "fields": "any", "limits": [{{ "field": "status", "in": ["draft"] }}]"#),
        format!(
            r#"{scope}, "fields": {{ "only": ["price"] }}, "limits": [{{ "field": ["price", "sale"], "max": 5 }}]"#
        ),
        format!(r#"{scope}, "fields": {{ "only": ["meta"] }}, "limits": [{{ "field": "/meta/size", "max": 5 }}]"#),
        format!(r#"{scope}, "limits": [{{ "field": "path.id", "in": ["5"] }}]"#),
        r#""scope": "shop:products.search", "limits": [{ "field": "price", "max": 5 }]"#.to_string(),
        r#""endpoint": "shop:POST /other", "limits": [{ "field": "/price", "max": 5 }]"#.to_string(),
    ] {
        assert_eq!(permit(&fine), [""; 0], "{fine}");
    }
}

/// E1: what is no number, by what was probably meant.
#[test]
fn texts_that_are_no_numbers() {
    for (text, expect) in [
        ("10%", "`10%` is not a number | write the number alone: 10 | \"10%\""),
        (
            "10 EUR",
            "`10 EUR` is not a number | write the number alone: 10; the currency is that of the page's `money` | \"10 EUR\"",
        ),
        (
            "$10",
            "`$10` is not a number | write the number alone: 10; the currency is that of the page's `money` | \"$10\"",
        ),
        ("1 000", "`1 000` is not a number | write the digits together: 1000 | \"1 000\""),
        ("1_000", "`1_000` is not a number | write the digits together: 1000 | \"1_000\""),
        (
            "1,000",
            "`1,000` is not a number | write a point before the decimals and nothing between thousands, like 1000 or 19.99 | \"1,000\"",
        ),
        ("ten", "`ten` is not a number | write it in digits, like 19.99 or \"19.99\" | \"ten\""),
        (
            "1e3",
            "`1e3` is not a decimal number of at most 18 significant digits | write it without exponent, like 19.99 or \"19.99\" | \"1e3\"",
        ),
    ] {
        assert_eq!(limits(&format!(r#"{{ "field": "price", "max": "{text}" }}"#)), [expect]);
    }
}

#[test]
fn a_fine_permit_says_nothing() {
    diagnose(&sources(&[permits_page(r#"{ "id": "p", "scope": "shop:products.read" }"#)]), &[]);
}
