//! Tripwires: what an agent does and what becomes of it is counted, and too much of it pauses the agent.
//!
//! ```text
//! decided   the decision is made: requests, writes, refused, out_of_scope        -> Watch, where the request goes on
//! ended     the answer has passed, or none came: failed, reverts
//! tally     what one request brings            counts    what was counted in the windows, in one slot per agent
//! actions   the agent's last requests          earlier   values that fields had before
//! trip      the pause, and the record of it
//! ```
//!
//! A host calls [`decided`] after each decision and [`Watch::ended`] when the request has ended. Either may say that a
//! tripwire has tripped: the agent is paused then, for every worker, from its next request on. What others keep a slot
//! from being set with is [`Late`]: to be tried again.
//!
//! A tripwire whose pause holds counts nothing, and begins anew when the agent is resumed. Windows are cut into 60 parts
//! as those of counters are: something counts for up to one part too long, never too short.

mod actions;
mod counts;
mod earlier;
mod numbers;
mod tally;
mod trip;

pub use counts::Consequence;
pub use trip::Trip;

pub use crate::failure::Answered;

use crate::ordered::Set;
use alloc::string::String;
use alloc::vec::Vec;

use actions::Ended;
use tally::Tally;

use crate::decision::{Moved, Outcome};
use crate::failure::Shape;
use crate::limits::{OUTCOME_BYTES, REVERT_SLOTS};
use crate::policy::{Page, PolicySet, Reach, Tripwires, Watched};
use crate::store::{NotSet, SlotName, Store, set_again};
use crate::time::Timestamp;

/// Slots of an agent, in the order of their numbers; behind them those of [`earlier`] values.
const COUNTS: u32 = 0;
const ACTIONS: u32 = 1;
const EARLIER: u32 = 2;

/// What came of telling a request.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Told {
    /// Tripwires that have tripped.
    pub trips: Vec<Trip>,
    /// What could not be kept now, to be told [`again`].
    pub late: Option<Late>,
    /// Something is not kept at all: there is no slot for it, or no room.
    pub lost: bool,
}

/// What others have kept from being counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Late {
    agent: String,
    tally: Tally,
    moved: Vec<Moved>,
    consequence: Consequence,
}

/// A request that went on, until it is known what became of it.
#[derive(Debug)]
pub struct Watch {
    agent: String,
    /// Its number among the agent's last actions.
    number: Option<u64>,
    shape: Option<Shape>,
    moved: Vec<Moved>,
    consequence: Consequence,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// It was answered with this status, by whomever; with the answer, where the host has copied it.
    Answered(u16, Option<Answered<'a>>),
    /// No answer came.
    Unanswered,
}

impl PolicySet {
    /// Whether any page has tripwires.
    #[must_use]
    pub fn trips(&self) -> bool {
        self.set.pages.iter().any(|page| !page.tripwires.all.is_empty())
    }
}

/// Creates the slots of a set's tripwires that are not there yet. `false`: the store does not keep what is set.
#[must_use]
pub(crate) fn open(set: &PolicySet, store: &mut dyn Store) -> bool {
    set.pages().iter().map(|page| &page.tripwires).filter(|tripwires| !tripwires.all.is_empty()).all(|tripwires| {
        let earlier = if tripwires.count(Watched::Reverts) { REVERT_SLOTS } else { 0 };
        (0..EARLIER.saturating_add(earlier)).all(|index| {
            let slot = slot(tripwires, index);
            store.get(slot).is_some() || store.set(slot, &[], None)
        })
    })
}

/// The slots of a page's tripwires, for hosts that copy them.
pub fn slots(page: &Page) -> impl Iterator<Item = SlotName> + '_ {
    let tripwires = Some(&page.tripwires).filter(|tripwires| !tripwires.all.is_empty()).into_iter();
    tripwires.flat_map(|tripwires| {
        let earlier = if tripwires.count(Watched::Reverts) { REVERT_SLOTS } else { 0 };
        (0..EARLIER.saturating_add(earlier)).map(|index| slot(tripwires, index))
    })
}

fn slot(tripwires: &Tripwires, index: u32) -> SlotName {
    SlotName { reach: Reach::Node, region: tripwires.region, index }
}

