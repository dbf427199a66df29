//! `ambit evaluate`: a request, and why it is decided as it is.

use std::fs;

use serde_json::{Value, json};

use crate::ambit::{ambit, ambit_in, assert_could_not_run};
use crate::policy_directory;

fn evaluate(arguments: &[&str]) -> (i32, String, String) {
    ambit_in(&policy_directory::price_agent(), &[&["evaluate", "--policies", "policies"], arguments].concat())
}

const NOW: [&str; 2] = ["--now", "2026-11-20T12:00:00Z"];
const PRODUCT: &str = "https://shop.example.com/v1/products/7";

#[test]
fn a_decision_is_explained_rule_by_rule() {
    let request = ["--agent", "price-agent", "-X", "PUT", PRODUCT, "--json", r#"{"price":"120.00","name":"x"}"#];
    let (code, out, err) = evaluate(&[&request[..], &NOW].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    let (head, rules) = out.split_once("\noperation 0: ").unwrap();
    assert!(head.starts_with("deny, by rule `reprice`\n  field_not_allowed: `name` is not a field"), "{out}");
    assert!(head.contains(" at `/name`\n"), "{out}");
    assert!(head.contains("agent `price-agent`, page 2026-11-20.1\n"), "{out}");
    assert!(rules.starts_with("shop:products.update (gate)\n  permit `reprice`: deny\n"), "{out}");
}

#[test]
fn json_holds_what_was_considered() {
    let request = ["--agent", "price-agent", "-X", "PUT", PRODUCT, "--json", r#"{"price":"120.00"}"#];
    let (code, out, _) = evaluate(&[&request[..], &NOW, &["--format", "json"]].concat());
    assert_eq!(code, 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["decision"], &report["forwarded"]), (&json!("approval_required"), &json!(false)));
    let considered = report["considered"].as_array().unwrap();
    assert_eq!(considered.len(), 1);
    assert_eq!((&considered[0]["rule"], &considered[0]["effect"]), (&json!("reprice"), &json!("permit")));
    assert_eq!(considered[0]["reasons"][0]["pointer"], "/price");
}

#[test]
fn the_request_can_come_from_a_message_or_a_recording() {
    let directory = tempfile::tempdir().unwrap();
    let message = directory.path().join("put.http");
    let text = "PUT /v1/products/7 HTTP/1.1\nHost: shop.example.com\nX-Agent-Name: price-agent\n\
                Content-Type: application/json\n\n{\"price\": \"5\"}";
    fs::write(&message, text).unwrap();
    let (code, out, err) = evaluate(&[&["--file", message.to_str().unwrap()][..], &NOW].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("allow, by rule `reprice`\n"), "{out}");

    // The recorded time counts.
    let (_, out, _) = evaluate(&["--file", "day.ndjson", "--index", "6"]);
    assert!(out.starts_with("deny\n  not_valid_now: "), "{out}");
    let (_, out, _) = evaluate(&["--file", "day.ndjson", "--index", "5"]);
    assert!(out.starts_with("undecidable\n"), "{out}");
}

#[test]
fn an_expectation_that_differs_is_exit_code_2() {
    let request = [&["--agent", "price-agent", PRODUCT][..], &NOW].concat();
    assert_eq!(evaluate(&[&request[..], &["--expect", "allow"]].concat()).0, 0);
    assert_eq!(evaluate(&[&request[..], &["--expect", "deny"]].concat()).0, 2);
}

#[test]
fn what_cannot_be_used_is_one_line_that_says_what_to_do() {
    for (arguments, expected) in [
        (&["/v1/products"][..], "`/v1/products` is not an absolute URL; write it as https://host/path"),
        (&[PRODUCT, "-H", "x-agent-name"], "the header `x-agent-name` has no name; write it as -H 'name: value'"),
        (
            &[PRODUCT, "-H", "x-note: a\r\nx-agent-name: price-agent"],
            "-H `x-note: a\\u{d}\\u{a}x-agent-name: price-agent` holds a line end or NUL; a header is one line",
        ),
        (&[PRODUCT, "-H", "x-note: a\nb"], "-H `x-note: a\\u{a}b` holds a line end or NUL; a header is one line"),
        (
            &[PRODUCT, "--agent", "a\r\nx: y"],
            "--agent `a\\u{d}\\u{a}x: y` holds a line end or NUL; a header is one line",
        ),
        (
            &[PRODUCT, "--agent", "price-agent", "-H", "X-Agent-Name: other"],
            "--agent and -H both give `X-Agent-Name`; name the agent once",
        ),
        (&["--file", "day.ndjson"], "`day.ndjson` holds several requests; choose one with --index N, from 0"),
        (&["--file", "day.ndjson", "--index", "99"], "`day.ndjson` holds no request 99 that can be read; "),
        (&["--file", "labels.json"], "`labels.json` is not a recording I know: "),
        (&[PRODUCT, "-d", "@none.json"], "cannot read `none.json`: "),
        (&["--agent", "x"], "the following required arguments were not provided: <URL>; see `ambit --help`"),
    ] {
        assert_could_not_run(&evaluate(arguments), expected);
    }
}

/// What an author names is shown, not obeyed.
#[test]
fn names_of_rules_do_nothing_to_a_terminal() {
    let directory = policy_directory::with_page(|page| {
        let odd = page.replace(r#""reprice""#, r#""re\u001b[31mprice\u202e""#);
        assert_ne!(page, odd);
        odd
    });
    let policies = directory.path().to_str().unwrap();
    let request = ["evaluate", "--policies", policies, "--agent", "price-agent", "-X", "PUT", PRODUCT];
    let (_, out, _) = ambit(&[&request[..], &["--json", r#"{"price":"5"}"#], &NOW].concat());
    assert!(out.starts_with("allow, by rule `re\\u{1b}[31mprice\\u{202e}`\n"), "{out}");
    assert!(out.contains("permit `re\\u{1b}[31mprice\\u{202e}`: allow\n"), "{out}");
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
}
