//! The report of a replay as JSON, written while it goes on.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::{CandidateJudgement, Expected, JudgedReason, Judgement, Label, Peaks, Summary, Trips, Verdict};
use crate::recording::Exchange;

/// One request and what was decided, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct Decided {
    /// The recording; only where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Number of the entry in its recording, from 0.
    pub index: u64,
    /// When the request was made, RFC 3339.
    pub time: Option<String>,
    /// The agent, where one is named.
    pub agent: Option<String>,
    /// Method; bytes that are not UTF-8 are replaced, here and below.
    pub method: Option<String>,
    /// Host, with its port.
    pub host: Option<String>,
    /// Path and query.
    pub path: Option<String>,
    /// What was decided.
    pub decision: Verdict,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why.
    pub reasons: Vec<JudgedReason>,
    /// The page only records: the request goes upstream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// What the candidate says, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateJudgement>,
}

impl Decided {
    /// An exchange and its judgement.
    pub fn new(exchange: &Exchange, judgement: Judgement, name_file: bool) -> Self {
        let request = &exchange.request;
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Self {
            file: name_file.then(|| exchange.position.file.to_string()),
            index: exchange.index,
            time: exchange.time.map(|time| time.to_string()),
            agent: judgement.agent,
            method: text(request.method()),
            host: text(request.authority().or_else(|| request.header("host"))),
            path: text(request.path()),
            decision: judgement.verdict,
            rule: judgement.rule,
            reasons: judgement.reasons,
            shadow: judgement.shadow,
            candidate: judgement.candidate,
        }
    }
}

/// A decision that is not the expected one.
#[derive(Clone, Debug, Serialize)]
pub struct Mismatch {
    /// The label.
    pub label: Expected,
    /// The decision it asks for.
    pub expected: Verdict,
    /// Why it is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_reason: Option<String>,
    /// What was decided.
    #[serde(flatten)]
    pub decided: Decided,
}

impl Mismatch {
    /// Compares; `None` when the decision is the expected one, or nothing is expected.
    pub fn between(label: &Label, decided: &Decided) -> Option<Self> {
        let expected = label.expected?;
        (expected.verdict() != decided.decision).then(|| Self {
            label: expected,
            expected: expected.verdict(),
            label_reason: label.reason.clone(),
            decided: decided.clone(),
        })
    }
}

/// Writes the report: the decisions as they come, then what was counted. Nothing is kept.
#[derive(Debug)]
pub struct DecisionWriter<W> {
    out: W,
    empty: bool,
}

impl<W: Write> DecisionWriter<W> {
    /// Begins the report.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn begin(mut out: W, policy: &str, engine: &str) -> io::Result<Self> {
        let (policy, engine) = (Value::from(policy), Value::from(engine));
        write!(out, "{{\"policy\":{policy},\"engine\":{engine},\"decisions\":[")?;
        Ok(Self { out, empty: true })
    }

    /// Writes one decision.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn decision(&mut self, decided: &Decided) -> io::Result<()> {
        self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
        self.empty = false;
        serde_json::to_writer(&mut self.out, decided).map_err(io::Error::from)
    }

    /// Ends the report; with the counters, where they are asked for, and the tripwires, where there are any.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn end(mut self, summary: &Summary, peaks: Option<&Peaks>, trips: Option<&Trips>) -> io::Result<()> {
        self.out.write_all(b"\n],\"counts\":")?;
        serde_json::to_writer(&mut self.out, summary.counts())?;
        if let Some(labels) = summary.labels() {
            self.out.write_all(b",\"labels\":")?;
            serde_json::to_writer(&mut self.out, labels)?;
            self.out.write_all(b",\"mismatches\":")?;
            serde_json::to_writer(&mut self.out, summary.mismatches())?;
        }
        if let Some(peaks) = peaks {
            self.out.write_all(b",\"counters\":")?;
            serde_json::to_writer(&mut self.out, &peaks.all())?;
        }
        if let Some(differences) = summary.differences() {
            self.out.write_all(b",\"candidate\":")?;
            serde_json::to_writer(&mut self.out, &differences.report())?;
        }
        if let Some(trips) = trips {
            self.out.write_all(b",\"tripwires\":")?;
            self.out.write_all(trips.json().as_bytes())?;
        }
        if summary.unreadable() > 0 {
            self.out.write_all(b",\"unreadable\":")?;
            write!(self.out, "{}", summary.unreadable())?;
        }
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}
