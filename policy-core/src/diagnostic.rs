//! What is wrong with a template, a catalog or a gateway document: where, why, and what to write instead. Rendering is
//! the caller's.

use alloc::string::String;
use core::ops::Range;

/// One finding in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Index of the document among the sources.
    pub source: usize,
    /// The place, in bytes of the document's text.
    pub span: Range<usize>,
    /// What is wrong: lower case, one sentence, user input in backticks.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; the policy set is built.
    Warning,
    /// The policy set is not built.
    Error,
}

/// The candidate nearest to `wrong`, when it is near enough to be what was meant.
#[must_use]
pub fn nearest<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let most = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= most || candidate.eq_ignore_ascii_case(wrong))
        .min()
        .map(|(_, candidate)| candidate)
}

/// What other languages call what this one has: the first of the candidates that is such a word for `wrong`.
#[must_use]
pub fn meant<'c>(wrong: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let words: &[&str] = match wrong.to_ascii_lowercase().as_str() {
        "allow" | "allowed" | "allows" | "grant" => &["permit", "only", "allow"],
        "rules" | "permits" | "permissions" => &["permit"],
        "deny" | "denied" | "block" | "prohibit" => &["forbid", "never"],
        "required" | "mandatory" => &["require"],
        ">" | "gt" | "greater_than" | "above" | "more_than" => &["over"],
        "<" | "lt" | "less_than" | "below" => &["under"],
        ">=" | "gte" | "minimum" | "at_least" | "from" => &["min"],
        "<=" | "lte" | "maximum" | "at_most" | "limit" | "most" => &["max"],
        "=" | "==" | "eq" | "enum" | "one_of" | "value" | "values" | "is" => &["in"],
        "!=" | "not" | "ne" | "none_of" => &["not_in"],
        "regex" | "regexp" | "matches" | "match" => &["pattern"],
        "if" | "condition" | "conditions" | "only_if" => &["when"],
        "pct" | "percentage" | "relative" => &["percent"],
        "amount" | "value_change" => &["absolute"],
        "action" | "actions" | "resource" | "resources" => &["scope"],
        "path" | "url" | "route" | "method" => &["endpoint"],
        "period" | "interval" | "every" | "duration" => &["window"],
        "ttl" | "timeout" | "valid_for" => &["expires"],
        "name" => &["id"],
        "timezone" | "tz" => &["time_zone"],
        "approver" | "approval_roles" | "roles" => &["approvers"],
        _ => return None,
    };
    words.iter().find_map(|word| candidates.iter().copied().find(|candidate| candidate == word))
}

/// Edits (insert, delete, replace, swap neighbours) between two texts.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    use alloc::vec::Vec;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = alloc::vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let cost = usize::from(ca != cb);
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (get(&row, j) + 1).min(get(&above, j + 1) + 1).min(get(&above, j) + cost);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                best = best.min(get(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["purpose", "permit", "forbid", "version"];
        assert_eq!(nearest("purpsoe", names), Some("purpose"));
        assert_eq!(nearest("Permit", names), Some("permit"));
        assert_eq!(nearest("versions", names), Some("version"));
        assert_eq!(nearest("colour", names), None);
    }

    #[test]
    fn words_of_other_languages_are_understood_where_they_fit() {
        let limit = ["field", "in", "not_in", "min", "max", "over", "under"];
        for (wrong, right) in [(">", "over"), ("maximum", "max"), ("not", "not_in"), ("Enum", "in")] {
            assert_eq!(meant(wrong, &limit), Some(right));
        }
        assert_eq!(meant("deny", &["permit", "forbid"]), Some("forbid"));
        assert_eq!(meant("deny", &limit), None);
        assert_eq!(meant("colour", &limit), None);
    }
}
