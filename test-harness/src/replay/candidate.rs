//! What the candidate says of recorded requests, beside what is enforced.

use std::collections::BTreeMap;

use policy_core::PolicySet;
use policy_core::decision::{Candidate, Compared, Undecided};
use serde::{Deserialize, Serialize};

use super::Decided;
use super::summary::{GROUPS, PATH_CHARS, path_shape};
use crate::render::{Screen, printable, table};

/// Differences that the table lists.
const LISTED: usize = 20;

/// What the candidate says of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateJudgement {
    /// Digest of the candidate.
    pub policy: String,
    /// How it stands to what is enforced.
    pub compared: Compared,
    /// Why it comes to no judgement; then nothing else is said. See [`Undecided::text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecidable: Option<String>,
    /// What it decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// It would only record the decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// The rule that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Codes of the reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl From<Candidate> for CandidateJudgement {
    fn from(record: Candidate) -> Self {
        Self {
            policy: record.policy,
            compared: record.compared,
            undecidable: record.undecidable.map(str::to_owned),
            decision: record.decision.map(str::to_owned),
            shadow: record.shadow,
            rule: record.rule,
            reasons: record.reasons.into_iter().map(str::to_owned).collect(),
        }
    }
}

impl CandidateJudgement {
    /// That of the candidate of a set, where what is enforced cannot be told from the recording. `None`: it has none.
    pub(super) fn none_of(set: &PolicySet) -> Option<Self> {
        Some(Candidate::undecided(set.candidate()?, Undecided::Enforced).into())
    }

    /// The same in place of this one.
    pub(super) fn where_enforced_is_unknown(self) -> Self {
        Self {
            policy: self.policy,
            compared: Compared::Undecidable,
            undecidable: Some(Undecided::Enforced.text().to_owned()),
            decision: None,
            shadow: false,
            rule: None,
            reasons: Vec::new(),
        }
    }
}

/// Number of requests by how the candidate stands to what is enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the words of the comparison")]
pub struct ComparedCounts {
    pub same: u64,
    pub stricter: u64,
    pub looser: u64,
    pub undecidable: u64,
}

impl ComparedCounts {
    /// The number for one comparison.
    pub fn of(&self, compared: Compared) -> u64 {
        match compared {
            Compared::Same => self.same,
            Compared::Stricter => self.stricter,
            Compared::Looser => self.looser,
            Compared::Undecidable => self.undecidable,
        }
    }

    fn count(&mut self, compared: Compared) {
        *match compared {
            Compared::Same => &mut self.same,
            Compared::Stricter => &mut self.stricter,
            Compared::Looser => &mut self.looser,
            Compared::Undecidable => &mut self.undecidable,
        } += 1;
    }
}

/// What differing requests must have in common to be one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    compared: Compared,
    agent: String,
    method: String,
    shape: String,
    enforced: String,
    candidate: String,
}

/// What a candidate comes to over a replay.
#[derive(Debug)]
pub struct Differences {
    policy: String,
    counts: ComparedCounts,
    groups: BTreeMap<Group, u64>,
    ungrouped: u64,
}

impl Differences {
    /// Nothing is compared yet with the candidate of this digest.
    pub(super) fn new(policy: &str) -> Self {
        Self { policy: policy.to_owned(), counts: ComparedCounts::default(), groups: BTreeMap::new(), ungrouped: 0 }
    }

    /// Requests by comparison.
    pub fn counts(&self) -> &ComparedCounts {
        &self.counts
    }

    pub(super) fn add(&mut self, decided: &Decided, candidate: &CandidateJudgement) {
        self.counts.count(candidate.compared);
        if candidate.compared == Compared::Same {
            return;
        }
        let codes = |codes: Vec<&str>| codes.first().map(|code| format!(": {code}")).unwrap_or_default();
        let says = |decision: &str, rule: Option<&str>, code: String| match rule {
            Some(rule) => format!("{decision} {rule}{code}"),
            None => format!("{decision}{code}"),
        };
        let enforced = decided.reasons.iter().map(|reason| reason.code.as_str()).collect();
        let would = match (&candidate.undecidable, &candidate.decision) {
            (Some(why), _) => why.clone(),
            (None, decision) => says(
                decision.as_deref().unwrap_or_default(),
                candidate.rule.as_deref(),
                codes(candidate.reasons.iter().map(String::as_str).collect()),
            ),
        };
        let group = Group {
            compared: candidate.compared,
            agent: decided.agent.clone().unwrap_or_default(),
            method: decided.method.clone().unwrap_or_default(),
            shape: path_shape(decided.path.as_deref().unwrap_or_default()),
            enforced: says(decided.decision.name(), decided.rule.as_deref(), codes(enforced)),
            candidate: would,
        };
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&group) {
            self.ungrouped += 1;
            return;
        }
        *self.groups.entry(group).or_default() += 1;
    }

    /// The counts, as a program reads them.
    pub(super) fn report(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Report<'a> {
            policy: &'a str,
            #[serde(flatten)]
            counts: ComparedCounts,
        }
        Report { policy: &self.policy, counts: self.counts }
    }

    /// The counts, and what differs most often.
    pub(super) fn render(&self, screen: Screen, out: &mut String) {
        let counts = Compared::ALL.map(|word| format!("{} {}", self.counts.of(word), word.name())).join(", ");
        out.push_str(&format!("\nCandidate {}: {counts}\n", self.policy));
        if self.groups.is_empty() {
            return;
        }
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(group, count)| (group.compared, std::cmp::Reverse(**count)));
        let rows: Vec<_> = groups
            .iter()
            .take(LISTED)
            .map(|(group, count)| {
                vec![
                    group.compared.name().to_owned(),
                    count.to_string(),
                    printable(&group.agent, PATH_CHARS),
                    printable(&group.method, PATH_CHARS),
                    printable(&group.shape, PATH_CHARS),
                    printable(&group.enforced, PATH_CHARS),
                    printable(&group.candidate, PATH_CHARS),
                ]
            })
            .collect();
        let head = ["candidate is", "count", "agent", "method", "path", "enforced", "candidate"];
        out.push_str(&table(screen, &head, &rows, &[1]));
        let more = groups.iter().skip(LISTED).map(|(_, count)| **count).sum::<u64>() + self.ungrouped;
        if more > 0 {
            out.push_str(&format!("and {more} more: see `candidate` of each decision with --format json\n"));
        }
    }
}
