//! Counters: what an agent has used up, and whether one more request still fits.
//!
//! The core decides, and has no store. It says which counters a request is charged to (`plan`); a host carries the plan
//! out on its store of slots ([`carry_out`]), which need do no more than read a slot and set it unless somebody else has
//! set it since ([`store`](crate::store)). What is in a slot, and whether a charge fits, is decided here:
//!
//! ```text
//! window   which part of time a charge falls into, and which parts still count
//! total    requests, rows and sums in a window          drift   changes in a window
//! slot     the bytes of a slot: counters by their full key; reserve, give back
//! plan     what a request is charged to                 table   where the slots are, and since when
//! ledger   a plan on a store: all of it or none         settle  when a charge is given back
//! told     what was used, as somebody else knows it; what is used by now
//! ```
//!
//! What is charged may count for up to one part of a window too long, never too short: a window is cut into 60 parts, and a
//! part counts until all of it is over. Time never goes back in a slot: a clock that does counts on at the latest moment
//! that the slot has seen.

mod drift;
mod ledger;
mod plan;
mod settle;
mod slot;
mod table;
mod told;
mod total;
mod window;

pub use ledger::{Tallied, carry_out, give_back};
pub(crate) use plan::{Amount, Bound, Key, Move, Tally};
pub use plan::{Charge, Intent, Plan};
pub use settle::Signals;
pub use slot::{Receipt, Refusal, release, reserve};
pub use table::{Budget, OpenError, Table};
pub use told::{Usage, place, record, set_used, usage};
pub(crate) use window::Meter;

pub use crate::policy::Reach;
pub use crate::store::{Cas, Memory, SlotName, Store};
