//! `ambit validate`.

use std::io::{Write, stdout};
use std::path::PathBuf;

use policy_core::Timestamp;
use serde_json::json;

use super::arguments::{Output, Validate};
use super::exit::{Exit, Failure};
use crate::policies::{Findings, Policies, PolicyDirectory, PolicyError};
use crate::render::{Screen, diagnostics, diagnostics_json};

pub(super) fn run(arguments: &Validate) -> Result<Exit, Failure> {
    let now = arguments.now.unwrap_or_else(jiff::Timestamp::now);
    let now = Timestamp(u64::try_from(now.as_nanosecond()).unwrap_or_default());
    let result = open(&arguments.paths, now);
    let mut out = stdout().lock();
    let written = match (&result, arguments.format) {
        (Ok(policies), Output::Table) => {
            let findings = policies.findings();
            write!(out, "{}", diagnostics(findings, Screen::stdout()))?;
            writeln!(out, "{}", summary(policies))
        }
        (Ok(policies), Output::Json) => writeln!(out, "{}", report(policies.findings(), Some(policies))),
        (Err(PolicyError::Invalid(invalid)), Output::Table) => {
            write!(out, "{}", diagnostics(invalid.findings(), Screen::stdout()))?;
            writeln!(out, "{invalid}")
        }
        (Err(PolicyError::Invalid(invalid)), Output::Json) => writeln!(out, "{}", report(invalid.findings(), None)),
        (Err(_), _) => Ok(()),
    };
    written?;
    match result {
        Ok(_) => Ok(Exit::Fine),
        Err(PolicyError::Invalid(_)) => Ok(Exit::InvalidPolicy),
        Err(error) => Err(error.into()),
    }
}

/// One directory or bundle, or documents of one directory.
fn open(paths: &[PathBuf], now: Timestamp) -> Result<Policies, PolicyError> {
    let directory = match paths {
        [path] if is_bundle(path) => return Policies::open(path),
        [path] if !path.is_file() => PolicyDirectory::load(path)?,
        files => PolicyDirectory::load_files(files)?,
    };
    Policies::from_directory(directory.at(now))
}

fn is_bundle(path: &std::path::Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| crate::policies::is_bundle(&text))
}

fn summary(policies: &Policies) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let warnings = policies.findings().warnings();
    let warned = if warnings == 0 { String::new() } else { format!(", {}", count(warnings, "warning")) };
    format!(
        "valid: {}, {}{warned}, {}",
        count(policies.set.agents(), "agent"),
        count(policies.rules(), "rule"),
        policies.set.digest()
    )
}

fn report(findings: Findings<'_>, policies: Option<&Policies>) -> serde_json::Value {
    json!({
        "valid": policies.is_some(),
        "agents": policies.map(|policies| policies.set.agents()),
        "rules": policies.map(Policies::rules),
        "policy": policies.map(|policies| policies.set.digest()),
        "diagnostics": diagnostics_json(findings),
    })
}
