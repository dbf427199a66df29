//! The state machine between the core and its host: the core says what it needs, the host answers, each answer
//! consumes its need.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{judge, route, tallied};
use crate::counters::{Plan, Tallied};
use crate::decision::{Code, Decision, Outcome, Reason};
use crate::decode::{Body, Content, Unavailable};
use crate::identify::{Principal, identify};
use crate::limits::{LOOKUP_ROUNDS, UNKNOWN_AGENT_BYTES};
use crate::policy::{Page, PolicySet};
use crate::request::{Head, Headers, Malformed, Request, normalize};
use crate::secrets::suspect;
use crate::state::{self, Answer, Fetch, Known, Reader, Target, Why, keep, reader};
use crate::time::Timestamp;

/// Where an evaluation stands. While a need is open, nothing of the request may go upstream.
#[must_use = "an evaluation that is dropped must end in a refusal"]
#[derive(Debug)]
pub enum Step {
    /// Answer with [`NeedBody::answer`] when the body is complete, or known not to come.
    NeedBody(NeedBody),
    /// Answer with [`NeedCurrent::answer`] what its calls brought.
    NeedCurrent(NeedCurrent),
    /// Answer with [`NeedCounters::answer`] how its plan went.
    NeedCounters(NeedCounters),
    /// The end.
    Done(Outcome),
}

/// The evaluation waits for the request's body.
#[must_use]
#[derive(Debug)]
pub struct NeedBody(Suspended);

/// The evaluation waits for resources as they are now.
#[must_use]
#[derive(Debug)]
pub struct NeedCurrent {
    judging: Box<Judging>,
    plan: state::Plan,
}

/// The evaluation waits for counters to be read and reserved.
#[must_use]
#[derive(Debug)]
pub struct NeedCounters {
    set: Arc<PolicySet>,
    agent: String,
    outcome: Box<Outcome>,
    plan: Plan,
}

/// A suspended evaluation: everything that is known so far.
#[derive(Debug)]
struct Suspended {
    set: Arc<PolicySet>,
    agent: String,
    request: Request,
    route: route::Route,
    limit: usize,
    now: Timestamp,
}

/// A suspended evaluation of a request whose body has been read.
#[derive(Debug)]
struct Judging {
    suspended: Suspended,
    content: Result<Content, Reason>,
    known: Known,
    /// Rounds of lookups that were asked for.
    rounds: usize,
}

/// Begins to judge a request.
///
/// `now` decides whether the page is valid, and which hours it is. Same inputs, same outcome.
pub fn evaluate(set: &Arc<PolicySet>, head: Head, now: Timestamp) -> Step {
    let end_of_stream = head.end_of_stream;
    let headers = Headers::new(head.fields);
    let agent = match identify(&set.set.gateway, &headers) {
        Principal::Agent(agent) => agent,
        Principal::NotAnAgent => return Step::Done(not_an_agent()),
        Principal::Unknown(why) => return Step::Done(unknown(None, why)),
    };
    let Some(page) = set.page(&agent) else {
        let why = format!("the agent {} has no scope template in this policy set", crate::quote::quote(&agent));
        return Step::Done(unknown(Some(agent), why));
    };
    let deny = |code, message: String| Step::Done(denied(page, Reason { code, message, pointer: None }, None));
    if now < page.from || now >= page.until {
        return deny(Code::NotValidNow, "the agent's scope template is not valid at this time".to_string());
    }
    let request = match normalize(headers) {
        Ok(request) => request,
        Err(Malformed { code, message }) => return deny(code, message),
    };
    let route = match route::find(set, page, &request) {
        Ok(route) => route,
        Err(refused) => return Step::Done(denied(page, refused.reason, refused.rule)),
    };
    let limit = page.apis.get(route.api as usize).and_then(|api| api.body_limit).unwrap_or(set.set.gateway.body_limit);
    let suspended = Suspended { set: Arc::clone(set), agent, request, limit: limit as usize, route, now };
    if end_of_stream {
        return suspended.finish(Body::Empty);
    }
    if suspended.route.opaque && !suspended.request.method.is_bodiless() {
        // Every permit that could match lets the bytes pass unread. (A read must be seen to have none.)
        return suspended.finish(Body::Unavailable(Unavailable::NotSeen));
    }
    if suspended.request.content_length.is_some_and(|length| length > suspended.limit as u64) {
        return suspended.finish(Body::Unavailable(Unavailable::TooLarge));
    }
    Step::NeedBody(NeedBody(suspended))
}

impl NeedBody {
    /// Largest body that is judged, in bytes. A host answers [`Unavailable::TooLarge`] as soon as more has come.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Goes on with the body, or without it.
    pub fn answer(self, body: Body) -> Step {
        self.0.finish(body)
    }
}

impl NeedCurrent {
    /// The calls to make, at once or one after another. Nothing of the agent's request but what they hold may go with
    /// them, its credentials least of all.
    #[must_use]
    pub fn fetches(&self) -> &[Fetch] {
        self.plan.fetches()
    }

    /// Who has seen the answers that may be given in place of calls ([`Fetch::fresh_ms`]).
    #[must_use]
    pub fn reader(&self) -> Reader {
        let Suspended { agent, request, .. } = &self.judging.suspended;
        reader(agent, request)
    }

    /// Goes on with what the calls brought, in their order. A call without an answer is unavailable.
    pub fn answer(self, answers: Vec<Answer>) -> Step {
        let Self { mut judging, plan } = self;
        judging.known.take(&plan, answers);
        judging.go()
    }

