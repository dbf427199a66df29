//! The decision point, driven directly.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use policy_core::counters::{Budget, Memory, OpenError, Table, carry_out, give_back};
use policy_core::state::Answer;
use policy_core::{Body, Head, Outcome, PolicySet, Step, Unavailable, evaluate};

use super::engine::{Engine, EngineError, EngineKind, moment};
use super::judgement::{Judgement, Lack};
use crate::recording::{Exchange, RecordedBody, RecordedRequest};
use crate::world::{Call, Unrecorded, Watched, World};

/// Judges by the decision point linked into this program.
#[derive(Clone, Debug)]
pub struct NativeEngine {
    set: Arc<PolicySet>,
    /// Counters that are kept from one request to the next; without them what they decide is undecidable.
    counters: Option<Arc<Mutex<Counters>>>,
}

#[derive(Debug)]
struct Counters {
    table: Table,
    store: Memory,
}

/// Memory for the counters of an engine.
const COUNTERS: Budget = Budget { bytes: 64 * 1024 * 1024 };

impl NativeEngine {
    /// An engine for a policy set.
    pub fn new(set: Arc<PolicySet>) -> Self {
        Self { set, counters: None }
    }

    /// An engine that counts, since a moment: what it forwards has been done, what it refuses has not.
    ///
    /// # Errors
    /// [`OpenError`] when the counters do not fit into 64 MiB.
    pub fn counting(set: Arc<PolicySet>, since: policy_core::Timestamp) -> Result<Self, OpenError> {
        let mut store = Memory::new();
        let table = Table::open(&set, &mut store, COUNTERS, since)?;
        Ok(Self { set, counters: Some(Arc::new(Mutex::new(Counters { table, store }))) })
    }

    /// The outcome in full, with everything that was considered, where nothing of the present is known.
    pub fn outcome(&self, request: &RecordedRequest, now: policy_core::Timestamp) -> Outcome {
        self.outcome_in(&Unrecorded, request, now)
    }

    /// The same in a world that answers lookups.
    pub fn outcome_in(&self, world: &dyn World, request: &RecordedRequest, now: policy_core::Timestamp) -> Outcome {
        let ends_at_headers = request.body.bytes().is_some_and(<[u8]>::is_empty) && request.trailers.is_empty();
        let head = Head { fields: request.headers.clone(), end_of_stream: ends_at_headers };
        let mut step = evaluate(&self.set, head, now);
        loop {
            step = match step {
                Step::Done(outcome) => {
                    self.settle(&outcome);
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
                Step::NeedCounters(need) => match &self.counters {
                    None => need.unavailable(Unavailable::NotRecorded),
                    Some(counters) => {
                        let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
                        let Counters { table, store } = &mut *counters;
                        let tallied = carry_out(need.plan(), table, store, now);
                        need.answer(tallied)
                    }
                },
            };
        }
    }

    /// Gives back what was reserved for a request that does not go on.
    fn settle(&self, outcome: &Outcome) {
        if let Some(counters) = self.counters.as_ref().filter(|_| !outcome.forward) {
            let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody else sets its slots.
            let left = give_back(outcome.reserved.clone(), &mut counters.store);
            debug_assert!(left.is_empty(), "{left:?}");
        }
    }
}

impl Engine for NativeEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Native
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
        let outcome = self.outcome_in(&world, request, policy_core::Timestamp(now));
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
