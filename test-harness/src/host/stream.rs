//! One HTTP exchange, played event by event.

use super::context::{Ending, LocalReply};
use super::direction::{Arrival, Stage, Transmitted};
use super::exchange::{Side, flow};
use super::{Callout, HeaderMap, OutOfOrder, Trap, Vm};

/// What the guest made of an event.
///
/// Exhaustive on purpose: an embedder that forgets one of these lets something pass.
#[must_use = "a request goes on only on `Continue`"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// What has arrived so far is let through.
    Continue,
    /// It is held; deliver what comes next, answer callouts, move the clock.
    Pause,
    /// The guest has answered in place of the upstream. Nothing more is delivered.
    LocalReply(LocalReply),
    /// The guest has reset the stream. Nothing more is delivered.
    Closed,
    /// The guest was stopped. Nothing of this stream may go on: Envoy answers 503.
    Trapped(Trap),
}

impl Flow {
    /// Whether further events of the direction are wanted.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Continue | Self::Pause)
    }
}

/// An HTTP stream. Dropping it finishes it, ignoring a trap on the way.
///
/// The events of one direction come in the order headers, body (any number), trailers; the last one
/// has `end_of_stream`, unless trailers follow. A message without a body ends with its headers; an
/// empty chunked body is one empty body event that ends the stream.
pub struct Stream {
    pub(crate) vm: Vm,
    pub(crate) context: u32,
}

impl Stream {
    /// Delivers the head of the request.
    ///
    /// # Errors
    /// [`OutOfOrder`] when it has been delivered already.
    pub fn request_headers(&mut self, map: HeaderMap, end: bool) -> Result<Flow, OutOfOrder> {
        self.receive(Side::Request, Arrival::Headers(map, end))
    }

    /// Delivers a piece of the request body. What was held before is still held: the guest sees the
    /// size of all of it.
    ///
    /// # Errors
    /// [`OutOfOrder`] before the head or after the end.
    pub fn request_body(&mut self, chunk: &[u8], end: bool) -> Result<Flow, OutOfOrder> {
        self.receive(Side::Request, Arrival::Body(chunk.to_vec(), end))
    }

    /// Delivers the trailers of the request, which end it.
    ///
    /// # Errors
    /// [`OutOfOrder`] before the head or after the end.
    pub fn request_trailers(&mut self, map: HeaderMap) -> Result<Flow, OutOfOrder> {
        self.receive(Side::Request, Arrival::Trailers(map))
    }

    /// Delivers the head of the upstream's response, which may come before the request has ended.
    ///
    /// # Errors
    /// [`OutOfOrder`] before the head of the request, or when it has been delivered already.
    pub fn response_headers(&mut self, map: HeaderMap, end: bool) -> Result<Flow, OutOfOrder> {
        self.receive(Side::Response, Arrival::Headers(map, end))
    }

    /// Delivers a piece of the response body.
    ///
    /// # Errors
    /// [`OutOfOrder`] before the head or after the end.
    pub fn response_body(&mut self, chunk: &[u8], end: bool) -> Result<Flow, OutOfOrder> {
        self.receive(Side::Response, Arrival::Body(chunk.to_vec(), end))
    }

    /// Delivers the trailers of the response, which end it.
    ///
    /// # Errors
    /// [`OutOfOrder`] before the head or after the end.
    pub fn response_trailers(&mut self, map: HeaderMap) -> Result<Flow, OutOfOrder> {
        self.receive(Side::Response, Arrival::Trailers(map))
    }

    /// Sets a property the guest can read, such as `["source", "address"]`.
    pub fn set_property(&mut self, path: &[&str], value: impl Into<Vec<u8>>) {
        if let Some(http) = self.vm.lock().http_mut(self.context) {
            http.attributes.insert(joined(path), value.into());
        }
    }

    /// Sets a numeric property, such as `["response", "flags"]`: Envoy hands numbers over as eight
    /// bytes, little endian.
    pub fn set_number(&mut self, path: &[&str], value: i64) {
        self.set_property(path, value.to_le_bytes());
    }

    /// Takes back a property set here.
    pub fn remove_property(&mut self, path: &[&str]) {
        if let Some(http) = self.vm.lock().http_mut(self.context) {
            http.attributes.remove(&joined(path));
        }
    }

