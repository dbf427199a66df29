//! Ambit's policy enforcement point: a proxy-wasm filter (ABI 0.2.1) for a gateway.
//!
//! ```text
//! gateway ── proxy_on_* ──> abi ──> dispatch ──> registry ──> root     configuration, ticks ──> plugin
//!                                                        └──> request  one HTTP stream ──> lookups, calls; charge, store
//! gateway <── proxy_* ───── host <── reply <── enforce, refusal <─┘
//! ```
//!
//! `policy_core` decides; this crate reads the request, waits for the body the decision needs, looks up the present it
//! needs, and carries the decision out. What it promises the gateway's owner:
//!
//! - **No verdict, no passage.** While a decision is open every request callback returns `Pause`. Whatever goes
//!   wrong here (an unreadable head, a missing policy, a failed host call) is answered with a refusal, not forwarded.
//! - **No traps.** A trap takes every paused request of the VM with it. Bytes from the host are decoded with their
//!   lengths validated, host calls return results, and indexing, unwrapping and panicking are denied by lints.
//! - **No policy outside its root context.** One VM can hold the old and the new plugin side by side during an
//!   update; each stream keeps the policy set of the plugin that it was created under.
//!
//! It does not parse templates, keep sessions, or hold responses back; there is no WASI and no import but `env.proxy_*`.

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice, clippy::arithmetic_side_effects))]

mod abi;
mod agents;
mod calls;
mod candidate;
mod charge;
mod copying;
#[cfg(test)]
mod core_stub;
mod dispatch;
mod enforce;
#[cfg_attr(not(target_arch = "wasm32"), path = "host_double.rs")]
mod host;
mod identity;
mod kept;
mod log_line;
mod lookups;
mod metrics;
mod pairs;
mod passage;
mod plugin;
mod refusal;
mod registry;
mod reply;
mod request;
mod root;
mod store;
mod trial;
mod tripwires;
mod types;

#[cfg(test)]
use core_stub as policy;
#[cfg(not(test))]
use policy_core as policy;
