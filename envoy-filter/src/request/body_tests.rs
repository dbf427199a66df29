//! Requests that wait for their body: every way in which it can come, and not come.

use super::ground::{
    ROOT, STREAM, assert_held, body, counted, headers, no_reply, recorded, reply, request, stream, tick_after,
};
use crate::dispatch;
use crate::host::gateway;
use crate::policy::LIMIT;
use crate::types::{Action, Level};

#[test]
fn a_body_is_held_until_it_is_whole_and_judged() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"go", false), Action::Pause);
    assert_eq!(body(b"good", false), Action::Pause);
    no_reply();
    assert_eq!(recorded(), None);
    assert_eq!(body(b"good!", true), Action::Continue);
    assert_eq!(counted("ambit.allow"), 1);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Continue);
    no_reply();
}

#[test]
fn a_bad_body_is_refused() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"ba", false), Action::Pause);
    assert_eq!(body(b"bad", true), Action::Pause);
    assert_eq!(reply().status, 403);
    assert_held();
}

#[test]
fn trailers_end_a_body() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"good", false), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Continue);
    no_reply();

    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"bad", false), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    assert_eq!(reply().status, 403);
}

#[test]
fn no_body_is_an_empty_body_however_it_is_announced() {
    stream("/body");
    assert_eq!(headers(true), Action::Pause);
    assert_eq!(reply().status, 403);

    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"", true), Action::Pause);
    assert_eq!(reply().status, 403);

    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    assert_eq!(reply().status, 403);
}

#[test]
fn a_body_above_the_limit_is_refused_before_its_end() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(&[b'x'; LIMIT], false), Action::Pause);
    no_reply();
    assert_eq!(body(&[b'x'; LIMIT + 1], false), Action::Pause);
    assert_eq!(reply().status, 413);
    assert_held();
}

#[test]
fn a_body_of_the_limit_is_judged() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(&[b'x'; LIMIT], true), Action::Continue);
}

#[test]
fn a_body_other_than_announced_is_not_judged() {
    for (buffered, announced) in [(Some("goo"), 4), (Some("good!"), 4), (None, 4)] {
        stream("/body");
        assert_eq!(headers(false), Action::Pause);
        gateway(|gateway| gateway.body = buffered.map(|body| body.as_bytes().to_vec()));
        assert_eq!(dispatch::on_request_body(STREAM, announced, true), Action::Pause, "{buffered:?}");
        assert_eq!(reply().status, 403);
    }
    // Sizes of chunks instead of the buffer's: the first part has gone by unseen.
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"good good", false), Action::Pause);
    assert_eq!(body(b"good", true), Action::Pause);
    assert_eq!(reply().status, 403);
}

#[test]
fn needs_that_cannot_be_filled_end_in_a_refusal() {
    stream("/body-again");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"good", true), Action::Pause);
    assert_eq!(reply().details, "ambit_undecided");
    assert_held();
}

#[test]
fn a_gateway_that_delivers_no_bodies_is_told_the_missing_setting() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    tick_after(999);
    no_reply();
    tick_after(1);
    let reply = reply();
    assert_eq!((reply.context, reply.status), (Some(STREAM), 503));
    assert_eq!(reply.details, "ambit_body_not_delivered");
    assert_eq!(counted("ambit.deny"), 1);
    gateway(|gateway| {
        assert_eq!(gateway.effective, Some(ROOT), "made effective again");
        assert!(
            gateway.logged.iter().any(|(level, line)| {
                *level == Level::Error && line.contains("allow_on_headers_stop_iteration: true")
            })
        );
    });
    tick_after(60_000);
    assert_held();
}

#[test]
fn the_bodies_of_forwarded_requests_do_not_show_that_held_ones_are_delivered() {
    stream("/allow");
    assert_eq!(headers(false), Action::Continue);
    assert_eq!(body(b"good", true), Action::Continue);
    request(STREAM, ROOT, "/body");
    assert_eq!(headers(false), Action::Pause);
    tick_after(1_000);
    assert_eq!(reply().details, "ambit_body_not_delivered");
}

