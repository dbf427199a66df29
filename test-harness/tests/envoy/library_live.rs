//! The library's policies in a live Envoy, and one form for a decision, wherever it is read.

use std::sync::Arc;

use policy_core::{Outcome, PolicySet};
use serde_json::{Value, json};
use test_harness::policies::{Policies, PolicyDirectory};

use crate::answer::Problem;
use crate::library;

/// The library's documents, valid whenever this test runs: a live gateway judges by its own clock.
pub(crate) fn directory() -> PolicyDirectory {
    let copy = tempfile::tempdir().expect("a folder");
    let library = library::folder();
    for (from, to) in
        [(library.clone(), copy.path().to_owned()), (library.join("catalogs"), copy.path().join("catalogs"))]
    {
        std::fs::create_dir_all(&to).unwrap_or_else(|e| panic!("{e}"));
        for entry in std::fs::read_dir(&from).unwrap_or_else(|e| panic!("{e}")) {
            let file = entry.expect("an entry").path();
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            if !name.ends_with(".json") {
                continue;
            }
            let mut text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{e}"));
            if name.starts_with("agent-policy-") {
                let mut template: Value = serde_json::from_str(&text).expect("a template is JSON");
                template["valid"] = json!({ "from": "2000-01-01T00:00:00Z", "until": "2200-01-01T00:00:00Z" });
                text = template.to_string();
            }
            std::fs::write(to.join(&name), text).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    PolicyDirectory::load(copy.path()).unwrap_or_else(|e| panic!("{e}"))
}

/// The bundle of the library's policies, and the same loaded.
pub(crate) fn policies() -> (String, Arc<PolicySet>) {
    let policies = Policies::from_directory(directory()).unwrap_or_else(|e| panic!("{e}"));
    (String::from_utf8(policies.bundle).expect("a bundle is text"), policies.set)
}

/// A decision: what it is, and why.
#[derive(Debug, PartialEq)]
pub(crate) struct Decided {
    pub(crate) decision: String,
    pub(crate) rule: Option<String>,
    /// Codes, in their order.
    pub(crate) reasons: Vec<String>,
}

impl Decided {
    /// What the native core says.
    pub(crate) fn natively(outcome: &Outcome) -> Self {
        Self {
            decision: outcome.decision.name().to_owned(),
            rule: outcome.rule.clone(),
            reasons: outcome.reasons.iter().map(|reason| reason.code.text().to_owned()).collect(),
        }
    }

    /// What a line of the access log says; `None` where the request has not come to the filter.
    pub(crate) fn in_line(line: &Value) -> Option<Self> {
        let decision: Value = serde_json::from_str(line["decision"].as_str()?).expect("a JSON document");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            decision: text(&decision["decision"]).expect("a word"),
            rule: text(&decision["rule"]),
            reasons: decision["reasons"].as_array().into_iter().flatten().filter_map(text).collect(),
        })
    }

    /// What the client of a refusal is told.
    pub(crate) fn in_problem(problem: &Problem) -> Self {
        Self {
            decision: problem.decision().to_owned(),
            rule: problem.rule().map(str::to_owned),
            reasons: problem.codes().into_iter().map(str::to_owned).collect(),
        }
    }
}
