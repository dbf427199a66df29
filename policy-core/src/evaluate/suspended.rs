//! A suspended evaluation, and what is asked of how its agent stands.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::route;
use crate::decision::Obligation;
use crate::policy::PolicySet;
use crate::request::Request;
use crate::session::Session;
use crate::standing::{Look, SessionId, Standing};
use crate::time::Timestamp;

/// A suspended evaluation: everything that is known so far.
#[derive(Debug)]
pub(super) struct Suspended {
    pub(super) set: Arc<PolicySet>,
    pub(super) agent: String,
    /// The session it works in, where that is known.
    pub(super) session: Option<Arc<Session>>,
    pub(super) request: Request,
    pub(super) route: route::Route,
    pub(super) limit: usize,
    pub(super) now: Timestamp,
    /// How the agent stands, as far as it is known.
    pub(super) standing: Standing,
    /// Time has passed since that was asked.
    pub(super) held: bool,
    /// What is to be done with it should it be forwarded.
    pub(super) obligations: Vec<Obligation>,
}

/// What the store is asked of an agent. `acts`: the request does more than to read.
pub(super) fn look(set: &PolicySet, agent: &str, session: Option<&Session>, acts: bool) -> Look {
    let token = session.and_then(|session| session.token.as_ref());
    Look {
        agent: agent.to_string(),
        session: session.map(|session| SessionId::of(agent, &session.id)),
        issued: token.filter(|_| !set.set.gateway.old_sessions).map(|token| token.issued),
        expires: token.map(|token| token.expires),
        acts,
    }
}
