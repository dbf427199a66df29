//! A catalog brought to what its table says; everything else in it stays as it was written.

use std::ops::Range;

use super::json::{self, Node, parse, quote, render};
use super::table::{Action, Table};

/// Columns in front of a resource and of an action.
const RESOURCE_INDENT: usize = 4;
const ACTION_INDENT: usize = 8;

/// A catalog as its table wants it.
#[derive(Debug)]
pub(crate) struct Update {
    /// The catalog's text; the same if nothing changed.
    pub(crate) text: String,
    /// What is not as the table says.
    pub(crate) changed: Vec<String>,
}

/// Writes a table into a catalog: `api_version` and `source`, and of each action `endpoints` and `effect`.
///
/// # Errors
/// What keeps it from being written.
pub(crate) fn update(text: &str, table: &Table) -> Result<Update, Vec<String>> {
    let root = parse(text).map_err(|message| vec![message])?;
    let mut draft = Draft { text, edits: Vec::new(), changed: Vec::new(), faults: Vec::new() };
    for (name, value) in [("api_version", &table.api_version), ("source", &table.source)] {
        match root.member(name) {
            None => draft.faults.push(format!("the catalog has no `{name}`; write `\"{name}\": \"\"`")),
            Some(node) if node.text() == Some(value) => {}
            Some(node) => draft.edit(node.at.clone(), quote(value), name.to_owned()),
        }
    }
    match root.member("resources") {
        Some(resources) if resources.members().is_some() => draft.resources(resources, table),
        _ => draft.faults.push("the catalog has no `resources`; write `\"resources\": {}`".into()),
    }
    draft.finish()
}

struct Draft<'t> {
    text: &'t str,
    edits: Vec<(Range<usize>, String)>,
    changed: Vec<String>,
    faults: Vec<String>,
}

impl Draft<'_> {
    fn edit(&mut self, at: Range<usize>, text: String, what: String) {
        self.edits.push((at, text));
        self.changed.push(what);
    }

    fn resources(&mut self, resources: &Node, table: &Table) {
        let members = resources.members().unwrap_or_default();
        for (resource, entry) in members {
            for (name, action) in entry.member("actions").and_then(Node::members).unwrap_or_default() {
                let listed = action.member("endpoints").and_then(Node::texts).is_some_and(|texts| !texts.is_empty());
                let known = table.actions.iter().any(|known| (&known.resource, &known.name) == (resource, name));
                if listed && !known {
                    self.faults.push(format!(
                        "`{resource}.{name}` has endpoints and no line in the table; add its lines, or take the action out of the catalog"
                    ));
                }
            }
        }
        let mut names: Vec<&str> = Vec::new();
        for action in &table.actions {
            if !names.contains(&action.resource.as_str()) {
                names.push(&action.resource);
            }
        }
        let mut added = Vec::new();
        for name in names {
            let actions: Vec<&Action> = table.actions.iter().filter(|action| action.resource == name).collect();
            match members.iter().find(|(known, _)| known == name) {
                Some((_, entry)) => self.resource(name, entry, &actions),
                None => {
                    added.push(member(name, &entry_text(self.text, None, &actions), RESOURCE_INDENT));
                    self.changed.push(format!("`{name}` (new)"));
                }
            }
        }
        if added.is_empty() {
            return;
        }
        let between = format!(",\n{}", " ".repeat(RESOURCE_INDENT));
        let added = added.join(&between);
        match members.last() {
            Some((_, last)) => self.edits.push((last.at.end..last.at.end, between + &added)),
            None => self.edits.push((resources.at.clone(), format!("{{\n    {added}\n  }}"))),
        }
    }

    fn resource(&mut self, name: &str, entry: &Node, actions: &[&Action]) {
        let known = entry.member("actions");
        let find = |action: &Action| known.and_then(|known| known.member(&action.name));
        let (old, new): (Vec<&Action>, Vec<&Action>) = actions.iter().partition(|action| find(action).is_some());
        let last = known.filter(|known| known.raw(self.text).contains('\n')).and_then(|known| known.members()?.last());
        let Some((_, last)) = last.filter(|_| !new.is_empty()) else {
            if new.is_empty() {
                for action in old {
                    self.action(name, find(action), action);
                }
            } else {
                // There is no line to put an action behind: the whole resource is written anew.
                let text = entry_text(self.text, Some(entry), actions);
                let what = format!("`{name}` (new actions)");
                self.edit(entry.at.clone(), render_value(name, &text, RESOURCE_INDENT), what);
            }
            return;
        };
        for action in old {
            self.action(name, find(action), action);
        }
        let margin = " ".repeat(ACTION_INDENT);
        for action in new {
            let text = member(&action.name, &action_text(self.text, None, action), ACTION_INDENT);
            self.edit(
                last.at.end..last.at.end,
                format!(",\n{margin}{text}"),
                format!("`{name}.{}` (new)", action.name),
            );
        }
    }

    fn action(&mut self, resource: &str, known: Option<&Node>, action: &Action) {
        let Some(known) = known.filter(|known| !says(known, action)) else {
            return;
        };
        let text = action_text(self.text, Some(known), action);
        let what = format!("`{resource}.{}`", action.name);
        self.edit(known.at.clone(), render_value(&action.name, &text, ACTION_INDENT), what);
    }

    fn finish(mut self) -> Result<Update, Vec<String>> {
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        // From the back, so that places in front stay; insertions at one place keep their order.
        self.edits.reverse();
        self.edits.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
        let mut text = self.text.to_owned();
        for (at, new) in self.edits {
            text.replace_range(at, &new);
        }
        Ok(Update { text, changed: self.changed })
    }
}

