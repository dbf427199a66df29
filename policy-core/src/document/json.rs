//! The strict JSON reader: RFC 8259, UTF-8 without BOM, one document, no duplicate member names (compared after
//! unescaping), bounded depth and size, every number exact. Two parsers that are both strict read what passes here
//! alike; what they could read differently is refused.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Document, Kind, Node, Text};
use crate::limits::{DIGITS, JSON_DEPTH, JSON_VALUES};
use crate::number::{Decimal, NumberError};

/// Why a text is not a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Offset of the offending byte.
    pub at: usize,
    /// What is wrong there.
    pub kind: ReadErrorKind,
}

/// Kinds of [`ReadError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The bytes are not UTF-8, or begin with a byte order mark.
    Encoding,
    /// Not JSON: what was expected.
    Syntax(&'static str),
    /// A member name occurs twice in one object.
    Duplicate(String),
    /// Deeper than the bound.
    Depth,
    /// More values than the bound.
    Values,
    /// A number that cannot be held exactly.
    Number,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ReadErrorKind::Encoding => f.write_str("not UTF-8 without a byte order mark")?,
            ReadErrorKind::Syntax(expected) => write!(f, "not JSON: expected {expected}")?,
            ReadErrorKind::Duplicate(name) => {
                write!(f, "the member {} occurs twice in one object", crate::quote::quote(name))?;
            }
            ReadErrorKind::Depth => write!(f, "nested deeper than {JSON_DEPTH} levels")?,
            ReadErrorKind::Values => write!(f, "more than {JSON_VALUES} values")?,
            ReadErrorKind::Number => write!(f, "a number with more than {DIGITS} significant digits")?,
        }
        write!(f, " (byte {})", self.at)
    }
}

/// Reads one JSON document.
///
/// # Errors
/// [`ReadError`] with the place, when the bytes have no meaning or more than one.
pub fn read_json(bytes: Vec<u8>) -> Result<Document, ReadError> {
    read_within(bytes, JSON_VALUES)
}

/// [`read_json`] for a document of an author (a catalog can be long), not of an agent.
///
/// # Errors
/// As [`read_json`].
#[cfg(feature = "author")]
pub(crate) fn read_source(bytes: Vec<u8>) -> Result<Document, ReadError> {
    read_within(bytes, crate::limits::SOURCE_VALUES)
}

fn read_within(bytes: Vec<u8>, values: usize) -> Result<Document, ReadError> {
    let source = match String::from_utf8(bytes) {
        Ok(source) => source,
        Err(e) => {
            return Err(ReadError { at: e.utf8_error().valid_up_to(), kind: ReadErrorKind::Encoding });
        }
    };
    if source.starts_with('\u{feff}') {
        return Err(ReadError { at: 0, kind: ReadErrorKind::Encoding });
    }
    if source.len() >= u32::MAX as usize {
        return Err(ReadError { at: 0, kind: ReadErrorKind::Values });
    }
    let mut reader = Reader {
        bytes: source.as_bytes(),
        at: 0,
        nodes: Vec::new(),
        unescaped: String::new(),
        names: Vec::new(),
        values,
    };
    reader.blank();
    reader.value(0, Text::None, (0, 0))?;
    reader.blank();
    if reader.at < reader.bytes.len() {
        return Err(reader.syntax("the end of the document"));
    }
    let (nodes, unescaped) = (reader.nodes, reader.unescaped);
    Ok(Document { source, unescaped, nodes, untyped: false })
}

