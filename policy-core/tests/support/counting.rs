//! A gateway that counts: a store in memory, a clock that the test turns, a world to look things up in.

use std::sync::Arc;

use policy_core::counters::{Budget, Memory, Signals, Table, carry_out, give_back};
use policy_core::{Body, Outcome, PolicySet, Step, Timestamp, evaluate};

use super::present::World;
use super::{NOW, Request, line_of, text_of};

/// How much the tests' stores may hold.
pub const BUDGET: Budget = Budget { bytes: 4 * 1024 * 1024 };
/// Sent once, one operation, and nobody knows what became of it.
pub const SENT: Signals = Signals { upstream: true, connect_failed: false, attempts: 1, status: None, operations: 1 };
/// Sent, and done.
pub const DONE: Signals = Signals { status: Some(200), ..SENT };
/// Not sent.
pub const UNSENT: Signals = Signals { upstream: false, attempts: 0, ..SENT };

const SECOND: u64 = 1_000_000_000;

pub struct Gateway {
    pub set: Arc<PolicySet>,
    pub table: Table,
    pub memory: Memory,
    pub world: World,
    pub now: Timestamp,
    /// Seconds that a body takes to come.
    pub slowly: u64,
}

impl Gateway {
    /// A gateway that has counted since the first of the month.
    pub fn new(set: Arc<PolicySet>) -> Self {
        Self::born(set, "2026-10-01T00:00:00Z")
    }

    /// A gateway that counts since this moment.
    pub fn born(set: Arc<PolicySet>, birth: &str) -> Self {
        let birth = Timestamp::parse(birth).expect("a time");
        let mut memory = Memory::new();
        let table = Table::open(&set, &mut memory, BUDGET, birth).expect("a table");
        let now = Timestamp::parse(NOW).expect("a time");
        Self { set, table, memory, world: World::default(), now, slowly: 0 }
    }

    /// Loads other policies: the store stays.
    pub fn load(&mut self, set: Arc<PolicySet>) {
        self.table = Table::open(&set, &mut self.memory, BUDGET, self.now).expect("a table");
        self.set = set;
    }

    pub fn at(&mut self, text: &str) {
        self.now = Timestamp::parse(text).expect("a time");
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = Timestamp(self.now.0 + seconds * SECOND);
    }

    /// Judges a request; what is reserved stays so.
    pub fn judge(&mut self, request: &Request) -> Outcome {
        let mut step = evaluate(&self.set, request.head(), self.now);
        loop {
            step = match step {
                Step::NeedBody(need) => {
                    self.pass(self.slowly);
                    need.answer(request.body.clone().map_or(Body::Empty, Body::Complete))
                }
                Step::NeedCurrent(need) => {
                    let answers = need.fetches().iter().map(|fetch| self.world.answer(fetch)).collect();
                    need.answer(answers)
                }
                Step::NeedStore(need) => {
                    let tallied = carry_out(need.plan(), &self.table, &mut self.memory, self.now);
                    need.answer(tallied)
                }
                Step::Done(outcome) => return outcome,
            };
        }
    }

    /// Judges a request and settles it: what is forwarded ends as `signals` say.
    pub fn send(&mut self, request: &Request, signals: Signals) -> Outcome {
        let outcome = self.judge(request);
        let signals = if outcome.forward { signals } else { UNSENT };
        self.settle(&outcome, Signals { operations: outcome.operations.len(), ..signals });
        outcome
    }

    pub fn settle(&mut self, outcome: &Outcome, signals: Signals) {
        if signals.give_back() {
            assert_eq!(give_back(outcome.reserved.clone(), &mut self.memory), vec![]);
        }
    }

    /// What is said of a request that is then done, as [`text_of`] spells it.
    #[track_caller]
    pub fn check(&mut self, request: &Request, expect: &str) {
        let outcome = self.send(request, DONE);
        assert_eq!(text_of(&outcome), expect, "{}\n{:#?}", line_of(request), outcome.reasons);
    }

    /// [`Gateway::check`], so many times.
    #[track_caller]
    pub fn check_times(&mut self, times: usize, request: &Request, expect: &str) {
        for _ in 0..times {
            self.check(request, expect);
        }
    }
}
