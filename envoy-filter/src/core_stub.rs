//! Stands in for the decision point: the decision is written in the request's `:path`.
//!
//! `/allow`, `/deny`, `/approval`, `/shadow-deny`, `/stranger`: decided from the head. `/body`, `/shadow-body`: a body
//! of at most [`LIMIT`] bytes is needed; one that contains `bad`, or none, is denied. `/body-again`: needs a body
//! whatever is answered. `/set-header`,
//! `/remove-header`: allowed with an obligation. `/rpc`, `/notification`: denied to a client that expects an error of
//! JSON-RPC, or no answer.
//!
//! `/current?<n>`: n lookups, each of which must be answered 200 with a body that starts with `good`; otherwise denied,
//! with what was answered in the reply. `/shadow-current?<n>`: forwarded nevertheless. `/body-current?<n>`: after a body.
//! `/counted`: allowed at most [`MOST`] times; `/worker-counted`: for each worker. `/two-counted`: two operations.
//! `/set-header-counted`: with an obligation. `/body-counted`: after a body.
//!
//! With the configuration `trips`, decisions and what becomes of requests are noted in a slot, as text; an answer with `error` in
//! it trips.
//!
//! `/twice-current?<n>`: a second time after the first. `/ever-current?<n>`: again whatever is answered.
//! `/fresh-current?<n>`: kept answers will do for the lookups that are no tools. GET `/<number>`: a read, of whose answer they are.

#![allow(unreachable_pub, dead_code, reason = "mirrors the public interface of policy-core")]

use std::sync::Arc;

mod candidate;

pub use candidate::{Candidate, Evidence};

use counters::{Plan, Reach, Receipt, Tallied};

pub const LIMIT: usize = 1024;
/// What a counter allows.
pub const MOST: usize = 3;
/// Calls for one request at a time.
pub const PARALLEL: usize = 3;
/// Bytes of an answer to a lookup.
pub const ANSWER_LIMIT: usize = 64 * 1024;
/// How long answers that are kept may be used.
pub const FRESH_MS: u64 = 5_000;

pub use policy_core::request;

pub mod decision {
    pub use super::candidate::Compared;
}

pub mod bundle {
    use std::sync::Arc;

    use super::{LoadError, PolicySet};

    /// `ok`, or `ok:<body timeout in ms>`; `fresh`: with answers kept; `counts`: with counters; `trips`: with tripwires;
    /// `jwt`: agents are named by a property; `candidate`: that and a candidate; `broken-candidate`. Lookups: 2,000 ms, 3 at a
    /// time.
    pub fn load(bytes: &[u8]) -> Result<PolicySet, LoadError> {
        let text = str::from_utf8(bytes).map_err(|_| LoadError)?;
        let body_timeout_ms = match text.split_once(':') {
            None if matches!(text, "ok" | "fresh" | "counts" | "trips" | "jwt" | "candidate" | "broken-candidate") => {
                5_000
            }
            Some(("ok", timeout)) => timeout.parse().map_err(|_| LoadError)?,
            _ => return Err(LoadError),
        };
        let who = ["metadata", "filter_metadata", "jwt", "sub"].map(String::from).to_vec();
        let properties = if text == "jwt" { vec![who] } else { Vec::new() };
        let set = |digest: &str, counts, candidate| PolicySet {
            digest: format!("sha256:{digest}"),
            body_timeout_ms,
            counts,
            candidate,
            properties: properties.clone(),
        };
        let candidate = match text {
            "candidate" => Some(Ok(Arc::new(set("tried", true, None)))),
            "broken-candidate" => Some(Err(LoadError)),
            _ => None,
        };
        Ok(set(text, matches!(text, "counts" | "candidate"), candidate))
    }
}

/// Commands on the path `/control`: `good` is carried out, anything else is not. A DELETE there is done if it has no body.
pub mod control {
    pub use policy_core::control::Answer;

    use super::{Body, PolicySet, Timestamp, Unavailable, counters::Store};

    pub struct Asked {
        ends: bool,
    }

