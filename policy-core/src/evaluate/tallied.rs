//! What counters say of a request: the last word, once all else is said.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::counters::{Bound, Charge, Intent, Plan, Refusal, Tallied};
use crate::decision::{Considered, Outcome};
use crate::decode::Unavailable;
use crate::number::Decimal;
use crate::policy::{Band, Counted, Counter, Drift, Page, Window};
use crate::quote::quote;
use crate::reason::{Code, Decision, Reason};

/// The outcome with what the counters say.
pub(super) fn settle(mut outcome: Outcome, page: &Page, plan: Plan, tallied: Tallied) -> Outcome {
    let mut applied = tallied.applied;
    if plan.spends() && tallied.refusals.is_empty() && applied.approved.is_empty() && applied.refused.is_none() {
        // Whoever was asked has not carried the plan out.
        applied.refused = Some(unspent());
    }
    begin(&mut outcome, page, !tallied.refusals.is_empty() || applied.refused.is_some());
    for (position, refusal) in &tallied.refusals {
        let charge = plan.charges().get(*position);
        let counter = charge.and_then(|charge| page.counters.get(charge.counter as usize));
        if let Some((charge, counter)) = charge.zip(counter) {
            let (decision, reason) = finding(counter, charge, *refusal);
            if decision == Decision::ApprovalRequired
                && let Band::Approval(role) = &counter.beyond
            {
                outcome.roles.add(role);
            }
            add(&mut outcome, page, counter, decision, reason);
        }
    }
    if let Some(reason) = applied.refused {
        outcome.decision = Decision::Deny;
        outcome.add_reasons(alloc::vec![reason]);
    }
    outcome.approved = applied.approved;
    outcome.reserved = tallied.receipts;
    outcome.counters_since = tallied.since;
    outcome.charged = (!plan.charges().is_empty()).then_some(plan);
    outcome
}

/// The outcome where the counters cannot be had.
pub(super) fn unavailable(mut outcome: Outcome, page: &Page, plan: Plan, why: Unavailable) -> Outcome {
    let was = (outcome.decision, outcome.forward);
    begin(&mut outcome, page, true);
    if plan.spends() {
        outcome.decision = Decision::Deny;
        outcome.add_reasons(alloc::vec![unspent()]);
    }
    for charge in plan.charges().iter().filter(|charge| charge.intent() != Intent::Leave) {
        let Some(counter) = page.counters.get(charge.counter as usize) else { continue };
        let message = format!("the counter {} cannot be had here: what is used of it is not known", quote(&counter.id));
        let reason = Reason { code: Code::UnknownState, message, pointer: None };
        add(&mut outcome, page, counter, Decision::Deny, reason);
    }
    if was != (outcome.decision, outcome.forward) && why.undecidable().is_some() {
        outcome.undecidable = Some("counters not in the recording".into());
    }
    outcome.charged = Some(plan);
    outcome
}

fn unspent() -> Reason {
    let message = "whether the grants of this request have been used is not known here".into();
    Reason { code: Code::UnknownState, message, pointer: None }
}

/// Makes room for a refusal: what is only recorded, and would be forwarded, counts where nothing else refuses.
fn begin(outcome: &mut Outcome, page: &Page, refused: bool) {
    if !refused {
        return;
    }
    if outcome.forward && !page.shadow {
        outcome.decision = Decision::Allow;
        outcome.reasons = Vec::new();
        outcome.more_reasons = 0;
        outcome.undecidable = None;
    }
    outcome.shadow = page.shadow;
    outcome.forward = page.shadow;
}

/// The strictest holds, with its reasons.
fn add(outcome: &mut Outcome, page: &Page, counter: &Counter, decision: Decision, reason: Reason) {
    let rule = rule_of(outcome, page, counter);
    if decision > outcome.decision {
        outcome.decision = decision;
        outcome.reasons = Vec::new();
        outcome.more_reasons = 0;
        outcome.rule.clone_from(&rule);
    }
    let names = |considered: &&mut Considered| considered.effect == "permit" && Some(&considered.rule) == rule.as_ref();
    for considered in outcome.considered.iter_mut().filter(names) {
        if considered.decision.is_some_and(|known| known < decision) {
            considered.decision = Some(decision);
            considered.reasons = Vec::new();
        }
        if considered.decision == Some(decision) {
            considered.reasons.push(reason.clone());
        }
    }
    if decision == outcome.decision {
        outcome.add_reasons(alloc::vec![reason]);
    }
}

