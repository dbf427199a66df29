//! A document with one meaning: the values of a body, a template or a catalog, with the place of each in its source.
//!
//! A reader (`json`) builds it in one pass over the bytes; duplicate member names, bad numbers and
//! over-deep nesting never become a document. Numbers keep their text. Other decoders put one together (`build`).

mod build;
mod json;
mod path;
mod record;
#[cfg(feature = "author")]
mod source;

pub(crate) use build::{Builder, Label, Open};
#[cfg(feature = "author")]
pub(crate) use json::read_source;
pub use json::{ReadError, ReadErrorKind, read_json};
pub use path::{Path, Step, Steps, select};
pub(crate) use record::Record;
#[cfg(feature = "author")]
pub use source::SourceError;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// A whole document. Values are reached through [`Document::root`].
#[derive(Debug)]
pub struct Document {
    source: String,
    /// Strings whose escapes had to be resolved.
    unescaped: String,
    nodes: Vec<Node>,
    /// Scalars are texts: the source has no types.
    untyped: bool,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// Member name; empty and unused for elements and the root.
    name: Text,
    /// String contents or number text.
    text: Text,
    /// Index of the node after this one's subtree.
    after: u32,
    /// Place in the source, for diagnostics.
    span: (u32, u32),
    name_span: (u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    None,
    Source(u32, u32),
    Unescaped(u32, u32),
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; its text is kept.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The name of the type as JSON says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// The same as one of its kind: "an array".
    #[must_use]
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Null => "`null`",
            Self::Bool(_) => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// One value of a [`Document`].
#[derive(Clone, Copy, Debug)]
pub struct Value<'d> {
    document: &'d Document,
    index: u32,
}

/// A text of a document: a member name, the contents of a string, or a number as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'d> {
    /// The text, escapes resolved.
    pub text: &'d str,
    /// The value whose text or whose member name it is.
    pub value: Value<'d>,
    /// Which of the two.
    pub part: Part,
}

/// What a [`Piece`] is of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The member name.
    Name,
    /// The string or number itself.
    Value,
}

const NO_NODE: Node =
    Node { kind: Kind::Null, name: Text::None, text: Text::None, after: u32::MAX, span: (0, 0), name_span: (0, 0) };

impl Document {
    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value { document: self, index: 0 }
    }

    /// The text this document was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the source has no types, such as a form: all its scalars are texts.
    #[must_use]
    pub fn is_untyped(&self) -> bool {
        self.untyped
    }

    /// Every text of the document in the order of its source: each member name, then what stands under it.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.nodes.iter().zip(0..).flat_map(move |(node, index)| {
            let value = Value { document: self, index };
            let piece = move |text, part| Piece { text: self.text(text), value, part };
            let name = (node.name != Text::None).then(|| piece(node.name, Part::Name));
            let text = (node.text != Text::None).then(|| piece(node.text, Part::Value));
            name.into_iter().chain(text)
        })
    }

    /// Number of values in the document.
    pub(crate) fn values(&self) -> usize {
        self.nodes.len()
    }

    fn text(&self, text: Text) -> &str {
        let (store, start, end) = match text {
            Text::None => return "",
            Text::Source(start, end) => (&self.source, start, end),
            Text::Unescaped(start, end) => (&self.unescaped, start, end),
        };
        store.get(start as usize..end as usize).unwrap_or_default()
    }
}

impl<'d> Value<'d> {
    fn node(self) -> &'d Node {
        self.document.nodes.get(self.index as usize).unwrap_or(&NO_NODE)
    }

    /// The type of this value.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// The contents of a string.
    #[must_use]
    pub fn string(self) -> Option<&'d str> {
        let node = self.node();
        (node.kind == Kind::String).then(|| self.document.text(node.text))
    }

    /// The text of a scalar whose source has no types, such as a form: it is a spelling of whatever type is asked for.
    /// `None` where the source says the type itself, and for containers.
    #[must_use]
    pub fn untyped(self) -> Option<&'d str> {
        if self.document.untyped { self.string() } else { None }
    }

    /// The text of a number.
    #[must_use]
    pub fn number(self) -> Option<&'d str> {
        let node = self.node();
        (node.kind == Kind::Number).then(|| self.document.text(node.text))
    }

    /// The member name under which this value stands in its object; empty elsewhere.
    #[must_use]
    pub fn name(self) -> &'d str {
        self.document.text(self.node().name)
    }

    /// Elements of an array or values of an object's members, in order; nothing for scalars.
    pub fn children(self) -> impl Iterator<Item = Value<'d>> + use<'d> {
        let node = self.node();
        let mut next = self.index.saturating_add(1);
        let container = matches!(node.kind, Kind::Array | Kind::Object);
        let document = self.document;
        core::iter::from_fn(move || {
            if !container || next >= node.after {
                return None;
            }
            let child = Value { document, index: next };
            next = child.node().after;
            Some(child)
        })
    }

    /// The member `name` of an object.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Value<'d>> {
        (self.kind() == Kind::Object).then(|| self.children().find(|child| child.name() == name))?
    }

    /// Where the value stands in the source, in bytes.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        let (start, end) = self.node().span;
        start as usize..end as usize
    }

    /// Where the value's member name stands in the source, quotes included, in bytes.
    #[must_use]
    pub fn name_span(self) -> Range<usize> {
        let (start, end) = self.node().name_span;
        start as usize..end as usize
    }

    /// The value at an RFC 6901 pointer, seen from here, or the deepest value on the way to it.
    #[must_use]
    pub fn nearest(self, pointer: &str) -> Value<'d> {
        let mut here = self;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let next = match here.kind() {
                Kind::Array => token.parse().ok().and_then(|n| here.children().nth(n)),
                _ => here.member(&token),
            };
            match next {
                Some(value) => here = value,
                None => break,
            }
        }
        here
    }

    /// Whether `other` is this value or stands within it; both are of the same document.
    #[must_use]
    pub fn contains(self, other: Value<'_>) -> bool {
        core::ptr::eq(self.document, other.document) && (self.index..self.node().after).contains(&other.index)
    }

    /// Whether two values are the same node of the same document.
    #[must_use]
    pub fn same_node(self, other: Value<'_>) -> bool {
        core::ptr::eq(self.document, other.document) && self.index == other.index
    }
}

/// A member name as a token of an RFC 6901 pointer.
#[must_use]
pub fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl Document {
    /// The RFC 6901 pointer of a value of this document.
    #[must_use]
    pub fn pointer_of(&self, value: Value<'_>) -> String {
        let mut pointer = String::new();
        let mut here = self.root();
        while !here.same_node(value) {
            let inside = |child: &(usize, Value<'_>)| {
                let (index, end) = (child.1.index, child.1.node().after);
                (index..end).contains(&value.index)
            };
            let Some((position, child)) = here.children().enumerate().find(inside) else {
                break;
            };
            pointer.push('/');
            if here.kind() == Kind::Object {
                pointer.push_str(&pointer_token(child.name()));
            } else {
                pointer.push_str(&alloc::string::ToString::to_string(&position));
            }
            here = child;
        }
        pointer
    }
}
