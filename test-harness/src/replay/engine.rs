//! What both engines have in common.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use jiff::Timestamp;
use policy_core::counters::OpenError;

use super::judgement::{Judgement, Lack};
use super::peaks::Peaks;
use super::trips::Trips;
use crate::host::{LoadError, StartError, StreamError};
use crate::recording::Exchange;
use crate::world::{Unrecorded, World};

/// Judges recorded requests, one after another.
pub trait Engine {
    /// Which engine it is.
    fn kind(&self) -> EngineKind;

    /// Judges a request at the time it was recorded; at `now`, when the recording does not say. Lookups are answered by
    /// `world`.
    ///
    /// # Errors
    /// [`EngineError`] when the engine itself fails: nothing is known of the request then.
    fn judge_in(
        &mut self,
        world: &dyn World,
        exchange: &Exchange,
        now: Option<Timestamp>,
    ) -> Result<Judgement, EngineError>;

    /// Forgets which grants have been used, where it counts.
    fn forget_grants(&mut self) {}

    /// How much of each budget was used at most, where it counts.
    fn peaks(&self) -> Peaks {
        Peaks::default()
    }

    /// Tripwires that have tripped, where it counts.
    fn trips(&self) -> Trips {
        Trips::default()
    }

    /// The same where nothing of the present is known.
    ///
    /// # Errors
    /// As [`Engine::judge_in`].
    fn judge(&mut self, exchange: &Exchange, now: Option<Timestamp>) -> Result<Judgement, EngineError> {
        self.judge_in(&Unrecorded, exchange, now)
    }
}

/// The engines there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// The filter as a gateway loads it.
    #[default]
    Wasm,
    /// The decision point linked into this program.
    Native,
}

impl EngineKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Native => "native",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EngineKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Wasm, Self::Native]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("no engine `{name}`; use `wasm` or `native`"))
    }
}

/// How the wasm engine delivers a request. The decision must not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Largest piece of the body in bytes; `None`: all of it at once.
    pub chunk: Option<NonZeroUsize>,
    /// Whether trailers end the request.
    pub trailers: Trailers,
}

/// Whether trailers end a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trailers {
    /// Where they were recorded.
    #[default]
    AsRecorded,
    /// Always, also where none were recorded.
    Always,
    /// Never, also where some were recorded.
    Never,
}

/// Why an engine cannot go on. The text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The module is no filter.
    #[error("cannot load the filter: {0}; build it with `cargo xtask wasm`")]
    Load(#[from] LoadError),
    /// The filter did not start with these policies.
    #[error("the filter did not start: {0}; build filter and command from the same release")]
    Start(#[from] StartError),
    /// The filter takes no more requests.
    #[error("the filter takes no more requests: {0}")]
    Stream(#[from] StreamError),
    /// What the filter did is not what it says it did.
    #[error("{place}: the filter contradicts itself: {what}; this is a defect of the filter")]
    Contradiction {
        /// The request, by its place in the recording.
        place: String,
        /// What it said and did.
        what: String,
    },
    /// The counters of the policies do not fit into the memory for them.
    #[error("cannot count: {0}")]
    Counters(#[from] OpenError),
    /// A time outside the range of policies.
    #[error("{place}: the time {time} is before 1970 or after 2262; correct the recording")]
    Time {
        /// The request, by its place in the recording.
        place: String,
        /// The time.
        time: Timestamp,
    },
}

/// When to judge an exchange, in nanoseconds since the Unix epoch; or that it is not known.
pub(super) fn moment(exchange: &Exchange, now: Option<Timestamp>) -> Result<Result<u64, Lack>, EngineError> {
    let Some(time) = exchange.time.or(now) else { return Ok(Err(Lack::of_time())) };
    let outside = |_| EngineError::Time { place: exchange.position.to_string(), time };
    u64::try_from(time.as_nanosecond()).map(Ok).map_err(outside)
}