    impl Asked {
        pub fn limit(&self) -> usize {
            if self.ends { 0 } else { 64 }
        }
    }

    pub fn is_for(_set: &PolicySet, fields: &[(Vec<u8>, Vec<u8>)]) -> bool {
        fields.iter().any(|(name, value)| name == b":path" && value.starts_with(b"/control"))
    }

    pub fn read_head(_set: &PolicySet, fields: &[(Vec<u8>, Vec<u8>)]) -> Result<Asked, Answer> {
        let query = fields.iter().any(|(name, value)| name == b":path" && value.contains(&b'?'));
        let ends = fields.iter().any(|(name, value)| name == b":method" && value == b"DELETE");
        if query { Err(answer(400, "query")) } else { Ok(Asked { ends }) }
    }

    pub fn carry_out(_set: &PolicySet, asked: Asked, body: Body, _store: &mut dyn Store, _now: Timestamp) -> Answer {
        match body {
            Body::Empty if asked.ends => answer(200, "carried_out"),
            Body::Complete(_) | Body::Unavailable(Unavailable::TooLarge) if asked.ends => answer(400, "body"),
            Body::Complete(bytes) if bytes == b"good" => answer(200, "carried_out"),
            Body::Complete(_) => answer(401, "wrong_signature"),
            Body::Empty => answer(400, "not_a_command"),
            Body::Unavailable(Unavailable::TooLarge) => answer(413, "too_large"),
            Body::Unavailable(Unavailable::Timeout) => answer(408, "body_timeout"),
            Body::Unavailable(_) => answer(503, "body_not_seen"),
        }
    }

    fn answer(status: u16, details: &'static str) -> Answer {
        Answer {
            status,
            content_type: "application/json",
            body: details.into(),
            details,
            carried_out: status == 200,
            line: format!("ambit: a command: {details}"),
            event: format!("{{\"outcome\":\"{details}\"}}").into(),
        }
    }
}

/// Counters of one number, as text in a slot for each reach.
pub mod counters {
    pub use policy_core::counters::{Budget, Cas, Memory, OpenError, Reach, Signals, SlotName, Store};

    use super::{MOST, PolicySet, Timestamp};

    const REACHES: [Reach; 2] = [Reach::Node, Reach::Worker];
    const TRIES: usize = 4;

    pub fn slot(reach: Reach) -> SlotName {
        SlotName { reach, region: [7; 16], index: 0 }
    }

    /// Since when there is something to keep.
    pub struct Table(Option<Timestamp>);

    impl Table {
        pub fn birth(&self) -> Option<Timestamp> {
            self.0
        }

        pub fn open(
            set: &PolicySet,
            store: &mut dyn Store,
            _budget: Budget,
            now: Timestamp,
        ) -> Result<Self, OpenError> {
            let tripwires = set.trips().then(super::tripwires::slot);
            for slot in REACHES.map(slot).into_iter().filter(|_| set.counts()).chain(tripwires) {
                if store.get(slot).is_none() && !store.set(slot, &[], None) {
                    return Err(OpenError::Store);
                }
            }
            Ok(Self(set.counts().then_some(now)))
        }
    }

    pub struct Plan {
        pub reach: Reach,
    }

    #[derive(Debug)]
    pub struct Receipt(Reach);

    pub struct Tallied {
        pub receipt: Option<Receipt>,
        pub now: Timestamp,
    }

    pub fn carry_out(plan: &Plan, _table: &Table, store: &mut dyn Store, now: Timestamp) -> Tallied {
        let more = |used: usize| used.checked_add(1).filter(|used| *used <= MOST);
        let charged = update(store, plan.reach, more) == Some(true);
        Tallied { receipt: charged.then_some(Receipt(plan.reach)), now }
    }

    pub fn give_back(receipts: Vec<Receipt>, store: &mut dyn Store) -> Vec<Receipt> {
        receipts
            .into_iter()
            .filter(|Receipt(reach)| update(store, *reach, |used| used.checked_sub(1)).is_none())
            .collect()
    }

