//! The decision point, driven directly.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use policy_core::counters::{OpenError, Tallied};
use policy_core::policy::Page;
use policy_core::state::Answer;
use policy_core::{Body, Head, Outcome, PolicySet, Step, Unavailable, evaluate};

use super::counting::{Counting, Seen};
use super::engine::{Engine, EngineError, EngineKind, moment};
use super::judgement::{Judgement, Lack};
use super::peaks::Peaks;
use crate::recording::{Exchange, RecordedBody, RecordedRequest};
use crate::world::{Call, Unrecorded, Watched, World};

/// Judges by the decision point linked into this program.
#[derive(Clone, Debug)]
pub struct NativeEngine {
    set: Arc<PolicySet>,
    /// Counters that are kept from one request to the next; without them what they decide is undecidable.
    counters: Option<Arc<Mutex<Counting>>>,
}

impl NativeEngine {
    /// An engine for a policy set.
    pub fn new(set: Arc<PolicySet>) -> Self {
        Self { set, counters: None }
    }

    /// An engine that counts, with nothing used since a moment. What is charged goes by the world
    /// ([`World::unenforced`], [`World::used`]).
    ///
    /// # Errors
    /// [`OpenError`] when the counters do not fit into 64 MiB.
    pub fn counting(set: Arc<PolicySet>, since: policy_core::Timestamp) -> Result<Self, OpenError> {
        let counting = Counting::new(&set, since)?;
        Ok(Self { set, counters: Some(Arc::new(Mutex::new(counting))) })
    }

    /// The outcome in full, with everything that was considered, where nothing of the present is known.
    pub fn outcome(&self, request: &RecordedRequest, now: policy_core::Timestamp) -> Outcome {
        self.outcome_in(&Unrecorded, request, now)
    }

    /// The same in a world that answers lookups.
    pub fn outcome_in(&self, world: &dyn World, request: &RecordedRequest, now: policy_core::Timestamp) -> Outcome {
        self.outcome_with(world, request, None, now)
    }

    /// The same, of a request that the upstream answered with a status.
    fn outcome_with(
        &self,
        world: &dyn World,
        request: &RecordedRequest,
        status: Option<u16>,
        now: policy_core::Timestamp,
    ) -> Outcome {
        if let Some(counters) = &self.counters {
            counters.lock().unwrap_or_else(PoisonError::into_inner).seen = Seen::default();
        }
        let ends_at_headers = request.body.bytes().is_some_and(<[u8]>::is_empty) && request.trailers.is_empty();
        let head = Head { fields: request.headers.clone(), end_of_stream: ends_at_headers };
        let mut step = evaluate(&self.set, head, now);
        loop {
            step = match step {
                Step::Done(outcome) => {
                    if let Some((mut counting, page)) = self.counts_of(outcome.agent.as_deref()) {
                        counting.settle(page, &outcome, status, world, now);
                    }
                    return outcome;
                }
                Step::NeedBody(need) => {
                    let body = recorded(&request.body, need.limit());
                    need.answer(body)
                }
                Step::NeedCurrent(need) => {
                    let answer = |fetch| Answer::from(world.reply(&Call::of_fetch(fetch)));
                    let answers = need.fetches().iter().map(answer).collect();
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

    /// What slots of counters held around the last request.
    pub(super) fn seen(&self) -> Seen {
        let counters = self.counters.as_ref();
        counters.map(|c| c.lock().unwrap_or_else(PoisonError::into_inner).seen.clone()).unwrap_or_default()
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

    fn peaks(&self) -> Peaks {
        let counters = self.counters.as_ref();
        counters.map(|c| c.lock().unwrap_or_else(PoisonError::into_inner).peaks.clone()).unwrap_or_default()
    }

    fn judge_in(
        &mut self,
        world: &dyn World,
        exchange: &Exchange,
        now: Option<Timestamp>,
    ) -> Result<Judgement, EngineError> {
        let now = match moment(exchange, now)? {
            Ok(now) => now,
            Err(lack) => return Ok(Judgement::undecidable(None, lack)),
        };
        let request = &exchange.request;
        let world = Watched::new(world);
        let status = exchange.response.as_ref().map(|response| response.status);
        let outcome = self.outcome_with(&world, request, status, policy_core::Timestamp(now));
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
