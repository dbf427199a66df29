//! Tickets of held requests, and the grants that people sign for them.
//!
//! A ticket comes from an agent, so nothing in it is believed: it is read strictly, shown without anything that a terminal
//! acts on, and what is shown is what is signed. Where it was changed on the way, the gateway finds that the grant fits no
//! request.

use std::fmt::Write as _;

use policy_core::Timestamp;
use policy_core::approval::{Claims, NoTicket, Ticket, Unsigned};
use policy_core::policy::Reuse;
use serde_json::Value;

use crate::keys::{KeyError, KeyFile, random_id};
use crate::render::printable;

/// Longest line of a ticket that is shown, in characters.
const LINE_CHARS: usize = 4_096;
/// Most lines of a ticket that are shown: more than a gateway writes.
const LINES: usize = 2_000;

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// There is no ticket in what was given.
    #[error(
        "this holds no ticket; give the member `approval.ticket` of the answer that the agent got, or the whole answer"
    )]
    None,
    /// What was given is a ticket that no gateway has written.
    #[error("this is a ticket that no gateway has written so: ask the agent for the answer as it came")]
    Changed,
    /// The ticket is for other roles.
    #[error("the ticket is not for the role `{0}`; its roles are {1}: name one with --role")]
    Role(String, String),
    /// The page has several roles.
    #[error("the ticket has several roles; say for which you approve with --role: {0}")]
    Roles(String),
    /// The grant would hold too long, or never.
    #[error("a grant of `{0}` holds for at most {1}, and is held for {2} at first; give --for between the two")]
    Life(String, String, String),
    /// The grant would be too long.
    #[error("the grant would be longer than gateways read: its rules have too many or too long names")]
    Size,
    /// The system gives no randomness.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The ticket in a text: itself, or an answer that holds it.
///
/// # Errors
/// [`ApprovalError::None`], [`ApprovalError::Changed`].
pub fn find(text: &str) -> Result<Ticket, ApprovalError> {
    let text = text.trim();
    let inside = serde_json::from_str::<Value>(text).ok();
    let found = inside.as_ref().and_then(in_answer).unwrap_or(text);
    Ticket::decode(found).map_err(|why| match why {
        NoTicket::Form => ApprovalError::None,
        NoTicket::Spelling => ApprovalError::Changed,
    })
}

/// `approval.ticket` of a problem document, wherever the answer holds that.
fn in_answer(answer: &Value) -> Option<&str> {
    match answer {
        Value::Object(members) => {
            let here = members.get("approval").and_then(|approval| approval.get("ticket")).and_then(Value::as_str);
            here.or_else(|| members.values().find_map(in_answer))
        }
        Value::Array(elements) => elements.iter().find_map(in_answer),
        Value::String(text) if text.starts_with('{') => None,
        _ => None,
    }
}

/// The role for which a ticket is approved.
///
/// # Errors
/// [`ApprovalError::Role`], [`ApprovalError::Roles`].
pub fn role(ticket: &Ticket, asked: Option<&str>) -> Result<String, ApprovalError> {
    let all: Vec<String> = ticket.roles.keys().map(|role| format!("`{}`", printable(role, LINE_CHARS))).collect();
    match (asked, ticket.roles.keys().next()) {
        (Some(role), _) if ticket.roles.contains_key(role) => Ok(role.to_owned()),
        (Some(role), _) => Err(ApprovalError::Role(printable(role, LINE_CHARS), all.join(", "))),
        (None, Some(only)) if ticket.roles.len() == 1 => Ok(only.clone()),
        (None, _) => Err(ApprovalError::Roles(all.join(", "))),
    }
}

/// A ticket for people: what would be done, and how far an approval goes.
pub fn shown(ticket: &Ticket, role: &str, life: Option<u64>) -> String {
    let safe = |text: &str| printable(text, LINE_CHARS);
    let digest = ticket.digest();
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "ticket {}", Ticket::id(&digest));
    let session = ticket.session.as_ref().map(|session| format!(" in the session `{}`", safe(session)));
    let (agent, session) = (safe(&ticket.agent), session.unwrap_or_default());
    let _ = writeln!(out, "the agent `{agent}`{session} asks the gateway `{}` to do this:", safe(&ticket.gateway));
    let _ = writeln!(out);
    for line in ticket.action.iter().take(LINES) {
        let _ = writeln!(out, "  | {}", safe(line));
    }
    let more = ticket.action.len().saturating_sub(LINES);
    if more > 0 {
        let _ = writeln!(out, "  and {more} lines more, which are not shown: no gateway writes so many");
    }
    let _ = writeln!(out);
    let rules: Vec<String> = ticket.rules.iter().map(|rule| format!("`{}`", safe(rule))).collect();
    let rules = rules.join(", ");
    let _ = writeln!(out, "held by {rules}, policies {}", safe(&ticket.policy));
    let Some(terms) = ticket.roles.get(role) else { return out };
    let life = duration(life.unwrap_or(terms.expires));
    let what = match terms.reuse {
        Reuse::Once => "for this request alone, once".to_owned(),
        Reuse::Session if ticket.session.is_some() => {
            "for this request alone, AS OFTEN AS IT IS REPEATED in its session".to_owned()
        }
        Reuse::Session => "for this request alone, once".to_owned(),
        Reuse::Rule => {
            format!(
                "FOR EVERY REQUEST of this agent that {rules} hold, NOT ONLY FOR THE ONE ABOVE, any number of times"
            )
        }
    };
    let _ = writeln!(out, "you approve as `{}`: {what}, within {life}", safe(role));
    if terms.hold > 0 {
        let _ = writeln!(out, "it can be used {} after it is signed, not before", duration(terms.hold));
    }
    out
}

