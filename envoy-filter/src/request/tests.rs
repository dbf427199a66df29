//! Streams as a gateway sees them: verdicts, replies, headers, counters; and under which policies they are judged.

use super::ground::{
    ROOT, STREAM, assert_held, body, configure, counted, headers, no_reply, recorded, reply, request, stream,
    tick_after,
};
use crate::dispatch;
use crate::host::gateway;
use crate::policy::LIMIT;
use crate::types::{Action, HeaderMap, Level};

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
