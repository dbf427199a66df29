//! A tripwire trips: the pause, and the record of it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use super::actions;
use super::counts::{self, Consequence, Passed};
use super::tally::Tally;
use super::{ACTIONS, COUNTS, Late, Told, slot};
use crate::policy::{Most, Page, PolicySet, Tripwire};
use crate::standing::{Cause, NotPaused, Pause, Pauses, Scope, What, change};
use crate::store::{NotSet, Store, set_again};
use crate::time::Timestamp;

/// The record of a tripwire that has tripped. It holds no value of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trip {
    /// When.
    pub time: String,
    /// The agent.
    pub agent: String,
    /// Version of its page.
    pub version: String,
    /// Digest of the policy set.
    pub policy: String,
    /// The tripwire.
    pub tripwire: String,
    /// What it counts.
    pub count: &'static str,
    /// How much of that there is.
    pub counted: u32,
    /// Most that there may be.
    pub max: Option<u32>,
    /// Most percent that it may be,
    pub max_percent: Option<String>,
    /// of this,
    pub of: Option<&'static str>,
    /// of which there is so much.
    pub of_counted: Option<u32>,
    /// How much is usual,
    pub baseline: Option<u32>,
    /// and how many times that there may be.
    pub times: Option<String>,
    /// Over how many seconds.
    pub window: u64,
    /// `pause_writes`, `pause_agent`.
    pub then: &'static str,
    /// Until when; absent: until the agent is resumed.
    pub until: Option<String>,
    /// Nobody is paused: the page is in shadow, or only told.
    pub only_told: bool,
    /// The agent's last actions as a JSON array, the oldest first.
    pub actions: String,
}

impl Trip {
    /// The record as one line of a log.
    #[must_use]
    pub fn line(&self) -> String {
        format!("ambit: tripped: {}", self.json())
    }

    /// The record as a JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let mut json = String::new();
        let mut member = |name: &str, value: Option<&dyn fmt::Display>| {
            if let Some(value) = value {
                // Writing to a String cannot fail.
                let _ = write!(json, "{}\"{name}\":{value}", if json.is_empty() { '{' } else { ',' });
            }
        };
        member("time", Some(&Quoted(&self.time)));
        member("agent", Some(&Quoted(&self.agent)));
        member("version", Some(&Quoted(&self.version)));
        member("policy", Some(&Quoted(&self.policy)));
        member("tripwire", Some(&Quoted(&self.tripwire)));
        member("count", Some(&Quoted(self.count)));
        member("counted", Some(&self.counted));
        member("max", self.max.as_ref().map(|max| max as _));
        member("max_percent", self.max_percent.as_deref().map(Quoted).as_ref().map(|percent| percent as _));
        member("of", self.of.map(Quoted).as_ref().map(|of| of as _));
        member("of_counted", self.of_counted.as_ref().map(|of| of as _));
        member("baseline", self.baseline.as_ref().map(|usual| usual as _));
        member("times", self.times.as_deref().map(Quoted).as_ref().map(|times| times as _));
        member("window", Some(&self.window));
        member("then", Some(&Quoted(self.then)));
        member("until", self.until.as_deref().map(Quoted).as_ref().map(|until| until as _));
        member("only_told", self.only_told.then_some(&true as _));
        member("actions", Some(&self.actions));
        json.push('}');
        json
    }
}

/// A text as JSON.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).unwrap_or_default())
    }
}

/// Counts what a request brings, and trips what it is too much for.
pub(super) fn count(
    set: &PolicySet,
    page: &Page,
    tally: Tally,
    store: &mut dyn Store,
    now: Timestamp,
    consequence: Consequence,
) -> Told {
    let tripwires = &page.tripwires;
    let held = pauses(page, store, now, consequence);
    let counted = set_counts(page, &tally, &held, store, now, consequence);
    let late = |tally| Late { agent: page.agent.clone(), tally, moved: Vec::new(), consequence };
    let passed = match counted {
        Ok(passed) => passed,
        Err(NotSet::Contended) => return Told { late: Some(late(tally)), ..Told::default() },
        Err(NotSet::Missing) => return Told { lost: true, ..Told::default() },
    };
    let mut told = Told::default();
    let mut newly = Vec::new();
    for (passed, tripwire) in passed.iter().filter_map(|passed| Some((passed, tripwires.all.get(passed.tripwire)?))) {
        let until =
            tripwire.lasts.map(|seconds| Timestamp(now.0.saturating_add(seconds.saturating_mul(1_000_000_000))));
        let tripped = match consequence {
            Consequence::Tell => Ok(true),
            Consequence::Pause => pause(page, tripwire, until, store, now),
        };
        match tripped {
            Ok(true) => newly.push((*passed, tripwire, until)),
            // Another worker has paused it for the same reason.
            Ok(false) => {}
            Err(NotPaused::Contended) => told.late = Some(late(Tally::default())),
            Err(_) => told.lost = true,
        }
    }
    if !newly.is_empty() {
        let actions = store.get(slot(tripwires, ACTIONS)).map(|(bytes, _)| actions::all(&bytes)).unwrap_or_default();
        let actions = format!("[{actions}]");
        told.trips = newly
            .into_iter()
            .map(|(passed, tripwire, until)| {
                let only_told = consequence == Consequence::Tell;
                record(set, page, (passed, tripwire, until), (now, only_told), actions.clone())
            })
            .collect();
    }
    if !passed.is_empty() && consequence == Consequence::Pause {
        // What counts towards a pause that holds now is not counted again once it is lifted.
        let held = pauses(page, store, now, consequence);
        let cleared = set_counts(page, &Tally::default(), &held, store, now, consequence);
        if cleared.is_err() {
            told.late = told.late.or_else(|| Some(late(Tally::default())));
        }
    }
    told
}

