//! Sessions that have ended before their time: slots by the session's digest.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::limits::{ENDED_SLOTS, SLOT_BYTES};
use crate::policy::Reach;
use crate::store::{NotSet, SlotName, Store, region, update};
use crate::time::Timestamp;

/// The form of a slot's bytes.
const FORM: u8 = 1;

/// A session, by a digest of its agent and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The session of an agent with this id.
    #[must_use]
    pub fn of(agent: &str, id: &str) -> Self {
        let mut digest = Sha256::new();
        for part in [agent, id] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        Self(digest.finalize().first_chunk().copied().unwrap_or_default())
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Ended {
    form: u8,
    /// Each until its tokens are void.
    sessions: Vec<(SessionId, Timestamp)>,
}

/// Why a session could not be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEnded {
    /// The store does not have the slot, or something else stands in it.
    Damaged,
    /// Others set it all the time.
    Contended,
    /// There is no room for one more.
    Full,
}

impl From<NotSet> for NotEnded {
    fn from(why: NotSet) -> Self {
        match why {
            NotSet::Missing => Self::Damaged,
            NotSet::Contended => Self::Contended,
        }
    }
}

fn slot(index: u32) -> SlotName {
    SlotName { reach: Reach::Node, region: region("ended sessions"), index }
}

fn slot_of(session: SessionId) -> SlotName {
    let [high, low, ..] = session.0;
    slot(u32::from(u16::from_be_bytes([high, low])) % ENDED_SLOTS)
}

pub(super) fn open(store: &mut dyn Store) -> bool {
    (0..ENDED_SLOTS).all(|index| store.get(slot(index)).is_some() || store.set(slot(index), &[], None))
}

fn read(bytes: &[u8]) -> Option<Ended> {
    if bytes.is_empty() {
        return Some(Ended { form: FORM, sessions: Vec::new() });
    }
    postcard::from_bytes(bytes).ok().filter(|ended: &Ended| ended.form == FORM)
}

/// Whether a session has ended; `None`: the store does not say.
pub(super) fn is_ended(session: SessionId, store: &mut dyn Store, now: Timestamp) -> Option<bool> {
    let (bytes, _) = store.get(slot_of(session))?;
    read(&bytes).map(|ended| ended.sessions.iter().any(|(known, until)| *known == session && now < *until))
}

/// Ends a session for all workers. Until then its tokens would have held: it is remembered so long.
///
/// # Errors
/// [`NotEnded`]; then it goes on.
pub fn end_session(
    session: SessionId,
    until: Timestamp,
    store: &mut dyn Store,
    now: Timestamp,
) -> Result<(), NotEnded> {
    update(store, slot_of(session), |bytes| {
        let mut ended = read(bytes).ok_or(NotEnded::Damaged)?;
        ended.sessions.retain(|(_, until)| now < *until);
        match ended.sessions.iter_mut().find(|(known, _)| *known == session) {
            Some((_, known)) => *known = until.max(*known),
            None => ended.sessions.push((session, until)),
        }
        let bytes = postcard::to_allocvec(&ended).map_err(|_| NotEnded::Damaged)?;
        if bytes.len() > SLOT_BYTES { Err(NotEnded::Full) } else { Ok((Some(bytes), ())) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    #[test]
    fn an_ended_session_is_remembered_until_its_tokens_are_void() {
        let mut store = Memory::new();
        let session = SessionId::of("a", "1");
        assert_eq!(is_ended(session, &mut store, Timestamp(0)), None);
        assert!(open(&mut store));
        assert_eq!(is_ended(session, &mut store, Timestamp(0)), Some(false));
        end_session(session, Timestamp(10), &mut store, Timestamp(0)).unwrap();
        // Ending it again for a shorter time forgets nothing.
        end_session(session, Timestamp(5), &mut store, Timestamp(0)).unwrap();
        assert_eq!(is_ended(session, &mut store, Timestamp(9)), Some(true));
        assert_eq!(is_ended(SessionId::of("a1", ""), &mut store, Timestamp(9)), Some(false));
        assert_eq!(is_ended(session, &mut store, Timestamp(10)), Some(false));
    }

    #[test]
    fn room_is_bounded_and_comes_back() {
        let mut store = Memory::new();
        assert!(open(&mut store));
        // The first two bytes say the slot: here it is the same for all.
        let session = |id: u8| SessionId([1, 7, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let until = Timestamp(u64::MAX);
        let full =
            (0..=u8::MAX).find_map(|id| Some((id, end_session(session(id), until, &mut store, Timestamp(0)).err()?)));
        let Some((id, NotEnded::Full)) = full else { panic!("{full:?}") };
        assert!(id > 140, "{id}: room for {} sessions", u32::from(id) * ENDED_SLOTS);
        assert!(store.bytes() <= SLOT_BYTES, "of one slot");
        // Another slot has room, and so has this one when its sessions are over.
        let other = SessionId([2; 16]);
        assert_eq!(end_session(other, until, &mut store, Timestamp(0)), Ok(()));
        assert_eq!(end_session(session(id), until, &mut store, until), Ok(()));
    }

    #[test]
    fn sessions_spread_over_all_slots() {
        let slots: alloc::collections::BTreeSet<u32> =
            (0..8_000).map(|id| slot_of(SessionId::of("a", &alloc::format!("{id}"))).index).collect();
        assert_eq!(slots.len(), ENDED_SLOTS as usize);
    }
}
