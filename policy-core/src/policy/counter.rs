//! Counters: what an agent may use up in a window of time.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::rule::{Band, Change};
use crate::number::Decimal;

/// A counter of a page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counter {
    /// Its id, unique among those of the same rule.
    pub id: String,
    /// The permit it stands in; `None`: it is shared between permits.
    pub rule: Option<String>,
    /// The name of its budget: agent, rule, id, what is counted, whether the page is in shadow.
    pub region: [u8; 16],
    /// What is counted, and how much of it there may be.
    pub counted: Counted,
    /// Over how long.
    pub window: Window,
    /// What has a budget of its own, beside the agent.
    pub per: Vec<Per>,
    /// It is charged whatever the verdict, and never given back.
    pub attempt: bool,
    /// What a breach means.
    pub beyond: Band,
    /// How far it goes.
    pub reach: Reach,
    /// It refuses until it has been kept for a whole window.
    pub whole: bool,
}

/// What is counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Counted {
    /// Requests, of which there are at most so many.
    Requests(Decimal),
    /// Operations that the permit matched.
    Rows(Decimal),
    /// A value, added up.
    Sum {
        /// The value.
        name: Name,
        /// Most that it may add up to.
        max: Decimal,
    },
    /// Changes of values, added up.
    Drift(Drift),
}

/// How far values may drift from where they were.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drift {
    /// Only the distance from the base counts; else every change on the way.
    pub net: bool,
    /// Fields whose changes are added up, and how each is spelled in a page.
    pub fields: Vec<(String, Name)>,
    /// Most that may add up, and what a change is measured against.
    pub bounds: Change,
}

/// A window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// The last so many seconds.
    Rolling(u64),
    /// The day of the calendar, in the page's time zone.
    Day,
    /// As long as tokens of the session hold.
    Session,
}

/// What has a budget of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Per {
    /// Each resource, by its canonical key.
    Resource,
    /// Each value of a name.
    Name(Name),
    /// Each session.
    Session,
}

/// How far a counter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reach {
    /// One worker of a gateway.
    Worker,
    /// All workers of one gateway.
    Node,
}

impl Counted {
    /// The word of what is counted. It is a part of a counter's identity: sums do not go on as counts.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Requests(_) => "requests",
            Self::Rows(_) => "rows",
            Self::Sum { .. } => "sum",
            Self::Drift(Drift { net: false, .. }) => "gross",
            Self::Drift(Drift { net: true, .. }) => "net",
        }
    }
}
