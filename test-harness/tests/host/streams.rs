//! What the gateway does with a guest's answers: order, holding, releasing, replying.

use crate::guest::{head, on_headers, plugin, said};
use std::num::NonZeroUsize;
use test_harness::host::{Flow, HeaderMap, LocalReply, RequestScript, Stage, Verdict};

/// Logs each request callback with its arguments, and answers it with this action: 0 lets it go on, 1 holds it.
fn recorder(headers: u32, body: u32, trailers: u32) -> String {
    format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (call $say {{headers}}) (call $say_u32 (local.get 1)) (call $say_u32 (local.get 2))
             (i32.const {headers}))
           (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (call $say {{body}}) (call $say_u32 (local.get 1)) (call $say_u32 (local.get 2))
             (i32.const {body}))
           (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
             (call $say {{trailers}}) (call $say_u32 (local.get 1))
             (i32.const {trailers}))"#
    )
}

/// A guest that holds the head, and lets go at the end of the body or at the trailers.
const HOLD_UNTIL_END: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say {headers})
      (i32.eqz (local.get 2)))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
      (call $say {body}) (call $say_u32 (local.get 1))
      (i32.eqz (local.get 2)))
    (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
      (call $say {trailers})
      (i32.const 0))"#;

fn chunks(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("x-sum", "1")])
}

fn forward(body: &str, trailers: Option<HeaderMap>) -> Verdict {
    Verdict::Forward { headers: head(), body: body.into(), trailers }
}

#[test]
fn a_request_arrives_in_envoys_order() {
    let request = || RequestScript::new(head());
    let with_final = |script| RequestScript { final_empty_chunk: true, ..script };
    let cases: &[(RequestScript, &[&str], Verdict)] = &[
        (request(), &["headers", "4", "1"], forward("", None)),
        (request().with_body(""), &["headers", "4", "0", "body", "0", "1"], forward("", None)),
        (request().with_body("abc"), &["headers", "4", "0", "body", "3", "1"], forward("abc", None)),
        (
            with_final(request().with_body("abc")),
            &["headers", "4", "0", "body", "3", "0", "body", "3", "1"],
            forward("abc", None),
        ),
        (
            request().with_body("abc").in_chunks_of(chunks(2)),
            &["headers", "4", "0", "body", "2", "0", "body", "3", "1"],
            forward("abc", None),
        ),
        (
            with_final(request().with_body("abc")).with_trailers(trailers()),
            &["headers", "4", "0", "body", "3", "0", "trailers", "1"],
            forward("abc", Some(trailers())),
        ),
        (request().with_trailers(trailers()), &["headers", "4", "0", "trailers", "1"], forward("", Some(trailers()))),
    ];
    for (script, events, verdict) in cases {
        // Holds everything but what ends the request, so that sizes add up.
        let hold = script.trailers.is_some();
        let guest = format!(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                 (call $say {{headers}}) (call $say_u32 (local.get 1)) (call $say_u32 (local.get 2))
                 (i32.eqz (local.get 2)))
               (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
                 (call $say {{body}}) (call $say_u32 (local.get 1)) (call $say_u32 (local.get 2))
                 (i32.or (i32.const {}) (i32.eqz (local.get 2))))
               (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
                 (call $say {{trailers}}) (call $say_u32 (local.get 1)) (i32.const 0))"#,
            u32::from(hold)
        );
        let plugin = plugin(&guest);
        let report = plugin.run_request(script).unwrap();
        assert_eq!(said(plugin.vm()), *events, "{script:?}");
        assert_eq!(report.verdict, *verdict, "{script:?}");
    }
}

#[test]
fn a_guest_that_lets_everything_go_sees_each_piece_once() {
    let plugin = plugin(&recorder(0, 0, 0));
    let script = RequestScript::new(head()).with_body("abcde").in_chunks_of(chunks(2));
    let report = plugin.run_request(&script).unwrap();
    let events = ["headers", "4", "0", "body", "2", "0", "body", "2", "0", "body", "1", "1"];
    assert_eq!(said(plugin.vm()), events);
    assert_eq!(report.verdict, forward("abcde", None));
}

#[test]
fn nothing_reaches_the_upstream_while_the_request_is_held() {
    let plugin = plugin(HOLD_UNTIL_END);
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(), false), Ok(Flow::Pause));
    assert_eq!(stream.request_body(b"abc", false), Ok(Flow::Pause));
    assert_eq!(stream.upstream().headers, None);
    assert_eq!(stream.upstream().body, b"");
    assert_eq!(stream.paused_in(), Some(Stage::Body));
    assert_eq!(stream.request_body(b"", true), Ok(Flow::Continue));
    assert_eq!(stream.upstream().headers, Some(head()));
    assert_eq!(stream.upstream().body, b"abc");
    assert!(stream.upstream().complete);
    assert_eq!(stream.paused_in(), None);
}

