//! Bounds on the guest, traps, and what follows them.

use crate::guest::{ENGINE, head, module, on_headers, plugin, plugin_in, said, wasm};
use std::time::Duration;
use test_harness::host::{
    Engine, EngineOptions, Flow, LoadError, Module, OnFailure, PluginOptions, RequestScript, SharedData, StartError,
    StreamError, Trap, TrapKind, Verdict, Vm, VmOptions,
};

fn trap_of(verdict: Verdict) -> Trap {
    match verdict {
        Verdict::Trapped(trap) => trap,
        other => panic!("{other:?}"),
    }
}

fn request() -> RequestScript {
    RequestScript::new(head()).with_body("x")
}

#[test]
fn a_trap_is_reported_with_the_guests_last_words_and_fails_the_vm() {
    let guest = on_headers("(drop (call $proxy_log (i32.const 5) {panicked at src/lib.rs:7:\\0aboom})) (unreachable)");
    let plugin = plugin(&guest);
    let report = plugin.run_request(&request()).unwrap();
    let trap = trap_of(report.verdict);
    assert_eq!((trap.kind, trap.callback), (TrapKind::Guest, "proxy_on_request_headers"));
    assert_eq!(
        trap.message,
        "the guest trapped in `proxy_on_request_headers`: wasm `unreachable` instruction executed; \
         it logged: panicked at src/lib.rs:7:\\nboom"
    );
    assert_eq!(report.upstream.headers, None);
    assert_eq!(plugin.vm().failure(), Some(trap.clone()));
    let refused = plugin.run_request(&request()).unwrap_err();
    assert!(matches!(refused, StreamError::VmFailed(ref earlier) if *earlier == trap));
    assert!(refused.to_string().starts_with("the VM takes no more streams since an earlier trap: "));
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let mut options = VmOptions::default();
    options.limits.fuel_per_callback = 100_000;
    let plugin = plugin_in(&on_headers("(loop $ever (br $ever))"), options);
    let report = plugin.run_request(&request()).unwrap();
    let trap = trap_of(report.verdict);
    assert_eq!(trap.kind, TrapKind::Fuel);
    let expected = "the guest used up 100000 units of fuel in `proxy_on_request_headers`";
    assert_eq!(trap.message, expected);
    assert!((99_000..=101_000).contains(&report.fuel), "{}", report.fuel);
}

#[test]
fn a_loop_around_a_hostcall_pays_for_the_hosts_work() {
    let body = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (local $n i32)
          (loop $again
            ;; 64 KiB copied by the host each time: 4096 units of fuel.
            (drop (call $proxy_log (i32.const 0) (i32.const 0) (i32.const 65536)))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (i32.store (i32.const 32) (local.get $n))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 1000))))
          (i32.const 0))"#;
    let mut options = VmOptions::default();
    options.limits.fuel_per_callback = 1_000_000;
    let report = plugin_in(body, options).run_request(&request()).unwrap();
    assert_eq!(trap_of(report.verdict).kind, TrapKind::Fuel);
    let report = plugin(body).run_request(&request()).unwrap();
    assert!((4_096_000..4_400_000).contains(&report.fuel), "{}", report.fuel);
}

#[test]
fn fuel_is_the_same_for_the_same_request() {
    let work = |turns: u32| {
        on_headers(&format!(
            "(global.set $n (i32.const {turns}))
             (loop $more
               (global.set $n (i32.sub (global.get $n) (i32.const 1)))
               (br_if $more (global.get $n)))"
        )) + "(global $n (mut i32) (i32.const 0))"
    };
    let fuel = |turns| plugin(&work(turns)).run_request(&request()).unwrap().fuel;
    assert_eq!(fuel(1_000), fuel(1_000));
    let ratio = fuel(100_000) / fuel(1_000);
    assert!((95..=100).contains(&ratio), "{ratio}");
}

#[test]
fn an_endless_loop_runs_out_of_time() {
    let epochs =
        EngineOptions { fuel: false, epoch_resolution: Some(Duration::from_millis(5)), ..EngineOptions::default() };
    let guest = wasm(&on_headers("(loop $ever (br $ever))"));
    let module = Module::new(&Engine::new(epochs).unwrap(), &guest).unwrap();
    let mut options = VmOptions::default();
    options.limits.time_per_callback = Some(Duration::from_millis(20));
    let vm = Vm::new(&module, options.clone()).unwrap();
    let plugin = vm.start(PluginOptions::default()).unwrap();
    let trap = trap_of(plugin.run_request(&request()).unwrap().verdict);
    assert_eq!(trap.kind, TrapKind::Time);
    assert_eq!(vm.fuel_used(), 0);

    let without = Module::new(&ENGINE, &guest).unwrap();
    let error = Vm::new(&without, options).err().unwrap();
    assert_eq!(error.to_string(), "`time_per_callback` needs an engine with `epoch_resolution`");
}