/// Signs a grant.
///
/// # Errors
/// [`ApprovalError`].
pub fn sign(
    ticket: &Ticket,
    role: &str,
    life: Option<u64>,
    (key, id): (&KeyFile, &str),
    now: Timestamp,
) -> Result<String, ApprovalError> {
    let terms = ticket.roles.get(role).map(|terms| (terms.expires, terms.hold)).unwrap_or_default();
    let unsigned = |why| match why {
        Unsigned::Role => ApprovalError::Role(role.to_owned(), String::new()),
        Unsigned::Life => ApprovalError::Life(role.to_owned(), duration(terms.0), duration(terms.1)),
        Unsigned::Size => ApprovalError::Size,
    };
    let claims = Claims::of(ticket, role, random_id()?, now.seconds(), life).map_err(unsigned)?;
    claims.sign_with(|payload| key.sign(policy_core::jws::Kind::Grant, id, payload)).map_err(unsigned)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use policy_core::approval::Terms;

    use super::*;

    fn ticket(reuse: Reuse) -> Ticket {
        let text = |text: &str| text.to_owned();
        Ticket {
            gateway: text("g1"),
            agent: text("agent"),
            session: None,
            policy: text("sha256:0"),
            rules: vec![text("reprice")],
            method: text("PUT"),
            host: text("shop.example.com"),
            path: text("x"),
            query: text("x"),
            body: text("x"),
            headers: BTreeMap::new(),
            present: text("x"),
            roles: BTreeMap::from([(text("manager"), Terms { expires: 900, hold: 0, reuse })]),
            action: vec![text("  price: `10.00` → `20.98`")],
            unseen: false,
        }
    }

    #[test]
    fn a_ticket_is_found_in_whatever_the_agent_got() {
        let ticket = ticket(Reuse::Once);
        let encoded = ticket.encoded();
        let problem =
            format!(r#"{{"type":"urn:ambit:approval_required","approval":{{"id":"x","ticket":"{encoded}"}}}}"#);
        let rpc = format!(r#"[{{"jsonrpc":"2.0","id":1,"error":{{"code":-32011,"message":"","data":{problem}}}}}]"#);
        for text in [&encoded, &format!("  {encoded}\n"), &problem, &rpc] {
            assert_eq!(find(text).unwrap(), ticket);
        }
        for text in ["", "{}", "x", "[1]", r#"{"approval":{"ticket":1}}"#] {
            assert!(matches!(find(text), Err(ApprovalError::None)), "{text}");
        }
    }

    /// What an agent writes into a ticket cannot move the cursor, hide lines or pass for the frame.
    #[test]
    fn nothing_in_a_ticket_acts_on_a_terminal() {
        let mut forged = ticket(Reuse::Once);
        forged.action = vec!["\u{1b}[2J\rPUT\n\nyou approve as `x`: nothing\u{202e}".into(), "x".repeat(5_000)];
        forged.agent = "a\u{1b}]0;x\u{7}".into();
        forged.action.extend((0..5_000).map(|n| format!("{n}")));
        let text = shown(&forged, "manager", None);
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '\u{7}']), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("you approve")).count(), 1);
        assert!(text.lines().all(|line| line.chars().count() < LINE_CHARS + 100));
        assert!(text.contains("3002 lines more"));
        let tail: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(tail[0], "you approve as `manager`: for this request alone, once, within 15m");
    }

    #[test]
    fn who_approves_more_than_this_request_is_told() {
        let text = shown(&ticket(Reuse::Rule), "manager", Some(60));
        assert!(text.contains("FOR EVERY REQUEST of this agent that `reprice` hold"), "{text}");
        assert!(text.contains("within 1m"), "{text}");
    }
}