    /// `None`: others set the slot all the time.
    fn update(store: &mut dyn Store, reach: Reach, change: impl Fn(usize) -> Option<usize>) -> Option<bool> {
        for _ in 0..TRIES {
            let Some((value, cas)) = store.get(slot(reach)) else { return Some(false) };
            let used = str::from_utf8(&value).ok().and_then(|text| text.parse().ok()).unwrap_or_default();
            let Some(used) = change(used) else { return Some(false) };
            if store.set(slot(reach), used.to_string().as_bytes(), Some(cas)) {
                return Some(true);
            }
        }
        None
    }
}

/// Tripwires that note what they are told, as text in a slot: `+` and `-` for decisions, then how each request ended.
pub mod tripwires {
    use super::counters::{Reach, SlotName, Store};
    use super::{Outcome, PolicySet, Timestamp};

    pub const COPIED: usize = 16;
    const TRIES: usize = 4;

    pub fn slot() -> SlotName {
        SlotName { reach: Reach::Node, region: [8; 16], index: 0 }
    }

    pub enum Consequence {
        Pause,
    }

    pub struct Watch;

    pub struct Late(String);

    pub struct Trip;

    impl Trip {
        pub fn line(&self) -> String {
            "ambit: tripped: {}".into()
        }
    }

    #[derive(Default)]
    pub struct Told {
        pub trips: Vec<Trip>,
        pub late: Option<Late>,
        pub lost: bool,
    }

    #[derive(Clone, Copy)]
    pub struct Answered<'a> {
        pub content_type: Option<&'a str>,
        pub encoding: Option<&'a str>,
        pub body: &'a [u8],
    }

    #[derive(Clone, Copy)]
    pub enum End<'a> {
        Answered(u16, Option<Answered<'a>>),
        Unanswered,
    }

    pub fn decided(
        _set: &PolicySet,
        outcome: &mut Outcome,
        store: &mut dyn Store,
        _now: Timestamp,
        _consequence: Consequence,
    ) -> (Option<Watch>, Told) {
        (outcome.forward.then_some(Watch), note(if outcome.forward { "+" } else { "-" }.into(), store))
    }

    pub fn again(_set: &PolicySet, late: Late, store: &mut dyn Store, _now: Timestamp) -> Told {
        note(late.0, store)
    }

    impl Watch {
        pub fn copies(&self, status: u16) -> Option<usize> {
            (200..300).contains(&status).then_some(COPIED)
        }
        pub fn ended(self, _set: &PolicySet, end: End<'_>, store: &mut dyn Store, _now: Timestamp) -> Told {
            let text = match end {
                End::Unanswered => "none".into(),
                End::Answered(status, None) => status.to_string(),
                End::Answered(status, Some(Answered { content_type, encoding, body })) => {
                    let kind = [content_type, encoding].map(|text| text.unwrap_or("-")).join(" ");
                    format!("{status} {kind} {}", String::from_utf8_lossy(body))
                }
            };
            note(format!("[{text}]"), store)
        }
    }

    fn note(text: String, store: &mut dyn Store) -> Told {
        for _ in 0..TRIES {
            let Some((value, cas)) = store.get(slot()) else { return Told { lost: true, ..Told::default() } };
            if store.set(slot(), &[value, text.clone().into()].concat(), Some(cas)) {
                let trips = if text.contains("error") { vec![Trip] } else { Vec::new() };
                return Told { trips, ..Told::default() };
            }
        }
        Told { late: Some(Late(text)), ..Told::default() }
    }
}

#[derive(Debug)]
pub struct LoadError;

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a bundle: expected `{` at byte 0")
    }
}

#[derive(Debug)]
pub struct PolicySet {
    digest: String,
    body_timeout_ms: u64,
    counts: bool,
    properties: Vec<Vec<String>>,
    candidate: Option<Result<Arc<PolicySet>, LoadError>>,
}

