//! Requests that wait for lookups: every way in which calls, and the wait for them, can end.
//!
//! The decision point of the tests allows a request if each lookup is answered 200 with a body that begins with `good`;
//! otherwise its reply lists what was answered.

use super::tests::{
    ROOT, START, STREAM, assert_held, body, configure, counted, headers, no_reply, reply, request, stream, tick_after,
};
use crate::calls::{self, CALLS};
use crate::dispatch;
use crate::host::{Answer, Call, gateway};
use crate::policy::{ANSWER_LIMIT, PARALLEL};
use crate::types::{Action, Level};

/// Milliseconds that the lookups of one request may take, and more after which a lost call is given up.
const TIMEOUT: u64 = 2_000;
const GRACE: u64 = 500;

/// A request with so many lookups, held.
fn waiting(count: usize) {
    stream(&format!("/current?{count}"));
    assert_eq!(headers(true), Action::Pause);
    no_reply();
}

/// The gateway delivers an answer, in the root context.
fn deliver(call: u32, fields: usize, answer: Answer) {
    let size = answer.body.len();
    gateway(|gateway| {
        gateway.effective = None;
        gateway.answer = Some(answer);
    });
    dispatch::on_call_response(ROOT, call, fields, size);
    gateway(|gateway| gateway.answer = None);
}

fn answer(call: u32, status: &str, body: &[u8]) {
    let headers = vec![(b":status".to_vec(), status.into()), (b"x-bytes".to_vec(), vec![0xff])];
    deliver(call, 2, Answer { headers, body: body.to_vec() });
}

fn good(call: u32) {
    answer(call, "200", b"good");
}

/// The paths of the calls so far.
fn called() -> Vec<String> {
    gateway(|gateway| gateway.calls.iter().map(Call::path).collect())
}

#[track_caller]
fn told(answers: &str) {
    let reply = reply();
    assert_eq!((reply.status, String::from_utf8_lossy(&reply.body).as_ref()), (403, answers));
}

/// Released once, by its own context.
#[track_caller]
fn released() {
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
    assert_eq!(dispatch::on_response_headers(STREAM), Action::Continue);
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
