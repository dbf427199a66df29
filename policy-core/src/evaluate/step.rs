//! The state machine between the core and its host: the core says what it needs, the host answers, each answer
//! consumes its need.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::ending::{denied, end, gone, not_an_agent, stopped, unknown};
use super::judging::{Judging, Turn};
use super::reading::read;
use super::suspended::{Suspended, look};
use super::{credential, route, tallied};
use crate::approval::HEADER;
use crate::counters::{Plan, Tallied};
use crate::decision::{Obligation, Outcome};
use crate::decode::{Body, Unavailable};
use crate::identify::{Principal, identify};
use crate::policy::{Page, PolicySet};
use crate::reason::{Code, Reason};
use crate::request::{Head, Headers, Malformed, normalize};
use crate::session::Session;
use crate::standing::Standing;
use crate::state::{self, Answer, Fetch, Known, Reader, reader};
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

impl From<Turn> for Step {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Done(outcome) => Self::Done(outcome),
            Turn::Lookups(judging, plan) => Self::NeedCurrent(NeedCurrent { judging, plan }),
            Turn::Store(judging, outcome, plan) => {
                Self::NeedStore(NeedStore { stage: Stage::Last { judging, outcome }, plan })
            }
        }
    }
}

/// The end of an evaluation that no rule decides.
fn ended(page: &Page, standing: &Standing, obligations: &[Obligation], outcome: Outcome) -> Step {
    Step::Done(end(page, standing, obligations, outcome))
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
            return ended(page, &standing, &obligations, outcome);
        }
        if page.session_required && session.as_ref().is_none_or(|session| session.token.is_none()) {
            let message = "the agent acts in sessions alone: send the token of your session".to_string();
            let outcome = denied(page, Reason { code: Code::SessionRequired, message, pointer: None }, None);
            return ended(page, &standing, &obligations, outcome);
        }
        if let Some(reason) = session.as_ref().and_then(|session| session.misfit(page)) {
            return ended(page, &standing, &obligations, denied(page, reason, None));
        }
        let request = match normalize(headers) {
            Ok(request) => request,
            Err(Malformed { code, message }) => {
                return ended(
                    page,
                    &standing,
                    &obligations,
                    denied(page, Reason { code, message, pointer: None }, None),
                );
            }
        };
        let route = match route::find(&set, page, &request) {
            Ok(route) => route,
            Err(refused) => return ended(page, &standing, &obligations, denied(page, refused.reason, refused.rule)),
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
        Step::from(judging.go()).in_session(session.as_deref()).without_grants(grants)
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
            Stage::Last { judging, outcome } => Step::Done(judging.told(*outcome, plan, tallied)),
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
        let mut left = None;
        if self.route.held
            && !self.request.method.is_bodiless()
            && let Body::Complete(bytes) = &mut body
        {
            // It was asked for its digest alone.
            left = Some(core::mem::take(bytes));
            body = Body::Unavailable(Unavailable::NotSeen);
        }
        match &body {
            Body::Unavailable(why) => {
                let why = *why;
                if !self.route.opaque || self.request.method.is_bodiless() {
                    let mut outcome = denied(page, why.reason(self.limit), None);
                    outcome.undecidable = why.undecidable().map(Into::into);
                    return ended(page, &self.standing, &self.obligations, outcome);
                }
            }
            Body::Complete(bytes) if bytes.len() > self.limit => {
                return ended(
                    page,
                    &self.standing,
                    &self.obligations,
                    denied(page, Unavailable::TooLarge.reason(self.limit), None),
                );
            }
            Body::Complete(_) | Body::Empty => {}
        }
        let known = Known::at(self.now, self.session.clone());
        let content = read(&self.set, page, &self.request, &self.route, body, &mut left);
        // Nobody approves anything on a page without roles.
        let left = left.filter(|_| !page.roles.is_empty());
        Box::new(Judging { suspended: self, content, left, known, held: None, rounds: 0 }).go().into()
    }
}
