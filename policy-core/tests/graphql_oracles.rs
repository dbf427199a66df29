//! GraphQL documents that nobody thought of: generated ones, and the saved ones with pieces changed, read by the policy
//! core and by parsers that others wrote (A1). What two readers read differently would be a way past the policy.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../fuzz/entry/graphql.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, clippy::panic, reason = "shared with the fuzz target")]
mod entry;

use std::collections::BTreeSet;

use policy_core::document::{Document, read_json};
use proptest::prelude::*;

/// Choices, one byte each; when they are used up, each is the first.
struct Choices<'b>(std::slice::Iter<'b, u8>);

impl Choices<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % bound)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const NAMES: [&str; 12] = [
    "products",
    "a",
    "b2",
    "_c",
    "mutation",
    "query",
    "fragment",
    "type",
    "true",
    "null",
    "productDelete",
    "__typename",
];
const STRINGS: [&str; 12] = [
    "\"\"",
    "\"x\"",
    "\"# }\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\u0041\\n\"",
    "\"\\u{1F600}\\uD83D\\uDE00\"",
    "\"\"\"\"\"\"",
    "\"\"\"x \"y\" \\n # } \"\"\"",
    "\"\"\"\n    one\n      two\n\n    three\n  \"\"\"",
    "\"\"\"   \"\"\"",
    "\"é \u{2028} 😀\"",
];
const BLANKS: [&str; 8] = [" ", "\n", ",", " # \" } mutation{x}\n", "\t", "\r\n", " # \"\"\"\r\n", ", ,"];
/// Variables that each operation defines, and those that are sent.
const DEFINED: &str = "($a:Int=5 $b:[T!]={x:[1 E \"\"\"s\"\"\"]} $c:S,$d:Int!=1)";
const SENT: &str = r#"{"c":{"y":[true,null,1.50,"é"]},"other":1,"d":2}"#;

/// Writes a document, and knows what it asks for.
struct Writer<'b> {
    choices: Choices<'b>,
    text: String,
    /// For each fragment, its root fields in order; `Err` for a spread.
    bodies: Vec<Vec<Result<String, usize>>>,
}

impl Writer<'_> {
    fn put(&mut self, token: &str) {
        let touches = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '"' | '-');
        if self.text.ends_with(touches) && token.starts_with(touches) || self.choices.below(4) == 3 {
            let blank = self.choices.one(&BLANKS);
            self.text.push_str(blank);
        }
        self.text.push_str(token);
    }

    fn value(&mut self, depth: usize, variables: bool) {
        match self.choices.below(if depth < 4 { 10 } else { 8 }) {
            0 => self.put("5"),
            1 => self.put("-0.50"),
            2 => self.put("1.25e3"),
            3 | 4 => {
                let string = self.choices.one(&STRINGS);
                self.put(string);
            }
            5 => {
                let name = self.choices.one(&["true", "false", "null", "ACTIVE", "on", "query"]);
                self.put(name);
            }
            6 | 7 if variables => {
                self.put("$");
                let name = self.choices.one(&["a", "b", "c", "d"]);
                self.put(name);
            }
            6 | 7 => self.put("7"),
            8 => {
                self.put("[");
                for _ in 0..self.choices.below(4) {
                    self.value(depth + 1, variables);
                }
                self.put("]");
            }
            _ => {
                self.put("{");
                self.members(depth, variables);
                self.put("}");
            }
        }
    }

    fn members(&mut self, depth: usize, variables: bool) -> usize {
        let names: BTreeSet<_> = (0..self.choices.below(4)).map(|_| self.choices.one(&NAMES)).collect();
        for name in &names {
            self.put(name);
            self.put(":");
            self.value(depth + 1, variables);
        }
        names.len()
    }

    fn arguments(&mut self) {
        let before = self.text.len();
        self.put("(");
        if self.members(0, true) == 0 {
            self.text.truncate(before);
        } else {
            self.put(")");
        }
    }

    fn condition(&mut self, others: &[&str]) {
        if self.choices.below(4) == 3 {
            self.put("@");
            let name = self.choices.one(others);
            self.put(name);
            self.put("(");
            self.put("if");
            self.put(":");
            self.value(4, true);
            self.put(")");
        }
    }

    /// A selection set. At the `root` it records its fields, and spreads only fragments behind `fragment`, so that no
    /// circle comes of it.
    fn selections(&mut self, depth: usize, fragment: usize, root: bool) -> Vec<Result<String, usize>> {
        let mut found = Vec::new();
        self.put("{");
        for _ in 0..=self.choices.below(3) {
            match self.choices.below(if depth < 5 { 8 } else { 5 }) {
                6 if fragment + 1 < self.bodies.len() => {
                    let index = fragment + 1 + self.choices.below(self.bodies.len() - fragment - 1);
                    self.put("...");
                    self.put(&format!("F{index}"));
                    self.condition(&["skip", "include"]);
                    found.push(Err(index));
                }
                7 => {
                    self.put("...");
                    if self.choices.below(2) == 1 {
                        self.put("on");
                        let name = self.choices.one(&NAMES);
                        self.put(name);
                    }
                    self.condition(&["skip", "include"]);
                    found.extend(self.selections(depth + 1, fragment, root));
                }
                alias => {
                    if alias == 1 {
                        let name = self.choices.one(&NAMES);
                        self.put(name);
                        self.put(":");
                    }
                    let name = self.choices.one(&NAMES);
                    self.put(name);
                    self.arguments();
                    self.condition(if root { &["skip", "include"] } else { &["skip", "client", "defer"] });
                    if depth < 5 && self.choices.below(2) == 1 {
                        self.selections(depth + 1, fragment, false);
                    }
                    found.push(Ok(name.to_string()));
                }
            }
        }
        self.put("}");
        found
    }
}

