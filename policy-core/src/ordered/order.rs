//! The order of entries that stand somewhere else, by their positions there.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Longest run of positions; a longer one becomes two. To insert moves no more than this.
const RUN: usize = 128;

/// Where a position stands in the order: its run, and its place in the run.
pub(super) type At = (usize, usize);

/// Positions of entries in the order of their keys.
#[derive(Clone)]
pub(super) struct Order {
    /// As long as every key comes behind those before it, nothing but how many there are: each stands at its own place.
    straight: usize,
    /// From then on the positions.
    runs: Option<Box<Runs>>,
}

/// Positions in runs, so that none is ever moved far.
#[derive(Clone, Default)]
struct Runs {
    /// Those before the last, none of them empty.
    before: Vec<Vec<u32>>,
    last: Vec<u32>,
}

impl Order {
    pub(super) const fn new() -> Self {
        Self { straight: 0, runs: None }
    }

    /// Where the entry stands that `compare` finds equal; or else where it would stand. `compare` says how the entry at a
    /// position compares to what is sought.
    #[inline(never)]
    pub(super) fn find(&self, compare: &mut dyn FnMut(usize) -> Ordering) -> Result<At, At> {
        let Some(runs) = &self.runs else {
            return within(self.straight, compare).map(|place| (0, place)).map_err(|place| (0, place));
        };
        let is_before = |run: &Vec<u32>| run.last().is_some_and(|entry| compare(*entry as usize).is_lt());
        let number = runs.before.partition_point(is_before);
        let run = runs.run(number);
        let place =
            within(run.len(), &mut |place| run.get(place).map_or(Ordering::Less, |entry| compare(*entry as usize)));
        place.map(|place| (number, place)).map_err(|place| (number, place))
    }

    /// The position that stands at a place of the order.
    pub(super) fn get(&self, (run, place): At) -> Option<usize> {
        match &self.runs {
            None => (place < self.straight).then_some(place),
            Some(runs) => runs.run(run).get(place).map(|entry| *entry as usize),
        }
    }

    /// The position behind a place of the order, and the place behind that.
    pub(super) fn next(&self, (run, place): At) -> Option<(usize, At)> {
        let entry = self.get((run, place))?;
        let is_last = |runs: &Runs| run < runs.before.len() && place + 1 == runs.run(run).len();
        let is_last = self.runs.as_ref().is_some_and(|runs| is_last(runs));
        Some((entry, if is_last { (run + 1, 0) } else { (run, place + 1) }))
    }

    /// Inserts the position behind all others, at the place where [`Order::find`] says that it would stand.
    #[inline(never)]
    pub(super) fn insert(&mut self, at: At, entry: usize) {
        if self.runs.is_none() && at.1 == self.straight {
            self.straight += 1;
            return;
        }
        let ([(number, place), _], runs) = self.runs([at, at]);
        let run = runs.run_mut(number);
        run.insert(place.min(run.len()), entry as u32);
        if run.len() <= RUN {
            return;
        }
        let after = run.split_off(RUN / 2);
        if number < runs.before.len() {
            runs.before.insert(number + 1, after);
        } else {
            let before = core::mem::replace(&mut runs.last, after);
            runs.before.push(before);
        }
    }

    /// Takes out what stands at the place `at`. What stands at the place `moved` has its position from now on.
    #[inline(never)]
    pub(super) fn remove(&mut self, at: At, moved: At) {
        if self.runs.is_none() && at == moved && at.1 + 1 == self.straight {
            self.straight -= 1;
            return;
        }
        let ([at, moved], runs) = self.runs([at, moved]);
        let position = runs.run(at.0).get(at.1).copied();
        if let (Some(position), Some(entry)) = (position, runs.run_mut(moved.0).get_mut(moved.1)) {
            *entry = position;
        }
        let run = runs.run_mut(at.0);
        if at.1 < run.len() {
            run.remove(at.1);
        }
        if run.is_empty() && at.0 < runs.before.len() {
            runs.before.remove(at.0);
        }
        if runs.before.is_empty() && runs.last.is_empty() {
            *self = Self::new();
        }
    }

    /// The positions, written down now if they were not, and where places are in them.
    fn runs(&mut self, mut places: [At; 2]) -> ([At; 2], &mut Runs) {
        let straight = core::mem::take(&mut self.straight);
        let runs = self.runs.get_or_insert_default();
        if straight > 0 {
            for entry in 0..straight {
                if runs.last.len() == RUN {
                    runs.before.push(core::mem::take(&mut runs.last));
                }
                runs.last.push(entry as u32);
            }
            places = places.map(|(_, place)| {
                let run = (place / RUN).min(runs.before.len());
                (run, place.saturating_sub(run * RUN))
            });
        }
        (places, runs)
    }
}

impl Runs {
    fn run(&self, number: usize) -> &Vec<u32> {
        self.before.get(number).unwrap_or(&self.last)
    }

    fn run_mut(&mut self, number: usize) -> &mut Vec<u32> {
        self.before.get_mut(number).unwrap_or(&mut self.last)
    }
}

/// The place of what `compare` finds equal, out of so many; or else where it would stand.
fn within(many: usize, compare: &mut dyn FnMut(usize) -> Ordering) -> Result<usize, usize> {
    let (mut from, mut to) = (0, many);
    while from < to {
        let place = from.midpoint(to);
        match compare(place) {
            Ordering::Less => from = place + 1,
            Ordering::Equal => return Ok(place),
            Ordering::Greater => to = place,
        }
    }
    Err(from)
}