/// The rule whose counter it is: of a shared one, the first that matched.
fn rule_of(outcome: &Outcome, page: &Page, counter: &Counter) -> Option<String> {
    if counter.rule.is_some() {
        return counter.rule.clone();
    }
    let charged = |rule: &str| {
        let mut permits = page.permits.iter().filter(|permit| permit.id == rule);
        permits.any(|permit| {
            let mut own = permit.counters.iter().filter_map(|index| page.counters.get(*index as usize));
            own.any(|known| known.region == counter.region)
        })
    };
    let matched = outcome.considered.iter().filter(|considered| considered.decision.is_some());
    matched.map(|considered| &considered.rule).find(|rule| charged(rule)).cloned()
}

fn finding(counter: &Counter, charge: &Charge, refusal: Refusal) -> (Decision, Reason) {
    let name = quote(&counter.id);
    let window = match counter.window {
        Window::Rolling(seconds) => format!("within {}", duration(seconds)),
        Window::Day => "within a day".to_string(),
        Window::Session => "within a session".to_string(),
    };
    let (code, message) = match refusal {
        Refusal::Exceeded(used) => exceeded(counter, charge, used, &window),
        Refusal::Inexact => (Code::UnknownState, format!("the counter {name} cannot be held exactly")),
        Refusal::Full => (Code::StateFull, format!("the counter {name} has no room for one more of what it counts")),
        Refusal::Contended => {
            (Code::UnknownState, format!("the counter {name} is in use by too many requests; send this one again"))
        }
        Refusal::Young(since) => {
            let message = format!(
                "what was used {window} is not known (counter {name}): this gateway counts since {since}; see `after_restart`"
            );
            (Code::UnknownState, message)
        }
        Refusal::Damaged => (Code::UnknownState, format!("the counter {name} cannot be read")),
    };
    match (&counter.beyond, refusal) {
        // What a session narrows is not a person's to widen: another session is.
        (Band::Approval(_), Refusal::Exceeded(_)) if charge.capped => {
            (Decision::Deny, Reason { code, message: format!("{message}; the session caps it"), pointer: None })
        }
        (Band::Approval(role), Refusal::Exceeded(_)) => {
            let message = format!("{message}; past that, {} must approve", quote(role));
            (Decision::ApprovalRequired, Reason { code: Code::ApprovalRequired, message, pointer: None })
        }
        _ => (Decision::Deny, Reason { code, message, pointer: None }),
    }
}

fn exceeded(counter: &Counter, charge: &Charge, used: Option<Decimal>, window: &str) -> (Code, String) {
    let name = quote(&counter.id);
    let amount = charge.number().unwrap_or(Decimal::ZERO);
    let used = used.unwrap_or(Decimal::ZERO);
    let of = if counter.per.is_empty() { "" } else { " for this one" };
    let max = match &charge.bound {
        Bound::Number(max) => *max,
        Bound::Drift { .. } => Decimal::ZERO,
    };
    let counts = |code, what: &str| {
        (code, format!("{used} of {max} {what} {window} are used{of}, and this is {amount} more (counter {name})"))
    };
    match &counter.counted {
        Counted::Requests(_) => counts(Code::RateLimited, "requests"),
        Counted::Rows(_) => counts(Code::RateLimited, "rows"),
        Counted::Sum { .. } => {
            let message = format!("{used} of {max} {window} is used{of}, and this is {amount} more (counter {name})");
            (Code::BudgetExceeded, message)
        }
        Counted::Drift(Drift { net, fields, bounds }) => {
            let percent = bounds.percent.map(|percent| format!("{percent} %"));
            let absolute = bounds.absolute.map(|absolute| absolute.to_string());
            let most: Vec<String> = percent.into_iter().chain(absolute).collect();
            let fields = crate::quote::list(fields.iter().map(|(field, _)| field.as_str()), 4);
            let how = if *net { "move away" } else { "change in all" };
            let message = format!("{fields} would {how} by more than {} {window} (counter {name})", most.join(" or "));
            (Code::DriftExceeded, message)
        }
    }
}

/// A duration as a page writes it.
fn duration(seconds: u64) -> String {
    for (length, unit) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
        if seconds >= length && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}