#[test]
fn memory_cannot_grow_past_its_bound() {
    let body = r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $say_u32 (i32.ne (i32.const -1) (memory.grow (i32.const 5))))
          (if (i32.eq (i32.const -1) (memory.grow (i32.const 1))) (then (unreachable)))
          (i32.const 0))"#;
    let mut options = VmOptions::default();
    options.limits.memory_bytes = 8 * 65536;
    let plugin = plugin_in(body, options);
    assert_eq!(plugin.vm().memory_bytes(), 3 * 65536);
    let trap = trap_of(plugin.run_request(&request()).unwrap().verdict);
    assert_eq!(trap.kind, TrapKind::Memory);
    assert!(trap.message.ends_with(", after its memory reached 524288 bytes"), "{trap}");
    assert_eq!(said(plugin.vm()), ["1"]);
    assert_eq!(plugin.vm().memory_bytes(), 8 * 65536);
}

#[test]
fn endless_recursion_is_a_trap_of_the_guest() {
    let guest = on_headers("(call $deeper)") + "(func $deeper (call $deeper) (drop (call $proxy_done)))";
    let trap = trap_of(plugin(&guest).run_request(&request()).unwrap().verdict);
    assert_eq!(trap.kind, TrapKind::Guest);
    assert!(trap.message.ends_with(": call stack exhausted"), "{trap}");
}

#[test]
fn a_module_that_starts_too_large_does_not_start() {
    let mut options = VmOptions::default();
    options.limits.memory_bytes = 65536;
    let error = Vm::new(&module(""), options).err().unwrap();
    let expected = "the module cannot be instantiated: it needs more than 65536 bytes of memory";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_allocator_that_gives_nothing_is_a_status() {
    let mut options = VmOptions::default();
    options.limits.memory_bytes = 3 * 65536;
    // 200 KiB do not fit, and the guest's allocator answers 0.
    let mut headers = head();
    headers.add("big", vec![b'x'; 200_000]);
    let read = on_headers(
        "(call $say_u32 (call $proxy_get_header_map_value (i32.const 0) {big} (i32.const 16) (i32.const 20)))",
    );
    let plugin = plugin_in(&read, options);
    let report = plugin.run_request(&RequestScript::new(headers)).unwrap();
    assert!(matches!(report.verdict, Verdict::Forward { .. }));
    assert_eq!(said(plugin.vm()), ["6"]);
}

#[test]
fn what_the_host_stores_for_the_guest_is_bounded() {
    let code = r#"
        (call $say_u32 (call $proxy_set_property {a} {12345}))
        (call $say_u32 (call $proxy_set_property {b} {12345}))
        (call $say_u32 (call $proxy_set_property {a} {123456}))
        (call $say_u32 (call $proxy_define_metric (i32.const 0) {m1} (i32.const 32)))
        (call $say_u32 (call $proxy_define_metric (i32.const 0) {m2} (i32.const 32)))
        (call $say_u32 (call $proxy_define_metric (i32.const 0) {m1} (i32.const 32)))
        (call $say_u32 (call $proxy_add_header_map_value (i32.const 0) {x} {0123456789}))
        (call $say_u32 (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 0) {12345}))
        (call $say_u32 (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 0) {1234}))
        (call $say_u32 (call $proxy_set_buffer_bytes (i32.const 0) (i32.const 0) (i32.const 4) {5678}))
        (call $say_u32 (call $proxy_set_shared_data {k} {0123456789} (i32.const 0)))"#;
    let mut options = VmOptions { shared_data: SharedData::with_capacity(10), ..VmOptions::default() };
    options.limits.property_bytes = 10;
    options.limits.metrics = 1;
    options.limits.header_bytes = head().byte_size() + 10;
    options.limits.body_bytes = 4;
    let plugin = plugin_in(&on_headers(code), options);
    plugin.run_request(&RequestScript::new(head())).unwrap();
    let expected = ["0", "10", "0", "0", "10", "0", "10", "10", "0", "0", "10"];
    assert_eq!(said(plugin.vm()), expected);
}