    /// Ends the stream: `proxy_on_log`, `proxy_on_done`, `proxy_on_delete`. Its callouts stay
    /// pending. What it holds can still be read.
    ///
    /// # Errors
    /// A trap in one of the three, or the earlier one that keeps them from running.
    pub fn finish(&mut self) -> Result<(), Trap> {
        self.vm.lock().finish(self.context)
    }

    /// The client has gone: the stream's callouts are cancelled, `response.flags` gets 0x4000
    /// (Envoy's "downstream connection termination"), `upstream.address` goes unless something was
    /// let through, and the stream ends.
    ///
    /// # Errors
    /// As for [`Stream::finish`].
    pub fn client_gone(&mut self) -> Result<(), Trap> {
        const DOWNSTREAM_CONNECTION_TERMINATION: i64 = 0x4000;
        self.set_number(&["response", "flags"], DOWNSTREAM_CONNECTION_TERMINATION);
        if self.upstream().headers.is_none() {
            self.remove_property(&["upstream", "address"]);
        }
        self.vm.lock().cancel_callouts_of(self.context);
        self.finish()
    }

    /// Where the request stands now: after a callout was answered or a timer fired.
    pub fn flow(&self) -> Flow {
        self.flow_of(Side::Request)
    }

    /// Where the response stands now.
    pub fn response_flow(&self) -> Flow {
        self.flow_of(Side::Response)
    }

    /// Where the request is held, if it is.
    pub fn paused_in(&self) -> Option<Stage> {
        let gateway = self.vm.lock();
        let http = gateway.http(self.context)?;
        if http.ending.is_some() || http.local_reply.is_some() {
            return None;
        }
        http.request.paused()
    }

    /// What has reached the upstream so far.
    pub fn upstream(&self) -> Transmitted {
        let gateway = self.vm.lock();
        gateway.http(self.context).map(|http| http.request.sent().clone()).unwrap_or_default()
    }

    /// What has reached the client so far: the upstream's response or a local reply, as the guest's
    /// response callbacks left it.
    pub fn client(&self) -> Transmitted {
        let gateway = self.vm.lock();
        gateway.http(self.context).map(|http| http.response.sent().clone()).unwrap_or_default()
    }

    /// A property the guest has set, by the same segments.
    pub fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.vm.lock().http(self.context)?.filter_state.get(&joined(path)).cloned()
    }

    /// Every property the guest has set, by NUL-separated path.
    pub fn properties(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let gateway = self.vm.lock();
        let set = gateway.http(self.context).map(|http| http.filter_state.clone());
        set.unwrap_or_default().into_iter().collect()
    }

    /// Callouts dispatched for this stream that have no answer, oldest first.
    pub fn pending_callouts(&self) -> Vec<Callout> {
        let mut callouts = self.vm.pending_callouts();
        callouts.retain(|callout| callout.stream == Some(self.context));
        callouts
    }

    /// Fuel used by the callbacks of this stream and of its callouts so far.
    pub fn fuel_used(&self) -> u64 {
        self.vm.lock().http(self.context).map_or(0, |http| http.fuel)
    }

    /// The context id the guest knows it by; never used twice in a VM.
    pub fn context_id(&self) -> u32 {
        self.context
    }

    /// The VM it runs in.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }

    fn receive(&mut self, side: Side, arrival: Arrival) -> Result<Flow, OutOfOrder> {
        self.vm.lock().receive(self.context, side, arrival)
    }

    fn flow_of(&self, side: Side) -> Flow {
        self.vm.lock().http(self.context).map_or(Flow::Closed, |http| flow(http, side))
    }

    /// Ends a stream that was never going to end by itself. See [`Drop`].
    fn close(&mut self) {
        let mut gateway = self.vm.lock();
        let open = gateway
            .http(self.context)
            .is_some_and(|http| !http.finished && !matches!(http.ending, Some(Ending::Trapped(_))));
        if open {
            // Nobody is left to tell; the VM remembers a trap.
            let _ = gateway.finish(self.context);
        }
        gateway.instance.state_mut().contexts.remove(&self.context);
        gateway.forget(self.context);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}

fn joined(path: &[&str]) -> Vec<u8> {
    path.join("\0").into_bytes()
}