/// Counts in the slot: which tripwires it is too much for. Those whose pauses are `held` count nothing.
fn set_counts(
    page: &Page,
    tally: &Tally,
    held: &[String],
    store: &mut dyn Store,
    now: Timestamp,
    consequence: Consequence,
) -> Result<Vec<Passed>, NotSet> {
    let mut passed = Vec::new();
    set_again(store, slot(&page.tripwires, COUNTS), &mut |bytes| {
        let paused = |tripwire: &Tripwire| held.contains(&tripwire.id);
        let (bytes, too_much) = counts::count(bytes, &page.tripwires.all, tally, &paused, consequence, now);
        passed = too_much;
        Some(bytes)
    })?;
    Ok(passed)
}

/// Tripwires of a page whose pauses hold, by their ids.
fn pauses(page: &Page, store: &mut dyn Store, now: Timestamp, consequence: Consequence) -> Vec<String> {
    if consequence == Consequence::Tell {
        return Vec::new();
    }
    let pauses = Pauses::read(store).map(|pauses| pauses.pauses).unwrap_or_default();
    let of_page = |pause: Pause| match (pause.scope, pause.cause) {
        (Scope::Agent(agent), Cause::Tripwire { id })
            if agent == page.agent && pause.until.is_none_or(|until| now < until) =>
        {
            Some(id)
        }
        _ => None,
    };
    pauses.into_iter().filter_map(of_page).collect()
}

/// Pauses the agent. `false`: it is paused by this tripwire already.
fn pause(
    page: &Page,
    tripwire: &Tripwire,
    until: Option<Timestamp>,
    store: &mut dyn Store,
    now: Timestamp,
) -> Result<bool, NotPaused> {
    let what = if tripwire.everything { What::Everything } else { What::Writes };
    let scope = Scope::Agent(page.agent.clone());
    let cause = Cause::Tripwire { id: tripwire.id.clone() };
    change(store, now, |pauses| {
        // What does not hold any more is gone.
        if pauses.pauses.iter().any(|known| known.scope == scope && known.cause == cause && known.what == what) {
            return Ok(false);
        }
        let pause = Pause { scope: scope.clone(), what, cause: cause.clone(), since: now, until };
        pauses.pause(pause).map(|()| true)
    })
}

fn record(
    set: &PolicySet,
    page: &Page,
    (passed, tripwire, until): (Passed, &Tripwire, Option<Timestamp>),
    (now, only_told): (Timestamp, bool),
    actions: String,
) -> Trip {
    let mut trip = Trip {
        time: now.to_string(),
        agent: page.agent.clone(),
        version: page.version.clone(),
        policy: set.digest().to_string(),
        tripwire: tripwire.id.clone(),
        count: tripwire.counts.name(),
        counted: passed.counted,
        max: None,
        max_percent: None,
        of: None,
        of_counted: None,
        baseline: None,
        times: None,
        window: tripwire.window,
        then: if tripwire.everything { "pause_agent" } else { "pause_writes" },
        until: until.map(|until| until.to_string()),
        only_told,
        actions,
    };
    match &tripwire.bound {
        Most::Number(max) => trip.max = Some(*max),
        Most::Share { percent, of, .. } => {
            trip.max_percent = Some(percent.to_string());
            trip.of = Some(of.name());
            trip.of_counted = Some(passed.of);
        }
        Most::Times { usual, times } => {
            trip.baseline = Some(*usual);
            trip.times = Some(times.to_string());
        }
    }
    trip
}
