//! A request before the candidate: it judges each request once more, for the record alone.
//!
//! What the enforced judgement goes by is copied on its way, within bounds; when its outcome is final, the candidate judges by
//! the copy. It delays no call and no body, and what it says reaches the access log and the metrics, nothing else. Its
//! counters stand in slots of their own; a charge that cannot be taken back at once stays, since the room to try again is the
//! enforced counters'.

use std::cell::Cell;

use crate::charge::signals;
use crate::host;
use crate::identity;
use crate::metrics::Metric;
use crate::plugin::Plugin;
use crate::policy::counters::{Receipt, carry_out, give_back};
use crate::policy::decision::Compared;
use crate::policy::state::{Answer, Fetch};
use crate::policy::{Body, Evidence, Head, NeedBody, Outcome, Timestamp};
use crate::store::Slots;
use crate::types::Fields;

/// Most bytes of requests and answers that are held for candidates in this VM at a time. Beyond, a candidate is not asked.
pub(crate) const EVIDENCE_BYTES: usize = 16 * 1024 * 1024;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// A request that a candidate judges too.
pub(crate) struct Trial {
    evidence: Option<Evidence>,
    /// Bytes that are held of it, given back when dropped.
    held: usize,
    /// What it is charged of the candidate's counters, until it is known what became of it.
    receipts: Vec<Receipt>,
    operations: usize,
}

impl Trial {
    /// Begins with the head. `None`: there is no candidate.
    pub(crate) fn begin(plugin: &Plugin, fields: &Fields, end_of_stream: bool, now: u64) -> Option<Box<Self>> {
        let candidate = plugin.candidate.as_ref()?;
        let mut trial = Self { evidence: None, held: 0, receipts: Vec::new(), operations: 0 };
        // It may name agents by other properties than the enforced set.
        let properties = identity::properties(&candidate.set).ok().filter(|_| trial.hold(size_of(fields)));
        trial.evidence = Some(if let Some(properties) = properties {
            let head = Head { properties, ..Head::new(fields.clone(), end_of_stream) };
            Evidence::new(head, Timestamp(now))
        } else {
            let mut lost = Evidence::new(Head::new(Vec::new(), end_of_stream), Timestamp(now));
            lost.lose();
            lost
        });
        Some(Box::new(trial))
    }

    /// The body with which a need is about to be answered.
    pub(crate) fn body(&mut self, need: &NeedBody, body: &Body) {
        let size = if let Body::Complete(bytes) = body { bytes.len() } else { 0 };
        self.add(size, |evidence| evidence.body(body.clone(), need.limit()));
    }

    /// What a call brought.
    pub(crate) fn answer(&mut self, fetch: &Fetch, answer: &Answer) {
        let size = match answer {
            Answer::Response { headers, body, .. } => size_of(headers).saturating_add(body.len()),
            _ => 0,
        };
        self.add(size, |evidence| evidence.answer(fetch.clone(), answer.clone()));
    }

    /// Judges by the candidate, now that the outcome is final, and notes in it what is to be recorded.
    pub(crate) fn judge(&mut self, outcome: &mut Outcome, plugin: &Plugin) {
        let (Some(evidence), Some(candidate)) = (self.evidence.take(), &plugin.candidate) else { return };
        let tried = evidence.judge(&candidate.set, outcome, &mut |_, plan| {
            let now = host::now().ok()?;
            Some(carry_out(plan, candidate.table.as_ref()?, &mut Slots, Timestamp(now)))
        });
        self.release();
        plugin.metrics.count(match tried.record.compared {
            Compared::Same => Metric::CandidateSame,
            Compared::Stricter => Metric::CandidateStricter,
            Compared::Looser => Metric::CandidateLooser,
            Compared::Undecidable => Metric::CandidateUndecidable,
        });
        if let Some(tried) = tried.outcome {
            self.operations = tried.operations.len();
            self.receipts = tried.reserved;
        }
        if !outcome.forward {
            self.give_back();
        }
        outcome.candidate = Some(Box::new(tried.record));
    }

    /// Whether something is charged of the candidate's counters, and to be settled.
    pub(crate) fn is_charged(&self) -> bool {
        !self.receipts.is_empty()
    }

    /// The request ended: by a response with this status, or without one. Needs its context to be effective.
    pub(crate) fn settle(mut self, status: Option<u16>) {
        if signals(self.operations, status).give_back() {
            self.give_back();
        }
    }

    /// The request did not go on.
    pub(crate) fn give_back(&mut self) {
        let _ = give_back(std::mem::take(&mut self.receipts), &mut Slots);
    }

    /// Adds to the evidence, if there is room for so many bytes more.
    fn add(&mut self, size: usize, add: impl FnOnce(&mut Evidence)) {
        if self.evidence.is_none() {
            return;
        }
        let room = self.hold(size);
        if let Some(evidence) = &mut self.evidence {
            if room {
                add(evidence);
            } else {
                evidence.lose();
                self.release();
            }
        }
    }

    fn hold(&mut self, size: usize) -> bool {
        let held = HELD.try_with(Cell::get).unwrap_or(EVIDENCE_BYTES).saturating_add(size);
        if held > EVIDENCE_BYTES {
            return false;
        }
        self.held = self.held.saturating_add(size);
        HELD.try_with(|all| all.set(held)).is_ok()
    }

    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        // The thread's storage is gone only when the VM is.
        let _ = HELD.try_with(|all| all.set(all.get().saturating_sub(held)));
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.release();
    }
}

/// Bytes of names and values.
fn size_of(fields: &Fields) -> usize {
    fields.iter().fold(0, |sum: usize, (name, value)| sum.saturating_add(name.len()).saturating_add(value.len()))
}

/// Bytes that are held for candidates.
#[cfg(test)]
pub(crate) fn held() -> usize {
    HELD.get()
}
