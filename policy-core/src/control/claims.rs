//! What a command says.

use alloc::format;
use alloc::string::String;

use serde::Serialize;

use super::Refused;
use crate::document::{Kind as ValueKind, Record, read_json};
use crate::jws::is_id;
use crate::limits::{COMMAND_SECONDS, COMMAND_SKEW_SECONDS, ENDED_DAYS, REASON_BYTES};
use crate::quote::quote;
use crate::standing::{Scope, What};
use crate::time::Timestamp;

/// The claims, as they are signed. A member that is not here is refused.
struct Claims {
    aud: String,
    jti: String,
    iat: u64,
    exp: u64,
    command: Word,
    agent: Option<String>,
    all: Option<bool>,
    what: Option<WhatWord>,
    until: Option<u64>,
    session: Option<String>,
    reason: Option<String>,
}

/// The kinds of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    Pause,
    Resume,
    EndSession,
    Show,
}

#[derive(Clone, Copy)]
enum WhatWord {
    Writes,
    Everything,
}

impl Claims {
    /// Reads the claims of a command, or says what is wrong with them.
    fn read(payload: &[u8]) -> Result<Self, String> {
        let document = read_json(payload.to_vec()).map_err(|error| format!("{error}"))?;
        let known = ["aud", "jti", "iat", "exp", "command", "agent", "all", "what", "until", "session", "reason"];
        let record = Record::of(document.root(), &known)?;
        let text = |name| record.optional_text(name).map(|text| text.map(String::from));
        let words = [Word::Pause, Word::Resume, Word::EndSession, Word::Show];
        let word = record.text("command")?;
        let command = words.into_iter().find(|known| known.text() == word);
        Ok(Self {
            aud: record.text("aud")?.into(),
            jti: record.text("jti")?.into(),
            iat: record.number("iat")?,
            exp: record.number("exp")?,
            command: command.ok_or_else(|| format!("`command` is {}, which is none", quote(word)))?,
            agent: text("agent")?,
            all: record.read("all", "true or false", |value| match value.kind() {
                ValueKind::Bool(all) => Some(all),
                _ => None,
            })?,
            what: record.read("what", "`writes` or `everything`", |value| match value.string()? {
                "writes" => Some(WhatWord::Writes),
                "everything" => Some(WhatWord::Everything),
                _ => None,
            })?,
            until: record.optional_number("until")?,
            session: text("session")?,
            reason: text("reason")?,
        })
    }
}

/// A command that may be carried out, if it has not been.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) id: String,
    pub(super) issued: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) action: Action,
    pub(super) reason: String,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Action {
    Pause { scope: Scope, what: What, until: Option<Timestamp> },
    Resume { scope: Scope },
    EndSession { agent: String, session: String, until: Timestamp },
    Show,
}

impl Action {
    pub(super) fn word(&self) -> Word {
        match self {
            Self::Pause { .. } => Word::Pause,
            Self::Resume { .. } => Word::Resume,
            Self::EndSession { .. } => Word::EndSession,
            Self::Show => Word::Show,
        }
    }
}

impl Word {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::EndSession => "end_session",
            Self::Show => "show",
        }
    }
}

/// Reads the claims of a command to `gateway`.
pub(super) fn read(payload: &[u8], gateway: &str, now: Timestamp) -> Result<Command, Refused> {
    let claims = Claims::read(payload).map_err(|why| claims(&why))?;
    if claims.aud != gateway {
        let message = format!("the command is for the gateway {}, and this is {}", quote(&claims.aud), quote(gateway));
        return Err(Refused::OtherGateway(message));
    }
    if !is_id(&claims.jti) {
        return Err(self::claims("`jti` is not an id of 1 to 128 visible ASCII characters"));
    }
    let (issued, expires) = (Timestamp::from_seconds(claims.iat), Timestamp::from_seconds(claims.exp));
    if claims.exp <= claims.iat || claims.exp - claims.iat > COMMAND_SECONDS {
        return Err(self::claims(&format!("`exp` is to lie at most {COMMAND_SECONDS} seconds after `iat`")));
    }
    if now >= expires {
        return Err(Refused::Expired(format!("the command expired at {expires}; it is {now}: sign a new one")));
    }
    if claims.iat > now.seconds().saturating_add(COMMAND_SKEW_SECONDS) {
        let message = format!("the command is from {issued}, and it is {now}: set the clock that signs commands");
        return Err(Refused::Early(message));
    }
    let reason = claims.reason.clone().unwrap_or_default();
    if reason.len() > REASON_BYTES || reason.chars().any(char::is_control) {
        return Err(self::claims(&format!("`reason` is not one line of at most {REASON_BYTES} bytes")));
    }
    let action = action(&claims, now)?;
    Ok(Command { id: claims.jti, issued, expires, action, reason })
}

fn action(claims: &Claims, now: Timestamp) -> Result<Action, Refused> {
    let has = |members: &[(&str, bool)]| match members.iter().find(|(_, there)| *there) {
        Some((name, _)) => Err(self::claims(&format!("`{name}` does not belong to `{}`", claims.command.text()))),
        None => Ok(()),
    };
    let until = match claims.until.map(Timestamp::from_seconds) {
        Some(until) if until <= now => return Err(self::claims(&format!("`until` is over: it was {until}"))),
        until => until,
    };
    let (agent, all) = (("agent", claims.agent.is_some()), ("all", claims.all.is_some()));
    let (what, ends) = (("what", claims.what.is_some()), ("until", claims.until.is_some()));
    let session = ("session", claims.session.is_some());
    match claims.command {
        Word::Pause => {
            has(&[session])?;
            let what = match claims.what {
                Some(WhatWord::Writes) => What::Writes,
                Some(WhatWord::Everything) | None => What::Everything,
            };
            Ok(Action::Pause { scope: scope(claims)?, what, until })
        }
        Word::Resume => {
            has(&[session, what, ends])?;
            Ok(Action::Resume { scope: scope(claims)? })
        }
        Word::EndSession => {
            has(&[all, what])?;
            let latest = Timestamp::from_seconds(now.seconds().saturating_add(ENDED_DAYS * 86_400));
            match (&claims.agent, &claims.session, until) {
                (Some(agent), Some(session), Some(until)) if is_id(session) && until <= latest => {
                    Ok(Action::EndSession { agent: agent.clone(), session: session.clone(), until })
                }
                _ => Err(self::claims(&format!(
                    "the end of a session needs `agent`, `session` and `until`: when its tokens are void, in at most {ENDED_DAYS} days"
                ))),
            }
        }
        Word::Show => {
            has(&[agent, all, what, ends, session])?;
            Ok(Action::Show)
        }
    }
}

fn scope(claims: &Claims) -> Result<Scope, Refused> {
    match (&claims.agent, claims.all) {
        (Some(agent), None) => Ok(Scope::Agent(agent.clone())),
        (None, Some(true)) => Ok(Scope::All),
        _ => Err(self::claims("it is for one `agent` or for `all: true`")),
    }
}

fn claims(why: &str) -> Refused {
    let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
    Refused::Claims(format!("the claims of the command are not right: {why}"))
}
