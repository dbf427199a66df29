//! Resuming, closing and answering a stream. All of it takes effect when the guest has returned.

use super::super::context::LocalReply;
use super::super::memory::{Guest, Hostcall};
use super::super::state::Action;
use super::super::{Status, StreamType};

pub(super) fn resume(guest: &mut Guest<'_>, stream: u32) -> Hostcall {
    let stream = http(stream)?;
    act(guest, Action::Continue(stream))
}

pub(super) fn close(guest: &mut Guest<'_>, stream: u32) -> Hostcall {
    http(stream)?;
    act(guest, Action::Close)
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn local_response(
    guest: &mut Guest<'_>,
    status: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    grpc_status: i32,
) -> Hostcall {
    let reply = LocalReply {
        status,
        details: guest.bytes(details, details_size)?,
        headers: guest.pairs(headers, headers_size)?,
        body: guest.bytes(body, body_size)?,
        grpc_status,
    };
    guest.state().replied = true;
    act(guest, Action::Reply(reply))
}

/// Most actions one callback may queue: a guest that loops must not fill the host's memory.
const MOST_ACTIONS: usize = 1_000;

/// Outside a stream there is nothing to act on, which Envoy accepts silently.
fn act(guest: &mut Guest<'_>, action: Action) -> Hostcall {
    let state = guest.state();
    let active = state.active();
    if state.actions.len() >= MOST_ACTIONS {
        return Err(Status::InternalFailure.into());
    }
    // The first reply counts; a later one for the same stream would never be seen.
    let repeated = matches!(action, Action::Reply(_))
        && state.actions.iter().any(|(c, a)| *c == active && matches!(a, Action::Reply(_)));
    if state.http(active).is_some() && !repeated {
        state.actions.push_back((active, action));
    }
    Ok(())
}

fn http(stream: u32) -> Result<StreamType, Status> {
    match StreamType::try_from(stream)? {
        stream @ (StreamType::Request | StreamType::Response) => Ok(stream),
        StreamType::Downstream | StreamType::Upstream => Err(Status::BadArgument),
    }
}
