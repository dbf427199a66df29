//! Requests on the control route (C5): answered here whatever comes, recorded, and never passed on.

use super::ground::{ROOT, STREAM, assert_held, body, counted, headers, reply, request, stream, tick_after};
use crate::dispatch;
use crate::host::gateway;
use crate::types::{Action, Level};

/// What was answered, and what is recorded of it.
#[track_caller]
fn assert_answered(status: u16, details: &str) {
    let reply = reply();
    assert_eq!((reply.status, reply.details), (status, format!("ambit_command_{details}")));
    assert_eq!(reply.body, details.as_bytes());
    let refused = i64::from(status != 200);
    assert_eq!((counted("ambit.commands"), counted("ambit.commands_refused")), (1, refused));
    gateway(|gateway| {
        let event = format!(r#"{{"outcome":"{details}"}}"#);
        assert_eq!(gateway.properties["ambit.decision"], event.as_bytes());
        let level = if status == 200 { Level::Info } else { Level::Warn };
        let line = (level, format!("ambit: a command: {details}"));
        assert_eq!(gateway.logged.iter().filter(|logged| **logged == line).count(), 1, "{:?}", gateway.logged);
        assert!(gateway.continued.is_empty());
    });
}

#[test]
fn a_command_is_read_whole_and_answered() {
    stream("/control");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"go", false), Action::Pause);
    assert_eq!(body(b"good", true), Action::Pause);
    assert_answered(200, "carried_out");
    assert_held();
}

#[test]
fn trailers_end_a_command() {
    stream("/control");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"good", false), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    assert_answered(200, "carried_out");
}

#[test]
fn what_is_no_command_is_refused() {
    for (sent, status, details) in [(&b"bad"[..], 401, "wrong_signature"), (b"", 400, "not_a_command")] {
        stream("/control");
        assert_eq!(headers(false), Action::Pause);
        assert_eq!(body(sent, true), Action::Pause);
        assert_answered(status, details);
    }
    stream("/control");
    assert_eq!(headers(true), Action::Pause);
    assert_answered(400, "not_a_command");
    assert_held();
}

#[test]
fn a_head_can_be_enough_to_refuse() {
    stream("/control?a=b");
    assert_eq!(headers(false), Action::Pause);
    assert_answered(400, "query");
    assert_held();
}

/// What is larger than a command is refused once so much has come, and is not read.
#[test]
fn no_more_than_a_command_is_read() {
    stream("/control");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(dispatch::on_request_body(STREAM, 65, false), Action::Pause);
    assert_answered(413, "too_large");
    assert_held();
}

#[test]
fn a_command_that_does_not_come_is_answered() {
    stream("/control");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"go", false), Action::Pause);
    tick_after(5_000);
    assert_answered(408, "body_timeout");
    assert_held();
}

#[test]
fn without_the_time_nothing_is_carried_out() {
    stream("/control");
    assert_eq!(headers(false), Action::Pause);
    gateway(|gateway| gateway.failing.insert("now", 10));
    assert_eq!(body(b"good", true), Action::Pause);
    assert_eq!((reply().status, counted("ambit.commands")), (503, 0));
}

/// A client that goes away leaves nothing that waits.
#[test]
fn a_command_whose_client_goes_is_forgotten() {
    stream("/control");
    assert_eq!(headers(false), Action::Pause);
    dispatch::on_log(STREAM);
    dispatch::on_delete(STREAM);
    tick_after(60_000);
    request(STREAM, ROOT, "/allow");
    assert_eq!(headers(true), Action::Continue);
    assert_eq!(counted("ambit.commands"), 0);
}

/// B2: the end of a session is a DELETE, and no body of one is read.
#[test]
fn the_end_of_a_session_has_no_body() {
    let delete = || {
        stream("/control");
        gateway(|gateway| {
            let headers = gateway.headers.as_mut().unwrap();
            headers[0].1 = b"DELETE".to_vec();
        });
    };
    delete();
    assert_eq!(headers(true), Action::Pause);
    assert_answered(200, "carried_out");
    assert_held();
    // An empty frame, or trailers, may end it.
    delete();
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"", true), Action::Pause);
    assert_answered(200, "carried_out");
    delete();
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(dispatch::on_request_trailers(STREAM), Action::Pause);
    assert_answered(200, "carried_out");
    delete();
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(dispatch::on_request_body(STREAM, 1, false), Action::Pause);
    assert_answered(400, "body");
    assert_held();
}
