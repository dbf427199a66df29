//! Chapters of the examples: Markdown files whose fenced blocks are documents, requests and diagnostics.

use std::fmt;

use super::{repository, text};

/// The folder of the chapters.
const FOLDER: &str = "docs/examples";
/// The chapter whose documents every example begins with.
const FIRST: &str = "README.md";

/// What a fenced block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Gateway,
    Catalog,
    Page,
    Permit,
    Forbid,
    State,
    Requests,
    Diagnostics,
}

impl Kind {
    fn of(info: &str) -> Option<Self> {
        Some(match info {
            "json,gateway" => Self::Gateway,
            "json,catalog" => Self::Catalog,
            "json,page" => Self::Page,
            "json,permit" => Self::Permit,
            "json,forbid" => Self::Forbid,
            "json,state" => Self::State,
            "requests" => Self::Requests,
            "diagnostics" => Self::Diagnostics,
            _ => return None,
        })
    }

    /// Whether it is part of a document.
    pub(crate) fn is_document(self) -> bool {
        !matches!(self, Self::State | Self::Requests | Self::Diagnostics)
    }
}

/// A line of a file, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A fenced block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// Its first line, behind the fence.
    pub(crate) place: Place,
    pub(crate) text: String,
}

/// An example: what stands below one heading.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) place: Place,
    pub(crate) title: String,
    /// Documents of the first chapter, of the head of this chapter, and of the example itself.
    pub(crate) levels: [Vec<Block>; 3],
    /// What is now, of the head of this chapter and of the example itself.
    pub(crate) state: Vec<Block>,
    pub(crate) requests: Vec<Block>,
    pub(crate) diagnostics: Vec<Block>,
}

/// A piece of a chapter: a heading and the blocks below it.
struct Section {
    place: Place,
    title: String,
    blocks: Vec<Block>,
}

fn sections(file: &str) -> Vec<Section> {
    let place = |line: usize| Place { file: file.to_owned(), line };
    let mut sections = vec![Section { place: place(1), title: String::new(), blocks: Vec::new() }];
    let mut open: Option<Option<Block>> = None;
    for (line, text) in (1..).zip(text(file).lines()) {
        let last = sections.last_mut().expect("there is one");
        match (&mut open, text.strip_prefix("```")) {
            (None, Some(info)) => {
                let kind = Kind::of(info.trim());
                let known = kind.is_some() || matches!(info.trim(), "" | "text" | "sh");
                assert!(known, "{}: a block of examples is never `{info}`", place(line));
                open = Some(kind.map(|kind| Block { kind, place: place(line + 1), text: String::new() }));
            }
            (Some(_), Some(_)) => last.blocks.extend(open.take().flatten()),
            (Some(Some(block)), None) => {
                block.text.push_str(text);
                block.text.push('\n');
            }
            (Some(None), None) => {}
            (None, None) => {
                if let Some(title) = text.strip_prefix("## ").or_else(|| text.strip_prefix("### ")) {
                    sections.push(Section { place: place(line), title: title.to_owned(), blocks: Vec::new() });
                }
            }
        }
    }
    assert!(open.is_none(), "{file}: a fenced block does not end");
    sections
}

/// Whether a place is in the chapter whose documents every example begins with.
pub(crate) fn is_first(place: &Place) -> bool {
    place.file.ends_with(FIRST)
}

/// Names of the chapters, the first one first.
pub(crate) fn files() -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(repository(FOLDER))
        .unwrap_or_else(|e| panic!("{FOLDER}: {e}"))
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".md"))
        .collect();
    files.sort_by_key(|name| (name != FIRST, name.clone()));
    files.into_iter().map(|name| format!("{FOLDER}/{name}")).collect()
}

/// Every example, in the order of the chapters.
pub(crate) fn examples() -> Vec<Example> {
    let mut base: Vec<Block> = Vec::new();
    let mut examples = Vec::new();
    for file in files() {
        let first = file.ends_with(FIRST);
        let mut head: Vec<Block> = Vec::new();
        let mut now: Vec<Block> = Vec::new();
        for section in sections(&file) {
            let (documents, rest): (Vec<Block>, Vec<Block>) =
                section.blocks.into_iter().partition(|block| block.kind.is_document());
            let (state, rest): (Vec<Block>, Vec<Block>) = rest.into_iter().partition(|block| block.kind == Kind::State);
            let (requests, diagnostics): (Vec<Block>, Vec<Block>) =
                rest.into_iter().partition(|block| block.kind == Kind::Requests);
            let asked = !requests.is_empty() || !diagnostics.is_empty();
            let place = section.place;
            let mut own = Vec::new();
            match (first, section.title.is_empty()) {
                (true, _) => base.extend(documents),
                (false, true) => {
                    assert!(!asked, "{place}: what stands above the first example asks nothing");
                    head = documents;
                    now = state.clone();
                }
                (false, false) => {
                    assert!(asked || documents.is_empty(), "{place}: this example asks nothing");
                    own = documents;
                }
            }
            if asked {
                let levels = [base.clone(), head.clone(), own];
                let state = if section.title.is_empty() { state } else { [now.clone(), state].concat() };
                examples.push(Example { place, title: section.title, levels, state, requests, diagnostics });
            }
        }
    }
    examples
}
