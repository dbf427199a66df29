//! Requests that wait for lookups: what is called, and what its answers come to. What ends calls without an answer, and how
//! many there may be: `lookup_limit_tests.rs`.
//!
//! The decision point of the tests allows a request if each lookup is answered 200 with a body that begins with `good`;
//! otherwise its reply lists what was answered.

use super::ground::{
    ROOT, STREAM, assert_held, body, configure, counted, headers, no_reply, reply, request, stream, tick_after,
};
use crate::calls;
use crate::dispatch;
use crate::host::{Answer, Call, gateway};
use crate::policy::PARALLEL;
use crate::types::Action;

/// Milliseconds that the lookups of one request may take, and more after which a lost call is given up.
pub(super) const TIMEOUT: u64 = 2_000;
pub(super) const GRACE: u64 = 500;

/// A request with so many lookups, held.
pub(super) fn waiting(count: usize) {
    stream(&format!("/current?{count}"));
    assert_eq!(headers(true), Action::Pause);
    no_reply();
}

/// The gateway delivers an answer, in the root context.
pub(super) fn deliver(call: u32, fields: usize, answer: Answer) {
    let size = answer.body.len();
    gateway(|gateway| {
        gateway.effective = None;
        gateway.answer = Some(answer);
    });
    dispatch::on_call_response(ROOT, call, fields, size);
    gateway(|gateway| gateway.answer = None);
}

pub(super) fn answer(call: u32, status: &str, body: &[u8]) {
    let headers = vec![(b":status".to_vec(), status.into()), (b"x-bytes".to_vec(), vec![0xff])];
    deliver(call, 2, Answer { headers, body: body.to_vec() });
}

pub(super) fn good(call: u32) {
    answer(call, "200", b"good");
}

/// The paths of the calls so far.
pub(super) fn called() -> Vec<String> {
    gateway(|gateway| gateway.calls.iter().map(Call::path).collect())
}

#[track_caller]
pub(super) fn told(answers: &str) {
    let reply = reply();
    assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (403, answers));
}

/// Released once, by its own context.
#[track_caller]
pub(super) fn released() {
    no_reply();
    gateway(|gateway| assert_eq!(gateway.continued, [Some(STREAM)]));
    assert_eq!(body(b"more", true), Action::Continue);
    assert_eq!(calls::taken(), (0, 0));
}

#[test]
fn a_call_holds_what_the_fetch_says_and_nothing_else() {
    waiting(2);
    gateway(|gateway| {
        let [get, post] = &gateway.calls[..] else { panic!("{:?}", gateway.calls) };
        let text = |call: &Call| -> Vec<String> {
            let line = |(name, value): &(Vec<u8>, Vec<u8>)| {
                format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            };
            call.headers.iter().map(line).collect()
        };
        assert_eq!(text(get), [":method=GET", ":path=/1", ":authority=shop.example.com", "accept=application/json"]);
        assert_eq!(text(post), [":method=POST", ":path=/2", ":authority=shop.example.com", "accept=application/json"]);
        assert_eq!((get.body.as_slice(), post.body.as_slice()), (&b""[..], &b"call"[..]));
        assert_eq!((get.cluster.as_str(), get.timeout, get.context), ("lookups", 2_000, None));
    });
}

#[test]
fn an_answer_releases_the_request() {
    waiting(1);
    gateway(|gateway| assert!(gateway.continued.is_empty()));
    good(1);
    released();
    gateway(|gateway| assert_eq!(gateway.effective, Some(ROOT), "made effective again"));
    assert_eq!(["ambit.allow", "ambit.lookup", "ambit.lookup_unavailable"].map(counted), [1, 1, 0]);
}

#[test]
fn an_answer_refuses_the_request_in_its_own_context() {
    waiting(1);
    answer(1, "404", b"none");
    told("404 none");
    assert_eq!(reply().context, Some(STREAM));
    gateway(|gateway| assert!(gateway.continued.is_empty()));
    assert_held();
    assert_eq!(["ambit.deny", "ambit.lookup_unavailable"].map(counted), [1, 0]);
}

/// Whatever comes while a call is in flight is held, and none of it is lost on the verdict.
#[test]
fn every_callback_pauses_while_a_call_is_in_flight() {
    stream("/body-current?2");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"some", false), Action::Pause);
    assert!(called().is_empty(), "nothing is looked up before the body is there");
    assert_eq!(body(b"some more", true), Action::Pause);
    assert_eq!(called(), ["/1", "/2"]);
    assert_eq!(body(b"some more", true), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    good(2);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    good(1);
    released();
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Continue);
}

#[test]
fn trailers_end_a_body_whose_request_then_waits() {
    stream("/body-current?1");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"some", false), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    good(1);
    released();
}

/// A body that passes unread may still be arriving.
#[test]
fn an_unread_body_is_held_while_a_call_is_in_flight() {
    stream("/current?1");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"some", false), Action::Pause);
    assert_eq!(body(b"some more", false), Action::Pause);
    good(1);
    released();
}

#[test]
fn a_body_that_grows_after_it_was_judged_is_refused() {
    stream("/body-current?1");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"some", true), Action::Pause);
    assert_eq!(body(b"some more", true), Action::Pause);
    assert_eq!(reply().details, "ambit_out_of_order");
    good(1);
    gateway(|gateway| assert!(gateway.continued.is_empty()));
    assert_held();
}

#[test]
fn a_second_head_is_refused_while_a_call_is_in_flight() {
    waiting(1);
    assert_eq!(headers(true), Action::Pause);
    assert_eq!(reply().details, "ambit_out_of_order");
    good(1);
    assert_held();
}

