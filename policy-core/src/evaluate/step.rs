//! The state machine between the core and its host: the core says what it needs, the host answers, each answer
//! consumes its need.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::approving::Matter;
use super::{credential, judge, route, tallied};
use crate::approval::{HEADER, Requester, Roles};
use crate::counters::{Plan, Tallied};
use crate::decision::{Code, Decision, Obligation, Outcome, Reason};
use crate::decode::{Body, Content, Unavailable};
use crate::identify::{Principal, identify};
use crate::limits::{LOOKUP_ROUNDS, UNKNOWN_AGENT_BYTES};
use crate::policy::{Page, PolicySet};
use crate::request::{Head, Headers, Malformed, Request, normalize};
use crate::secrets::suspect;
use crate::session::Session;
use crate::standing::{Look, SessionId, Standing};
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
    /// Answer with [`NeedStore::answer`] how its plan went. It may come twice: at first to ask whether the agent may act at
    /// all, and last, right before the request goes on, to ask that again and to charge what it uses up.
    NeedStore(NeedStore),
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

/// The evaluation waits for the store.
#[must_use]
#[derive(Debug)]
pub struct NeedStore {
    stage: Stage,
    plan: Plan,
}

/// When the store is asked.
#[derive(Debug)]
enum Stage {
    /// Before the request is read.
    First(Box<Opening>),
    /// When everything else is decided.
    Last { judging: Box<Judging>, outcome: Box<Outcome> },
}

/// A request of an agent that has a page.
#[derive(Debug)]
struct Opening {
    set: Arc<PolicySet>,
    agent: String,
    session: Option<Arc<Session>>,
    headers: Headers,
    end_of_stream: bool,
    now: Timestamp,
    /// What is to be done with it should it be forwarded.
    obligations: Vec<Obligation>,
    standing: Standing,
}

/// A suspended evaluation: everything that is known so far.
#[derive(Debug)]
struct Suspended {
    set: Arc<PolicySet>,
    agent: String,
    /// The session it works in, where that is known.
    session: Option<Arc<Session>>,
    request: Request,
    route: route::Route,
    limit: usize,
    now: Timestamp,
    /// How the agent stands, as far as it is known.
    standing: Standing,
    /// Time has passed since that was asked.
    held: bool,
    /// What is to be done with it should it be forwarded.
    obligations: Vec<Obligation>,
}

/// A suspended evaluation of a request whose body has been read.
#[derive(Debug)]
struct Judging {
    suspended: Suspended,
    content: Result<Content, Reason>,
    /// The body as it came, where somebody may have to approve it; `None`: it was not seen whole, or needs nobody.
    raw: Option<Vec<u8>>,
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
    let grants = headers.grants();
    let (agent, session) = match identify(&set.set.gateway, &headers, &head.properties, now) {
        Principal::Agent(agent) => (agent.name, agent.session.map(Arc::new)),
        Principal::NotAnAgent => {
            let obligations = credential::withheld(&set.set.gateway, &headers);
            return Step::Done(Outcome { obligations, ..not_an_agent() }).without_grants(grants);
        }
        Principal::Unknown(code, why) => return Step::Done(unknown(None, code, why)),
    };
    let step = open(set, agent, session.clone(), headers, end_of_stream, now);
    step.in_session(session.as_deref()).without_grants(grants)
}

/// Begins to judge a request of a known agent.
fn open(
    set: &Arc<PolicySet>,
    agent: String,
    session: Option<Arc<Session>>,
    headers: Headers,
    end_of_stream: bool,
    now: Timestamp,
) -> Step {
    if set.page(&agent).is_none() {
        let why = format!("the agent {} has no scope template in this policy set", crate::quote::quote(&agent));
        return Step::Done(unknown(Some(agent), Code::UnknownAgent, why));
    }
    let obligations = credential::granted(&set.set.gateway, &headers);
    let look = set.stands().then(|| look(set, &agent, session.as_deref(), false));
    let standing = Standing::of_document(set, &agent, now);
    let opening = Opening { set: Arc::clone(set), agent, session, headers, end_of_stream, now, obligations, standing };
    if opening.standing.stops(false) {
        return opening.go();
    }
    match look {
        None => opening.go(),
        Some(look) => Step::NeedStore(NeedStore { stage: Stage::First(Box::new(opening)), plan: Plan::looking(look) }),
    }
}

