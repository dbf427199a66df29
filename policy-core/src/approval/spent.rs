//! Approvals that have been used: slots by what was approved, each remembered for as long as a grant for it could hold.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::grant::Granted;
use super::refused::Refused;
use crate::limits::{SLOT_BYTES, SPENT_SLOTS};
use crate::policy::Reach;
use crate::store::{SlotName, Store, region, update};
use crate::time::Timestamp;

/// The form of a slot's bytes.
const FORM: u8 = 2;

/// Since when used grants are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birth(pub Timestamp);

#[derive(Debug, Serialize, Deserialize)]
struct Spent {
    form: u8,
    /// What was approved and used, and until when a grant for it can hold that was signed by then.
    used: Vec<Used>,
}

/// An approval that was used, with every grant for the same that was signed by then: whoever has signed beside another did
/// not mean it to be done twice, and whoever does mean that signs again when it is done. All grants for the same hold as long
/// as each other at most, so that one time says both when it was used and until when that must be remembered.
type Used = ([u8; 16], Timestamp);

fn use_of(grant: &Granted, now: Timestamp) -> Used {
    // A clock that was set back must not bring the grant back.
    let since = now.0.saturating_sub(grant.signed.0);
    (grant.approval, Timestamp(grant.longest.0.saturating_add(since)))
}

/// Whether a use of an approval uses up a grant.
fn covers((approval, until): &Used, grant: &Granted) -> bool {
    *approval == grant.approval && grant.longest <= *until
}

fn slot(index: u32) -> SlotName {
    SlotName { reach: Reach::Node, region: region("grants"), index }
}

/// Behind the last slot of grants.
fn birth() -> SlotName {
    slot(SPENT_SLOTS)
}

fn slot_of(grant: &Granted) -> SlotName {
    let [byte, ..] = grant.approval;
    slot(u32::from(byte) % SPENT_SLOTS)
}

/// The slots that hold what has been used; where they are empty, nothing has been.
pub fn slots() -> impl Iterator<Item = SlotName> {
    (0..SPENT_SLOTS).map(slot)
}

/// Creates the slots that are not there yet. `false`: the store does not keep what is set.
#[must_use]
pub(crate) fn open(store: &mut dyn Store, now: Timestamp) -> bool {
    let slots = slots().all(|slot| store.get(slot).is_some() || store.set(slot, &[], None));
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
        return Ok(Spent { form: FORM, used: Vec::new() });
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
            Some(_) if now >= grant.expires => Some(Refused::Expired(grant.expires)),
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
                let _ = give_back(taken, store, now);
            }
            return Err((position, why));
        }
    }
    Ok(())
}

fn look(grant: &Granted, store: &mut dyn Store) -> Result<(), Refused> {
    let (bytes, _) = store.get(slot_of(grant)).ok_or(Refused::Damaged)?;
    let spent = read(&bytes)?;
    if spent.used.iter().any(|used| covers(used, grant)) { Err(Refused::Spent) } else { Ok(()) }
}

fn spend_one(grant: &Granted, store: &mut dyn Store, now: Timestamp) -> Result<(), Refused> {
    update(store, slot_of(grant), |bytes| {
        let mut spent = read(bytes)?;
        if spent.used.iter().any(|used| covers(used, grant)) {
            return Err(Refused::Spent);
        }
        spent.used.retain(|(_, until)| now < *until);
        spent.used.push(use_of(grant, now));
        let bytes = postcard::to_allocvec(&spent).map_err(|_| Refused::Damaged)?;
        if bytes.len() > SLOT_BYTES { Err(Refused::Full) } else { Ok((Some(bytes), ())) }
    })
}