impl PolicySet {
    pub fn candidate(&self) -> Option<&Arc<PolicySet>> {
        self.candidate.as_ref()?.as_ref().ok()
    }
    pub fn candidate_refused(&self) -> Option<&LoadError> {
        self.candidate.as_ref()?.as_ref().err()
    }
    pub fn counts(&self) -> bool {
        self.counts
    }
    pub fn digest(&self) -> &str {
        &self.digest
    }
    pub fn agents(&self) -> usize {
        1
    }
    pub fn counters_budget(&self) -> counters::Budget {
        counters::Budget::default()
    }
    pub fn body_timeout_ms(&self) -> u64 {
        self.body_timeout_ms
    }
    pub fn identity_properties(&self) -> &[Vec<String>] {
        &self.properties
    }
    pub fn stands(&self) -> bool {
        self.trips()
    }
    pub fn trips(&self) -> bool {
        self.digest == "sha256:trips"
    }

    pub(crate) fn approves(&self) -> bool {
        false
    }
    pub fn reuses_answers(&self) -> bool {
        self.digest == "sha256:fresh"
    }
    pub fn lookup_timeout_ms(&self) -> u64 {
        2_000
    }
    pub fn lookups_parallel(&self) -> usize {
        PARALLEL
    }
}

#[derive(Clone)]
pub struct Head {
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub end_of_stream: bool,
    pub properties: Vec<Option<Vec<u8>>>,
}

impl Head {
    pub fn new(fields: Vec<(Vec<u8>, Vec<u8>)>, end_of_stream: bool) -> Self {
        Self { fields, end_of_stream, properties: Vec::new() }
    }
}

#[derive(Clone, Copy)]
pub struct Timestamp(pub u64);

#[must_use]
pub enum Step {
    NeedBody(NeedBody),
    NeedCurrent(NeedCurrent),
    NeedStore(NeedStore),
    Done(Outcome),
}

fn value(head: &Head, name: &[u8]) -> String {
    let value = head.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    String::from_utf8(value.unwrap_or_default()).unwrap_or_default()
}

pub fn evaluate(_set: &Arc<PolicySet>, head: Head, _now: Timestamp) -> Step {
    let agent = value(&head, b"x-agent");
    match begin(head) {
        Step::Done(outcome) if !outcome.not_an_agent => {
            let version = (!agent.is_empty()).then(|| "1".to_string());
            Step::Done(Outcome { agent: Some(agent), version, ..outcome })
        }
        step => step,
    }
}

fn begin(head: Head) -> Step {
    let path = head.fields.iter().find(|(name, _)| name == b":path").map(|(_, value)| value.clone());
    let path = path.unwrap_or_default();
    let agent = value(&head, b"x-agent");
    if let Some(keep) = state::Keep::of(&head, &path, &agent) {
        return Step::Done(Outcome { keep: Some(Box::new(keep)), ..Outcome::new(Decision::Allow) });
    }
    if let Some(need) = NeedCurrent::of(&path, &agent) {
        let body = path.starts_with(b"/body-");
        return if body {
            Step::NeedBody(NeedBody { shadow: false, again: false, then: Some(need), counted: false })
        } else {
            Step::NeedCurrent(need)
        };
    }
    match path.as_slice() {
        b"/allow" => Step::Done(Outcome::new(Decision::Allow)),
        // Who a property names may pass.
        b"/named" if head.properties == [Some(b"agent".to_vec())] => Step::Done(Outcome::new(Decision::Allow)),
        b"/approval" => Step::Done(Outcome::new(Decision::ApprovalRequired)),
        b"/shadow-deny" => Step::Done(Outcome { forward: true, ..Outcome::new(Decision::Deny) }),
        b"/stranger" => Step::Done(Outcome { not_an_agent: true, ..Outcome::new(Decision::Allow) }),
        b"/set-header" => Step::Done(Outcome {
            obligations: vec![Obligation::SetRequestHeader { name: "x-route".into(), value: b"ambit".to_vec() }],
            ..Outcome::new(Decision::Allow)
        }),
        b"/remove-header" => Step::Done(Outcome {
            obligations: vec![Obligation::RemoveRequestHeader { name: "authorization".into() }],
            ..Outcome::new(Decision::Allow)
        }),
        b"/body" | b"/shadow-body" | b"/body-again" => Step::NeedBody(NeedBody {
            shadow: path == b"/shadow-body",
            again: path == b"/body-again",
            then: None,
            counted: false,
        }),
        b"/rpc" => Step::Done(Outcome { rpc: Some("{\"id\":7}"), ..Outcome::new(Decision::Deny) }),
        b"/notification" => Step::Done(Outcome { silent: true, ..Outcome::new(Decision::Deny) }),
        b"/counted" => NeedStore::step(1, Reach::Node, vec![]),
        b"/worker-counted" => NeedStore::step(1, Reach::Worker, vec![]),
        b"/two-counted" => NeedStore::step(2, Reach::Node, vec![]),
        b"/set-header-counted" => {
            let obligation = Obligation::SetRequestHeader { name: "x-route".into(), value: b"ambit".to_vec() };
            NeedStore::step(1, Reach::Node, vec![obligation])
        }
        b"/body-counted" => Step::NeedBody(NeedBody { shadow: false, again: false, then: None, counted: true }),
        _ => Step::Done(Outcome::new(Decision::Deny)),
    }
}

