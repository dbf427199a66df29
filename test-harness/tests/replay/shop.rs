//! A shop and its agent `keeper`, and replays of what the keeper did there.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ambit::ambit;
use crate::policy_directory;

/// Policies of the shop: products with a price, orders with a total. Its answers say in `error` that they failed.
pub(crate) struct Shop {
    directory: TempDir,
}

impl Shop {
    /// With a page of the keeper that has these members besides those that every page has.
    pub(crate) fn open(members: &Value) -> Self {
        let gateway = json!({
            "ambit": "gateway-v1", "identity": [{ "header": "x-agent-name" }],
            "lookups": { "clusters": { "shop.example.com": "lookups" } }
        });
        let catalog = json!({
            "catalog": "shop", "base": "/v1", "errors": { "ok_status_failures": "/error" },
            "resources": {
                "products": {
                    "key": "path.id",
                    "current": { "try": [{ "get": "/products/{id}" }], "same": { "id": "id" } },
                    "fields": {
                        "id": { "at": "/id" }, "price": { "at": "/price", "type": "decimal" }, "note": { "at": "/note" }
                    },
                    "actions": {
                        "get": { "endpoints": ["GET /products/{id}"], "effect": "read" },
                        "update": { "endpoints": ["PUT /products/{id}"], "effect": "gate" }
                    }
                },
                "orders": {
                    "fields": { "total": { "at": "/total", "type": "decimal" }, "note": { "at": "/note" } },
                    "actions": { "create": { "endpoints": ["POST /orders"], "effect": "door" } }
                }
            }
        });
        let mut page = json!({
            "ambit": "v1", "agent": { "name": "keeper", "purpose": "keep the shop", "impact": "high" }, "version": "1",
            "valid": { "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z" }, "mode": "enforce",
            "apis": { "shop": { "catalog": "shop", "hosts": ["shop.example.com"] } },
            "owners": { "product": "shop@example.com" }
        });
        page.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let directory = tempfile::tempdir().unwrap();
        let documents =
            [("gateway.json", gateway), ("catalogs/shop.json", catalog), ("agent-policy-20261120-keeper.json", page)]
                .map(|(name, document)| (name, document.to_string()));
        policy_directory::write(directory.path(), &documents.each_ref().map(|(name, text)| (*name, text.as_str())));
        Self { directory }
    }

    /// The directory of its policies.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// The report of a replay with these options; both engines have said the same.
#[track_caller]
pub(crate) fn replayed(policies: &Path, recording: &str, options: &[&str]) -> Value {
    let report = |engine: &str| {
        let arguments = ["replay", recording, "--policies", policies.to_str().unwrap(), "--engine", engine];
        let (code, out, err) = ambit(&[&arguments[..], &["--format", "json"], options].concat());
        assert_eq!(code, 0, "{err}");
        let mut report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["engine"].take(), engine);
        report
    };
    let native = report("native");
    assert_eq!(native, report("wasm"));
    native
}

/// The decisions of a report, in their order.
pub(crate) fn decisions(report: &Value) -> Vec<&str> {
    report["decisions"].as_array().unwrap().iter().map(|decided| decided["decision"].as_str().unwrap()).collect()
}
