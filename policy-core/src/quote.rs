//! Repeating a piece of a request in a message: escaped, never longer than a bound, and never a secret.

use alloc::string::String;
use core::fmt::Write as _;

use crate::limits::QUOTED_CHARS;
use crate::secrets::suspect;

/// Stands for a text that holds a secret, or what could be one.
const WITHHELD: &str = "`…` (not repeated, for it may hold a secret)";

/// `text` between backticks, with everything outside printable ASCII escaped and the length bounded, so that
/// nothing an agent sends can forge a log line or a terminal sequence. A text in which a detector of secrets finds
/// anything is not repeated at all: messages go to logs, whatever the request was refused for.
#[must_use]
pub fn quote(text: &str) -> String {
    if suspect(text.as_bytes()) { WITHHELD.into() } else { escaped(text, QUOTED_CHARS) }
}

/// [`quote`] for bytes that need not be UTF-8.
#[must_use]
pub fn quote_bytes(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok(text) => quote(text),
        Err(_) if suspect(bytes) => WITHHELD.into(),
        Err(_) => {
            let mut text = String::new();
            for b in bytes.iter().take(QUOTED_CHARS) {
                if (b' '..=b'~').contains(b) {
                    text.push(char::from(*b));
                } else {
                    let _ = write!(text, "\\x{b:02x}");
                }
            }
            escaped(&text, QUOTED_CHARS)
        }
    }
}

fn escaped(text: &str, chars: usize) -> String {
    let mut out = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == chars {
            out.push('…');
            break;
        }
        match c {
            '`' => out.push('\''),
            ' '..='~' => out.push(c),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out.push('`');
    out
}

/// `a`, `b` or `c`: a list of names for a message, at most `most` of them.
#[must_use]
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    list_of(&mut names.into_iter(), most)
}

/// [`list`], once for all kinds of iterators.
#[inline(never)]
fn list_of(names: &mut dyn Iterator<Item = &str>, most: usize) -> String {
    let mut out = String::new();
    let mut rest = 0usize;
    for (count, name) in names.enumerate() {
        if count >= most {
            rest = rest.saturating_add(1);
            continue;
        }
        if count > 0 {
            out.push_str(", ");
        }
        out.push_str(&quote(name));
    }
    if rest > 0 {
        let _ = write!(out, " and {rest} more");
    }
    if out.is_empty() {
        out.push_str("nothing");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_length_are_bounded() {
        assert_eq!(quote("a\r\nb\u{1b}[31m"), "`a\\u{d}\\u{a}b\\u{1b}[31m`");
        assert_eq!(quote(&"x".repeat(100)).chars().count(), QUOTED_CHARS + 3);
        assert_eq!(quote_bytes(b"\xff`"), "`\\xff'`");
        assert_eq!(list(["a", "b", "c"], 2), "`a`, `b` and 1 more");
    }
}
