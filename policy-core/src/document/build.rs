//! Building a document from something that is not JSON text: a form's tree, the arguments of a GraphQL field.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Document, Kind, Node, Text};

/// Puts a [`Document`] together in document order: a container is opened, its children are added, it is closed.
#[derive(Debug)]
pub(crate) struct Builder {
    source: String,
    text: String,
    nodes: Vec<Node>,
    untyped: bool,
}

/// A container that is not closed yet.
#[must_use]
#[derive(Debug)]
pub(crate) struct Open(usize);

/// What a value is called in its object (empty elsewhere), and where that stands in the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Label<'n> {
    pub(crate) name: &'n str,
    pub(crate) place: Range<usize>,
}

impl Builder {
    /// A document whose scalars are texts without a type of their own (see [`super::Value::untyped`]). Places are
    /// offsets into `source`, which the caller has bounded below 4 GiB.
    pub(crate) fn untyped(source: String) -> Self {
        Self { source, text: String::new(), nodes: Vec::new(), untyped: true }
    }

    /// A document whose scalars have the types they are added with. It has no source of its own: places are empty.
    pub(crate) fn typed() -> Self {
        Self { source: String::new(), text: String::new(), nodes: Vec::new(), untyped: false }
    }

    /// Begins a value that has no text: an object or an array, or `null`, `true` or `false`, which are closed at once.
    pub(crate) fn open(&mut self, label: &Label<'_>, kind: Kind) -> Open {
        self.push(kind, label, Text::None, label.place.clone())
    }

    /// Begins an object.
    pub(crate) fn object(&mut self, label: &Label<'_>) -> Open {
        self.open(label, Kind::Object)
    }

    /// Begins an array.
    pub(crate) fn array(&mut self, label: &Label<'_>) -> Open {
        self.open(label, Kind::Array)
    }

    /// Adds a text that stands at `place`.
    pub(crate) fn string(&mut self, label: &Label<'_>, text: &str, place: Range<usize>) {
        let text = self.keep(text);
        let open = self.push(Kind::String, label, text, place);
        self.close(open);
    }

    /// Adds a number, which must be one by the rules of JSON, as its text.
    pub(crate) fn number(&mut self, label: &Label<'_>, text: &str, place: Range<usize>) {
        let text = self.keep(text);
        let open = self.push(Kind::Number, label, text, place);
        self.close(open);
    }

    /// Ends a container: what is added from here on stands behind it.
    pub(crate) fn close(&mut self, open: Open) {
        let after = offset(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(open.0) {
            node.after = after;
        }
    }

    /// The document.
    pub(crate) fn finish(self) -> Document {
        Document { source: self.source, unescaped: self.text, nodes: self.nodes, untyped: self.untyped }
    }

    fn push(&mut self, kind: Kind, label: &Label<'_>, text: Text, place: Range<usize>) -> Open {
        let name = self.keep(label.name);
        let span = |range: &Range<usize>| (offset(range.start), offset(range.end));
        self.nodes.push(Node { kind, name, text, after: 0, span: span(&place), name_span: span(&label.place) });
        Open(self.nodes.len() - 1)
    }

    fn keep(&mut self, text: &str) -> Text {
        let from = offset(self.text.len());
        self.text.push_str(text);
        Text::Unescaped(from, offset(self.text.len()))
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_type_keeps_it() {
        let mut builder = Builder::typed();
        let root = builder.open(&Label::default(), Kind::Object);
        builder.number(&Label { name: "n", place: 0..0 }, "1.50", 0..0);
        builder.string(&Label { name: "s", place: 0..0 }, "1.50", 0..0);
        for (name, kind) in [("t", Kind::Bool(true)), ("z", Kind::Null), ("l", Kind::Array)] {
            let open = builder.open(&Label { name, place: 0..0 }, kind);
            builder.close(open);
        }
        builder.close(root);
        let document = builder.finish();
        let at = |name| document.root().member(name).unwrap();
        assert_eq!((at("n").number(), at("n").string(), at("n").untyped()), (Some("1.50"), None, None));
        assert_eq!((at("s").string(), at("s").number(), at("s").untyped()), (Some("1.50"), None, None));
        assert_eq!([at("t").kind(), at("z").kind(), at("l").kind()], [Kind::Bool(true), Kind::Null, Kind::Array]);
        assert_eq!(document.root().children().count(), 5);
    }

    #[test]
    fn what_is_built_is_walked_like_what_was_read() {
        let mut builder = Builder::untyped("a=1&b[]=x".into());
        let root = builder.object(&Label::default());
        builder.string(&Label { name: "a", place: 0..1 }, "1", 2..3);
        let list = builder.array(&Label { name: "b", place: 4..7 });
        builder.string(&Label::default(), "x", 8..9);
        builder.close(list);
        builder.close(root);
        let document = builder.finish();
        let root = document.root();
        assert_eq!(root.children().map(|child| child.name()).collect::<Vec<_>>(), ["a", "b"]);
        let element = root.member("b").unwrap().children().next().unwrap();
        assert_eq!((element.string(), element.untyped()), (Some("x"), Some("x")));
        assert_eq!(document.pointer_of(element), "/b/0");
        assert_eq!(&document.source()[root.member("a").unwrap().span()], "1");
        assert_eq!(&document.source()[root.member("b").unwrap().name_span()], "b[]");
        assert_eq!(root.member("b").unwrap().untyped(), None);
    }
}
