//! The decision point, driven directly.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use policy_core::control::is_for;
use policy_core::counters::{OpenError, SlotName, Tallied};
use policy_core::policy::Page;
use policy_core::state::Answer;
use policy_core::{Body, Evidence, Head, Outcome, PolicySet, Step, Unavailable, evaluate};

use super::candidate::CandidateJudgement;
use super::counting::{Counting, Seen};
use super::engine::{Engine, EngineError, EngineKind, moment};
use super::judgement::{Judgement, Lack};
use super::peaks::Peaks;
use super::trips::Trips;
use crate::recording::{Exchange, RecordedBody, RecordedRequest, RecordedResponse};
use crate::world::{Call, Unrecorded, Watched, World};

/// Judges by the decision point linked into this program.
#[derive(Clone, Debug)]
pub struct NativeEngine {
    set: Arc<PolicySet>,
    /// Counters that are kept from one request to the next; without them what they decide is undecidable.
    counters: Option<Arc<Mutex<Counting>>>,
    /// Those of the candidate, if it has some and there is room for them.
    tried: Option<Arc<Mutex<Counting>>>,
}

impl NativeEngine {
    /// An engine for a policy set.
    pub fn new(set: Arc<PolicySet>) -> Self {
        Self { set, counters: None, tried: None }
    }

    /// An engine that counts, with nothing used since a moment. What is charged goes by the world
    /// ([`World::unenforced`], [`World::used`]).
    ///
    /// # Errors
    /// [`OpenError`] when the counters do not fit into 64 MiB.
    pub fn counting(set: Arc<PolicySet>, since: policy_core::Timestamp) -> Result<Self, OpenError> {
        let counting = Counting::new(&set, since)?;
        let tried = set.candidate().and_then(|candidate| Counting::new(candidate, since).ok());
        let keep = |counting| Arc::new(Mutex::new(counting));
        Ok(Self { set, counters: Some(keep(counting)), tried: tried.map(keep) })
    }

    /// The outcome in full, with everything that was considered, where nothing of the present is known.
    pub fn outcome(&self, request: &RecordedRequest, now: policy_core::Timestamp) -> Outcome {
        self.outcome_in(&Unrecorded, request, now)
    }

    /// The same in a world that answers lookups.
    pub fn outcome_in(&self, world: &dyn World, request: &RecordedRequest, now: policy_core::Timestamp) -> Outcome {
        self.outcome_after(world, request, None, now)
    }

    /// The same, of a request that the upstream answered so; without an answer it is taken to have been done.
    pub fn outcome_after(
        &self,
        world: &dyn World,
        request: &RecordedRequest,
        response: Option<&RecordedResponse>,
        now: policy_core::Timestamp,
    ) -> Outcome {
        for counters in self.counters.iter().chain(&self.tried) {
            let mut counting = counters.lock().unwrap_or_else(PoisonError::into_inner);
            counting.seen = Seen::default();
            counting.tripped = 0;
        }
        let ends_at_headers = request.body.bytes().is_some_and(<[u8]>::is_empty) && request.trailers.is_empty();
        let head = |set: &PolicySet| Head {
            properties: request.properties_at(set.identity_properties()),
            ..Head::new(request.headers.clone(), ends_at_headers)
        };
        // A candidate may name agents by other properties.
        let mut evidence = self.set.candidate().map(|candidate| Evidence::new(head(candidate), now));
        let mut step = evaluate(&self.set, head(&self.set), now);
        loop {
            step = match step {
                Step::Done(mut outcome) => {
                    let status = response.map(|response| response.status);
                    if let Some((mut counting, page)) = self.counts_of(outcome.agent.as_deref()) {
                        counting.settle(page, &outcome, status, world, now);
                        counting.watch(&self.set, page, &mut outcome, response, world, now);
                    }
                    if let Some(evidence) = evidence {
                        self.try_candidate(evidence, &mut outcome, status, world, now);
                    }
                    return outcome;
                }
                Step::NeedBody(need) => {
                    let body = recorded(&request.body, need.limit());
                    if let Some(evidence) = &mut evidence {
                        evidence.body(body.clone(), need.limit());
                    }
                    need.answer(body)
                }
                Step::NeedCurrent(need) => {
                    let answer = |fetch| Answer::from(world.reply(&Call::of_fetch(fetch)));
                    let answers: Vec<Answer> = need.fetches().iter().map(answer).collect();
                    if let Some(evidence) = &mut evidence {
                        let asked = need.fetches().iter().zip(&answers);
                        asked.for_each(|(fetch, answer)| evidence.answer(fetch.clone(), answer.clone()));
                    }
                    need.answer(answers)
                }
                Step::NeedStore(need) => match self.counts_of(Some(need.agent())) {
                    // No recording pauses anybody.
                    None if need.plan().charges().is_empty() && !need.plan().spends() => {
                        need.answer(Tallied::default())
                    }
                    None => need.unavailable(Unavailable::NotRecorded),
                    Some((mut counting, page)) => {
                        let tallied = counting.carry_out(page, need.plan(), world, now);
                        need.answer(tallied)
                    }
                },
            };
        }
    }

