//! What a request on the control route is answered, and what is recorded of it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::Refused;
use super::claims::{Action, Command, Word};
use super::held::Held;
use crate::decision::Problem;
use crate::policy::{Key, PolicySet};
use crate::quote::quote;
use crate::secrets::suspect;
use crate::standing::{Cause, Pause, Pauses, Scope, What};
use crate::time::Timestamp;

/// The answer to a request on the control route, and its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: &'static str,
    /// JSON: who is paused now, which session has ended, or a problem document (RFC 9457).
    pub body: Vec<u8>,
    /// `carried_out`, or the code of what is wrong; for a gateway's access log.
    pub details: &'static str,
    /// Whether it was carried out.
    pub carried_out: bool,
    /// One line for the gateway's log: who, what, how it went.
    pub line: String,
    /// The same as JSON, for its access log.
    pub event: Vec<u8>,
}

/// What is left to say after a command is carried out.
pub(super) struct Reply {
    pub(super) lifted: Option<usize>,
    pub(super) pauses: Pauses,
}

#[derive(Serialize)]
struct Document<'a> {
    gateway: &'a str,
    command: &'a str,
    now: String,
    /// Since when commands are kept: a restart forgets.
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted: Option<usize>,
    paused: Vec<Paused<'a>>,
}

/// Who ends a session learns of that session alone.
#[derive(Serialize)]
struct Ended<'a> {
    gateway: &'a str,
    command: &'static str,
    now: String,
    agent: &'a str,
    session: &'a str,
    /// So long it is remembered.
    until: String,
}

#[derive(Default, Serialize)]
struct Paused<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    all: bool,
    what: &'static str,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tripwire: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

#[derive(Default, Serialize)]
struct Event<'a> {
    /// Absent: it was not read so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'static str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    /// `holder`: no command, but who holds the token that the key signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    gateway: &'a str,
    policy: &'a str,
}

impl Answer {
    /// The answer to a command that was carried out.
    pub(super) fn carried_out(set: &PolicySet, key: &Key, command: &Command, reply: Reply, now: Timestamp) -> Self {
        let Reply { lifted, pauses } = reply;
        let by_document = set.set.gateway.paused.iter();
        let paused = by_document.chain(&pauses.pauses).filter(|pause| pause.holds(now)).map(Paused::of).collect();
        let gateway = set.set.gateway.name.as_str();
        let document = Document {
            gateway,
            command: command.action.word().text(),
            now: now.to_string(),
            since: pauses.birth.to_string(),
            lifted,
            paused,
        };
        Self::done(&document, event(set, Some((key, Some(command)))))
    }

    /// The answer to who has ended a session.
    pub(super) fn ended(set: &PolicySet, held: &Held<'_>, until: Timestamp, now: Timestamp) -> Self {
        let document = Ended {
            gateway: &set.set.gateway.name,
            command: Word::EndSession.text(),
            now: now.to_string(),
            agent: &held.agent,
            session: &held.session,
            until: until.to_string(),
        };
        Self::done(&document, Event { until: Some(until.to_string()), ..event_of(set, held) })
    }

    /// The answer to who has not.
    pub(super) fn not_ended(set: &PolicySet, refused: Refused, held: &Held<'_>) -> Self {
        Self::not_done(set, &refused, event_of(set, held))
    }

    fn done(document: &impl Serialize, event: Event<'_>) -> Self {
        let event = Event { outcome: "carried_out", ..event };
        Self {
            status: 200,
            content_type: "application/json",
            // Serializing strings and numbers cannot fail.
            body: serde_json::to_vec(document).unwrap_or_default(),
            details: "carried_out",
            carried_out: true,
            line: format!("{}: carried out", line(&event)),
            event: serde_json::to_vec(&event).unwrap_or_default(),
        }
    }

    /// The answer to one that was not. Whose it is and what it says is told as far as it was verified.
    pub(super) fn refused(set: &PolicySet, refused: Refused, of: Option<(&Key, Option<&Command>)>) -> Self {
        Self::not_done(set, &refused, event(set, of))
    }

