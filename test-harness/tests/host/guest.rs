//! Guests written in WAT, for the tests of the host.
//!
//! [`module`] wraps a body into a whole proxy-wasm plugin: every import of the ABI (so that each
//! test also proves that they exist with these types), an allocator that never frees, and functions
//! that report through the log. In a body, `{some text}` stands for the address and length of that
//! text, with WAT's escapes (`\ff`, `\00`).

use std::sync::LazyLock;
use test_harness::host::{Engine, EngineOptions, HeaderMap, Module, Plugin, PluginOptions, Vm, VmOptions};

const IMPORTS: &[(&str, &str)] = &[
    ("proxy_log", "i32 i32 i32"),
    ("proxy_get_log_level", "i32"),
    ("proxy_get_current_time_nanoseconds", "i32"),
    ("proxy_set_tick_period_milliseconds", "i32"),
    ("proxy_set_effective_context", "i32"),
    ("proxy_done", ""),
    ("proxy_call_foreign_function", "i32 i32 i32 i32 i32 i32"),
    ("proxy_get_property", "i32 i32 i32 i32"),
    ("proxy_set_property", "i32 i32 i32 i32"),
    ("proxy_get_header_map_pairs", "i32 i32 i32"),
    ("proxy_set_header_map_pairs", "i32 i32 i32"),
    ("proxy_get_header_map_size", "i32 i32"),
    ("proxy_get_header_map_value", "i32 i32 i32 i32 i32"),
    ("proxy_add_header_map_value", "i32 i32 i32 i32 i32"),
    ("proxy_replace_header_map_value", "i32 i32 i32 i32 i32"),
    ("proxy_remove_header_map_value", "i32 i32 i32"),
    ("proxy_get_buffer_bytes", "i32 i32 i32 i32 i32"),
    ("proxy_get_buffer_status", "i32 i32 i32"),
    ("proxy_set_buffer_bytes", "i32 i32 i32 i32 i32"),
    ("proxy_continue_stream", "i32"),
    ("proxy_close_stream", "i32"),
    ("proxy_send_local_response", "i32 i32 i32 i32 i32 i32 i32 i32"),
    ("proxy_http_call", "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32"),
    ("proxy_get_status", "i32 i32 i32"),
    ("proxy_define_metric", "i32 i32 i32 i32"),
    ("proxy_increment_metric", "i32 i64"),
    ("proxy_record_metric", "i32 i64"),
    ("proxy_get_metric", "i32 i32"),
    ("proxy_get_shared_data", "i32 i32 i32 i32 i32"),
    ("proxy_set_shared_data", "i32 i32 i32 i32 i32"),
    ("proxy_register_shared_queue", "i32 i32 i32"),
    ("proxy_resolve_shared_queue", "i32 i32 i32 i32 i32"),
    ("proxy_dequeue_shared_queue", "i32 i32 i32"),
    ("proxy_enqueue_shared_queue", "i32 i32 i32"),
    ("proxy_grpc_call", "i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32"),
    ("proxy_grpc_stream", "i32 i32 i32 i32 i32 i32 i32 i32 i32"),
    ("proxy_grpc_send", "i32 i32 i32 i32"),
    ("proxy_grpc_cancel", "i32"),
    ("proxy_grpc_close", "i32"),
];

const PRELUDE: &str = r#"
  (memory (export "memory") 3)
  (global $heap (mut i32) (i32.const 131072))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (br_if $enough
        (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
      (if (i32.eq (i32.const -1) (memory.grow
            (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536)))))
        (then (return (i32.const 0)))))
    (local.get $at))
  ;; Logs a text.
  (func $say (param i32 i32)
    (drop (call $proxy_log (i32.const 2) (local.get 0) (local.get 1))))
  ;; Logs a number in decimal.
  (func $say_u32 (param $n i32)
    (local $at i32)
    (local.set $at (i32.const 112))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (br_if $digit (local.get $n)))
    (call $say (local.get $at) (i32.sub (i32.const 112) (local.get $at))))
  ;; Logs what a hostcall handed over: its address is at 16, its size at 20.
  (func $say_result (call $say (i32.load (i32.const 16)) (i32.load (i32.const 20))))
  ;; Logs a status and, if it is Ok, what was handed over.
  (func $say_status_and_result (param i32)
    (call $say_u32 (local.get 0))
    (if (i32.eqz (local.get 0)) (then (call $say_result))))
"#;

/// The bytes of a plugin around `body`.
pub(crate) fn wasm(body: &str) -> Vec<u8> {
    let mut text = String::from("(module\n");
    for (name, parameters) in IMPORTS {
        let parameters: String = parameters.split_whitespace().map(|_| " i32").collect();
        let parameters = match *name {
            "proxy_increment_metric" | "proxy_record_metric" => " i32 i64".to_owned(),
            _ => parameters,
        };
        let import = format!("(import \"env\" \"{name}\" (func ${name} (param{parameters}) (result i32)))\n");
        text.push_str(&import);
    }
    text.push_str(PRELUDE);
    text.push_str(&with_texts(body));
    text.push(')');
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Replaces `{text}` by an address and a length, and adds the data.
fn with_texts(body: &str) -> String {
    let (mut out, mut data, mut at) = (String::new(), String::new(), 1024);
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('{') {
        let (text, after) = after.split_once('}').unwrap();
        let escapes = text.matches('\\').count();
        let length = text.len() - 2 * escapes;
        out.push_str(&format!("{before}(i32.const {at}) (i32.const {length})"));
        data.push_str(&format!("(data (i32.const {at}) \"{text}\")\n"));
        at += length;
        rest = after;
    }
    out + rest + &data
}

pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(EngineOptions::default()).unwrap());

/// A compiled plugin around `body`.
pub(crate) fn module(body: &str) -> Module {
    Module::new(&ENGINE, &wasm(body)).unwrap_or_else(|error| panic!("{error}"))
}

/// A plugin around `body`, started with default options.
pub(crate) fn plugin(body: &str) -> Plugin {
    plugin_in(body, VmOptions::default())
}

/// A plugin around `body`, started in a VM with these options.
pub(crate) fn plugin_in(body: &str, options: VmOptions) -> Plugin {
    let vm = Vm::new(&module(body), options).unwrap();
    vm.start(PluginOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// A guest that runs `code` once, in its request headers callback.
pub(crate) fn on_headers(code: &str) -> String {
    format!(
        r#"(func (export "proxy_on_request_headers") (param $context i32) (param $count i32)
             (param $end i32) (result i32)
           {code}
           (i32.const 0))"#
    )
}

/// The texts a VM has logged since the last call.
pub(crate) fn said(vm: &Vm) -> Vec<String> {
    vm.take_log().into_iter().map(|line| line.message).collect()
}

/// Head of a `POST` to `/orders`.
pub(crate) fn head() -> HeaderMap {
    HeaderMap::from_iter([
        (":method", "POST"),
        (":path", "/orders?x=1"),
        (":authority", "shop.test"),
        (":scheme", "https"),
    ])
}
