//! Tickets of held requests, and the grants that people sign for them.
//!
//! A ticket comes from an agent, so nothing in it is believed: it is read strictly, shown without anything that a terminal
//! acts on, and what is shown is what is signed. Where it was changed on the way, the gateway finds that the grant fits no
//! request.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    /// The request that is held needs other roles.
    #[error("the request does not need the role `{0}`: it needs {1}; a grant for another role would count for nothing")]
    Unneeded(String, String),
    /// Not all of the request is shown.
    #[error(
        "not all of the request is shown, so nothing is signed; look at the request itself, compare its body with the SHA-256 above, then sign with --unseen"
    )]
    Unseen,
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

/// What an agent got when its request was held.
#[derive(Clone, Debug)]
pub struct Held {
    /// The ticket.
    pub ticket: Ticket,
    /// The roles that the request needs, as far as the answer says; the ticket has all roles of the page.
    needed: Vec<String>,
}

impl Held {
    /// Whether not all of the request is among the ticket's words.
    pub fn unseen(&self) -> bool {
        serde_json::to_value(&self.ticket).is_ok_and(|ticket| says_unseen(&ticket))
    }
}

/// Whether a ticket says that its words are not all of the request.
fn says_unseen(ticket: &Value) -> bool {
    ticket.get("unseen").is_some_and(|unseen| !matches!(unseen, Value::Null | Value::Bool(false)))
}

/// The ticket in a text: itself, or an answer that holds it, also one with the headers that `curl -i` writes before it.
///
/// # Errors
/// [`ApprovalError::None`], [`ApprovalError::Changed`].
pub fn find(text: &str) -> Result<Held, ApprovalError> {
    let text = body_of(text.trim());
    let answer = serde_json::from_str::<Value>(text).ok();
    let approval = answer.as_ref().and_then(in_answer);
    let found = approval.and_then(|approval| approval.get("ticket")).and_then(Value::as_str).unwrap_or(text);
    let ticket = Ticket::decode(found).map_err(|why| match why {
        NoTicket::Form => ApprovalError::None,
        NoTicket::Spelling => ApprovalError::Changed,
    })?;
    let roles = approval.and_then(|approval| approval.get("roles")).and_then(Value::as_array);
    let names = roles.into_iter().flatten().filter_map(Value::as_str);
    // A role that the ticket lacks was not written there by the gateway.
    let needed = names.filter(|role| ticket.roles.contains_key(*role)).map(str::to_owned).collect();
    Ok(Held { ticket, needed })
}

/// What follows the heads of an answer: a proxy, or `100 Continue`, puts one before another.
fn body_of(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with("HTTP/") {
        let blank = ["\r\n\r\n", "\n\n"].iter().filter_map(|blank| rest.split_once(blank));
        // The earlier blank line ends the head.
        let Some((_, after)) = blank.max_by_key(|(_, after)| after.len()) else { return rest };
        rest = after.trim_start();
    }
    rest
}

/// `approval` of a problem document, wherever the answer holds that.
fn in_answer(answer: &Value) -> Option<&Value> {
    match answer {
        Value::Object(members) => {
            let holds = |approval: &&Value| approval.get("ticket").is_some_and(Value::is_string);
            members.get("approval").filter(holds).or_else(|| members.values().find_map(in_answer))
        }
        Value::Array(elements) => elements.iter().find_map(in_answer),
        _ => None,
    }
}

/// The role for which a ticket is approved: the one that is asked for, else the only one that the request needs.
///
/// # Errors
/// [`ApprovalError::Role`], [`ApprovalError::Roles`], [`ApprovalError::Unneeded`].
pub fn role(Held { ticket, needed }: &Held, asked: Option<&str>) -> Result<String, ApprovalError> {
    let safe = |role: &str| printable(role, LINE_CHARS);
    let list = |roles: &mut dyn Iterator<Item = &String>| {
        roles.map(|role| format!("`{}`", safe(role))).collect::<Vec<_>>().join(", ")
    };
    let all: Vec<&String> = if needed.is_empty() { ticket.roles.keys().collect() } else { needed.iter().collect() };
    match (asked, all.as_slice()) {
        (Some(role), _) if !ticket.roles.contains_key(role) => {
            Err(ApprovalError::Role(safe(role), list(&mut ticket.roles.keys())))
        }
        (Some(role), all) if all.iter().all(|known| *known != role) => {
            Err(ApprovalError::Unneeded(safe(role), list(&mut all.iter().copied())))
        }
        (Some(role), _) => Ok(role.to_owned()),
        (None, [only]) => Ok((*only).clone()),
        (None, all) => Err(ApprovalError::Roles(list(&mut all.iter().copied()))),
    }
}

