//! The filter inside a real Envoy: clients on one side, a recording upstream on the other.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its own functions too"
)]

#[path = "../support/ambit.rs"]
mod ambit;
mod answer;
mod bundle;
mod client_h1;
mod client_h2;
mod config;
mod connections;
mod deadline;
mod http1;
#[path = "../support/library.rs"]
mod library;
mod library_live;
mod mutual_tls;
mod operators;
#[path = "../support/policy_directory.rs"]
mod policy_directory;
mod process;
mod session_ends;
mod shared_data;
mod shop;
mod tools_server;
mod upstream;

mod bodies;
mod body_limit;
mod broken_bundles;
mod candidate;
mod cases;
mod counters;
mod credentials;
mod decision_record;
mod grants;
mod header_bytes;
mod held_requests;
mod identity;
mod kill_switch;
mod many_clients;
mod mcp;
mod present;
mod recordings;
mod routing;
mod shipped_example;
mod transcript;
mod tripwires;
mod updates;
