//! What the module asks of a host.

use test_harness::replay::find_module;

/// G1, G2: any proxy-wasm host can load it. No WASI, nothing but the ABI.
#[test]
fn the_filter_imports_the_abi_alone() {
    let wasm = find_module(None).unwrap_or_else(|e| panic!("{e}"));
    let module = wasmtime::Module::new(&wasmtime::Engine::default(), wasm).unwrap_or_else(|e| panic!("{e}"));
    let imports: Vec<String> = module.imports().map(|i| format!("{}.{}", i.module(), i.name())).collect();
    assert!(!imports.is_empty());
    for import in imports {
        assert!(import.starts_with("env.proxy_"), "{import}");
    }
}
