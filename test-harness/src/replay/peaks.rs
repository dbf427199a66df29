//! How much of each budget was used at most, beside what may be used.

use std::collections::BTreeMap;

use policy_core::Timestamp;
use policy_core::counters::Usage;
use policy_core::number::Decimal;
use policy_core::policy::{Counter, Page, Window};
use serde::{Serialize, Serializer};

use crate::render::{Screen, printable, table};

/// Most budgets that are told apart: bounds memory whatever a recording holds.
const BUDGETS: usize = 10_000;
/// Budgets that the table lists.
const LISTED: usize = 20;
/// Characters of a name in the table.
const NAME_CHARS: usize = 60;

/// One budget over a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Whose it is.
    pub agent: String,
    /// The permit that the counter stands in; `None`: it is one of the page's.
    pub rule: Option<String>,
    /// The counter.
    pub counter: String,
    /// What is counted: `requests`, `rows`, `sum`, `gross` or `net`.
    pub counts: &'static str,
    /// Over how long: `1h`, `1d`, `day`.
    pub window: String,
    /// What has this budget of its own; `None`: its name is too long to be kept.
    pub of: Option<Vec<String>>,
    /// The most that may be used.
    #[serde(serialize_with = "text")]
    pub max: Decimal,
    /// The most that was used at any time.
    #[serde(serialize_with = "text")]
    pub used: Decimal,
    /// Both are percent.
    pub percent: bool,
    /// When it was.
    #[serde(serialize_with = "text")]
    pub at: Timestamp,
    /// Requests that the counter counts, whatever became of them.
    pub requests: u64,
    /// Those of them that passed.
    pub passed: u64,
    /// What all of them come to: requests, rows or the sum. `None`: changes of values, or more than can be held.
    #[serde(serialize_with = "some_text")]
    pub asked: Option<Decimal>,
    /// What those that passed come to.
    #[serde(serialize_with = "some_text")]
    pub spent: Option<Decimal>,
}

fn text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn some_text<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => text(value, serializer),
        None => serializer.serialize_none(),
    }
}

/// What one request asked of a budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// How much; `None`: changes of values.
    pub(super) amount: Option<Decimal>,
    /// It went on.
    pub(super) passed: bool,
}

/// Agent, place of the counter on its page, and whose budget it is.
type Name = (String, [u8; 16], Option<Vec<String>>);

/// All budgets over a replay.
#[derive(Clone, Debug, Default)]
pub struct Peaks {
    peaks: BTreeMap<Name, Peak>,
    /// Requests to budgets that are not told apart.
    untold: u64,
}

impl Peaks {
    pub(super) fn note(
        &mut self,
        page: &Page,
        counter: &Counter,
        of: Option<Vec<String>>,
        usage: Usage,
        asked: Asked,
        now: Timestamp,
    ) {
        let name: Name = (page.agent.clone(), counter.region, of);
        if self.peaks.len() >= BUDGETS && !self.peaks.contains_key(&name) {
            self.untold += 1;
            return;
        }
        let peak = self.peaks.entry(name).or_insert_with_key(|(agent, _, of)| Peak {
            agent: agent.clone(),
            rule: counter.rule.clone(),
            counter: counter.id.clone(),
            counts: counter.counted.word(),
            window: window(counter.window),
            of: of.clone(),
            max: usage.max,
            used: usage.used,
            percent: usage.percent,
            at: now,
            requests: 0,
            passed: 0,
            asked: asked.amount.map(|_| Decimal::ZERO),
            spent: asked.amount.map(|_| Decimal::ZERO),
        });
        let known = Usage { used: peak.used, max: peak.max, percent: peak.percent };
        if usage.is_more_than(&known) {
            (peak.used, peak.max, peak.percent, peak.at) = (usage.used, usage.max, usage.percent, now);
        }
        let add = |sum: Option<Decimal>| sum?.checked_add(asked.amount?);
        peak.requests += 1;
        peak.asked = add(peak.asked);
        if asked.passed {
            peak.passed += 1;
            peak.spent = add(peak.spent);
        }
    }

    /// Every budget of which something was asked, those of which most was used first.
    pub fn all(&self) -> Vec<&Peak> {
        let mut all: Vec<&Peak> = self.peaks.values().collect();
        all.sort_by(|a, b| share(b).total_cmp(&share(a)));
        all
    }

    /// The budgets as a table.
    pub fn render(&self, screen: Screen) -> String {
        let all = self.all();
        if all.is_empty() {
            return "\nCounters: none of them counted anything\n".to_owned();
        }
        let row = |peak: &&Peak| {
            let unit = if peak.percent { " %" } else { "" };
            let rule = peak.rule.as_deref().map(|rule| format!("{rule}/")).unwrap_or_default();
            let of = peak.of.as_ref().map_or("(long)".to_owned(), |of| of.join(" "));
            let sum = |sum: Option<Decimal>| sum.map(|sum| sum.to_string()).unwrap_or_default();
            vec![
                printable(&peak.agent, NAME_CHARS),
                printable(&format!("{rule}{}", peak.counter), NAME_CHARS),
                printable(&of, NAME_CHARS),
                format!("{}{unit} {} in {}", peak.max, peak.counts, peak.window),
                format!("{}{unit}", peak.used),
                if peak.used > peak.max { "over".to_owned() } else { String::new() },
                peak.at.to_string(),
                sum(peak.asked),
                sum(peak.spent),
            ]
        };
        let rows: Vec<_> = all.iter().take(LISTED).map(row).collect();
        let head = ["agent", "counter", "of", "most", "used at most", "", "at", "asked", "passed"];
        let mut out = format!("\nCounters\n{}", table(screen, &head, &rows, &[4, 7, 8]));
        let more = all.len().saturating_sub(LISTED);
        if more > 0 {
            out.push_str(&format!("and {more} budgets more: see `counters` with --format json\n"));
        }
        if self.untold > 0 {
            out.push_str(&format!("and {} requests to more budgets than are told apart\n", self.untold));
        }
        out
    }
}

/// How much of what may be used was used, near enough to put budgets in order.
fn share(peak: &Peak) -> f64 {
    let number = |decimal: Decimal| decimal.to_string().parse::<f64>().unwrap_or_default();
    number(peak.used) / number(peak.max)
}

/// A window by its largest unit.
fn window(window: Window) -> String {
    let seconds = match window {
        Window::Rolling(seconds) => seconds,
        Window::Day => return "day".to_owned(),
        Window::Session => return "session".to_owned(),
    };
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let fits = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length));
    fits.map_or(format!("{seconds}s"), |(length, unit)| format!("{}{unit}", seconds / length))
}
