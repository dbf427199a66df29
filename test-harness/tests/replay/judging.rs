//! The exchanges of a recording, judged one after another.

use std::sync::Arc;

use policy_core::{PolicySet, Timestamp};
use test_harness::recording::Exchange;
use test_harness::replay::{Engine, Judgement, NativeEngine};
use test_harness::world::{Facts, Recorded, Rest, Values};

/// The native core, with nothing used before the recording.
pub(crate) fn native(set: &Arc<PolicySet>) -> NativeEngine {
    NativeEngine::counting(Arc::clone(set), Timestamp::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// Each by itself: nothing is known of the present.
pub(crate) fn alone(engine: &mut dyn Engine, exchanges: &[Exchange]) -> Vec<Judgement> {
    exchanges.iter().map(|exchange| engine.judge(exchange, None).unwrap_or_else(|e| panic!("{e}"))).collect()
}

/// Each with what those before it have shown of the present.
pub(crate) fn in_turn(
    engine: &mut dyn Engine,
    set: &Arc<PolicySet>,
    exchanges: &[Exchange],
    values: Values,
) -> Vec<Judgement> {
    let facts = Facts::new(Arc::clone(set), None, Rest::NotRecorded);
    let mut world = Recorded::new(Arc::clone(set), facts, values);
    let judge = |exchange: &Exchange| {
        let judgement = engine.judge_in(&world, exchange, None).unwrap_or_else(|e| panic!("{e}"));
        world.observe(exchange, judgement.fate());
        judgement
    };
    exchanges.iter().map(judge).collect()
}
