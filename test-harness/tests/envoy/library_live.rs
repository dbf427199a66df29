//! The library's policies in a live Envoy, and one form for a decision, wherever it is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy_core::compile::{Source, SourceKind, compile};
use policy_core::{Outcome, PolicySet};
use serde_json::Value;

use crate::answer::Problem;
use crate::library;

/// The library's policies, valid whenever this test runs: a live gateway judges by its own clock.
pub(crate) fn policies() -> (String, Arc<PolicySet>) {
    let folder = library::folder();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{e}"));
    let mut sources = Vec::new();
    let mut add = |path: &Path, kind| {
        let mut text = read(path);
        if kind == SourceKind::Template {
            let mut template: Value = serde_json::from_str(&text).expect("a template is JSON");
            template["valid"] = serde_json::json!({ "from": "2000-01-01T00:00:00Z", "until": "2200-01-01T00:00:00Z" });
            text = template.to_string();
        }
        sources.push(Source { name: path.display().to_string(), kind, text });
    };
    add(&folder.join("gateway.json"), SourceKind::Gateway);
    let json = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{e}"));
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect()
    };
    for path in json(&folder.join("catalogs")) {
        add(&path, SourceKind::Catalog);
    }
    for path in json(&folder) {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("agent-policy-")) {
            add(&path, SourceKind::Template);
        }
    }
    let compiled = compile(&sources);
    let set = compiled.set.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let bundle = policy_core::bundle::seal(&set).expect("the set seals");
    let set = policy_core::bundle::load(&bundle).expect("the bundle loads");
    (String::from_utf8(bundle).expect("a bundle is text"), Arc::new(set))
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
