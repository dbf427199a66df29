//! The ground of the filter's tests: streams through the dispatcher, as a gateway sees them.

use crate::calls;
use crate::dispatch;
use crate::host::{Gateway, Reply, gateway};
use crate::types::Action;

pub(super) const ROOT: u32 = 1;
pub(super) const STREAM: u32 = 2;
pub(super) const START: u64 = 1_790_000_000_000_000_000;

/// A fresh gateway whose plugin is configured, and one stream whose request line is `path`.
pub(super) fn stream(path: &str) {
    gateway(|gateway| *gateway = Gateway { now: START, ..Gateway::default() });
    super::wait::DELIVERS.set(false);
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

/// The event of the last decision.
pub(super) fn recorded() -> Option<String> {
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