pub struct NeedBody {
    shadow: bool,
    again: bool,
    then: Option<NeedCurrent>,
    counted: bool,
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

#[derive(Clone)]
pub enum Body {
    Empty,
    Complete(Vec<u8>),
    Unavailable(Unavailable),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    TooLarge,
    NotSeen,
    NotRecorded,
    Truncated,
    Timeout,
    NotDelivered,
    Unreachable,
    NotSupported,
}

pub mod state {
    use super::Unavailable;

    #[derive(Clone)]
    pub struct Fetch {
        pub cluster: String,
        pub host: String,
        pub method: Method,
        pub target: String,
        pub headers: Vec<(String, String)>,
        pub body: Option<Vec<u8>>,
        pub limit: usize,
        pub fresh_ms: u64,
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Reader {
        pub agent: String,
    }

    pub struct Keep {
        pub reader: Reader,
        pub host: String,
        pub target: String,
        pub fresh_ms: u64,
        pub limit: usize,
    }

    impl Keep {
        pub(super) fn of(head: &super::Head, path: &[u8], agent: &str) -> Option<Self> {
            let target = str::from_utf8(path).ok()?;
            let number = target.strip_prefix('/')?.split('?').next()?;
            (super::value(head, b":method") == "GET"
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit()))
            .then(|| Self {
                reader: Reader { agent: agent.into() },
                host: super::value(head, b":authority"),
                target: target.into(),
                fresh_ms: super::FRESH_MS,
                limit: super::ANSWER_LIMIT,
            })
        }
    }

    /// Every other lookup is of a tool.
    #[derive(Clone, Copy)]
    pub enum Method {
        Get,
        Post,
    }