/// Tells the tripwires of a decision. A page in shadow pauses nobody. `None`: the request does not go on, or its page has
/// no tripwires.
pub fn decided(
    set: &PolicySet,
    outcome: &mut Outcome,
    store: &mut dyn Store,
    now: Timestamp,
    consequence: Consequence,
) -> (Option<Watch>, Told) {
    let (moved, shape) = (core::mem::take(&mut outcome.moved), outcome.shape.take());
    let page = outcome.agent.as_deref().and_then(|agent| set.page(agent));
    let Some(page) = page.filter(|page| !page.tripwires.all.is_empty()) else { return (None, Told::default()) };
    let Some(tally) = Tally::of_decision(outcome, page) else { return (None, Told::default()) };
    let consequence = if page.shadow { Consequence::Tell } else { consequence };
    let action = actions::of_outcome(outcome, now);
    let mut number = 0;
    let noted = set_again(store, slot(&page.tripwires, ACTIONS), &mut |bytes| {
        let (bytes, given) = actions::push(bytes, &action);
        number = given;
        Some(bytes)
    });
    let mut told = trip::count(set, page, tally, store, now, consequence);
    told.lost |= noted.is_err();
    let watch = outcome.forward.then(|| Watch {
        agent: page.agent.clone(),
        number: noted.is_ok().then_some(number),
        shape: shape.map(|shape| *shape),
        // What a page in shadow would refuse says nothing of what it would let be set back.
        moved: if tally::goes_on(outcome, page) { moved } else { Vec::new() },
        consequence,
    });
    (watch, told)
}

impl Watch {
    /// How much of an answer with this status is to be copied, so that what it says of a failure is read. `None`: the
    /// status says it all.
    #[must_use]
    pub fn copies(&self, status: u16) -> Option<usize> {
        (self.shape.is_some() && (200..300).contains(&status)).then_some(OUTCOME_BYTES)
    }

    /// Tells the tripwires what became of the request.
    pub fn ended(self, set: &PolicySet, end: End<'_>, store: &mut dyn Store, now: Timestamp) -> Told {
        let Some(page) = set.page(&self.agent) else { return Told::default() };
        let (status, failed) = match end {
            End::Unanswered => (None, true),
            End::Answered(status, _) if status >= 400 => (Some(status), true),
            End::Answered(status, answer) => {
                let said = self.shape.zip(answer).is_some_and(|(shape, answer)| shape.is_in(answer));
                (Some(status), said)
            }
        };
        let noted = self.number.map_or(Ok(()), |number| {
            let ended = Ended { status, failed };
            set_again(store, slot(&page.tripwires, ACTIONS), &mut |bytes| actions::end(bytes, number, ended))
        });
        let mut tally = Tally::default();
        let mut moved = self.moved;
        if failed {
            tally.add(Watched::Failed, 1);
            // It was not done, or nobody knows.
            moved.clear();
        }
        let late = Late { agent: self.agent, tally, moved, consequence: self.consequence };
        let mut told = late.tell(set, page, store, now, false);
        told.lost |= noted.is_err();
        told
    }
}

/// Tells again what could not be counted.
pub fn again(set: &PolicySet, late: Late, store: &mut dyn Store, now: Timestamp) -> Told {
    match set.page(&late.agent) {
        // A pause that is still to be set is no count.
        Some(page) => late.tell(set, page, store, now, true),
        None => Told { lost: true, ..Told::default() },
    }
}

impl Late {
    /// `again`: also where nothing is to be counted.
    fn tell(self, set: &PolicySet, page: &Page, store: &mut dyn Store, now: Timestamp, again: bool) -> Told {
        let Self { agent, mut tally, moved, consequence } = self;
        let mut left = Vec::new();
        let mut lost = false;
        // A resource whose fields are set back is one operation, however many of them.
        let mut back: Set<u64> = Set::new();
        for moved in moved {
            let name = slot(&page.tripwires, EARLIER.saturating_add(moved.slot()));
            let mut is_back = false;
            let set = set_again(store, name, &mut |bytes| {
                let (bytes, back) = earlier::set(bytes, &moved, now);
                is_back = back;
                Some(bytes)
            });
            match set {
                Ok(()) if is_back => drop(back.insert(moved.resource())),
                Ok(()) => {}
                Err(NotSet::Contended) => left.push(moved),
                Err(NotSet::Missing) => lost = true,
            }
        }
        tally.add(Watched::Reverts, u32::try_from(back.len()).unwrap_or(u32::MAX));
        let mut told = if tally.is_empty() && !again {
            Told::default()
        } else {
            trip::count(set, page, tally, store, now, consequence)
        };
        told.lost |= lost;
        if !left.is_empty() {
            let late = told.late.get_or_insert(Self { agent, tally: Tally::default(), moved: Vec::new(), consequence });
            late.moved = left;
        }
        told
    }
}
