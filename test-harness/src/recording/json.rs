//! A JSON reader that survives what recorders write into strings.
//!
//! Envoy's tap copies request bytes into JSON strings, so a file may hold invalid UTF-8 and raw
//! control characters, which a strict parser refuses together with everything around them. This
//! one takes every string byte for byte and notes the damage; who asked for the string decides
//! what that means. The structure around strings must be JSON (RFC 8259); the spelling of numbers
//! and literals matters only where one is asked for.

use std::collections::HashSet;

/// Nesting that recordings stay far below; deeper input is refused, not recursed into.
const MAX_DEPTH: usize = 128;
/// Members of one object. Bounds the memory of the duplicate search.
const MAX_MEMBERS: usize = 10_000;

/// What is wrong with a piece of JSON, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault(pub(super) String);

impl Fault {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// A string of a recording: its bytes, and whether they can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// The bytes, escapes resolved. A lone `\uDC80`–`\uDCFF` stands for the byte 0x80–0xFF, as
    /// Python's `surrogateescape` (mitmproxy) writes it (PEP 383).
    pub(super) bytes: Vec<u8>,
    /// Set when the bytes may not be the ones that were sent.
    pub(super) damage: Option<Damage>,
}

/// How a string shows that bytes were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// Bytes in the file that are not UTF-8.
    InvalidUtf8,
    /// U+FFFD, which stands for bytes somebody could not decode.
    Replaced,
    /// A `\uD800`–`\uDFFF` escape without its other half.
    LoneSurrogate,
}

impl Damage {
    /// In words, as the end of "the recorded text …".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "is not valid UTF-8",
            Self::Replaced => "holds U+FFFD where bytes were lost",
            Self::LoneSurrogate => "holds half a surrogate pair in place of a byte",
        }
    }
}

