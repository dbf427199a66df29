//! `ambit evaluate`: one request, the decision explained rule by rule.

use std::io::{Write, stdout};
use std::sync::Arc;

use jiff::Timestamp;
use policy_core::Outcome;
use policy_core::decision::{Considered, Reason};
use serde_json::{Value, json};

use super::arguments::{Evaluate, Output};
use super::exit::{Exit, Failure};
use super::{present, request};
use crate::policies::Policies;
use crate::render::printable;
use crate::replay::{Engine, EngineError, NativeEngine, Verdict};
use crate::world::{Fate, Lookup, Recorded, Values, Watched};

/// Longest lookup that is shown, in characters.
const CALL_CHARS: usize = 512;
/// Longest name of a rule, an action or a version that is shown, in characters.
const NAME_CHARS: usize = 128;

pub(super) fn run(arguments: &Evaluate) -> Result<Exit, Failure> {
    let policies = Policies::open(&arguments.policies)?;
    let facts = present::facts(&policies.set, &arguments.state, &arguments.assume)?;
    let mut recorded = Recorded::new(Arc::clone(&policies.set), facts, Values::Recorded);
    // Nothing has been used before the request, or before the recording that it is part of.
    let counting = NativeEngine::counting(Arc::clone(&policies.set), policy_core::Timestamp(0));
    let mut engine = counting.map_err(EngineError::from)?;
    let mut failed = None;
    let given = request::read(arguments, &policies, &mut |exchange| {
        failed = failed.take().or(engine.judge_in(&recorded, exchange, arguments.now).err());
        recorded.observe(exchange, Fate::Passed);
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let now = arguments.now.or(given.time).unwrap_or_else(Timestamp::now);
    let nanoseconds = u64::try_from(now.as_nanosecond())
        .map_err(|_| Failure::Other(format!("the time {now} is before 1970; give another with --now")))?;
    let world = Watched::new(&recorded);
    let outcome = engine.outcome_in(&world, &given.request, policy_core::Timestamp(nanoseconds));
    let evaluated = Evaluated { verdict: verdict(&outcome), outcome, lookups: world.into_lookups(), now };
    let verdict = evaluated.verdict;
    let mut out = stdout().lock();
    match arguments.format {
        Output::Table => write!(out, "{}", explanation(&evaluated, &policies))?,
        Output::Json => writeln!(out, "{:#}", report(&evaluated, &policies))?,
    }
    Ok(match &arguments.expect {
        Some(expected) if *expected != verdict.name() => Exit::Differs,
        _ => Exit::Fine,
    })
}

/// One request and what came of it.
struct Evaluated {
    verdict: Verdict,
    outcome: Outcome,
    /// What was looked up, in its order.
    lookups: Vec<Lookup>,
    now: Timestamp,
}

fn verdict(outcome: &Outcome) -> Verdict {
    if outcome.not_an_agent {
        Verdict::NotAnAgent
    } else if outcome.undecidable.is_some() {
        Verdict::Undecidable
    } else {
        outcome.decision.into()
    }
}

fn explanation(evaluated: &Evaluated, policies: &Policies) -> String {
    let Evaluated { verdict, outcome, lookups, now } = evaluated;
    let mut lines = Lines::default();
    let by = outcome.rule.as_ref().map(|rule| format!(", by rule `{}`", shown(rule))).unwrap_or_default();
    let shadow = if outcome.shadow && outcome.forward { " (in shadow: forwarded)" } else { "" };
    lines.push(0, format!("{}{by}{shadow}", verdict.name()));
    if let Some(why) = &outcome.undecidable {
        lines.push(1, why.clone());
    }
    for found in &outcome.reasons {
        lines.push(1, reason(found));
    }
    if outcome.more_reasons > 0 {
        lines.push(1, format!("and {} reasons more", outcome.more_reasons));
    }
    if let Some(held) = &outcome.held {
        lines.push(0, String::new());
        lines.push(0, format!("to be approved by {}", held.roles.iter().map(shown).collect::<Vec<_>>().join(" and ")));
        held.ticket.action.iter().for_each(|line| lines.push(1, printable(line, CALL_CHARS)));
        lines.push(1, format!("ticket {}", held.ticket.encoded()));
    }
    for approved in &outcome.approved {
        let by = format!(
            "by the grant `{}` of {} for {}",
            shown(&approved.grant),
            shown(&approved.key),
            shown(&approved.role)
        );
        lines.push(1, by);
    }
    lines.push(0, String::new());
    if let Some(agent) = &outcome.agent {
        let version = outcome.version.as_ref().map(|v| format!(", page {}", shown(v))).unwrap_or_default();
        lines.push(0, format!("agent {}{version}", policy_core::quote::quote(agent)));
    }
    lines.push(0, format!("policy {}", policies.set.digest()));
    lines.push(0, format!("judged at {now}"));
    if !lookups.is_empty() {
        lines.push(0, String::new());
        lines.push(0, "looked up".to_owned());
        for lookup in lookups {
            lines.push(1, printable(&format!("{}: {}", lookup.call, lookup.reply), CALL_CHARS));
        }
    }
    for (number, operation) in outcome.operations.iter().enumerate() {
        let named = operation.action.as_deref().or(operation.call.as_deref());
        let action = named.map_or("what no catalog lists".to_owned(), shown);
        let effect = operation.effect.map(|effect| format!(" ({effect})")).unwrap_or_default();
        lines.push(0, String::new());
        lines.push(0, format!("operation {number}: {action}{effect}"));
        let of_this = outcome.considered.iter().filter(|rule| rule.operation == number);
        for rule in of_this {
            considered(rule, &mut lines);
        }
        if !outcome.considered.iter().any(|rule| rule.operation == number) {
            lines.push(1, "no rule names it".to_owned());
        }
    }
    if outcome.operations.is_empty() && !outcome.not_an_agent {
        lines.push(0, "decided before any rule was looked at".to_owned());
    }
    lines.0
}

fn considered(rule: &Considered, lines: &mut Lines) {
    let says = match rule.decision {
        None if rule.effect == "forbid" => "does not apply",
        None => "does not match: its filter or condition names other resources",
        Some(decision) => decision.name(),
    };
    let shadow = if rule.shadow { " (in shadow: does not count)" } else { "" };
    lines.push(1, format!("{} `{}`: {says}{shadow}", rule.effect, shown(&rule.rule)));
    for found in &rule.reasons {
        lines.push(2, reason(found));
    }
}

/// A name that an author gave.
fn shown(name: &str) -> String {
    printable(name, NAME_CHARS)
}

fn reason(reason: &Reason) -> String {
    let at = reason.pointer.as_ref().map(|pointer| format!(" at {}", policy_core::quote::quote(pointer)));
    format!("{}: {}{}", reason.code, reason.message, at.unwrap_or_default())
}

/// Lines with an indent of two columns a level.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn push(&mut self, level: usize, line: String) {
        if !line.is_empty() {
            self.0.push_str(&"  ".repeat(level));
            self.0.push_str(&line);
        }
        self.0.push('\n');
    }
}

fn report(evaluated: &Evaluated, policies: &Policies) -> Value {
    let Evaluated { verdict, outcome, lookups, now } = evaluated;
    let lookups = lookups.iter().map(|lookup| json!({ "call": lookup.call, "answer": lookup.reply }));
    let rules = outcome.considered.iter().map(|rule| {
        json!({
            "operation": rule.operation,
            "rule": rule.rule,
            "effect": rule.effect,
            "decision": rule.decision.map(policy_core::Decision::name),
            "shadow": rule.shadow,
            "reasons": rule.reasons,
        })
    });
    json!({
        "decision": verdict.name(),
        "forwarded": outcome.forward,
        "shadow": outcome.shadow,
        "agent": outcome.agent,
        "version": outcome.version,
        "rule": outcome.rule,
        "reasons": outcome.reasons,
        "more_reasons": outcome.more_reasons,
        "ticket": outcome.held.as_ref().map(|held| held.ticket.encoded()),
        "approval": outcome.approved,
        "undecidable": outcome.undecidable,
        "operations": outcome.operations,
        "considered": rules.collect::<Vec<_>>(),
        "lookups": lookups.collect::<Vec<_>>(),
        "policy": policies.set.digest(),
        "time": now.to_string(),
    })
}
