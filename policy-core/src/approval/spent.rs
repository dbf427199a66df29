//! Grants that have been used: slots by the grant's digest, each remembered for as long as it would hold.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::applied::Refused;
use super::grant::Granted;
use crate::limits::{SLOT_BYTES, SPENT_SLOTS};
use crate::policy::Reach;
use crate::store::{NotSet, SlotName, Store, region, update};
use crate::time::Timestamp;

/// The form of a slot's bytes.
const FORM: u8 = 1;

/// Since when used grants are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birth(pub Timestamp);

impl From<NotSet> for Refused {
    fn from(why: NotSet) -> Self {
        match why {
            NotSet::Missing => Self::Damaged,
            NotSet::Contended => Self::Contended,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Spent {
    form: u8,
    /// Each until it would not hold any more.
    grants: Vec<([u8; 16], Timestamp)>,
}

fn slot(index: u32) -> SlotName {
    SlotName { reach: Reach::Node, region: region("grants"), index }
}

/// Behind the last slot of grants.
fn birth() -> SlotName {
    slot(SPENT_SLOTS)
}

fn slot_of(grant: &Granted) -> SlotName {
    let [byte, ..] = grant.digest;
    slot(u32::from(byte) % SPENT_SLOTS)
}

/// Creates the slots that are not there yet. `false`: the store does not keep what is set.
#[must_use]
pub(crate) fn open(store: &mut dyn Store, now: Timestamp) -> bool {
    let slots = (0..SPENT_SLOTS).all(|index| store.get(slot(index)).is_some() || store.set(slot(index), &[], None));
    // Last: where there is a birth, there are slots.
    let born = Birth::read(store).is_some();
    slots && (born || postcard::to_allocvec(&Birth(now)).is_ok_and(|bytes| store.set(birth(), &bytes, None)))
}

impl Birth {
    /// Since when used grants are remembered; `None`: they are not.
    #[must_use]
    pub fn read(store: &mut dyn Store) -> Option<Self> {
        store.get(birth()).and_then(|(bytes, _)| postcard::from_bytes(&bytes).ok())
    }
}

fn read(bytes: &[u8]) -> Result<Spent, Refused> {
    if bytes.is_empty() {
        return Ok(Spent { form: FORM, grants: Vec::new() });
    }
    postcard::from_bytes(bytes).ok().filter(|spent: &Spent| spent.form == FORM).ok_or(Refused::Damaged)
}

/// Uses grants: those that are used up are from here on used up for all workers, all of them or none.
///
/// # Errors
/// Which of them cannot be used, and why.
pub(super) fn spend(grants: &[&Granted], store: &mut dyn Store, now: Timestamp) -> Result<(), (usize, Refused)> {
    for (position, grant) in grants.iter().enumerate() {
        let why = match Birth::read(store) {
            None => Some(Refused::Damaged),
            Some(Birth(birth)) if grant.signed < birth => Some(Refused::Old),
            Some(_) if !grant.once => None,
            Some(_) => look(grant, store).err(),
        };
        if let Some(why) = why {
            return Err((position, why));
        }
    }
    for (position, grant) in grants.iter().enumerate().filter(|(_, grant)| grant.once) {
        if let Err(why) = spend_one(grant, store, now) {
            // Others may have used one of them meanwhile: what was taken for this request is given back.
            for taken in grants.iter().take(position).filter(|grant| grant.once) {
                let _ = give_back(taken, store);
            }
            return Err((position, why));
        }
    }
    Ok(())
}

fn look(grant: &Granted, store: &mut dyn Store) -> Result<(), Refused> {
    let (bytes, _) = store.get(slot_of(grant)).ok_or(Refused::Damaged)?;
    let spent = read(&bytes)?;
    if spent.grants.iter().any(|(digest, _)| *digest == grant.digest) { Err(Refused::Spent) } else { Ok(()) }
}

fn spend_one(grant: &Granted, store: &mut dyn Store, now: Timestamp) -> Result<(), Refused> {
    update(store, slot_of(grant), |bytes| {
        let mut spent = read(bytes)?;
        if spent.grants.iter().any(|(digest, _)| *digest == grant.digest) {
            return Err(Refused::Spent);
        }
        spent.grants.retain(|(_, until)| now < *until);
        spent.grants.push((grant.digest, grant.until));
        let bytes = postcard::to_allocvec(&spent).map_err(|_| Refused::Damaged)?;
        if bytes.len() > SLOT_BYTES { Err(Refused::Full) } else { Ok((Some(bytes), ())) }
    })
}

fn give_back(grant: &Granted, store: &mut dyn Store) -> Result<(), Refused> {
    update(store, slot_of(grant), |bytes| {
        let mut spent = read(bytes)?;
        spent.grants.retain(|(digest, _)| *digest != grant.digest);
        let bytes = postcard::to_allocvec(&spent).map_err(|_| Refused::Damaged)?;
        Ok((Some(bytes), ()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;
    use alloc::string::String;

    fn grant(nth: u32, until: u64) -> Granted {
        let mut digest = [0; 16];
        digest[..4].copy_from_slice(&nth.to_le_bytes());
        let empty = String::new;
        let (signed, until) = (Timestamp(5), Timestamp(until));
        Granted { role: empty(), jti: empty(), key: empty(), ticket: empty(), digest, signed, until, once: true }
    }

    fn spend_each(grants: &[&Granted], store: &mut Memory, now: u64) -> Result<(), (usize, Refused)> {
        spend(grants, store, Timestamp(now))
    }

    /// B4: once.
    #[test]
    fn a_grant_is_used_once_for_as_long_as_it_holds() {
        let mut store = Memory::new();
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Err((0, Refused::Damaged)));
        assert!(open(&mut store, Timestamp(5)));
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Ok(()));
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Err((0, Refused::Spent)));
        // Opening it again for other policies forgets nothing.
        assert!(open(&mut store, Timestamp(50)));
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 60), Err((0, Refused::Spent)));
        let more = Granted { once: false, ..grant(2, 100) };
        assert_eq!(spend_each(&[&more], &mut store, 60), Ok(()));
        assert_eq!(spend_each(&[&more], &mut store, 60), Ok(()));
    }

    /// B4: after a restart nobody knows what was used before it.
    #[test]
    fn a_grant_from_before_the_store_counts_for_nothing() {
        let mut store = Memory::new();
        assert!(open(&mut store, Timestamp(6)));
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Err((0, Refused::Old)));
        let more = Granted { once: false, ..grant(1, 100) };
        assert_eq!(spend_each(&[&more], &mut store, 10), Err((0, Refused::Old)));
    }

    #[test]
    fn of_several_grants_all_are_used_or_none() {
        let mut store = Memory::new();
        assert!(open(&mut store, Timestamp(5)));
        assert_eq!(spend_each(&[&grant(2, 100)], &mut store, 10), Ok(()));
        assert_eq!(spend_each(&[&grant(1, 100), &grant(2, 100)], &mut store, 10), Err((1, Refused::Spent)));
        assert_eq!(spend_each(&[&grant(1, 100), &grant(3, 100)], &mut store, 10), Ok(()));
    }

    #[test]
    fn room_is_bounded_and_comes_back() {
        let mut store = Memory::new();
        assert!(open(&mut store, Timestamp(5)));
        let full =
            (0..).find_map(|nth| spend_each(&[&grant(nth * 256, 100)], &mut store, 10).err().map(|why| (nth, why)));
        let (nth, why) = full.unwrap();
        assert_eq!(why, (0, Refused::Full));
        assert!(nth > 150, "{nth}");
        assert!(store.bytes() < SLOT_BYTES + 64);
        assert_eq!(spend_each(&[&grant(nth * 256, 200)], &mut store, 100), Ok(()));
    }
}
