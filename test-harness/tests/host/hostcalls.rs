//! Each group of hostcalls, seen from a guest.

use crate::guest::{head, module, on_headers, plugin, plugin_in, said};
use test_harness::host::{
    Clock, Flow, HeaderMap, LogLevel, MetricValue, Plugin, PluginOptions, SharedData, Status, Vm, VmOptions,
};

/// Runs `code` in a request headers callback: what it said, the stream's flow, and the head that went on.
fn run(code: &str, headers: HeaderMap) -> (Vec<String>, Flow, HeaderMap) {
    let plugin = plugin(&on_headers(code));
    let mut stream = plugin.http_stream().unwrap();
    let flow = stream.request_headers(headers, true).unwrap();
    (said(plugin.vm()), flow, stream.upstream().headers.unwrap_or_default())
}

#[test]
fn header_values_are_bytes() {
    let mut headers = head();
    headers.add("x-raw", b"a\xff\x00b".to_vec());
    let code = r#"
        (call $say_u32 (call $proxy_get_header_map_value (i32.const 0) {X-Raw}
            (i32.const 16) (i32.const 20)))
        (call $say_u32 (i32.load (i32.const 20)))
        (drop (call $proxy_add_header_map_value (i32.const 0) {X-Copy}
            (i32.load (i32.const 16)) (i32.load (i32.const 20))))"#;
    let (said, _, forwarded) = run(code, headers);
    assert_eq!(said, ["0", "4"]);
    assert_eq!(forwarded.value("x-copy"), Some(&b"a\xff\x00b"[..]));
}

#[test]
fn headers_can_be_added_replaced_and_removed() {
    let mut headers = head();
    headers.extend([("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")]);
    let code = r#"
        (call $say_u32 (call $proxy_add_header_map_value (i32.const 0) {D} {5}))
        (call $say_u32 (call $proxy_replace_header_map_value (i32.const 0) {A} {9}))
        (call $say_u32 (call $proxy_replace_header_map_value (i32.const 0) {e} {6}))
        (call $say_u32 (call $proxy_remove_header_map_value (i32.const 0) {C}))
        (call $say_u32 (call $proxy_remove_header_map_value (i32.const 0) {absent}))
        (call $say_u32 (call $proxy_get_header_map_value (i32.const 0) {absent}
            (i32.const 16) (i32.const 20)))"#;
    let (said, _, forwarded) = run(code, headers);
    assert_eq!(said, ["0", "0", "0", "0", "0", "1"]);
    let mut expected = head();
    expected.extend([("a", "9"), ("b", "2"), ("d", "5"), ("e", "6")]);
    assert_eq!(forwarded, expected);
}

#[test]
fn all_pairs_in_one_call_and_back() {
    let code = r#"
        (call $say_u32 (call $proxy_get_header_map_pairs (i32.const 0) (i32.const 16) (i32.const 20)))
        ;; The first name is 7 bytes long, its value 4: `:method: POST`.
        (call $say_u32 (i32.load (i32.load (i32.const 16))))
        (call $say_u32 (i32.load offset=4 (i32.load (i32.const 16))))
        (call $say_u32 (i32.load offset=8 (i32.load (i32.const 16))))
        (call $say (i32.add (i32.load (i32.const 16)) (i32.const 36)) (i32.const 12))
        (call $say_u32 (call $proxy_set_header_map_pairs (i32.const 0)
            {\01\00\00\00\01\00\00\00\02\00\00\00k\00\ffv\00}))
        (call $say_u32 (call $proxy_get_header_map_size (i32.const 0) (i32.const 16)))
        (call $say_u32 (i32.load (i32.const 16)))"#;
    let (said, _, forwarded) = run(code, head());
    assert_eq!(said, ["0", "4", "7", "4", ":method\0POST", "0", "0", "3"]);
    assert_eq!(forwarded, HeaderMap::from_iter([("k", b"\xffv")]));
}

