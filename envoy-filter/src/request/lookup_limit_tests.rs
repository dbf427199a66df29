//! Requests that wait for lookups: calls that are late, lost, refused or too large, and bounds on all of them.

use super::ground::{
    ROOT, START, STREAM, assert_held, body, counted, headers, no_reply, reply, request, stream, tick_after,
};
use super::lookup_tests::{GRACE, TIMEOUT, answer, called, deliver, good, told, waiting};
use crate::calls::{self, CALLS};
use crate::dispatch;
use crate::host::{Answer, gateway};
use crate::policy::{ANSWER_LIMIT, PARALLEL};
use crate::types::{Action, Level};

/// The time counts over all calls of a request: later ones get what is left.
#[test]
fn all_calls_share_one_timeout() {
    let left = || gateway(|gateway| gateway.calls.last().unwrap().timeout);
    let wait = |milliseconds: u64| gateway(|gateway| gateway.now += milliseconds * 1_000_000);
    stream("/ever-current?4");
    assert_eq!(headers(true), Action::Pause);
    wait(500);
    good(1);
    assert_eq!((called().len(), left()), (4, 1_500));
    good(2);
    good(3);
    wait(1_000);
    good(4);
    assert_eq!((called().len(), left()), (7, 500), "the second round");
    wait(499);
    good(5);
    assert_eq!((called().len(), left()), (8, 1));
    // Not a millisecond is left, and a timeout of none would be without end.
    wait(1);
    good(6);
    good(7);
    good(8);
    assert_eq!(called().len(), 8);
    assert_eq!(reply().details, "ambit_undecided");
    assert_eq!(calls::taken(), (0, 0));
}

#[test]
fn what_is_not_called_in_time_is_late() {
    waiting(PARALLEL + 1);
    gateway(|gateway| gateway.now += TIMEOUT * 1_000_000);
    for call in 1..=3 {
        good(call);
    }
    told("200 good,200 good,200 good,Timeout");
    assert_eq!(counted("ambit.lookup_unavailable"), 1);
}

#[test]
fn a_gateways_own_504_at_the_end_of_the_time_is_no_answer() {
    waiting(2);
    answer(1, "504", b"a");
    gateway(|gateway| gateway.now += (TIMEOUT - 1) * 1_000_000);
    answer(2, "504", b"b");
    told("504 a,Timeout");
}

#[test]
fn a_call_that_is_never_answered_is_given_up() {
    waiting(2);
    good(2);
    tick_after(TIMEOUT + GRACE - 1);
    no_reply();
    tick_after(1);
    told("Timeout,200 good");
    assert_eq!(reply().context, Some(STREAM));
    assert_eq!(counted("ambit.lookup_unavailable"), 1);
    gateway(|gateway| assert_eq!(gateway.effective, Some(ROOT), "made effective again"));
    // It comes after all.
    good(1);
    tick_after(60_000);
    assert_held();
}

/// How a gateway shows its own timeouts and resets, and calls that failed without an answer.
#[test]
fn a_gateways_own_answers_are_passed_on_as_they_are() {
    waiting(3);
    answer(1, "504", b"upstream request timeout");
    answer(2, "503", b"");
    deliver(3, 0, Answer::default());
    told("504 upstream request timeout,503 ,Unreachable");
    assert_eq!(counted("ambit.lookup_unavailable"), 3);
}

#[test]
fn a_refused_call_is_unreachable() {
    stream("/current?70");
    gateway(|gateway| gateway.clusters = Some(vec!["others"]));
    assert_eq!(headers(true), Action::Pause);
    told(&["Unreachable"; 70].join(","));
    assert_held();
    assert_eq!(["ambit.lookup", "ambit.lookup_unavailable"].map(counted), [0, 70]);
    let errors = errors();
    let [line] = &errors[..] else { panic!("one line for all: {errors:?}") };
    assert!(line.contains("`lookups`") && line.contains("gateway.json"), "{line}");
}

/// What has been logged as an error.
fn errors() -> Vec<String> {
    let error = |(level, line): &(Level, String)| (*level == Level::Error).then(|| line.clone());
    gateway(|gateway| gateway.logged.iter().filter_map(error).collect())
}

#[test]
fn calls_that_are_made_count_beside_those_that_are_refused() {
    waiting(PARALLEL + 1);
    gateway(|gateway| gateway.failing.insert("dispatch_call", 10));
    good(1);
    good(2);
    no_reply();
    good(3);
    told("200 good,200 good,200 good,Unreachable");
    let errors = errors();
    let [line] = &errors[..] else { panic!("{errors:?}") };
    assert!(line.contains("InternalFailure") && !line.contains("gateway.json"), "{line}");
}

#[test]
fn a_body_above_the_limit_stays_unread() {
    waiting(2);
    answer(1, "200", &[b'x'; ANSWER_LIMIT + 1]);
    gateway(|gateway| assert_eq!(gateway.bodies_read, 0));
    let mut within = b"good".to_vec();
    within.resize(ANSWER_LIMIT, b' ');
    answer(2, "200", &within);
    let reply = reply();
    assert!(reply.body.starts_with(b"TooLarge,200 good"), "{reply:?}");
}

