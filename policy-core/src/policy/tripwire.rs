//! Tripwires: what stops an agent by itself.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::number::Decimal;

/// The tripwires of a page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tripwires {
    /// The name of what is kept for them: of the agent, and of whether its page is in shadow.
    pub region: [u8; 16],
    /// Each id once.
    pub all: Vec<Tripwire>,
}

/// A tripwire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tripwire {
    /// Its id.
    pub id: String,
    /// A digest of its id and of what it counts: another is counted anew.
    pub key: u64,
    /// What it counts.
    pub counts: Watched,
    /// Over how many seconds.
    pub window: u64,
    /// When it trips.
    pub bound: Most,
    /// It pauses everything; else what has an effect.
    pub everything: bool,
    /// How many seconds the pause lasts; `None`: until somebody resumes the agent.
    pub lasts: Option<u64>,
}

/// What a tripwire counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Watched {
    /// Requests.
    Requests,
    /// Operations that went on and do anything else than to read, or to stop an effect.
    Writes,
    /// Requests that the page refuses.
    Refused,
    /// Requests that went on and failed.
    Failed,
    /// Operations that set a value back to what it was a short time before.
    Reverts,
    /// Requests for something that no permit is about, or a forbid.
    OutOfScope,
}

/// How much is too much: more than this.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Most {
    /// So many.
    Number(u32),
    /// So many percent of something else, once there is enough of that.
    Share {
        /// Percent.
        percent: Decimal,
        /// Of what.
        of: Watched,
        /// Fewest of that.
        sample: u32,
    },
    /// So many times what is usual in a window.
    Times {
        /// What is usual.
        usual: u32,
        /// How many times that.
        times: Decimal,
    },
}

impl Watched {
    /// Everything that can be counted, in the order of the numbers.
    pub const ALL: [Self; 6] =
        [Self::Requests, Self::Writes, Self::Refused, Self::Failed, Self::Reverts, Self::OutOfScope];

    /// The template's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Writes => "writes",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Reverts => "reverts",
            Self::OutOfScope => "out_of_scope",
        }
    }
}

impl Most {
    /// What the counted is a part of.
    #[must_use]
    pub fn of(&self) -> Option<Watched> {
        match self {
            Self::Share { of, .. } => Some(*of),
            Self::Number(_) | Self::Times { .. } => None,
        }
    }

    /// Whether so many, of so many, are too many. What cannot be held exactly is.
    #[must_use]
    pub fn is_passed(&self, counted: u32, of: u32) -> bool {
        let number = |count: u32| Decimal::from_count(count as usize);
        match self {
            Self::Number(max) => counted > *max,
            Self::Times { usual, times } => times.checked_mul(number(*usual)).is_none_or(|most| number(counted) > most),
            Self::Share { percent, sample, .. } => {
                let most = percent.checked_mul(number(of));
                of >= *sample
                    && counted > 0
                    && number(counted).checked_mul(number(100)).zip(most).is_none_or(|(part, most)| part > most)
            }
        }
    }
}

impl Tripwires {
    /// Whether any of them counts this, or a share of it.
    #[must_use]
    pub fn count(&self, what: Watched) -> bool {
        self.all.iter().any(|tripwire| tripwire.counts == what || tripwire.bound.of() == Some(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_bound_is_too_many() {
        let decimal = |text| Decimal::parse_plain(text).unwrap();
        let number = Most::Number(20);
        assert!(!number.is_passed(20, 0));
        assert!(number.is_passed(21, 0));
        // Half of a percent of 200 is 1.
        let share = Most::Share { percent: decimal("0.5"), of: Watched::Writes, sample: 200 };
        for (counted, of, passed) in [(1, 200, false), (2, 200, true), (2, 199, false), (2, 400, false), (3, 400, true)]
        {
            assert_eq!(share.is_passed(counted, of), passed, "{counted} of {of}");
        }
        let none = Most::Share { percent: decimal("0"), of: Watched::Writes, sample: 0 };
        assert!(!none.is_passed(0, 0));
        assert!(none.is_passed(1, 1));
        let times = Most::Times { usual: 10, times: decimal("1.25") };
        assert!(!times.is_passed(12, 0));
        assert!(times.is_passed(13, 0));
    }
}
