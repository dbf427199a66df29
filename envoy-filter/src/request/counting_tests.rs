//! Requests that are charged to counters: what is charged, and when it is given back.

use super::ground::{ROOT, START, STREAM, counted, headers, no_reply, reply, request, tick_after};
use crate::calls;
use crate::charge;
use crate::dispatch;
use crate::host::{Answer, Gateway, gateway};
use crate::policy::MOST;
use crate::policy::counters::{Reach, slot};
use crate::store;
use crate::types::{Action, Level};

/// Nobody else sets a slot as often between two looks at it.
const TRIES: usize = 4;

/// A fresh gateway that counts, and one stream.
fn stream(path: &str) {
    fresh_vm();
    gateway(|gateway| *gateway = Gateway { now: START, ..Gateway::default() });
    super::wait::DELIVERS.set(false);
    dispatch::on_context_create(ROOT, 0);
    assert!(super::ground::configure(ROOT, b"counts"));
    request(STREAM, ROOT, path);
}

fn fresh_vm() {
    calls::reset();
    charge::reset();
    store::reset();
}

/// One request after another, each with its own stream.
fn ask(path: &str) -> Action {
    dispatch::on_delete(STREAM);
    request(STREAM, ROOT, path);
    headers(true)
}

/// What is used of the counter of a reach.
fn used() -> String {
    gateway(|gateway| String::from_utf8(gateway.shared[&slot(Reach::Node).to_string()].0.clone()).unwrap())
}

fn set(name: &str, value: impl Into<Vec<u8>>) {
    gateway(|gateway| gateway.properties.insert(name.into(), value.into()));
}

fn number(name: &str, value: u64) {
    set(name, value.to_le_bytes());
}

/// What a gateway knows of a request that it sent once.
fn sent(flags: u64, details: &str) {
    number("response.flags", flags);
    set("response.code_details", details);
    set("upstream.address", "127.0.0.1:80");
    number("upstream.request_attempt_count", 1);
}

fn answered(status: &str) {
    gateway(|gateway| {
        gateway.response = Some(Answer { headers: vec![(b":status".to_vec(), status.into())], body: Vec::new() })
    });
    assert_eq!(dispatch::on_response_headers(STREAM, false), Action::Continue);
}

#[test]
fn a_request_that_fits_passes_and_one_more_is_refused() {
    stream("/counted");
    for n in 1..=MOST {
        assert_eq!(ask("/counted"), Action::Continue);
        assert_eq!(used(), n.to_string());
    }
    no_reply();
    assert_eq!(ask("/counted"), Action::Pause);
    assert_eq!(reply().status, 429);
    assert_eq!((used(), counted("ambit.charged")), (MOST.to_string(), MOST as i64));
    assert_eq!(counted("ambit.given_back"), 0);
}

/// The counters of a gateway are those of all its VMs; each VM keeps those of its worker. Both outlive new policies.
#[test]
fn who_shares_a_counter() {
    const NEXT: u32 = 11;
    stream("/counted");
    let ask_next = |path| {
        dispatch::on_delete(STREAM);
        request(STREAM, NEXT, path);
        headers(true)
    };
    for _ in 0..MOST {
        assert_eq!((ask("/counted"), ask("/worker-counted")), (Action::Continue, Action::Continue));
    }
    dispatch::on_context_create(NEXT, 0);
    assert!(super::ground::configure(NEXT, b"counts"));
    assert_eq!((ask_next("/counted"), ask_next("/worker-counted")), (Action::Pause, Action::Pause));
    fresh_vm();
    assert!(super::ground::configure(NEXT, b"counts"));
    assert_eq!((ask_next("/counted"), ask_next("/worker-counted")), (Action::Pause, Action::Continue));
}

/// Every event says how far back the counters know, whether it asked them or not.
#[test]
fn every_event_says_since_when_counters_are_kept() {
    stream("/counted");
    assert_eq!(ask("/allow"), Action::Continue);
    let event = gateway(|gateway| gateway.properties["ambit.decision"].clone());
    assert_eq!(String::from_utf8(event).unwrap(), format!("{{\"decision\":\"Allow\",\"since\":{START}}}"));
}