fn look(set: &PolicySet, agent: &str, session: Option<&Session>, acts: bool) -> Look {
    let token = session.and_then(|session| session.token.as_ref()).filter(|_| !set.set.gateway.old_sessions);
    Look {
        agent: agent.to_string(),
        session: session.map(|session| SessionId::of(agent, &session.id)),
        issued: token.map(|token| token.issued),
        acts,
    }
}

impl Step {
    /// Names the session in the outcome, where this is the end.
    fn in_session(self, session: Option<&Session>) -> Self {
        match self {
            Self::Done(outcome) => {
                Self::Done(Outcome { session: session.map(|session| session.id.clone()), ..outcome })
            }
            open => open,
        }
    }

    /// The same, if it is the end: what goes on has no grants with it.
    fn without_grants(mut self, has_some: bool) -> Self {
        if let Self::Done(outcome) = &mut self
            && has_some
            && outcome.forward
        {
            outcome.obligations.push(Obligation::RemoveRequestHeader { name: HEADER.into() });
        }
        self
    }
}

impl Opening {
    /// Reads the request, and goes on where there is nothing to wait for.
    fn go(self) -> Step {
        let Self { set, agent, session, headers, end_of_stream, now, obligations, standing } = self;
        let Some(page) = set.page(&agent) else { return Step::Done(gone(agent)) };
        if standing.stops(false) {
            return Step::Done(stopped(page, &standing));
        }
        if now < page.from || now >= page.until {
            let message = "the agent's scope template is not valid at this time".to_string();
            let outcome = denied(page, Reason { code: Code::NotValidNow, message, pointer: None }, None);
            return end(page, &standing, &obligations, outcome);
        }
        if let Some(reason) = session.as_ref().and_then(|session| session.misfit(page)) {
            return end(page, &standing, &obligations, denied(page, reason, None));
        }
        let request = match normalize(headers) {
            Ok(request) => request,
            Err(Malformed { code, message }) => {
                return end(page, &standing, &obligations, denied(page, Reason { code, message, pointer: None }, None));
            }
        };
        let route = match route::find(&set, page, &request) {
            Ok(route) => route,
            Err(refused) => return end(page, &standing, &obligations, denied(page, refused.reason, refused.rule)),
        };
        let limit =
            page.apis.get(route.api as usize).and_then(|api| api.body_limit).unwrap_or(set.set.gateway.body_limit);
        let suspended = Suspended {
            set: Arc::clone(&set),
            agent,
            session,
            request,
            limit: limit as usize,
            route,
            now,
            standing,
            held: false,
            obligations,
        };
        if end_of_stream {
            return suspended.finish(Body::Empty);
        }
        if suspended.route.opaque && !suspended.route.held && !suspended.request.method.is_bodiless() {
            // Every permit that could match lets the bytes pass unread. (A read must be seen to have none.)
            return suspended.finish(Body::Unavailable(Unavailable::NotSeen));
        }
        if suspended.request.content_length.is_some_and(|length| length > suspended.limit as u64) {
            return suspended.finish(Body::Unavailable(Unavailable::TooLarge));
        }
        Step::NeedBody(NeedBody(Suspended { held: true, ..suspended }))
    }
}

impl NeedBody {
    /// Largest body that is judged, in bytes. A host answers [`Unavailable::TooLarge`] as soon as more has come.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Goes on with the body, or without it.
    pub fn answer(self, body: Body) -> Step {
        let (session, grants) = (self.0.session.clone(), self.0.request.headers.grants());
        self.0.finish(body).in_session(session.as_deref()).without_grants(grants)
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
        let (session, grants) = (judging.suspended.session.clone(), judging.suspended.request.headers.grants());
        judging.go().in_session(session.as_deref()).without_grants(grants)
    }

    /// None of the calls can be made.
    pub fn unavailable(self, why: Unavailable) -> Step {
        let answers = self.plan.fetches().iter().map(|_| Answer::Unavailable(why)).collect();
        self.answer(answers)
    }
}

impl NeedStore {
    /// Who is asking.
    #[must_use]
    pub fn agent(&self) -> &str {
        match &self.stage {
            Stage::First(opening) => &opening.agent,
            Stage::Last { judging, .. } => &judging.suspended.agent,
        }
    }

