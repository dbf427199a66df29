//! C3: a candidate judges what was enforced, and nothing of the request or of its answer is another one for it.

use super::ground::{ROOT, START, STREAM, body, configure, counted, headers, no_reply, reply, request, tick_after};
use crate::calls;
use crate::charge;
use crate::dispatch;
use crate::host::{Answer, Gateway, gateway};
use crate::policy::counters::{Reach, Store, slot};
use crate::store::{self, Slots};
use crate::trial::{EVIDENCE_BYTES, held};
use crate::types::{Action, Level};

/// A fresh gateway under these policies, and one stream of which the candidate says this.
fn stream(policies: &str, path: &str, candidate: &str) {
    gateway(|gateway| *gateway = Gateway { now: START, ..Gateway::default() });
    super::wait::DELIVERS.set(false);
    calls::reset();
    charge::reset();
    store::reset();
    dispatch::on_context_create(ROOT, 0);
    assert!(configure(ROOT, policies.as_bytes()));
    ask(STREAM, path, candidate);
}

fn ask(id: u32, path: &str, candidate: &str) {
    request(id, ROOT, path);
    gateway(|gateway| {
        let fields = gateway.headers.as_mut().unwrap();
        fields.push((b"x-candidate".to_vec(), candidate.into()));
    });
}

fn recorded() -> String {
    gateway(|gateway| String::from_utf8(gateway.properties["ambit.decision"].clone()).unwrap())
}

/// How often it was the same, stricter, looser, undecidable.
fn compared() -> [i64; 4] {
    ["same", "stricter", "looser", "undecidable"].map(|word| counted(&format!("ambit.candidate_{word}")))
}

/// What is used of the counter that the candidate is charged to.
fn used() -> String {
    String::from_utf8(Slots.get(slot(Reach::Worker)).unwrap().0).unwrap()
}

