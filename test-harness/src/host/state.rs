//! Everything hostcalls can see: the data of the wasmtime store.

use super::callout::{Callout, CalloutAnswer};
use super::context::{Context, Http, LocalReply, Root};
use super::limits::Growth;
use super::log::Log;
use super::metrics::Metrics;
use super::{Status, StreamType, VmOptions};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wasmtime::{Memory, TypedFunc};

/// What a hostcall asked for that must wait until the guest has returned.
#[derive(Debug)]
pub(crate) enum Action {
    Continue(StreamType),
    Close,
    Reply(LocalReply),
}

/// What outlives one instance of the guest.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    pub(crate) log: Log,
    pub(crate) metrics: Metrics,
    pub(crate) next_callout: u32,
    /// Fuel used by every callback so far.
    pub(crate) fuel: u64,
}

pub(crate) struct State {
    pub(crate) options: Arc<VmOptions>,
    pub(crate) fueled: bool,
    pub(crate) growth: Growth,
    pub(crate) durable: Durable,
    /// Both set once the guest is instantiated.
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    pub(crate) contexts: BTreeMap<u32, Context>,
    pub(crate) callouts: BTreeMap<u32, Callout>,
    /// The root context whose callout is being answered, and the answer.
    pub(crate) answering: Option<(u32, CalloutAnswer)>,
    pub(crate) actions: VecDeque<(u32, Action)>,
    /// A local reply was made in this callback: its result no longer counts.
    pub(crate) replied: bool,
    current: u32,
    effective: u32,
}

impl State {
    pub(crate) fn new(options: Arc<VmOptions>, fueled: bool, durable: Durable) -> Self {
        Self {
            growth: Growth::new(&options.limits),
            options,
            fueled,
            durable,
            memory: None,
            allocate: None,
            contexts: BTreeMap::new(),
            callouts: BTreeMap::new(),
            answering: None,
            actions: VecDeque::new(),
            replied: false,
            current: 0,
            effective: 0,
        }
    }

    /// Prepares for a callback on `context`.
    pub(crate) fn enter(&mut self, context: u32) {
        self.current = context;
        self.effective = 0;
        self.replied = false;
        self.growth.refused = false;
    }

    /// The context hostcalls act on: the effective one while it exists, else the callback's own.
    pub(crate) fn active(&self) -> u32 {
        if self.contexts.contains_key(&self.effective) { self.effective } else { self.current }
    }

    pub(crate) fn become_effective(&mut self, context: u32) -> Result<(), Status> {
        if !self.contexts.contains_key(&context) {
            return Err(Status::BadArgument);
        }
        self.effective = context;
        Ok(())
    }

    pub(crate) fn http(&self, context: u32) -> Option<&Http> {
        match self.contexts.get(&context) {
            Some(Context::Http(http)) => Some(http),
            _ => None,
        }
    }

    pub(crate) fn http_mut(&mut self, context: u32) -> Option<&mut Http> {
        match self.contexts.get_mut(&context) {
            Some(Context::Http(http)) => Some(http),
            _ => None,
        }
    }

    pub(crate) fn root(&self, context: u32) -> Option<&Root> {
        match self.contexts.get(&context) {
            Some(Context::Root(root)) => Some(root),
            _ => None,
        }
    }

    pub(crate) fn root_mut(&mut self, context: u32) -> Option<&mut Root> {
        match self.contexts.get_mut(&context) {
            Some(Context::Root(root)) => Some(root),
            _ => None,
        }
    }

    /// The root context of the active context.
    pub(crate) fn active_root(&self) -> u32 {
        let active = self.active();
        self.http(active).map_or(active, |http| http.root)
    }

    /// The active stream, or the status for a hostcall made outside one.
    pub(crate) fn active_http_mut(&mut self, otherwise: Status) -> Result<&mut Http, Status> {
        let active = self.active();
        self.http_mut(active).ok_or(otherwise)
    }

    /// The callout answer the active context may read.
    pub(crate) fn callout_answer(&self) -> Option<&CalloutAnswer> {
        let (root, answer) = self.answering.as_ref()?;
        (*root == self.active_root()).then_some(answer)
    }
}
