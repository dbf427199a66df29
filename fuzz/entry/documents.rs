//! The policy sets that inputs are judged by.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use policy_core::compile::{Source, SourceKind, compile};
use policy_core::{PolicySet, Timestamp, bundle};
use serde_json::Value;

use super::catalogs::{POSTGREST, SHOP};

/// The moment of every judgement: within the validity of the pages below.
pub fn now() -> Timestamp {
    Timestamp::parse("2026-11-20T12:00:00Z").expect("a time")
}

/// Names the agent by the header `x-agent-name`, as the library's gateway document does.
pub const GATEWAY: &str = r#"{ "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }], "unknown_agent": "deny", "limits": { "body_kib": 4 } }"#;

/// A page with a rule of every kind. Its agent is named `agent`.
pub const PAGE: &str = r#"{
  "ambit": "v1",
  "agent": { "name": "agent", "purpose": "to be fuzzed", "impact": "low" },
  "version": "1",
  "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" },
  "mode": "enforce",
  "apis": { "shop": { "catalog": "shop-v3", "hosts": ["shop.example.com"] } },
  "approvers": { "manager": {}, "owner": { "expires": "10m" } },
  "permit": [
    { "id": "read", "scope": "shop:products.read" },
    {
      "id": "price", "scope": "shop:products.update", "fields": { "only": ["price", "stock", "category"] },
      "limits": [
        { "id": "ceiling", "field": "price", "max": 10 },
        { "id": "size", "count": "rows", "max": 3 },
        { "id": "worth", "field": "worth", "max": 50, "when": [{ "field": "stock", "min": 1 }] }
      ]
    },
    {
      "id": "toys", "scope": "shop:products.update[category=toys]",
      "fields": { "only": ["name", "category", "price"], "require": ["category"] },
      "limits": [{ "id": "plain", "field": "name", "pattern": "[a-z]{1,8}( [a-z]{1,8})*" }]
    },
    { "id": "delete", "scope": "shop:products.delete", "approval": "owner" },
    { "id": "export", "endpoint": "shop:GET /exports/{name:text}.csv" },
    {
      "id": "order", "endpoint": "shop:PUT /orders/{id}", "fields": { "only": ["status"] },
      "limits": [{ "id": "states", "field": "status", "in": ["paid", "sent"], "beyond": { "approval": "manager" } }]
    }
  ],
  "forbid": [
    { "id": "no-free", "scope": "shop:products.update", "when": [{ "field": "price", "max": 0 }] },
    { "id": "no-books", "scope": "shop:products.update[category=books]" }
  ],
  "owners": { "product": "a team" }
}"#;

/// A document of a set.
pub fn source(kind: SourceKind, text: impl Into<String>) -> Source {
    Source { name: format!("{kind:?}.json"), kind, text: text.into() }
}

/// One page and what it needs.
pub fn small() -> Vec<Source> {
    vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, SHOP),
        source(SourceKind::Catalog, POSTGREST),
        source(SourceKind::Template, PAGE),
    ]
}

/// The policies of this repository, and [`PAGE`].
pub fn library() -> Vec<Source> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let mut all = vec![source(SourceKind::Catalog, SHOP), source(SourceKind::Template, PAGE)];
    all.push(source(SourceKind::Gateway, read(&directory.join("gateway.json"))));
    for text in documents(&directory.join("catalogs")) {
        all.push(source(SourceKind::Catalog, text));
    }
    for text in documents(&directory) {
        let read: Value = serde_json::from_str(&text).unwrap_or_default();
        if read["agent"].is_object() && read["apis"].is_object() {
            all.push(source(SourceKind::Template, text));
        }
    }
    all
}

fn documents(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The bundle of documents that compile.
pub fn sealed(sources: &[Source]) -> Vec<u8> {
    let compiled = compile(sources);
    let set = compiled.set.unwrap_or_else(|| panic!("the documents must compile: {:#?}", compiled.diagnostics));
    bundle::seal(&set).expect("a compiled set is sealed")
}

/// A set that has travelled as a bundle.
pub fn policy(sources: &[Source]) -> Arc<PolicySet> {
    Arc::new(bundle::load(&sealed(sources)).expect("a sealed set is loaded"))
}

/// Every template changed.
fn changed(mut sources: Vec<Source>, change: impl Fn(&mut Value)) -> Vec<Source> {
    for source in sources.iter_mut().filter(|source| source.kind == SourceKind::Template) {
        let mut page: Value = serde_json::from_str(&source.text).expect("a template is JSON");
        change(&mut page);
        source.text = page.to_string();
    }
    sources
}

/// [`library`], compiled.
pub static LIBRARY: LazyLock<Arc<PolicySet>> = LazyLock::new(|| policy(&library()));

/// [`library`] with the rules of every page in reverse.
pub static REVERSED: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    policy(&changed(library(), |page| {
        for member in ["permit", "forbid"] {
            if let Some(rules) = page.get_mut(member).and_then(Value::as_array_mut) {
                rules.reverse();
            }
        }
    }))
});

/// [`library`] without what its pages forbid.
pub static UNFORBIDDEN: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
    policy(&changed(library(), |page| {
        page.as_object_mut().expect("an object").remove("forbid");
    }))
});

/// [`small`], compiled.
pub static SMALL: LazyLock<Arc<PolicySet>> = LazyLock::new(|| policy(&small()));
