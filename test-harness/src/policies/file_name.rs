//! The name of a template's file: `agent-policy-YYYYMMDD-agent-name.json`, the day it was reviewed
//! and the agent it is for. In a directory of pages the name is what a reviewer sees first; one
//! that names another agent than the page does misleads them.

use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use policy_core::compile::{Source, SourceKind};
use policy_core::diagnostic::{Diagnostic, Severity};
use policy_core::document::read_json;

const PREFIX: &str = "agent-policy-";
const SUFFIX: &str = ".json";

/// A template's file name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// The day of review.
    pub date: Date,
    /// The agent.
    pub agent: String,
}

/// A name that does not follow the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATemplateName;

impl FileName {
    /// Reads a file name, without its directory.
    ///
    /// # Errors
    /// [`NotATemplateName`] when it has another form, or names no day of the calendar.
    pub fn parse(name: &str) -> Result<Self, NotATemplateName> {
        let rest = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        let (day, agent) = rest.and_then(|rest| rest.split_once('-')).ok_or(NotATemplateName)?;
        let digits = day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit());
        if !digits || agent.is_empty() {
            return Err(NotATemplateName);
        }
        let date = Date::strptime("%Y%m%d", day).map_err(|_| NotATemplateName)?;
        Ok(Self { date, agent: agent.to_owned() })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-{}{SUFFIX}", self.date.strftime("%Y%m%d"), self.agent)
    }
}

/// Warnings for templates whose file names do not follow the rule, or name another agent.
pub(super) fn diagnose(sources: &[Source]) -> Vec<Diagnostic> {
    let templates = sources.iter().enumerate().filter(|(_, s)| s.kind == SourceKind::Template);
    templates.filter_map(|(index, source)| diagnose_one(index, source)).collect()
}

fn diagnose_one(index: usize, source: &Source) -> Option<Diagnostic> {
    // A document that cannot be read, or names no agent, is the compiler's to complain of.
    let document = read_json(source.text.as_bytes().to_vec()).ok()?;
    let value = document.root().member("agent")?.member("name")?;
    let agent = value.string()?;
    let file = Path::new(&source.name).file_name()?.to_string_lossy();
    let (message, right) = match FileName::parse(&file) {
        Ok(name) if name.agent == agent => return None,
        Ok(name) => (
            format!("the file is named for agent `{}`, the page is for `{agent}`", name.agent),
            FileName { agent: agent.to_owned(), ..name }.to_string(),
        ),
        Err(NotATemplateName) => (
            format!("the file name `{file}` is not `{PREFIX}YYYYMMDD-agent-name{SUFFIX}`"),
            format!("{PREFIX}YYYYMMDD-{agent}{SUFFIX}"),
        ),
    };
    Some(Diagnostic {
        severity: Severity::Warning,
        source: index,
        span: value.span(),
        message,
        help: Some(format!("name the file `{right}`, with the day of its review")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(file: &str) -> Option<String> {
        let text = r#"{"agent": {"name": "price-agent"}}"#.to_owned();
        let source = Source { name: format!("some/dir/{file}"), kind: SourceKind::Template, text };
        let found = diagnose(&[source]).pop()?;
        assert_eq!(found.span, 19..32);
        Some(format!("{}; {}", found.message, found.help.unwrap_or_default()))
    }

    #[test]
    fn a_name_that_follows_the_rule_is_silent() {
        assert_eq!(warning("agent-policy-20261120-price-agent.json"), None);
    }

    #[test]
    fn a_name_for_another_agent_is_told_the_right_one() {
        assert_eq!(
            warning("agent-policy-20261120-prices.json").as_deref(),
            Some(
                "the file is named for agent `prices`, the page is for `price-agent`; name the file \
                 `agent-policy-20261120-price-agent.json`, with the day of its review"
            )
        );
    }

    #[test]
    fn other_forms_and_impossible_days_are_told_the_form() {
        for name in ["prices.json", "agent-policy-20261320-price-agent.json", "agent-policy-2026-price-agent.json"] {
            let told = warning(name).unwrap();
            assert!(told.contains(&format!("`{name}` is not `agent-policy-YYYYMMDD-agent-name.json`")), "{told}");
        }
    }
}