    fn not_done(set: &PolicySet, refused: &Refused, event: Event<'_>) -> Self {
        let (code, status, message) = (refused.code(), refused.status(), refused.message());
        let problem = Problem::of_command(set, status, code, &message);
        let event = Event { outcome: "refused", code: Some(code), ..event };
        Self {
            status,
            content_type: "application/problem+json",
            body: problem.body,
            details: code,
            carried_out: false,
            line: format!("{}: refused: {code}: {message}", line(&event)),
            event: serde_json::to_vec(&event).unwrap_or_default(),
        }
    }
}

/// What is recorded of the end of a session that its holder asks for.
fn event_of<'a>(set: &'a PolicySet, held: &'a Held<'a>) -> Event<'a> {
    Event {
        command: Some(Word::EndSession.text()),
        agent: Some(&held.agent),
        session: Some(shown(&held.session)),
        by: Some("holder"),
        ..event(set, Some((held.key, None)))
    }
}

fn event<'a>(set: &'a PolicySet, of: Option<(&'a Key, Option<&'a Command>)>) -> Event<'a> {
    let gateway = set.set.gateway.name.as_str();
    let Some((key, command)) = of else {
        return Event { gateway, policy: set.digest(), ..Event::default() };
    };
    let known =
        Event { key: Some(&key.id), owner: key.owner.as_deref(), gateway, policy: set.digest(), ..Event::default() };
    let Some(command) = command else { return known };
    let known = Event {
        command: Some(command.action.word().text()),
        reason: shown(&command.reason),
        jti: Some(&command.id),
        ..known
    };
    match &command.action {
        Action::Show => known,
        Action::Pause { scope, what, until } => Event {
            agent: scope.agent(),
            all: *scope == Scope::All,
            what: Some(what.text()),
            until: until.map(|until| until.to_string()),
            ..known
        },
        Action::Resume { scope } => Event { agent: scope.agent(), all: *scope == Scope::All, ..known },
        Action::EndSession { agent, session, until } => {
            Event { agent: Some(agent), session: Some(shown(session)), until: Some(until.to_string()), ..known }
        }
    }
}

/// `ambit: pause of `agent` (everything) by the key `ops`, jti `…``.
fn line(event: &Event<'_>) -> String {
    let mut line = format!("ambit: {}", event.command.unwrap_or("a command"));
    if event.by.is_some() {
        line.push_str(" by the holder of a token");
    }
    if event.all {
        line.push_str(" of all agents");
    }
    for (before, text) in [
        (" of ", event.agent),
        (" session ", event.session),
        (" what ", event.what),
        (" until ", event.until.as_deref()),
        (" by the key ", event.key),
        (" owner ", event.owner),
        (" jti ", event.jti),
        (" because ", Some(event.reason).filter(|reason| !reason.is_empty())),
    ] {
        if let Some(text) = text {
            line.push_str(before);
            line.push_str(&quote(text));
        }
    }
    line
}

/// A text of a command as it is recorded and shown: what may be a secret is not.
fn shown(text: &str) -> &str {
    if suspect(text.as_bytes()) { "(not repeated, for it may hold a secret)" } else { text }
}

impl<'a> Paused<'a> {
    fn of(pause: &'a Pause) -> Self {
        let known = Self {
            agent: pause.scope.agent(),
            all: pause.scope == Scope::All,
            what: pause.what.text(),
            since: Some(pause.since.to_string()),
            until: pause.until.map(|until| until.to_string()),
            ..Self::default()
        };
        match &pause.cause {
            Cause::Command { key, reason } => Self { cause: "command", key: Some(key), reason: shown(reason), ..known },
            Cause::Tripwire { id } => Self { cause: "tripwire", tripwire: Some(id), ..known },
            Cause::Document { reason } => Self { cause: "document", reason: shown(reason), since: None, ..known },
        }
    }
}

impl Scope {
    fn agent(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Agent(agent) => Some(agent),
        }
    }
}

impl What {
    fn text(self) -> &'static str {
        match self {
            Self::Writes => "writes",
            Self::Everything => "everything",
        }
    }
}
