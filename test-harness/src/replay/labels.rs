//! Expected decisions, from a manifest beside the recordings.
//!
//! ```json
//! {"scenarios": {"s01": {
//!   "files": {"tap": "s01-normal-day.tap.json"},
//!   "requests_list": [
//!     {"index": 0, "har_index": 0, "access_index": 0, "method": "GET", "path": "/products",
//!      "label": "allow", "reason": "a read"},
//!     {"index": 1, "har_index": 1, "method": "PUT", "path": "/products/7",
//!      "waits_for": "current value"}]}}}
//! ```
//!
//! `label` is `allow`, `approve` or `deny`. A request without one says in `waits_for` what a
//! decision still needs. The three indices number the same request in a tap, a HAR and an access
//! log, which need not hold the same ones.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use policy_core::diagnostic::nearest;
use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::recording::{Exchange, Format};

/// A manifest of expected decisions.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    #[serde(skip)]
    path: PathBuf,
    scenarios: BTreeMap<String, Scenario>,
}

#[derive(Debug, Deserialize)]
struct Scenario {
    #[serde(default)]
    files: BTreeMap<String, String>,
    requests_list: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    index: Option<u64>,
    har_index: Option<u64>,
    access_index: Option<u64>,
    method: Option<String>,
    path: Option<String>,
    label: Option<Expected>,
    waits_for: Option<String>,
    reason: Option<String>,
}

/// A label: the decision somebody expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Allow.
    Allow,
    /// A person must approve.
    Approve,
    /// Deny.
    Deny,
}

impl Expected {
    /// The verdict that meets it.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Allow => Verdict::Allow,
            Self::Approve => Verdict::ApprovalRequired,
            Self::Deny => Verdict::Deny,
        }
    }
}

/// Which of a manifest's indices number the requests of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// `index`: taps and NDJSON.
    Tap,
    /// `har_index`.
    Har,
    /// `access_index`.
    AccessLog,
}

impl From<Format> for Numbering {
    fn from(format: Format) -> Self {
        match format {
            Format::Tap | Format::TapProto | Format::Ndjson => Self::Tap,
            Format::Har => Self::Har,
            Format::AccessLog => Self::AccessLog,
        }
    }
}

/// Why there are no labels for a recording. The text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The manifest cannot be read.
    #[error("cannot read the labels `{}`: {source}; name a manifest that exists", path.display())]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not a manifest.
    #[error(
        "`{}` is not a manifest of labels: {source}; it must hold `scenarios`, each with a \
         `requests_list`", path.display()
    )]
    NotAManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// No such scenario.
    #[error("`{}` has no scenario `{name}`; {help}", path.display())]
    NoScenario {
        /// The manifest.
        path: PathBuf,
        /// The scenario.
        name: String,
        /// The nearest one, or those there are.
        help: String,
    },
    /// No scenario names the recording.
    #[error(
        "no scenario of `{}` names the recording `{recording}`; name one with --scenario ({known})",
        path.display()
    )]
    NotNamed {
        /// The manifest.
        path: PathBuf,
        /// The recording's file name.
        recording: String,
        /// The scenarios there are.
        known: String,
    },
    /// The label is for another request than the one it numbers.
    #[error(
        "{place} is `{found}`, but its label is for `{labelled}`: the labels are of another \
         recording; name the right --labels and --scenario"
    )]
    OtherRequest {
        /// The request, by its place in the recording.
        place: String,
        /// Its method and path.
        found: String,
        /// The label's.
        labelled: String,
    },
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`LabelError`]: it cannot be read, or is none.
    pub fn open(path: &Path) -> Result<Self, LabelError> {
        let path = path.to_owned();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(LabelError::Unreadable { path, source }),
        };
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(manifest) => Ok(Self { path, ..manifest }),
            Err(source) => Err(LabelError::NotAManifest { path, source }),
        }
    }

    /// The labels of a recording: those of `scenario`, else those of the scenario that names the
    /// recording's file.
    ///
    /// # Errors
    /// [`LabelError`]: there is no such scenario.
    pub fn labels(&self, scenario: Option<&str>, recording: &Path, numbering: Numbering) -> Result<Labels, LabelError> {
        let scenario = match scenario {
            Some(name) => self.scenarios.get(name).ok_or_else(|| self.no_scenario(name))?,
            None => self.scenario_of(recording)?,
        };
        let number = |entry: &Entry| match numbering {
            Numbering::Tap => entry.index,
            Numbering::Har => entry.har_index,
            Numbering::AccessLog => entry.access_index,
        };
        let numbered = scenario.requests_list.iter().filter_map(|entry| {
            let label = Label {
                expected: entry.label,
                waits_for: entry.waits_for.clone(),
                reason: entry.reason.clone(),
                method: entry.method.clone(),
                path: entry.path.clone(),
            };
            Some((number(entry)?, label))
        });
        Ok(Labels { by_index: numbered.collect() })
    }

    fn scenario_of(&self, recording: &Path) -> Result<&Scenario, LabelError> {
        let name = recording.file_name().unwrap_or_default().to_string_lossy();
        let named = |scenario: &&Scenario| scenario.files.values().any(|file| *file == name);
        self.scenarios.values().find(named).ok_or_else(|| LabelError::NotNamed {
            path: self.path.clone(),
            recording: name.into_owned(),
            known: self.known(),
        })
    }

    fn no_scenario(&self, name: &str) -> LabelError {
        let help = match nearest(name, self.scenarios.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("name one of {}", self.known()),
        };
        LabelError::NoScenario { path: self.path.clone(), name: name.to_owned(), help }
    }

    fn known(&self) -> String {
        let names: Vec<_> = self.scenarios.keys().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }
}

/// The label of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// What is expected; `None`: nothing yet.
    pub expected: Option<Expected>,
    /// What a decision still needs, where nothing is expected.
    pub waits_for: Option<String>,
    /// Why it is expected.
    pub reason: Option<String>,
    method: Option<String>,
    path: Option<String>,
}

/// The labels of one recording that no request has met yet.
#[derive(Debug, Default)]
pub struct Labels {
    by_index: BTreeMap<u64, Label>,
}

impl Labels {
    /// Takes the label of an exchange.
    ///
    /// # Errors
    /// [`LabelError::OtherRequest`] when it is not for this request: comparing would prove nothing.
    pub fn take(&mut self, exchange: &Exchange) -> Result<Option<Label>, LabelError> {
        let Some(label) = self.by_index.remove(&exchange.index) else { return Ok(None) };
        let found = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let method = found(exchange.request.method());
        let path = found(exchange.request.path());
        let same = |found: &Option<String>, labelled: &Option<String>| match (found, labelled) {
            (Some(found), Some(labelled)) => found == labelled,
            _ => true,
        };
        if same(&method, &label.method) && same(&path, &label.path) {
            return Ok(Some(label));
        }
        let shown = |method: &Option<String>, path: &Option<String>| {
            let words: Vec<_> = [method, path].into_iter().flatten().map(String::as_str).collect();
            crate::render::printable(&words.join(" "), 100)
        };
        Err(LabelError::OtherRequest {
            place: exchange.position.to_string(),
            found: shown(&method, &path),
            labelled: shown(&label.method, &label.path),
        })
    }

    /// Labels with an expectation that no request has met: the recording does not hold them.
    pub fn unmet(&self) -> u64 {
        let expecting = self.by_index.values().filter(|label| label.expected.is_some());
        u64::try_from(expecting.count()).unwrap_or(u64::MAX)
    }
}
