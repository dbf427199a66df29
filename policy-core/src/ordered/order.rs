//! The order of entries that stand somewhere else, by their positions there.

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
    /// From then on runs of positions: those before the last, none of them empty.
    before: Vec<Vec<u32>>,
    /// The last run.
    last: Vec<u32>,
}

impl Order {
    pub(super) const fn new() -> Self {
        Self { straight: 0, before: Vec::new(), last: Vec::new() }
    }

    /// Where the entry stands that `compare` finds equal; or else where it would stand. `compare` says how the entry at a
    /// position compares to what is sought.
    #[inline(never)]
    pub(super) fn find(&self, compare: &mut dyn FnMut(usize) -> Ordering) -> Result<At, At> {
        let run = self.before.partition_point(|run| run.last().is_some_and(|entry| compare(*entry as usize).is_lt()));
        let entries = self.run(run);
        let (mut from, mut to) = (0, entries.len().max(self.straight));
        while from < to {
            let place = from.midpoint(to);
            match compare(entries.get(place).map_or(place, |entry| *entry as usize)) {
                Ordering::Less => from = place + 1,
                Ordering::Equal => return Ok((run, place)),
                Ordering::Greater => to = place,
            }
        }
        Err((run, from))
    }

    /// The position that stands at a place of the order.
    pub(super) fn get(&self, (run, place): At) -> Option<usize> {
        if place < self.straight {
            return Some(place);
        }
        self.run(run).get(place).map(|entry| *entry as usize)
    }

    /// Inserts the position behind all others, at the place where [`Order::find`] says that it would stand.
    #[inline(never)]
    pub(super) fn insert(&mut self, at: At, entry: usize) {
        if entry == self.straight && at == (0, entry) {
            self.straight += 1;
            return;
        }
        let [(number, place), _] = self.bend([at, at]);
        let run = self.run_mut(number);
        run.insert(place.min(run.len()), entry as u32);
        if run.len() <= RUN {
            return;
        }
        let after = run.split_off(RUN / 2);
        if number < self.before.len() {
            self.before.insert(number + 1, after);
        } else {
            let before = core::mem::replace(&mut self.last, after);
            self.before.push(before);
        }
    }

    /// Takes out what stands at the place `at`. What stands at the place `moved` has its position from now on.
    #[inline(never)]
    pub(super) fn remove(&mut self, at: At, moved: At) {
        if at == moved && at.1 + 1 == self.straight {
            self.straight -= 1;
            return;
        }
        let [at, moved] = self.bend([at, moved]);
        let position = self.run(at.0).get(at.1).copied();
        if let (Some(position), Some(entry)) = (position, self.run_mut(moved.0).get_mut(moved.1)) {
            *entry = position;
        }
        let run = self.run_mut(at.0);
        if at.1 < run.len() {
            run.remove(at.1);
        }
        if run.is_empty() && at.0 < self.before.len() {
            self.before.remove(at.0);
        }
    }

    /// The position behind a place of the order, and the place behind that.
    pub(super) fn next(&self, (run, place): At) -> Option<(usize, At)> {
        let entry = self.get((run, place))?;
        let is_last = run < self.before.len() && place + 1 == self.run(run).len();
        Some((entry, if is_last { (run + 1, 0) } else { (run, place + 1) }))
    }

    /// Writes the positions down, if they are not yet, and returns where places are then.
    fn bend(&mut self, places: [At; 2]) -> [At; 2] {
        if self.straight == 0 {
            return places;
        }
        for entry in 0..core::mem::take(&mut self.straight) {
            if self.last.len() == RUN {
                self.before.push(core::mem::take(&mut self.last));
            }
            self.last.push(entry as u32);
        }
        places.map(|(_, place)| {
            let run = (place / RUN).min(self.before.len());
            (run, place.saturating_sub(run * RUN))
        })
    }

    fn run(&self, number: usize) -> &Vec<u32> {
        self.before.get(number).unwrap_or(&self.last)
    }

    fn run_mut(&mut self, number: usize) -> &mut Vec<u32> {
        self.before.get_mut(number).unwrap_or(&mut self.last)
    }
}
