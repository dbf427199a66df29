//! What a run over cases comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::{Expected, Record, Waited};
use crate::render::{Screen, printable, table};
use crate::replay::{JudgedReason, Judgement};

/// Characters of a reason in a table.
const REASON_CHARS: usize = 100;

/// How a case went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The verdict is the expected one.
    Met,
    /// The verdict cannot be right yet.
    Waits(Waited),
    /// The verdict is wrong.
    Differs,
}

/// One case and what was decided, as it is reported.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    /// The case.
    pub id: String,
    /// The verdict that is right.
    pub expect: Expected,
    /// The verdict; `None` where there is no page yet.
    pub got: Option<Expected>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why; empty for an allow.
    pub reasons: Vec<JudgedReason>,
    /// The verdict is right and this reason, which the case asks for, is not among those given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_reason: Option<String>,
    /// What the right verdict waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<Waited>,
}

impl CaseResult {
    /// A case that was judged.
    pub fn judged(
        record: &Record,
        judgement: Judgement,
        waited: impl FnOnce(Expected, Option<&str>) -> Option<Waited>,
    ) -> Self {
        let got = Expected::from(judgement.verdict);
        let waits_for = if got == record.expect { None } else { waited(got, judgement.rule.as_deref()) };
        let given = |code: &String| judgement.reasons.iter().any(|reason| reason.code == *code);
        let missing_reason = record.reason.clone().filter(|code| got == record.expect && !given(code));
        Self {
            id: record.id.clone(),
            expect: record.expect,
            got: Some(got),
            rule: judgement.rule,
            reasons: judgement.reasons,
            missing_reason,
            waits_for,
        }
    }

    /// A case for which there is no page yet.
    pub fn without_page(record: &Record) -> Self {
        let id = record.id.clone();
        let waits_for = Some(Waited::Page);
        Self { id, expect: record.expect, got: None, rule: None, reasons: Vec::new(), missing_reason: None, waits_for }
    }

    /// How it went.
    pub fn fate(&self) -> Fate {
        match self.waits_for {
            _ if self.missing_reason.is_some() => Fate::Differs,
            _ if self.got == Some(self.expect) => Fate::Met,
            Some(waited) => Fate::Waits(waited),
            None => Fate::Differs,
        }
    }

    /// Its line in a table.
    pub fn row(&self) -> Vec<String> {
        let reason = self.reasons.first().map(|reason| {
            let message = reason.message.as_deref().unwrap_or_default();
            printable(&format!("{}: {message}", reason.code), REASON_CHARS)
        });
        let fate = match self.fate() {
            Fate::Met => String::new(),
            Fate::Waits(waited) => format!("waits for {waited}"),
            Fate::Differs => "differs".to_owned(),
        };
        vec![
            printable(&self.id, REASON_CHARS),
            self.expect.name().to_owned(),
            self.got.map(Expected::name).unwrap_or_default().to_owned(),
            fate,
            printable(self.rule.as_deref().unwrap_or_default(), REASON_CHARS),
            reason.unwrap_or_default(),
        ]
    }

    /// The heads of a table of [`row`](Self::row)s.
    pub const HEAD: [&str; 6] = ["case", "expect", "got", "", "rule", "reason"];
}

/// Cases of one category by how they went.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    met: usize,
    waiting: usize,
    differs: usize,
}

impl Counts {
    fn count(&mut self, fate: Fate) {
        *match fate {
            Fate::Met => &mut self.met,
            Fate::Waits(_) => &mut self.waiting,
            Fate::Differs => &mut self.differs,
        } += 1;
    }
}

/// What a run over cases comes to, by category.
#[derive(Debug, Default)]
pub struct CaseSummary {
    all: Counts,
    categories: BTreeMap<String, Counts>,
    waiting: BTreeMap<Waited, Vec<String>>,
    differing: Vec<String>,
}

impl CaseSummary {
    /// Counts a case.
    pub fn add(&mut self, category: &str, result: &CaseResult) {
        let fate = result.fate();
        self.all.count(fate);
        self.categories.entry(category.to_owned()).or_default().count(fate);
        match fate {
            Fate::Met => {}
            Fate::Waits(waited) => self.waiting.entry(waited).or_default().push(printable(&result.id, REASON_CHARS)),
            Fate::Differs => {
                let got = result.got.map(Expected::name).unwrap_or_default();
                let id = printable(&result.id, REASON_CHARS);
                let expected = match &result.missing_reason {
                    Some(code) => format!("{} for `{}`", result.expect, printable(code, REASON_CHARS)),
                    None => result.expect.name().to_owned(),
                };
                self.differing.push(format!("{id} (expected {expected}, got {got})"));
            }
        }
    }

    /// No verdict is wrong.
    pub fn as_expected(&self) -> bool {
        self.differing.is_empty()
    }

    /// The summary for people: a line a category, then what waits and what differs, by name.
    pub fn render(&self, screen: Screen) -> String {
        let row = |name: &str, counts: &Counts| {
            let total = counts.met + counts.waiting + counts.differs;
            vec![
                name.to_owned(),
                total.to_string(),
                counts.met.to_string(),
                counts.waiting.to_string(),
                counts.differs.to_string(),
            ]
        };
        let mut rows: Vec<_> =
            self.categories.iter().map(|(name, counts)| row(&printable(name, REASON_CHARS), counts)).collect();
        rows.push(row("all", &self.all));
        let mut out = table(screen, &["category", "cases", "as expected", "waiting", "differ"], &rows, &[1, 2, 3, 4]);
        // Writing to a String cannot fail.
        for (waited, ids) in &self.waiting {
            let _ = write!(out, "\nwaiting for {waited}: {}\n", ids.join(", "));
        }
        if !self.differing.is_empty() {
            let _ = write!(out, "\nnot as expected: {}\n", self.differing.join(", "));
        }
        out
    }
}
