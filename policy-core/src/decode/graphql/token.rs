//! The tokens of a document (specification §2.1), where every known server cuts the same ones.
//!
//! Each of these lets one text be two documents, so each is refused:
//! - a CR without an LF: a line ends there by the specification, in a comment of graphql-ruby it does not;
//! - U+2028, U+2029 and U+0085 in a comment: graphql-java ends the comment at the first two;
//! - `1e5`: graphql-ruby's C lexer reads `1` and `e5`; a number with a sign behind it (`1.5-5`): there it is one number;
//! - quotes beside a string's own: graphql-ruby lets a block string end behind them;
//! - a byte order mark anywhere but in front: some ignore it, some do not.

use alloc::format;

use super::{Fault, text};
use crate::limits::GRAPHQL_TOKENS;
use crate::quote::quote;
use crate::reason::Code;

/// One token; its text is `start..end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// One of `! $ ( ) : = @ [ ] { }`.
    Punctuator(u8),
    /// `...`
    Spread,
    Name,
    /// An integer or a float: both are spelled as in JSON.
    Number,
    /// `"…"`, and whether there is an escape in it.
    Quoted {
        escaped: bool,
    },
    /// `"""…"""`
    Block,
    End,
}

/// Cuts a text into tokens, one at a time.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, tokens: 0 }
    }

    /// The next token; [`TokenKind::End`] behind the last.
    pub(super) fn token(&mut self) -> Result<Token, Fault> {
        self.ignored()?;
        let start = self.at;
        self.tokens += 1;
        if self.tokens > GRAPHQL_TOKENS {
            let what = format!("has more than {GRAPHQL_TOKENS} tokens; put values into `variables`");
            return Err(Fault { code: Code::BodyTooLarge, ..Fault::new(start, what) });
        }
        let kind = match self.peek(0) {
            None => TokenKind::End,
            Some(byte @ (b'!' | b'$' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'}')) => {
                self.at += 1;
                TokenKind::Punctuator(byte)
            }
            Some(b'.') if self.rest().starts_with("...") => {
                self.at += 3;
                TokenKind::Spread
            }
            Some(b'_' | b'a'..=b'z' | b'A'..=b'Z') => {
                self.skip(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
                TokenKind::Name
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'"') => self.string()?,
            Some(b'&' | b'|') => return Err(Fault::new(start, "has a sign that only type definitions have")),
            Some(_) => {
                let sign = self.rest().chars().next().unwrap_or_default();
                let what = format!("has {}, which begins nothing", quote(sign.encode_utf8(&mut [0; 4])));
                return Err(Fault::new(start, what));
            }
        };
        Ok(Token { kind, start, end: self.at })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, of: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&of) {
            self.at += 1;
        }
    }

    /// Blanks, line ends, commas and comments.
    fn ignored(&mut self) -> Result<(), Fault> {
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t' | b'\n' | b',') => self.at += 1,
                Some(b'\r') => self.line_end()?,
                Some(b'#') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn line_end(&mut self) -> Result<(), Fault> {
        if self.peek(1) != Some(b'\n') {
            let what = "has a CR without an LF: servers disagree whether a line ends there; write LF";
            return Err(Fault::new(self.at, what));
        }
        self.at += 2;
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Fault> {
        for (offset, sign) in self.rest().char_indices() {
            match sign {
                '\n' | '\r' => {
                    self.at += offset;
                    return Ok(());
                }
                '\t' => {}
                '\u{2028}' | '\u{2029}' => {
                    let what = "has a line separator in a comment: servers disagree whether the comment ends there";
                    return Err(Fault::new(self.at + offset, what));
                }
                sign if sign.is_control() => {
                    return Err(Fault::new(self.at + offset, "has a control character in a comment"));
                }
                _ => {}
            }
        }
        self.at = self.text.len();
        Ok(())
    }

    fn number(&mut self) -> Result<TokenKind, Fault> {
        let start = self.at;
        let odd = |what: &str| Err(Fault::new(start, what));
        if self.peek(0) == Some(b'-') {
            self.at += 1;
        }
        if self.peek(0) == Some(b'0') {
            self.at += 1;
        } else if !self.digits() {
            return odd("has a `-` that no digit follows");
        }
        let mut fraction = false;
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            fraction = self.digits();
            if !fraction {
                return odd("has a number that ends in its point");
            }
        }
        if let Some(b'e' | b'E') = self.peek(0) {
            if !fraction {
                return odd("has a number whose exponent follows an integer: servers disagree on it; write it out");
            }
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek(0) {
                self.at += 1;
            }
            if !self.digits() {
                return odd("has a number without digits in its exponent");
            }
        }
        match self.peek(0) {
            Some(b'_' | b'.' | b'-' | b'+' | b'"') => {
                odd("has a number that something else touches; put a blank there")
            }
            Some(byte) if byte.is_ascii_alphanumeric() => odd("has a number that a name or a digit touches"),
            _ => Ok(TokenKind::Number),
        }
    }

    /// Digits, and whether there is one.
    fn digits(&mut self) -> bool {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        self.at > start
    }

    fn string(&mut self) -> Result<TokenKind, Fault> {
        let start = self.at;
        let kind = if self.rest().starts_with("\"\"\"") { self.block()? } else { self.quoted()? };
        if self.peek(0) == Some(b'"') {
            let what = "has quotes beside a string: servers disagree where it ends; put a blank there";
            return Err(Fault::new(start, what));
        }
        Ok(kind)
    }

    fn quoted(&mut self) -> Result<TokenKind, Fault> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(TokenKind::Quoted { escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    let Some((_, length)) = text::escape(self.rest()) else {
                        return Err(Fault::new(self.at, "has an escape that means no character"));
                    };
                    self.at += length;
                }
                None | Some(b'\n' | b'\r') => {
                    return Err(Fault::new(start, "has a string that its line does not end"));
                }
                Some(byte) => self.character(byte)?,
            }
        }
    }

    /// Steps over one byte of a string's contents.
    fn character(&mut self, byte: u8) -> Result<(), Fault> {
        if byte < b' ' && byte != b'\t' {
            return Err(Fault::new(self.at, "has a control character in a string"));
        }
        self.at += 1;
        Ok(())
    }

    fn block(&mut self) -> Result<TokenKind, Fault> {
        let start = self.at;
        let touching = || {
            let what =
                "has a block string with quotes or backslashes beside three quotes: servers disagree where it ends";
            Err(Fault::new(start, what))
        };
        self.at += 3;
        // What stands before the next sign: nothing, a backslash, a quote.
        let mut first = true;
        loop {
            let before = self.at;
            match self.peek(0) {
                None => return Err(Fault::new(start, "has a block string without an end")),
                Some(b'"') => {
                    self.skip(|byte| byte == b'"');
                    match self.at - before {
                        3 => return Ok(TokenKind::Block),
                        1 | 2 if first || self.rest().starts_with("\\\"\"\"") => return touching(),
                        1 | 2 => {}
                        _ => return touching(),
                    }
                }
                Some(b'\\') => {
                    self.skip(|byte| byte == b'\\');
                    if self.rest().starts_with("\"\"\"") {
                        if self.at - before > 1 || self.peek(3) == Some(b'"') {
                            return touching();
                        }
                        self.at += 3;
                    }
                }
                Some(b'\n') => self.at += 1,
                Some(b'\r') => self.line_end()?,
                Some(byte) => self.character(byte)?,
            }
            first = false;
        }
    }
}
