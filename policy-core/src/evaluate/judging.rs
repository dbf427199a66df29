//! A request whose body has been read: judged, and judged again with what was lacking, until nothing is.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::approving::Matter;
use super::batch::judge;
use super::ending::{end, gone, stand};
use super::suspended::{Suspended, look};
use super::tallied;
use crate::approval::Requester;
use crate::counters::{Plan, Tallied};
use crate::decision::{Held, Outcome};
use crate::decode::Content;
use crate::limits::LOOKUP_ROUNDS;
use crate::policy::Page;
use crate::reason::{Decision, Reason};
use crate::state::{self, Known, Target, Why, keep};

/// A suspended evaluation of a request whose body has been read.
#[derive(Debug)]
pub(super) struct Judging {
    pub(super) suspended: Suspended,
    pub(super) content: Result<Content, Reason>,
    /// The body as it came, where the content does not hold it and somebody may have to approve it.
    pub(super) left: Option<Vec<u8>>,
    pub(super) known: Known,
    /// Its ticket, once somebody has asked for that.
    pub(super) held: Option<Box<Held>>,
    /// Rounds of lookups that were asked for.
    pub(super) rounds: usize,
}

/// How far a judgement got.
#[allow(clippy::large_enum_variant, reason = "a box would cost every request an allocation")]
pub(super) enum Turn {
    /// To its end.
    Done(Outcome),
    /// It waits for lookups.
    Lookups(Box<Judging>, state::Plan),
    /// It waits for the store. Everything else is decided.
    Store(Box<Judging>, Box<Outcome>, Plan),
}

impl Judging {
    /// Judges, and asks for what is missing. A request that is refused whatever the present is asks for nothing, nor
    /// does one of a page in shadow.
    pub(super) fn go(mut self: Box<Self>) -> Turn {
        let Suspended { set, agent, request, route, obligations, .. } = &self.suspended;
        let Some(page) = set.page(agent) else {
            return Turn::Done(gone(agent.clone()));
        };
        let api = page.apis.get(route.api as usize);
        let mut outcome = judge(set, page, request, route, &self.content, &self.known);
        let wants = self.known.take_wants();
        if !wants.is_empty() {
            let (api, fresh_ms) = api.map(|api| (api.alias.as_str(), api.fresh_ms)).unwrap_or_default();
            let cluster = set.set.gateway.lookups.clusters.get(&request.host);
            let why = match cluster {
                _ if page.shadow => Why::shadow(),
                None => Why::away("the gateway document names no cluster for its lookups"),
                Some(_) if self.rounds == LOOKUP_ROUNDS => Why::unfit("it takes too many lookups, one after another"),
                Some(cluster) => match state::Plan::of(wants, Target { api, cluster, host: &request.host, fresh_ms }) {
                    Some(plan) => {
                        self.rounds += 1;
                        self.suspended.held = true;
                        return Turn::Lookups(self, plan);
                    }
                    None => Why::too_many(),
                },
            };
            self.known.close(why);
            outcome = judge(set, page, request, route, &self.content, &self.known);
        }
        // What a recording lacks is unknown, which is never better than what is known: it decides if it could be better.
        if let Some(lacked) = self.known.lacked() {
            self.known.hope();
            let hoped = judge(set, page, request, route, &self.content, &self.known);
            if (hoped.decision, hoped.forward) != (outcome.decision, outcome.forward) {
                outcome.undecidable = Some(lacked.into());
            }
        }
        if let Some(api) = api
            && api.fresh_ms > 0
            && outcome.decision == Decision::Allow
            && !outcome.shadow
            && outcome.obligations.is_empty()
            && outcome.only_reads()
        {
            outcome.keep = keep(&set.set.gateway, agent, request, api.fresh_ms).map(Box::new);
        }
        // Behind `keep`: the gateway's credential is the same for every request of an agent to this host.
        outcome.obligations.extend_from_slice(obligations);
        let now = self.suspended.now;
        let matter = matter(&self.suspended, page, &self.content, self.left.as_deref());
        let approving = matter.weigh(&mut outcome, &mut self.known, &mut self.held, now);
        let acts = outcome.acts();
        if outcome.forward && self.suspended.standing.stops(acts) {
            return Turn::Done(end(page, &self.suspended.standing, &[], outcome));
        }
        // What goes on is charged, whatever is recorded of it.
        let decision = if outcome.forward && !page.shadow { Decision::Allow } else { outcome.decision };
        let session = self.suspended.session.as_deref();
        let plan = Plan::of((page, session), core::mem::take(&mut outcome.tallies), decision);
        let plan = match approving {
            Some(approving) => Plan::by_grants(plan, page, approving),
            None => plan,
        };
        // Meanwhile the agent may have been paused.
        let again = outcome.forward && self.suspended.held && set.stands();
        let look = again.then(|| look(set, agent, session, acts));
        let plan = match (plan, look) {
            (Some(plan), Some(look)) => Some(plan.and_look(look)),
            (None, Some(look)) => Some(Plan::looking(look)),
            (plan, None) => plan,
        };
        match plan {
            None => Turn::Done(matter.conclude(outcome, None, &mut self.known, self.held.take())),
            Some(plan) if !plan.asks() => {
                let outcome = matter.conclude(outcome, plan.grants(), &mut self.known, self.held.take());
                Turn::Done(Outcome { charged: Some(plan), ..outcome })
            }
            Some(plan) => Turn::Store(self, Box::new(outcome), plan),
        }
    }

    /// The end, with what the store has told.
    pub(super) fn told(mut self: Box<Self>, outcome: Outcome, plan: Plan, tallied: Tallied) -> Outcome {
        let Suspended { set, agent, .. } = &self.suspended;
        let Some(page) = set.page(agent) else { return gone(agent.clone()) };
        if tallied.standing.stops(outcome.acts()) {
            return stand(page, &tallied.standing, outcome);
        }
        if plan.charges().is_empty() && plan.grants().is_none() {
            return outcome;
        }
        let grants = plan.grants().cloned();
        let outcome = tallied::settle(outcome, page, plan, tallied);
        let matter = matter(&self.suspended, page, &self.content, self.left.as_deref());
        matter.conclude(outcome, grants.as_ref(), &mut self.known, self.held.take())
    }
}

/// What a ticket of the request is made of.
fn matter<'a>(
    suspended: &'a Suspended,
    page: &'a Page,
    content: &'a Result<Content, Reason>,
    left: Option<&'a [u8]>,
) -> Matter<'a> {
    let Suspended { set, agent, session, request, route, .. } = suspended;
    let token = session.as_ref().and_then(|session| session.token.as_ref());
    let requester = Requester {
        agent,
        session: session.as_ref().map(|session| session.id.as_str()),
        issuer: token.map(|token| token.key.as_str()),
        person: token.and_then(|token| token.on_behalf_of.as_deref()),
    };
    let body = left.or_else(|| content.as_ref().ok()?.bytes());
    Matter { set, page, requester, request, route, content, body }
}
