//! Tripwires that note what they are told, as text in a slot: `+` and `-` for decisions, then how each request ended.

pub use policy_core::tripwires::{Answered, Consequence, End};

use policy_core::counters::{Reach, SlotName, Store};

use super::{Outcome, PolicySet, Timestamp};

pub const COPIED: usize = 16;
const TRIES: usize = 4;

pub fn slot() -> SlotName {
    SlotName { reach: Reach::Node, region: [8; 16], index: 0 }
}

pub struct Watch;

pub struct Late(String);

pub struct Trip;

impl Trip {
    pub fn line(&self) -> String {
        "ambit: tripped: {}".into()
    }
}

#[derive(Default)]
pub struct Told {
    pub trips: Vec<Trip>,
    pub late: Option<Late>,
    pub lost: bool,
}

pub fn decided(
    _set: &PolicySet,
    outcome: &mut Outcome,
    store: &mut dyn Store,
    _now: Timestamp,
    _consequence: Consequence,
) -> (Option<Watch>, Told) {
    (outcome.forward.then_some(Watch), note(if outcome.forward { "+" } else { "-" }.into(), store))
}

pub fn again(_set: &PolicySet, late: Late, store: &mut dyn Store, _now: Timestamp) -> Told {
    note(late.0, store)
}

impl Watch {
    pub fn copies(&self, status: u16) -> Option<usize> {
        (200..300).contains(&status).then_some(COPIED)
    }
    pub fn ended(self, _set: &PolicySet, end: End<'_>, store: &mut dyn Store, _now: Timestamp) -> Told {
        let text = match end {
            End::Unanswered => "none".into(),
            End::Answered(status, None) => status.to_string(),
            End::Answered(status, Some(Answered { content_type, encoding, body })) => {
                let kind = [content_type, encoding].map(|text| text.unwrap_or("-")).join(" ");
                format!("{status} {kind} {}", String::from_utf8_lossy(body))
            }
        };
        note(format!("[{text}]"), store)
    }
}

fn note(text: String, store: &mut dyn Store) -> Told {
    for _ in 0..TRIES {
        let Some((value, cas)) = store.get(slot()) else { return Told { lost: true, ..Told::default() } };
        if store.set(slot(), &[value, text.clone().into()].concat(), Some(cas)) {
            let trips = if text.contains("error") { vec![Trip] } else { Vec::new() };
            return Told { trips, ..Told::default() };
        }
    }
    Told { late: Some(Late(text)), ..Told::default() }
}