#[test]
fn malformed_pairs_and_bad_pointers_are_refused() {
    let code = r#"
        (call $say_u32 (call $proxy_set_header_map_pairs (i32.const 0) {\02\00\00\00\01}))
        (call $say_u32 (call $proxy_set_header_map_pairs (i32.const 0)
            (i32.const 0) (i32.const 0x7fffffff)))
        (call $say_u32 (call $proxy_get_header_map_value (i32.const 0) {:path}
            (i32.const 0x7ffffff0) (i32.const 20)))
        (call $say_u32 (call $proxy_remove_header_map_value (i32.const 0)
            (i32.const -1) (i32.const -1)))
        (call $say_u32 (call $proxy_remove_header_map_value (i32.const 99) {x}))"#;
    let (said, _, forwarded) = run(code, head());
    assert_eq!(said, ["4", "6", "6", "6", "2"]);
    assert_eq!(forwarded, head());
}

#[test]
fn maps_of_other_moments_are_closed() {
    let code = r#"
        (call $say_u32 (call $proxy_add_header_map_value (i32.const 2) {x} {y}))
        (call $say_u32 (call $proxy_get_header_map_value (i32.const 6) {x} (i32.const 16) (i32.const 20)))
        (call $say_u32 (call $proxy_get_header_map_pairs (i32.const 2) (i32.const 16) (i32.const 20)))
        (call $say_u32 (i32.load (i32.const 20)))"#;
    let (said, _, _) = run(code, head());
    assert_eq!(said, ["2", "2", "0", "0"]);
}

#[test]
fn properties_come_from_the_gateway_the_head_and_the_guest() {
    let code = r#"
        (call $say_status_and_result (call $proxy_get_property {source\00address} (i32.const 16) (i32.const 20)))
        (call $say_status_and_result (call $proxy_get_property {request\00path} (i32.const 16) (i32.const 20)))
        (call $say_status_and_result (call $proxy_get_property {plugin_root_id} (i32.const 16) (i32.const 20)))
        (call $say_status_and_result (call $proxy_get_property {upstream\00address} (i32.const 16) (i32.const 20)))
        (call $say_u32 (call $proxy_set_property {ambit.decision} {deny\ff}))
        (call $say_u32 (call $proxy_get_property {ambit.decision} (i32.const 16) (i32.const 20)))
        (call $say_u32 (i32.load (i32.const 20)))"#;
    let vm = Vm::new(&module(&on_headers(code)), VmOptions::default()).unwrap();
    let options = PluginOptions { root_id: "ambit".to_owned(), ..PluginOptions::default() };
    let plugin = vm.start(options).unwrap();
    let mut stream = plugin.http_stream().unwrap();
    stream.set_property(&["source", "address"], "10.0.0.9:4711");
    assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
    let expected = ["0", "10.0.0.9:4711", "0", "/orders?x=1", "0", "ambit", "1", "0", "0", "5"];
    assert_eq!(said(&vm), expected);
    assert_eq!(stream.property(&["ambit.decision"]), Some(b"deny\xff".to_vec()));
    assert_eq!(stream.properties(), [(b"ambit.decision".to_vec(), b"deny\xff".to_vec())]);
}

#[test]
fn a_root_context_cannot_set_properties() {
    let plugin = plugin(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (call $say_u32 (call $proxy_set_property {a} {b}))
             (i32.const 1))"#,
    );
    assert_eq!(said(plugin.vm()), ["1"]);
}

#[test]
fn configurations_are_readable_in_their_callbacks_only() {
    let read = |n: u32| {
        format!(
            r#"(call $say_status_and_result (call $proxy_get_buffer_bytes (i32.const {n})
                 (i32.const 2) (i32.const 100) (i32.const 16) (i32.const 20)))"#
        )
    };
    let body = format!(
        r#"(func (export "proxy_on_vm_start") (param i32) (param $size i32) (result i32)
             (call $say_u32 (local.get $size)) {vm} {plugin} (i32.const 1))
           (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
             (call $say_u32 (local.get $size)) {plugin} (i32.const 1))
           {headers}"#,
        vm = read(6),
        plugin = read(7),
        headers = on_headers(&read(7)),
    );
    let options = VmOptions { configuration: b"vm-conf".to_vec(), ..VmOptions::default() };
    let vm = Vm::new(&module(&body), options).unwrap();
    let plugin = vm.start(PluginOptions::new("plug")).unwrap();
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
    assert_eq!(said(&vm), ["7", "0", "-conf", "1", "4", "0", "ug", "1"]);
}

