//! The calls that one need of the present takes: which are in flight, which wait their turn, what was answered.

use crate::calls::{self, Held, NANOSECONDS_PER_MILLISECOND, NotMade};
use crate::host;
use crate::metrics::Metric;
use crate::plugin::Plugin;
use crate::policy::state::{Answer, Fetch, Reader};
use crate::policy::{NeedCurrent, Step, Unavailable};
use crate::trial::Trial;

/// How much before its time a gateway may end a call: its timers count whole milliseconds.
const EARLY: u64 = 5 * NANOSECONDS_PER_MILLISECOND;

/// An open need of the present.
pub(crate) struct Lookups {
    need: NeedCurrent,
    /// Whose answers may be used instead of calls; `None`: no page lets them.
    reader: Option<Reader>,
    /// Context of the stream that waits.
    request: u32,
    /// When all its calls must be answered, in nanoseconds since the Unix epoch.
    until: u64,
    /// In the order of the fetches.
    answers: Vec<Option<Answer>>,
    /// The fetch whose turn is next.
    next: usize,
    /// Calls that were made and are not answered, each with the place of its fetch.
    in_flight: Vec<(u32, usize)>,
    held: Held,
}

impl Lookups {
    /// Makes the first calls of a need, in the effective context of the stream `request`. What cannot be made is
    /// answered at once: look at [`Lookups::is_open`].
    pub(crate) fn open(need: NeedCurrent, request: u32, now: u64, until: u64, plugin: &Plugin) -> Self {
        let answers = need.fetches().iter().map(|_| None).collect();
        let reader = plugin.kept.as_ref().map(|_| need.reader());
        let held = Held::default();
        let mut lookups = Self { need, reader, request, until, answers, next: 0, in_flight: Vec::new(), held };
        lookups.dispatch(now, plugin);
        lookups
    }

    /// Whether a call is yet to be answered.
    pub(crate) fn is_open(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// When all calls must be answered, in nanoseconds since the Unix epoch.
    pub(crate) fn until(&self) -> u64 {
        self.until
    }

    /// Takes the answer of a call, of which the gateway has `fields` headers and `size` bytes of body, and makes the
    /// calls whose turn it is then. A call that is none of these changes nothing.
    pub(crate) fn take(&mut self, call: u32, fields: usize, size: usize, plugin: &Plugin) {
        let Some(place) = self.in_flight.iter().position(|(known, _)| *known == call) else { return };
        let (_, fetch) = self.in_flight.swap_remove(place);
        let limit = self.need.fetches().get(fetch).map_or(0, |fetch| fetch.limit);
        // Without the time no further call can be bounded.
        let now = host::now().unwrap_or(self.until);
        let answer = match read(fields, size, limit, &mut self.held).unwrap_or_else(Answer::Unavailable) {
            // The gateway's own words for a call that took too long.
            Answer::Response { status: 504, .. } if now.saturating_add(EARLY) >= self.until => {
                Answer::Unavailable(Unavailable::Timeout)
            }
            answer => answer,
        };
        self.answer(fetch, answer, plugin);
        self.dispatch(now, plugin);
    }

    /// The evaluation with what was answered, of which a candidate gets a copy. What was not has taken too long.
    pub(crate) fn conclude(self, trial: Option<&mut Trial>, plugin: &Plugin) -> Step {
        let late = || {
            plugin.metrics.count(Metric::LookupUnavailable);
            Answer::Unavailable(Unavailable::Timeout)
        };
        let answers: Vec<Answer> = self.answers.into_iter().map(|answer| answer.unwrap_or_else(late)).collect();
        if let Some(trial) = trial {
            self.need.fetches().iter().zip(&answers).for_each(|(fetch, answer)| trial.answer(fetch, answer));
        }
        self.need.answer(answers)
    }

    /// Makes the calls whose turn it is. One whose answer is kept is not made.
    fn dispatch(&mut self, now: u64, plugin: &Plugin) {
        while self.in_flight.len() < plugin.set.lookups_parallel()
            && let Some(fetch) = self.need.fetches().get(self.next)
        {
            let place = self.next;
            self.next = place.saturating_add(1);
            if let Some(answer) = kept(self.reader.as_ref(), fetch, now, &mut self.held, plugin) {
                plugin.metrics.count(Metric::LookupReused);
                self.answer(place, answer, plugin);
                continue;
            }
            match calls::dispatch(self.request, fetch, now, self.until) {
                Ok(call) => {
                    plugin.metrics.count(Metric::Lookup);
                    self.in_flight.push((call, place));
                }
                Err(why) => {
                    if let NotMade::Refused(status) = why {
                        plugin.tell_call_refused(&fetch.cluster, status);
                    }
                    self.answer(place, Answer::Unavailable(why.unavailable()), plugin);
                }
            }
        }
    }

    fn answer(&mut self, place: usize, answer: Answer, plugin: &Plugin) {
        // A gateway's own timeouts and resets look like a 504 or a 503 of the upstream.
        if matches!(answer, Answer::Unavailable(_) | Answer::Response { status: 500.., .. }) {
            plugin.metrics.count(Metric::LookupUnavailable);
        }
        if let Some(slot) = self.answers.get_mut(place) {
            *slot = Some(answer);
        }
    }
}

/// An answer that the agent itself got to the same request a moment ago. The decision point reads it like any other.
fn kept(reader: Option<&Reader>, fetch: &Fetch, now: u64, held: &mut Held, plugin: &Plugin) -> Option<Answer> {
    let answer = plugin.kept.as_ref()?.find(reader?, fetch, now)?;
    let size = match &answer {
        Answer::Response { body, .. } => body.len(),
        _ => return None,
    };
    held.take(size).then_some(answer)
}

/// Reads the answer of the call that the gateway is answering. A body that is not wanted stays where it is.
fn read(fields: usize, size: usize, limit: usize, held: &mut Held) -> Result<Answer, Unavailable> {
    if fields == 0 {
        // How a gateway says that the call failed.
        return Err(Unavailable::Unreachable);
    }
    if size > limit {
        return Err(Unavailable::TooLarge);
    }
    let headers = host::call_headers().map_err(|_| Unavailable::NotSeen)?;
    let status = headers.iter().find(|(name, _)| name == b":status").and_then(|(_, value)| status(value));
    let status = status.ok_or(Unavailable::NotSeen)?;
    if !held.take(size) {
        return Err(Unavailable::NotSeen);
    }
    let body = match size {
        0 => Vec::new(),
        // One byte more than announced is asked for: if the buffer holds more, what was announced is not the body.
        _ => host::call_body(size.saturating_add(1)).map_err(|_| Unavailable::NotSeen)?,
    };
    if body.len() != size {
        return Err(Unavailable::NotSeen);
    }
    Ok(Answer::Response { status, headers, body })
}

/// An HTTP status, three digits.
fn status(text: &[u8]) -> Option<u16> {
    let digits = text.len() == 3 && text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}
