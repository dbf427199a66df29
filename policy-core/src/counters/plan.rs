//! What a request is charged to: which counters, under which key, how much, within which bound.

use crate::ordered::Map;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::window::Meter;
use crate::approval::Approving;
use crate::evaluate::folded;
use crate::limits::COUNTER_KEY_BYTES;
use crate::number::Decimal;
use crate::policy::{Band, Change, Counted, Counter, Page, Reach};
use crate::reason::Decision;
use crate::session::Session;
use crate::standing::Look;
use crate::time::Timestamp;

/// Of what a counter keeps a budget of its own: what the counter's `per` names, without the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    /// The key of these parts; none: the counter has one budget. No two lists of parts have one key.
    pub(crate) fn of(parts: &[String]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            // Parts come from one request, whose size has a bound far below this.
            bytes.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        if bytes.len() > COUNTER_KEY_BYTES {
            // Four bytes of a length never are these: a part is never so long.
            bytes = [0xff; 4].into_iter().chain(Sha256::digest(&bytes)).collect();
        }
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The part of a key that a resource (`api:resource`) and its key are.
    pub(crate) fn of_resource(resource: &str, key: &str) -> String {
        format!("{resource}/{}", folded(key))
    }

    /// The part of a key that a value is. Numbers that are equal are one value, and so are texts but for upper case:
    /// another spelling is no budget of its own.
    pub(crate) fn of_value(value: &str) -> String {
        format!("={}", Decimal::parse_json(value).map_or_else(|_| folded(value), |number| number.to_string()))
    }

    /// The part of a key that a session is.
    pub(crate) fn of_session(id: &str) -> String {
        format!("session {id}")
    }

    /// The parts it was made of; `None`: it is the digest of a longer one.
    fn parts(&self) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        let mut rest = self.0.as_slice();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (part, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            parts.push(String::from_utf8(part.to_vec()).ok()?);
            rest = after;
        }
        Some(parts)
    }

    /// Which of so many slots it belongs to.
    pub(super) fn slot(&self, slots: u32) -> u32 {
        // FNV-1a, 64 bits, with its halves folded.
        let hash = self
            .0
            .iter()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let folded = (hash ^ (hash >> 32)) & u64::from(u32::MAX);
        u32::try_from(folded.checked_rem(u64::from(slots)).unwrap_or_default()).unwrap_or_default()
    }
}

/// One change of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) field: String,
    pub(crate) old: Decimal,
    pub(crate) new: Decimal,
}

impl Move {
    /// How far; `None`: that cannot be held exactly.
    pub(crate) fn size(&self) -> Option<Decimal> {
        self.new.checked_sub(self.old).map(Decimal::abs)
    }
}

/// How much a request is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Number(Decimal),
    Changes(Vec<Move>),
}

impl Amount {
    /// Both together; `None`: they cannot be held exactly.
    pub(crate) fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.checked_add(b).map(Self::Number),
            (Self::Changes(mut all), Self::Changes(more)) => {
                all.extend(more);
                Some(Self::Changes(all))
            }
            _ => None,
        }
    }
}

/// What one request brings to a counter of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) counter: u32,
    pub(crate) key: Key,
    pub(crate) amount: Amount,
}

/// The most that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Number(Decimal),
    Drift { net: bool, bounds: Change },
}

/// What is to be done with a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Charge it, whatever becomes of the request.
    Attempt,
    /// Charge it, if the request fits everywhere.
    Reserve,
    /// Only say whether the request would fit: it is held for a person.
    Look,
    /// Nothing: the request is refused, whatever was used.
    Leave,
}

/// One counter that a request is charged to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub(crate) counter: u32,
    pub(crate) region: [u8; 16],
    pub(crate) reach: Reach,
    pub(crate) key: Key,
    pub(crate) amount: Amount,
    pub(crate) bound: Bound,
    pub(crate) meter: Meter,
    pub(crate) whole: bool,
    pub(crate) intent: Intent,
    /// Its bound is that of the session, lower than the page's: nobody lets it past.
    pub(crate) capped: bool,
    /// The role by whose grant it may go past its bound.
    pub(crate) past: Option<Box<str>>,
}

impl Charge {
    /// How much is charged, where it is one number.
    pub(crate) fn number(&self) -> Option<Decimal> {
        match &self.amount {
            Amount::Number(number) => Some(*number),
            Amount::Changes(_) => None,
        }
    }

    /// What is to be done.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.intent
    }

    /// The counter, by its place among those of the page.
    #[must_use]
    pub fn counter(&self) -> usize {
        self.counter as usize
    }

    /// What has this budget of its own, a text for each `per` of the counter: `api:resource/key`, `=value`, or
    /// `session id`. `None`: it
    /// is too long to be kept.
    #[must_use]
    pub fn budget(&self) -> Option<Vec<String>> {
        self.key.parts()
    }

    /// How much is charged: requests, rows, a sum. `None`: changes of values.
    #[must_use]
    pub fn amount(&self) -> Option<Decimal> {
        self.number()
    }
}

/// What a store is asked for a request: whether its agent may act, and everything that it is charged to, or would be if it
/// went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    look: Option<Look>,
    charges: Vec<Charge>,
    /// In a box: few requests have grants.
    grants: Option<Box<Approving>>,
}