    impl Method {
        pub fn name(&self) -> &'static str {
            match self {
                Self::Get => "GET",
                Self::Post => "POST",
            }
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Answer {
        Response { status: u16, headers: Vec<(Vec<u8>, Vec<u8>)>, body: Vec<u8> },
        Unavailable(Unavailable),
    }
}

pub struct NeedCurrent {
    agent: String,
    fetches: Vec<state::Fetch>,
    shadow: bool,
    /// Rounds that follow.
    rounds: usize,
}

impl NeedCurrent {
    fn of(path: &[u8], agent: &str) -> Option<Self> {
        let (kind, count) = str::from_utf8(path).ok()?.split_once("current?")?;
        let fetch = |number: usize| {
            let tool = number.is_multiple_of(2);
            state::Fetch {
                cluster: "lookups".into(),
                host: "shop.example.com".into(),
                method: if tool { state::Method::Post } else { state::Method::Get },
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
    pub fn reader(&self) -> state::Reader {
        state::Reader { agent: self.agent.clone() }
    }
    pub fn fetches(&self) -> &[state::Fetch] {
        &self.fetches
    }
    pub fn answer(self, answers: Vec<state::Answer>) -> Step {
        use state::Answer;
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
    fn step(operations: usize, reach: Reach, obligations: Vec<Obligation>) -> Step {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    Deny,
    ApprovalRequired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Gateway,
    BodyTimeout,
    BodyNotDelivered,
}

impl Code {
    pub fn text(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::BodyTimeout => "body_timeout",
            Self::BodyNotDelivered => "body_not_delivered",
        }
    }
}

pub struct Reason {
    pub code: Code,
    pub message: String,
    pub pointer: Option<String>,
}

pub struct Outcome {
    pub decision: Decision,
    pub forward: bool,
    pub not_an_agent: bool,
    pub rule: Option<String>,
    pub reasons: Vec<Reason>,
    pub obligations: Vec<Obligation>,
    pub agent: Option<String>,
    pub version: Option<String>,
    pub keep: Option<Box<state::Keep>>,
    pub candidate: Option<Box<Candidate>>,
    pub operations: Vec<()>,
    pub reserved: Vec<Receipt>,
    pub counters_since: Option<Timestamp>,
    charged_at: Option<u64>,
    status: u16,
    /// The body of a JSON-RPC error.
    rpc: Option<&'static str>,
    /// Nobody waits for an answer.
    silent: bool,
    /// What lookups were answered.
    answers: Option<String>,
}

pub enum Obligation {
    SetRequestHeader { name: String, value: Vec<u8> },
    RemoveRequestHeader { name: String },
}

pub struct Reply {
    pub status: u16,
    pub content_type: Option<&'static str>,
    pub body: Vec<u8>,
}

impl Outcome {
    fn new(decision: Decision) -> Self {
        Self {
            decision,
            forward: decision == Decision::Allow,
            not_an_agent: false,
            rule: None,
            reasons: Vec::new(),
            obligations: Vec::new(),
            agent: None,
            version: None,
            keep: None,
            candidate: None,
            operations: Vec::new(),
            reserved: Vec::new(),
            counters_since: None,
            charged_at: None,
            status: 403,
            rpc: None,
            silent: false,
            answers: None,
        }
    }
    pub fn only_reads(&self) -> bool {
        true
    }
    pub fn acts(&self) -> bool {
        !self.operations.is_empty()
    }
    pub fn is_out_of_scope(&self) -> bool {
        self.rpc.is_none()
    }
    pub fn is_approved(&self) -> bool {
        false
    }
    pub fn reply(&self, _set: &PolicySet) -> Reply {
        if let Some(answer) = self.rpc {
            return Reply { status: 200, content_type: Some("application/json"), body: answer.into() };
        }
        if let Some(answers) = &self.answers {
            return Reply { status: 403, content_type: Some("text/plain"), body: answers.clone().into() };
        }
        if self.silent {
            return Reply { status: 403, content_type: None, body: Vec::new() };
        }
        let status = match self.reasons.first().map(|reason| reason.code) {
            Some(Code::Gateway | Code::BodyNotDelivered) => 503,
            Some(Code::BodyTimeout) => 408,
            None => self.status,
        };
        let body = format!("{{\"status\":{status}}}").into_bytes();
        Reply { status, content_type: Some("application/problem+json"), body }
    }
    pub fn decision_json(&self, _set: &PolicySet) -> Vec<u8> {
        if let Some(candidate) = &self.candidate {
            return format!("{{\"decision\":\"{:?}\",\"candidate\":\"{}\"}}", self.decision, candidate.told).into();
        }
        match (self.charged_at, self.counters_since) {
            (Some(at), _) => format!("{{\"charged_at\":{at}}}").into_bytes(),
            (None, Some(Timestamp(since))) => {
                format!("{{\"decision\":\"{:?}\",\"since\":{since}}}", self.decision).into_bytes()
            }
            (None, None) => format!("{{\"decision\":\"{:?}\"}}", self.decision).into_bytes(),
        }
    }
}