/// A held request for people: what would be done, and how far an approval goes.
pub fn shown(held: &Held, role: &str, life: Option<u64>) -> String {
    let safe = |text: &str| printable(text, LINE_CHARS);
    let ticket = &held.ticket;
    let digest = ticket.digest();
    let terms = ticket.roles.get(role);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "ticket {}", Ticket::id(&digest));
    let session = ticket.session.as_ref().map(|session| format!(" in the session `{}`", safe(session)));
    let (agent, session) = (safe(&ticket.agent), session.unwrap_or_default());
    let asks = format!("the agent `{agent}`{session} asks the gateway `{}`", safe(&ticket.gateway));
    // The words bind a grant to one request, and this one is not bound to it: they may be anything.
    let claimed = terms.is_some_and(|terms| terms.reuse == Reuse::Rule);
    let _ = match claimed {
        true => writeln!(out, "{asks} for more than one request; the agent says it will, among others:"),
        false => writeln!(out, "{asks} to do this:"),
    };
    let _ = writeln!(out);
    for line in ticket.action.iter().take(LINES) {
        let _ = writeln!(out, "  | {}", safe(line));
    }
    let more = ticket.action.len().saturating_sub(LINES);
    if more > 0 {
        let _ = writeln!(out, "  and {more} lines more, which are not shown: no gateway writes so many");
    }
    let _ = writeln!(out);
    if held.unseen() {
        let _ = writeln!(out, "NOT ALL OF THE REQUEST IS SHOWN ABOVE. You approve what you do not see here.");
        let _ = writeln!(out, "SHA-256 of its body, to compare: {}", in_hex(&ticket.body));
    }
    let rules: Vec<String> = ticket.rules.iter().map(|rule| format!("`{}`", safe(rule))).collect();
    let hold = if rules.len() == 1 { "holds" } else { "hold" };
    let rules = rules.join(", ");
    let _ = writeln!(out, "held by {rules}, policies {}", safe(&ticket.policy));
    let Some(terms) = terms else { return out };
    let life = duration(life.unwrap_or(terms.expires));
    let role = safe(role);
    let what = match terms.reuse {
        Reuse::Once => "for this request alone, once".to_owned(),
        Reuse::Session if ticket.session.is_some() => {
            "for this request alone, AS OFTEN AS IT IS REPEATED in its session".to_owned()
        }
        Reuse::Session => "for this request alone, once".to_owned(),
        Reuse::Rule => {
            let session = if ticket.session.is_some() { " in this session" } else { "" };
            format!(
                "FOR EVERY REQUEST of this agent{session} that {rules} {hold} for `{role}`, by any limit or counter of it, NOT ONLY FOR THE ONE ABOVE, any number of times"
            )
        }
    };
    let _ = writeln!(out, "you approve as `{role}`: {what}, within {life}");
    if terms.hold > 0 {
        let _ = writeln!(out, "it can be used {} after it is signed, not before", duration(terms.hold));
    }
    out
}

