//! Diagnostics of policies: file, line, the place underlined, what is wrong, what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use policy_core::diagnostic::{Diagnostic, Severity};
use serde::Serialize;

use super::Screen;
use crate::policies::Findings;

/// All diagnostics, one after another, with an empty line after each.
pub fn diagnostics(findings: Findings<'_>, screen: Screen) -> String {
    let renderer = if screen.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = match screen.width {
        Some(width) => renderer.term_width(width.into()),
        None => renderer,
    };
    let mut out = String::new();
    for found in findings.diagnostics {
        out.push_str(&renderer.render(&report(findings, found)));
        out.push_str("\n\n");
    }
    out
}

fn report<'a>(findings: Findings<'a>, found: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match found.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(found.message.as_str());
    let mut group = match findings.sources.get(found.source) {
        Some(source) => {
            let span = within(&source.text, found.span.clone());
            let place = AnnotationKind::Primary.span(span);
            title.element(Snippet::source(&source.text).path(&source.name).annotation(place))
        }
        None => Group::with_title(title),
    };
    if let Some(help) = &found.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    vec![group]
}

/// The span, cut to the text and to whole characters: the renderer takes no other.
fn within(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}

/// A diagnostic for programs.
#[derive(Debug, Serialize)]
pub struct JsonDiagnostic<'a> {
    severity: &'static str,
    file: Option<&'a str>,
    /// From 1; columns count characters.
    line: usize,
    column: usize,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

/// All diagnostics, for JSON output.
pub fn diagnostics_json<'a>(findings: Findings<'a>) -> Vec<JsonDiagnostic<'a>> {
    let one = |found: &'a Diagnostic| {
        let source = findings.sources.get(found.source);
        let text = source.map_or("", |source| source.text.as_str());
        let before = text.get(..within(text, found.span.clone()).start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        JsonDiagnostic {
            severity: match found.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            file: source.map(|source| source.name.as_str()),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            message: &found.message,
            help: found.help.as_deref(),
        }
    };
    findings.diagnostics.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use policy_core::compile::{Source, SourceKind};

    use super::*;

    fn sources() -> Vec<Source> {
        let text = "{\n  \"äpi\": 1,\n  \"purpsoe\": \"x\"\n}\n".to_owned();
        vec![Source { name: "policies/a.json".into(), kind: SourceKind::Template, text }]
    }

    fn found() -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            source: 0,
            span: 17..26,
            message: "there is no member `purpsoe`".into(),
            help: Some("did you mean `purpose`?".into()),
        }
    }

    #[test]
    fn the_place_is_underlined_with_message_and_help() {
        let (sources, diagnostics_) = (sources(), [found()]);
        let findings = Findings { sources: &sources, diagnostics: &diagnostics_ };
        insta::assert_snapshot!(diagnostics(findings, Screen::PLAIN), @r#"
        error: there is no member `purpsoe`
         --> policies/a.json:3:3
          |
        3 |   "purpsoe": "x"
          |   ^^^^^^^^^
          |
          = help: did you mean `purpose`?
        "#);
    }

    #[test]
    fn json_counts_lines_and_characters_from_one() {
        let (sources, mut diagnostics) = (sources(), [found()]);
        diagnostics[0].span = 9..10;
        let findings = Findings { sources: &sources, diagnostics: &diagnostics };
        let json = serde_json::to_value(diagnostics_json(findings)).unwrap();
        assert_eq!(json[0]["line"], 2);
        assert_eq!(json[0]["column"], 7);
        assert_eq!(json[0]["file"], "policies/a.json");
    }

    #[test]
    fn spans_outside_the_text_or_inside_a_character_are_cut() {
        assert_eq!(within("aä", 2..9), 1..3);
        assert_eq!(within("", 5..9), 0..0);
    }
}