#[test]
fn what_is_charged_is_charged_at_that_moment() {
    stream("/body-counted");
    assert_eq!(headers(false), Action::Pause);
    gateway(|gateway| gateway.now += 2_000_000_000);
    assert_eq!(super::ground::body(b"good", true), Action::Continue);
    let event = gateway(|gateway| gateway.properties["ambit.decision"].clone());
    assert_eq!(String::from_utf8(event).unwrap(), format!("{{\"charged_at\":{}}}", START + 2_000_000_000));
}

#[test]
fn a_counter_without_the_time_is_no_permission() {
    stream("/body-counted");
    assert_eq!(headers(false), Action::Pause);
    gateway(|gateway| gateway.failing.insert("now", 10));
    assert_eq!(super::ground::body(b"good", true), Action::Pause);
    assert_eq!(reply().details, "ambit_clock_unreadable");
    assert_eq!(used(), "");
}

/// Only what certainly did nothing is given back: it was not sent, or the upstream itself said so.
#[test]
fn what_certainly_did_nothing_is_given_back() {
    type Case = (&'static str, fn(), bool);
    let cases: [Case; 14] = [
        ("answered 200", || (sent(0, "via_upstream"), answered("200")).1, false),
        ("answered 404", || (sent(0, "via_upstream"), answered("404")).1, true),
        ("answered 500", || (sent(0, "via_upstream"), answered("500")).1, false),
        ("answered 409", || (sent(0, "via_upstream"), answered("409")).1, false),
        ("the gateway's own 404 after it was sent", || (sent(0, "direct_response"), answered("404")).1, false),
        ("reset", || (sent(0x40, "upstream_reset_after_response_started"), answered("503")).1, false),
        ("timeout", || (sent(0x4, "response_timeout"), answered("504")).1, false),
        ("refused", || (sent(0x20, "upstream_reset_before_response_started"), answered("503")).1, true),
        (
            "refused at the second try",
            || {
                sent(0x20, "upstream_reset_before_response_started");
                gateway(|gateway| gateway.properties.remove("upstream.address"));
                number("upstream.request_attempt_count", 2);
                answered("503");
            },
            false,
        ),
        (
            "not sent",
            || {
                number("response.flags", 0x2);
                number("upstream.request_attempt_count", 1);
                answered("503");
            },
            true,
        ),
        (
            "client gone before it was sent",
            || {
                number("response.flags", 0x4000);
                number("upstream.request_attempt_count", 0);
                dispatch::on_log(STREAM);
            },
            true,
        ),
        (
            "client gone after it was sent",
            || (sent(0x4000, "downstream_remote_disconnect"), dispatch::on_log(STREAM)).1,
            false,
        ),
        ("a gateway that does not say", || answered("404"), false),
        ("a context that is dropped", || dispatch::on_delete(STREAM), false),
    ];
    for (what, end, given_back) in cases {
        stream("/counted");
        assert_eq!(headers(true), Action::Continue, "{what}");
        assert_eq!(used(), "1", "{what}");
        end();
        assert_eq!(used(), if given_back { "0" } else { "1" }, "{what}");
        dispatch::on_log(STREAM);
        dispatch::on_delete(STREAM);
        assert_eq!(used(), if given_back { "0" } else { "1" }, "{what}: settled once");
        assert_eq!(counted("ambit.given_back"), i64::from(given_back), "{what}");
    }
}

/// One answer to several operations may be of a part that was done.
#[test]
fn a_batch_is_not_given_back() {
    stream("/two-counted");
    assert_eq!(headers(true), Action::Continue);
    sent(0, "via_upstream");
    answered("404");
    assert_eq!(used(), "1");
}

#[test]
fn what_does_not_go_on_is_given_back_at_once() {
    stream("/set-header-counted");
    gateway(|gateway| gateway.failing.insert("replace_header", 10));
    assert_eq!(headers(true), Action::Pause);
    assert_eq!((reply().status, used().as_str()), (503, "0"));

    stream("/body-counted");
    assert_eq!(headers(false), Action::Pause);
    super::wait::DELIVERS.set(true);
    gateway(|gateway| gateway.failing.insert("continue_request", 10));
    tick_after(5_000);
    assert_eq!((reply().details.as_str(), used().as_str()), ("ambit_not_resumed", "0"));
    assert_eq!((counted("ambit.charged"), counted("ambit.given_back")), (1, 1));
}

#[test]
fn others_may_set_a_slot_at_the_same_time() {
    stream("/counted");
    gateway(|gateway| gateway.others_set = TRIES - 1);
    assert_eq!(headers(true), Action::Continue);
    assert_eq!(used(), "1");
    gateway(|gateway| gateway.others_set = TRIES);
    assert_eq!(ask("/counted"), Action::Pause);
    assert_eq!((reply().status, used().as_str()), (429, "1"));
}

/// A number of 0 would compare nothing, and overwrite what others have charged.
#[test]
fn a_value_that_cannot_be_compared_is_not_set() {
    stream("/counted");
    gateway(|gateway| gateway.shared.get_mut(&slot(Reach::Node).to_string()).unwrap().1 = 0);
    assert_eq!(headers(true), Action::Pause);
    assert_eq!((reply().status, used().as_str()), (429, ""));
}

#[test]
fn what_cannot_be_given_back_at_once_is_given_back_by_a_tick() {
    stream("/counted");
    assert_eq!(headers(true), Action::Continue);
    sent(0, "via_upstream");
    gateway(|gateway| gateway.others_set = 2 * TRIES);
    answered("404");
    assert_eq!((used().as_str(), counted("ambit.give_back_late")), ("1", 1));
    tick_after(250);
    assert_eq!(used(), "1", "the slot is still set by others");
    tick_after(250);
    assert_eq!((used().as_str(), counted("ambit.give_back_lost")), ("0", 0));
    tick_after(250);
    assert_eq!(used(), "0", "given back once");
}

/// What waits is bounded; the rest stays charged.
#[test]
fn so_many_charges_wait_to_be_given_back() {
    const MORE: usize = 3;
    stream("/counted");
    for _ in 0..charge::LATE + MORE {
        gateway(|gateway| gateway.shared.get_mut(&slot(Reach::Node).to_string()).unwrap().0 = b"0".to_vec());
        assert_eq!(ask("/counted"), Action::Continue);
        sent(0, "via_upstream");
        gateway(|gateway| gateway.others_set = TRIES);
        answered("404");
    }
    assert_eq!(counted("ambit.give_back_lost"), MORE as i64);
}

#[test]
fn policies_whose_counters_cannot_be_kept_are_refused() {
    for (failing, why) in [("set_shared_data", "the store for counters"), ("now", "the gateway does not tell the time")]
    {
        fresh_vm();
        gateway(|gateway| *gateway = Gateway { now: START, ..Gateway::default() });
        gateway(|gateway| gateway.failing.insert(failing, 12));
        dispatch::on_context_create(ROOT, 0);
        assert!(!super::ground::configure(ROOT, b"counts"), "{failing}");
        let (level, line) = gateway(|gateway| gateway.logged.last().cloned()).unwrap();
        assert_eq!(level, Level::Error);
        assert!(line.contains("its counters cannot be kept") && line.contains(why), "{line}");
        assert!(super::ground::configure(ROOT, b"ok"), "policies without counters need neither");
    }
}

#[test]
fn policies_without_counters_leave_shared_data_alone() {
    stream("/counted");
    gateway(|gateway| *gateway = Gateway { now: START, ..Gateway::default() });
    assert!(super::ground::configure(ROOT, b"ok"));
    assert_eq!(ask("/allow"), Action::Continue);
    answered("404");
    dispatch::on_log(STREAM);
    tick_after(250);
    assert_eq!(gateway(|gateway| gateway.shared_calls), 0);
}