/// A document, and its root fields by the way it was written.
fn written(choices: &[u8]) -> (String, Vec<String>) {
    let mut writer = Writer { choices: Choices(choices.iter()), text: String::new(), bodies: Vec::new() };
    writer.bodies = vec![Vec::new(); 1 + writer.choices.below(4)];
    let place = writer.choices.below(writer.bodies.len());
    // Fragment 0 stands for the operation: whatever is behind it may be spread.
    for index in (1..writer.bodies.len()).chain([0]).cycle().skip(place).take(writer.bodies.len()) {
        if index == 0 {
            let keyword = writer.choices.one(&["query", "mutation", "subscription"]);
            writer.put(keyword);
            if writer.choices.below(2) == 1 {
                writer.put("fragment");
            }
            writer.text.push_str(DEFINED);
        } else {
            writer.put("fragment");
            writer.put(&format!("F{index}"));
            writer.put("on");
            let name = writer.choices.one(&NAMES);
            writer.put(name);
        }
        let body = writer.selections(0, index, true);
        writer.bodies[index] = body;
    }
    let mut roots = Vec::new();
    let mut visited = BTreeSet::new();
    expand(&writer.bodies, 0, &mut visited, &mut roots);
    if roots.iter().any(|name| name != "__typename") {
        roots.retain(|name| name != "__typename");
    }
    (writer.text, roots)
}

fn expand(bodies: &[Vec<Result<String, usize>>], of: usize, visited: &mut BTreeSet<usize>, roots: &mut Vec<String>) {
    for entry in &bodies[of] {
        match entry {
            Ok(name) => roots.push(name.clone()),
            Err(index) if visited.insert(*index) => expand(bodies, *index, visited, roots),
            Err(_) => {}
        }
    }
}

fn sent() -> Document {
    read_json(SENT.as_bytes().to_vec()).unwrap()
}

/// Every document of the saved cases.
fn saved() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/graphql");
    let mut queries = Vec::new();
    for file in ["hidden.ndjson", "benign.ndjson", "arguments.ndjson"] {
        for line in std::fs::read_to_string(folder.join(file)).unwrap().lines() {
            let line = read_json(line.as_bytes().to_vec()).unwrap();
            queries.push(line.root().member("query").unwrap().string().unwrap().to_string());
        }
    }
    queries
}

/// Pieces that mean something to a reader.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "=",
    "@",
    "$",
    "!",
    "...",
    "&",
    "|",
    "\"",
    "\"\"",
    "\"\"\"",
    "\\",
    "\\\"",
    "\\\"\"\"",
    "#",
    "\n",
    "\r",
    "\r\n",
    ",",
    " ",
    "\t",
    "\u{feff}",
    "\u{2028}",
    "0",
    "1.5",
    "-",
    "e5",
    "mutation",
    "query",
    "fragment F on M",
    "on",
    "@skip(if:true)",
    "productDelete",
    "\\u0022",
];

/// A change to a text: where, how much of it, and what to put there.
fn change(text: &str, at: usize, length: usize, piece: usize, copy: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = at % (chars.len() + 1);
    let end = (at + length).min(chars.len());
    let middle = if copy { chars[at..end].iter().collect() } else { PIECES[piece % PIECES.len()].to_string() };
    let rest = if copy { at } else { end };
    chars[..at].iter().chain(middle.chars().collect::<Vec<_>>().iter()).chain(&chars[rest..]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is written as a document is read, and as what it was written.
    #[test]
    fn a1_a_document_is_read_as_what_it_was_written(choices in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (query, roots) = written(&choices);
        let variables = sent();
        let operation = entry::judge(&query, variables.root());
        let operation = operation.map_err(|reason| TestCaseError::fail(format!("{}: {query}", reason.message)))?;
        let names: Vec<_> = operation.fields.iter().map(|field| field.name.clone()).collect();
        prop_assert_eq!(names, roots, "{}", query);
    }

    /// A saved document with pieces changed is refused, or read as other parsers read it.
    #[test]
    fn a1_a_changed_document_is_refused_or_read_alike(
        pick in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<usize>(), 0usize..6, any::<usize>(), any::<bool>()), 1..5),
    ) {
        let saved = saved();
        let mut query = saved[pick.index(saved.len())].clone();
        for (at, length, piece, copy) in changes {
            query = change(&query, at, length, piece, copy);
        }
        let variables = sent();
        let _ = entry::judge(&query, variables.root());
    }

    /// The same for a generated document.
    #[test]
    fn a1_a_changed_generated_document_is_refused_or_read_alike(
        choices in proptest::collection::vec(any::<u8>(), 0..200),
        changes in proptest::collection::vec((any::<usize>(), 0usize..4, any::<usize>(), any::<bool>()), 1..3),
    ) {
        let (mut query, _) = written(&choices);
        for (at, length, piece, copy) in changes {
            query = change(&query, at, length, piece, copy);
        }
        let variables = sent();
        let _ = entry::judge(&query, variables.root());
    }
}

/// The properties above are about something: a good part of the changed documents is still read.
#[test]
fn changed_documents_are_not_all_refused() {
    let variables = sent();
    let mut read = 0;
    let saved = saved();
    for (index, query) in saved.iter().enumerate() {
        read += usize::from(entry::judge(&change(query, index * 7, 1, index, false), variables.root()).is_ok());
    }
    assert!(read > saved.len() / 20, "{read} of {}", saved.len());
}
