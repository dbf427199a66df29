//! E2: the JSON Schemas are those of the types, and the policy library is valid under them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/library.rs"]
mod library;

use std::path::{Path, PathBuf};

use policy_core::schema::Schema;

fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

#[test]
fn schema_files_are_fresh() {
    for schema in Schema::ALL {
        let path = library::folder().join("schema").join(schema.file_name());
        if std::env::var_os("AMBIT_BLESS").is_some() {
            std::fs::write(&path, schema.text()).expect("the schema can be written");
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let name = path.display();
        assert!(text == schema.text(), "{name} is stale: AMBIT_BLESS=1 cargo test -p test-harness --test schemas");
    }
}

#[test]
fn the_library_is_valid_under_its_schemas() {
    let mut seen = 0;
    for (schema, documents) in [
        (Schema::Gateway, vec![library::folder().join("gateway.json")]),
        (Schema::Catalog, files(&library::folder().join("catalogs"))),
        (Schema::Template, files(&library::folder()).into_iter().filter(|path| is_template(path)).collect()),
    ] {
        let compiled = serde_json::from_str(&schema.text()).expect("a schema is JSON");
        let validator = jsonschema::validator_for(&compiled).expect("a schema is valid");
        for path in documents {
            let document = json(&path);
            let errors: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} documents");
}

fn is_template(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("agent-policy-"))
}

/// A mistyped member is found by an editor too.
#[test]
fn a_mistyped_member_is_invalid() {
    let schema = serde_json::from_str(&Schema::Template.text()).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema is valid");
    let path = files(&library::folder()).into_iter().find(|path| is_template(path)).expect("a template");
    let mut document = json(&path);
    assert!(validator.is_valid(&document));
    document["permitt"] = serde_json::json!([]);
    assert!(!validator.is_valid(&document));
}