/// Traps when the request's path is `/trap`; otherwise counts up in a global and in shared data.
const TRAPS_ON_DEMAND: &str = r#"
    (global $seen (mut i32) (i32.const 0))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (call $say {configured}) (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
      (call $say_u32 (global.get $seen))
      (drop (call $proxy_define_metric (i32.const 0) {requests} (i32.const 32)))
      (drop (call $proxy_increment_metric (i32.load (i32.const 32)) (i64.const 1)))
      (drop (call $proxy_get_header_map_value (i32.const 0) {:path} (i32.const 16) (i32.const 20)))
      (if (i32.eq (i32.load (i32.const 20)) (i32.const 5)) (then (unreachable)))
      (i32.const 1))"#;

fn trapping() -> RequestScript {
    let mut headers = head();
    headers.replace(":path", "/trap");
    RequestScript::new(headers)
}

#[test]
fn a_reloading_vm_starts_every_plugin_afresh() {
    let options = VmOptions { on_failure: OnFailure::Reload, ..VmOptions::default() };
    let vm = Vm::new(&module(TRAPS_ON_DEMAND), options).unwrap();
    let first = vm.start(PluginOptions::new("one")).unwrap();
    let second = vm.start(PluginOptions::new("two")).unwrap();
    let mut waiting = second.http_stream().unwrap();
    assert_eq!(waiting.request_headers(head(), false), Ok(Flow::Pause));
    let trap = trap_of(first.run_request(&trapping()).unwrap().verdict);
    // The trap took every other stream of the VM with it.
    assert_eq!(waiting.request_body(b"x", true), Ok(Flow::Trapped(trap.clone())));
    assert_eq!(vm.failure(), Some(trap.clone()));
    assert_eq!(said(&vm), ["configured", "configured", "1", "2"]);

    assert!(matches!(second.run_request(&request()).unwrap().verdict, Verdict::Forward { .. }));
    assert_eq!(said(&vm), ["configured", "configured", "1"], "statics are new");
    assert_eq!((vm.reloads(), vm.failure()), (1, None));
    assert_eq!(waiting.flow(), Flow::Trapped(trap), "a stream of the old instance stays dead");
    assert!(matches!(first.run_request(&request()).unwrap().verdict, Verdict::Forward { .. }));
    let counted = test_harness::host::MetricValue::Counter(4);
    assert_eq!(vm.metric("requests"), Some(counted), "metrics outlive the instance");
    drop(waiting);
    assert_eq!(vm.failure(), None);
}

#[test]
fn a_reload_that_fails_is_an_error_each_time() {
    // Configures once only: the second instance finds the mark of the first in shared data.
    let guest = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (if (i32.eqz (call $proxy_get_shared_data {mark} (i32.const 16) (i32.const 20) (i32.const 24)))
            (then (call $say {been here}) (return (i32.const 0))))
          (drop (call $proxy_set_shared_data {mark} {1} (i32.const 0)))
          (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))"#;
    let options = VmOptions { on_failure: OnFailure::Reload, ..VmOptions::default() };
    let plugin = plugin_in(guest, options);
    trap_of(plugin.run_request(&request()).unwrap().verdict);
    for _ in 0..2 {
        let error = plugin.http_stream().err().unwrap();
        assert_eq!(
            error.to_string(),
            "the VM failed, and its fresh instance did not start: \
             the plugin refused its configuration: been here"
        );
    }
}

#[test]
fn a_refused_configuration_carries_the_log_and_spares_the_others() {
    let guest = r#"
        (func (export "proxy_on_vm_start") (param i32) (param $size i32) (result i32)
          (i32.ne (local.get $size) (i32.const 3)))
        (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
          (call $say {line 3: unknown name})
          (i32.ne (local.get $size) (i32.const 3)))
        (func (export "proxy_on_delete") (param i32) (call $say {deleted}))"#;
    let vm = Vm::new(&module(guest), VmOptions::default()).unwrap();
    let plugin = vm.start(PluginOptions::new("good")).unwrap();
    let error = vm.start(PluginOptions::new("bad")).err().unwrap();
    assert!(matches!(error, StartError::ConfigurationRefused { .. }));
    let expected = "the plugin refused its configuration: line 3: unknown name";
    assert_eq!(error.to_string(), expected);
    assert_eq!(said(&vm).last().map(String::as_str), Some("deleted"));
    assert!(matches!(plugin.run_request(&request()).unwrap().verdict, Verdict::Forward { .. }));

    let options = VmOptions { configuration: b"bad".to_vec(), ..VmOptions::default() };
    let vm = Vm::new(&module(guest), options).unwrap();
    let error = vm.start(PluginOptions::new("good")).err().unwrap();
    assert_eq!(error.to_string(), "the plugin refused the VM configuration");
}

