//! Requests, rows and sums in a window.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::window::Frame;
use crate::number::Decimal;

/// What was used in each part of a window, by the parts' numbers, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total(Vec<(u64, Decimal)>);

impl Total {
    /// Takes out what does not count any more.
    pub(crate) fn expire(&mut self, frame: Frame) {
        self.0.retain(|(part, _)| *part >= frame.oldest);
    }

    /// Every number in it.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = &Decimal> {
        self.0.iter().map(|(_, used)| used)
    }

    /// Whether nothing counts.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is used; `None`: it cannot be held exactly.
    pub(crate) fn used(&self) -> Option<Decimal> {
        self.0.iter().try_fold(Decimal::ZERO, |sum, (_, used)| sum.checked_add(*used))
    }

    /// Adds to the part of now; `None`: the sum cannot be held exactly.
    pub(crate) fn add(&mut self, frame: Frame, amount: Decimal) -> Option<()> {
        match self.0.last_mut() {
            Some((part, used)) if *part == frame.current => *used = used.checked_add(amount)?,
            _ => self.0.push((frame.current, amount)),
        }
        Some(())
    }

    /// Takes back what was added to a part. What has expired is nowhere to be taken from.
    pub(crate) fn take_back(&mut self, part: u64, amount: Decimal) {
        if let Some(position) = self.0.iter().position(|(known, _)| *known == part)
            && let Some((_, used)) = self.0.get_mut(position)
        {
            match used.checked_sub(amount).filter(|rest| *rest > Decimal::ZERO) {
                Some(rest) => *used = rest,
                None => drop(self.0.remove(position)),
            }
        }
    }

    /// All of it as if it were used now: the parts of another window say nothing here.
    pub(crate) fn gathered(self, frame: Frame) -> Option<Self> {
        let used = self.used()?;
        Some(Self(if used == Decimal::ZERO { Vec::new() } else { alloc::vec![(frame.current, used)] }))
    }
}
