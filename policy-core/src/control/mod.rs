//! Commands to the gateway: pause and resume agents, end sessions, show who is paused.
//!
//! A command is a signed message ([`Kind::Command`]) in the body of a POST to the gateway document's control route. It is for
//! one gateway, lives for minutes, and is carried out once: what it changes and that it was carried out are set in the
//! store at once. Nothing of such a request goes upstream, and nothing that is wrong with it is more than a refusal.
//!
//! A DELETE there with a session token ends that session: it needs no command.
//!
//! A host that has seen [`is_for`] hold calls [`read_head`], reads the body up to [`Asked::limit`] as it reads any other, calls
//! [`carry_out`], and answers what it is given.

mod answer;
mod claims;
mod held;
mod holder;
mod refused;

pub use answer::Answer;
pub use refused::Refused;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use self::answer::Reply;
use self::claims::{Action, Command};
use crate::decode::{Body, Unavailable};
use crate::jws::{self, Kind};
use crate::limits::SIGNED_BYTES;
use crate::policy::{Key, PolicySet};
use crate::quote::{list, quote};
use crate::request::canonical_host;
use crate::standing::{Cause, NotEnded, NotPaused, Pause, Pauses, Scope, SessionId, change, end_session};
use crate::store::Store;
use crate::time::Timestamp;

/// Largest body of a command, in bytes.
pub const LIMIT: usize = SIGNED_BYTES;

type Fields = [(Vec<u8>, Vec<u8>)];

/// What a request on the control route asks for. It may hold a token, and shows none.
pub struct Asked(What);

enum What {
    /// To carry out the command that its body is.
    Command,
    /// To end the session of this token.
    End(String),
}

impl Asked {
    /// Most bytes of body that are read for it.
    #[must_use]
    pub fn limit(&self) -> usize {
        match self.0 {
            What::Command => LIMIT,
            What::End(_) => 0,
        }
    }
}

/// Whether a request is for the control route: it is judged by [`carry_out`], and by nothing else. One that only nearly is
/// (another spelling, two paths) is judged like any request.
#[must_use]
pub fn is_for(set: &PolicySet, fields: &Fields) -> bool {
    let Some(route) = &set.set.gateway.control else { return false };
    let Some(target) = single(fields, b":path") else { return false };
    let host = || single(fields, b":authority").and_then(canonical_host);
    path_of(target) == route.path && route.host.as_ref().is_none_or(|only| host().as_ref() == Some(only))
}

/// What the head of a request to the control route already says.
///
/// # Errors
/// The answer, where no body can make it something that is done.
pub fn read_head(set: &PolicySet, fields: &Fields) -> Result<Asked, Answer> {
    let asked = || {
        let asked = match single(fields, b":method") {
            Some("POST") => What::Command,
            Some("DELETE") => What::End(holder::token(fields)?),
            _ => return Err(Refused::Method),
        };
        if single(fields, b":path").is_none_or(|target| target.contains('?')) {
            return Err(Refused::Query);
        }
        let length = single(fields, b"content-length").and_then(|text| text.parse::<u64>().ok());
        match asked {
            What::Command if length.is_some_and(|length| length > LIMIT as u64) => Err(Refused::TooLarge),
            What::End(_) if length.is_some_and(|length| length > 0) => Err(Refused::Body),
            asked => Ok(Asked(asked)),
        }
    };
    asked().map_err(|refused| Answer::refused(set, refused, None))
}

/// Does what is asked for, or says why not.
#[must_use]
pub fn carry_out(set: &PolicySet, asked: Asked, body: Body, store: &mut dyn Store, now: Timestamp) -> Answer {
    match asked.0 {
        What::Command => command(set, body, store, now),
        What::End(token) => holder::end(set, &token, &body, store, now),
    }
}

fn command(set: &PolicySet, body: Body, store: &mut dyn Store, now: Timestamp) -> Answer {
    let message = match text(body) {
        Ok(message) => message,
        Err(refused) => return Answer::refused(set, refused, None),
    };
    let gateway = &set.set.gateway;
    let verified = match jws::verify(message.trim_ascii_end(), Kind::Command, &gateway.keys, now) {
        Ok(verified) => verified,
        Err(fault) => return Answer::refused(set, Refused::Message(fault), None),
    };
    let command = match claims::read(&verified.payload, &gateway.name, now) {
        Ok(command) => command,
        Err(refused) => return Answer::refused(set, refused, Some((verified.key, None))),
    };
    match obey(set, verified.key, &command, store, now) {
        Ok(reply) => Answer::carried_out(set, verified.key, &command, reply, now),
        Err(refused) => Answer::refused(set, refused, Some((verified.key, Some(&command)))),
    }
}

