//! Who is paused: one slot, which every request looks at.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::limits::{COMMANDS, PAUSES, TRIPPED, URGENT_COMMANDS};
use crate::policy::Reach;
use crate::store::{NotSet, SlotName, Store, region, update};
use crate::time::Timestamp;

/// The form of the slot's bytes.
const FORM: u8 = 1;

/// Who is paused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Every agent.
    All,
    /// One agent.
    Agent(String),
}

/// What is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum What {
    /// Everything but reads, and what stops an effect.
    Writes,
    /// Everything.
    Everything,
}

/// What has paused an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// A person, with a key of the gateway.
    Command {
        /// The key's id.
        key: String,
        /// Why, in that person's words.
        reason: String,
    },
    /// A tripwire of the agent's page.
    Tripwire {
        /// Its id.
        id: String,
    },
    /// The gateway document.
    Document {
        /// Why, in its author's words.
        reason: String,
    },
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub scope: Scope,
    /// What.
    pub what: What,
    /// Why.
    pub cause: Cause,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None`: until it is resumed.
    pub until: Option<Timestamp>,
}

/// All pauses, and the commands that have been carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    form: u8,
    /// Since when this is kept: no command from before it counts.
    pub birth: Timestamp,
    /// The pauses.
    pub pauses: Vec<Pause>,
    /// Digests of the commands that have been carried out, each until it is void.
    pub commands: Vec<([u8; 16], Timestamp)>,
}

/// Why a pause could not be set or lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPaused {
    /// The store does not have the slot, or something else stands in it.
    Damaged,
    /// Others set it all the time.
    Contended,
    /// There is no room for one more pause or command.
    Full,
    /// The command has been carried out before.
    Repeated,
    /// The command is from before the store.
    Old,
}

impl From<NotSet> for NotPaused {
    fn from(why: NotSet) -> Self {
        match why {
            NotSet::Missing => Self::Damaged,
            NotSet::Contended => Self::Contended,
        }
    }
}

pub(super) fn slot() -> SlotName {
    SlotName { reach: Reach::Node, region: region("pauses"), index: 0 }
}

pub(super) fn open(store: &mut dyn Store, now: Timestamp) -> bool {
    let fresh = Pauses { form: FORM, birth: now, pauses: Vec::new(), commands: Vec::new() };
    store.get(slot()).is_some() || postcard::to_allocvec(&fresh).is_ok_and(|bytes| store.set(slot(), &bytes, None))
}

impl Pauses {
    /// What the store says; `None`: nothing that can be read.
    #[must_use]
    pub fn read(store: &mut dyn Store) -> Option<Self> {
        store.get(slot()).and_then(|(bytes, _)| Self::of_bytes(&bytes))
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok().filter(|pauses: &Self| pauses.form == FORM)
    }

    /// The pause of an agent that stops more.
    #[must_use]
    pub fn of(&self, agent: &str, now: Timestamp) -> Option<&Pause> {
        strictest(&self.pauses, agent, now)
    }

    /// Adds a pause beside those of another scope, extent or kind of cause. One like it that holds longer stays as it is: to
    /// shorten a pause, lift it first. There is always room to pause all agents, and tripwires take no room of commands.
    ///
    /// # Errors
    /// [`NotPaused::Full`].
    pub fn pause(&mut self, pause: Pause) -> Result<(), NotPaused> {
        let twin =
            |known: &Pause| known.scope == pause.scope && known.what == pause.what && known.cause.is_like(&pause.cause);
        if self.pauses.iter().any(|known| twin(known) && known.outlasts(&pause)) {
            return Ok(());
        }
        self.pauses.retain(|known| !twin(known));
        let tripped = |pause: &Pause| matches!(pause.cause, Cause::Tripwire { .. });
        let taken = self.pauses.iter().filter(|known| known.scope != Scope::All && tripped(known) == tripped(&pause));
        let room = if tripped(&pause) { TRIPPED } else { PAUSES };
        if pause.scope != Scope::All && taken.count() >= room {
            return Err(NotPaused::Full);
        }
        self.pauses.push(pause);
        Ok(())
    }

    /// Lifts every pause of exactly this scope, whatever its cause: how many there were.
    pub fn resume(&mut self, scope: &Scope) -> usize {
        let before = self.pauses.len();
        self.pauses.retain(|pause| pause.scope != *scope);
        before.saturating_sub(self.pauses.len())
    }

    /// Notes that a command is carried out, which is void from `until` on. An `urgent` one, which pauses all agents, finds room
    /// where others do not.
    ///
    /// # Errors
    /// [`NotPaused`], where it may not be.
    pub fn command(
        &mut self,
        digest: [u8; 16],
        issued: Timestamp,
        until: Timestamp,
        urgent: bool,
    ) -> Result<(), NotPaused> {
        if issued < self.birth {
            return Err(NotPaused::Old);
        }
        if self.commands.iter().any(|(known, _)| *known == digest) {
            return Err(NotPaused::Repeated);
        }
        if self.commands.len() >= if urgent { COMMANDS + URGENT_COMMANDS } else { COMMANDS } {
            return Err(NotPaused::Full);
        }
        self.commands.push((digest, until));
        Ok(())
    }

    fn expire(&mut self, now: Timestamp) {
        self.pauses.retain(|pause| pause.holds(now));
        self.commands.retain(|(_, until)| now < *until);
    }
}

impl Pause {
    /// Whether it is not over.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it is over later than another, or never.
    fn outlasts(&self, other: &Self) -> bool {
        match (self.until, other.until) {
            (None, until) => until.is_some(),
            (Some(own), Some(other)) => own > other,
            (Some(_), None) => false,
        }
    }
}

/// The pause of an agent that stops more.
pub(super) fn strictest<'p>(pauses: &'p [Pause], agent: &str, now: Timestamp) -> Option<&'p Pause> {
    let of_agent = |pause: &&Pause| match &pause.scope {
        Scope::All => true,
        Scope::Agent(name) => name == agent,
    };
    pauses.iter().filter(of_agent).filter(|pause| pause.holds(now)).max_by_key(|pause| pause.what)
}

impl Cause {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tripwire { id }, Self::Tripwire { id: other }) => id == other,
            _ => core::mem::discriminant(self) == core::mem::discriminant(other),
        }
    }
}

/// Changes who is paused, for all workers.
///
/// # Errors
/// [`NotPaused`]; then nothing is changed.
pub fn change<T>(
    store: &mut dyn Store,
    now: Timestamp,
    mut change: impl FnMut(&mut Pauses) -> Result<T, NotPaused>,
) -> Result<T, NotPaused> {
    update(store, slot(), |bytes| {
        let mut pauses = Pauses::of_bytes(bytes).ok_or(NotPaused::Damaged)?;
        pauses.expire(now);
        let result = change(&mut pauses)?;
        let bytes = postcard::to_allocvec(&pauses).map_err(|_| NotPaused::Damaged)?;
        Ok((Some(bytes), result))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    fn store() -> Memory {
        let mut store = Memory::new();
        assert!(open(&mut store, Timestamp(100)));
        store
    }

    fn pause(scope: Scope, what: What, until: Option<u64>) -> Pause {
        let cause = Cause::Command { key: "ops".into(), reason: String::new() };
        Pause { scope, what, cause, since: Timestamp(100), until: until.map(Timestamp) }
    }

    fn what(store: &mut Memory, agent: &str, now: u64) -> Option<What> {
        Pauses::read(store).unwrap().of(agent, Timestamp(now)).map(|pause| pause.what)
    }

    #[test]
    fn of_several_pauses_the_one_that_stops_more_counts() {
        let mut store = store();
        let agent = || Scope::Agent("a".into());
        for pause in [
            pause(agent(), What::Writes, None),
            pause(agent(), What::Everything, Some(200)),
            pause(Scope::All, What::Writes, Some(300)),
        ] {
            change(&mut store, Timestamp(100), |pauses| pauses.pause(pause.clone())).unwrap();
        }
        assert_eq!(what(&mut store, "a", 199), Some(What::Everything));
        assert_eq!(what(&mut store, "a", 200), Some(What::Writes));
        assert_eq!(what(&mut store, "b", 299), Some(What::Writes));
        assert_eq!(what(&mut store, "b", 300), None);
        assert_eq!(change(&mut store, Timestamp(300), |pauses| Ok(pauses.resume(&agent()))), Ok(1));
        assert_eq!(what(&mut store, "a", 300), None);
    }

    #[test]
    fn who_is_resumed_alone_stays_paused_with_all() {
        let mut store = store();
        change(&mut store, Timestamp(100), |p| p.pause(pause(Scope::All, What::Everything, None))).unwrap();
        let resumed = change(&mut store, Timestamp(100), |pauses| Ok(pauses.resume(&Scope::Agent("a".into()))));
        assert_eq!(resumed, Ok(0));
        assert_eq!(what(&mut store, "a", 100), Some(What::Everything));
    }

    #[test]
    fn a_command_is_carried_out_once_and_none_from_before() {
        let mut store = store();
        let mut command = |digest, issued, until, now| {
            change(&mut store, Timestamp(now), |pauses| {
                pauses.command(digest, Timestamp(issued), Timestamp(until), false)
            })
        };
        assert_eq!(command([1; 16], 99, 500, 100), Err(NotPaused::Old));
        assert_eq!(command([1; 16], 100, 500, 100), Ok(()));
        assert_eq!(command([1; 16], 100, 500, 499), Err(NotPaused::Repeated));
        for digest in 2..=u8::try_from(COMMANDS).unwrap() {
            assert_eq!(command([digest; 16], 100, 500, 100), Ok(()));
        }
        assert_eq!(command([0; 16], 100, 500, 499), Err(NotPaused::Full));
        // All agents can still be stopped.
        let urgent = |pauses: &mut Pauses| pauses.command([0; 16], Timestamp(100), Timestamp(900), true);
        assert_eq!(change(&mut store, Timestamp(499), urgent), Ok(()));
    }

    #[test]
    fn a_shorter_pause_ends_no_longer_one() {
        let mut store = store();
        let agent = || Scope::Agent("a".into());
        for until in [Some(300), Some(200), None, Some(400)] {
            let pause = pause(agent(), What::Everything, until);
            change(&mut store, Timestamp(100), |pauses| pauses.pause(pause.clone())).unwrap();
            let expect = if until.is_some_and(|until| until < 400) { Some(Timestamp(300)) } else { None };
            assert_eq!(Pauses::read(&mut store).unwrap().of("a", Timestamp(100)).unwrap().until, expect, "{until:?}");
        }
        assert_eq!(change(&mut store, Timestamp(100), |pauses| Ok(pauses.resume(&agent()))), Ok(1));
    }

    #[test]
    fn pauses_are_bounded() {
        let mut store = store();
        for agent in 0..PAUSES {
            let scope = Scope::Agent(alloc::format!("{agent}"));
            change(&mut store, Timestamp(100), |p| p.pause(pause(scope.clone(), What::Writes, None))).unwrap();
        }
        let one_more = || pause(Scope::Agent("x".into()), What::Writes, None);
        assert_eq!(change(&mut store, Timestamp(100), |p| p.pause(one_more())), Err(NotPaused::Full));
        // There is room for a tripwire, and for all agents.
        let tripped = Pause { cause: Cause::Tripwire { id: "t".into() }, ..one_more() };
        assert_eq!(change(&mut store, Timestamp(100), |p| p.pause(tripped.clone())), Ok(()));
        assert_eq!(change(&mut store, Timestamp(100), |p| p.pause(pause(Scope::All, What::Everything, None))), Ok(()));
        let again = pause(Scope::Agent("0".into()), What::Writes, None);
        assert_eq!(change(&mut store, Timestamp(100), |p| p.pause(again.clone())), Ok(()));
    }

    #[test]
    fn a_store_without_the_slot_says_nothing() {
        let mut empty = Memory::new();
        assert_eq!(Pauses::read(&mut empty), None);
        assert_eq!(change(&mut empty, Timestamp(0), |_| Ok(())), Err(NotPaused::Damaged));
    }
}
