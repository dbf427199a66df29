//! Carries a decision out: headers changed and the request forwarded, or a reply in the upstream's place.

use crate::host;
use crate::metrics::Metric;
use crate::plugin::Plugin;
use crate::policy::control;
use crate::policy::{Code, Decision, Obligation, Outcome, Reason};
use crate::reply::{Reply, reply};
use crate::trial::Trial;
use crate::types::{HeaderMap, Level};

/// The property that holds the decision's event: `%FILTER_STATE(wasm.ambit.decision:PLAIN)%` in Envoy's access log.
const DECISION_PROPERTY: &[&str] = &["ambit.decision"];

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    /// Its obligations are carried out; it may pass.
    Forward,
    /// A reply was given in the upstream's place.
    Refused,
}

/// Records the outcome, then forwards or refuses as it says. A candidate says what it would, once that is settled.
pub(crate) fn enforce(outcome: &mut Outcome, trial: Option<&mut Trial>, plugin: &Plugin) -> Verdict {
    // Whoever reads any event sees how far back the counters know.
    outcome.counters_since = outcome.counters_since.or(plugin.table.birth());
    if outcome.forward && !outcome.obligations.iter().all(carry_out) {
        // What must be done and was not makes the decision a deny, for the reply and for the record.
        outcome.decision = Decision::Deny;
        outcome.forward = false;
        let message = "the policy forwards this request only with changes that the gateway did not make";
        let reason = Reason { code: Code::Gateway, message: message.into(), pointer: None };
        outcome.reasons.insert(0, reason);
        plugin.metrics.count(Metric::Failed);
    }
    if let Some(trial) = trial {
        trial.judge(outcome, plugin);
    }
    record(outcome, plugin);
    if outcome.forward {
        return Verdict::Forward;
    }
    let answer = outcome.reply(&plugin.set);
    let why = outcome.reasons.first().map_or("deny", |reason| reason.code.text());
    let details = format!("ambit_{why}");
    let content_type = answer.content_type;
    reply(&Reply { status: answer.status, details: &details, content_type, body: &answer.body }, Some(plugin));
    Verdict::Refused
}

/// Counts a decision and leaves its event for the gateway's access log.
pub(crate) fn record(outcome: &Outcome, plugin: &Plugin) {
    plugin.metrics.count_outcome(outcome);
    if host::set_property(DECISION_PROPERTY, &outcome.decision_json(&plugin.set)).is_err() {
        plugin.metrics.count(Metric::NotRecorded);
    }
}

/// Answers a command to the gateway, and leaves its record: a line in the gateway's log, and the event for its access log.
pub(crate) fn answer_command(answer: &control::Answer, plugin: &Plugin) {
    plugin.metrics.count(Metric::Command);
    if !answer.carried_out {
        plugin.metrics.count(Metric::CommandRefused);
    }
    host::log(if answer.carried_out { Level::Info } else { Level::Warn }, &answer.line);
    if host::set_property(DECISION_PROPERTY, &answer.event).is_err() {
        plugin.metrics.count(Metric::NotRecorded);
    }
    let details = format!("ambit_command_{}", answer.details);
    let content_type = Some(answer.content_type);
    reply(&Reply { status: answer.status, details: &details, content_type, body: &answer.body }, Some(plugin));
}

/// Changes the request as an obligation says; false if the host did not, or
/// if this filter does not know it.
fn carry_out(obligation: &Obligation) -> bool {
    match obligation {
        Obligation::SetRequestHeader { name, value } => {
            host::replace_header(HeaderMap::Request, name.as_bytes(), value)
        }
        Obligation::RemoveRequestHeader { name } => host::remove_header(HeaderMap::Request, name.as_bytes()),
        _ => return false,
    }
    .is_ok()
}
