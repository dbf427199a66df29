//! How an evaluation ends: outcomes that no rule decides, and what holds for every one.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::approval::Roles;
use crate::decision::{Obligation, Outcome};
use crate::limits::UNKNOWN_AGENT_BYTES;
use crate::policy::Page;
use crate::reason::{Code, Decision, Reason};
use crate::secrets::suspect;
use crate::standing::Standing;

/// The end, with what is to be done with a request that is forwarded. One of an agent that may not act is not.
pub(super) fn end(page: &Page, standing: &Standing, obligations: &[Obligation], mut outcome: Outcome) -> Outcome {
    outcome.obligations.extend_from_slice(obligations);
    stand(page, standing, outcome)
}

/// The outcome, unless the agent may not act.
pub(super) fn stand(page: &Page, standing: &Standing, outcome: Outcome) -> Outcome {
    if outcome.forward && standing.stops(outcome.acts()) {
        Outcome { operations: outcome.operations, rpc: outcome.rpc, ..stopped(page, standing) }
    } else {
        outcome
    }
}

pub(super) fn gone(agent: String) -> Outcome {
    unknown(Some(agent), Code::UnknownAgent, "the agent's page is gone".to_string())
}

/// A refusal because of who is asking, and not of what: also on a page in shadow, for somebody has said stop.
pub(super) fn stopped(page: &Page, standing: &Standing) -> Outcome {
    Outcome { forward: false, shadow: false, ..denied(page, standing.reason(), None) }
}

pub(super) fn not_an_agent() -> Outcome {
    Outcome { decision: Decision::Allow, forward: true, not_an_agent: true, ..blank() }
}

pub(super) fn unknown(agent: Option<String>, code: Code, why: String) -> Outcome {
    let reason = Reason { code, message: why, pointer: None };
    // A name that no page has is a text like any other: what is in the wrong header may be a key.
    let agent = agent.filter(|name| name.len() <= UNKNOWN_AGENT_BYTES && !suspect(name.as_bytes()));
    Outcome { agent, reasons: alloc::vec![reason], ..blank() }
}

/// A refusal before any rule was judged. On a page in shadow it is recorded, and the request goes on.
pub(super) fn denied(page: &Page, reason: Reason, rule: Option<String>) -> Outcome {
    Outcome {
        forward: page.shadow,
        shadow: page.shadow,
        agent: Some(page.agent.clone()),
        version: Some(page.version.clone()),
        rule,
        reasons: alloc::vec![reason.bounded()],
        ..blank()
    }
}

/// Refuses, for no reason yet.
pub(super) fn blank() -> Outcome {
    Outcome {
        decision: Decision::Deny,
        forward: false,
        shadow: false,
        not_an_agent: false,
        agent: None,
        session: None,
        version: None,
        rule: None,
        reasons: Vec::new(),
        more_reasons: 0,
        obligations: Vec::new(),
        operations: Vec::new(),
        considered: Vec::new(),
        rpc: None,
        roles: Roles::default(),
        held: None,
        approved: Vec::new(),
        undecidable: None,
        keep: None,
        candidate: None,
        reserved: Vec::new(),
        counters_since: None,
        charged: None,
        tallies: Vec::new(),
        moved: Vec::new(),
        shape: None,
    }
}
