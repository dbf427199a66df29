//! An example carried out: what the compiler says of its documents, and what its requests get.

use std::sync::Arc;

use policy_core::compile::{Compiled, Source, compile};
use policy_core::decision::Code;
use policy_core::diagnostic::{Diagnostic, Severity};
use policy_core::{Obligation, Outcome};
use test_harness::replay::{NativeEngine, Verdict};
use test_harness::world::{Facts, Rest};

use super::chapter::Example;
use super::documents::Documents;
use super::lines::{Answer, Line, lines};

/// When the gateway of the examples began to count.
const SINCE: &str = "2026-11-19T00:00:00Z";

/// What came of an example.
pub(crate) struct Trial {
    pub(crate) sources: Vec<Source>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Of each line; `None` where the documents do not compile.
    pub(crate) outcomes: Option<Vec<Outcome>>,
}

/// The requests of an example.
pub(crate) fn asked(example: &Example) -> Vec<Line> {
    example.requests.iter().flat_map(lines).collect()
}

/// Compiles the documents and judges the requests, in the state of the example.
pub(crate) fn carry_out(example: &Example, documents: &Documents, lines: &[Line]) -> Trial {
    let sources = documents.sources();
    let Compiled { set, diagnostics } = compile(&sources);
    let outcomes = set.map(|set| {
        let bundle = policy_core::bundle::seal(&set).unwrap_or_else(|e| panic!("{e}"));
        let loaded = policy_core::bundle::load(&bundle).unwrap_or_else(|e| panic!("{e}"));
        let loaded = Arc::new(loaded);
        let mut world = Facts::new(Arc::clone(&loaded), None, Rest::NotFound);
        for block in &example.state {
            world.read(block.text.as_bytes()).unwrap_or_else(|e| panic!("{}: {e}", block.place));
        }
        let since = policy_core::Timestamp::parse(SINCE).unwrap_or_else(|| panic!("{SINCE}"));
        let engine = NativeEngine::counting(loaded, since).unwrap_or_else(|e| panic!("{e}"));
        let outcome = |line: &Line| engine.outcome_after(&world, &line.request, line.response.as_ref(), line.now);
        lines.iter().map(outcome).collect()
    });
    Trial { sources, diagnostics, outcomes }
}

impl Trial {
    /// Everything that can be seen of it: two trials that differ in nothing are the same to everybody.
    pub(crate) fn seen(&self) -> String {
        format!("{:?} {:?}", self.said(), self.outcomes)
    }

    /// Diagnostics as a block writes them.
    pub(crate) fn said(&self) -> Vec<String> {
        let line = |found: &Diagnostic| match found.severity {
            Severity::Warning => format!("warning: {}", found.message),
            Severity::Error => format!("error: {}", found.message),
        };
        self.diagnostics.iter().map(line).collect()
    }
}

/// What a request gets, as a line writes it.
pub(crate) fn answer(outcome: &Outcome) -> Answer {
    let verdict = if outcome.not_an_agent {
        Verdict::NotAnAgent
    } else if outcome.undecidable.is_some() {
        Verdict::Undecidable
    } else {
        outcome.decision.into()
    };
    let mut codes: Vec<&'static str> = Vec::new();
    for reason in &outcome.reasons {
        // The decision says it already.
        let said = verdict == Verdict::ApprovalRequired && reason.code == Code::ApprovalRequired;
        if !said && !codes.contains(&reason.code.text()) {
            codes.push(reason.code.text());
        }
    }
    let forwarded = outcome.forward && !matches!(verdict, Verdict::Allow | Verdict::NotAnAgent);
    let change = |obligation: &Obligation| match obligation {
        Obligation::SetRequestHeader { name, value } => format!("{name}: {}", String::from_utf8_lossy(value)),
        Obligation::RemoveRequestHeader { name } => format!("no {name}"),
        other => panic!("{other:?} is not known to examples"),
    };
    let changes = outcome.obligations.iter().filter(|_| outcome.forward).map(change).collect();
    Answer { verdict, codes, forwarded, changes }
}

/// Where an example and the product differ: one text for each difference.
pub(crate) fn differences(example: &Example) -> Vec<String> {
    let lines = asked(example);
    let trial = carry_out(example, &Documents::of(example, None), &lines);
    let mut differences = Vec::new();
    let written: Vec<&str> = example.diagnostics.iter().flat_map(|block| block.text.lines()).collect();
    let said = trial.said();
    if written != said {
        let at = example.diagnostics.first().map_or(&example.place, |block| &block.place);
        let listed = |lines: &[&str]| match lines {
            [] => "nothing".to_owned(),
            lines => lines.join("\n    "),
        };
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let (title, written, said) = (&example.title, listed(&written), listed(&said));
        differences.push(format!("{at}: {title}\n  written: {written}\n  the compiler says: {said}"));
    }
    let Some(outcomes) = &trial.outcomes else {
        if !lines.is_empty() && written == said {
            differences.push(format!("{}: no request is judged by documents that do not compile", example.place));
        }
        return differences;
    };
    for (line, outcome) in lines.iter().zip(outcomes) {
        let got = answer(outcome);
        if got != line.answer {
            let reasons: Vec<String> =
                outcome.reasons.iter().map(|reason| format!("\n    {}: {}", reason.code, reason.message)).collect();
            let (place, text, written) = (&line.place, &line.text, &line.answer);
            let rule = outcome.rule.as_deref().map(|rule| format!(" (rule `{rule}`)")).unwrap_or_default();
            differences.push(format!("{place}: {text}\n  written: {written}\n  came: {got}{rule}{}", reasons.concat()));
        }
    }
    differences
}
