//! Constructs of the language, as the JSON Schemas of its documents list them: members, words of enumerations, and the
//! forms that a value may have.

use std::collections::BTreeSet;
use std::fmt;

use policy_core::document::pointer_token;
use policy_core::schema::Schema;
use serde_json::Value;

use super::chapter::Kind;

/// One construct. The first text is the type it belongs to, by its name in the schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Construct {
    /// A member of an object.
    Member(String, String),
    /// A word of an enumeration.
    Word(String, String),
    /// One of the forms that a value may have: a text, a list, an object.
    Form(String, String),
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(of, name) => write!(f, "{of}.{name}"),
            Self::Word(of, word) => write!(f, "{of} = {word}"),
            Self::Form(of, form) => write!(f, "{of} as {form}"),
        }
    }
}

/// A construct where it is used; for texts, what is written.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) construct: Construct,
    /// RFC 6901 pointer of the value.
    pub(crate) pointer: String,
    pub(crate) text: Option<String>,
}

/// The schemas of the documents.
pub(crate) struct Language {
    schemas: Vec<(Schema, Value)>,
}

impl Language {
    pub(crate) fn read() -> Self {
        let read = |schema: Schema| (schema, serde_json::from_str(&schema.text()).expect("a schema is JSON"));
        Self { schemas: Schema::ALL.into_iter().map(read).collect() }
    }

    fn root(&self, wanted: Schema) -> &Value {
        let (_, root) = self.schemas.iter().find(|(schema, _)| *schema == wanted).expect("every schema is read");
        root
    }

    /// The schema of what a block holds: of a whole document, or of the elements of a list of rules.
    fn of(&self, kind: Kind) -> (&Value, &str, &Value) {
        let schema = match kind {
            Kind::Gateway => Schema::Gateway,
            Kind::Catalog => Schema::Catalog,
            _ => Schema::Template,
        };
        let root = self.root(schema);
        let definition = match kind {
            Kind::Permit => "PermitRule",
            Kind::Forbid => "ForbidRule",
            _ => return (root, title(root), root),
        };
        (root, definition, &root["$defs"][definition])
    }

    /// Every construct there is.
    pub(crate) fn constructs(&self) -> BTreeSet<Construct> {
        let mut all = BTreeSet::new();
        for (_, root) in &self.schemas {
            let definitions = root["$defs"].as_object().into_iter().flatten();
            for (name, node) in definitions.map(|(name, node)| (name.as_str(), node)).chain([(title(root), root)]) {
                collect(name, node, &mut all);
            }
        }
        all
    }

    /// What a block's value uses.
    pub(crate) fn uses(&self, kind: Kind, value: &Value) -> Vec<Use> {
        let (root, name, node) = self.of(kind);
        let mut uses = Vec::new();
        let walk = |pointer: &str, value: &Value, uses: &mut Vec<Use>| {
            Walk { root, uses }.value(name, node, value, pointer, None);
        };
        match (kind, value) {
            (Kind::Permit | Kind::Forbid, Value::Array(rules)) => {
                for (position, rule) in rules.iter().enumerate() {
                    walk(&format!("/{position}"), rule, &mut uses);
                }
            }
            _ => walk("", value, &mut uses),
        }
        uses
    }
}

fn title(root: &Value) -> &str {
    root["title"].as_str().expect("a schema has a title")
}

/// The branches of a choice; of an optional value the one that is no `null`.
fn branches(node: &Value) -> Vec<&Value> {
    let listed = node.get("anyOf").or_else(|| node.get("oneOf")).and_then(Value::as_array);
    listed.into_iter().flatten().filter(|branch| branch["type"] != "null").collect()
}

/// How a branch of a choice is named.
fn form(branch: &Value) -> String {
    let reference = branch.get("$ref").and_then(Value::as_str).and_then(|text| text.rsplit('/').next());
    reference.or_else(|| branch["type"].as_str()).unwrap_or_default().to_owned()
}

