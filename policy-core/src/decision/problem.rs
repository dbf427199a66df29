//! The answer to what is refused, a request or a command: a problem document (RFC 9457) by which who sent it can correct
//! itself. It says nothing of other agents' pages.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{Code, Decision, Held, Outcome, Reason};
use crate::approval::{HEADER, Roles, Ticket};
use crate::policy::PolicySet;

/// A local reply: `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// The document, JSON.
    pub body: Vec<u8>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    reasons: &'a [Said<'a>],
    #[serde(skip_serializing_if = "is_zero")]
    more_reasons: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<Approval<'a>>,
    policy: &'a str,
}

/// A reason, whoever gives it.
#[derive(Serialize)]
struct Said<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
}

/// How the request can be approved.
#[derive(Serialize)]
struct Approval<'a> {
    id: &'a str,
    /// In words. It stands in the ticket as well, which is what counts.
    action: &'a [String],
    roles: &'a Roles,
    /// The longest life of a grant, in seconds: of several roles the shortest.
    expires: Option<u64>,
    /// The header for the grants, when the same request is sent again.
    header: &'a str,
    ticket: String,
}

impl<'a> Approval<'a> {
    fn of(held: &'a Held) -> Self {
        let of_role = |role: &str| Some(held.ticket.roles.get(role)?.expires);
        Self {
            id: Ticket::id(&held.digest),
            action: &held.ticket.action,
            roles: &held.roles,
            expires: held.roles.iter().filter_map(of_role).min(),
            header: HEADER,
            ticket: held.ticket.encoded(),
        }
    }
}

impl Problem {
    /// Of a request on the control route by which nothing was done: a word for why, and a sentence.
    pub(crate) fn of_command(set: &PolicySet, status: u16, code: &str, message: &str) -> Self {
        Self::write(&Document {
            kind: &format!("urn:ambit:command:{code}"),
            title: "nothing was done",
            status,
            detail: message,
            decision: None,
            agent: None,
            rule: None,
            reasons: &[Said { code, message, pointer: None }],
            more_reasons: 0,
            approval: None,
            policy: set.digest(),
        })
    }

    fn write(document: &Document<'_>) -> Self {
        // Serializing strings and numbers cannot fail; an empty body would still be a refusal.
        Self { status: document.status, body: serde_json::to_vec(document).unwrap_or_default() }
    }
}

impl<'a> Said<'a> {
    fn of(reason: &'a Reason) -> Self {
        Self { code: reason.code.text(), message: &reason.message, pointer: reason.pointer.as_deref() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Outcome {
    /// The problem document of a refusal.
    #[must_use]
    pub fn problem(&self, set: &PolicySet) -> Problem {
        let first = self.reasons.first();
        let status = match (self.decision, first.map(|r| r.code)) {
            (_, Some(Code::UnknownAgent | Code::SessionInvalid | Code::SessionExpired | Code::SessionBeforeStart)) => {
                401
            }
            (_, Some(Code::BodyTooLarge)) => 413,
            (_, Some(Code::BodyTimeout)) => 408,
            (_, Some(Code::RateLimited)) => 429,
            (_, Some(Code::Gateway | Code::BodyNotDelivered)) => 503,
            (
                _,
                Some(
                    Code::PathAmbiguous
                    | Code::ParamShadow
                    | Code::BodyUnparsable
                    | Code::BodyDuplicateKey
                    | Code::GraphqlShape
                    | Code::Charset
                    | Code::BodyNotSeen
                    | Code::JsonrpcShape
                    | Code::HeaderBodyMismatch,
                ),
            ) => 400,
            (_, Some(Code::ContentType | Code::ContentEncoding)) => 415,
            _ => 403,
        };
        let title = match self.decision {
            Decision::ApprovalRequired => "a person must approve this action",
            _ => "outside the agent's scope",
        };
        let kind = format!("urn:ambit:{}", first.map_or(self.decision.name(), |r| r.code.text()));
        let mut detail = String::new();
        for reason in self.reasons.iter().take(3) {
            if !detail.is_empty() {
                detail.push_str("; ");
            }
            detail.push_str(&reason.message);
        }
        let reasons: Vec<Said<'_>> = self.reasons.iter().map(Said::of).collect();
        Problem::write(&Document {
            kind: &kind,
            title,
            status,
            detail: &detail,
            decision: Some(self.decision.name()),
            agent: self.agent.as_deref(),
            rule: self.rule.as_deref(),
            reasons: &reasons,
            more_reasons: self.more_reasons,
            approval: self.held.as_deref().map(Approval::of),
            policy: set.digest(),
        })
    }
}
