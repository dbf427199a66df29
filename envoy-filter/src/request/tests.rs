//! Streams through the dispatcher, as a gateway sees them: verdicts, replies, headers, counters.

use crate::calls;
use crate::dispatch;
use crate::host::{Gateway, Reply, gateway};
use crate::policy::LIMIT;
use crate::types::{Action, HeaderMap, Level};

pub(super) const ROOT: u32 = 1;
pub(super) const STREAM: u32 = 2;
pub(super) const START: u64 = 1_790_000_000_000_000_000;

/// A fresh gateway whose plugin is configured, and one stream whose request line is `path`.
pub(super) fn stream(path: &str) {
    gateway(|gateway| *gateway = Gateway { now: START, ..Gateway::default() });
    super::body::DELIVERS.set(false);
    calls::reset();
    dispatch::on_context_create(ROOT, 0);
    assert!(configure(ROOT, b"ok:5000"));
    request(STREAM, ROOT, path);
}

pub(super) fn configure(root: u32, configuration: &[u8]) -> bool {
    gateway(|gateway| gateway.configuration = configuration.to_vec());
    dispatch::on_configure(root, configuration.len())
}

pub(super) fn request(id: u32, root: u32, path: &str) {
    dispatch::on_context_create(id, root);
    gateway(|gateway| {
        gateway.headers = Some(vec![
            (b":method".to_vec(), b"POST".to_vec()),
            (b":path".to_vec(), path.as_bytes().to_vec()),
            (b"x-bytes".to_vec(), vec![0xff]),
        ]);
    });
}

pub(super) fn headers(end_of_stream: bool) -> Action {
    dispatch::on_request_headers(STREAM, end_of_stream)
}

/// Announces the whole of `body`, buffered.
pub(super) fn body(bytes: &[u8], end_of_stream: bool) -> Action {
    gateway(|gateway| gateway.body = Some(bytes.to_vec()));
    dispatch::on_request_body(STREAM, bytes.len(), end_of_stream)
}

/// Lets time pass, then the timer fire.
pub(super) fn tick_after(milliseconds: u64) {
    gateway(|gateway| {
        gateway.now += milliseconds * 1_000_000;
        gateway.effective = None;
    });
    dispatch::on_tick(ROOT);
}

/// The only reply so far.
#[track_caller]
pub(super) fn reply() -> Reply {
    let replies = gateway(|gateway| gateway.replies.clone());
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies.into_iter().next().unwrap()
}

#[track_caller]
pub(super) fn no_reply() {
    gateway(|gateway| assert!(gateway.replies.is_empty(), "{:?}", gateway.replies));
}

pub(super) fn counted(name: &str) -> i64 {
    gateway(|gateway| gateway.counters.get(name).copied().unwrap_or_default())
}

fn recorded() -> Option<String> {
    gateway(|gateway| gateway.properties.get("ambit.decision").cloned()).map(|event| String::from_utf8(event).unwrap())
}