    /// What is asked, for [`carry_out`](crate::counters::carry_out).
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    fn has_grants(&self) -> bool {
        match &self.stage {
            Stage::First(opening) => opening.headers.grants(),
            Stage::Last { judging, .. } => judging.suspended.request.headers.grants(),
        }
    }

    /// Goes on with how the plan went.
    pub fn answer(self, tallied: Tallied) -> Step {
        let (session, grants) = (self.stage.session(), self.has_grants());
        let Self { stage, plan } = self;
        let step = match stage {
            Stage::First(opening) => {
                let standing = opening.standing.clone().and(tallied.standing);
                Opening { standing, ..*opening }.go()
            }
            Stage::Last { judging, outcome } => judging.told(*outcome, plan, tallied),
        };
        step.in_session(session.as_deref()).without_grants(grants)
    }

    /// The store cannot be had: the request is refused.
    pub fn unavailable(self, why: Unavailable) -> Step {
        let (session, grants) = (self.stage.session(), self.has_grants());
        let Self { stage, plan } = self;
        let unknown = Standing::unavailable();
        let step = match stage {
            Stage::First(opening) => {
                let Some(page) = opening.set.page(&opening.agent) else { return Step::Done(gone(opening.agent)) };
                let undecidable =
                    why.undecidable().map(|_| "whether the agent is paused is not in the recording".into());
                Step::Done(Outcome { undecidable, ..stopped(page, &unknown) })
            }
            Stage::Last { judging, outcome } => {
                let Suspended { set, agent, .. } = &judging.suspended;
                Step::Done(match set.page(agent) {
                    Some(page) if plan.look().is_some() && why.undecidable().is_none() => stopped(page, &unknown),
                    Some(page) => tallied::unavailable(*outcome, page, plan, why),
                    None => gone(agent.clone()),
                })
            }
        };
        step.in_session(session.as_deref()).without_grants(grants)
    }
}

impl Stage {
    fn session(&self) -> Option<Arc<Session>> {
        match self {
            Self::First(opening) => opening.session.clone(),
            Self::Last { judging, .. } => judging.suspended.session.clone(),
        }
    }
}

impl Suspended {
    fn finish(self, mut body: Body) -> Step {
        let Some(page) = self.set.page(&self.agent) else {
            return Step::Done(gone(self.agent));
        };
        let raw = match &body {
            _ if page.roles.is_empty() => None,
            Body::Empty => Some(Vec::new()),
            Body::Complete(bytes) => Some(bytes.clone()),
            Body::Unavailable(_) => None,
        };
        if self.route.held && matches!(body, Body::Complete(_)) && !self.request.method.is_bodiless() {
            // It was asked for its digest alone.
            body = Body::Unavailable(Unavailable::NotSeen);
        }
        match &body {
            Body::Unavailable(why) => {
                let why = *why;
                if !self.route.opaque || self.request.method.is_bodiless() {
                    let mut outcome = denied(page, why.reason(self.limit), None);
                    outcome.undecidable = why.undecidable().map(Into::into);
                    return end(page, &self.standing, &self.obligations, outcome);
                }
            }
            Body::Complete(bytes) if bytes.len() > self.limit => {
                return end(
                    page,
                    &self.standing,
                    &self.obligations,
                    denied(page, Unavailable::TooLarge.reason(self.limit), None),
                );
            }
            Body::Complete(_) | Body::Empty => {}
        }
        let known = Known::at(self.now, self.session.clone());
        let content = judge::read(&self.set, page, &self.request, &self.route, body);
        Box::new(Judging { suspended: self, content, raw, known, rounds: 0 }).go()
    }
}