#[test]
fn an_answer_that_cannot_be_had_is_none() {
    let status = |text: &str| vec![(b":status".to_vec(), text.as_bytes().to_vec())];
    for (headers, failing) in [
        (status("200"), Some("call_headers")),
        (status("200"), Some("call_body")),
        (vec![(b"x".to_vec(), b"200".to_vec())], None),
        (status("20"), None),
        (status("+20"), None),
        (status("2000"), None),
        (status("\u{661}"), None),
    ] {
        waiting(1);
        gateway(|gateway| gateway.failing.extend(failing.map(|name| (name, 10))));
        deliver(1, 1, Answer { headers: headers.clone(), body: b"good".to_vec() });
        told("NotSeen");
        assert_eq!(calls::taken(), (0, 0), "{headers:?}");
    }
    // Fewer bytes than announced, or more.
    for announced in [3, 5] {
        waiting(1);
        gateway(|gateway| gateway.answer = Some(Answer { headers: status("200"), body: b"good".to_vec() }));
        dispatch::on_call_response(ROOT, 1, 1, announced);
        told("NotSeen");
    }
    waiting(1);
    deliver(1, 1, Answer { headers: status("204"), body: Vec::new() });
    told("204 ");
}

#[test]
fn without_the_time_nothing_is_looked_up() {
    stream("/body-current?1");
    assert_eq!(headers(false), Action::Pause);
    gateway(|gateway| gateway.failing.insert("now", 10));
    assert_eq!(body(b"some", true), Action::Pause);
    assert_eq!(reply().details, "ambit_clock_unreadable");
    assert!(called().is_empty());

    waiting(PARALLEL + 1);
    gateway(|gateway| gateway.failing.insert("now", 10));
    for call in 1..=3 {
        good(call);
    }
    told("200 good,200 good,200 good,Timeout");
}

/// Calls of all requests together are bounded, those of clients that are gone included.
#[test]
fn a_vm_makes_so_many_calls_at_a_time() {
    stream("/allow");
    let full = u32::try_from(CALLS / PARALLEL).unwrap();
    for id in 100..100 + full {
        request(id, ROOT, "/current?3");
        assert_eq!(dispatch::on_request_headers(id, true), Action::Pause);
    }
    no_reply();
    request(STREAM, ROOT, "/current?3");
    assert_eq!(headers(true), Action::Pause);
    assert_eq!(called().len(), CALLS);
    good(u32::try_from(CALLS).unwrap());
    told("200 good,NotSeen,NotSeen");
    gateway(|gateway| gateway.replies.clear());

    // Clients go; their calls go on, and a new request has the one place that is left.
    for id in 100..100 + full {
        dispatch::on_log(id);
        dispatch::on_delete(id);
    }
    assert_eq!(calls::taken(), (CALLS - 1, 0));
    request(STREAM, ROOT, "/current?2");
    assert_eq!(headers(true), Action::Pause);
    assert_eq!(called().len(), CALLS + 1);

    // Calls whose time is up are in flight no longer, answered or not.
    gateway(|gateway| gateway.now += (TIMEOUT + GRACE) * 1_000_000);
    request(3, ROOT, "/current?3");
    assert_eq!(dispatch::on_request_headers(3, true), Action::Pause);
    assert_eq!((called().len(), calls::taken().0), (CALLS + 4, 3));
    no_reply();
}

#[test]
fn held_answers_are_bounded_over_all_requests() {
    stream("/allow");
    let large = vec![b' '; ANSWER_LIMIT];
    let most = 64 * 1024 * 1024 / ANSWER_LIMIT;
    let mut held = 0;
    let mut call = 0;
    let mut id = 1_000;
    while held < most {
        request(id, ROOT, "/current?200");
        assert_eq!(dispatch::on_request_headers(id, true), Action::Pause);
        // The last of each stays unanswered.
        for _ in 0..199.min(most - held) {
            // Three calls are in flight, in the order of their numbers; the oldest is answered.
            call = oldest(call, id);
            answer(call, "200", &large);
            held += 1;
        }
        id += 1;
    }
    assert_eq!(calls::taken().1, 64 * 1024 * 1024);
    no_reply();
    request(STREAM, ROOT, "/current?1");
    assert_eq!(headers(true), Action::Pause);
    let last = u32::try_from(called().len()).unwrap();
    good(last);
    told("NotSeen");
    for id in 1_000..id {
        dispatch::on_delete(id);
    }
    assert_eq!(calls::taken().1, 0);
}

/// The first call after `call` that is in flight for the stream `id`.
fn oldest(call: u32, id: u32) -> u32 {
    (call + 1..).find(|call| calls::request_of(*call) == Some(id)).unwrap()
}

#[test]
fn the_start_of_the_time_is_the_first_call() {
    stream("/body-current?1");
    assert_eq!(headers(false), Action::Pause);
    gateway(|gateway| gateway.now += 4_000 * 1_000_000);
    assert_eq!(body(b"some", true), Action::Pause);
    gateway(|gateway| {
        assert_eq!((gateway.now, gateway.calls[0].timeout), (START + 4_000 * 1_000_000, 2_000));
    });
    tick_after(TIMEOUT + GRACE - 1);
    no_reply();
    tick_after(1);
    told("Timeout");
}
