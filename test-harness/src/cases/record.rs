//! One case, as a line of a file says it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::CaseError;
use crate::replay::Verdict;

/// A verdict, in the words of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It goes upstream, unchanged.
    Allow,
    /// It is refused.
    Deny,
    /// It is held for a person.
    Approve,
}

impl Expected {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Approve => "approve",
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Verdict> for Expected {
    /// What becomes of the request: one that names no agent is passed on, one that cannot be judged is not.
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow | Verdict::NotAnAgent => Self::Allow,
            Verdict::ApprovalRequired => Self::Approve,
            Verdict::Deny | Verdict::Undecidable => Self::Deny,
        }
    }
}

/// One case. Members that only explain it (`why`, `api`, `evidence`, …) are not kept.
#[derive(Clone, Debug, Deserialize)]
pub struct Record {
    /// Its name, unique in the file.
    pub id: String,
    /// What it is about; summaries count by it.
    pub category: String,
    /// What the owner of the API wants: a name in the map.
    pub policy_intent: String,
    /// The request.
    pub request: CaseRequest,
    /// The verdict that is right.
    pub expect: Expected,
    /// The facts around the request.
    #[serde(default)]
    pub state: CaseState,
    /// The kind of reason a refusal should give. It advises, and tells what a case waits for.
    pub reason_class: Option<String>,
    /// A reason code of the product that must be among the reasons of a refusal that is right.
    pub reason: Option<String>,
    /// How the request can be made, where a client cannot: `unit` is one that no compliant client puts on a connection.
    /// It is judged like any other; who sends cases through a gateway leaves it out.
    pub harness: Option<String>,
}

/// A request, as an HTTP client would write it.
#[derive(Clone, Debug, Deserialize)]
pub struct CaseRequest {
    /// The method, byte for byte.
    pub method: String,
    /// The request target, byte for byte, with its query.
    pub path: String,
    /// Header fields in order; duplicates are meant. A name that begins with `:` is a pseudo-header.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: Option<String>,
    /// The body as bytes, in base64.
    pub body_base64: Option<String>,
    /// Trailer fields in order.
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
}

/// The facts around a request.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CaseState {
    /// When the request is made, by RFC 3339.
    #[serde(default, deserialize_with = "some_time")]
    pub now: Option<Timestamp>,
    /// Collection → key → what the upstream holds now; as it is written, so that numbers stay exact.
    #[serde(default)]
    pub resources: BTreeMap<String, Box<RawValue>>,
    /// What the agent has used of a budget in the window that is running.
    #[serde(default)]
    pub counters: BTreeMap<String, Value>,
    /// Grants by id.
    #[serde(default)]
    pub approvals: BTreeMap<String, Value>,
}

/// A time by RFC 3339.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not RFC 3339, such as 2026-11-20T12:00:00Z")))
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    time(deserializer).map(Some)
}

impl CaseRequest {
    /// The bytes of the body; `None` without one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn body_bytes(&self) -> Result<Option<Vec<u8>>, String> {
        match (&self.body, &self.body_base64) {
            (Some(_), Some(_)) => Err("it has a `body` and a `body_base64`".to_owned()),
            (Some(text), None) => Ok(Some(text.clone().into_bytes())),
            (None, Some(text)) => {
                STANDARD.decode(text).map(Some).map_err(|e| format!("its `body_base64` is not base64: {e}"))
            }
            (None, None) => Ok(None),
        }
    }
}

/// The cases of a file, one a line; empty lines are skipped.
#[derive(Debug)]
pub struct Cases {
    file: String,
    lines: std::io::Lines<BufReader<File>>,
    line: usize,
}

impl Cases {
    /// Opens a file.
    ///
    /// # Errors
    /// [`CaseError::Unreadable`].
    pub fn open(path: &Path) -> Result<Self, CaseError> {
        let file = path.display().to_string();
        match File::open(path) {
            Ok(opened) => Ok(Self { file, lines: BufReader::new(opened).lines(), line: 0 }),
            Err(source) => Err(CaseError::Unreadable { file, source }),
        }
    }

    /// The file, as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }
}

impl Iterator for Cases {
    /// The line, from 1, and the case on it.
    type Item = Result<(usize, Record), CaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = self.lines.next()?;
            self.line += 1;
            let file = self.file.clone();
            let text = match text {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => text,
                Err(source) => return Some(Err(CaseError::Unreadable { file, source })),
            };
            let not_a_case = |problem| CaseError::NotACase { file, line: self.line, problem };
            return Some(match serde_json::from_str(&text) {
                Ok(record) => Ok((self.line, record)),
                Err(error) => Err(not_a_case(error.to_string())),
            });
        }
    }
}
