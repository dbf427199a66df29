//! What has been counted for each tripwire: one slot per agent.

use alloc::vec::Vec;

use super::numbers::{Numbers, put};
use super::tally::Tally;
use crate::counters::Meter;
use crate::limits::TRIPWIRES;
use crate::policy::{Tripwire, Window, Zone};
use crate::time::Timestamp;

/// The form of the slot's bytes.
const FORM: u64 = 1;
/// Most tripwires of which something is kept: those of the policies before do not go at once, for their last requests
/// still end.
const KEPT: usize = 2 * TRIPWIRES;

#[derive(Debug, Default)]
struct Counts {
    /// Time never goes back here.
    latest: Timestamp,
    counts: Vec<Count>,
}

/// What has been counted for one tripwire.
#[derive(Debug)]
struct Count {
    key: u64,
    window: u64,
    parts: Vec<Part>,
    /// It has only told, and tells nothing more before this.
    quiet: Timestamp,
}

/// In one part of its window.
#[derive(Debug)]
struct Part {
    number: u64,
    counted: u32,
    of: u32,
}

/// A tripwire that counts too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// Its place on the page.
    pub(super) tripwire: usize,
    pub(super) counted: u32,
    pub(super) of: u32,
}

/// Whether a tripwire that counts too much does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It pauses the agent.
    Pause,
    /// It only tells that it would.
    Tell,
}

/// Adds what one request brings. `paused`: tripwires whose pause holds, which count nothing until it is lifted.
pub(super) fn count(
    bytes: &[u8],
    tripwires: &[Tripwire],
    tally: &Tally,
    paused: &dyn Fn(&Tripwire) -> bool,
    consequence: Consequence,
    now: Timestamp,
) -> (Vec<u8>, Vec<Passed>) {
    // What cannot be read is of another release: counted anew.
    let mut counts = Counts::read(bytes).unwrap_or_default();
    let now = now.max(counts.latest);
    counts.latest = now;
    let mut passed = Vec::new();
    for (place, tripwire) in tripwires.iter().enumerate() {
        let (counted, of) = (tally.of(tripwire.counts), tripwire.bound.of().map_or(0, |of| tally.of(of)));
        let known = counts.counts.iter_mut().find(|count| count.key == tripwire.key);
        if paused(tripwire) {
            if let Some(count) = known {
                count.parts.clear();
            }
            continue;
        }
        if counted == 0 && of == 0 && known.is_none() {
            continue;
        }
        let count = match known {
            Some(count) => count,
            None => {
                let (key, window) = (tripwire.key, tripwire.window);
                counts.counts.push(Count { key, window, parts: Vec::new(), quiet: Timestamp(0) });
                let Some(count) = counts.counts.last_mut() else { continue };
                count
            }
        };
        if consequence == Consequence::Tell && now < count.quiet {
            continue;
        }
        count.add(counted, of, now);
        let (counted, of) = count.sum();
        if tripwire.bound.is_passed(counted, of) {
            passed.push(Passed { tripwire: place, counted, of });
            if consequence == Consequence::Tell {
                count.parts.clear();
                count.quiet =
                    Timestamp(now.0.saturating_add(tripwire.lasts.unwrap_or(0).saturating_mul(1_000_000_000)));
            }
        }
    }
    for count in &mut counts.counts {
        count.expire(now);
    }
    counts.counts.retain(|count| !count.parts.is_empty() || now < count.quiet);
    let of_page = |count: &Count| tripwires.iter().any(|tripwire| tripwire.key == count.key);
    if counts.counts.len() > KEPT {
        counts.counts.retain(of_page);
    }
    (counts.bytes(), passed)
}

impl Counts {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut numbers = Numbers(bytes);
        if numbers.next()? != FORM {
            return None;
        }
        let mut counts = Self { latest: Timestamp(numbers.next()?), counts: Vec::new() };
        for _ in 0..numbers.count()? {
            let (key, window, quiet) = (numbers.next()?, numbers.next()?, Timestamp(numbers.next()?));
            let mut parts = Vec::new();
            for _ in 0..numbers.count()? {
                let number = numbers.next()?;
                let mut small = || u32::try_from(numbers.next()?).ok();
                parts.push(Part { number, counted: small()?, of: small()? });
            }
            counts.counts.push(Count { key, window, parts, quiet });
        }
        Some(counts)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, &[FORM, self.latest.0, self.counts.len() as u64]);
        for count in &self.counts {
            put(&mut bytes, &[count.key, count.window, count.quiet.0, count.parts.len() as u64]);
            for part in &count.parts {
                put(&mut bytes, &[part.number, u64::from(part.counted), u64::from(part.of)]);
            }
        }
        bytes
    }
}

impl Count {
    fn add(&mut self, counted: u32, of: u32, now: Timestamp) {
        self.expire(now);
        if counted == 0 && of == 0 {
            return;
        }
        let number = self.meter().frame(now).current;
        match self.parts.last_mut() {
            Some(part) if part.number == number => {
                part.counted = part.counted.saturating_add(counted);
                part.of = part.of.saturating_add(of);
            }
            _ => self.parts.push(Part { number, counted, of }),
        }
    }

    fn expire(&mut self, now: Timestamp) {
        let oldest = self.meter().frame(now).oldest;
        self.parts.retain(|part| part.number >= oldest);
    }

    fn sum(&self) -> (u32, u32) {
        let add =
            |(counted, of): (u32, u32), part: &Part| (counted.saturating_add(part.counted), of.saturating_add(part.of));
        self.parts.iter().fold((0, 0), add)
    }

    fn meter(&self) -> Meter {
        Meter { window: Window::Rolling(self.window), zone: Zone::default(), life: Default::default() }
    }
}
