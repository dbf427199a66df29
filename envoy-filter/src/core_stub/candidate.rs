//! A candidate whose judgement is written in the request's `x-candidate`: `deny`, `allow`, or `counted`: charged to the
//! worker's counter. What it tells is what it has seen of the request.

use std::sync::Arc;

pub use policy_core::decision::Compared;

use super::counters::{Plan, Reach, Tallied};
use super::state::{Answer, Fetch};
use super::{Body, Decision, Head, Outcome, PolicySet, Timestamp, value};

pub struct Candidate {
    pub compared: Compared,
    pub told: String,
}

pub struct Tried {
    pub record: Candidate,
    pub outcome: Option<Outcome>,
}

pub struct Evidence {
    head: Option<Head>,
    seen: Vec<String>,
}

impl Evidence {
    pub fn new(head: Head, _now: Timestamp) -> Self {
        Self { head: Some(head), seen: Vec::new() }
    }
    pub fn body(&mut self, body: Body, limit: usize) {
        self.seen.push(match body {
            Body::Empty => format!("empty of {limit}"),
            Body::Complete(bytes) => format!("{} of {limit}", bytes.len()),
            Body::Unavailable(why) => format!("{why:?}"),
        });
    }
    pub fn answer(&mut self, fetch: Fetch, answer: Answer) {
        let answer = match answer {
            Answer::Response { body, .. } => String::from_utf8_lossy(&body).into_owned(),
            Answer::Part(_) => "a part".into(),
            Answer::Unavailable(why) => format!("{why:?}"),
        };
        self.seen.push(format!("{} {answer}", fetch.target));
    }
    pub fn lose(&mut self) {
        self.head = None;
    }
    pub fn judge(
        self,
        _set: &Arc<PolicySet>,
        enforced: &Outcome,
        count: &mut dyn FnMut(&str, &Plan) -> Option<Tallied>,
    ) -> Tried {
        let Some(head) = self.head else {
            let record = Candidate { compared: Compared::Undecidable, told: "lost".into() };
            return Tried { record, outcome: None };
        };
        let reserved = match value(&head, b"x-candidate").as_str() {
            "deny" => None,
            "counted" => {
                count("", &Plan { reach: Reach::Worker }).and_then(|tallied| tallied.receipt).map(|one| vec![one])
            }
            _ => Some(Vec::new()),
        };
        let compared = match (reserved.is_some(), enforced.forward) {
            (true, false) => Compared::Looser,
            (false, true) => Compared::Stricter,
            _ => Compared::Same,
        };
        let outcome =
            reserved.map(|reserved| Outcome { operations: vec![()], reserved, ..Outcome::new(Decision::Allow) });
        Tried { record: Candidate { compared, told: self.seen.join(",") }, outcome }
    }
}