fn give_back(grant: &Granted, store: &mut dyn Store, now: Timestamp) -> Result<(), Refused> {
    let ours = use_of(grant, now);
    update(store, slot_of(grant), |bytes| {
        let mut spent = read(bytes)?;
        // Only this use: others of the same approval are of other grants.
        spent.used.retain(|used| *used != ours);
        let bytes = postcard::to_allocvec(&spent).map_err(|_| Refused::Damaged)?;
        Ok((Some(bytes), ()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;
    use alloc::string::String;

    fn grant(nth: u32, expires: u64) -> Granted {
        let mut approval = [0; 16];
        approval[..4].copy_from_slice(&nth.to_le_bytes());
        let empty = String::new;
        let (signed, longest) = (Timestamp::from_seconds(5), Timestamp::from_seconds(5 + expires));
        let (role, jti, key, ticket) = (empty(), empty(), empty(), empty());
        Granted { role, jti, key, ticket, approval, signed, expires: longest, longest, once: true }
    }

    /// The same, signed later.
    fn signed(grant: Granted, at: u64) -> Granted {
        let later = Timestamp::from_seconds(at).0 - grant.signed.0;
        let later = |time: Timestamp| Timestamp(time.0 + later);
        let longest = later(grant.longest);
        Granted { signed: later(grant.signed), expires: longest, longest, ..grant }
    }

    fn spend_each(grants: &[&Granted], store: &mut Memory, now: u64) -> Result<(), (usize, Refused)> {
        spend(grants, store, Timestamp::from_seconds(now))
    }

    fn opened(at: u64) -> Memory {
        let mut store = Memory::new();
        assert!(open(&mut store, Timestamp::from_seconds(at)));
        store
    }

    /// B4: once.
    #[test]
    fn a_grant_is_used_once_for_as_long_as_it_holds() {
        assert_eq!(spend_each(&[&grant(1, 100)], &mut Memory::new(), 10), Err((0, Refused::Damaged)));
        let mut store = opened(5);
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Ok(()));
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Err((0, Refused::Spent)));
        // Opening it again for other policies forgets nothing.
        assert!(open(&mut store, Timestamp::from_seconds(50)));
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 60), Err((0, Refused::Spent)));
        let more = Granted { once: false, ..grant(2, 100) };
        assert_eq!(spend_each(&[&more], &mut store, 60), Ok(()));
        assert_eq!(spend_each(&[&more], &mut store, 60), Ok(()));
    }

    /// B4: an approval is used with every grant that says the same; one that is signed afterwards is another.
    #[test]
    fn grants_for_the_same_are_used_up_together() {
        let mut store = opened(5);
        assert_eq!(spend_each(&[&signed(grant(1, 100), 6)], &mut store, 10), Ok(()));
        for at in [5, 6, 9, 10] {
            assert_eq!(spend_each(&[&signed(grant(1, 100), at)], &mut store, 20), Err((0, Refused::Spent)), "{at}");
        }
        assert_eq!(spend_each(&[&signed(grant(1, 100), 11)], &mut store, 20), Ok(()));
        assert_eq!(spend_each(&[&signed(grant(1, 100), 20)], &mut store, 20), Err((0, Refused::Spent)));
        // What others forget, it does not: for as long as the last of them could hold.
        for nth in [257, 513] {
            assert_eq!(spend_each(&[&signed(grant(nth, 100), 100)], &mut store, 109), Ok(()));
            assert_eq!(spend_each(&[&signed(grant(1, 100), 10)], &mut store, 109), Err((0, Refused::Spent)));
        }
    }

    /// A grant stays used when the gateway's clock is set back behind it.
    #[test]
    fn a_clock_that_is_set_back_brings_no_grant_back() {
        let mut store = opened(5);
        let late = signed(grant(1, 100), 50);
        assert_eq!(spend_each(&[&late], &mut store, 40), Ok(()));
        assert_eq!(spend_each(&[&late], &mut store, 40), Err((0, Refused::Spent)));
        assert_eq!(spend_each(&[&late], &mut store, 60), Err((0, Refused::Spent)));
    }

    /// B4: a request may take so long that its grant holds no more when it would be used, however often that may be.
    #[test]
    fn a_grant_that_has_expired_meanwhile_is_not_used() {
        let mut store = opened(5);
        let since = Timestamp::from_seconds(15);
        for grant in [grant(1, 10), Granted { once: false, ..grant(2, 10) }] {
            assert_eq!(spend(&[&grant], &mut store, since), Err((0, Refused::Expired(since))));
            assert_eq!(spend(&[&grant], &mut store, Timestamp(since.0 - 1)), Ok(()));
        }
    }

    /// B4: after a restart nobody knows what was used before it.
    #[test]
    fn a_grant_from_before_the_store_counts_for_nothing() {
        let mut store = opened(6);
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Err((0, Refused::Old)));
        let more = Granted { once: false, ..grant(1, 100) };
        assert_eq!(spend_each(&[&more], &mut store, 10), Err((0, Refused::Old)));
    }

    #[test]
    fn of_several_grants_all_are_used_or_none() {
        let mut store = opened(5);
        assert_eq!(spend_each(&[&grant(2, 100)], &mut store, 10), Ok(()));
        assert_eq!(spend_each(&[&grant(1, 100), &grant(2, 100)], &mut store, 10), Err((1, Refused::Spent)));
        assert_eq!(spend_each(&[&grant(1, 100), &grant(3, 100)], &mut store, 10), Ok(()));
    }

    /// What is given back is this use alone: an earlier one of the same stays.
    #[test]
    fn giving_back_forgets_no_other_use() {
        let mut store = opened(5);
        assert_eq!(spend_each(&[&grant(1, 100)], &mut store, 10), Ok(()));
        let again = signed(grant(1, 100), 11);
        assert_eq!(spend_one(&again, &mut store, Timestamp::from_seconds(12)), Ok(()));
        assert_eq!(give_back(&again, &mut store, Timestamp::from_seconds(12)), Ok(()));
        assert_eq!(spend_each(&[&signed(grant(1, 100), 10)], &mut store, 12), Err((0, Refused::Spent)));
        assert_eq!(spend_each(&[&again], &mut store, 12), Ok(()));
    }

    #[test]
    fn room_is_bounded_and_comes_back() {
        let mut store = opened(5);
        let full =
            (0..).find_map(|nth| spend_each(&[&grant(nth * 256, 100)], &mut store, 10).err().map(|why| (nth, why)));
        let (nth, why) = full.unwrap();
        assert_eq!(why, (0, Refused::Full));
        assert!(nth > 150, "{nth}");
        assert!(store.bytes() < SLOT_BYTES + 64);
        assert_eq!(spend_each(&[&grant(nth * 256, 200)], &mut store, 110), Ok(()));
    }
}