#[test]
fn a_guest_without_callbacks_lets_everything_pass() {
    let script = RequestScript::new(head()).with_body("x").with_trailers(trailers());
    let report = plugin("").run_request(&script).unwrap();
    assert_eq!(report.verdict, forward("x", Some(trailers())));
}

#[test]
fn a_request_that_nobody_lets_go_hangs_where_it_stopped() {
    let stage = |script: &RequestScript, guest: &str| match plugin(guest).run_request(script).unwrap().verdict {
        Verdict::Hung { stage } => stage,
        other => panic!("{other:?}"),
    };
    let script = RequestScript::new(head()).with_body("x").with_trailers(trailers());
    assert_eq!(stage(&RequestScript::new(head()), &recorder(1, 1, 1)), Stage::Headers);
    assert_eq!(stage(&script, &recorder(1, 1, 1)), Stage::Trailers);
    assert_eq!(stage(&script.clone().with_body("x"), &recorder(0, 0, 1)), Stage::Trailers);
}

#[test]
fn a_held_body_can_be_read_in_parts_and_changed() {
    let plugin = plugin(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (i32.const 1))
           (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (if (i32.eqz (local.get 2)) (then (return (i32.const 1))))
             (call $say_status_and_result (call $proxy_get_buffer_bytes (i32.const 0)
               (i32.const 2) (i32.const 2) (i32.const 16) (i32.const 20)))
             (call $say_status_and_result (call $proxy_get_buffer_bytes (i32.const 0)
               (i32.const 4) (i32.const 100) (i32.const 16) (i32.const 20)))
             (call $say_status_and_result (call $proxy_get_buffer_bytes (i32.const 0)
               (i32.const 50) (i32.const 100) (i32.const 16) (i32.const 20)))
             (call $say_u32 (call $proxy_get_buffer_bytes (i32.const 0)
               (i32.const 2) (i32.const -1) (i32.const 16) (i32.const 20)))
             (call $say_u32 (call $proxy_get_buffer_status (i32.const 0) (i32.const 24) (i32.const 28)))
             (call $say_u32 (i32.load (i32.const 24)))
             ;; Replace the first two bytes, append, and fail to insert.
             (call $say_u32 (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 2) {<>}))
             (call $say_u32 (call $proxy_set_buffer_bytes (i32.const 0) (i32.const -1) (i32.const 0) {!}))
             (call $say_u32 (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 3) (i32.const 0) {?}))
             (i32.const 0))"#,
    );
    let script = RequestScript::new(head()).with_body("abcdef").in_chunks_of(chunks(1));
    let report = plugin.run_request(&script).unwrap();
    assert_eq!(said(plugin.vm()), ["0", "cd", "0", "ef", "0", "", "2", "0", "6", "0", "0", "2"]);
    assert_eq!(report.verdict, forward("<>cdef!", None));
}

#[test]
fn headers_of_a_held_request_can_be_changed_from_the_body_but_not_later() {
    let plugin = plugin(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
             (i32.const 1))
           (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (call $say_u32 (call $proxy_replace_header_map_value (i32.const 0) {x-verdict} {yes}))
             (i32.const 0))
           (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
             (drop (call $proxy_replace_header_map_value (i32.const 0) {x-verdict} {late}))
             (i32.const 0))
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
             (i32.const 0))
           (func (export "proxy_on_log") (param i32)
             (call $say_u32 (call $proxy_get_header_map_value (i32.const 0) {x-verdict} (i32.const 16) (i32.const 20)))
             (call $say_u32 (call $proxy_replace_header_map_value (i32.const 0) {x-verdict} {never})))"#,
    );
    let script = RequestScript::new(head()).with_body("x").with_trailers(trailers());
    let report = plugin.run_request(&script).unwrap();
    assert_eq!(said(plugin.vm()), ["0", "0", "2"]);
    let Verdict::Forward { headers, .. } = report.verdict else { panic!("{report:?}") };
    assert_eq!(headers.value("x-verdict"), Some(&b"yes"[..]));
}

#[test]
fn headers_let_go_at_once_are_closed_to_the_guest() {
    let plugin = plugin(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
           (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
             (call $say_u32 (call $proxy_add_header_map_value (i32.const 0) {x} {y}))
             (i32.const 0))"#,
    );
    plugin.run_request(&RequestScript::new(head()).with_body("x")).unwrap();
    assert_eq!(said(plugin.vm()), ["2"]);
}

const DENY: &str = r#"
    (drop (call $proxy_send_local_response (i32.const 403) {denied} {no way\0a}
      {\01\00\00\00\0c\00\00\00\10\00\00\00content-type\00application/json\00} (i32.const -1)))"#;

fn denial() -> LocalReply {
    LocalReply {
        status: 403,
        details: b"denied".to_vec(),
        headers: HeaderMap::from_iter([("content-type", "application/json")]),
        body: b"no way\n".to_vec(),
        grpc_status: -1,
    }
}

