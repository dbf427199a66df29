//! A gateway whose `allow_on_headers_stop_iteration` is missing.

use crate::guest::{head, plugin, plugin_in, said};
use std::time::Duration;
use test_harness::host::{Flow, HeaderMap, LocalReply, RequestScript, Stage, Verdict, VmOptions};

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("x-sum", "1")])
}

/// Holds the headers, and answers 503 from a timer.
const ANSWER_FROM_TICK: &str = r#"
    (global $waiting (mut i32) (i32.const 0))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $proxy_set_tick_period_milliseconds (i32.const 100)))
      (i32.const 1))
    (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
      (global.set $waiting (local.get $context))
      (i32.const 1))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
      (call $say {body})
      (global.set $waiting (i32.const 0))
      (i32.const 0))
    (func (export "proxy_on_tick") (param i32)
      (call $say {tick})
      (if (global.get $waiting) (then
        (drop (call $proxy_set_effective_context (global.get $waiting)))
        (drop (call $proxy_send_local_response (i32.const 503) (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))))"#;

fn flag_missing() -> VmOptions {
    VmOptions { allow_on_headers_stop_iteration: false, ..VmOptions::default() }
}

#[test]
fn without_the_flag_no_body_callback_comes_and_the_request_hangs() {
    let plugin = plugin_in(ANSWER_FROM_TICK, flag_missing());
    let script = RequestScript::new(head()).with_body("x").with_trailers(trailers());
    let report = plugin.run_request(&script).unwrap();
    assert_eq!(report.verdict, Verdict::Hung { stage: Stage::Headers });
    assert_eq!(said(plugin.vm()), [""; 0]);
}

#[test]
fn without_the_flag_a_timer_can_still_answer() {
    let plugin = plugin_in(ANSWER_FROM_TICK, flag_missing());
    let script = RequestScript { patience: Duration::from_millis(250), ..RequestScript::new(head()).with_body("x") };
    let report = plugin.run_request(&script).unwrap();
    assert_eq!(said(plugin.vm()), ["tick", "tick"]);
    assert!(matches!(report.verdict, Verdict::LocalReply(LocalReply { status: 503, .. })));
    assert_eq!(report.upstream.headers, None);
}

#[test]
fn with_the_flag_the_same_guest_gets_its_body() {
    let plugin = plugin(ANSWER_FROM_TICK);
    let report = plugin.run_request(&RequestScript::new(head()).with_body("x")).unwrap();
    let forward = Verdict::Forward { headers: head(), body: b"x".to_vec(), trailers: None };
    assert_eq!(report.verdict, forward);
    assert_eq!(said(plugin.vm()), ["body"]);
}

#[test]
fn without_the_flag_the_body_comes_when_the_guest_resumes() {
    let guest = r#"
        (global $waiting (mut i32) (i32.const 0))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $proxy_set_tick_period_milliseconds (i32.const 1)))
          (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
          (drop (call $proxy_set_effective_context (global.get $waiting)))
          (drop (call $proxy_continue_stream (i32.const 0))))
        (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
          (global.set $waiting (local.get $context))
          (i32.const 1))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $say_u32 (local.get 1)) (call $say_u32 (local.get 2)) (i32.const 0))
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
          (call $say {trailers}) (i32.const 0))"#;
    let plugin = plugin_in(guest, flag_missing());
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(), false), Ok(Flow::Pause));
    assert_eq!(stream.request_body(b"ab", false), Ok(Flow::Pause));
    assert_eq!(stream.request_body(b"c", false), Ok(Flow::Pause));
    assert_eq!(stream.request_trailers(trailers()), Ok(Flow::Pause));
    plugin.tick().unwrap();
    assert_eq!(said(plugin.vm()), ["3", "0", "trailers"]);
    assert_eq!(stream.flow(), Flow::Continue);
    assert_eq!(stream.upstream().body, b"abc");
    assert_eq!(stream.upstream().trailers, Some(trailers()));
}
