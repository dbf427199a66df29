//! A proxy-wasm host: runs a filter built for Envoy or Kong, with the embedder as the gateway.
//!
//! The host speaks ABI 0.2.1 to any proxy-wasm HTTP plugin that imports only `env.proxy_*` functions
//! (no WASI), on wasmtime. Nothing in it touches a network or a real clock: the embedder delivers
//! every event, answers every callout and moves the time, so the same events give the same result.
//!
//! ```text
//! Engine ── Module ── Vm ── Plugin ── Stream        compile once, instantiate many
//!                      │       │         └ headers, body, trailers → Flow
//!                      │       └ RequestScript → RunReport { verdict, fuel, properties, … }
//!                      └ SharedData, Clock, callouts, timers, metrics, log
//! ```
//!
//! # Walkthrough
//!
//! A filter that refuses every `DELETE`, and tags what it lets pass:
//!
//! ```
//! use test_harness::host::{
//!     Engine, EngineOptions, HeaderMap, Module, PluginOptions, RequestScript, Verdict, Vm, VmOptions,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let filter = wat::parse_str(r#"(module
//! #   (import "env" "proxy_get_header_map_value"
//! #     (func $value (param i32 i32 i32 i32 i32) (result i32)))
//! #   (import "env" "proxy_add_header_map_value"
//! #     (func $add (param i32 i32 i32 i32 i32) (result i32)))
//! #   (import "env" "proxy_send_local_response"
//! #     (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
//! #   (memory (export "memory") 1)
//! #   (data (i32.const 1024) ":methodx-judgedno")
//! #   (func (export "proxy_abi_version_0_2_1"))
//! #   (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
//! #   (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
//! #     (drop (call $value (i32.const 0) (i32.const 1024) (i32.const 7)
//! #       (i32.const 16) (i32.const 20)))
//! #     (if (i32.eq (i32.load8_u (i32.load (i32.const 16))) (i32.const 68))
//! #       (then (drop (call $reply (i32.const 403) (i32.const 0) (i32.const 0)
//! #         (i32.const 1039) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1)))))
//! #     (drop (call $add (i32.const 0) (i32.const 1031) (i32.const 8)
//! #       (i32.const 1039) (i32.const 2)))
//! #     (i32.const 0)))"#)?;
//! let engine = Engine::new(EngineOptions::default())?;
//! let module = Module::new(&engine, &filter)?; // compiled once, for any number of VMs
//! let vm = Vm::new(&module, VmOptions::default())?;
//! let plugin = vm.start(PluginOptions::new("configuration of the plugin"))?;
//!
//! let request = |method: &str| {
//!     RequestScript::new(HeaderMap::from_iter([
//!         (":method", method), (":path", "/"), (":authority", "shop.test"),
//!     ]))
//! };
//! match plugin.run_request(&request("GET").with_body("{}"))?.verdict {
//!     Verdict::Forward { headers, body, .. } => {
//!         assert!(headers.value("x-judged").is_some());
//!         assert_eq!(body, b"{}");
//!     }
//!     other => panic!("{other:?}"),
//! }
//! let report = plugin.run_request(&request("DELETE"))?;
//! match &report.verdict {
//!     Verdict::LocalReply(reply) => assert_eq!((reply.status, &reply.body[..]), (403, &b"no"[..])),
//!     other => panic!("{other:?}"),
//! }
//! assert_eq!(report.upstream.headers, None); // nothing escaped before the verdict
//! assert!(report.fuel > 0);
//! # Ok(())
//! # }
//! ```
//!
//! For anything a script cannot say, play the events on a [`Stream`]: several at once, a response,
//! a client that goes away, a callout answered late.
//!
//! # How requests flow
//!
//! The rules are those observed on Envoy:
//!
//! - *Order.* Headers; body, any number of times; trailers. Without body and trailers the headers
//!   end the stream; an empty chunked body is one empty body event that ends it; with trailers no
//!   body event ends it.
//! - *Holding.* A pause holds what has arrived, the head included if the headers were paused. Body
//!   sizes are cumulative while held. A continue from any later callback, or `continue_stream`, lets
//!   all of it go; nothing is let through before ([`RunReport::upstream`] shows what was).
//! - *Open maps.* A header map can be read and changed from its callback until it is let go by that
//!   callback's continue or by `continue_stream`; all can be read in `proxy_on_log`. Changes after
//!   the release reach nobody.
//! - *Missing flag.* With [`VmOptions::allow_on_headers_stop_iteration`] off, a pause in the headers
//!   keeps every later event from the guest: it hangs until a timer or a callout resumes it, which
//!   then delivers the whole body at once, or answers it.
//! - *Local replies* take effect when the callback returns, whatever it returns, and pass the
//!   plugin's own response callbacks. The first one counts.
//! - *Traps* end every stream of the VM ([`Flow::Trapped`]), and the VM refuses further ones or
//!   starts afresh: [`OnFailure`]. A trap is never a panic of the host, and never lets anything pass.
//!
//! # Bounds
//!
//! [`Limits`] bounds memory, fuel and, where asked for, time, and what the host stores on the
//! guest's behalf. Fuel is given per callback, so it both bounds a loop and measures a decision:
//! [`RunReport::fuel`].
//!
//! # What it does not do
//!
//! - TCP plugins, gRPC callouts, shared queues and foreign functions: they answer
//!   [`Status::Unimplemented`] or [`Status::NotFound`].
//! - Envoy's own filters: no path normalization, no body limit, no retries, no joining of repeated
//!   singleton headers. What the embedder delivers is what the guest sees.
//! - Serialized pairs that are malformed are [`Status::ParseFailure`], where Envoy silently takes
//!   them for an empty list.
//! - After a trap in a timer or in a callout's answer, Envoy leaves waiting streams hanging; here
//!   they are trapped.

mod abi;
mod callout;
mod clock;
mod context;
mod direction;
mod error;
mod exchange;
mod header_map;
mod imports;
mod instance;
mod lifecycle;
mod limits;
mod log;
mod memory;
mod metrics;
mod module;
pub mod pairs;
mod plugin;
mod script;
mod shared_data;
mod state;
mod stream;
mod vm;

pub use abi::{BufferType, LogLevel, MapType, MetricType, Status, StreamType};
pub use callout::{Callout, CalloutAnswer, CalloutId, Clusters};
pub use clock::Clock;
pub use context::LocalReply;
pub use direction::{Stage, Transmitted};
pub use error::{CalloutError, LoadError, OutOfOrder, StartError, StreamError, Trap, TrapKind};
pub use header_map::HeaderMap;
pub use limits::{BYTES_PER_FUEL, HOSTCALL_FUEL, Limits};
pub use log::LogLine;
pub use metrics::MetricValue;
pub use module::{Engine, EngineOptions, Module};
pub use plugin::{Plugin, PluginOptions};
pub use script::{Chunking, RequestScript, RunReport, Verdict};
pub use shared_data::SharedData;
pub use stream::{Flow, Stream};
pub use vm::{OnFailure, Vm, VmOptions};
