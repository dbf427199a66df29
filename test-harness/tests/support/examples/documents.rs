//! Fragments put into the base documents.

use policy_core::compile::{Source, SourceKind};
use serde_json::{Value, json};

use super::chapter::{Block, Example, Kind};

/// Documents of an example while they are put together.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    gateway: Value,
    /// By their place: the first is the one that blocks without a name change.
    catalogs: Vec<Value>,
    page: Value,
}

/// A block's value.
pub(crate) fn value(block: &Block) -> Value {
    serde_json::from_str(&block.text).unwrap_or_else(|e| panic!("{}: {e}", block.place))
}

impl Documents {
    /// The documents of an example. `replaced` stands in for the value of one of its blocks: level, block, value.
    pub(crate) fn of(example: &Example, replaced: Option<(usize, usize, &Value)>) -> Self {
        let mut documents = Self { gateway: json!({}), catalogs: Vec::new(), page: json!({}) };
        for (level, blocks) in example.levels.iter().enumerate() {
            let mut rules_of_this_level = [false, false];
            for (position, block) in blocks.iter().enumerate() {
                let value = match replaced {
                    Some((l, b, value)) if (l, b) == (level, position) => value.clone(),
                    _ => value(block),
                };
                documents.apply(block.kind, value, &mut rules_of_this_level);
            }
        }
        documents
    }

    /// The same with one fragment more.
    pub(crate) fn with(mut self, kind: Kind, value: Value) -> Self {
        self.apply(kind, value, &mut [false, false]);
        self
    }

    fn apply(&mut self, kind: Kind, value: Value, began: &mut [bool; 2]) {
        match kind {
            Kind::Gateway => merge(&mut self.gateway, value),
            Kind::Page => merge(&mut self.page, value),
            Kind::Catalog => {
                let name = value.get("catalog").cloned();
                let known = match &name {
                    Some(name) => self.catalogs.iter_mut().find(|known| known.get("catalog") == Some(name)),
                    None => self.catalogs.first_mut(),
                };
                match known {
                    Some(known) => merge(known, value),
                    None => self.catalogs.push(value),
                }
            }
            Kind::Permit => self.rules("permit", value, &mut began[0]),
            Kind::Forbid => self.rules("forbid", value, &mut began[1]),
            Kind::State | Kind::Requests | Kind::Diagnostics => {}
        }
    }

    /// One rule or a list of them; the first block of a level puts its rules in the place of those there were.
    fn rules(&mut self, member: &str, value: Value, began: &mut bool) {
        let page = self.page.as_object_mut().expect("a page is an object");
        let list = page.entry(member).or_insert_with(|| json!([])).as_array_mut().expect("rules are a list");
        if !std::mem::replace(began, true) {
            list.clear();
        }
        match value {
            Value::Array(several) => list.extend(several),
            one => list.push(one),
        }
    }

    /// What the compiler reads.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let source = |name: &str, kind, value: &Value| Source { name: name.to_owned(), kind, text: value.to_string() };
        let mut sources = vec![source("gateway", SourceKind::Gateway, &self.gateway)];
        sources.extend(self.catalogs.iter().map(|catalog| source("catalog", SourceKind::Catalog, catalog)));
        sources.push(source("page", SourceKind::Template, &self.page));
        sources
    }
}

/// JSON Merge Patch (RFC 7396): objects are merged, `null` takes a member out, anything else replaces.
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(members) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let into = into.as_object_mut().expect("made so above");
    for (name, value) in members {
        if value.is_null() {
            into.remove(&name);
        } else {
            merge(into.entry(name).or_insert(Value::Null), value);
        }
    }
}
