#![allow(warnings)]
#[path = "support/synthetic.rs"]
mod synthetic;
use test_harness::host::*;
#[test]
fn zz() {
    let wasm = test_harness::replay::find_module(None).unwrap();
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let module = Module::new(&engine, &wasm).unwrap();
    let options = VmOptions::default();
    options.clock.set(synthetic::NOW);
    let vm = Vm::new(&module, options).unwrap();
    let plugin = vm.start(PluginOptions::new(synthetic::bundle(10))).unwrap();
    let run = |more: &[(&str, &str)], body: bool| {
        let (head, b) = if body { synthetic::write(10) } else { synthetic::read(10) };
        let mut h: Vec<(&str, &str)> = head.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        h.retain(|(n, _)| n.starts_with(':') || *n == "x-agent-name" || n.starts_with("content"));
        h.extend(more);
        let headers = HeaderMap::from_iter(h);
        let mut script = RequestScript::new(headers);
        script.body = b;
        let mut f = 0;
        for _ in 0..2 {
            let one = plugin.run_request(&script).unwrap();
            assert!(matches!(one.verdict, Verdict::Forward { .. }), "{:?}", one.verdict);
            f = one.fuel + one.fuel_to_finish;
        }
        f
    };
    let base = run(&[], false);
    println!("base {base} body {}", run(&[], true));
    for (n, v) in [
        ("accept", "*/*"),
        ("user-agent", "python-httpx/0.28.1"),
        ("x-request-id", "41c75889-64d6-4f78-a60a-cfd723da4f2c"),
        ("x-note", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("x-long", &"a".repeat(1000)),
        ("x-long", &"c-1 ".repeat(250)),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ),
        ("x-forwarded-proto", "https"),
    ] {
        println!("{:6} {n} {}", run(&[(n, v)], false) - base, &v[..v.len().min(40)]);
    }
}
