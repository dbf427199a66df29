//! From a callback's context id to the context it is for.
//!
//! A request callback for a context that this VM does not have, or that is no stream, is refused: its request was never
//! judged. A response callback for one passes: what it is a response to was not let through here.

use std::rc::Rc;

use crate::calls;
use crate::charge;
use crate::copying::is_copying;
use crate::host;
use crate::plugin::Plugin;
use crate::refusal::Refusal;
use crate::registry::{Absent, Registry};
use crate::request::{Lives, Request};
use crate::root::Root;
use crate::tripwires;
use crate::types::Action;

/// A context of this VM.
#[allow(clippy::large_enum_variant, reason = "nearly every context is a request")]
enum Context {
    Root(Root),
    Request(Request),
}

thread_local! {
    static CONTEXTS: Registry<Context> = const { Registry::new() };
}

/// Runs `callback` on the contexts; `None` only while the thread ends.
fn contexts<R>(callback: impl FnOnce(&Registry<Context>) -> R) -> Option<R> {
    CONTEXTS.try_with(callback).ok()
}

fn with_root<R>(id: u32, callback: impl FnOnce(&mut Root) -> R) -> Result<R, Absent> {
    with(id, |context| match context {
        Context::Root(root) => Ok(callback(root)),
        Context::Request(_) => Err(Absent::Unknown),
    })
}

fn with_request<R>(id: u32, callback: impl FnOnce(&mut Request) -> R) -> Result<R, Absent> {
    with(id, |context| match context {
        Context::Request(request) => Ok(callback(request)),
        Context::Root(_) => Err(Absent::Unknown),
    })
}

fn with<R>(id: u32, callback: impl FnOnce(&mut Context) -> Result<R, Absent>) -> Result<R, Absent> {
    contexts(|contexts| contexts.with(id, callback)).unwrap_or(Err(Absent::Running))?
}

/// Parent 0 makes a root context; another one a stream under that root, held to the plugin the root has now.
pub(crate) fn on_context_create(id: u32, parent: u32) {
    let context = if parent == 0 {
        Context::Root(Root::default())
    } else {
        Context::Request(Request::new(id, plugin_of(parent)))
    };
    contexts(|contexts| contexts.insert(id, context));
}

pub(crate) fn plugin_of(root: u32) -> Option<Rc<Plugin>> {
    with_root(root, |root| root.plugin()).ok().flatten()
}

pub(crate) fn on_configure(id: u32, size: usize) -> bool {
    with_root(id, |root| root.on_configure(size)).unwrap_or(false)
}

/// Looks at the requests this root context's plugin holds, at the answers it keeps, and at what is yet to be given back.
pub(crate) fn on_tick(id: u32) {
    let Some(plugin) = plugin_of(id) else { return };
    charge::give_back_late(&plugin);
    tripwires::again_late(&plugin);
    let held = plugin.held();
    let kept = plugin.kept.as_ref().filter(|kept| !kept.is_empty());
    if held.is_empty() && kept.is_none() {
        return;
    }
    // Without the time nobody has waited too long yet; the next tick asks again.
    let Ok(now) = host::now() else { return };
    if let Some(kept) = kept {
        kept.drop_stale(now);
    }
    for request in held {
        if with_request(request, |request| request.on_tick(now)) == Ok(Lives::No) {
            contexts(|contexts| contexts.remove(request));
        }
    }
    // The host ends an effective context with the callback; what may follow in this one should not depend on it.
    let _ = host::set_effective_context(id);
}

pub(crate) fn on_request_headers(id: u32, end_of_stream: bool) -> Action {
    with_request(id, |request| request.on_request_headers(end_of_stream)).unwrap_or_else(refuse)
}

pub(crate) fn on_request_body(id: u32, size: usize, end_of_stream: bool) -> Action {
    with_request(id, |request| request.on_request_body(size, end_of_stream)).unwrap_or_else(refuse)
}

pub(crate) fn on_request_trailers(id: u32) -> Action {
    with_request(id, Request::on_request_trailers).unwrap_or_else(refuse)
}

/// A call that some request may wait for is answered. One that nobody waits for (the client is gone, the request was
/// answered otherwise, the call is none of this VM's) changes nothing. `context` is the one the gateway answers in: the root context, not
/// the stream's.
pub(crate) fn on_call_response(context: u32, call: u32, fields: usize, size: usize) {
    let Some(request) = calls::answered(call) else { return };
    if with_request(request, |request| request.on_call_response(call, fields, size)) == Ok(Lives::No) {
        contexts(|contexts| contexts.remove(request));
    }
    let _ = host::set_effective_context(context);
}

/// Holds a stream that has no context to judge it.
fn refuse(absent: Absent) -> Action {
    match absent {
        // Nothing is known of the stream whose callback this is; it is answered as it is.
        Absent::Unknown => Refusal::NoPolicy.send(None),
        // The callback that is running gives the verdict.
        Absent::Running => {}
    }
    Action::Pause
}

pub(crate) fn on_response_headers(id: u32, end_of_stream: bool) -> Action {
    with_request(id, |request| request.on_response_headers(end_of_stream)).unwrap_or(Action::Continue)
}

/// Responses stream through, unbuffered; of some a copy is kept.
pub(crate) fn on_response_body(id: u32, size: usize, end_of_stream: bool) -> Action {
    if is_copying() {
        // A context that is unknown or runs keeps nothing.
        let _ = with_request(id, |request| request.on_response_body(size, end_of_stream));
    }
    Action::Continue
}

pub(crate) fn on_response_trailers(id: u32) -> Action {
    if is_copying() {
        let _ = with_request(id, Request::on_response_trailers);
    }
    Action::Continue
}

pub(crate) fn on_log(id: u32) {
    // A context that is unknown has nothing to give up, and one that runs gives it up when it is deleted.
    let _ = with_request(id, Request::on_log);
}

pub(crate) fn on_delete(id: u32) {
    contexts(|contexts| contexts.remove(id));
}
