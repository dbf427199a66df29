//! Pages: a frame that is the same everywhere, and what a test says on top.

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::{Source, SourceKind};
use serde_json::Value;

use super::catalogs::{MCP, POSTGREST, SHOP};
use super::{policy, source};

/// Names the agent by the header `x-agent`.
pub const GATEWAY: &str = r#"{ "ambit": "gateway-v1", "identity": [{ "header": "x-agent" }], "unknown_agent": "deny", "limits": { "body_kib": 1 } }"#;

/// What every page needs; `purpose`, `owners` and the like say nothing to a decision.
const FRAME: &str = r#"{
  "ambit": "v1",
  "agent": { "name": "agent", "purpose": "a test", "impact": "low" },
  "version": "1",
  "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" },
  "mode": "enforce",
  "approvers": { "manager": {}, "owner": { "expires": "10m" } },
  "permit": [],
  "owners": { "product": "a team" }
}"#;

const SHOP_API: &str = r#"{ "apis": { "shop": { "catalog": "shop-v3", "hosts": ["shop.example.com"] } } }"#;
const TABLES_API: &str = r#"{ "apis": { "db": { "catalog": "postgrest", "hosts": ["shop.example.com"] } } }"#;
const TOOLS_API: &str = r#"{ "apis": { "srv": { "catalog": "tools-v1", "hosts": ["shop.example.com"] } } }"#;

pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                match into.get_mut(&name) {
                    Some(known) => merge(known, value),
                    None => {
                        into.insert(name, value);
                    }
                }
            }
        }
        (into, from) => *into = from,
    }
}

pub fn framed(parts: &[&str]) -> String {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let mut page = read(FRAME);
    for part in parts {
        merge(&mut page, read(part));
    }
    page.to_string()
}

/// A page on the shop: `members` are merged over the frame.
pub fn shop_page(members: &str) -> String {
    framed(&[SHOP_API, members])
}

/// A page on PostgREST.
pub fn tables_page(members: &str) -> String {
    framed(&[TABLES_API, members])
}

/// The gateway, both catalogs and these pages.
pub fn sources(pages: &[String]) -> Vec<Source> {
    let mut all = vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, SHOP),
        source(SourceKind::Catalog, POSTGREST),
    ];
    all.extend(pages.iter().map(|text| source(SourceKind::Template, text)));
    all
}

/// [`shop`] behind a gateway whose document these members are merged over.
pub fn shop_behind(gateway: &str, members: &str) -> Arc<PolicySet> {
    let mut document = serde_json::from_str(GATEWAY).unwrap_or_else(|e| panic!("{e}"));
    merge(&mut document, serde_json::from_str(gateway).unwrap_or_else(|e| panic!("{e}: {gateway}")));
    let mut sources = sources(&[shop_page(members)]);
    sources[0] = source(SourceKind::Gateway, document.to_string());
    policy(&sources)
}

/// The set of one page on the shop.
pub fn shop(members: &str) -> Arc<PolicySet> {
    policy(&sources(&[shop_page(members)]))
}

/// A page on the shop from its permits alone.
pub fn permits_page(rules: &str) -> String {
    shop_page(&format!(r#"{{ "permit": [{rules}] }}"#))
}

/// [`shop`] from its permits alone.
pub fn permits(rules: &str) -> Arc<PolicySet> {
    shop(&format!(r#"{{ "permit": [{rules}] }}"#))
}

/// The set of one page on PostgREST.
pub fn tables(members: &str) -> Arc<PolicySet> {
    policy(&sources(&[tables_page(members)]))
}

/// The gateway, the catalog of an MCP server and one page on it.
pub fn tools_sources(members: &str) -> Vec<Source> {
    vec![
        source(SourceKind::Gateway, GATEWAY),
        source(SourceKind::Catalog, MCP),
        source(SourceKind::Template, framed(&[TOOLS_API, members])),
    ]
}

/// The set of one page on the MCP server.
pub fn tools(members: &str) -> Arc<PolicySet> {
    policy(&tools_sources(members))
}