struct Reader<'s> {
    bytes: &'s [u8],
    at: usize,
    nodes: Vec<Node>,
    unescaped: String,
    /// Names of the object being closed: scratch space, kept between objects.
    names: Vec<u32>,
    /// Most values.
    values: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError { at: self.at, kind }
    }

    fn syntax(&self, expected: &'static str) -> ReadError {
        self.error(ReadErrorKind::Syntax(expected))
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), ReadError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.syntax(expected))
        }
    }

    /// Reads one value; recursion is bounded by the depth.
    fn value(&mut self, depth: usize, name: Text, name_span: (u32, u32)) -> Result<(), ReadError> {
        if self.nodes.len() >= self.values {
            return Err(self.error(ReadErrorKind::Values));
        }
        let index = self.nodes.len();
        let start = self.offset();
        self.nodes.push(Node { kind: Kind::Null, name, text: Text::None, after: 0, span: (start, start), name_span });
        let (kind, text) = match self.peek() {
            Some(b'{') => {
                self.object(depth + 1, index)?;
                (Kind::Object, Text::None)
            }
            Some(b'[') => {
                self.array(depth + 1)?;
                (Kind::Array, Text::None)
            }
            Some(b'"') => (Kind::String, self.string()?),
            Some(b'-' | b'0'..=b'9') => (Kind::Number, self.number()?),
            Some(b't') => self.literal("true", Kind::Bool(true))?,
            Some(b'f') => self.literal("false", Kind::Bool(false))?,
            Some(b'n') => self.literal("null", Kind::Null)?,
            _ => return Err(self.syntax("a value")),
        };
        let (after, end) = (u32::try_from(self.nodes.len()).unwrap_or(u32::MAX), self.offset());
        if let Some(node) = self.nodes.get_mut(index) {
            node.kind = kind;
            node.text = text;
            node.after = after;
            node.span.1 = end;
        }
        Ok(())
    }

    fn offset(&self) -> u32 {
        // The source is shorter than u32::MAX: read_json refuses longer ones.
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    fn literal(&mut self, text: &'static str, kind: Kind) -> Result<(Kind, Text), ReadError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text.as_bytes())) {
            self.at += text.len();
            Ok((kind, Text::None))
        } else {
            Err(self.syntax("a value"))
        }
    }

    fn enter(&mut self, depth: usize) -> Result<(), ReadError> {
        if depth > JSON_DEPTH {
            return Err(self.error(ReadErrorKind::Depth));
        }
        self.at += 1;
        self.blank();
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), ReadError> {
        self.enter(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth, Text::None, (0, 0))?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.syntax("`,` or `]`")),
            }
            self.blank();
        }
    }

    fn object(&mut self, depth: usize, index: usize) -> Result<(), ReadError> {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name_start = self.offset();
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a member name in double quotes"));
            }
            let name = self.string()?;
            let name_span = (name_start, self.offset());
            self.blank();
            self.expect(b':', "`:`")?;
            self.blank();
            self.value(depth, name, name_span)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return self.unique_names(index);
                }
                _ => return Err(self.syntax("`,` or `}`")),
            }
            self.blank();
        }
    }

    /// Refuses an object, just read, in which a name occurs twice. Sorting keeps large objects cheap.
    fn unique_names(&mut self, index: usize) -> Result<(), ReadError> {
        let mut names = core::mem::take(&mut self.names);
        names.clear();
        let mut next = index + 1;
        while let Some(node) = self.nodes.get(next) {
            names.push(u32::try_from(next).unwrap_or(u32::MAX));
            // The node after a subtree always lies behind it; the floor guards against standing still.
            next = (node.after as usize).max(next + 1);
        }
        names.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
        let twin = names.iter().zip(names.iter().skip(1)).find(|(a, b)| self.name(**a) == self.name(**b));
        let result = match twin {
            None => Ok(()),
            Some((a, b)) => {
                let later = (*a).max(*b);
                let at = self.nodes.get(later as usize).map_or(self.at, |node| node.name_span.0 as usize);
                Err(ReadError { at, kind: ReadErrorKind::Duplicate(self.name(later).into()) })
            }
        };
        self.names = names;
        result
    }

    fn name(&self, index: u32) -> &str {
        let (start, end, unescaped) = match self.nodes.get(index as usize).map_or(Text::None, |node| node.name) {
            Text::None => return "",
            Text::Source(start, end) => (start, end, false),
            Text::Unescaped(start, end) => (start, end, true),
        };
        if unescaped {
            self.unescaped.get(start as usize..end as usize).unwrap_or_default()
        } else {
            self.bytes
                .get(start as usize..end as usize)
                .and_then(|bytes| core::str::from_utf8(bytes).ok())
                .unwrap_or_default()
        }
    }

    fn string(&mut self) -> Result<Text, ReadError> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(self.syntax("`\"`")),
                Some(b'"') => {
                    let end = self.offset();
                    self.at += 1;
                    return Ok(Text::Source(u32::try_from(start).unwrap_or(u32::MAX), end));
                }
                Some(b'\\') => return self.escaped_string(start),
                Some(0..=0x1f) => return Err(self.syntax("no raw control character in a string")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escaped_string(&mut self, start: usize) -> Result<Text, ReadError> {
        let from = u32::try_from(self.unescaped.len()).unwrap_or(u32::MAX);
        let mut run = start;
        loop {
            match self.peek() {
                None => return Err(self.syntax("`\"`")),
                Some(0..=0x1f) => return Err(self.syntax("no raw control character in a string")),
                Some(byte @ (b'"' | b'\\')) => {
                    // A run starts and ends at ASCII bytes, so it is whole UTF-8.
                    let text = self.bytes.get(run..self.at).and_then(|b| core::str::from_utf8(b).ok());
                    self.unescaped.push_str(text.unwrap_or_default());
                    self.at += 1;
                    if byte == b'"' {
                        let to = u32::try_from(self.unescaped.len()).unwrap_or(u32::MAX);
                        return Ok(Text::Unescaped(from, to));
                    }
                    let c = self.escape()?;
                    self.unescaped.push(c);
                    run = self.at;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, ReadError> {
        let Some(byte) = self.peek() else {
            return Err(self.syntax("an escape"));
        };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex4()?;
                match unit {
                    0xd800..=0xdbff => {
                        self.expect(b'\\', "the second half of a surrogate pair")?;
                        self.expect(b'u', "the second half of a surrogate pair")?;
                        let low = self.hex4()?;
                        if !(0xdc00..=0xdfff).contains(&low) {
                            return Err(self.syntax("the second half of a surrogate pair"));
                        }
                        let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        char::from_u32(code).ok_or_else(|| self.syntax("a character"))?
                    }
                    _ => char::from_u32(unit).ok_or_else(|| self.syntax("the first half of a surrogate pair"))?,
                }
            }
            _ => {
                self.at -= 1;
                return Err(self.syntax("an escape"));
            }
        })
    }

    fn hex4(&mut self) -> Result<u32, ReadError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.syntax("four hexadecimal digits"));
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Text, ReadError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => {
                self.at += 1;
                if let Some(b'0'..=b'9') = self.peek() {
                    return Err(self.syntax("no digit behind a leading zero"));
                }
            }
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax("a digit")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or_default();
        match Decimal::parse_json(text) {
            Ok(_) => Ok(Text::Source(u32::try_from(start).unwrap_or(u32::MAX), self.offset())),
            Err(NumberError::Form) => Err(ReadError { at: start, kind: ReadErrorKind::Syntax("a number") }),
            Err(NumberError::Range) => Err(ReadError { at: start, kind: ReadErrorKind::Number }),
        }
    }

    fn digits(&mut self) -> Result<(), ReadError> {
        let Some(b'0'..=b'9') = self.peek() else {
            return Err(self.syntax("a digit"));
        };
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn read(text: &str) -> Result<Document, ReadError> {
        read_json(text.as_bytes().to_vec())
    }

    #[test]
    fn values_keep_their_text_and_place() {
        let doc = read(r#" {"a": [1.50, "x\u0041\ud83d\ude00\n"], "b": {"c": null}, "d": true} "#).unwrap();
        let root = doc.root();
        let a: Vec<_> = root.member("a").unwrap().children().collect();
        assert_eq!(a[0].number(), Some("1.50"));
        assert_eq!(a[1].string(), Some("xA😀\n"));
        assert_eq!(root.member("b").unwrap().member("c").unwrap().kind(), Kind::Null);
        assert_eq!(root.member("d").unwrap().kind(), Kind::Bool(true));
        assert_eq!(&doc.source()[root.member("b").unwrap().span()], r#"{"c": null}"#);
        assert_eq!(&doc.source()[root.member("b").unwrap().name_span()], r#""b""#);
        assert_eq!(root.nearest("/a/1").string(), a[1].string());
    }

    #[test]
    fn duplicates_are_found_after_unescaping_at_any_depth() {
        for text in [r#"{"p":1,"p":2}"#, r#"{"p":1,"\u0070":2}"#, r#"[{"x":{"a":0,"b":1,"a":2}}]"#] {
            assert!(matches!(read(text).unwrap_err().kind, ReadErrorKind::Duplicate(_)), "{text}");
        }
        assert!(read(r#"{"p":{"p":1},"P":2}"#).is_ok());
    }

    #[test]
    fn what_readers_disagree_on_is_refused() {
        let cases = [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{'a':1}",
            "nul",
            "tru",
            "NaN",
            "Infinity",
            "-",
            "01",
            "1.",
            ".5",
            "+1",
            "0x1",
            "1e",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"a\nb\"",
            "[1]2",
            "{} {}",
            "/* */ 1",
            "[1]//",
            "{\"a\" 1}",
            "\u{feff}1",
            "\u{a0}1",
            "[1\u{c}]",
            "{1:2}",
            "\"",
            "1e400",
            "1234567890123456789",
            "1.234567890123456789",
        ];
        for text in cases {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read_json(b"\"\xff\"".to_vec()).is_err());
        assert!(read_json(b"\xff\xfe1\0".to_vec()).is_err());
    }

    #[test]
    fn bounds_hold_exactly() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(&nested(JSON_DEPTH)).is_ok());
        assert_eq!(read(&nested(JSON_DEPTH + 1)).unwrap_err().kind, ReadErrorKind::Depth);
        assert_eq!(read(&"[".repeat(100_000)).unwrap_err().kind, ReadErrorKind::Depth);
        let many = format!("[{}0]", "0,".repeat(JSON_VALUES));
        assert_eq!(read(&many).unwrap_err().kind, ReadErrorKind::Values);
    }
}