#[test]
fn what_it_says_is_recorded_and_not_enforced() {
    for (path, candidate, passes, compare) in [
        ("/allow", "allow", true, [1, 0, 0, 0]),
        ("/allow", "deny", true, [0, 1, 0, 0]),
        ("/nowhere", "allow", false, [0, 0, 1, 0]),
        ("/nowhere", "deny", false, [1, 0, 0, 0]),
    ] {
        stream("candidate", path, candidate);
        assert_eq!(headers(true), if passes { Action::Continue } else { Action::Pause }, "{path}");
        assert_eq!(compared(), compare, "{path} {candidate}");
        assert!(recorded().contains(r#""candidate":"#), "{}", recorded());
        let with = gateway(|gateway| (gateway.replies.clone(), gateway.set_headers.clone()));
        stream("counts", path, candidate);
        let _ = headers(true);
        let without = gateway(|gateway| (gateway.replies.clone(), gateway.set_headers.clone()));
        let bytes = |replies: &[crate::host::Reply]| {
            replies.iter().map(|reply| (reply.status, reply.details.clone(), reply.body.clone())).collect::<Vec<_>>()
        };
        assert_eq!((bytes(&with.0), with.1), (bytes(&without.0), without.1), "{path}");
        assert_eq!(compared(), [0; 4], "without a candidate nothing is compared");
        assert!(!recorded().contains("candidate"), "{}", recorded());
    }
}

#[test]
fn it_sees_the_body_and_the_answers_of_the_enforced_judgement() {
    stream("candidate", "/body-current?1", "allow");
    assert_eq!(headers(false), Action::Pause);
    assert_eq!(body(b"12345", true), Action::Pause);
    let calls = gateway(|gateway| {
        let headers = vec![(b":status".to_vec(), b"200".to_vec())];
        gateway.answer = Some(Answer { headers, body: b"good".to_vec() });
        gateway.calls.len()
    });
    assert_eq!(calls, 1, "the enforced judgement's alone");
    dispatch::on_call_response(ROOT, 1, 1, 4);
    no_reply();
    assert!(recorded().contains("5 of 1024,/1 good"), "{}", recorded());
    assert_eq!((compared(), held()), ([1, 0, 0, 0], 0));
}

#[test]
fn a_body_that_does_not_come_is_none_for_both() {
    stream("candidate", "/body", "allow");
    assert_eq!(headers(false), Action::Pause);
    super::wait::delivered();
    tick_after(6_000);
    assert_eq!(reply().status, 408);
    assert!(recorded().contains("Timeout"), "{}", recorded());
    assert_eq!((compared(), held()), ([0, 0, 1, 0], 0));
}

/// What is held for candidates is bounded; beyond it they are not asked, and requests go on as without one.
#[test]
fn what_is_held_is_bounded() {
    stream("candidate", "/body", "deny");
    let many = 100;
    let long = EVIDENCE_BYTES / many;
    for id in 0..=many as u32 {
        request(STREAM + id, ROOT, "/body");
        gateway(|gateway| gateway.headers.as_mut().unwrap().push((b"x-long".to_vec(), vec![b'x'; long])));
        assert_eq!(dispatch::on_request_headers(STREAM + id, false), Action::Pause);
    }
    assert!(held() <= EVIDENCE_BYTES && held() > EVIDENCE_BYTES - 2 * long, "{}", held());
    for id in 0..=many as u32 {
        gateway(|gateway| gateway.body = Some(b"good".to_vec()));
        assert_eq!(dispatch::on_request_body(STREAM + id, 4, true), Action::Continue);
    }
    assert_eq!(held(), 0);
    let [same, stricter, looser, undecidable] = compared();
    assert_eq!((same + stricter + looser + undecidable, looser), (many as i64 + 1, 0));
    assert!((1..5).contains(&undecidable), "{undecidable}");
    no_reply();
}

/// A stream that ends while it waits leaves nothing behind.
#[test]
fn what_is_held_goes_with_the_stream() {
    stream("candidate", "/body", "deny");
    assert_eq!(headers(false), Action::Pause);
    assert!(held() > 0);
    dispatch::on_log(STREAM);
    dispatch::on_delete(STREAM);
    assert_eq!((held(), compared()), (0, [0; 4]));
}

/// It is charged what went on, and given back what certainly did nothing.
#[test]
fn it_is_charged_for_what_went_on() {
    stream("candidate", "/allow", "counted");
    assert_eq!((headers(true), used()), (Action::Continue, "1".into()));
    gateway(|gateway| {
        for (name, value) in [("response.flags", 0x20), ("upstream.request_attempt_count", 1u64)] {
            gateway.properties.insert(name.into(), value.to_le_bytes().to_vec());
        }
        gateway.properties.insert("upstream.address".into(), b"127.0.0.1:80".to_vec());
    });
    assert_eq!(dispatch::on_response_headers(STREAM, true), Action::Continue);
    assert_eq!(used(), "0");
    assert_eq!((counted("ambit.charged"), counted("ambit.given_back")), (0, 0), "of enforced counters");

    stream("candidate", "/nowhere", "counted");
    assert_eq!((headers(true), used()), (Action::Pause, "0".into()));
    assert_eq!(compared(), [0, 0, 1, 0]);

    stream("candidate", "/allow", "counted");
    assert_eq!(headers(true), Action::Continue);
    assert_eq!(dispatch::on_response_headers(STREAM, true), Action::Continue);
    assert_eq!(used(), "1", "without a word of what became of it");
}

/// One that does not load is told in the log, and the enforced policies are as they were.
#[test]
fn a_broken_candidate_stops_nothing() {
    stream("broken-candidate", "/allow", "deny");
    assert_eq!((headers(true), compared()), (Action::Continue, [0; 4]));
    let told = gateway(|gateway| gateway.logged.clone());
    assert!(told.iter().any(|(level, text)| *level == Level::Error && text.contains("candidate")), "{told:?}");
}
