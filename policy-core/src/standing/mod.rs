//! Whether an agent may act at all right now: who is paused, and whose session has ended. It is known to all workers of a
//! gateway, asked before a request is judged and again before it goes on, and forgotten when the gateway restarts: what is
//! to outlive that stands in the gateway document.

mod ended;
mod pauses;

pub use ended::{NotEnded, SessionId, end_session};
pub use pauses::{Cause, NotPaused, Pause, Pauses, Scope, What, change};

use alloc::format;
use alloc::string::{String, ToString};

use crate::policy::PolicySet;
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::session::Unfit;
use crate::store::{SlotName, Store};
use crate::time::Timestamp;
use pauses::strictest;

/// Whose standing is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The agent.
    pub(crate) agent: String,
    /// Its session, where it has one.
    pub(crate) session: Option<SessionId>,
    /// When its session token was issued, where one from before the store counts for nothing.
    pub(crate) issued: Option<Timestamp>,
    /// The first moment at which its session token holds no more.
    pub(crate) expires: Option<Timestamp>,
    /// Whether the request does anything else than to read, or to stop an effect. Before it is judged that is not known, and
    /// only a pause of everything stops it.
    pub(crate) acts: bool,
}

/// How an agent stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What it is paused by: of several pauses the one that stops more.
    pub(crate) paused: Option<Pause>,
    /// Its session has ended.
    pub(crate) ended: bool,
    /// Its session token holds no more since this moment: a request may take its time.
    pub(crate) expired: Option<Timestamp>,
    /// Its session token is from before this moment, the birth of the store: what had ended by then is not known.
    pub(crate) before: Option<Timestamp>,
    /// The store does not say.
    pub(crate) unknown: bool,
}

impl Standing {
    /// What the store says.
    pub(crate) fn read(look: &Look, store: &mut dyn Store, now: Timestamp) -> Self {
        let pauses = Pauses::read(store);
        let ended = look.session.map_or(Some(false), |session| ended::is_ended(session, store, now));
        let birth = pauses.as_ref().map(|pauses| pauses.birth);
        Self {
            unknown: pauses.is_none() || ended.is_none(),
            before: birth.filter(|birth| look.issued.is_some_and(|issued| issued < *birth)),
            paused: pauses.and_then(|pauses| pauses.of(&look.agent, now).cloned()),
            ended: ended == Some(true),
            expired: look.expires.filter(|expires| now >= *expires),
        }
    }

    /// What the gateway document says.
    pub(crate) fn of_document(set: &PolicySet, agent: &str, now: Timestamp) -> Self {
        Self { paused: strictest(&set.set.gateway.paused, agent, now).cloned(), ..Self::default() }
    }

    /// Both: of two pauses the one that stops more.
    pub(crate) fn and(self, other: Self) -> Self {
        let paused = match (self.paused, other.paused) {
            (Some(one), Some(two)) => Some(if two.what > one.what { two } else { one }),
            (one, two) => one.or(two),
        };
        let before = self.before.or(other.before);
        let expired = self.expired.or(other.expired);
        Self { paused, ended: self.ended || other.ended, expired, before, unknown: self.unknown || other.unknown }
    }

    /// Nobody can say.
    pub(crate) fn unavailable() -> Self {
        Self { unknown: true, ..Self::default() }
    }

    /// Whether it stops a request, which acts or does not.
    pub(crate) fn stops(&self, acts: bool) -> bool {
        let paused = self.paused.as_ref().is_some_and(|pause| pause.what == What::Everything || acts);
        self.unknown || self.ended || self.expired.is_some() || self.before.is_some() || paused
    }

    /// Why it stops a request.
    pub(crate) fn reason(&self) -> Reason {
        let everything = self.paused.as_ref().filter(|pause| pause.what == What::Everything);
        let (code, message) = if self.unknown {
            (Code::UnknownState, "this gateway does not know whether the agent may act".to_string())
        } else if self.ended {
            (Code::SessionEnded, "the session has ended: begin a new one".to_string())
        } else if let Some(pause) = everything {
            (Code::Paused, paused(pause))
        } else if let Some(since) = self.expired {
            // A new token helps, but not who is paused altogether.
            (Code::SessionExpired, Unfit::Expired(since).message())
        } else if let Some(birth) = self.before {
            (Code::SessionBeforeStart, before(birth))
        } else {
            (Code::Paused, self.paused.as_ref().map_or_else(|| "the agent is paused".to_string(), paused))
        };
        Reason { code, message, pointer: None }
    }
}

fn before(birth: Timestamp) -> String {
    format!(
        "the session token is from before {birth}, since when this gateway knows which sessions have ended: send a new \
         token"
    )
}

fn paused(pause: &Pause) -> String {
    let who = match (&pause.scope, pause.what) {
        (Scope::All, What::Everything) => "all agents are paused",
        (Scope::All, What::Writes) => "writes of all agents are paused",
        (Scope::Agent(_), What::Everything) => "the agent is paused",
        (Scope::Agent(_), What::Writes) => "the agent's writes are paused",
    };
    let why = match &pause.cause {
        Cause::Command { reason, .. } | Cause::Document { reason } if reason.is_empty() => String::new(),
        Cause::Command { reason, .. } | Cause::Document { reason } => format!(": {}", quote(reason)),
        Cause::Tripwire { id } => format!(" by the tripwire {}", quote(id)),
    };
    let by_document = matches!(pause.cause, Cause::Document { .. });
    let since = if by_document { " by the gateway document".to_string() } else { format!(" since {}", pause.since) };
    let until = match pause.until {
        Some(until) => format!("until {until}"),
        None if by_document => "for as long as it says so".to_string(),
        None => "until a person resumes it".to_string(),
    };
    format!("{who}{since}{why}, {until}")
}

impl PolicySet {
    /// Whether an agent can be paused, or a session end, while this set is in force: then its store has slots for that. Of a
    /// candidate nothing is asked: who is stopped is stopped by the enforced set.
    #[must_use]
    pub fn stands(&self) -> bool {
        let commanded = self.set.gateway.keys.iter().any(|key| key.control || key.sessions);
        !self.is_candidate && (commanded || self.trips())
    }
}

/// The slot that says who is paused, for hosts that copy it.
#[must_use]
pub fn slot() -> SlotName {
    pauses::slot()
}

/// Creates the slots that are not there yet. `false`: the store does not keep what is set.
#[must_use]
pub(crate) fn open(store: &mut dyn Store, now: Timestamp) -> bool {
    pauses::open(store, now) && ended::open(store)
}
