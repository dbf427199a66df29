//! HTTP callouts: what is recorded, what their answers do, what happens when none comes.

use crate::guest::{head, plugin, plugin_in, said};
use std::time::Duration;
use test_harness::host::{
    Callout, CalloutAnswer, CalloutError, Clusters, Flow, LocalReply, Plugin, RequestScript, Stage, TrapKind, Verdict,
    VmOptions,
};

/// Calls out from the headers; lets the request go when the answer is 200, refuses it otherwise.
const ASK_UPSTREAM: &str = r#"
    (global $waiting (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
      (global.set $waiting (local.get $context))
      (call $say_u32 (call $proxy_http_call {lookup}
        {\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\02\00\00\00\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/x\00:authority\00a\00}
        {ask} (i32.const 0) (i32.const 0) (i32.const 250) (i32.const 32)))
      (i32.const 1))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
      (i32.const 1))
    (func (export "proxy_on_http_call_response") (param $root i32) (param $id i32)
        (param $headers i32) (param $body i32) (param $trailers i32)
      (call $say_u32 (i32.eq (local.get $id) (i32.load (i32.const 32))))
      (call $say_u32 (local.get $headers)) (call $say_u32 (local.get $body))
      (call $say_status_and_result (call $proxy_get_header_map_value (i32.const 6) {:status} (i32.const 16) (i32.const 20)))
      (call $say_status_and_result (call $proxy_get_buffer_bytes (i32.const 4) (i32.const 0) (i32.const 99) (i32.const 16) (i32.const 20)))
      (drop (call $proxy_set_effective_context (global.get $waiting)))
      (if (local.get $headers)
        (then (drop (call $proxy_continue_stream (i32.const 0))))
        (else (drop (call $proxy_send_local_response (i32.const 503) (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))))"#;

fn asking() -> Plugin {
    let clusters = Clusters::Named(vec!["lookup".to_owned()]);
    plugin_in(ASK_UPSTREAM, VmOptions { clusters, ..VmOptions::default() })
}

#[test]
fn a_callout_is_recorded_and_its_answer_lets_the_request_go() {
    let plugin = asking();
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(), false), Ok(Flow::Pause));
    assert_eq!(stream.request_body(b"held", true), Ok(Flow::Pause));
    let callouts = stream.pending_callouts();
    let [Callout { id, stream: by, cluster, headers, body, timeout, .. }] = callouts.as_slice() else {
        panic!("{callouts:?}")
    };
    assert_eq!((cluster.as_str(), body.as_slice()), ("lookup", &b"ask"[..]));
    assert_eq!(*by, Some(stream.context_id()));
    assert_eq!(headers.value(":path"), Some(&b"/x"[..]));
    assert_eq!(*timeout, Some(Duration::from_millis(250)));
    said(plugin.vm());
    let answer = CalloutAnswer::response(200, "fresh");
    assert_eq!(plugin.vm().answer_callout(*id, answer.clone()), Ok(()));
    assert_eq!(said(plugin.vm()), ["1", "1", "5", "0", "200", "0", "fresh"]);
    assert_eq!(stream.flow(), Flow::Continue);
    assert_eq!(stream.upstream().body, b"held");
    assert!(stream.upstream().complete);
    let again = plugin.vm().answer_callout(*id, answer).unwrap_err();
    assert_eq!(again, CalloutError::NotPending(*id));
    assert_eq!(again.to_string(), "callout 1 is not pending");
}

#[test]
fn a_failed_callout_has_no_headers() {
    let plugin = asking();
    let report = plugin.run_request_with(&RequestScript::new(head()), |_| Some(CalloutAnswer::Failed)).unwrap();
    assert_eq!(said(plugin.vm()), ["0", "1", "0", "0", "2", "1"]);
    assert!(matches!(report.verdict, Verdict::LocalReply(LocalReply { status: 503, .. })));
}

#[test]
fn unanswered_callouts_leave_the_request_hanging_and_are_reported() {
    let plugin = asking();
    let report = plugin.run_request(&RequestScript::new(head()).with_body("x")).unwrap();
    assert_eq!(report.verdict, Verdict::Hung { stage: Stage::Body });
    assert_eq!(report.unanswered.len(), 1);
    assert!(plugin.vm().pending_callouts().is_empty(), "cancelled with the stream");
}

#[test]
fn callouts_to_unknown_clusters_are_refused() {
    let clusters = Clusters::Named(vec!["other".to_owned()]);
    let plugin = plugin_in(ASK_UPSTREAM, VmOptions { clusters, ..VmOptions::default() });
    plugin.run_request(&RequestScript::new(head())).unwrap();
    assert_eq!(said(plugin.vm()), ["2"]);
}

#[test]
fn a_client_that_goes_cancels_its_callouts_and_is_logged() {
    let guest = format!(
        r#"{ASK_UPSTREAM}
           (func (export "proxy_on_log") (param i32)
             (call $say_u32 (call $proxy_get_property {{response\00flags}} (i32.const 16) (i32.const 20)))
             (call $say_u32 (i32.load (i32.load (i32.const 16))))
             (call $say_u32 (call $proxy_get_property {{upstream\00address}} (i32.const 16) (i32.const 20))))
           (func (export "proxy_on_delete") (param i32) (call $say {{deleted}}))"#
    );
    let plugin = plugin(&guest);
    let mut stream = plugin.http_stream().unwrap();
    stream.set_property(&["upstream", "address"], "10.1.1.1:80");
    assert_eq!(stream.request_headers(head(), true), Ok(Flow::Pause));
    let callout = stream.pending_callouts().remove(0);
    stream.client_gone().unwrap();
    assert_eq!(said(plugin.vm()), ["0", "0", "16384", "1", "deleted"]);
    let late = plugin.vm().answer_callout(callout.id, CalloutAnswer::timeout());
    assert_eq!(late, Err(CalloutError::NotPending(callout.id)));
}

#[test]
fn a_trap_in_a_callouts_answer_ends_the_waiting_stream() {
    let guest = ASK_UPSTREAM.replace("(local.get $headers)) (call $say_u32", "(unreachable)) (call $say_u32");
    let plugin = plugin(&guest);
    let report = plugin.run_request_with(&RequestScript::new(head()), |_| Some(CalloutAnswer::reset())).unwrap();
    let Verdict::Trapped(trap) = report.verdict else { panic!("{report:?}") };
    assert_eq!((trap.kind, trap.callback), (TrapKind::Guest, "proxy_on_http_call_response"));
    assert_eq!(report.upstream.headers, None);
}
