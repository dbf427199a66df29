//! The filter that `cargo xtask wasm` has built, under policies that a test writes.

use std::sync::LazyLock;

use policy_core::bundle::seal;
use policy_core::compile::{Source, SourceKind, compile};
use test_harness::host::{Engine, EngineOptions, MetricValue, Module, Plugin};
use test_harness::replay::find_module;

/// The module, compiled once for all tests.
pub(crate) static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let wasm = find_module(None).unwrap_or_else(|e| panic!("{e}"));
    Module::new(&Engine::new(EngineOptions::default()).unwrap(), &wasm).unwrap()
});

/// 2026-11-20T12:00:00Z, in nanoseconds since the Unix epoch.
pub(crate) const NOON: u64 = 1_795_176_000_000_000_000;

/// The bundle of these documents, of which the compiler has nothing to say.
#[track_caller]
pub(crate) fn bundle(gateway: &str, catalog: &str, pages: &[String]) -> Vec<u8> {
    let source = |name: &str, kind, text: &str| Source { name: name.to_owned(), kind, text: text.to_owned() };
    let mut sources = vec![
        source("gateway.json", SourceKind::Gateway, gateway),
        source("catalog.json", SourceKind::Catalog, catalog),
    ];
    sources.extend(pages.iter().map(|page| source("page.json", SourceKind::Template, page)));
    let compiled = compile(&sources);
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
    seal(&compiled.set.expect("a policy set")).expect("a bundle")
}

/// A counter among the metrics of the gateway.
#[track_caller]
pub(crate) fn count(plugin: &Plugin, name: &str) -> u64 {
    match plugin.vm().metric(name) {
        Some(MetricValue::Counter(count)) => count,
        other => panic!("{name}: {other:?}"),
    }
}