#[test]
fn a_slow_client_is_not_blamed_on_the_configuration() {
    let head = b":methodPOST:path/bodyx-bytes\xff".len() as u64;
    let received = |bytes: u64| {
        let total = (head + bytes).to_le_bytes().to_vec();
        gateway(|gateway| gateway.properties.insert("request.total_size".into(), total));
    };
    stream("/body");
    received(0);
    assert_eq!(headers(false), Action::Pause);
    tick_after(4_999);
    no_reply();
    received(1);
    dispatch::on_tick(ROOT);
    assert_eq!(reply().details, "ambit_body_not_delivered");

    stream("/body");
    received(0);
    assert_eq!(headers(false), Action::Pause);
    tick_after(5_000);
    assert_eq!(reply().details, "ambit_body_not_delivered", "not even an empty body came: the setting is missing");
}

#[test]
fn a_body_that_takes_too_long_is_answered_408() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"g", false), Action::Pause);
    tick_after(4_000);
    // Progress does not extend the time.
    assert_eq!(body(b"go", false), Action::Pause);
    tick_after(999);
    no_reply();
    tick_after(1);
    let reply = reply();
    assert_eq!((reply.context, reply.status), (Some(STREAM), 408));
    assert_held();
}

#[test]
fn shadow_mode_releases_what_it_cannot_judge_in_time() {
    stream("/shadow-body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"g", false), Action::Pause);
    tick_after(5_000);
    no_reply();
    gateway(|gateway| assert_eq!(gateway.continued, [Some(STREAM)]));
    assert_eq!(counted("ambit.shadow_would_deny"), 1);
    assert_eq!(body(b"good", true), Action::Continue);
    tick_after(60_000);
    gateway(|gateway| assert_eq!(gateway.continued.len(), 1));
}

#[test]
fn shadow_mode_streams_on_what_is_too_large_to_judge() {
    stream("/shadow-body");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(&[b'x'; LIMIT + 1], false), Action::Continue);
    assert_eq!(body(b"good", true), Action::Continue);
    no_reply();
}

#[test]
fn a_request_that_cannot_be_released_is_refused() {
    stream("/shadow-body");
    assert_eq!(headers(false), Action::Pause);
    gateway(|gateway| gateway.failing.insert("continue_request", 10));
    tick_after(5_000);
    assert_eq!(reply().details, "ambit_not_resumed");
    assert_held();
}

#[test]
fn a_stream_the_gateway_lost_is_forgotten() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    gateway(|gateway| gateway.gone.insert(STREAM));
    tick_after(60_000);
    no_reply();
    gateway(|gateway| gateway.gone.clear());
    tick_after(60_000);
    no_reply();
    assert_eq!(body(b"good", true), Action::Pause);
    assert_eq!(reply().details, "ambit_no_policy");
}

#[test]
fn a_reply_of_the_gateway_ends_the_wait() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    // For instance a 413 because its own buffer is full.
    assert_eq!(dispatch::on_response_headers(STREAM, false), Action::Continue);
    assert_eq!(body(b"good", true), Action::Pause);
    tick_after(60_000);
    no_reply();
}

#[test]
fn many_held_requests_are_answered_each() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    for id in 3..103 {
        request(id, ROOT, "/body");
        assert_eq!(dispatch::on_request_headers(id, false), Action::Pause);
    }
    tick_after(1_000);
    let told = gateway(|gateway| gateway.logged.iter().filter(|(level, _)| *level == Level::Error).count());
    assert_eq!(told, 1, "one line for all");
    let answered: Vec<_> = gateway(|gateway| gateway.replies.iter().map(|reply| reply.context).collect());
    assert!(answered.iter().copied().eq((2..103).map(Some)), "{answered:?}");
}