#[test]
fn the_clock_is_virtual() {
    let clock = Clock::at(1_700_000_000_123_456_789);
    let body = on_headers(
        r#"(call $say_u32 (call $proxy_get_current_time_nanoseconds (i32.const 16)))
           (call $say_u32 (i32.wrap_i64 (i64.rem_u (i64.load (i32.const 16)) (i64.const 1000000000))))"#,
    );
    let plugin = plugin_in(&body, VmOptions { clock: clock.clone(), ..VmOptions::default() });
    for nanoseconds in ["123456789", "123456789", "7"] {
        if nanoseconds == "7" {
            clock.set(2_000_000_007);
        }
        let mut stream = plugin.http_stream().unwrap();
        assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
        assert_eq!(said(plugin.vm()), ["0", nanoseconds]);
    }
}

#[test]
fn metrics_count_and_survive() {
    let code = r#"
        (drop (call $proxy_define_metric (i32.const 0) {requests} (i32.const 32)))
        (drop (call $proxy_define_metric (i32.const 1) {open} (i32.const 36)))
        (drop (call $proxy_define_metric (i32.const 2) {size} (i32.const 40)))
        (call $say_u32 (call $proxy_increment_metric (i32.load (i32.const 32)) (i64.const 2)))
        (call $say_u32 (call $proxy_increment_metric (i32.load (i32.const 32)) (i64.const -1)))
        (call $say_u32 (call $proxy_increment_metric (i32.load (i32.const 36)) (i64.const 5)))
        (call $say_u32 (call $proxy_increment_metric (i32.load (i32.const 36)) (i64.const -3)))
        (call $say_u32 (call $proxy_record_metric (i32.load (i32.const 40)) (i64.const 100)))
        (call $say_u32 (call $proxy_increment_metric (i32.load (i32.const 40)) (i64.const 1)))
        (call $say_u32 (call $proxy_get_metric (i32.load (i32.const 32)) (i32.const 48)))
        (call $say_u32 (i32.wrap_i64 (i64.load (i32.const 48))))
        (call $say_u32 (call $proxy_get_metric (i32.const 4711) (i32.const 48)))
        (call $say_u32 (call $proxy_define_metric (i32.const 3) {bad} (i32.const 48)))"#;
    let plugin = plugin(&on_headers(code));
    for (turn, total) in [(1, "2"), (2, "4")] {
        let mut stream = plugin.http_stream().unwrap();
        assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
        assert_eq!(said(plugin.vm()), ["0", "2", "0", "0", "0", "2", "0", total, "1", "2"]);
        assert_eq!(plugin.vm().metric("requests"), Some(MetricValue::Counter(2 * turn)));
        assert_eq!(plugin.vm().metric("open"), Some(MetricValue::Gauge(2 * turn)));
        let size = MetricValue::Histogram { count: turn, sum: 100 * turn };
        assert_eq!(plugin.vm().metric("size"), Some(size));
    }
    assert_eq!(plugin.vm().metrics().len(), 3);
}

/// Reads the key `k`, and writes it with the compare value it read.
const COUNT_UP: &str = r#"
    (call $say_status_and_result (call $proxy_get_shared_data {k} (i32.const 16) (i32.const 20) (i32.const 24)))
    (call $say_u32 (call $proxy_set_shared_data {k} {mine} (i32.load (i32.const 24))))
    (call $say_u32 (call $proxy_set_shared_data {k} {again} (i32.load (i32.const 24))))"#;

