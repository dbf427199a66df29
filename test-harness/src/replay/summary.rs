//! What a replay comes to: counts, what was caught, how labels were met.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Decided, Differences, Label, Mismatch, Verdict};
use crate::render::{Screen, printable, table};

/// Most groups that are told apart; what comes later is counted together. Bounds memory whatever
/// paths a recording holds.
pub(super) const GROUPS: usize = 2_000;
/// Characters of a path and of a reason in a table.
pub(super) const PATH_CHARS: usize = 60;
const REASON_CHARS: usize = 160;
/// Mismatches that the table lists.
const LISTED_MISMATCHES: usize = 20;

/// Number of requests by decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names of the decisions")]
pub struct Counts {
    pub allow: u64,
    pub deny: u64,
    pub approval_required: u64,
    pub not_an_agent: u64,
    pub undecidable: u64,
}

impl Counts {
    fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Allow => &mut self.allow,
            Verdict::Deny => &mut self.deny,
            Verdict::ApprovalRequired => &mut self.approval_required,
            Verdict::NotAnAgent => &mut self.not_an_agent,
            Verdict::Undecidable => &mut self.undecidable,
        } += 1;
    }

    /// The number for one decision.
    pub fn of(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Allow => self.allow,
            Verdict::Deny => self.deny,
            Verdict::ApprovalRequired => self.approval_required,
            Verdict::NotAnAgent => self.not_an_agent,
            Verdict::Undecidable => self.undecidable,
        }
    }

    /// All requests.
    pub fn total(&self) -> u64 {
        Verdict::ALL.into_iter().map(|verdict| self.of(verdict)).sum()
    }
}

/// How labels were met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabelCounts {
    /// Requests decided as expected.
    pub matched: u64,
    /// Requests decided otherwise, and those undecidable though something is expected.
    pub mismatched: u64,
    /// Requests of which nothing is expected.
    pub unlabelled: u64,
    /// Expectations for requests that the recordings do not hold.
    pub unmet: u64,
    /// Of the unlabelled: what a decision waits for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub waits_for: BTreeMap<String, u64>,
}

/// What requests must have in common to be one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    verdict: Verdict,
    agent: String,
    method: String,
    shape: String,
    rule: String,
    code: String,
}

#[derive(Clone, Debug)]
struct Caught {
    count: u64,
    /// The first request's.
    message: String,
}

/// What a replay comes to.
#[derive(Debug, Default)]
pub struct Summary {
    counts: Counts,
    by_agent: BTreeMap<String, Counts>,
    groups: BTreeMap<Group, Caught>,
    ungrouped: u64,
    shadow: u64,
    labels: Option<LabelCounts>,
    mismatches: Vec<Mismatch>,
    unreadable: u64,
    differences: Option<Differences>,
}

