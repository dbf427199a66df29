//! Paths into a document: pointers with `*` (each element or member) and `**` (any depth).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Kind, Value};

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Into the member of this name.
    Member(String),
    /// Into each element of an array or each member of an object: `*`.
    Each,
    /// Any number of levels down, none included: `**`.
    Deep,
}

/// A path from the root of an operation's document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// Reads `/a/*/b/**` (RFC 6901 escapes `~0` and `~1`); the empty text is the root.
    ///
    /// # Errors
    /// `None` when the text is neither empty nor begins with `/`, or has an empty step.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        text.strip_prefix('/')?
            .split('/')
            .map(Step::parse)
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }
}

impl Step {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" => return None,
            "*" => Self::Each,
            "**" => Self::Deep,
            name => Self::Member(name.replace("~1", "/").replace("~0", "~")),
        })
    }
}

/// Where a named field lies: the catalog's pointer, then what the template appends.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'p> {
    /// From the catalog.
    pub head: &'p [Step],
    /// From the template.
    pub tail: &'p [Step],
}

impl<'p> Steps<'p> {
    /// The step number `index`.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&'p Step> {
        match self.head.get(index) {
            Some(step) => Some(step),
            None => self.tail.get(index.checked_sub(self.head.len())?),
        }
    }
}

/// All values that `steps` reaches from `root`, in document order. The compiler lets a path hold one `**` at most, so
/// that no value is reached twice and the work stays within values × depth.
#[must_use]
pub fn select<'d>(root: Value<'d>, steps: Steps<'_>) -> Vec<Value<'d>> {
    let mut found: Vec<Value<'d>> = Vec::new();
    descend(root, steps, 0, &mut found);
    found
}

/// Recursion goes no deeper than the document, which is bounded, plus one call for a `**`.
fn descend<'d>(value: Value<'d>, steps: Steps<'_>, index: usize, found: &mut Vec<Value<'d>>) {
    match steps.at(index) {
        None => found.push(value),
        Some(Step::Member(name)) => {
            if let Some(child) = value.member(name) {
                descend(child, steps, index + 1, found);
            }
        }
        Some(Step::Each) => {
            for child in value.children() {
                descend(child, steps, index + 1, found);
            }
        }
        Some(Step::Deep) => {
            descend(value, steps, index + 1, found);
            if matches!(value.kind(), Kind::Array | Kind::Object) {
                for child in value.children() {
                    descend(child, steps, index, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::read_json;

    fn texts(json: &str, path: &str) -> Vec<String> {
        let doc = read_json(json.as_bytes().to_vec()).unwrap();
        let path = Path::parse(path).unwrap();
        select(
            doc.root(),
            Steps {
                head: &path.0,
                tail: &[],
            },
        )
        .iter()
        .map(|v| doc.source()[v.span()].into())
        .collect()
    }

    #[test]
    fn steps_reach_each_and_any_depth() {
        let json = r#"{"a":[{"b":1},{"b":2},3],"c":{"d":{"b":4}},"x/y":5}"#;
        assert_eq!(texts(json, "/a/*/b"), ["1", "2"]);
        assert_eq!(texts(json, "/**/b"), ["1", "2", "4"]);
        assert_eq!(texts(json, "/c/*/b"), ["4"]);
        assert_eq!(texts(json, "/x~1y"), ["5"]);
        assert_eq!(texts(json, "/missing/*"), [""; 0]);
        assert_eq!(texts(json, "").len(), 1);
    }

    #[test]
    fn malformed_paths_are_none() {
        assert!(Path::parse("a").is_none());
        assert!(Path::parse("/a//b").is_none());
    }
}