/// Whether an action of a catalog already says what the table says.
fn says(known: &Node, action: &Action) -> bool {
    let endpoints = action.endpoints();
    known.member("effect").and_then(Node::text) == Some(&action.effect)
        && known.member("endpoints").and_then(Node::texts).is_some_and(|texts| texts == endpoints)
}

/// An action as JSON, with the members that were written by hand.
fn action_text(text: &str, known: Option<&Node>, action: &Action) -> String {
    let endpoints: Vec<String> = action.endpoints().iter().map(|endpoint| quote(endpoint)).collect();
    let mut members =
        vec![format!("\"endpoints\": [{}]", endpoints.join(", ")), format!("\"effect\": {}", quote(&action.effect))];
    for (name, value) in known.and_then(Node::members).unwrap_or_default() {
        if name != "endpoints" && name != "effect" {
            members.push(format!("{}: {}", quote(name), value.raw(text)));
        }
    }
    format!("{{{}}}", members.join(", "))
}

/// A resource as JSON, with the members and the actions that were there.
fn entry_text(text: &str, known: Option<&Node>, actions: &[&Action]) -> String {
    let before = known.and_then(|known| known.member("actions")).and_then(Node::members).unwrap_or_default();
    let mut written: Vec<String> = Vec::new();
    for (name, value) in before {
        let action = actions.iter().find(|action| action.name == *name);
        let value = action.map_or(value.raw(text).to_owned(), |action| action_text(text, Some(value), action));
        written.push(format!("{}: {value}", quote(name)));
    }
    for action in actions.iter().filter(|action| !before.iter().any(|(name, _)| *name == action.name)) {
        written.push(format!("{}: {}", quote(&action.name), action_text(text, None, action)));
    }
    let mut members: Vec<String> = known
        .and_then(Node::members)
        .unwrap_or_default()
        .iter()
        .filter(|(name, _)| name != "actions")
        .map(|(name, value)| format!("{}: {}", quote(name), value.raw(text)))
        .collect();
    members.push(format!("\"actions\": {{{}}}", written.join(", ")));
    format!("{{{}}}", members.join(", "))
}

/// A member with its name, as it stands on a line of this indent.
fn member(name: &str, value: &str, indent: usize) -> String {
    format!("{}: {}", quote(name), render_value(name, value, indent))
}

