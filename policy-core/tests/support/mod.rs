//! Documents in, request in, decision out: the one entry per boundary that every test file uses.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

pub mod approving;
pub mod catalogs;
pub mod counting;
pub mod exact;
pub mod pages;
pub mod present;
pub mod tokens;

use std::sync::Arc;

use policy_core::bundle;
use policy_core::compile::{Compiled, Source, SourceKind, compile};
use policy_core::{Body, Head, Outcome, PolicySet, Step, Timestamp, evaluate};

/// The moment of every test: within the validity of every page.
pub const NOW: &str = "2026-11-20T12:00:00Z";

/// A request as a client sends it.
#[derive(Clone)]
pub struct Request {
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&line_of(self))
    }
}

/// A request of the agent `agent` to `shop.example.com`, from its request line: `PUT /v3/products/42`.
pub fn request(line: &str) -> Request {
    let (method, target) = line.split_once(' ').expect("a method and a target");
    let mut fields = Vec::new();
    for (name, value) in
        [(":method", method), (":path", target), (":authority", "shop.example.com"), ("x-agent", "agent")]
    {
        fields.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    }
    Request { fields, body: None }
}

/// [`request`] with a JSON body.
pub fn json(line: &str, body: &str) -> Request {
    request(line).header("content-type", "application/json").body(body)
}

impl Request {
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Replaces a header, or takes it off.
    #[must_use]
    pub fn set(mut self, name: &str, value: Option<&str>) -> Self {
        self.fields.retain(|(known, _)| known != name.as_bytes());
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn host(self, host: &str) -> Self {
        self.set(":authority", Some(host))
    }

    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    pub fn head(&self) -> Head {
        Head::new(self.fields.clone(), self.body.is_none())
    }
}

/// A compiled set that has travelled as a bundle.
///
/// # Panics
/// When the documents do not compile: the test meant them to.
pub fn policy(sources: &[Source]) -> Arc<PolicySet> {
    let Compiled { set, diagnostics } = compile(sources);
    let set = set.unwrap_or_else(|| panic!("the documents must compile: {diagnostics:#?}"));
    let bundle = bundle::seal(&set).expect("a compiled set is sealed");
    Arc::new(bundle::load(&bundle).expect("a sealed set is loaded"))
}

/// Drives one evaluation to its end.
pub fn judge(set: &Arc<PolicySet>, request: &Request) -> Outcome {
    judge_at(set, request, Timestamp::parse(NOW).expect("a time"))
}

/// [`judge`] at another moment.
pub fn judge_at(set: &Arc<PolicySet>, request: &Request, now: Timestamp) -> Outcome {
    let step = match evaluate(set, request.head(), now) {
        Step::NeedBody(need) => need.answer(request.body.clone().map_or(Body::Empty, Body::Complete)),
        step => step,
    };
    match step {
        Step::Done(outcome) => outcome,
        open => panic!("nothing else can be needed: {open:?}"),
    }
}

/// `DECISION RULE: code /pointer, code`: what a client, a log and a report see of an outcome.
pub fn text_of(outcome: &Outcome) -> String {
    let mut text = outcome.decision.name().to_string();
    if let Some(rule) = &outcome.rule {
        text = format!("{text} {rule}");
    }
    let reasons: Vec<String> = outcome
        .reasons
        .iter()
        .map(|reason| match &reason.pointer {
            Some(pointer) => format!("{} {pointer}", reason.code),
            None => reason.code.to_string(),
        })
        .collect();
    if reasons.is_empty() { text } else { format!("{text}: {}", reasons.join(", ")) }
}

/// The boundary of decisions: what `set` says of a request, as [`text_of`] spells it.
#[track_caller]
pub fn check(set: &Arc<PolicySet>, request: &Request, expect: &str) {
    let outcome = judge(set, request);
    assert_eq!(text_of(&outcome), expect, "{}\n{:#?}", line_of(request), outcome.reasons);
}

/// [`check`] over many requests.
#[track_caller]
pub fn check_all(set: &Arc<PolicySet>, cases: &[(Request, &str)]) {
    for (request, expect) in cases {
        check(set, request, expect);
    }
}

/// The request line, for messages.
pub fn line_of(request: &Request) -> String {
    let text = |name: &[u8]| {
        let found = request.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    let body = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    format!("{} {} {body}", text(b":method"), text(b":path"))
}

/// A document of a set.
pub fn source(kind: SourceKind, text: impl Into<String>) -> Source {
    Source { name: format!("{kind:?}.json"), kind, text: text.into() }
}

/// The boundary of diagnostics: what compiling says, each as `message | help | underlined text` (the help may be
/// absent). Warnings begin with `warning: `.
#[track_caller]
pub fn diagnose(sources: &[Source], expect: &[&str]) {
    assert_eq!(diagnosed(sources), expect);
}

/// See [`diagnose`].
pub fn diagnosed(sources: &[Source]) -> Vec<String> {
    let Compiled { set, diagnostics } = compile(sources);
    let errors = diagnostics.iter().any(|d| d.severity == policy_core::diagnostic::Severity::Error);
    assert_eq!(set.is_none(), errors, "a set is built exactly where there is no error: {diagnostics:#?}");
    diagnostics
        .iter()
        .map(|d| {
            let source = &sources[d.source].text;
            let help = d.help.as_deref().map(|help| format!(" | {help}")).unwrap_or_default();
            let severity = match d.severity {
                policy_core::diagnostic::Severity::Warning => "warning: ",
                policy_core::diagnostic::Severity::Error => "",
            };
            format!("{severity}{}{help} | {}", d.message, &source[d.span.clone()])
        })
        .collect()
}
