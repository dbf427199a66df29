//! The bytes of a slot: counters by their full key, and what becomes of them.
//!
//! A slot holds the counters whose keys belong to it, so that one counter stands in one slot and nowhere else: who sets the
//! slot has it alone. An empty slot has no bytes.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::drift::Changes;
use super::plan::{Amount, Bound, Charge, Intent, Key};
use super::total::Total;
use super::window::{Frame, SESSION, oldest_part};
use crate::limits::SLOT_BYTES;
use crate::number::Decimal;
use crate::store::{NotSet, SlotName};
use crate::time::Timestamp;

/// The form of a slot's bytes.
const FORM: u8 = 1;
/// More digits behind the point than products of values have.
const DECIMALS: u32 = 128;

#[derive(Debug, Serialize, Deserialize)]
struct Slot<'b> {
    form: u8,
    /// The latest moment at which it was set.
    latest: Timestamp,
    #[serde(borrow)]
    entries: Vec<Entry<'b>>,
}

/// One counter. Its state is read only where it is asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<'b> {
    #[serde(borrow, serialize_with = "at_once")]
    key: Cow<'b, [u8]>,
    /// Length of a part of its window.
    unit: u64,
    /// The last part in which something was charged.
    newest: u64,
    #[serde(borrow, serialize_with = "at_once")]
    state: Cow<'b, [u8]>,
}

/// Bytes as one piece, not one by one.
fn at_once<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum State {
    Total(Total),
    Drift(Changes),
}

/// Why a counter cannot be charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What is used and this request are more than may be used. What is used, where it is one number.
    Exceeded(Option<Decimal>),
    /// It could not be held exactly.
    Inexact,
    /// There is no room for one more key.
    Full,
    /// Others set the slot all the time.
    Contended,
    /// The store has not been kept for as long as the counter looks back: since when.
    Young(Timestamp),
    /// The store does not have the slot, or something else stands in it.
    Damaged,
}

impl From<NotSet> for Refusal {
    fn from(why: NotSet) -> Self {
        match why {
            NotSet::Missing => Self::Damaged,
            NotSet::Contended => Self::Contended,
        }
    }
}

/// What has been charged, so that it can be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) slot: SlotName,
    key: Key,
    unit: u64,
    part: u64,
    amount: Amount,
}

/// A slot with charges on it.
#[derive(Debug)]
pub struct Reserved {
    /// What the slot is to hold; `None`: what it holds already.
    pub slot: Option<Vec<u8>>,
    /// One for each charge that added something.
    pub receipts: Vec<Receipt>,
    /// Charges that went past their bound by a grant, by their position.
    pub past: Vec<usize>,
}

/// Charges counters that stand in one slot: all of them or none. What is only looked at changes nothing.
///
/// # Errors
/// The first charge that does not fit, and why.
pub fn reserve(
    bytes: &[u8],
    name: SlotName,
    charges: &[&Charge],
    now: Timestamp,
) -> Result<Reserved, (usize, Refusal)> {
    set(bytes, name, charges, now, true)
}