#[test]
fn a_local_reply_ends_the_request_even_when_the_guest_says_continue() {
    let guest = on_headers(DENY)
        + r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
               (call $say {never called}) (i32.const 0))"#;
    let plugin = plugin(&guest);
    let report = plugin.run_request(&RequestScript::new(head()).with_body("x")).unwrap();
    assert_eq!(report.verdict, Verdict::LocalReply(denial()));
    assert_eq!(report.upstream.headers, None);
    assert_eq!(said(plugin.vm()), [""; 0]);
}

#[test]
fn a_local_reply_passes_the_guests_own_response_callbacks() {
    let guest = on_headers(DENY)
        + r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
               (call $say_u32 (local.get 2))
               (call $say_status_and_result (call $proxy_get_property {response\00code_details} (i32.const 16) (i32.const 20)))
               (drop (call $proxy_add_header_map_value (i32.const 2) {x-seen} {1}))
               (i32.const 0))
             (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
               (call $say_u32 (local.get 1)) (call $say_u32 (local.get 2))
               (i32.const 0))"#;
    let plugin = plugin(&guest);
    let report = plugin.run_request(&RequestScript::new(head())).unwrap();
    assert_eq!(said(plugin.vm()), ["0", "0", "denied", "7", "1"]);
    assert_eq!(report.verdict, Verdict::LocalReply(denial()));
    let mut client = denial().head();
    client.add("x-seen", "1");
    assert_eq!(report.client.headers, Some(client));
    assert_eq!(report.client.body, b"no way\n");
    assert!(report.client.complete);
}

#[test]
fn a_reply_from_the_body_shows_what_had_escaped() {
    let body = |headers: u32| {
        format!(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                 (i32.const {headers}))
               (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
                 {DENY} (i32.const 1))"#
        )
    };
    for (headers, escaped) in [(0, Some(head())), (1, None)] {
        let script = RequestScript::new(head()).with_body("x");
        let report = plugin(&body(headers)).run_request(&script).unwrap();
        assert_eq!(report.verdict, Verdict::LocalReply(denial()));
        assert_eq!(report.upstream.headers, escaped);
        assert_eq!(report.upstream.body, b"");
    }
}

#[test]
fn a_closed_stream_is_reset() {
    let plugin = plugin(&on_headers("(drop (call $proxy_close_stream (i32.const 0)))"));
    let report = plugin.run_request(&RequestScript::new(head()).with_body("x")).unwrap();
    assert_eq!(report.verdict, Verdict::Closed);
}

#[test]
fn responses_are_held_and_changed_the_same_way() {
    let plugin = plugin(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
             (i32.const 1))
           (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
             (call $say_u32 (local.get 1))
             (if (i32.eqz (local.get 2)) (then (return (i32.const 1))))
             (drop (call $proxy_replace_header_map_value (i32.const 2) {content-length} {2}))
             (drop (call $proxy_set_buffer_bytes (i32.const 1) (i32.const 0) (i32.const 99) {ok}))
             (i32.const 0))"#,
    );
    let mut stream = plugin.http_stream().unwrap();
    let head_of = |n: &str| HeaderMap::from_iter([(":status", "200"), ("content-length", n)]);
    assert!(stream.response_headers(head_of("6"), false).is_err(), "before the request");
    assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
    assert_eq!(stream.response_headers(head_of("6"), false), Ok(Flow::Pause));
    assert_eq!(stream.response_body(b"abc", false), Ok(Flow::Pause));
    assert_eq!(stream.client().headers, None);
    assert_eq!(stream.response_body(b"def", true), Ok(Flow::Continue));
    assert_eq!(stream.client().headers, Some(head_of("2")));
    assert_eq!(stream.client().body, b"ok");
    assert_eq!(said(plugin.vm()), ["3", "6"]);
}

#[test]
fn events_out_of_order_are_the_embedders_mistake() {
    let plugin = plugin("");
    let mut stream = plugin.http_stream().unwrap();
    assert!(stream.request_body(b"x", false).is_err());
    assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
    let error = stream.request_body(b"x", true).unwrap_err();
    assert_eq!(error.to_string(), "this cannot be delivered now: the message has ended already");
    assert!(stream.request_headers(head(), true).is_err());
    stream.finish().unwrap();
    assert!(stream.response_headers(HeaderMap::new(), true).is_err());
}

#[test]
fn a_stream_that_is_dropped_is_deleted_in_the_guest() {
    let plugin = plugin(
        r#"(func (export "proxy_on_context_create") (param i32 i32) (call $say {create}))
           (func (export "proxy_on_log") (param i32) (call $say {log}))
           (func (export "proxy_on_done") (param i32) (result i32) (call $say {done}) (i32.const 1))
           (func (export "proxy_on_delete") (param i32) (call $say {delete}))"#,
    );
    said(plugin.vm());
    drop(plugin.http_stream().unwrap());
    assert_eq!(said(plugin.vm()), [""; 0], "the guest never heard of it");
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(), false), Ok(Flow::Continue));
    drop(stream);
    assert_eq!(said(plugin.vm()), ["create", "log", "done", "delete"]);
}
