//! What tripwires are told of requests, and what becomes of what they say.

use super::ground::{ROOT, START, STREAM, counted, headers, request, tick_after};
use crate::calls;
use crate::charge;
use crate::dispatch;
use crate::host::{Answer, Gateway, gateway};
use crate::policy::tripwires::{COPIED, slot};
use crate::store;
use crate::types::{Action, Level};

/// How often a slot is tried.
const TRIES: usize = 4;

/// A fresh gateway whose policies have tripwires, and one request that is decided.
fn ask(path: &str) {
    calls::reset();
    charge::reset();
    store::reset();
    gateway(|gateway| *gateway = Gateway { now: START, ..Gateway::default() });
    dispatch::on_context_create(ROOT, 0);
    assert!(super::ground::configure(ROOT, b"trips"));
    request(STREAM, ROOT, path);
    let _ = headers(true);
}

/// What tripwires were told, once the stream is gone.
fn told() -> String {
    dispatch::on_log(STREAM);
    dispatch::on_delete(STREAM);
    noted()
}

fn noted() -> String {
    gateway(|gateway| String::from_utf8(gateway.shared[&slot().to_string()].0.clone()).unwrap())
}

fn head(status: &str, more: &[(&str, &str)], end_of_stream: bool) {
    let fields = [(":status", status)].into_iter().chain(more.iter().copied());
    let headers = fields.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
    gateway(|gateway| gateway.response = Some(Answer { headers, body: Vec::new() }));
    assert_eq!(dispatch::on_response_headers(STREAM, end_of_stream), Action::Continue);
}

fn body(part: &str, end_of_stream: bool) {
    gateway(|gateway| gateway.response.as_mut().unwrap().body = part.into());
    assert_eq!(dispatch::on_response_body(STREAM, part.len(), end_of_stream), Action::Continue);
}

#[test]
fn decisions_are_told() {
    ask("/allow");
    assert_eq!(noted(), "+");
    ask("/deny");
    assert_eq!(told(), "-");
    ask("/shadow-deny");
    assert_eq!(noted(), "+");
}

#[test]
fn a_status_says_enough_or_the_answer_is_read() {
    type Case = (fn(), &'static str);
    let cases: [Case; 9] = [
        (|| (), "+[none]"),
        (|| head("503", &[], false), "+[503]"),
        (|| head("204", &[], true), "+[204]"),
        (
            || (head("200", &[("content-type", "a/b")], false), body("one ", false), body("two", true)).0,
            "+[200 a/b - one two]",
        ),
        (|| (head("200", &[("content-encoding", "gzip")], false), body("zip", true)).0, "+[200 - gzip zip]"),
        // Ended by trailers, or not at all.
        (|| (head("200", &[], false), body("x", false), dispatch::on_response_trailers(STREAM)).0, "+[200 - - x]"),
        (|| (head("200", &[], false), body("x", false)).0, "+[200 - - x]"),
        // Cut off, or too large.
        (|| (head("200", &[("content-length", "2")], false), body("x", false)).0, "+[200]"),
        (|| (head("200", &[], false), body(&"x".repeat(COPIED + 1), true)).0, "+[200]"),
    ];
    for (play, expect) in cases {
        ask("/allow");
        play();
        assert_eq!(told(), expect);
        assert!(!crate::copying::is_copying(), "{expect}");
        assert_eq!(counted("ambit.tripped"), 0);
    }
}

/// C4: the record of a trip is one line of the log.
#[test]
fn a_trip_is_counted_and_logged() {
    ask("/allow");
    head("200", &[], false);
    body("an error", true);
    assert_eq!(told(), "+[200 - - an error]");
    assert_eq!(counted("ambit.tripped"), 1);
    let logged =
        gateway(|gateway| gateway.logged.iter().filter(|(_, line)| line.starts_with("ambit: tripped: ")).count());
    assert_eq!(logged, 1);
    assert!(gateway(|gateway| gateway
        .logged
        .iter()
        .any(|(level, line)| *level == Level::Warn && line.contains("tripped"))));
}

#[test]
fn what_is_contended_is_told_in_the_next_tick() {
    ask("/allow");
    gateway(|gateway| gateway.others_set = TRIES);
    head("500", &[], true);
    assert_eq!((noted().as_str(), counted("ambit.tripwire_late")), ("+", 1));
    tick_after(0);
    assert_eq!((noted().as_str(), counted("ambit.tripwire_lost")), ("+[500]", 0));
}

/// A response of the gateway itself to a request that was held is no answer to one that went on.
#[test]
fn who_was_refused_has_no_answer() {
    ask("/deny");
    head("403", &[], false);
    assert_eq!(told(), "-");
}
