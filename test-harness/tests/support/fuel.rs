//! Fuel of one decision in the real module.

use test_harness::host::{
    Engine, EngineOptions, HeaderMap, Module, PluginOptions, RequestScript, Verdict, Vm, VmOptions,
};

use super::synthetic;

/// Fuel of a decision, as wasmtime counts it: about one unit per wasm instruction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fuel {
    /// Of a read without a body.
    pub(crate) head: u64,
    /// Of a write with a body of 1 KiB.
    pub(crate) body: u64,
}

/// Measures the second decision of its kind: the first one also pays for growing the memory.
pub(crate) fn measure(module: &Module, rules: usize) -> Fuel {
    let options = VmOptions::default();
    options.clock.set(synthetic::NOW);
    let vm = Vm::new(module, options).expect("the module instantiates");
    let plugin = vm.start(PluginOptions::new(synthetic::bundle(rules))).expect("the bundle loads");
    let run = |(head, body): (Vec<(String, String)>, Option<Vec<u8>>)| {
        let headers = HeaderMap::from_iter(head.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut script = RequestScript::new(headers);
        script.body = body;
        let mut report = None;
        for _ in 0..2 {
            let one = plugin.run_request(&script).expect("the stream runs");
            assert!(matches!(one.verdict, Verdict::Forward { .. }), "{:?}", one.verdict);
            report = Some(one.fuel + one.fuel_to_finish);
        }
        report.expect("two runs")
    };
    Fuel { head: run(synthetic::read(rules)), body: run(synthetic::write(rules)) }
}

/// The built filter.
pub(crate) fn module() -> Module {
    let wasm = test_harness::replay::find_module(None).unwrap_or_else(|e| panic!("{e}"));
    let engine = Engine::new(EngineOptions::default()).expect("the engine starts");
    Module::new(&engine, &wasm).expect("the module loads")
}