impl Summary {
    /// Counts a decision.
    pub fn add(&mut self, decided: &Decided) {
        self.counts.count(decided.decision);
        if let Some(candidate) = &decided.candidate {
            self.differences.get_or_insert_with(|| Differences::new(&candidate.policy)).add(decided, candidate);
        }
        let agent = decided.agent.as_deref().unwrap_or(match decided.decision {
            Verdict::NotAnAgent => "(no agent)",
            _ => "(unknown)",
        });
        // Names of agents come from requests, as paths do.
        if self.by_agent.len() < GROUPS || self.by_agent.contains_key(agent) {
            self.by_agent.entry(agent.to_owned()).or_default().count(decided.decision);
        } else {
            self.by_agent.entry("(others)".to_owned()).or_default().count(decided.decision);
        }
        let caught = match decided.decision {
            Verdict::Allow | Verdict::NotAnAgent => return,
            Verdict::Deny | Verdict::ApprovalRequired | Verdict::Undecidable => decided,
        };
        self.shadow += u64::from(caught.shadow);
        let first = caught.reasons.first();
        let group = Group {
            verdict: caught.decision,
            agent: agent.to_owned(),
            method: caught.method.clone().unwrap_or_default(),
            shape: path_shape(caught.path.as_deref().unwrap_or_default()),
            rule: caught.rule.clone().unwrap_or_default(),
            code: first.map(|reason| reason.code.clone()).unwrap_or_default(),
        };
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&group) {
            self.ungrouped += 1;
            return;
        }
        let message = || first.and_then(|reason| reason.message.clone()).unwrap_or_default();
        let caught = self.groups.entry(group).or_insert_with(|| Caught { count: 0, message: message() });
        caught.count += 1;
    }

    /// Compares a decision with its label; `None`: it has none.
    pub fn compare(&mut self, label: Option<&Label>, decided: &Decided) {
        let labels = self.labels.get_or_insert_default();
        let Some(label) = label.filter(|label| label.expected.is_some()) else {
            labels.unlabelled += 1;
            if let Some(what) = label.and_then(|label| label.waits_for.clone()) {
                *labels.waits_for.entry(what).or_default() += 1;
            }
            return;
        };
        match Mismatch::between(label, decided) {
            None => labels.matched += 1,
            Some(mismatch) => {
                labels.mismatched += 1;
                self.mismatches.push(mismatch);
            }
        }
    }

    /// Counts expectations whose requests the recording does not hold.
    pub fn add_unmet(&mut self, unmet: u64) {
        self.labels.get_or_insert_default().unmet += unmet;
    }

    /// Counts an entry that could not be read.
    pub fn add_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Requests by decision.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How labels were met, where there are labels.
    pub fn labels(&self) -> Option<&LabelCounts> {
        self.labels.as_ref()
    }

    /// Decisions that are not the expected ones, in the order of the recordings.
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    /// What the candidate comes to, where there is one.
    pub fn differences(&self) -> Option<&Differences> {
        self.differences.as_ref()
    }

    /// Entries that could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether every expectation was met.
    pub fn as_expected(&self) -> bool {
        self.labels.as_ref().is_none_or(|labels| labels.mismatched == 0 && labels.unmet == 0)
    }

    /// The summary as tables.
    pub fn render(&self, screen: Screen) -> String {
        let mut out = self.agents(screen);
        self.caught(screen, &mut out);
        self.undecidable(screen, &mut out);
        self.expectations(screen, &mut out);
        if let Some(differences) = &self.differences {
            differences.render(screen, &mut out);
        }
        out
    }

    fn agents(&self, screen: Screen) -> String {
        let mut head = vec!["agent", "requests"];
        head.extend(Verdict::ALL.map(Verdict::name));
        let row = |agent: &str, counts: &Counts| {
            let mut row = vec![printable(agent, PATH_CHARS), counts.total().to_string()];
            row.extend(Verdict::ALL.map(|verdict| counts.of(verdict).to_string()));
            row
        };
        let mut rows: Vec<_> = self.by_agent.iter().map(|(agent, counts)| row(agent, counts)).collect();
        if rows.len() != 1 {
            rows.push(row("all", &self.counts));
        }
        table(screen, &head, &rows, &[1, 2, 3, 4, 5, 6])
    }

    fn grouped(&self, wanted: impl Fn(Verdict) -> bool) -> Vec<(&Group, &Caught)> {
        let mut groups: Vec<_> = self.groups.iter().filter(|(group, _)| wanted(group.verdict)).collect();
        groups.sort_by_key(|(group, caught)| (std::cmp::Reverse(group.verdict), std::cmp::Reverse(caught.count)));
        groups
    }

    fn caught(&self, screen: Screen, out: &mut String) {
        let groups = self.grouped(|verdict| verdict != Verdict::Undecidable);
        if groups.is_empty() {
            out.push_str("\nNothing was refused or held.\n");
            return;
        }
        let head = ["decision", "count", "agent", "method", "path", "rule", "first reason"];
        let rows: Vec<_> = groups
            .into_iter()
            .map(|(group, caught)| {
                vec![
                    group.verdict.name().to_owned(),
                    caught.count.to_string(),
                    printable(&group.agent, PATH_CHARS),
                    printable(&group.method, PATH_CHARS),
                    printable(&group.shape, PATH_CHARS),
                    if group.rule.is_empty() { "-".to_owned() } else { printable(&group.rule, PATH_CHARS) },
                    printable(if caught.message.is_empty() { &group.code } else { &caught.message }, REASON_CHARS),
                ]
            })
            .collect();
        out.push_str("\nRefused and held\n");
        out.push_str(&table(screen, &head, &rows, &[1]));
        if self.ungrouped > 0 {
            out.push_str(&format!("and {} more, on other paths\n", self.ungrouped));
        }
        if self.shadow > 0 {
            out.push_str(&format!("{} of them are recorded only: the page or its rule is in shadow\n", self.shadow));
        }
    }

    fn undecidable(&self, screen: Screen, out: &mut String) {
        let groups = self.grouped(|verdict| verdict == Verdict::Undecidable);
        if groups.is_empty() {
            return;
        }
        let rows: Vec<_> = groups
            .into_iter()
            .map(|(group, caught)| {
                vec![
                    caught.count.to_string(),
                    printable(&group.agent, PATH_CHARS),
                    printable(&group.method, PATH_CHARS),
                    printable(&group.shape, PATH_CHARS),
                    printable(&caught.message, REASON_CHARS),
                ]
            })
            .collect();
        out.push_str("\nUndecidable from the recording\n");
        out.push_str(&table(screen, &["count", "agent", "method", "path", "why"], &rows, &[0]));
    }

    fn expectations(&self, screen: Screen, out: &mut String) {
        let Some(labels) = &self.labels else { return };
        let labelled = labels.matched + labels.mismatched;
        out.push_str(&format!("\nLabels: {} of {labelled} as expected", labels.matched));
        if labels.unlabelled > 0 {
            let waits: Vec<_> = labels.waits_for.iter().map(|(what, n)| format!("{what}: {n}")).collect();
            let waits = if waits.is_empty() { String::new() } else { format!(" (wait for {})", waits.join(", ")) };
            out.push_str(&format!("; {} without a label{waits}", labels.unlabelled));
        }
        if labels.unmet > 0 {
            out.push_str(&format!("; {} for requests that are not in the recording", labels.unmet));
        }
        out.push('\n');
        if self.mismatches.is_empty() {
            return;
        }
        let rows: Vec<_> = self
            .mismatches
            .iter()
            .take(LISTED_MISMATCHES)
            .map(|mismatch| {
                let decided = &mismatch.decided;
                let first = decided.reasons.first().and_then(|reason| reason.message.as_deref());
                vec![
                    decided.index.to_string(),
                    printable(decided.method.as_deref().unwrap_or_default(), PATH_CHARS),
                    printable(decided.path.as_deref().unwrap_or_default(), PATH_CHARS),
                    mismatch.expected.name().to_owned(),
                    decided.decision.name().to_owned(),
                    printable(decided.rule.as_deref().unwrap_or("-"), PATH_CHARS),
                    printable(first.or(mismatch.label_reason.as_deref()).unwrap_or_default(), REASON_CHARS),
                ]
            })
            .collect();
        out.push_str("\nDecided otherwise than expected\n");
        let head = ["index", "method", "path", "expected", "decision", "rule", "reason"];
        out.push_str(&table(screen, &head, &rows, &[0]));
        let more = self.mismatches.len().saturating_sub(LISTED_MISMATCHES);
        if more > 0 {
            out.push_str(&format!("and {more} more: see `mismatches` with --format json\n"));
        }
    }
}

