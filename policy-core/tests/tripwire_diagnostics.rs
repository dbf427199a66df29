//! What the compiler says of tripwires (C4), and of what says that an answer failed.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use policy_core::compile::SourceKind;
use support::catalogs::SHOP;
use support::pages::{shop_page, sources};
use support::present::{STORE, sources_on};
use support::{diagnose, source};

/// What is said of a tripwire with these members, as `message | help | underlined`.
#[track_caller]
fn said(members: &str, expect: &[&str]) {
    let page = format!(
        r#"{{ "tripwires": [{{ "id": "t", "then": "pause_writes", {members} }}],
             "permit": [{{ "id": "r", "scope": "shop:products.get" }}] }}"#
    );
    diagnose(&sources(&[shop_page(&page)]), expect);
}

#[test]
fn bounds() {
    let help = "write `max`, or `max_percent` with `of`, or `baseline` with `times`";
    said(r#""count": "failed", "window": "5m", "max": 20"#, &[]);
    said(r#""count": "failed", "window": "5m", "max_percent": "2.5", "of": "requests", "min_sample": 40"#, &[]);
    said(r#""count": "writes", "window": "10m", "baseline": 100, "times": "1.2""#, &[]);
    said(r#""count": "failed", "window": "5m""#, &[&format!("nothing says how much is too much | {help} | {{")]);
    said(
        r#""count": "failed", "window": "5m", "max": 20, "max_percent": 5, "of": "requests""#,
        &[&format!("`max` and `max_percent` are two bounds, and a tripwire has one | {help} | 5")],
    );
    said(
        r#""count": "failed", "window": "5m", "max": 20, "min_sample": 5"#,
        &[&format!("`max` and `min_sample` are two bounds, and a tripwire has one | {help} | 5")],
    );
    said(
        r#""count": "failed", "window": "5m", "max_percent": 5"#,
        &["nothing says of what it is a share | a share has `max_percent` and `of` | 5"],
    );
    said(
        r#""count": "failed", "window": "5m", "of": "requests""#,
        &["there is no share | a share has `max_percent` and `of` | \"requests\""],
    );
    said(
        r#""count": "failed", "window": "5m", "baseline": 5"#,
        &[
            "how much is usual, and how many times that is too much, belong together | write both `baseline` and `times` | 5",
        ],
    );
    said(
        r#""count": "failed", "window": "5m", "max_percent": 100, "of": "requests""#,
        &["no share is more than 100 percent: this never trips | write less than 100 | 100"],
    );
    said(
        r#""count": "writes", "window": "5m", "baseline": 5, "times": -1"#,
        &["a tripwire counts from 0: this is not negative | write a number above 0, like 3 | -1"],
    );
    said(
        r#""count": "writes", "window": "5m", "max": 9999999999"#,
        &["this number is too large to be counted | write at most 1000000000 | 9999999999"],
    );
}

#[test]
fn shares_are_of_what_they_are_a_part_of() {
    let share =
        |count: &str, of: &str| format!(r#""count": "{count}", "window": "5m", "max_percent": 1, "of": "{of}""#);
    for (count, of) in
        [("refused", "requests"), ("out_of_scope", "requests"), ("out_of_scope", "refused"), ("failed", "requests")]
    {
        said(&share(count, of), &[]);
    }
    said(
        &share("failed", "writes"),
        &["`failed` are not a part of `writes` | write `\"of\": \"requests\"` | \"writes\""],
    );
    said(
        &share("writes", "requests"),
        &["`writes` are not a part of `requests` | bound it by `max`, or by `baseline` and `times` | \"requests\""],
    );
    said(
        &share("out_of_scope", "failed"),
        &[
            "`out_of_scope` are not a part of `failed` | write `\"of\": \"requests\"` or `\"of\": \"refused\"` | \"failed\"",
        ],
    );
}

#[test]
fn times() {
    let duration = "write a duration like 30s, 5m, 24h or 7d";
    for (window, what) in [("session", "`session`"), ("0s", "`0s`"), ("5 minutes", "`5 minutes`")] {
        said(
            &format!(r#""count": "failed", "window": "{window}", "max": 20"#),
            &[&format!("{what} is not a window | {duration} | \"{window}\"")],
        );
    }
    said(
        r#""count": "failed", "window": "8d", "max": 20"#,
        &["a tripwire looks back a week at most | write a window of at most 7d | \"8d\""],
    );
    said(r#""count": "failed", "window": "7d", "max": 20, "until": "resumed""#, &[]);
    said(
        r#""count": "failed", "window": "7d", "max": 20, "until": "tomorrow""#,
        &[&format!("`tomorrow` is not how long a pause lasts | {duration} | \"tomorrow\"")],
    );
}

#[test]
fn what_can_never_be_seen() {
    let help = "bound the values that it is to watch with `change`, `increase`, `decrease` or a counter of drift";
    said(
        r#""count": "reverts", "window": "5m", "max": 1"#,
        &[&format!(
            "warning: nothing is ever set back: no permit of this page bounds a change, so that no value of before is known | {help} | \"reverts\""
        )],
    );
    for bound in [
        r#""limits": [{ "field": "price", "increase": { "percent": 5 } }]"#,
        r#""counters": [{ "id": "d", "drift": "gross", "field": "price", "per": ["resource"], "max": { "percent": 5 }, "window": "1h" }]"#,
    ] {
        let page = format!(
            r#"{{ "tripwires": [{{ "id": "t", "then": "pause_writes", "count": "reverts", "window": "5m", "max": 1 }}],
                 "permit": [{{ "id": "write", "scope": "store:products.update", "fields": {{ "only": ["price"] }}, {bound} }}] }}"#
        );
        diagnose(&sources_on(STORE, &page), &[]);
    }
}

#[test]
fn names() {
    let one =
        |id: &str| format!(r#"{{ "id": "{id}", "count": "failed", "window": "5m", "max": 1, "then": "pause_agent" }}"#);
    let page = |tripwires: &str| {
        sources(&[shop_page(&format!(
            r#"{{ "tripwires": [{tripwires}], "permit": [{{ "id": "r", "scope": "shop:products.get" }}] }}"#
        ))])
    };
    diagnose(
        &page(&[one("a"), one("a")].join(",")),
        &["two tripwires are named `a` | give one of them another id | \"a\""],
    );
    diagnose(
        &page(&one(" ")),
        &["a tripwire needs an id | name what it watches: the pause and its record go by this name | \" \""],
    );
    let many: Vec<String> = (0..17).map(|id| one(&id.to_string())).collect();
    diagnose(
        &page(&many.join(",")),
        &["there are 17 tripwires; a page has at most 16 | leave out those that say the same | \"tripwires\""],
    );
}

#[test]
fn where_an_answer_says_that_it_failed() {
    let catalog = |at: &str| {
        let mut all = sources(&[shop_page(r#"{ "permit": [{ "id": "r", "scope": "shop:products.get" }] }"#)]);
        let members = format!(r#"{{ "errors": {{ "ok_status_failures": "{at}" }}, "catalog""#);
        all[1] = source(SourceKind::Catalog, SHOP.replacen("{\n  \"catalog\"", &members, 1));
        all
    };
    diagnose(&catalog("/errors"), &[]);
    diagnose(&catalog("/data/*/userErrors"), &[]);
    diagnose(
        &catalog("errors"),
        &["this is not a pointer into an answer, like `/errors` or `/data/*/userErrors` | \"errors\""],
    );
}

/// E1: what is usual, and how many times that is too much.
#[test]
fn times_the_usual() {
    let with = |bound: &str| {
        support::diagnosed(&support::pages::sources(&[support::pages::shop_page(&format!(
            r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.read" }}],
                 "tripwires": [{{ "id": "t", "count": "writes", "window": "5m", {bound}, "then": "pause_writes" }}] }}"#
        ))]))
    };
    assert_eq!(
        with(r#""baseline": 10, "times": "0.5""#),
        [
            "0.5 times the usual is less than usual: this trips when nothing is wrong | write how many times the usual is too much: 1 or more, like 3 | \"0.5\""
        ]
    );
    assert_eq!(
        with(r#""baseline": 0, "times": 3"#),
        [
            "any number of times 0 is 0: the first one trips | write how many are usual in a window; where none is, bound it by `max` | 0"
        ]
    );
    assert_eq!(with(r#""baseline": 10, "times": "3x""#), ["`3x` is not a number | write the number alone: 3 | \"3x\""]);
    for fine in [r#""baseline": 10, "times": 1"#, r#""baseline": 10, "times": "1.5""#] {
        assert_eq!(with(fine), [""; 0], "{fine}");
    }
}