/// What comes after a refusal is held, whatever it is.
#[track_caller]
pub(super) fn assert_held() {
    assert_eq!(body(b"more", false), Action::Pause);
    assert_eq!(body(b"more", true), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    assert_eq!(headers(true), Action::Pause);
    reply();
}

#[test]
fn an_allowed_request_passes_with_everything_that_follows() {
    stream("/allow");
    assert_eq!(headers(false), Action::Continue);
    assert_eq!(body(&[b'x'; 10 * LIMIT], false), Action::Continue);
    assert_eq!(body(b"", true), Action::Continue);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Continue);
    assert_eq!(dispatch::on_response_headers(STREAM, false), Action::Continue);
    no_reply();
    assert_eq!(counted("ambit.allow"), 1);
    assert_eq!(recorded().as_deref(), Some(r#"{"decision":"Allow"}"#));
    let policy = (HeaderMap::Response, "ambit-policy".to_owned());
    gateway(|gateway| assert_eq!(gateway.set_headers[&policy], b"sha256:ok:5000"));
}

/// An upstream's answer passes piece by piece, as it comes: an event stream is never held back or gathered.
#[test]
fn a_response_is_not_held() {
    stream("/allow");
    assert_eq!(headers(true), Action::Continue);
    assert_eq!(dispatch::on_response_headers(STREAM, false), Action::Continue);
    for _ in 0..3 {
        assert_eq!(dispatch::on_response_body(STREAM, 4, false), Action::Continue);
    }
    assert_eq!(dispatch::on_response_trailers(STREAM), Action::Continue);
    gateway(|gateway| assert_eq!(gateway.body, None, "nothing of a body is read"));
}

/// B1: a client of JSON-RPC gets its error, as the decision point words it.
#[test]
fn a_denied_call_is_answered_in_its_own_protocol() {
    stream("/rpc");
    assert_eq!(headers(false), Action::Pause);
    let reply = reply();
    assert_eq!((reply.status, reply.details.as_str()), (200, "ambit_deny"));
    assert_eq!(reply.header("content-type"), Some(&b"application/json"[..]));
    assert_eq!(reply.header("ambit-policy"), Some(&b"sha256:ok:5000"[..]));
    assert_eq!(reply.body, br#"{"id":7}"#);
    assert_held();
}

#[test]
fn a_denied_notification_is_answered_by_its_status_alone() {
    stream("/notification");
    assert_eq!(headers(false), Action::Pause);
    let reply = reply();
    assert_eq!(reply.status, 403);
    assert_eq!(reply.header("content-type"), None);
    assert!(reply.body.is_empty());
    assert_held();
}

#[test]
fn a_denied_request_is_answered_and_nothing_of_it_passes() {
    stream("/deny");
    assert_eq!(headers(false), Action::Pause);
    let reply = reply();
    assert_eq!(reply.status, 403);
    assert_eq!(reply.details, "ambit_deny");
    assert_eq!(reply.header("content-type"), Some(&b"application/problem+json"[..]));
    assert_eq!(reply.header("ambit-policy"), Some(&b"sha256:ok:5000"[..]));
    assert_eq!(reply.body, br#"{"status":403}"#);
    assert_eq!(counted("ambit.deny"), 1);
    assert_eq!(recorded().as_deref(), Some(r#"{"decision":"Deny"}"#));
    assert_held();
    // The reply passes the response callbacks of its own stream.
    assert_eq!(dispatch::on_response_headers(STREAM, false), Action::Continue);
}

#[test]
fn each_decision_has_its_counter() {
    for (path, verdict, counters) in [
        ("/approval", Action::Pause, &["ambit.approval_required"][..]),
        ("/stranger", Action::Continue, &["ambit.not_an_agent"]),
        ("/shadow-deny", Action::Continue, &["ambit.deny", "ambit.shadow_would_deny"]),
    ] {
        stream(path);
        assert_eq!(headers(true), verdict, "{path}");
        gateway(|gateway| {
            assert!(gateway.counters.keys().eq(counters), "{path}: {:?}", gateway.counters);
        });
    }
}

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
fn what_the_host_fails_to_give_is_no_permission() {
    for (failing, details) in [("request_headers", "ambit_head_unreadable"), ("now", "ambit_clock_unreadable")] {
        stream("/allow");
        gateway(|gateway| gateway.failing.insert(failing, 10));
        assert_eq!(headers(true), Action::Pause);
        let reply = reply();
        assert_eq!((reply.status, reply.details.as_str()), (503, details));
        assert_eq!(counted("ambit.failed"), 1);
        assert_held();
    }
    stream("/allow");
    gateway(|gateway| gateway.headers = Some(Vec::new()));
    assert_eq!(headers(true), Action::Pause);
    assert_eq!(reply().details, "ambit_head_unreadable");
}

#[test]
fn a_reply_that_cannot_be_sent_resets_the_stream() {
    stream("/deny");
    gateway(|gateway| gateway.failing.insert("send_local_response", 10));
    assert_eq!(headers(true), Action::Pause);
    gateway(|gateway| assert_eq!(gateway.closed, [None]));
}

#[test]
fn obligations_are_carried_out_or_the_request_is_denied() {
    stream("/set-header");
    assert_eq!(headers(true), Action::Continue);
    let route = (HeaderMap::Request, "x-route".to_owned());
    gateway(|gateway| assert_eq!(gateway.set_headers[&route], b"ambit"));

    stream("/remove-header");
    assert_eq!(headers(true), Action::Continue);
    gateway(|gateway| assert!(gateway.removed_headers.contains("authorization")));

    for (path, failing) in [("/set-header", "replace_header"), ("/remove-header", "remove_header")] {
        stream(path);
        gateway(|gateway| gateway.failing.insert(failing, 10));
        assert_eq!(headers(true), Action::Pause, "{path}");
        assert_eq!(reply().status, 503);
        let counts = ["ambit.allow", "ambit.deny", "ambit.failed"].map(counted);
        assert_eq!(counts, [0, 1, 1]);
        assert_eq!(recorded().as_deref(), Some(r#"{"decision":"Deny"}"#));
    }
}

#[test]
fn an_event_that_cannot_be_recorded_changes_no_decision() {
    stream("/allow");
    gateway(|gateway| gateway.failing.insert("set_property", 10));
    assert_eq!(headers(true), Action::Continue);
    assert_eq!(counted("ambit.not_recorded"), 1);
}

/// B1: the properties that the policies ask for reach the decision point. One that cannot be read refuses the request: it
/// is not taken to be absent.
#[test]
fn properties_that_say_who_is_asking_are_read() {
    for (value, failing, expected) in [
        (Some("agent"), None, Ok(Action::Continue)),
        (Some("other"), None, Err(403)),
        (None, None, Err(403)),
        (Some("agent"), Some(10), Err(503)),
    ] {
        stream("/named");
        assert!(configure(ROOT, b"jwt"));
        request(STREAM + 1, ROOT, "/named");
        gateway(|gateway| {
            let value = value.map(|value| ("metadata.filter_metadata.jwt.sub".to_owned(), value.into()));
            gateway.properties.extend(value);
            gateway.failing.extend(failing.map(|status| ("property", status)));
        });
        let action = dispatch::on_request_headers(STREAM + 1, true);
        match expected {
            Ok(expected) => assert_eq!(action, expected),
            Err(status) => assert_eq!((action, reply().status), (Action::Pause, status)),
        }
    }
}

#[test]
fn callbacks_out_of_order_never_pass() {
    stream("/allow");
    assert_eq!(body(b"good", true), Action::Pause);
    assert_eq!(reply().details, "ambit_out_of_order");

    stream("/allow");
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    assert_eq!(reply().details, "ambit_out_of_order");

    for path in ["/allow", "/body"] {
        stream(path);
        let _ = headers(false);
        assert_eq!(headers(false), Action::Pause, "{path}: a second head");
        assert_eq!(reply().details, "ambit_out_of_order");
        assert_eq!(body(b"good", true), Action::Pause);
    }
}

#[test]
fn a_stream_without_context_or_policy_is_refused() {
    stream("/allow");
    for unknown in [ROOT, 77] {
        gateway(|gateway| gateway.replies.clear());
        assert_eq!(dispatch::on_request_headers(unknown, true), Action::Pause);
        assert_eq!(reply().status, 503);
        gateway(|gateway| gateway.replies.clear());
        assert_eq!(dispatch::on_request_body(unknown, 0, true), Action::Pause);
        assert_eq!(reply().details, "ambit_no_policy");
        gateway(|gateway| gateway.replies.clear());
        assert_eq!(dispatch::on_request_trailers(unknown), Action::Pause);
        assert_eq!(reply().header("ambit-policy"), None);
        // The response of a request that was not let through here.
        assert_eq!(dispatch::on_response_headers(unknown, true), Action::Continue);
    }

    stream("/allow");
    let unconfigured = 10;
    dispatch::on_context_create(unconfigured, 0);
    for root in [unconfigured, 78] {
        request(STREAM, root, "/allow");
        gateway(|gateway| gateway.replies.clear());
        assert_eq!(headers(true), Action::Pause);
        assert_eq!(reply().details, "ambit_no_policy");
    }
}

#[test]
fn a_deleted_stream_is_unknown() {
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    dispatch::on_log(STREAM);
    dispatch::on_delete(STREAM);
    tick_after(60_000);
    no_reply();
    assert_eq!(body(b"good", true), Action::Pause);
    assert_eq!(reply().details, "ambit_no_policy");
}

#[test]
fn a_bad_bundle_is_refused_with_one_line_that_says_why() {
    stream("/allow");
    gateway(|gateway| gateway.logged.clear());
    let root = 10;
    dispatch::on_context_create(root, 0);
    for (configuration, failing) in [(&b"{}"[..], None), (b"", None), (b"ok", Some("plugin_configuration"))] {
        gateway(|gateway| {
            gateway.logged.clear();
            gateway.failing = failing.map(|name| (name, 1)).into_iter().collect();
        });
        assert!(!configure(root, configuration));
        gateway(|gateway| {
            let [(Level::Error, line)] = &gateway.logged[..] else { panic!("{:?}", gateway.logged) };
            assert!(line.starts_with("ambit: the policy bundle is refused: "), "{line}");
        });
    }
}

#[test]
fn a_good_bundle_is_logged_by_its_digest_alone() {
    stream("/allow");
    gateway(|gateway| {
        assert_eq!(gateway.logged, [(Level::Info, "ambit: policy set sha256:ok:5000 is loaded, agents: 1".to_owned())]);
        assert_eq!(gateway.tick_period, Some(250));
    });
}

#[test]
fn a_refused_configuration_leaves_the_one_before() {
    stream("/allow");
    assert!(!configure(ROOT, b"broken"));
    request(STREAM, ROOT, "/allow");
    assert_eq!(headers(true), Action::Continue);
}

#[test]
fn streams_stay_with_the_policy_they_were_created_under() {
    let (new_root, new_stream) = (10, 11);
    stream("/body");
    assert_eq!(headers(false), Action::Pause);
    dispatch::on_context_create(new_root, 0);
    assert!(configure(new_root, b"ok:1000"));
    request(new_stream, new_root, "/deny");
    assert_eq!(dispatch::on_request_headers(new_stream, true), Action::Pause);
    assert_eq!(reply().header("ambit-policy"), Some(&b"sha256:ok:1000"[..]));
    // The old root goes; its stream is still judged, by the old policy.
    dispatch::on_delete(ROOT);
    gateway(|gateway| gateway.replies.clear());
    assert_eq!(body(b"bad", true), Action::Pause);
    assert_eq!(reply().header("ambit-policy"), Some(&b"sha256:ok:5000"[..]));
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
