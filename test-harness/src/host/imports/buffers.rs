//! Body and configuration buffers.

use super::super::callout::CalloutAnswer;
use super::super::memory::{Guest, Hostcall};
use super::super::state::State;
use super::super::{BufferType, Status};

pub(super) fn bytes(
    guest: &mut Guest<'_>,
    buffer: u32,
    start: u32,
    most: u32,
    bytes_at: u32,
    size_at: u32,
) -> Hostcall {
    let buffer = BufferType::try_from(buffer)?;
    let end = start.checked_add(most).ok_or(Status::BadArgument)?;
    let content = readable(guest.state(), buffer).ok_or(Status::NotFound)?;
    let range = |n: u32| usize::try_from(n).unwrap_or(usize::MAX).min(content.len());
    // A start beyond the end reads nothing, as in Envoy.
    let part = content.get(range(start)..range(end)).unwrap_or_default().to_vec();
    guest.hand_over(&part, bytes_at, size_at)
}

pub(super) fn status(guest: &mut Guest<'_>, buffer: u32, size_at: u32, flags_at: u32) -> Hostcall {
    let buffer = BufferType::try_from(buffer)?;
    let size = readable(guest.state(), buffer).ok_or(Status::NotFound)?.len();
    guest.write_u32(size_at, u32::try_from(size).map_err(|_| Status::SerializationFailure)?)?;
    guest.write_u32(flags_at, 0)
}

/// Replaces `length` bytes at the front, or appends when `start` is not before the end. Envoy
/// refuses a change in the middle, and so does this host.
pub(super) fn set(guest: &mut Guest<'_>, buffer: u32, start: u32, length: u32, bytes: u32, size: u32) -> Hostcall {
    let buffer = BufferType::try_from(buffer)?;
    let bytes = guest.bytes(bytes, size)?;
    let state = guest.state();
    let most = state.options.limits.body_bytes;
    let http = state.active_http_mut(Status::NotFound)?;
    let body = match buffer {
        BufferType::HttpRequestBody => &mut http.request.held,
        BufferType::HttpResponseBody => &mut http.response.held,
        _ => return Err(Status::BadArgument.into()),
    };
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let replaced = usize::try_from(length).unwrap_or(usize::MAX).min(body.len());
    let kept = if start == 0 { body.len() - replaced } else { body.len() };
    if kept.saturating_add(bytes.len()) > most {
        return Err(Status::InternalFailure.into());
    }
    if start == 0 {
        body.splice(..replaced, bytes);
    } else if start >= body.len() {
        body.extend(bytes);
    } else {
        return Err(Status::BadArgument.into());
    }
    Ok(())
}

/// A body that is not held reads as empty; what can never be read here is `None`.
fn readable(state: &State, buffer: BufferType) -> Option<&[u8]> {
    match buffer {
        BufferType::HttpRequestBody => Some(&state.http(state.active())?.request.held),
        BufferType::HttpResponseBody => Some(&state.http(state.active())?.response.held),
        BufferType::HttpCallResponseBody => match state.callout_answer()? {
            CalloutAnswer::Response { body, .. } => Some(body),
            CalloutAnswer::Failed => None,
        },
        BufferType::VmConfiguration => Some(&state.options.configuration),
        BufferType::PluginConfiguration => {
            let root = state.root(state.active_root()).filter(|root| root.configuring)?;
            Some(&root.options.configuration)
        }
        _ => None,
    }
}