/// A path with what differs from request to request taken out: the query, and segments that are
/// numbers, long tokens or addresses.
pub(super) fn path_shape(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let segments: Vec<_> = path.split('/').map(|segment| if varies(segment) { "{…}" } else { segment }).collect();
    segments.join("/")
}

/// Segments at least this long with a digit in them are taken for ids.
const TOKEN_CHARS: usize = 12;

fn varies(segment: &str) -> bool {
    let digit = segment.bytes().any(|b| b.is_ascii_digit());
    let number = digit && segment.bytes().all(|b| b.is_ascii_digit());
    number || (digit && segment.len() >= TOKEN_CHARS) || segment.contains(['@', '%'])
}

#[cfg(test)]
mod tests {
    use super::path_shape;

    #[test]
    fn shapes_keep_words_and_drop_ids() {
        for (path, shape) in [
            ("/wp-json/wc/v3/products/1231?x=1", "/wp-json/wc/v3/products/{…}"),
            ("/calendar/v3/calendars/team%40example.com", "/calendar/v3/calendars/{…}"),
            ("/gmail/v1/users/me/messages/18f3a9c0b1d2e3f4/trash", "/gmail/v1/users/me/messages/{…}/trash"),
            ("/api/v3/repos/acme/shop/git/refs", "/api/v3/repos/acme/shop/git/refs"),
            ("", ""),
        ] {
            assert_eq!(path_shape(path), shape);
        }
    }
}