fn obey(
    set: &PolicySet,
    key: &Key,
    command: &Command,
    store: &mut dyn Store,
    now: Timestamp,
) -> Result<Reply, Refused> {
    let urgent = matches!(&command.action, Action::Pause { scope: Scope::All, .. });
    let once =
        |pauses: &mut Pauses| pauses.command(once(&key.id, &command.id), command.issued, command.expires, urgent);
    let mut changed = None;
    let pauses = match &command.action {
        // It changes nothing: it may be asked again, and takes no room.
        Action::Show => Pauses::read(store).ok_or(NotPaused::Damaged),
        Action::Pause { scope, what, until } => {
            has_page(set, scope)?;
            let cause = Cause::Command { key: key.id.clone(), reason: command.reason.clone() };
            let pause = Pause { scope: scope.clone(), what: *what, cause, since: now, until: *until };
            change(store, now, |pauses| {
                once(pauses)?;
                pauses.pause(pause.clone())?;
                Ok(pauses.clone())
            })
        }
        Action::Resume { scope } => {
            // Whoever has lost the page may still be resumed.
            if Pauses::read(store).is_none_or(|pauses| pauses.pauses.iter().all(|pause| pause.scope != *scope)) {
                has_page(set, scope)?;
            }
            change(store, now, |pauses| {
                once(pauses)?;
                changed = Some(pauses.resume(scope));
                Ok(pauses.clone())
            })
        }
        Action::EndSession { agent, session, until } => {
            has_page(set, &Scope::Agent(agent.clone()))?;
            let pauses = change(store, now, |pauses| {
                once(pauses)?;
                Ok(pauses.clone())
            })
            .map_err(|why| refused(why, store))?;
            end_session(SessionId::of(agent, session), *until, store, now).map_err(not_ended)?;
            Ok(pauses)
        }
    };
    Ok(Reply { lifted: changed, pauses: pauses.map_err(|why| refused(why, store))? })
}

fn refused(why: NotPaused, store: &mut dyn Store) -> Refused {
    match why {
        NotPaused::Damaged => Refused::Store,
        NotPaused::Contended => Refused::Contended,
        NotPaused::Full => Refused::Full,
        NotPaused::Repeated => Refused::Replayed,
        NotPaused::Old => Refused::BeforeStart(Pauses::read(store).map(|pauses| pauses.birth).unwrap_or_default()),
    }
}

fn not_ended(why: NotEnded) -> Refused {
    match why {
        NotEnded::Full => Refused::Full,
        NotEnded::Contended => Refused::Contended,
        NotEnded::Damaged => Refused::Store,
    }
}

fn has_page(set: &PolicySet, scope: &Scope) -> Result<(), Refused> {
    match scope {
        Scope::Agent(agent) if set.page(agent).is_none() => {
            let known = list(set.pages().iter().map(|page| page.agent.as_str()), 8);
            Err(Refused::UnknownAgent(format!(
                "no page is for the agent {}; there are pages for {known}",
                quote(agent)
            )))
        }
        _ => Ok(()),
    }
}

/// A command is known again by who gave it, and by its id.
fn once(key: &str, id: &str) -> [u8; 16] {
    let mut digest = Sha256::new();
    for part in [key, id] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().first_chunk().copied().unwrap_or_default()
}

fn text(body: Body) -> Result<String, Refused> {
    match body {
        Body::Complete(bytes) if bytes.len() > LIMIT => Err(Refused::TooLarge),
        Body::Complete(bytes) => String::from_utf8(bytes).map_err(|_| Refused::Message(jws::Fault::Form)),
        Body::Empty => Err(Refused::Message(jws::Fault::Form)),
        Body::Unavailable(Unavailable::TooLarge) => Err(Refused::TooLarge),
        Body::Unavailable(Unavailable::Timeout) => Err(Refused::Timeout),
        Body::Unavailable(_) => Err(Refused::NotSeen),
    }
}

fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The value of a header that stands once, and is text.
fn single<'f>(fields: &'f Fields, name: &[u8]) -> Option<&'f str> {
    let mut values = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let (_, value) = values.next()?;
    if values.next().is_some() { None } else { core::str::from_utf8(value).ok() }
}
