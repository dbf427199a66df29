//! A15: hours of the day in which a permit holds, in a fixed offset or a zone of the IANA database.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use policy_core::{PolicySet, Timestamp};
use support::pages::{shop, shop_page, sources};
use support::{diagnose, json, judge_at, text_of};

/// A page with these hours, valid for a year and a half.
fn page(zone: &str, hours: &str) -> String {
    format!(
        r#"{{ "time_zone": "{zone}", "valid": {{ "from": "2026-01-01T00:00:00Z", "until": "2027-07-01T00:00:00Z" }},
             "permit": [{{ "id": "sync", "scope": "shop:products.update", "fields": "any", "hours": {hours} }}] }}"#
    )
}

fn open(set: &Arc<PolicySet>, at: &str) -> bool {
    let now = Timestamp::parse(at).expect("a time");
    let outcome = judge_at(set, &json("PUT /v3/products/1", "{}"), now);
    match text_of(&outcome).as_str() {
        "allow sync" => true,
        "deny sync: outside_hours" => false,
        other => panic!("{at}: {other}"),
    }
}

#[track_caller]
fn holds(zone: &str, hours: &str, cases: &[(&str, bool)]) {
    let set = shop(&page(zone, hours));
    for (at, expect) in cases {
        assert_eq!(open(&set, at), *expect, "{zone} {hours} at {at}");
    }
}

#[test]
fn the_end_is_exclusive() {
    holds(
        "UTC",
        r#"[{ "from": "01:00", "until": "05:00" }, { "from": "22:30", "until": "24:00" }]"#,
        &[
            ("2026-11-20T00:59:59.999999999Z", false),
            ("2026-11-20T01:00:00Z", true),
            ("2026-11-20T04:59:59.999999999Z", true),
            ("2026-11-20T05:00:00Z", false),
            ("2026-11-20T22:29:59Z", false),
            ("2026-11-20T22:30:00Z", true),
            ("2026-11-20T23:59:59Z", true),
            ("2026-11-21T00:00:00Z", false),
        ],
    );
}

/// Hours that cross midnight belong to the day on which they begin. 2026-11-20 is a Friday.
#[test]
fn nights_belong_to_the_day_before() {
    holds(
        "UTC",
        r#"[{ "days": ["fri", "sun"], "from": "23:00", "until": "05:00" }]"#,
        &[
            ("2026-11-20T04:00:00Z", false),
            ("2026-11-20T23:00:00Z", true),
            ("2026-11-21T04:59:59Z", true),
            ("2026-11-21T05:00:00Z", false),
            ("2026-11-21T23:30:00Z", false),
            ("2026-11-22T23:30:00Z", true),
            ("2026-11-23T00:30:00Z", true),
        ],
    );
}

#[test]
fn fixed_offsets() {
    let hours = r#"[{ "days": ["sat"], "from": "01:00", "until": "05:00" }]"#;
    // Saturday 01:00 at +05:30 is Friday 19:30 in UTC.
    holds("+05:30", hours, &[("2026-11-20T19:29:59Z", false), ("2026-11-20T19:30:00Z", true)]);
    holds("-08:00", hours, &[("2026-11-21T08:59:59Z", false), ("2026-11-21T09:00:00Z", true)]);
}

/// Clocks go forward on 2026-03-29 at 02:00 in Berlin, and back on 2026-10-25 at 03:00.
#[test]
fn summer_time_in_both_directions() {
    holds(
        "Europe/Berlin",
        r#"[{ "from": "01:00", "until": "05:00" }]"#,
        &[
            // Winter: an hour ahead of UTC.
            ("2026-01-10T00:00:00Z", true),
            ("2026-01-10T03:59:59Z", true),
            ("2026-01-10T04:00:00Z", false),
            // The night of three hours.
            ("2026-03-28T23:59:59Z", false),
            ("2026-03-29T00:00:00Z", true),
            ("2026-03-29T02:59:59Z", true),
            ("2026-03-29T03:00:00Z", false),
            // Summer.
            ("2026-07-10T22:59:59Z", false),
            ("2026-07-10T23:00:00Z", true),
            // The night of five hours.
            ("2026-10-24T22:59:59Z", false),
            ("2026-10-24T23:00:00Z", true),
            ("2026-10-25T03:59:59Z", true),
            ("2026-10-25T04:00:00Z", false),
            // The second year.
            ("2027-03-28T02:59:59Z", true),
            ("2027-03-28T03:00:00Z", false),
        ],
    );
}

/// An hour that is left out has no moment; one that comes twice holds twice.
#[test]
fn hours_that_are_left_out_or_come_twice() {
    let hours = r#"[{ "from": "02:00", "until": "03:00" }]"#;
    let forward: Vec<String> = (0..24).map(|hour| format!("2026-03-29T{hour:02}:30:00Z")).collect();
    holds("Europe/Berlin", hours, &forward.iter().map(|at| (at.as_str(), false)).collect::<Vec<_>>());
    holds(
        "Europe/Berlin",
        hours,
        &[
            ("2026-10-24T23:59:59Z", false),
            ("2026-10-25T00:00:00Z", true),
            ("2026-10-25T01:59:59Z", true),
            ("2026-10-25T02:00:00Z", false),
        ],
    );
    // The southern summer begins in October.
    holds("Australia/Sydney", hours, &[("2026-10-03T16:30:00Z", false), ("2026-10-04T15:30:00Z", true)]);
}

#[track_caller]
fn said(zone: &str, hours: &str, expect: &[&str]) {
    diagnose(&sources(&[shop_page(&page(zone, hours))]), expect);
}

#[test]
fn mistakes_are_named() {
    let fine = r#"[{ "from": "01:00", "until": "05:00" }]"#;
    let help = "write a name of the IANA database like `Europe/Berlin`, an offset like `+02:00`, or `UTC`";
    said("Europe/Berlun", fine, &[&format!("unknown time zone `Europe/Berlun` | {help} | \"Europe/Berlun\"")]);
    said("CET+1", fine, &[&format!("unknown time zone `CET+1` | {help} | \"CET+1\"")]);
    said("+25:00", fine, &[&format!("unknown time zone `+25:00` | {help} | \"+25:00\"")]);
    said(
        "europe/berlin",
        fine,
        &["unknown time zone `europe/berlin` | did you mean `Europe/Berlin`? | \"europe/berlin\""],
    );
    said(
        "UTC",
        "[]",
        &["the permit would hold at no hour | leave `hours` out for a permit that always holds | \"hours\""],
    );
    let time = "write `HH:MM`, like `05:00`";
    said(
        "UTC",
        r#"[{ "from": "1:00", "until": "05:00" }]"#,
        &[&format!("`1:00` is not a time of day | {time} | \"1:00\"")],
    );
    said(
        "UTC",
        r#"[{ "from": "24:00", "until": "24:01" }]"#,
        &[
            &format!("`24:00` is not a time of day | {time} | \"24:00\""),
            &format!("`24:01` is not a time of day | {time} | \"24:01\""),
        ],
    );
    said(
        "UTC",
        r#"[{ "from": "05:00", "until": "05:00" }]"#,
        &["these hours end where they begin | for the whole day write `00:00` to `24:00` | \"05:00\""],
    );
    said(
        "UTC",
        r#"[{ "days": ["fri", "sta"], "from": "01:00", "until": "05:00" }]"#,
        &["unknown day `sta` | did you mean `sat`? | \"sta\""],
    );
    said(
        "UTC",
        r#"[{ "days": [], "from": "01:00", "until": "05:00" }]"#,
        &["these hours are on no day | leave `days` out for every day | \"days\""],
    );
}
