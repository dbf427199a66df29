//! Lines that people read before they approve. Two different values never have the same words, nothing in them acts on a
//! terminal, and what is not wholly shown is marked.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::names::{Datum, Values};
use crate::document::{Kind, Value};
use crate::limits::{WORD_BYTES, WORDS_BYTES};
use crate::secrets::{REPEATED, suspect};

/// Longest name that stands there without backticks, in bytes.
const PLAIN: usize = 200;
/// Most values of one name.
const SEVERAL: usize = 4;

/// Lines, as many as there is room for.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) lines: Vec<String>,
    /// Something is not shown, or not wholly.
    pub(super) unseen: bool,
    bytes: usize,
    full: bool,
}

impl Words {
    /// More lines, after those that are there.
    pub(super) fn after(lines: &[String]) -> Self {
        Self { bytes: lines.iter().map(String::len).sum(), ..Self::default() }
    }

    /// Whether there is no room for more: whatever comes is left out.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Adds a line, or that there is more than fits.
    pub(super) fn line(&mut self, line: String) {
        self.bytes = self.bytes.saturating_add(line.len());
        if self.full {
            return;
        }
        if self.bytes > WORDS_BYTES {
            self.full = true;
            self.unseen = true;
            self.lines.push("and more lines, which do not fit here: the digests of the request cover them".into());
        } else {
            self.lines.push(line);
        }
    }

    /// A text as it is.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.repeated(text, "", WORD_BYTES)
    }

    /// The bytes of a header's value.
    pub(super) fn octets(&mut self, bytes: &[u8]) -> String {
        match core::str::from_utf8(bytes) {
            Ok(text) => self.text(text),
            Err(_) => {
                let text: String = bytes.iter().copied().map(char::from).collect();
                format!("the bytes {}", self.text(&text))
            }
        }
    }

    /// A name as it is where it needs no escapes.
    pub(super) fn name(&mut self, name: &str) -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b'~');
        let fits = !name.is_empty() && name.len() <= PLAIN;
        if fits && name.bytes().all(plain) && !suspect(name.as_bytes()) { name.into() } else { self.text(name) }
    }

    /// A value that has nothing below it, as JSON writes it, in up to so many bytes.
    pub(super) fn value(&mut self, value: Value<'_>, room: usize) -> String {
        match value.kind() {
            Kind::String => self.repeated(value.string().unwrap_or_default(), "\"", room),
            Kind::Number => self.repeated(value.number().unwrap_or_default(), "", room),
            Kind::Bool(true) => "`true`".into(),
            Kind::Bool(false) => "`false`".into(),
            Kind::Null => "`null`".into(),
            Kind::Array | Kind::Object => {
                let (empty, full) = if value.kind() == Kind::Array { ("`[]`", "`[…]`") } else { ("`{}`", "`{…}`") };
                if value.children().next().is_none() {
                    return empty.into();
                }
                self.unseen = true;
                format!("{full} (not shown)")
            }
        }
    }

    /// What is known of the present.
    pub(super) fn known(&mut self, found: &Values<'_>) -> String {
        let Values::Known(data, _) = found else { return "not known".into() };
        let mut out = String::new();
        for (position, datum) in data.iter().enumerate() {
            if position > 0 {
                out.push_str(", ");
            }
            if position == SEVERAL {
                self.unseen = true;
                let _ = write!(out, "{} more", data.len().saturating_sub(SEVERAL));
                return out;
            }
            let room = if data.len() == 1 { WORD_BYTES } else { WORD_BYTES / SEVERAL };
            out.push_str(&match datum {
                Datum::Json(value) => self.value(*value, room),
                Datum::Text(text) => self.repeated(text, "\"", room),
                Datum::Number(number) => self.repeated(&number.to_string(), "", room),
            });
        }
        if out.is_empty() { "nothing".into() } else { out }
    }

    /// A text between backticks: whole, or its head and its tail with the length of all of it.
    pub(super) fn repeated(&mut self, text: &str, mark: &str, room: usize) -> String {
        // What is cut off at both ends of the middle could be the half of a secret.
        let bytes = text.as_bytes();
        let tail = bytes.get(bytes.len().saturating_sub(REPEATED)..).unwrap_or(bytes);
        if suspect(bytes) || (bytes.len() > REPEATED && suspect(tail)) {
            self.unseen = true;
            return format!("`…` ({} characters, not repeated, for it may hold a secret)", text.chars().count());
        }
        let quoted = !mark.is_empty();
        if let Some(whole) = escaped(text.chars(), quoted, room).ok().filter(|whole| whole.len() <= room) {
            return format!("`{mark}{whole}{mark}`");
        }
        self.unseen = true;
        let head = escaped(text.chars(), quoted, room / 4 * 3).unwrap_or_else(|head| head);
        let mut end: Vec<char> = Vec::new();
        let mut bytes = 0usize;
        for c in text.chars().rev() {
            bytes = bytes.saturating_add(escape(c, quoted).len());
            if bytes > room / 4 {
                break;
            }
            end.push(c);
        }
        let tail = escaped(end.into_iter().rev(), quoted, room).unwrap_or_else(|tail| tail);
        format!("`{mark}{head}…{tail}{mark}` ({} characters, not all shown)", text.chars().count())
    }
}

/// Characters with their escapes; an error holds those that fit.
fn escaped(chars: impl Iterator<Item = char>, quoted: bool, room: usize) -> Result<String, String> {
    let mut out = String::new();
    for c in chars {
        let c = escape(c, quoted);
        if out.len().saturating_add(c.len()) > room {
            return Err(out);
        }
        out.push_str(&c);
    }
    Ok(out)
}

fn escape(c: char, quoted: bool) -> String {
    match c {
        '\\' => "\\\\".into(),
        '"' if quoted => "\\\"".into(),
        '`' => "\\u{60}".into(),
        ' '..='~' => c.to_string(),
        _ => format!("\\u{{{:x}}}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::read_json;

    fn of(json: &str) -> (String, bool) {
        let document = read_json(json.as_bytes().to_vec()).unwrap();
        let mut words = Words::default();
        (words.value(document.root(), 40), words.unseen)
    }

    #[test]
    fn different_values_have_different_words() {
        let values = [
            "1",
            "\"1\"",
            "1.0",
            "null",
            "\"null\"",
            "true",
            "\"true\"",
            "[]",
            "\"[]\"",
            "{}",
            "\"\"",
            "\" \"",
            "\"'\"",
            "\"`\"",
            r#""\\""#,
            r#""\"""#,
            r#""\\u{60}""#,
            r#""\\u{a}""#,
            r#""\n""#,
            "\"ä\"",
            "\"…\"",
        ];
        let words: alloc::collections::BTreeSet<String> = values.iter().map(|value| of(value).0).collect();
        assert_eq!(words.len(), values.len(), "{words:?}");
        assert!(words.iter().all(|words| words.is_ascii() && words.matches('`').count() == 2), "{words:?}");
    }

    #[test]
    fn a_value_that_is_cut_says_so() {
        assert_eq!(of(&format!("\"{}\"", "a".repeat(40))), (format!("`\"{}\"`", "a".repeat(40)), false));
        let (words, unseen) = of(&format!("\"{}{}end\"", "a".repeat(30), "\\n".repeat(100)));
        assert_eq!(words, format!("`\"{}…\\u{{a}}end\"` (133 characters, not all shown)", "a".repeat(30)));
        assert!(unseen);
        assert!(of("[1]").1);
    }
}