/// A digest as `sha256sum` writes it.
fn in_hex(digest: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(digest).unwrap_or_default();
    if bytes.is_empty() {
        return printable(digest, LINE_CHARS);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a grant could hold so long: `life` seconds, or as long as its role lets it.
///
/// # Errors
/// [`ApprovalError::Life`].
pub fn lasts(ticket: &Ticket, role: &str, life: Option<u64>) -> Result<(), ApprovalError> {
    Claims::of(ticket, role, String::new(), 0, life).map(|_| ()).map_err(|why| unsigned(ticket, role, why))
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
    let unsigned = |why| unsigned(ticket, role, why);
    let claims = Claims::of(ticket, role, random_id()?, now.seconds(), life).map_err(unsigned)?;
    claims.sign_with(|payload| key.sign(policy_core::jws::Kind::Grant, id, payload)).map_err(unsigned)
}

/// Why a grant is not signed, in words.
fn unsigned(ticket: &Ticket, role: &str, why: Unsigned) -> ApprovalError {
    let terms = ticket.roles.get(role).map(|terms| (terms.expires, terms.hold)).unwrap_or_default();
    let name = printable(role, LINE_CHARS);
    match why {
        Unsigned::Role => ApprovalError::Role(name, String::new()),
        Unsigned::Life => ApprovalError::Life(name, duration(terms.0), duration(terms.1)),
        Unsigned::Size => ApprovalError::Size,
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

#[cfg(test)]
mod tests {
    use policy_core::ordered::Map;

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
            headers: Map::new(),
            present: text("x"),
            roles: Map::from([(text("manager"), Terms { expires: 900, hold: 0, reuse })]),
            action: vec![text("  price: `10.00` → `20.98`")],
            unseen: false,
        }
    }

    fn held(ticket: Ticket) -> Held {
        Held { ticket, needed: Vec::new() }
    }

    #[test]
    fn a_ticket_is_found_in_whatever_the_agent_got() {
        let ticket = ticket(Reuse::Once);
        let encoded = ticket.encoded();
        let problem =
            format!(r#"{{"type":"urn:ambit:approval_required","approval":{{"id":"x","ticket":"{encoded}"}}}}"#);
        let rpc = format!(r#"[{{"jsonrpc":"2.0","id":1,"error":{{"code":-32011,"message":"","data":{problem}}}}}]"#);
        let curl = format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 403 \r\ncontent-type: application/problem+json\r\n\r\n{problem}\n"
        );
        let plain = format!("HTTP/1.1 403 Forbidden\nx: y\n\n{rpc}");
        for text in [&encoded, &format!("  {encoded}\n"), &problem, &rpc, &curl, &plain] {
            assert_eq!(find(text).unwrap().ticket, ticket, "{text}");
        }
        for text in ["", "{}", "x", "[1]", "HTTP/1.1 403 Forbidden", r#"{"approval":{"ticket":1}}"#] {
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
        let text = shown(&held(forged), "manager", None);
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '\u{7}']), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("you approve")).count(), 1);
        assert!(text.lines().all(|line| line.chars().count() < LINE_CHARS + 100));
        assert!(text.contains("3002 lines more"));
        let tail: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(tail[0], "you approve as `manager`: for this request alone, once, within 15m");
    }

    #[test]
    fn who_approves_more_than_this_request_is_told() {
        let text = shown(&held(ticket(Reuse::Rule)), "manager", Some(60));
        assert!(text.contains("the agent says it will, among others:\n"), "{text}");
        let all = "FOR EVERY REQUEST of this agent that `reprice` holds for `manager`, by any limit or counter of it, NOT ONLY";
        assert!(text.contains(all), "{text}");
        assert!(text.contains("within 1m"), "{text}");
    }

    /// B4: what is not shown is not approved by oversight.
    #[test]
    fn a_ticket_says_where_not_all_of_it_is_shown() {
        for (ticket, unseen) in [
            (serde_json::json!({ "unseen": true }), true),
            (serde_json::json!({ "unseen": ["body"] }), true),
            (serde_json::json!({ "unseen": false }), false),
            (serde_json::json!({}), false),
        ] {
            assert_eq!(says_unseen(&ticket), unseen, "{ticket}");
        }
        assert_eq!(in_hex(&policy_core::approval::digest(b""))[..16], *"e3b0c44298fc1c14");
    }

    /// B4: the page may have more roles than the request needs.
    #[test]
    fn a_grant_is_for_a_role_that_the_request_needs() {
        let mut ticket = ticket(Reuse::Once);
        for name in ["finance", "owner"] {
            ticket.roles.insert(name.into(), Terms { expires: 900, hold: 0, reuse: Reuse::Once });
        }
        let encoded = ticket.encoded();
        let answer =
            |roles: &str| find(&format!(r#"{{"approval":{{"roles":{roles},"ticket":"{encoded}"}}}}"#)).unwrap();
        assert_eq!(role(&answer(r#"["finance"]"#), None).unwrap(), "finance");
        assert_eq!(role(&answer(r#"["finance","owner"]"#), Some("owner")).unwrap(), "owner");
        let said = |held: &Held, asked| role(held, asked).unwrap_err().to_string();
        assert!(said(&answer(r#"["finance","owner"]"#), None).ends_with("--role: `finance`, `owner`"));
        assert!(said(&answer(r#"["finance"]"#), Some("owner")).contains("`owner`: it needs `finance`;"));
        assert!(said(&answer(r#"["finance"]"#), Some("boss")).contains("is not for the role `boss`"));
        // The ticket alone does not say which.
        assert!(said(&held(ticket.clone()), None).ends_with("--role: `finance`, `manager`, `owner`"));
        assert_eq!(role(&held(ticket), Some("owner")).unwrap(), "owner");
    }
}