fn render_value(name: &str, value: &str, indent: usize) -> String {
    let lead = indent + quote(name).chars().count() + 2;
    json::parse(value).map_or_else(|_| value.to_owned(), |node| render(&node, value, indent, lead))
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    const CATALOG: &str = r#"{
  "catalog": "shop",
  "api_version": "v1",
  "source": "the reference",
  "vars": {"id":   "token"},
  "resources": {
    "orders": {
      "key": "path.id",   "fields": {
        "price": { "at": "/price" }
      },
      "actions": {
        "list": {
          "endpoints": ["GET /orders"],
          "effect": "read"
        },
        "batch": { "endpoints": ["POST /orders/batch"], "effect": "gate", "rows": { "/update": { "action": "update" } } },
        "update": { "effect": "gate" }
      }
    },
    "ping": { "actions": { "get": { "endpoints": ["GET /ping"], "effect": "read" } } }
  }
}
"#;
    const TABLE: &str = "# api_version: v1\n# source: the reference\nGET /orders\torders.list\tread\n\
        POST /orders/batch\torders.batch\tgate\nGET /ping\tping.get\tread\n";

    fn updated(more: &str) -> Update {
        let table = table::read(&format!("{TABLE}{more}")).expect("a table");
        update(CATALOG, &table).expect("an update")
    }

    /// Done twice, nothing changes.
    fn settled(update: &Update, more: &str) {
        let table = table::read(&format!("{TABLE}{more}")).expect("a table");
        let again = super::update(&update.text, &table).expect("an update");
        assert_eq!((again.text.as_str(), again.changed.as_slice()), (update.text.as_str(), [].as_slice()));
    }

    #[test]
    fn a_catalog_that_says_what_the_table_says_stays_byte_for_byte() {
        let update = updated("");
        assert_eq!(update.text, CATALOG);
        assert!(update.changed.is_empty(), "{:?}", update.changed);
    }

    #[test]
    fn what_was_written_by_hand_stays_and_so_does_an_action_without_endpoints() {
        let more = "PUT /orders/batch\torders.batch\tgate\nDELETE /orders/{id}\torders.delete\tdoor\n";
        let update = updated(more);
        let batch = r#""batch": { "endpoints": ["POST /orders/batch"], "effect": "gate", "#;
        let expected = CATALOG.replace(batch, &batch.replace("POST", "PUT|POST")).replace(
            r#""update": { "effect": "gate" }"#,
            "\"update\": { \"effect\": \"gate\" },\n        \
                 \"delete\": { \"endpoints\": [\"DELETE /orders/{id}\"], \"effect\": \"door\" }",
        );
        assert_eq!(update.text, expected);
        assert_eq!(update.changed, ["`orders.batch`", "`orders.delete` (new)"]);
        settled(&update, more);
    }

    #[test]
    fn new_resources_follow_the_last_one_and_new_actions_the_last_action() {
        let more = "GET /taxes\ttaxes.list\tread\nPOST /ping\tping.send\tsafe\nGET /orders/{id}\torders.get\tread\n\
            POST /taxes\ttaxes.create\tdoor\n";
        let update = updated(more);
        let end = update.text.split_once("\"ping\"").expect("ping").1;
        assert_eq!(
            end,
            r#": {
      "actions": {
        "get": { "endpoints": ["GET /ping"], "effect": "read" },
        "send": { "endpoints": ["POST /ping"], "effect": "safe" }
      }
    },
    "taxes": {
      "actions": {
        "list": { "endpoints": ["GET /taxes"], "effect": "read" },
        "create": { "endpoints": ["POST /taxes"], "effect": "door" }
      }
    }
  }
}
"#
        );
        settled(&update, more);
    }

    #[test]
    fn version_and_source_are_the_tables() {
        let table = table::read(&TABLE.replace("api_version: v1", "api_version: v2 \"beta\"")).expect("a table");
        let update = update(CATALOG, &table).expect("an update");
        assert_eq!(update.text, CATALOG.replace("\"v1\"", "\"v2 \\\"beta\\\"\""));
        assert_eq!(update.changed, ["api_version"]);
    }

    #[test]
    fn an_action_that_the_table_lost_is_not_dropped_in_silence() {
        let table = table::read(&TABLE.replace("GET /ping\tping.get\tread\n", "")).expect("a table");
        assert_eq!(
            update(CATALOG, &table).expect_err("a fault"),
            ["`ping.get` has endpoints and no line in the table; add its lines, or take the action out of the catalog"]
        );
    }
}