fn words(node: &Value) -> impl Iterator<Item = &str> {
    node.get("enum").and_then(Value::as_array).into_iter().flatten().chain(node.get("const")).filter_map(Value::as_str)
}

/// Constructs of one type. Types it refers to have entries of their own.
fn collect(of: &str, node: &Value, all: &mut BTreeSet<Construct>) {
    for name in node.get("properties").and_then(Value::as_object).into_iter().flat_map(|members| members.keys()) {
        all.insert(Construct::Member(of.to_owned(), name.clone()));
    }
    all.extend(words(node).map(|word| Construct::Word(of.to_owned(), word.to_owned())));
    let branches = branches(node);
    for branch in &branches {
        if branches.len() > 1 && words(branch).next().is_none() {
            all.insert(Construct::Form(of.to_owned(), form(branch)));
        }
        collect(of, branch, all);
    }
}

struct Walk<'a> {
    root: &'a Value,
    uses: &'a mut Vec<Use>,
}

impl<'a> Walk<'a> {
    fn resolved(&self, node: &'a Value) -> Option<(&'a str, &'a Value)> {
        let name = node.get("$ref")?.as_str()?.rsplit('/').next()?;
        Some((name, &self.root["$defs"][name]))
    }

    fn push(&mut self, construct: Construct, pointer: &str) {
        self.uses.push(Use { construct, pointer: pointer.to_owned(), text: None });
    }

    fn value(&mut self, of: &str, node: &'a Value, value: &Value, pointer: &str, member: Option<&Construct>) {
        if let Some((name, node)) = self.resolved(node) {
            return self.value(name, node, value, pointer, member);
        }
        let branches = branches(node);
        if !branches.is_empty() {
            let fitting = branches.iter().find(|branch| self.fits(branch, value)).copied();
            let Some(branch) = fitting else { return };
            if branches.len() > 1 && words(branch).next().is_none() {
                self.push(Construct::Form(of.to_owned(), form(branch)), pointer);
            }
            return self.value(of, branch, value, pointer, member);
        }
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let pointer = format!("{pointer}/{}", pointer_token(name));
                    if let Some(node) = node.get("properties").and_then(|known| known.get(name)) {
                        let member = Construct::Member(of.to_owned(), name.clone());
                        self.push(member.clone(), &pointer);
                        self.value(of, node, value, &pointer, Some(&member));
                    } else if let Some(node) = node.get("additionalProperties").filter(|node| node.is_object()) {
                        self.value(of, node, value, &pointer, member);
                    }
                }
            }
            Value::Array(elements) => {
                for (position, element) in elements.iter().enumerate() {
                    let node = node.get("items").unwrap_or(&Value::Null);
                    self.value(of, node, element, &format!("{pointer}/{position}"), member);
                }
            }
            Value::String(text) => {
                if words(node).any(|word| word == text) {
                    self.push(Construct::Word(of.to_owned(), text.clone()), pointer);
                }
                if let Some(construct) = member.cloned() {
                    self.uses.push(Use { construct, pointer: pointer.to_owned(), text: Some(text.clone()) });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a branch of a choice is meant. The documents are valid, so that the outermost difference decides.
    fn fits(&self, branch: &'a Value, value: &Value) -> bool {
        if let Some((_, node)) = self.resolved(branch) {
            return self.fits(node, value);
        }
        let inner = branches(branch);
        if !inner.is_empty() {
            return inner.iter().any(|branch| self.fits(branch, value));
        }
        let required = branch.get("required").and_then(Value::as_array).into_iter().flatten();
        let typed = match branch["type"].as_str() {
            Some("string") => value.is_string(),
            Some("number" | "integer") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        let mut words = words(branch).peekable();
        let word = words.peek().is_none() || value.as_str().is_some_and(|text| words.any(|word| word == text));
        typed && word && required.filter_map(Value::as_str).all(|name| value.get(name).is_some())
    }
}
