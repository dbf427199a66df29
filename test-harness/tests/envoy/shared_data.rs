//! What a gateway's filters have in common, set from outside: counters of a live gateway begin at nothing, and a test may
//! want others. A second filter on a listener of its own does it, for shared data belongs to all filters of one `vm_id`.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client_h1::{self, RequestHead};
use crate::config::{VM_ID, loopback};

/// The name of the listener.
pub(crate) const LISTENER: &str = "shared-data";

/// Sets every pair of its configuration, then those of each request's body: length of the name, name, length of the value,
/// value; lengths as four bytes, the smallest first.
const SETTER: &str = r#"(module
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 16))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536))))))
    (local.get $at))
  (func $set_all (param $buffer i32) (param $size i32)
    (local $at i32) (local $end i32) (local $name i32) (local $name_size i32) (local $value i32) (local $value_size i32)
    (global.set $free (i32.const 16))
    (if (call $buffer (local.get $buffer) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)) (then unreachable))
    (local.set $at (i32.load (i32.const 0)))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 4))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $name_size (i32.load (local.get $at)))
      (local.set $name (i32.add (local.get $at) (i32.const 4)))
      (local.set $at (i32.add (local.get $name) (local.get $name_size)))
      (local.set $value_size (i32.load (local.get $at)))
      (local.set $value (i32.add (local.get $at) (i32.const 4)))
      (local.set $at (i32.add (local.get $value) (local.get $value_size)))
      (if (call $set (local.get $name) (local.get $name_size) (local.get $value) (local.get $value_size) (i32.const 0))
        (then unreachable))
      (br $next))))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (if (local.get 1) (then (call $set_all (i32.const 7) (local.get 1))))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (i32.const 1))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (if (i32.eqz (local.get 2)) (then (return (i32.const 1))))
    (call $set_all (i32.const 0) (local.get 1))
    (i32.const 0)))"#;

/// Names and values.
#[derive(Clone, Default)]
pub(crate) struct SharedData(Vec<u8>);

impl SharedData {
    pub(crate) fn of<N: ToString>(pairs: impl IntoIterator<Item = (N, Vec<u8>)>) -> Self {
        let part = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("a size").to_le_bytes()[..], bytes].concat();
        let pairs = pairs.into_iter().map(|(name, value)| [part(name.to_string().as_bytes()), part(&value)].concat());
        Self(pairs.flatten().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets it through the listener of a running Envoy.
    pub(crate) async fn set(&self, listener: SocketAddr) {
        let request = RequestHead::new("POST", "/", LISTENER).with_body(&self.0);
        assert_eq!(client_h1::exchange(listener, &request).await.status, 200);
    }

    /// The listener, which sets this before any filter of a listener after it starts.
    pub(crate) fn listener(&self) -> Value {
        let wasm = wat::parse_str(SETTER).unwrap_or_else(|e| panic!("{e}"));
        let setter = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": LISTENER,
                "vm_config": {
                    "vm_id": VM_ID,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "inline_bytes": STANDARD.encode(wasm) } },
                },
                "allow_on_headers_stop_iteration": true,
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.BytesValue",
                    "value": STANDARD.encode(&self.0),
                },
            },
        });
        let filters = json!([
            { "name": LISTENER, "typed_config": setter },
            { "name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            } },
        ]);
        json!({
            "name": LISTENER,
            "address": loopback(0),
            "per_connection_buffer_limit_bytes": 16_777_216,
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                              http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": LISTENER,
                    "http_filters": filters,
                    "route_config": { "virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }],
                    }] },
                },
            }] }],
        })
    }
}
