//! Recordings of HTTP traffic, read into one [`Exchange`] type.
//!
//! ```text
//! file -> detect -> tap | tap-proto | har | access-log | ndjson -> Exchange, Exchange, …
//! ```
//!
//! A [`Recording`] is an iterator: it holds one entry at a time (streamed taps: the traces that
//! are still open, within [`ReadOptions::open_traces`] and [`ReadOptions::open_bytes`]), so memory
//! does not grow with the file.
//!
//! What a reader hands on is what the recorder saw, in the form Envoy hands a request to a filter:
//! lower-case names, `:authority`, `:path`, `:method` and `:scheme` first. What the recorder did
//! *not* see is said, never filled in: a body is [`RecordedBody::Complete`] only when nothing in
//! the recording speaks against it. Otherwise it is truncated, missing or undecodable, with the
//! reason, and the rest of the exchange is kept.
//!
//! | format | body | time | to know |
//! |---|---|---|---|
//! | Envoy HTTP tap, JSON | `as_bytes` exact; `as_string` only for text | request headers received | Envoy writes a space for what is not UTF-8, in bodies and in headers. In a body this is found by its length, declared encoding, foreign charset or control characters; one stray byte in a body said to be UTF-8 text, or in a header, cannot be seen. `JSON_BODY_AS_BYTES` records bodies exactly |
//! | Envoy HTTP tap, streamed | as above, put together from segments | not recorded | no segment marks the end: see [`ReadOptions::open_traces`] |
//! | Envoy HTTP tap, length-delimited protobuf | exact | as above | |
//! | HAR 1.2 | text after decoding by the recorder | `startedDateTime` | connection headers are dropped as Envoy does; `Host` becomes `:authority` |
//! | Envoy JSON access log | never | `start_time` | only the headers that the log format names |
//! | NDJSON | exact | `time` | the format of this crate, see [`ndjson`] |
//!
//! ```no_run
//! use test_harness::recording::{Recording, RecordingError};
//!
//! # fn main() -> Result<(), RecordingError> {
//! for exchange in Recording::open("agent.har")? {
//!     let exchange = exchange?;
//!     println!("{}: {:?}", exchange.position, exchange.request.path());
//! }
//! # Ok(())
//! # }
//! ```

mod access_log;
mod body;
mod cut;
mod detect;
mod encoded;
mod error;
mod exchange;
mod har;
mod har_entry;
mod head;
mod json;
mod lines;
pub mod ndjson;
mod open;
mod options;
mod tap;
mod tap_json;
mod tap_proto;
mod tap_stream;
mod tap_trace;

pub use detect::Format;
pub use error::RecordingError;
pub use exchange::{Exchange, Field, Ids, Place, Position, RecordedBody, RecordedRequest, RecordedResponse};
pub use open::Recording;
pub use options::ReadOptions;
