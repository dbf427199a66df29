//! The end of a session, asked for by who holds its token: whoever runs the session, when its task ends.
//!
//! The token says which session, and is all that is needed: it can end no other, and nothing is lost that its holder had.

use alloc::string::String;

use super::answer::Answer;
use super::held::Held;
use super::refused::Refused;
use super::{not_ended, single};
use crate::decode::{Body, Unavailable};
use crate::limits::ENDED_SECONDS;
use crate::policy::PolicySet;
use crate::session::verify;
use crate::standing::{SessionId, end_session};
use crate::store::Store;
use crate::time::Timestamp;

/// The token in `Authorization: Bearer …`, in no other scheme and once.
pub(super) fn token(fields: &super::Fields) -> Result<String, Refused> {
    let token = single(fields, b"authorization").and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty());
    token.map(|(_, token)| token.into()).ok_or(Refused::NoToken)
}

/// Ends the session of a token. Ending it again changes nothing but for how long that is remembered.
pub(super) fn end(set: &PolicySet, token: &str, body: &Body, store: &mut dyn Store, now: Timestamp) -> Answer {
    if let Err(refused) = without(body) {
        return Answer::refused(set, refused, None);
    }
    let held = match verify(token, &set.set.gateway, now) {
        Ok((key, agent, session)) => Held { key, agent, session: session.id },
        Err(unfit) => return Answer::refused(set, Refused::Token(unfit), None),
    };
    if set.page(&held.agent).is_none() {
        // Whoever holds a token need not know which agents there are.
        let refused = Refused::UnknownAgent("no page is for the agent of this session".into());
        return Answer::not_ended(set, refused, &held);
    }
    // Other tokens of it may hold for longer than this one.
    let until = Timestamp::from_seconds(now.seconds().saturating_add(ENDED_SECONDS));
    match end_session(SessionId::of(&held.agent, &held.session), until, store, now) {
        Ok(()) => Answer::ended(set, &held, until, now),
        Err(why) => Answer::not_ended(set, not_ended(why), &held),
    }
}

fn without(body: &Body) -> Result<(), Refused> {
    match body {
        Body::Empty => Ok(()),
        Body::Complete(bytes) if bytes.is_empty() => Ok(()),
        Body::Complete(_) | Body::Unavailable(Unavailable::TooLarge) => Err(Refused::Body),
        Body::Unavailable(Unavailable::Timeout) => Err(Refused::Timeout),
        Body::Unavailable(_) => Err(Refused::NotSeen),
    }
}
