//! The filter's counters, held to those of the world: what a recording shows to have been done, and what a case says to have
//! been used, no filter can know.

use std::sync::Arc;

use jiff::Timestamp;
use policy_core::PolicySet;
use policy_core::counters::{Reach, SlotName};

use super::engine::{Engine, EngineError};
use super::judgement::Judgement;
use super::native::NativeEngine;
use super::peaks::Peaks;
use super::trips::Trips;
use crate::host::SharedData;
use crate::recording::Exchange;
use crate::world::World;

/// Keeps the shared data of a gateway like the counters of a decision point that judges the same requests. Counters of a
/// worker alone are the filter's own.
pub(super) struct Mirror {
    engine: NativeEngine,
    shared: SharedData,
}

impl Mirror {
    /// `None`: the policies have no counters and no tripwires.
    pub(super) fn new(set: &Arc<PolicySet>, shared: SharedData) -> Result<Option<Self>, EngineError> {
        let tried = set.candidate().is_some_and(|candidate| candidate.counts());
        if !set.counts() && !set.trips() && !tried {
            return Ok(None);
        }
        let engine = NativeEngine::counting(Arc::clone(set), policy_core::Timestamp(0))?;
        Ok(Some(Self { engine, shared }))
    }

    /// Judges a request by the decision point, and leaves the shared data as it is to meet it.
    pub(super) fn begin(
        &mut self,
        world: &dyn World,
        exchange: &Exchange,
        now: Option<Timestamp>,
    ) -> Result<Judgement, EngineError> {
        let judgement = self.engine.judge_in(world, exchange, now)?;
        self.set(&self.engine.seen().before);
        Ok(judgement)
    }

    /// The filter has judged it too.
    pub(super) fn end(&self) {
        self.set(&self.engine.seen().after);
    }

    /// How many tripwires have tripped at the last request.
    pub(super) fn tripped(&self) -> usize {
        self.engine.tripped()
    }

    pub(super) fn trips(&self) -> Trips {
        self.engine.trips()
    }

    pub(super) fn peaks(&self) -> Peaks {
        self.engine.peaks()
    }

    pub(super) fn forget_grants(&mut self) {
        self.engine.forget_grants();
    }

    fn set(&self, slots: &[(SlotName, Vec<u8>)]) {
        for (slot, bytes) in slots.iter().filter(|(slot, _)| slot.reach == Reach::Node) {
            // It has room: the filter has made these slots, and all of them fit.
            let _ = self.shared.set("", slot.to_string().as_bytes(), bytes, 0);
        }
    }
}
