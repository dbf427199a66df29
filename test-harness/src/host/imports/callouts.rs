//! HTTP callouts.

use super::super::callout::{Callout, CalloutAnswer, CalloutId};
use super::super::memory::{Guest, Hostcall};
use super::super::{HeaderMap, Status};
use std::time::Duration;

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn dispatch(
    guest: &mut Guest<'_>,
    cluster: u32,
    cluster_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout: u32,
    token_at: u32,
) -> Hostcall {
    let cluster = guest.text(cluster, cluster_size)?;
    let headers = guest.pairs(headers, headers_size)?;
    let body = guest.bytes(body, body_size)?;
    let trailers = guest.pairs(trailers, trailers_size)?;
    // Written before anything is recorded, so that a bad address leaves no call behind.
    guest.write_u32(token_at, 0)?;
    let timeout = i32::try_from(timeout).map_err(|_| Status::BadArgument)?.unsigned_abs();
    let state = guest.state();
    let required = [":method", ":path", ":authority"];
    if !state.options.clusters.contains(&cluster) || !required.iter().all(|n| has(&headers, n)) {
        return Err(Status::BadArgument.into());
    }
    let limits = &state.options.limits;
    let held: usize = state.callouts.values().map(|callout| callout.body.len()).sum();
    if state.callouts.len() >= limits.pending_callouts || held + body.len() > limits.body_bytes {
        return Err(Status::InternalFailure.into());
    }
    let token = state.durable.next_callout.checked_add(1).ok_or(Status::InternalFailure)?;
    state.durable.next_callout = token;
    let active = state.active();
    let callout = Callout {
        id: CalloutId(token),
        stream: state.http(active).map(|_| active),
        cluster,
        headers,
        body,
        trailers,
        timeout: (timeout > 0).then(|| Duration::from_millis(u64::from(timeout))),
        root: state.active_root(),
    };
    state.callouts.insert(token, callout);
    guest.write_u32(token_at, token)
}

/// Status of the callout being answered: a failed one has Envoy's text `reset` and the status for a
/// broken connection (9 in Envoy's numbering); everything else is 0 and empty.
pub(super) fn status(guest: &mut Guest<'_>, code_at: u32, text_at: u32, size_at: u32) -> Hostcall {
    const BROKEN_CONNECTION: u32 = 9;
    let (code, text): (u32, &[u8]) = match guest.state().callout_answer() {
        Some(CalloutAnswer::Failed) => (BROKEN_CONNECTION, b"reset"),
        _ => (0, b""),
    };
    guest.write_u32(code_at, code)?;
    guest.hand_over(text, text_at, size_at)
}

fn has(headers: &HeaderMap, name: &str) -> bool {
    headers.value(name).is_some()
}