#[test]
fn calls_wait_their_turn_and_answers_keep_their_places() {
    waiting(PARALLEL + 2);
    assert_eq!(called(), ["/1", "/2", "/3"]);
    good(2);
    assert_eq!(called().len(), 4, "as one is answered, the next is made");
    answer(4, "200", b"bad 4");
    good(1);
    assert_eq!(called(), ["/1", "/2", "/3", "/4", "/5"]);
    gateway(|gateway| {
        assert!(gateway.calls[3..].iter().all(|call| call.context == Some(STREAM)), "made for the stream");
    });
    no_reply();
    answer(5, "200", b"bad 5");
    good(3);
    told("200 good,200 good,200 good,200 bad 4,200 bad 5");
    assert_eq!(counted("ambit.lookup"), 5);
    assert_eq!(calls::taken(), (0, 0));
}

#[test]
fn a_second_round_follows_the_first() {
    stream("/twice-current?1");
    assert_eq!(headers(true), Action::Pause);
    good(1);
    gateway(|gateway| assert!(gateway.continued.is_empty(), "one answer of two"));
    assert_eq!(called().len(), 2);
    good(2);
    released();
}

#[test]
fn answers_to_unknown_calls_change_nothing() {
    waiting(1);
    for unknown in [0, 2, 77, u32::MAX] {
        good(unknown);
    }
    no_reply();
    gateway(|gateway| assert!(gateway.continued.is_empty()));
    good(1);
    released();
    // A second answer to the same call.
    good(1);
    gateway(|gateway| assert_eq!(gateway.continued.len(), 1));
}

/// One request's answer never reaches another.
#[test]
fn answers_find_their_requests() {
    waiting(1);
    let other = 9;
    request(other, ROOT, "/current?1");
    assert_eq!(dispatch::on_request_headers(other, true), Action::Pause);
    answer(2, "404", b"");
    assert_eq!(reply().context, Some(other));
    gateway(|gateway| gateway.replies.clear());
    good(1);
    released();
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    waiting(PARALLEL + 1);
    good(1);
    dispatch::on_log(STREAM);
    dispatch::on_delete(STREAM);
    let made = called().len();
    assert_eq!(calls::taken(), (3, 0), "the gateway is still at them");
    for call in 2..=4 {
        good(call);
    }
    tick_after(60_000);
    no_reply();
    assert_eq!(called().len(), made, "no further call");
    assert_eq!(calls::taken(), (0, 0));
    gateway(|gateway| assert!(gateway.continued.is_empty() && gateway.closed.is_empty()));
}

#[test]
fn a_stream_that_the_gateway_lost_is_forgotten_with_its_calls() {
    for by_tick in [false, true] {
        waiting(2);
        gateway(|gateway| gateway.gone.insert(STREAM));
        if by_tick {
            tick_after(60_000)
        } else {
            good(1)
        }
        gateway(|gateway| gateway.gone.clear());
        good(2);
        tick_after(60_000);
        no_reply();
        gateway(|gateway| assert!(gateway.continued.is_empty()));
        assert_eq!(body(b"more", true), Action::Pause);
        assert_eq!(reply().details, "ambit_no_policy");
    }
}

#[test]
fn a_reply_of_the_gateway_ends_the_wait() {
    waiting(1);
    // For instance its own timeout of the stream.
    assert_eq!(dispatch::on_response_headers(STREAM, false), Action::Continue);
    good(1);
    tick_after(60_000);
    no_reply();
    gateway(|gateway| assert!(gateway.continued.is_empty()));
    assert_eq!(body(b"more", true), Action::Pause);
}

#[test]
fn a_request_in_shadow_is_forwarded_whatever_is_answered() {
    for late in [false, true] {
        stream("/shadow-current?1");
        assert_eq!(headers(true), Action::Pause);
        if late {
            tick_after(TIMEOUT + GRACE)
        } else {
            answer(1, "404", b"")
        }
        no_reply();
        gateway(|gateway| assert_eq!(gateway.continued, [Some(STREAM)]));
        assert_eq!(counted("ambit.shadow_would_deny"), 1);
        assert_eq!(dispatch::on_request_trailers(STREAM), Action::Continue);
    }
    // Nothing to wait for: it passes at once.
    stream("/shadow-current?1");
    gateway(|gateway| gateway.clusters = Some(Vec::new()));
    assert_eq!(headers(true), Action::Continue);
}

#[test]
fn a_request_that_cannot_be_released_is_refused() {
    waiting(1);
    gateway(|gateway| gateway.failing.insert("continue_request", 10));
    good(1);
    assert_eq!(reply().details, "ambit_not_resumed");
    assert_held();
}

/// During an update one VM holds the old plugin and the new one.
#[test]
fn requests_stay_with_their_plugin_while_they_wait() {
    let (new_root, new_stream) = (10, 11);
    waiting(1);
    dispatch::on_context_create(new_root, 0);
    assert!(configure(new_root, b"ok:1000"));
    request(new_stream, new_root, "/current?1");
    assert_eq!(dispatch::on_request_headers(new_stream, true), Action::Pause);
    dispatch::on_delete(ROOT);
    for (call, context, policy) in [(1, STREAM, "sha256:ok:5000"), (2, new_stream, "sha256:ok:1000")] {
        gateway(|gateway| gateway.replies.clear());
        answer(call, "404", b"");
        let reply = reply();
        assert_eq!((reply.context, reply.header("ambit-policy")), (Some(context), Some(policy.as_bytes())));
    }
}