/// The same of what has been done, whether it fits or not.
pub(super) fn record(
    bytes: &[u8],
    name: SlotName,
    charge: &Charge,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Refusal> {
    set(bytes, name, &[charge], now, false).map(|set| set.slot).map_err(|(_, refusal)| refusal)
}

fn set(
    bytes: &[u8],
    name: SlotName,
    charges: &[&Charge],
    now: Timestamp,
    bounded: bool,
) -> Result<Reserved, (usize, Refusal)> {
    let (mut receipts, mut past) = (Vec::new(), Vec::new());
    let Some(first) = charges.first() else { return Ok(Reserved { slot: None, receipts, past }) };
    let mut slot = Slot::read(bytes).ok_or((0, Refusal::Damaged))?;
    slot.latest = slot.latest.max(now);
    let frame = first.meter.frame(slot.latest);
    slot.expire(frame, first.meter.unit());
    for (index, charge) in charges.iter().enumerate() {
        let charged = match slot.charge(charge, frame, name, bounded) {
            Err(Refusal::Exceeded(_)) if charge.past.is_some() => {
                past.push(index);
                if charge.intent == Intent::Look { Ok(None) } else { slot.charge(charge, frame, name, false) }
            }
            charged => charged,
        };
        receipts.extend(charged.map_err(|refusal| (index, refusal))?);
    }
    if receipts.is_empty() {
        return Ok(Reserved { slot: None, receipts, past });
    }
    match postcard::to_allocvec(&slot) {
        Ok(bytes) if bytes.len() <= SLOT_BYTES => Ok(Reserved { slot: Some(bytes), receipts, past }),
        _ => Err((charges.len().saturating_sub(1), Refusal::Full)),
    }
}

/// Gives back what was charged to counters in one slot: what the slot is to hold. `None`: nothing of it is there any more.
#[must_use]
pub fn release(bytes: &[u8], receipts: &[&Receipt]) -> Option<Vec<u8>> {
    let mut slot = Slot::read(bytes)?;
    let mut found = false;
    for receipt in receipts {
        let same = |entry: &Entry<'_>| *entry.key == *receipt.key.bytes() && entry.unit == receipt.unit;
        let Some(at) = slot.entries.iter().position(same) else { continue };
        let Some(mut state) = slot.entries.get(at).and_then(Entry::read) else { continue };
        found = true;
        match (&mut state, &receipt.amount) {
            (State::Total(total), Amount::Number(amount)) => total.take_back(receipt.part, *amount),
            (State::Drift(changes), Amount::Changes(moves)) => changes.take_back(receipt.part, moves),
            _ => {}
        }
        if state.is_empty() {
            slot.entries.remove(at);
        } else if let Some(entry) = slot.entries.get_mut(at) {
            entry.state = state.bytes()?.into();
        }
    }
    found.then(|| postcard::to_allocvec(&slot).ok())?
}

impl<'b> Slot<'b> {
    /// `None`: this is no slot.
    fn read(bytes: &'b [u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self { form: FORM, latest: Timestamp::default(), entries: Vec::new() });
        }
        postcard::from_bytes(bytes).ok().filter(|slot: &Self| slot.form == FORM)
    }

    /// Takes out what counts no more: of another window, what did not count any more by that one.
    fn expire(&mut self, frame: Frame, unit: u64) {
        let latest = self.latest;
        self.entries.retain(|entry| {
            let oldest =
                if entry.unit == unit && unit != SESSION { frame.oldest } else { oldest_part(entry.unit, latest) };
            entry.newest >= oldest
        });
    }

    /// What stands where a charge does, and at which place; nothing yet, where it is new.
    fn state(&self, charge: &Charge, frame: Frame) -> Result<(Option<usize>, State), Refusal> {
        let known = self.entries.iter().position(|entry| *entry.key == *charge.key.bytes());
        let Some(entry) = known.and_then(|at| self.entries.get(at)) else {
            return Ok((None, State::for_amount(&charge.amount)));
        };
        let mut state = entry.read().ok_or(Refusal::Damaged)?;
        if entry.unit == charge.meter.unit() {
            state.expire(frame);
            return Ok((known, state));
        }
        // The parts of another window say nothing here: all of it counts as used now.
        Ok((known, state.gathered(frame).ok_or(Refusal::Inexact)?))
    }

    /// Charges one counter; `None`: nothing was added.
    fn charge(
        &mut self,
        charge: &Charge,
        frame: Frame,
        name: SlotName,
        bounded: bool,
    ) -> Result<Option<Receipt>, Refusal> {
        let unit = charge.meter.unit();
        let (known, mut state) = self.state(charge, frame)?;
        if bounded {
            state.fits(charge, frame)?;
        }
        if (bounded && charge.intent == Intent::Look) || charge.amount.is_nothing() {
            return Ok(None);
        }
        state.add(&charge.amount, frame)?;
        // Tokens of one session may end at different times: what is used counts until the last does.
        let before = known.and_then(|at| self.entries.get(at)).filter(|entry| entry.unit == unit);
        let before = before.map_or(0, |entry| entry.newest);
        let entry = Entry {
            key: charge.key.bytes().to_vec().into(),
            unit,
            newest: charge.meter.newest(frame).max(before),
            state: state.bytes().ok_or(Refusal::Damaged)?.into(),
        };
        match known.and_then(|at| self.entries.get_mut(at)) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
        let (key, amount) = (charge.key.clone(), charge.amount.clone());
        Ok(Some(Receipt { slot: name, key, unit, part: frame.current, amount }))
    }
}

