//! Several plugins in one VM, their timers and their end.

use crate::guest::{head, module, plugin, said};
use std::thread;
use std::time::Duration;
use test_harness::host::{Clock, PluginOptions, RequestScript, StreamError, Verdict, Vm, VmOptions};

/// Keeps the length of its configuration per root context, and logs it for each stream of it: what
/// a filter does whose policy hangs on the root context.
const PER_ROOT: &str = r#"
    (func $slot (param $context i32) (result i32)
      (i32.add (i32.const 4096) (i32.mul (local.get $context) (i32.const 4))))
    (func (export "proxy_on_context_create") (param $context i32) (param $parent i32)
      (if (local.get $parent) (then
        (i32.store (call $slot (local.get $context)) (i32.load (call $slot (local.get $parent)))))))
    (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
      (i32.store (call $slot (local.get $root)) (local.get $size))
      (i32.const 1))
    (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
      (call $say_u32 (i32.load (call $slot (local.get $context))))
      (i32.const 0))"#;

#[test]
fn two_configurations_live_side_by_side() {
    let vm = Vm::new(&module(PER_ROOT), VmOptions::default()).unwrap();
    let old = vm.start(PluginOptions::new("old")).unwrap();
    let mut open = old.http_stream().unwrap();
    let new = vm.start(PluginOptions::new("newer")).unwrap();
    for (plugin, size) in [(&new, "5"), (&old, "3"), (&new, "5")] {
        let report = plugin.run_request(&RequestScript::new(head())).unwrap();
        assert!(matches!(report.verdict, Verdict::Forward { .. }));
        assert_eq!(said(&vm), [size]);
    }
    old.stop().unwrap();
    assert!(old.is_stopped() && !new.is_stopped());
    assert!(matches!(old.http_stream(), Err(StreamError::Stopped)));
    assert!(open.request_headers(head(), true).unwrap().is_open(), "open streams go on");
    assert_eq!(said(&vm), ["3"]);
}

#[test]
fn a_plugin_may_put_off_its_end() {
    let plugin = plugin(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $proxy_set_tick_period_milliseconds (i32.const 10)))
             (i32.const 1))
           (func (export "proxy_on_done") (param i32) (result i32) (call $say {wait}) (i32.const 0))
           (func (export "proxy_on_tick") (param i32) (call $say_u32 (call $proxy_done)))
           (func (export "proxy_on_delete") (param i32) (call $say {deleted}))"#,
    );
    let vm = plugin.vm();
    plugin.tick().unwrap();
    assert_eq!(said(vm), ["1"], "done without being asked");
    plugin.stop().unwrap();
    assert_eq!(said(vm), ["wait"]);
    assert!(!plugin.is_stopped());
    vm.advance(Duration::from_millis(10)).unwrap();
    assert_eq!(said(vm), ["0", "deleted"]);
    assert!(plugin.is_stopped());
    vm.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(said(vm), [""; 0], "its timer is gone with it");
}

/// Sets a timer of as many milliseconds as its configuration has bytes; logs the time of each tick.
const TICKING: &str = r#"
    (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
      (drop (call $proxy_set_tick_period_milliseconds (local.get $size)))
      (i32.const 1))
    (func (export "proxy_on_tick") (param i32)
      (drop (call $proxy_get_current_time_nanoseconds (i32.const 16)))
      (call $say_u32 (i32.wrap_i64 (i64.div_u (i64.load (i32.const 16)) (i64.const 1000000)))))"#;

#[test]
fn timers_fire_in_the_order_of_their_times() {
    let vm = Vm::new(&module(TICKING), VmOptions::default()).unwrap();
    vm.start(PluginOptions::new("xxx")).unwrap();
    vm.start(PluginOptions::new("xxxxx")).unwrap();
    vm.start(PluginOptions::new("")).unwrap();
    vm.advance(Duration::from_millis(11)).unwrap();
    assert_eq!(said(&vm), ["3", "5", "6", "9", "10"]);
    assert_eq!(vm.clock().now(), 11_000_000);
}

#[test]
fn a_late_timer_fires_once() {
    let clock = Clock::at(0);
    let options = VmOptions { clock: clock.clone(), ..VmOptions::default() };
    let vm = Vm::new(&module(TICKING), options).unwrap();
    vm.start(PluginOptions::new("xxx")).unwrap();
    clock.set(2_000_000);
    vm.fire_due_ticks().unwrap();
    assert_eq!(said(&vm), [""; 0]);
    clock.advance(Duration::from_millis(20));
    vm.fire_due_ticks().unwrap();
    assert_eq!(said(&vm), ["22"]);
    vm.advance(Duration::from_millis(3)).unwrap();
    assert_eq!(said(&vm), ["25"]);
}

#[test]
fn one_module_serves_many_threads() {
    let module = module(PER_ROOT);
    thread::scope(|scope| {
        for n in 0..4 {
            let module = module.clone();
            scope.spawn(move || {
                let vm = Vm::new(&module, VmOptions::default()).unwrap();
                let plugin = vm.start(PluginOptions::new("x".repeat(n))).unwrap();
                let report = plugin.run_request(&RequestScript::new(head())).unwrap();
                assert!(matches!(report.verdict, Verdict::Forward { .. }));
                assert_eq!(said(&vm), [n.to_string()]);
            });
        }
    });
}

#[test]
fn initialization_runs_once_before_any_plugin() {
    let guest = r#"
        (func (export "_initialize") (call $say {initialized}))
        (func (export "_start") (call $say {never}))
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
          (call $say {started}) (i32.const 1))"#;
    let plugin = plugin(guest);
    plugin.vm().start(PluginOptions::default()).unwrap();
    assert_eq!(said(plugin.vm()), ["initialized", "started", "started"]);
}