impl Judging {
    /// Judges, and asks for what is missing. A request that is refused whatever the present is asks for nothing, nor
    /// does one of a page in shadow.
    fn go(mut self: Box<Self>) -> Step {
        let Suspended { set, agent, request, route, obligations, .. } = &self.suspended;
        let Some(page) = set.page(agent) else {
            return Step::Done(gone(agent.clone()));
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
                        self.suspended.held = true;
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
        // Behind `keep`: the gateway's credential is the same for every request of an agent to this host.
        outcome.obligations.extend_from_slice(obligations);
        let now = self.suspended.now;
        let matter = matter(&self.suspended, page, &self.content, self.raw.as_deref());
        let approving = matter.weigh(&mut outcome, &mut self.known, now);
        let acts = outcome.acts();
        if outcome.forward && self.suspended.standing.stops(acts) {
            return end(page, &self.suspended.standing, &[], outcome);
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
            None => Step::Done(matter.conclude(outcome, None, &mut self.known)),
            Some(plan) if !plan.asks() => {
                let outcome = matter.conclude(outcome, plan.grants(), &mut self.known);
                Step::Done(Outcome { charged: Some(plan), ..outcome })
            }
            Some(plan) => {
                let stage = Stage::Last { judging: self, outcome: Box::new(outcome) };
                Step::NeedStore(NeedStore { stage, plan })
            }
        }
    }
}

impl Judging {
    /// The end, with what the store has told.
    fn told(mut self: Box<Self>, outcome: Outcome, plan: Plan, tallied: Tallied) -> Step {
        let Suspended { set, agent, .. } = &self.suspended;
        let Some(page) = set.page(agent) else { return Step::Done(gone(agent.clone())) };
        if tallied.standing.stops(outcome.acts()) {
            return Step::Done(stand(page, &tallied.standing, outcome));
        }
        if plan.charges().is_empty() && plan.grants().is_none() {
            return Step::Done(outcome);
        }
        let grants = plan.grants().cloned();
        let outcome = tallied::settle(outcome, page, plan, tallied);
        let matter = matter(&self.suspended, page, &self.content, self.raw.as_deref());
        Step::Done(matter.conclude(outcome, grants.as_ref(), &mut self.known))
    }
}

/// What a ticket of the request is made of.
fn matter<'a>(
    suspended: &'a Suspended,
    page: &'a Page,
    content: &'a Result<Content, Reason>,
    body: Option<&'a [u8]>,
) -> Matter<'a> {
    let Suspended { set, agent, session, request, route, .. } = suspended;
    let token = session.as_ref().and_then(|session| session.token.as_ref());
    let requester = Requester {
        agent,
        session: session.as_ref().map(|session| session.id.as_str()),
        issuer: token.map(|token| token.key.as_str()),
        person: token.and_then(|token| token.on_behalf_of.as_deref()),
    };
    Matter { set, page, requester, request, route, content, body }
}

/// The end, with what is to be done with a request that is forwarded. One of an agent that may not act is not.
fn end(page: &Page, standing: &Standing, obligations: &[Obligation], mut outcome: Outcome) -> Step {
    outcome.obligations.extend_from_slice(obligations);
    Step::Done(stand(page, standing, outcome))
}

/// The outcome, unless the agent may not act.
fn stand(page: &Page, standing: &Standing, outcome: Outcome) -> Outcome {
    if outcome.forward && standing.stops(outcome.acts()) {
        Outcome { operations: outcome.operations, rpc: outcome.rpc, ..stopped(page, standing) }
    } else {
        outcome
    }
}

fn gone(agent: String) -> Outcome {
    unknown(Some(agent), Code::UnknownAgent, "the agent's page is gone".to_string())
}

/// A refusal because of who is asking, and not of what: also on a page in shadow, for somebody has said stop.
fn stopped(page: &Page, standing: &Standing) -> Outcome {
    Outcome { forward: false, shadow: false, ..denied(page, standing.reason(), None) }
}

fn not_an_agent() -> Outcome {
    Outcome { decision: Decision::Allow, forward: true, not_an_agent: true, ..blank() }
}

fn unknown(agent: Option<String>, code: Code, why: String) -> Outcome {
    let reason = Reason { code, message: why, pointer: None };
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
        session: None,
        version: None,
        rule: None,
        reasons: Vec::new(),
        more_reasons: 0,
        obligations: Vec::new(),
        operations: Vec::new(),
        considered: Vec::new(),
        rpc: None,
        roles: Roles::default(),
        held: None,
        approved: Vec::new(),
        undecidable: None,
        keep: None,
        candidate: None,
        reserved: Vec::new(),
        counters_since: None,
        charged: None,
        tallies: Vec::new(),
        moved: Vec::new(),
        shape: None,
    }
}