/// What is used by now where a charge stands.
pub(super) fn state(bytes: &[u8], charge: &Charge, now: Timestamp) -> Result<(State, Frame), Refusal> {
    let slot = Slot::read(bytes).ok_or(Refusal::Damaged)?;
    let frame = charge.meter.frame(slot.latest.max(now));
    slot.state(charge, frame).map(|(_, state)| (state, frame))
}

/// A slot without what stands where a charge does.
pub(super) fn without(bytes: &[u8], charge: &Charge) -> Option<Vec<u8>> {
    let mut slot = Slot::read(bytes)?;
    slot.entries.retain(|entry| *entry.key != *charge.key.bytes());
    postcard::to_allocvec(&slot).ok()
}

impl Entry<'_> {
    fn read(&self) -> Option<State> {
        postcard::from_bytes(&self.state).ok().filter(State::is_sound)
    }
}

impl State {
    fn for_amount(amount: &Amount) -> Self {
        match amount {
            Amount::Number(_) => Self::Total(Total::default()),
            Amount::Changes(_) => Self::Drift(Changes::default()),
        }
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        postcard::to_allocvec(self).ok()
    }

    /// Whether sums have come to these numbers: no others are reckoned with, nor written out.
    fn is_sound(&self) -> bool {
        let sound = |number: &Decimal| number.decimals() <= DECIMALS;
        match self {
            Self::Total(total) => total.numbers().all(sound),
            Self::Drift(changes) => changes.numbers().all(|number| sound(&number)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Total(total) => total.is_empty(),
            Self::Drift(changes) => changes.is_empty(),
        }
    }

    fn expire(&mut self, frame: Frame) {
        match self {
            Self::Total(total) => total.expire(frame),
            Self::Drift(changes) => changes.expire(frame),
        }
    }

    fn gathered(self, frame: Frame) -> Option<Self> {
        match self {
            Self::Total(total) => total.gathered(frame).map(Self::Total),
            Self::Drift(changes) => changes.gathered(frame).map(Self::Drift),
        }
    }

    fn fits(&self, charge: &Charge, frame: Frame) -> Result<(), Refusal> {
        match (self, &charge.amount, &charge.bound) {
            (Self::Total(total), Amount::Number(amount), Bound::Number(max)) => {
                let used = total.used().ok_or(Refusal::Inexact)?;
                let after = used.checked_add(*amount).ok_or(Refusal::Inexact)?;
                if after <= *max { Ok(()) } else { Err(Refusal::Exceeded(Some(used))) }
            }
            (Self::Drift(changes), Amount::Changes(moves), Bound::Drift { net, bounds }) => {
                match changes.within(frame, moves, *net, bounds) {
                    Some(true) => Ok(()),
                    Some(false) => Err(Refusal::Exceeded(None)),
                    None => Err(Refusal::Inexact),
                }
            }
            _ => Err(Refusal::Damaged),
        }
    }

    fn add(&mut self, amount: &Amount, frame: Frame) -> Result<(), Refusal> {
        let added = match (self, amount) {
            (Self::Total(total), Amount::Number(amount)) => total.add(frame, *amount),
            (Self::Drift(changes), Amount::Changes(moves)) => changes.add(frame, moves),
            _ => return Err(Refusal::Damaged),
        };
        added.ok_or(Refusal::Inexact)
    }
}

impl Amount {
    /// Whether nothing would be added.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Number(amount) => *amount == Decimal::ZERO,
            Self::Changes(moves) => moves.iter().all(|change| change.old == change.new),
        }
    }
}
