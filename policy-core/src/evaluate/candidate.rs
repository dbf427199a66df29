//! A candidate: a second policy set that judges the same request, once what is enforced is final. It goes by what the enforced
//! judgement had to go by, and asks the host for nothing of its own: no body, no call. What it lacks makes it undecidable
//! where that could change its decision.
//!
//! Nothing of it reaches the request, its answer, or what is charged for it: its counters have names of their own
//! ([`Table`](crate::counters::Table)).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::step::{Step, evaluate};
use crate::approval::HEADER;
use crate::counters::{Plan, Refusal, Tallied};
use crate::decision::{Candidate, Outcome, Undecided};
use crate::decode::{Body, Unavailable};
use crate::policy::PolicySet;
use crate::reason::Code;
use crate::request::Head;
use crate::state::{Answer, Fetch};
use crate::time::Timestamp;

/// Needs that one evaluation may open one after another; more is a loop.
const NEEDS: usize = 8;

/// What a judgement had to go by, gathered on its way: a copy, which the enforced judgement never reads.
#[derive(Clone, Debug)]
pub struct Evidence {
    head: Head,
    now: Timestamp,
    /// The body, if it was asked for, and the largest that would have been read.
    body: Option<(Body, usize)>,
    answers: Vec<(Fetch, Answer)>,
    lost: bool,
}

/// What a candidate makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// For the record.
    pub record: Candidate,
    /// In full, with what is reserved of its counters. `None`: it was not judged.
    pub outcome: Option<Outcome>,
}

/// Who carries out on the candidate's counters what it would charge an agent. `None`: they cannot be had.
pub type Count<'c> = dyn FnMut(&str, &Plan) -> Option<Tallied> + 'c;

impl Evidence {
    /// Begins with the head, and the moment at which it is judged.
    #[must_use]
    pub fn new(head: Head, now: Timestamp) -> Self {
        Self { head, now, body: None, answers: Vec::new(), lost: false }
    }

    /// The body that was asked for, or why there is none; `limit` is that of the need.
    pub fn body(&mut self, body: Body, limit: usize) {
        self.body = Some((body, limit));
    }

    /// What a call brought.
    pub fn answer(&mut self, fetch: Fetch, answer: Answer) {
        self.answers.push((fetch, answer));
    }

    /// Forgets everything: there is no room for it. The candidate is then not asked.
    pub fn lose(&mut self) {
        *self = Self { lost: true, ..Self::new(Head::new(Vec::new(), true), self.now) };
    }

    /// Whether it was forgotten.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Judges by `candidate` the request of which `enforced` is the final outcome.
    ///
    /// What `count` charges stays charged only where the request really went on: else the caller gives back what the outcome
    /// has reserved.
    #[must_use]
    pub fn judge(mut self, candidate: &Arc<PolicySet>, enforced: &Outcome, count: &mut Count<'_>) -> Tried {
        if self.lost {
            return undecided(candidate, Undecided::Memory, None);
        }
        let stopped = |code| matches!(code, Code::Paused | Code::SessionEnded | Code::SessionBeforeStart);
        if enforced.reasons.first().is_some_and(|reason| stopped(reason.code)) {
            return Tried { record: Candidate::stopped(candidate, enforced), outcome: None };
        }
        let mut lacks = None;
        let mut head = core::mem::replace(&mut self.head, Head::new(Vec::new(), true));
        // A grant is for the enforced set, and is used up there.
        head.fields.retain(|(name, _)| !name.eq_ignore_ascii_case(HEADER.as_bytes()));
        let mut step = evaluate(candidate, head, self.now);
        for _ in 0..NEEDS {
            step = match step {
                Step::Done(outcome) => return compare(candidate, enforced, outcome, lacks),
                Step::NeedBody(need) => {
                    let body = self.body_within(need.limit());
                    if body.is_none() {
                        lacks = Some(Undecided::Body);
                    }
                    need.answer(body.unwrap_or(Body::Unavailable(Unavailable::NotRecorded)))
                }
                Step::NeedCurrent(need) => {
                    let answers = need.fetches().iter().map(|fetch| self.answer_to(fetch)).collect();
                    need.answer(answers)
                }
                // Who is paused is for the enforced set to say.
                Step::NeedStore(need) if need.plan().charges().is_empty() => need.answer(Tallied::default()),
                Step::NeedStore(need) => match count(need.agent(), need.plan()) {
                    Some(tallied) => {
                        if is_of_the_store(&tallied) {
                            lacks = Some(Undecided::Counters);
                        }
                        need.answer(tallied)
                    }
                    None => {
                        lacks.get_or_insert(Undecided::Counters);
                        need.unavailable(Unavailable::NotRecorded)
                    }
                },
            };
        }
        undecided(candidate, Undecided::Present, None)
    }

    /// The body, as far as this limit lets it be read. `None`: it was not read, or not so far.
    fn body_within(&mut self, limit: usize) -> Option<Body> {
        match self.body.take()? {
            (Body::Unavailable(Unavailable::TooLarge), read) if read < limit => None,
            (body, _) => Some(body),
        }
    }

    /// What the same call brought.
    fn answer_to(&self, fetch: &Fetch) -> Answer {
        let same = |(known, _): &&(Fetch, Answer)| {
            (known.method, &known.host, &known.target, &known.body)
                == (fetch.method, &fetch.host, &fetch.target, &fetch.body)
        };
        let answer = self.answers.iter().find(same).map(|(_, answer)| answer.clone());
        answer.unwrap_or(Answer::Unavailable(Unavailable::NotRecorded))
    }
}

/// Whether the store alone stands against it, and not what was used: the counters of a candidate have less room, and are kept
/// for a shorter time, than they would be were they enforced.
fn is_of_the_store(tallied: &Tallied) -> bool {
    let of_the_store = |refusal: &Refusal| !matches!(refusal, Refusal::Exceeded(_) | Refusal::Inexact);
    !tallied.refusals.is_empty() && tallied.refusals.iter().all(|(_, refusal)| of_the_store(refusal))
}

fn compare(set: &PolicySet, enforced: &Outcome, outcome: Outcome, lacks: Option<Undecided>) -> Tried {
    if enforced.undecidable.is_some() {
        return undecided(set, Undecided::Enforced, Some(outcome));
    }
    match lacks {
        Some(why @ Undecided::Counters) => undecided(set, why, Some(outcome)),
        _ if outcome.undecidable.is_some() => undecided(set, lacks.unwrap_or(Undecided::Present), Some(outcome)),
        _ => Tried { record: Candidate::judged(set, enforced, &outcome), outcome: Some(outcome) },
    }
}

fn undecided(set: &PolicySet, why: Undecided, outcome: Option<Outcome>) -> Tried {
    Tried { record: Candidate::undecided(set, why), outcome }
}