    /// None of the calls can be made.
    pub fn unavailable(self, why: Unavailable) -> Step {
        let answers = self.plan.fetches().iter().map(|_| Answer::Unavailable(why)).collect();
        self.answer(answers)
    }
}

impl NeedCounters {
    /// Whose counters they are.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// What the request is charged to, for [`carry_out`](crate::counters::carry_out).
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Goes on with how the plan went.
    pub fn answer(self, tallied: Tallied) -> Step {
        let Self { set, agent, outcome, plan } = self;
        Step::Done(match set.page(&agent) {
            Some(page) => tallied::settle(*outcome, page, plan, tallied),
            None => unknown(Some(agent), "the agent's page is gone".to_string()),
        })
    }

    /// The counters cannot be had: the request is refused.
    pub fn unavailable(self, why: Unavailable) -> Step {
        let Self { set, agent, outcome, plan } = self;
        Step::Done(match set.page(&agent) {
            Some(page) => tallied::unavailable(*outcome, page, plan, why),
            None => unknown(Some(agent), "the agent's page is gone".to_string()),
        })
    }
}

impl Suspended {
    fn finish(self, body: Body) -> Step {
        let Some(page) = self.set.page(&self.agent) else {
            return Step::Done(unknown(Some(self.agent), "the agent's page is gone".to_string()));
        };
        match &body {
            Body::Unavailable(why) => {
                let why = *why;
                if !self.route.opaque || self.request.method.is_bodiless() {
                    let mut outcome = denied(page, why.reason(self.limit), None);
                    outcome.undecidable = why.undecidable().map(Into::into);
                    return Step::Done(outcome);
                }
            }
            Body::Complete(bytes) if bytes.len() > self.limit => {
                return Step::Done(denied(page, Unavailable::TooLarge.reason(self.limit), None));
            }
            Body::Complete(_) | Body::Empty => {}
        }
        let now = self.now;
        let content = judge::read(&self.set, page, &self.request, &self.route, body);
        Box::new(Judging { suspended: self, content, known: Known::at(now), rounds: 0 }).go()
    }
}

impl Judging {
    /// Judges, and asks for what is missing. A request that is refused whatever the present is asks for nothing, nor
    /// does one of a page in shadow.
    fn go(mut self: Box<Self>) -> Step {
        let Suspended { set, agent, request, route, .. } = &self.suspended;
        let Some(page) = set.page(agent) else {
            return Step::Done(unknown(Some(agent.clone()), "the agent's page is gone".to_string()));
        };
        let api = page.apis.get(route.api as usize);
        let mut outcome = judge::judge(set, page, request, route, &self.content, &self.known);
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
                        return Step::NeedCurrent(NeedCurrent { judging: self, plan });
                    }
                    None => Why::too_many(),
                },
            };
            self.known.close(why);
            outcome = judge::judge(set, page, request, route, &self.content, &self.known);
        }
        // What a recording lacks is unknown, which is never better than what is known: it decides if it could be better.
        if let Some(lacked) = self.known.lacked() {
            self.known.hope();
            let hoped = judge::judge(set, page, request, route, &self.content, &self.known);
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
        // What goes on is charged, whatever is recorded of it.
        let decision = if outcome.forward && !page.shadow { Decision::Allow } else { outcome.decision };
        match Plan::of(page, core::mem::take(&mut outcome.tallies), decision) {
            None => Step::Done(outcome),
            Some(plan) if !plan.asks() => Step::Done(Outcome { charged: Some(plan), ..outcome }),
            Some(plan) => {
                let Suspended { set, agent, .. } = self.suspended;
                Step::NeedCounters(NeedCounters { set, agent, outcome: Box::new(outcome), plan })
            }
        }
    }
}

fn not_an_agent() -> Outcome {
    Outcome { decision: Decision::Allow, forward: true, not_an_agent: true, ..blank() }
}

fn unknown(agent: Option<String>, why: String) -> Outcome {
    let reason = Reason { code: Code::UnknownAgent, message: why, pointer: None };
    // A name that no page has is a text like any other: what is in the wrong header may be a key.
    let agent = agent.filter(|name| name.len() <= UNKNOWN_AGENT_BYTES && !suspect(name.as_bytes()));
    Outcome { agent, reasons: alloc::vec![reason], ..blank() }
}

/// A refusal before any rule was judged. On a page in shadow it is recorded, and the request goes on.
pub(super) fn denied(page: &Page, reason: Reason, rule: Option<String>) -> Outcome {
    Outcome {
        forward: page.shadow,
        shadow: page.shadow,
        agent: Some(page.agent.clone()),
        version: Some(page.version.clone()),
        rule,
        reasons: alloc::vec![reason.bounded()],
        ..blank()
    }
}

/// Refuses, for no reason yet.
pub(super) fn blank() -> Outcome {
    Outcome {
        decision: Decision::Deny,
        forward: false,
        shadow: false,
        not_an_agent: false,
        agent: None,
        version: None,
        rule: None,
        reasons: Vec::new(),
        more_reasons: 0,
        obligations: Vec::new(),
        operations: Vec::new(),
        considered: Vec::new(),
        rpc: None,
        undecidable: None,
        keep: None,
        candidate: None,
        reserved: Vec::new(),
        counters_since: None,
        charged: None,
        tallies: Vec::new(),
    }
}
