//! Grants of cases: an entry of `state.approvals` stands for a grant that a person has signed over exactly what the entry
//! says, whether that is what the request asks for or not.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use policy_core::approval::{Claims, HEADER, Ticket, digest};
use policy_core::counters::OpenError;
use policy_core::jws::public_of;
use policy_core::{Outcome, PolicySet};
use serde::Deserialize;

use crate::policies::PolicyDirectory;
use crate::recording::{Field, RecordedRequest};
use crate::replay::NativeEngine;
use crate::world::World;

/// The key of cases: everybody knows it, and no gateway does.
const KEY: &str = "ambit-cases";
const SECRET: [u8; 32] = *b"nothing signed by this is a case";

/// What is no grant, for a request that names one which nobody has signed.
const UNKNOWN: &str = "unknown";

/// What a request shows.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    /// A grant that has been signed.
    Signed(ShownGrant),
    /// One that nobody knows.
    Unknown,
}

/// A grant, as a case says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownGrant {
    /// Whose request was approved.
    pub agent: String,
    /// Its method.
    pub method: String,
    /// Its target.
    pub path: String,
    /// SHA-256 of its body, in hexadecimal.
    pub body_sha256: String,
    /// It has been used before.
    #[serde(default)]
    pub used: bool,
    /// When it is void, by RFC 3339.
    #[serde(deserialize_with = "super::record::time")]
    pub expires_at: Timestamp,
}

/// Signs the grants of cases.
#[derive(Debug)]
pub struct CaseGrants {
    asker: NativeEngine,
}

impl CaseGrants {
    /// Lets the policies of cases take their grants.
    pub fn admit(policies: &mut PolicyDirectory) {
        policies.add_approver(KEY, public_of(&SECRET));
    }

    /// Signs for requests to these policies.
    ///
    /// # Errors
    /// [`OpenError`] when their counters do not fit.
    pub fn of(set: &Arc<PolicySet>) -> Result<Self, crate::replay::EngineError> {
        let opened: Result<NativeEngine, OpenError> =
            NativeEngine::counting(Arc::clone(set), policy_core::Timestamp(0));
        Ok(Self { asker: opened? })
    }

    /// The header of a grant that nobody has signed.
    pub(super) fn unknown() -> Field {
        (HEADER.as_bytes().to_vec(), UNKNOWN.as_bytes().to_vec())
    }

    /// The header with a grant for every role that the request needs; nothing where it needs none. Each case has grants of
    /// its own.
    pub(super) fn sign(
        &self,
        case: &str,
        said: &ShownGrant,
        request: &RecordedRequest,
        world: &dyn World,
        now: Timestamp,
    ) -> Option<Field> {
        let seconds = |time: Timestamp| u64::try_from(time.as_second()).unwrap_or_default();
        let outcome = self.asker.outcome_in(world, request, policy_core::Timestamp::from_seconds(seconds(now)));
        let Outcome { held: Some(held), .. } = outcome else { return None };
        let ticket = of_said(held.ticket, said, request.body.bytes().unwrap_or_default());
        let grants: Vec<String> = held
            .roles
            .iter()
            .enumerate()
            .filter_map(|(nth, role)| {
                let life = ticket.roles.get(role)?.expires;
                // As late as it can have been signed.
                let signed = seconds(said.expires_at).saturating_sub(life).min(seconds(now));
                let claims =
                    Claims::of(&ticket, role, format!("{nth}-{}", digest(case.as_bytes())), signed, None).ok()?;
                claims.sign(KEY, &SECRET).ok()
            })
            .collect();
        Some((HEADER.as_bytes().to_vec(), grants.join(",").into_bytes()))
    }
}

/// The ticket of the request that the entry speaks of.
fn of_said(ticket: Ticket, said: &ShownGrant, body: &[u8]) -> Ticket {
    let (path, query) = said.path.split_once('?').unwrap_or((&said.path, "\0"));
    let bytes: Vec<u8> = said.body_sha256.as_bytes().chunks(2).filter_map(hex).collect();
    Ticket {
        agent: said.agent.clone(),
        method: said.method.clone(),
        path: digest(path.as_bytes()),
        query: digest(query.as_bytes()),
        // A ticket may leave out of a body what says nothing of the action.
        body: match URL_SAFE_NO_PAD.encode(bytes) {
            same if same == digest(body) => ticket.body,
            other => other,
        },
        ..ticket
    }
}

fn hex(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}