#[test]
fn a_trap_while_configuring_is_reported() {
    let guest = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $say {reading}) (i32.load (i32.const -8)))"#;
    let vm = Vm::new(&module(guest), VmOptions::default()).unwrap();
    let error = vm.start(PluginOptions::default()).err().unwrap();
    let StartError::Trapped { trap, log } = &error else { panic!("{error:?}") };
    assert_eq!(trap.callback, "proxy_on_configure");
    assert_eq!(log.first().map(|line| line.message.as_str()), Some("reading"));
    let expected = "the guest trapped in `proxy_on_configure`: out of bounds memory access";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_trap_after_the_verdict_is_kept_apart() {
    let guest = r#"(func (export "proxy_on_log") (param i32) (unreachable))"#;
    let report = plugin(guest).run_request(&request()).unwrap();
    assert!(matches!(report.verdict, Verdict::Forward { .. }));
    assert_eq!(report.trap_at_finish.map(|trap| trap.callback), Some("proxy_on_log"));
}

fn load_error(wat: &str) -> LoadError {
    Module::new(&ENGINE, &wat::parse_str(wat).unwrap()).err().unwrap()
}

#[test]
fn an_import_that_is_not_provided_is_named() {
    let error = load_error(
        r#"(module (import "env" "proxy_read_mind" (func (param i32) (result i32)))
             (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))"#,
    );
    assert_eq!(error.to_string(), "the module imports `env.proxy_read_mind`, which this host does not provide");
    let error = load_error(
        r#"(module (import "wasi_snapshot_preview1" "fd_write"
               (func (param i32 i32 i32 i32) (result i32)))
             (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))"#,
    );
    assert_eq!(
        error.to_string(),
        "the module imports `wasi_snapshot_preview1.fd_write`, which this host does not provide; \
         it uses WASI: build it for `wasm32-unknown-unknown`"
    );
}

#[test]
fn modules_of_another_kind_are_refused() {
    let error = load_error(r#"(module (func (export "proxy_abi_version_0_1_0")))"#);
    assert!(error.to_string().ends_with("(it exports `proxy_abi_version_0_1_0`)"), "{error}");
    let error = load_error("(module)");
    assert!(error.to_string().contains("not a proxy-wasm plugin"), "{error}");
    let error = load_error(
        r#"(module (import "env" "proxy_done" (func (param i64)))
             (func (export "proxy_abi_version_0_2_1")))"#,
    );
    assert!(matches!(error, LoadError::Mismatch(_)), "{error}");
    let error = Module::new(&ENGINE, b"not wasm").err().unwrap();
    assert!(matches!(error, LoadError::Invalid(_)), "{error}");
}

#[test]
fn exports_that_do_not_fit_are_named() {
    let start = |wat: &str| {
        let module = Module::new(&ENGINE, &wat::parse_str(wat).unwrap()).unwrap();
        Vm::new(&module, VmOptions::default()).err().unwrap().to_string()
    };
    let error = start(r#"(module (func (export "proxy_abi_version_0_2_1")))"#);
    assert_eq!(error, "the module's export `memory` does not fit the proxy-wasm ABI 0.2.1: it is missing");
    let error = start(r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))"#);
    assert!(error.contains("`proxy_on_memory_allocate`"), "{error}");
    let error = start(
        r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
             (func (export "malloc") (param i32) (result i32) (i32.const 64))
             (func (export "proxy_on_tick") (param i64)))"#,
    );
    assert!(error.contains("`proxy_on_tick`"), "{error}");
}

#[test]
fn malloc_is_the_fallback_allocator() {
    let wat = r#"(module
        (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 1024) "plugin_root_id")
        (func (export "proxy_abi_version_0_2_0"))
        (func (export "malloc") (param i32) (result i32) (i32.const 4096))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $get (i32.const 1024) (i32.const 14) (i32.const 16) (i32.const 20)))
          (drop (call $set (i32.const 1024) (i32.const 1) (i32.load (i32.const 16)) (i32.load (i32.const 20))))
          (i32.const 0)))"#;
    let module = Module::new(&ENGINE, &wat::parse_str(wat).unwrap()).unwrap();
    let vm = Vm::new(&module, VmOptions::default()).unwrap();
    let options = PluginOptions { root_id: "r".to_owned(), ..PluginOptions::default() };
    let report = vm.start(options).unwrap().run_request(&request()).unwrap();
    assert_eq!(report.property(&["p"]), Some(&b"r"[..]));
}
