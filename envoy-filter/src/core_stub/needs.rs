//! What an evaluation asks for, and what it makes of the answers.

use policy_core::policy::Method;

use super::counters::{Plan, Reach, Tallied};
use super::state::{Answer, Fetch, Reader};
use super::{ANSWER_LIMIT, Body, Code, Decision, FRESH_MS, LIMIT, Obligation, Outcome, Reason, Step, Unavailable};

pub struct NeedBody {
    pub(super) shadow: bool,
    pub(super) again: bool,
    pub(super) then: Option<NeedCurrent>,
    pub(super) counted: bool,
}

impl NeedBody {
    pub fn limit(&self) -> usize {
        LIMIT
    }
    pub fn answer(self, body: Body) -> Step {
        if self.again {
            return Step::NeedBody(self);
        }
        if let (Some(need), Body::Complete(_)) = (self.then, &body) {
            return Step::NeedCurrent(need);
        }
        if self.counted {
            return NeedStore::step(1, Reach::Node, vec![]);
        }
        let code = match body {
            Body::Unavailable(Unavailable::Timeout) => Some(Code::BodyTimeout),
            Body::Unavailable(Unavailable::NotDelivered) => Some(Code::BodyNotDelivered),
            _ => None,
        };
        let reasons = code.map(|code| Reason { code, message: code.text().into(), pointer: None });
        let status = match body {
            Body::Complete(bytes) if !bytes.windows(3).any(|window| window == b"bad") => None,
            Body::Unavailable(Unavailable::TooLarge) => Some(413),
            _ => Some(403),
        };
        Step::Done(match status {
            None => Outcome::new(Decision::Allow),
            Some(status) => Outcome {
                forward: self.shadow,
                status,
                reasons: reasons.into_iter().collect(),
                ..Outcome::new(Decision::Deny)
            },
        })
    }
}

pub struct NeedCurrent {
    agent: String,
    fetches: Vec<Fetch>,
    shadow: bool,
    /// Rounds that follow.
    rounds: usize,
}

impl NeedCurrent {
    pub(super) fn of(path: &[u8], agent: &str) -> Option<Self> {
        let (kind, count) = str::from_utf8(path).ok()?.split_once("current?")?;
        let fetch = |number: usize| {
            let tool = number.is_multiple_of(2);
            Fetch {
                api: "shop".into(),
                cluster: "lookups".into(),
                host: "shop.example.com".into(),
                method: if tool { Method::Post } else { Method::Get },
                target: format!("/{number}"),
                headers: vec![("accept".into(), "application/json".into())],
                body: tool.then(|| b"call".to_vec()),
                limit: ANSWER_LIMIT,
                fresh_ms: if tool || kind != "/fresh-" { 0 } else { FRESH_MS },
            }
        };
        let rounds = match kind {
            "/twice-" => 1,
            "/ever-" => usize::MAX,
            _ => 0,
        };
        let fetches = (1..=count.parse().ok()?).map(fetch).collect();
        Some(Self { agent: agent.into(), fetches, shadow: kind == "/shadow-", rounds })
    }
    pub fn reader(&self) -> Reader {
        Reader { agent: self.agent.clone() }
    }
    pub fn fetches(&self) -> &[Fetch] {
        &self.fetches
    }
    pub fn answer(self, answers: Vec<Answer>) -> Step {
        assert_eq!(answers.len(), self.fetches.len());
        if let Some(rounds) = self.rounds.checked_sub(1) {
            return Step::NeedCurrent(Self { rounds, ..self });
        }
        let good =
            |answer: &Answer| matches!(answer, Answer::Response { status: 200, body, .. } if body.starts_with(b"good"));
        if answers.iter().all(good) {
            return Step::Done(Outcome { agent: Some(self.agent), ..Outcome::new(Decision::Allow) });
        }
        let told = answers.iter().map(|answer| match answer {
            Answer::Response { status, body, .. } => format!("{status} {}", String::from_utf8_lossy(body)),
            Answer::Unavailable(why) => format!("{why:?}"),
            Answer::Part(_) => "a part".into(),
        });
        let told = told.collect::<Vec<_>>().join(",");
        Step::Done(Outcome { forward: self.shadow, answers: Some(told), ..Outcome::new(Decision::Deny) })
    }
}

pub struct NeedStore {
    plan: Plan,
    operations: usize,
    obligations: Vec<Obligation>,
}

impl NeedStore {
    pub(super) fn step(operations: usize, reach: Reach, obligations: Vec<Obligation>) -> Step {
        Step::NeedStore(Self { plan: Plan { reach }, operations, obligations })
    }
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
    pub fn answer(self, tallied: Tallied) -> Step {
        let Self { operations, obligations, .. } = self;
        Step::Done(match tallied.receipt {
            None => Outcome { status: 429, ..Outcome::new(Decision::Deny) },
            Some(receipt) => Outcome {
                obligations,
                operations: vec![(); operations],
                reserved: vec![receipt],
                charged_at: Some(tallied.now.0),
                ..Outcome::new(Decision::Allow)
            },
        })
    }
}
