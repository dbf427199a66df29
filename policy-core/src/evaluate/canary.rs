//! Canaries: a permit that is tried on a part of the resources. Which part is a matter of a digest, so a resource stays
//! inside for as long as the percentage is not lowered, whatever else of the page changes.

use alloc::format;
use alloc::string::String;

use sha2::{Digest as _, Sha256};

use super::Finding;
use crate::decode::Operation;
use crate::number::Decimal;
use crate::policy::{Canary, Permit};
use crate::quote::quote;
use crate::reason::{Code, Decision};
use crate::session::Session;

/// Parts into which the resources fall.
const PARTS: u64 = 10_000;

/// Keeps these digests apart from those of anything else that would be drawn by agent and resource.
const WHAT_FOR: &str = "ambit canary";
/// The same for sessions: over this, the agent and the session's id.
const WHICH_SESSION: &str = "ambit canary session";

impl Canary {
    /// Whether what an operation is about is inside. Where that is not known, the stricter side counts: outside if that is
    /// denied, inside if outside nothing is refused. An agent chooses what it leaves out, and how it spells a key.
    pub(super) fn has(&self, (agent, session): (&str, Option<&Session>), operation: &Operation<'_>) -> bool {
        if self.by_session {
            let part = session.map(|session| part_of(&[WHICH_SESSION, agent, &session.id]));
            return part.map_or(self.shadow, |part| part < u64::from(self.share));
        }
        let resource = operation.action.map(|action| action.resource.as_str());
        let key = operation.key.as_deref().filter(|key| has_one_reading(key));
        let part = resource.zip(key).map(|(resource, key)| part(agent, resource, key));
        part.map_or(self.shadow, |part| part < u64::from(self.share))
    }
}

/// Whether a key is digits or a token: ASCII letters, digits, `_` and `-`. Others (`42 `, `+42`, `42.0`, `Ä`) may be read
/// as the key of a resource that falls into another part.
fn has_one_reading(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The part that a resource falls into: the first eight bytes of SHA-256 over `ambit canary`, agent, resource and key with
/// a zero byte between them, as a number, modulo [`PARTS`].
///
/// An agent chooses how it spells a key. Spellings that an API may take for one resource fall into one part: ASCII
/// letters count in lower case, a number without leading zeros.
fn part(agent: &str, resource: &str, key: &str) -> u64 {
    part_of(&[WHAT_FOR, agent, resource, &folded(key)])
}

fn part_of(texts: &[&str]) -> u64 {
    let digest = Sha256::digest(texts.join("\0").as_bytes());
    let number = digest.iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    number % PARTS
}

/// A key as an API may read it that is not strict about its spelling.
pub(crate) fn folded(key: &str) -> String {
    let digits = key.bytes().all(|b| b.is_ascii_digit());
    let key = if digits { key.trim_start_matches('0') } else { key };
    key.to_ascii_lowercase()
}

/// What is said to an agent whose resource is not inside.
pub(super) fn outside(permit: &Permit, canary: &Canary, operation: &Operation<'_>) -> Finding {
    let percent = Decimal::new(i128::from(canary.share), 2);
    if canary.by_session {
        let tried = format!("the rule {} is tried in {percent} % of the sessions", quote(&permit.id));
        return Finding::deny(Code::OutsideCanary, format!("{tried}, and this is not one of them"));
    }
    let tried = format!("the rule {} is tried on {percent} % of the resources", quote(&permit.id));
    let message = match operation.key.as_deref() {
        Some(key) if !has_one_reading(key) => {
            let why = "may be read as another key: which resource it is is not known";
            format!("{tried}, and {} {why}; write it in ASCII letters, digits, `_` and `-`", quote(key))
        }
        Some(key) => format!("{tried}, and {} is not one of them: leave it as it is", quote(key)),
        None => format!("{tried}, and the request does not say which resource it is about"),
    };
    Finding::deny(Code::OutsideCanary, message)
}

/// Whether a permit that only records can let it pass: what it says itself of fields, values, numbers and approvals, not
/// what changes for whom a request speaks, or has two readings.
fn is_its_own(code: Code) -> bool {
    matches!(
        code,
        Code::FieldNotAllowed
            | Code::ValueFormat
            | Code::EnvelopeExceeded
            | Code::UnknownState
            | Code::BatchLimit
            | Code::BatchShape
            | Code::DuplicateTarget
            | Code::MissingRequired
            | Code::OutsideHours
            | Code::ApprovalRequired
            | Code::ContentType
    )
}

/// Whether all that is found can pass outside a canary that only records.
pub(super) fn passes(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.decision == Decision::Allow || is_its_own(finding.reason.code))
}

/// Why what a permit would say outside its canary is not known.
pub(super) const NOT_LOOKED_UP: &str = "current value not looked up: the resource is outside the canary";

/// Outside a canary that only records nothing is looked up: what depends on the present is taken for unknown. True: that
/// decides.
pub(super) fn settle(findings: &mut [Finding]) -> bool {
    let denied = findings.iter().any(|finding| finding.decision == Decision::Deny);
    let mut lacking = false;
    for finding in findings.iter_mut().filter(|finding| finding.decision == Decision::Allow) {
        lacking = true;
        *finding =
            Finding::deny(Code::UnknownState, "depends on what is now, which is not looked up outside the canary");
    }
    lacking && !denied
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::string::ToString;

    /// Other programs can tell who is inside: the digest is part of the language.
    #[test]
    fn parts_are_those_of_the_documentation() {
        // printf 'ambit canary\000price-agent\000products\00042' | sha256sum
        let text = b"ambit canary\0price-agent\0products\x0042";
        let digest = Sha256::digest(text);
        let first = u64::from_be_bytes(digest[..8].try_into().unwrap());
        assert_eq!(part("price-agent", "products", "42"), first % 10_000);
        assert_eq!(part("price-agent", "products", "42"), 137);
    }

    #[test]
    fn spellings_of_a_key_fall_together() {
        for (a, b) in [("42", "042"), ("0", "000"), ("ABC-1", "abc-1")] {
            assert_eq!(part("a", "r", a), part("a", "r", b), "{a} {b}");
        }
        // Agents, resources and keys do not run into each other.
        let all =
            [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("a", "b", "d"), ("b", "b", "c"), ("a", "c", "c")];
        let parts: BTreeSet<u64> = all.iter().map(|(agent, resource, key)| part(agent, resource, key)).collect();
        assert_eq!(parts.len(), all.len());
    }

    #[test]
    fn a_key_of_several_readings_is_not_known() {
        for key in ["42", "042", "ABC-1", "a_b", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"] {
            assert!(has_one_reading(key), "{key}");
        }
        for key in ["", "42 ", " 42", "+42", "42.0", "ä", "Ä", "a.b", "a/b", "42\u{0}", "\u{ff14}\u{ff12}", "\u{212a}"]
        {
            assert!(!has_one_reading(key), "{key}");
        }
    }

    /// Each hundredth of the keys has its share, within what chance allows (six standard deviations).
    #[test]
    fn parts_are_even() {
        let mut counts = [0u32; 100];
        for key in 0..100_000u32 {
            counts[usize::try_from(part("agent", "products", &key.to_string())).unwrap() / 100] += 1;
        }
        assert!(counts.iter().all(|count| (810..1190).contains(count)), "{counts:?}");
    }
}