#[test]
fn shared_data_compares_and_sets_across_instances() {
    let shared = SharedData::new();
    let start = |vm_id: &str| {
        let options = VmOptions { vm_id: vm_id.to_owned(), shared_data: shared.clone(), ..VmOptions::default() };
        plugin_in(&on_headers(COUNT_UP), options)
    };
    let turn = |plugin: &Plugin| {
        let mut stream = plugin.http_stream().unwrap();
        assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
        said(plugin.vm())
    };
    let (first, second, stranger) = (start("vm"), start("vm"), start("other"));
    // Absent, and the compare value is still 0: both writes overwrite unconditionally.
    assert_eq!(turn(&first), ["1", "0", "0"]);
    // Another instance sees the value; its second write comes with a stale compare value.
    assert_eq!(turn(&second), ["0", "again", "0", "8"]);
    assert_eq!(turn(&first), ["0", "mine", "0", "8"]);
    assert_eq!(turn(&stranger), ["1", "0", "0"]);
    assert_eq!(shared.snapshot("vm"), [(b"k".to_vec(), b"mine".to_vec())]);
}

#[test]
fn a_compare_value_on_an_absent_key_creates_it() {
    let shared = SharedData::with_capacity(8);
    assert_eq!(shared.set("vm", b"k", b"v", 77), Ok(()));
    let (value, cas) = shared.value("vm", b"k").unwrap();
    assert_eq!((value.as_slice(), cas != 0), (&b"v"[..], true));
    assert_eq!(shared.set("vm", b"k", b"w", cas + 1), Err(Status::CasMismatch));
    assert_eq!(shared.set("vm", b"k", b"12345678", 0), Err(Status::InternalFailure), "it is full");
    assert_eq!(shared.set("vm", b"k", b"1234567", 0), Ok(()));
}

#[test]
fn concurrent_workers_never_lose_an_update() {
    let shared = SharedData::new();
    shared.set("vm", b"n", &0_u32.to_le_bytes(), 0).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    loop {
                        let (value, cas) = shared.value("vm", b"n").unwrap();
                        let n = u32::from_le_bytes(value.try_into().unwrap());
                        if shared.set("vm", b"n", &(n + 1).to_le_bytes(), cas).is_ok() {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(shared.value("vm", b"n").unwrap().0, 1000_u32.to_le_bytes());
}

#[test]
fn the_log_keeps_levels_and_bounds() {
    let code = r#"
        (call $say_u32 (call $proxy_get_log_level (i32.const 16)))
        (call $say_u32 (i32.load (i32.const 16)))
        (drop (call $proxy_log (i32.const 1) {too fine}))
        (drop (call $proxy_log (i32.const 4) {bad \ff\1b[31m byte}))
        (call $say_u32 (call $proxy_log (i32.const 6) {no such level}))"#;
    let mut options = VmOptions::default();
    options.limits.log_lines = 3;
    options.limits.log_line_bytes = 11;
    let plugin = plugin_in(&on_headers(code), options);
    let mut stream = plugin.http_stream().unwrap();
    assert_eq!(stream.request_headers(head(), true), Ok(Flow::Continue));
    let lines = plugin.vm().take_log();
    let shown: Vec<_> = lines.iter().map(|line| (line.level, line.to_string())).collect();
    let expected = [
        (LogLevel::Info, "2".to_owned()),
        (LogLevel::Error, "bad \u{fffd}\\u{1b}[31m ".to_owned()),
        (LogLevel::Info, "2".to_owned()),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn what_is_not_offered_says_so() {
    let code = r#"
        (call $say_u32 (call $proxy_register_shared_queue {q} (i32.const 16)))
        (call $say_u32 (call $proxy_grpc_cancel (i32.const 1)))
        (call $say_u32 (call $proxy_call_foreign_function {f} {x} (i32.const 16) (i32.const 20)))
        (call $say_u32 (call $proxy_get_buffer_bytes (i32.const 9) (i32.const 0) (i32.const 1)
            (i32.const 16) (i32.const 20)))
        (call $say_u32 (call $proxy_continue_stream (i32.const 2)))
        (call $say_u32 (call $proxy_set_effective_context (i32.const 4711)))
        (call $say_u32 (call $proxy_done))"#;
    let (said, flow, _) = run(code, head());
    assert_eq!(said, ["12", "12", "1", "2", "2", "2", "1"]);
    assert_eq!(flow, Flow::Continue);
}
