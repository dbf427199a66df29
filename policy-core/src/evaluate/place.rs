//! Places in a document: what stands there, and what a server may find there that does not stand there.

use alloc::vec::Vec;

use crate::document::{Kind, Step, Steps, Value, select};

/// A place in a document: the catalog's path, possibly an open member, then the template's tail.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) head: &'a [Step],
    pub(crate) member: Option<&'a str>,
    pub(crate) tail: &'a [Step],
    /// Another place of the same field lies below this one: an object here is not the value.
    pub(crate) goes_on: bool,
}

impl<'a> Place<'a> {
    /// Whether a value on the way is an array or scalar where a member is named, or a scalar where elements are: an
    /// upstream might read something there that this path does not reach.
    pub(crate) fn is_misshapen(&self, document: Value<'a>) -> bool {
        let member = self.member.map(|name| Step::Member(name.into()));
        let steps: Vec<&Step> = self.head.iter().chain(&member).chain(self.tail).collect();
        misshapen(document, &steps)
    }

    /// Whether the place lies at any depth (`**`), and a text where that begins or below it is the text of a JSON array or
    /// object: servers of tools parse such an argument where their schema asks for no text, and find members in it.
    pub(crate) fn passes_json_text(&self, document: Value<'a>) -> bool {
        if !self.head.iter().chain(self.tail).any(|step| *step == Step::Deep) {
            return false;
        }
        let member = self.member.map(|name| Step::Member(name.into()));
        let steps: Vec<&Step> = self.head.iter().chain(&member).chain(self.tail).collect();
        passes_json_text(document, &steps)
    }

    /// Where the arrays stand whose elements this place means; `None` where it means no elements.
    pub(crate) fn of_elements(&self) -> Option<Self> {
        match (self.tail.split_last(), self.member, self.head.split_last()) {
            (Some((Step::Each, tail)), ..) => Some(Self { tail, ..*self }),
            (None, None, Some((Step::Each, head))) => Some(Self { head, ..*self }),
            _ => None,
        }
    }

    /// The values at this place.
    pub(crate) fn select(&self, document: Value<'a>) -> Vec<Value<'a>> {
        match self.member {
            None => select(document, Steps { head: self.head, tail: self.tail }),
            Some(member) => select(document, Steps { head: self.head, tail: &[] })
                .into_iter()
                .filter_map(|base| base.member(member))
                .flat_map(|value| select(value, Steps { head: self.tail, tail: &[] }))
                .collect(),
        }
    }
}

fn misshapen(value: Value<'_>, steps: &[&Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return false };
    match (step, value.kind()) {
        (_, Kind::Null) | (Step::Deep, _) => false,
        (Step::Member(name), Kind::Object) => value.member(name).is_some_and(|child| misshapen(child, rest)),
        (Step::Each, Kind::Object | Kind::Array) => value.children().any(|child| misshapen(child, rest)),
        (Step::Member(_) | Step::Each, _) => true,
    }
}

fn passes_json_text(value: Value<'_>, steps: &[&Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return false };
    match step {
        Step::Member(name) => value.member(name).is_some_and(|child| passes_json_text(child, rest)),
        Step::Each => value.children().any(|child| passes_json_text(child, rest)),
        Step::Deep => holds_json_text(value),
    }
}

/// Recursion goes no deeper than the document, which is bounded.
fn holds_json_text(value: Value<'_>) -> bool {
    value.string().is_some_and(is_json_text) || value.children().any(holds_json_text)
}

/// Whether a parser of JSON, a lenient one too, could take the text for an array or object. What is looked at are its
/// tokens and whether its brackets match, not in which order the rest of them stands.
fn is_json_text(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let mut rest = text.bytes().peekable();
    if !matches!(rest.peek(), Some(b'{' | b'[')) {
        return false;
    }
    let mut depth = 0_usize;
    while let Some(byte) = rest.next() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return rest.next().is_none();
                }
            }
            b'"' => loop {
                match rest.next() {
                    None => return false,
                    Some(b'"') => break,
                    Some(b'\\') => drop(rest.next()),
                    Some(_) => {}
                }
            },
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' | b'+' | b'-' | b'.' | b'0'..=b'9' => {}
            // `true`, `false`, `null`, exponents, and what Python writes: `NaN`, `Infinity`.
            _ if b"EINaefilnrstuy".contains(&byte) => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_json_text;

    #[test]
    fn texts_that_a_parser_takes_for_an_object_or_array() {
        for text in [
            "{}",
            "[]",
            r#"{"price":500}"#,
            " \n\u{feff}[1, 2.5e+3, -1, true, false, null]\t",
            r#"{"a":"}","b":["\\\"]"]}"#,
            r#"{"z":NaN,"y":-Infinity}"#,
            r#"{"a":1,"a":2,}"#,
            "[\"\u{e1}\"]",
        ] {
            assert!(is_json_text(text), "{text}");
        }
        for text in [
            "",
            "7",
            "\"{}\"",
            "null",
            "{",
            "]",
            "{name}",
            "[note] see {below}",
            "[1] and [2]",
            "{} {}",
            "{\"a\":\"}",
            "- [ ] todo",
            "[link](http://x)",
        ] {
            assert!(!is_json_text(text), "{text}");
        }
        assert!(!is_json_text(&"[".repeat(100_000)));
    }
}