impl Text {
    /// The text, where it is UTF-8.
    pub(super) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// Reads one JSON value from a slice, member by member, without building a tree.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    length: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, length: input.len(), depth: 0 }
    }

    /// Reads an object; `each` gets a name and must read or [`skip`](Self::skip) its value.
    /// A name that occurs twice is refused: recorders do not write it, and two readers would
    /// disagree on it.
    pub(super) fn object(&mut self, mut each: impl FnMut(&[u8], &mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.enter(b'{', "an object")?;
        let mut names: HashSet<Vec<u8>> = HashSet::new();
        if self.comes(b'}') {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            let name = self.text()?.bytes;
            self.expect(b':')?;
            each(&name, self)?;
            if names.len() >= MAX_MEMBERS {
                return Err(Fault(format!("an object has more than {MAX_MEMBERS} members")));
            }
            if let Some(name) = names.replace(name) {
                let name = String::from_utf8_lossy(&name).escape_debug().to_string();
                return Err(Fault(format!("member `{name}` occurs twice")));
            }
            if self.comes(b'}') {
                self.depth -= 1;
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Reads an array; `each` must read or skip one element.
    pub(super) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.enter(b'[', "an array")?;
        if self.comes(b']') {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            each(self)?;
            if self.comes(b']') {
                self.depth -= 1;
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Reads a string.
    pub(super) fn text(&mut self) -> Result<Text, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a string"));
        }
        self.advance(1);
        let mut bytes = Vec::new();
        let mut lone = false;
        loop {
            let stop = self
                .rest
                .iter()
                .position(|&byte| byte == b'"' || byte == b'\\')
                .ok_or_else(|| Fault::new("a string does not end"))?;
            let (run, rest) = self.rest.split_at(stop);
            bytes.extend_from_slice(run);
            self.rest = rest;
            if self.rest.first() == Some(&b'"') {
                self.advance(1);
                break;
            }
            lone |= self.escape(&mut bytes)?;
        }
        let damage = if lone {
            Some(Damage::LoneSurrogate)
        } else {
            match std::str::from_utf8(&bytes) {
                Err(_) => Some(Damage::InvalidUtf8),
                Ok(text) if text.contains('\u{FFFD}') => Some(Damage::Replaced),
                Ok(_) => None,
            }
        };
        Ok(Text { bytes, damage })
    }

    /// Reads a string or `null`.
    pub(super) fn optional_text(&mut self) -> Result<Option<Text>, Fault> {
        if self.null() { Ok(None) } else { self.text().map(Some) }
    }

    /// Reads a scalar as text: a string, or a number as it is written; `null` is `None`.
    pub(super) fn scalar(&mut self) -> Result<Option<Text>, Fault> {
        if self.peek() == Some(b'"') {
            return self.text().map(Some);
        }
        if self.null() {
            return Ok(None);
        }
        let token = self.token();
        if token.is_empty() {
            return Err(self.unexpected("a string or a number"));
        }
        Ok(Some(Text { bytes: token.to_vec(), damage: None }))
    }

    /// Reads a whole number; recorders also write it as a string or, in a HAR, with a fraction.
    pub(super) fn integer(&mut self) -> Result<Option<i64>, Fault> {
        let Some(text) = self.scalar()? else {
            return Ok(None);
        };
        let digits = text.as_str().unwrap_or_default();
        let whole = digits.split_once('.').map_or(digits, |(whole, _)| whole);
        whole.parse().map(Some).map_err(|_| Fault(format!("`{}` is not a whole number", digits.escape_debug())))
    }

    /// Reads `true` or `false`; `null` is `false`.
    pub(super) fn flag(&mut self) -> Result<bool, Fault> {
        self.peek();
        match self.token() {
            b"true" => Ok(true),
            b"false" | b"null" => Ok(false),
            _ => Err(self.unexpected("`true` or `false`")),
        }
    }

    /// Consumes `null`, if it is next.
    pub(super) fn null(&mut self) -> bool {
        self.peek();
        let null = self.rest.starts_with(b"null");
        if null {
            self.advance(4);
        }
        null
    }

    /// Passes over one value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{') => self.object(|_, value| value.skip()),
            Some(b'[') => self.array(Self::skip),
            Some(b'"') => self.text().map(|_| ()),
            _ if self.token().is_empty() => Err(self.unexpected("a value")),
            _ => Ok(()),
        }
    }

    /// The first byte of the next value.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    /// Requires that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_some() { Err(self.unexpected("the end")) } else { Ok(()) }
    }

    fn enter(&mut self, bracket: u8, what: &str) -> Result<(), Fault> {
        if self.peek() != Some(bracket) {
            return Err(self.unexpected(what));
        }
        self.advance(1);
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn comes(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        if comes {
            self.advance(1);
        }
        comes
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.comes(byte) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{}`", char::from(byte))))
    }

    /// The letters, digits and signs of a number or literal.
    fn token(&mut self) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && !b"+-.".contains(byte))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }

    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// Resolves the escape that `rest` begins with. `true`: half a surrogate pair.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Fault> {
        let plain = match self.rest.get(1) {
            Some(&quoted @ (b'"' | b'\\' | b'/')) => quoted,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0C,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unicode_escape(bytes),
            _ => return Err(self.unexpected("an escape of JSON")),
        };
        bytes.push(plain);
        self.advance(2);
        Ok(false)
    }

    fn unicode_escape(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Fault> {
        let unit = unit_of(self.rest).ok_or_else(|| self.unexpected("four hexadecimal digits"))?;
        self.advance(6);
        let mut code = u32::from(unit);
        if (0xD800..0xDC00).contains(&unit)
            && let Some(low @ 0xDC00..=0xDFFF) = unit_of(self.rest)
        {
            self.advance(6);
            code = 0x1_0000 + ((code - 0xD800) << 10) + (u32::from(low) - 0xDC00);
        }
        match (char::from_u32(code), u8::try_from(code.wrapping_sub(0xDC00))) {
            (Some(character), _) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                Ok(false)
            }
            (None, Ok(byte @ 0x80..)) => {
                bytes.push(byte);
                Ok(true)
            }
            (None, _) => {
                bytes.extend_from_slice("\u{FFFD}".as_bytes());
                Ok(true)
            }
        }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let at = self.length - self.rest.len() + 1;
        match self.rest.first() {
            None => Fault(format!("JSON ends where {wanted} should come")),
            Some(byte) => {
                Fault(format!("not JSON: `{}` at byte {at}, where {wanted} should come", byte.escape_ascii()))
            }
        }
    }
}

/// The UTF-16 unit of a `\uXXXX` escape at the start of `input`.
fn unit_of(input: &[u8]) -> Option<u16> {
    let digits = input.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &[u8]) -> Text {
        let mut cursor = Cursor::new(json);
        let text = cursor.text().unwrap();
        cursor.end().unwrap();
        text
    }

    fn fault(json: &str) -> String {
        let mut cursor = Cursor::new(json.as_bytes());
        cursor.skip().and_then(|()| cursor.end()).unwrap_err().0
    }

    #[test]
    fn a_string_is_taken_byte_for_byte() {
        assert_eq!(text(br#""a\"\\\/\b\f\n\r\t\u003c""#).bytes, b"a\"\\/\x08\x0C\n\r\t<");
        assert_eq!(text("\"\\ud83d\\ude00é\"".as_bytes()).bytes, "😀é".as_bytes());
        let raw_controls = text(b"\"a\x01\nb\"");
        assert_eq!((raw_controls.bytes.as_slice(), raw_controls.damage), (&b"a\x01\nb"[..], None));
    }

    #[test]
    fn damage_is_noted_and_the_bytes_are_kept() {
        let invalid = text(b"\"a\xC0\xAFb\"");
        assert_eq!(invalid.bytes, b"a\xC0\xAFb");
        assert_eq!(invalid.damage, Some(Damage::InvalidUtf8));
        assert_eq!(text("\"a\u{FFFD}\"".as_bytes()).damage, Some(Damage::Replaced));
        assert_eq!(text(br#""a\ufffd""#).damage, Some(Damage::Replaced));
        let escaped = text(br#""\udc8b\udcff""#);
        assert_eq!(escaped.bytes, b"\x8B\xFF");
        assert_eq!(escaped.damage, Some(Damage::LoneSurrogate));
        assert_eq!(text(br#""\ud800x""#).damage, Some(Damage::LoneSurrogate));
    }

    #[test]
    fn what_is_not_json_is_refused_with_the_place() {
        assert_eq!(fault(r#"{"a":1,"a":2}"#), "member `a` occurs twice");
        assert_eq!(fault(r#"{"a" 1}"#), "not JSON: `1` at byte 6, where `:` should come");
        assert_eq!(fault(r#"{"a":"b"#), "a string does not end");
        assert_eq!(fault(r#"{"a":"#), "JSON ends where a value should come");
        assert_eq!(fault(r#"["\x"]"#), "not JSON: `\\\\` at byte 3, where an escape of JSON should come");
        assert_eq!(fault("{} {}"), "not JSON: `{` at byte 4, where the end should come");
        assert_eq!(fault(&"[".repeat(1000)), "nested deeper than 128 levels");
    }

    #[test]
    fn wide_input_is_not_deep_input() {
        let wide = format!("[{}{{}}]", "{},[],[[]],".repeat(500));
        let mut cursor = Cursor::new(wide.as_bytes());
        cursor.skip().and_then(|()| cursor.end()).unwrap();
    }
}
