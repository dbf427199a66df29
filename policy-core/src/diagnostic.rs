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
}
