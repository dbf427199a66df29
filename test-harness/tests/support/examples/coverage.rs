//! Which constructs the examples show.
//!
//! A member is *shown* where taking it out of an example changes what somebody sees: a decision, a reason, a diagnostic.
//! A word or a form is shown where it is used by an example that is judged. A construct is *refused* where the compiler
//! says of it, or of what it stands in, that it is not supported yet.

use std::collections::{BTreeMap, BTreeSet};

use policy_core::compile::{Source, SourceKind};
use policy_core::diagnostic::Diagnostic;
use policy_core::document::{Document, Value as Node, read_json};
use serde_json::Value;

use super::chapter::{Example, Kind, is_first};
use super::constructs::{Construct, Language, Use};
use super::documents::{Documents, value};
use super::lines::Line;
use super::trial::{Trial, asked, carry_out};

/// What the examples use, and to which effect.
#[derive(Default)]
pub(crate) struct Coverage {
    /// Used by an example that is judged.
    pub(crate) used: BTreeSet<Construct>,
    /// Without it, an example would come to something else.
    pub(crate) shown: BTreeSet<Construct>,
    /// Used by an example that the compiler refuses as not supported yet.
    pub(crate) refused_with: BTreeSet<Construct>,
    /// What it refuses there.
    pub(crate) refused: BTreeSet<Construct>,
    /// Texts of examples that are judged, by the member they stand in.
    pub(crate) texts: BTreeMap<Construct, BTreeSet<String>>,
    /// Names in objects whose members are names of the author, by the member that the object is.
    pub(crate) names: BTreeMap<Construct, BTreeSet<String>>,
    /// Reasons that were given, with their messages.
    pub(crate) reasons: BTreeSet<(&'static str, String)>,
}

impl Coverage {
    pub(crate) fn of(examples: &[Example]) -> Self {
        let language = Language::read();
        let mut coverage = Self::default();
        for example in examples {
            let lines = asked(example);
            let trial = carry_out(example, &Documents::of(example, None), &lines);
            if trial.outcomes.is_some() {
                coverage.judged(example, &trial, &lines, &language);
            } else {
                coverage.not_compiled(example, &trial, &language);
            }
        }
        coverage
    }

    fn judged(&mut self, example: &Example, trial: &Trial, lines: &[Line], language: &Language) {
        let reasons = trial.outcomes.iter().flatten().flat_map(|outcome| &outcome.reasons);
        self.reasons.extend(reasons.map(|reason| (reason.code.text(), reason.message.clone())));
        let seen = trial.seen();
        for (level, blocks) in example.levels.iter().enumerate() {
            // The first documents stand in every example; the first chapter's own examples show what they do.
            if level == 0 && !is_first(&example.place) {
                continue;
            }
            for (position, block) in blocks.iter().enumerate() {
                let whole = value(block);
                for used in language.uses(block.kind, &whole) {
                    self.use_of(&used, &whole);
                    if !matches!(used.construct, Construct::Member(..)) {
                        self.shown.insert(used.construct);
                    } else if used.text.is_none() && !self.shown.contains(&used.construct) {
                        let mut without = whole.clone();
                        remove(&mut without, &used.pointer);
                        let documents = Documents::of(example, Some((level, position, &without)));
                        if carry_out(example, &documents, lines).seen() != seen {
                            self.shown.insert(used.construct);
                        }
                    }
                }
            }
        }
    }

    fn use_of(&mut self, used: &Use, whole: &Value) {
        self.used.insert(used.construct.clone());
        if let Some(text) = &used.text {
            self.texts.entry(used.construct.clone()).or_default().insert(text.clone());
        }
        if let Some(Value::Object(members)) = whole.pointer(&used.pointer) {
            self.names.entry(used.construct.clone()).or_default().extend(members.keys().cloned());
        }
    }

    fn not_compiled(&mut self, example: &Example, trial: &Trial, language: &Language) {
        let refusals: Vec<&Diagnostic> =
            trial.diagnostics.iter().filter(|found| found.message.contains("not supported yet")).collect();
        if refusals.is_empty() {
            return;
        }
        for block in example.levels[1..].iter().flatten() {
            self.refused_with.extend(language.uses(block.kind, &value(block)).into_iter().map(|used| used.construct));
        }
        for refusal in refusals {
            let source = &trial.sources[refusal.source];
            let place = pointer_of(source, refusal);
            let whole: Value = serde_json::from_str(&source.text).expect("it was written as JSON");
            let inside = |pointer: &str| pointer == place || pointer.starts_with(&format!("{place}/"));
            let uses = language.uses(kind_of(source), &whole).into_iter().filter(|used| inside(&used.pointer));
            self.refused.extend(uses.map(|used| used.construct));
        }
    }
}

fn kind_of(source: &Source) -> Kind {
    match source.kind {
        SourceKind::Gateway => Kind::Gateway,
        SourceKind::Catalog => Kind::Catalog,
        SourceKind::Template => Kind::Page,
    }
}

/// The value that a diagnostic underlines: its text, or its name.
fn pointer_of(source: &Source, found: &Diagnostic) -> String {
    fn find<'d>(here: Node<'d>, found: &Diagnostic, document: &'d Document) -> Option<String> {
        if here.span() == found.span || here.name_span() == found.span {
            return Some(document.pointer_of(here));
        }
        here.children().find_map(|child| find(child, found, document))
    }
    let document = read_json(source.text.clone().into_bytes()).expect("it was compiled");
    find(document.root(), found, &document).unwrap_or_else(|| panic!("{found:?} underlines no value"))
}

/// Takes a member out.
fn remove(whole: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').expect("a member has a parent");
    let name = name.replace("~1", "/").replace("~0", "~");
    let members = whole.pointer_mut(parent).and_then(Value::as_object_mut).expect("a member stands in an object");
    members.remove(&name);
}