    /// Lets the candidate judge what was judged, on counters of its own, and notes in the outcome what it says.
    fn try_candidate(
        &self,
        evidence: Evidence,
        enforced: &mut Outcome,
        status: Option<u16>,
        world: &dyn World,
        now: policy_core::Timestamp,
    ) {
        let Some(candidate) = self.set.candidate() else { return };
        let counting = |agent: &str| {
            let counters = self.tried.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
            Some((counters, candidate.page(agent)?))
        };
        let tried = evidence.judge(candidate, enforced, &mut |agent, plan| {
            let (mut counting, page) = counting(agent)?;
            Some(counting.carry_out(page, plan, world, now))
        });
        if let Some(mut outcome) = tried.outcome
            && let Some((mut counting, page)) = counting(outcome.agent.as_deref().unwrap_or_default())
        {
            // It goes on, or not, as the enforced policies say.
            outcome.forward &= enforced.forward;
            counting.settle(page, &outcome, status, world, now);
        }
        enforced.candidate = Some(Box::new(tried.record));
    }

    /// What slots of counters and tripwires held when the last request came: a gateway whose store holds the same meets it
    /// alike.
    pub fn slots_before(&self) -> Vec<(SlotName, Vec<u8>)> {
        self.seen().before
    }

    /// What slots of counters held around the last request.
    pub(super) fn seen(&self) -> Seen {
        let mut all = Seen::default();
        for counters in self.counters.iter().chain(&self.tried) {
            let seen = counters.lock().unwrap_or_else(PoisonError::into_inner).seen.clone();
            all.before.extend(seen.before);
            all.after.extend(seen.after);
        }
        all
    }

    /// How many tripwires have tripped at the last request.
    pub(super) fn tripped(&self) -> usize {
        self.counters.as_ref().map_or(0, |c| c.lock().unwrap_or_else(PoisonError::into_inner).tripped)
    }

    /// The counters, and whose they are; `None`: this engine does not count.
    fn counts_of(&self, agent: Option<&str>) -> Option<(MutexGuard<'_, Counting>, &Page)> {
        let page = self.set.page(agent?)?;
        let counters = self.counters.as_ref()?;
        Some((counters.lock().unwrap_or_else(PoisonError::into_inner), page))
    }
}

impl Engine for NativeEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Native
    }

    fn forget_grants(&mut self) {
        for counters in self.counters.iter().chain(&self.tried) {
            counters.lock().unwrap_or_else(PoisonError::into_inner).forget_grants();
        }
    }

    fn peaks(&self) -> Peaks {
        let counters = self.counters.as_ref();
        counters.map(|c| c.lock().unwrap_or_else(PoisonError::into_inner).peaks.clone()).unwrap_or_default()
    }

    fn trips(&self) -> Trips {
        let counters = self.counters.as_ref();
        counters.map(|c| c.lock().unwrap_or_else(PoisonError::into_inner).trips.clone()).unwrap_or_default()
    }

    fn judge_in(
        &mut self,
        world: &dyn World,
        exchange: &Exchange,
        now: Option<Timestamp>,
    ) -> Result<Judgement, EngineError> {
        if is_for(&self.set, &exchange.request.headers) {
            return Ok(Judgement::of_command());
        }
        let now = match moment(exchange, now)? {
            Ok(now) => now,
            Err(lack) => {
                let candidate = CandidateJudgement::none_of(&self.set);
                return Ok(Judgement { candidate, ..Judgement::undecidable(None, lack) });
            }
        };
        let request = &exchange.request;
        let world = Watched::new(world);
        let response = exchange.response.as_ref();
        let outcome = self.outcome_after(&world, request, response, policy_core::Timestamp(now));
        let lack = Lack::of_body(&request.body).or_else(|| Lack::of_present(&outcome, &world.into_lookups()));
        Ok(Judgement::of(outcome, lack))
    }
}

/// The answer to a need for the body. A part that is larger than what is judged is certainty enough.
fn recorded(body: &RecordedBody, limit: usize) -> Body {
    match body {
        RecordedBody::Empty => Body::Empty,
        RecordedBody::Complete(bytes) if bytes.is_empty() => Body::Empty,
        RecordedBody::Complete(bytes) => Body::Complete(bytes.clone()),
        RecordedBody::Truncated { seen, .. } if seen.len() > limit => Body::Unavailable(Unavailable::TooLarge),
        RecordedBody::Truncated { .. } => Body::Unavailable(Unavailable::Truncated),
        RecordedBody::Missing { .. } | RecordedBody::Undecodable { .. } => Body::Unavailable(Unavailable::NotRecorded),
    }
}
