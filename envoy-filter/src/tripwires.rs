//! Tells the tripwires of decisions and of what became of requests; records what trips.

use std::cell::RefCell;

use crate::copying::Copying;
use crate::host;
use crate::metrics::Metric;
use crate::plugin::Plugin;
use crate::policy::tripwires::{Answered, Consequence, End, Late, Told, Watch, again, decided};
use crate::policy::{Outcome, Timestamp};
use crate::store::Slots;
use crate::types::{Fields, Level};

/// Most of what waits to be counted. It waits only while others set the slots all the time; more is lost.
pub(crate) const LATE: usize = 1_024;

/// A request that went on, until it is known what became of it.
pub(crate) struct Watched {
    watch: Watch,
    copy: Option<Copy>,
}

/// Its answer, as far as it has passed.
struct Copy {
    status: u16,
    copying: Copying,
    fields: Fields,
    body: Vec<u8>,
}

/// How far a request's answer is.
#[must_use]
pub(crate) enum Passed {
    /// It is looked at further.
    Open(Watched),
    /// Everything is known.
    Ended,
}

/// A decision is made, and carried out.
pub(crate) fn on_decision(outcome: &mut Outcome, plugin: &Plugin) -> Option<Watched> {
    let now = now(plugin)?;
    let (watch, told) = decided(&plugin.set, outcome, &mut Slots, now, Consequence::Pause);
    record(told, plugin);
    watch.map(|watch| Watched { watch, copy: None })
}

impl Watched {
    /// The head of the response is here, with this status if it can be read.
    pub(crate) fn on_head(self, status: Option<u16>, end_of_stream: bool, plugin: &Plugin) -> Passed {
        let Some(status) = status else { return Passed::Open(self) };
        match self.watch.copies(status).filter(|_| !end_of_stream) {
            Some(limit) if self.copy.is_none() => {
                let mut copying = Copying::begin(limit);
                let fields = host::response_headers().unwrap_or_default();
                copying.announce(one(&fields, b"content-length").and_then(|length| length.parse().ok()));
                Passed::Open(Self { copy: Some(Copy { status, copying, fields, body: Vec::new() }), ..self })
            }
            _ => {
                end(self.watch, End::Answered(status, None), plugin);
                Passed::Ended
            }
        }
    }

    /// `size` bytes of the response's body go by.
    pub(crate) fn on_body(mut self, size: usize, end_of_stream: bool, plugin: &Plugin) -> Passed {
        let Some(copy) = &mut self.copy else { return Passed::Open(self) };
        match copy.copying.part(size) {
            Some(part) => copy.body.extend(part),
            None => {
                // So much of an answer, or one that cannot be read, says nothing else than its status.
                end(self.watch, End::Answered(copy.status, None), plugin);
                return Passed::Ended;
            }
        }
        if !end_of_stream {
            return Passed::Open(self);
        }
        self.on_end(plugin);
        Passed::Ended
    }

    /// The response has ended, or the stream has.
    pub(crate) fn on_end(self, plugin: &Plugin) {
        match &self.copy {
            None => end(self.watch, End::Unanswered, plugin),
            Some(Copy { status, copying, fields, body }) => {
                let answered = Answered {
                    content_type: one(fields, b"content-type"),
                    encoding: one(fields, b"content-encoding"),
                    body,
                };
                end(self.watch, End::Answered(*status, copying.is_whole().then_some(answered)), plugin);
            }
        }
    }
}

fn end(watch: Watch, end: End<'_>, plugin: &Plugin) {
    if let Some(now) = now(plugin) {
        record(watch.ended(&plugin.set, end, &mut Slots, now), plugin);
    }
}

/// Tells again what could not be counted, in a tick of the root context.
pub(crate) fn again_late(plugin: &Plugin) {
    let late = plugin.late.try_borrow_mut().map(|mut late| std::mem::take(&mut *late)).unwrap_or_default();
    if late.is_empty() {
        return;
    }
    let Some(now) = now(plugin) else { return };
    for late in late {
        record(again(&plugin.set, late, &mut Slots, now), plugin);
    }
}

/// Waits with what is late, and records what has tripped.
fn record(told: Told, plugin: &Plugin) {
    if let Some(late) = told.late {
        plugin.metrics.count(if wait(late, &plugin.late) { Metric::TripwireLate } else { Metric::TripwireLost });
    }
    if told.lost {
        plugin.metrics.count(Metric::TripwireLost);
    }
    for trip in told.trips {
        plugin.metrics.count(Metric::Tripped);
        host::log(Level::Warn, &trip.line());
    }
}

fn wait(late: Late, waiting: &RefCell<Vec<Late>>) -> bool {
    let Ok(mut waiting) = waiting.try_borrow_mut() else { return false };
    let room = waiting.len() < LATE;
    if room {
        waiting.push(late);
    }
    room
}

/// The time; without it nothing is counted.
fn now(plugin: &Plugin) -> Option<Timestamp> {
    let now = host::now().ok().map(Timestamp);
    if now.is_none() {
        plugin.metrics.count(Metric::TripwireLost);
    }
    now
}

/// The one value of a header.
fn one<'f>(fields: &'f Fields, name: &[u8]) -> Option<&'f str> {
    let mut values = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    match (values.next(), values.next()) {
        (Some((_, value)), None) => str::from_utf8(value).ok(),
        _ => None,
    }
}