impl Plan {
    /// What is to be charged for a request that comes to this decision. `None`: no counter counts it.
    pub(crate) fn of(
        (page, session): (&Page, Option<&Session>),
        tallies: Vec<Tally>,
        decision: Decision,
    ) -> Option<Self> {
        let mut merged: Vec<Tally> = Vec::with_capacity(tallies.len());
        let mut places: Map<(u32, Key), usize> = Map::new();
        for tally in tallies {
            let mut place = merged.len();
            places.alter((tally.counter, tally.key.clone()), place, |known| place = *known);
            let together = merged.get(place).and_then(|known| known.amount.clone().and(tally.amount.clone()));
            match (together, merged.get_mut(place)) {
                (Some(together), Some(known)) => known.amount = together,
                // What cannot be held together is charged one after the other, and does not fit.
                _ => merged.push(tally),
            }
        }
        let charges: Vec<Charge> =
            merged.into_iter().filter_map(|tally| charge((page, session), tally, decision)).collect();
        (!charges.is_empty()).then_some(Self { look: None, charges, grants: None })
    }

    /// Only whether an agent may act.
    pub(crate) fn looking(look: Look) -> Self {
        Self { look: Some(look), charges: Vec::new(), grants: None }
    }

    /// The same, by grants: where they are needed they are used, and what they let pass is charged all the same.
    pub(crate) fn by_grants(plan: Option<Self>, page: &Page, grants: Box<Approving>) -> Option<Self> {
        if plan.is_none() && !grants.asks() {
            return None;
        }
        let mut plan = plan.unwrap_or(Self { look: None, charges: Vec::new(), grants: None });
        for charge in
            plan.charges.iter_mut().filter(|charge| charge.intent == Intent::Reserve || charge.intent == Intent::Look)
        {
            if let Some(Band::Approval(role)) =
                page.counters.get(charge.counter as usize).map(|counter| &counter.beyond)
                && grants.has(role)
                && !charge.capped
            {
                charge.past = Some(role.as_str().into());
            }
        }
        Some(Self { grants: Some(grants), ..plan })
    }

    /// The grants that come with the request.
    pub(crate) fn grants(&self) -> Option<&Approving> {
        self.grants.as_deref()
    }

    /// The same, and whether the agent may act.
    pub(crate) fn and_look(self, look: Look) -> Self {
        Self { look: Some(look), ..self }
    }

    /// Whose standing is asked.
    pub(crate) fn look(&self) -> Option<&Look> {
        self.look.as_ref()
    }

    /// Whether a store must be asked. Else nothing is charged: the request is refused.
    pub(crate) fn asks(&self) -> bool {
        self.look.is_some() || self.spends() || self.charges.iter().any(|charge| charge.intent != Intent::Leave)
    }

    /// Whether the request goes on only by grants that the store has not seen yet.
    #[must_use]
    pub fn spends(&self) -> bool {
        self.grants.as_ref().is_some_and(|grants| grants.asks())
    }

    /// The charges.
    #[must_use]
    pub fn charges(&self) -> &[Charge] {
        &self.charges
    }
}

fn charge(
    (page, session): (&Page, Option<&Session>),
    Tally { counter: index, key, amount }: Tally,
    decision: Decision,
) -> Option<Charge> {
    let counter: &Counter = page.counters.get(index as usize)?;
    let intent = match decision {
        _ if counter.attempt => Intent::Attempt,
        Decision::Allow => Intent::Reserve,
        Decision::ApprovalRequired => Intent::Look,
        Decision::Deny => Intent::Leave,
    };
    let (bound, capped) = match &counter.counted {
        Counted::Requests(max) | Counted::Rows(max) | Counted::Sum { max, .. } => {
            let cap = session.and_then(|session| session.cap(&counter.id)).filter(|cap| cap < max);
            (Bound::Number(cap.unwrap_or(*max)), cap.is_some())
        }
        Counted::Drift(drift) => (Bound::Drift { net: drift.net, bounds: drift.bounds.clone() }, false),
    };
    Some(Charge {
        counter: index,
        region: counter.region,
        reach: counter.reach,
        key,
        amount,
        bound,
        meter: Meter { window: counter.window, zone: page.zone.clone(), life: life(session) },
        whole: counter.whole,
        intent,
        capped,
        past: None,
    })
}

/// From when to when the token of a session holds.
fn life(session: Option<&Session>) -> (Timestamp, Timestamp) {
    let token = session.and_then(|session| session.token.as_ref());
    token.map(|token| (token.issued, token.expires)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn keys_of_different_parts_differ() {
        let key = |parts: &[&str]| Key::of(&parts.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
        assert!(key(&[]).0.is_empty());
        assert_eq!(key(&["a", "", "bc"]).parts().unwrap(), ["a", "", "bc"]);
        assert_eq!(key(&["x".repeat(200).as_str()]).parts(), None);
        let long = "x".repeat(5_000);
        assert_eq!(key(&[&long]).0.len(), 36);
        assert_ne!(key(&[&long]), key(&[&long, ""]));
    }

    #[test]
    fn keys_spread_over_the_slots() {
        let mut seen = vec![0u32; 64];
        for id in 0..6_400 {
            seen[Key::of(&[id.to_string()]).slot(64) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (50..160).contains(count)), "{seen:?}");
        assert_eq!(Key::default().slot(1), 0);
        assert_eq!(Key::default().slot(0), 0);
    }
}
