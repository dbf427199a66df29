//! SQL text as tokens. What decides here is where a string, a quoted name or a comment ends: dialects disagree on it, and
//! a text that one of them reads differently is refused.
//!
//! Refused in every dialect: a quote behind a backslash in a plain string (escaped or not: a setting), where another quote follows, `U&'…'`, nested
//! comments (MySQL's end at the first `*/`), `/*!…*/` (MySQL runs what is inside), a line comment that holds another
//! control character than a tab (a carriage return ends it for some), backticks, control characters and characters
//! outside ASCII that are no letters, names with `$`, numbers that run into letters.
//!
//! Refused unless the database is known to be PostgreSQL: `E'…'`, dollar quotes, brackets (quoted names elsewhere), `#` (a
//! comment in MySQL), `--` without a blank behind it (two minus signs in MySQL), a backslash before the end of a quoted
//! name (a string in MySQL), a word directly before a quote (Oracle's `q'[…]'` and its kin).

use alloc::vec::Vec;

use super::{Dialect, Why};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name.
    Word,
    /// A name in double quotes; the token's text is without them.
    Quoted,
    /// A string.
    Text,
    /// A number.
    Number,
    /// `$1`
    Parameter,
    /// A run of operator characters.
    Operator,
    /// `::`
    Cast,
    /// One of `( ) [ ] , ; . :`
    Mark(u8),
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
}

/// All tokens of a text.
///
/// # Errors
/// [`Why`] the text has no single reading.
pub(super) fn tokens(text: &str, dialect: Dialect) -> Result<Vec<Token<'_>>, Why> {
    let mut lexer = Lexer { text, at: 0, postgresql: dialect == Dialect::Postgresql, tokens: Vec::new() };
    while let Some(byte) = lexer.byte(0) {
        lexer.token(byte)?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    postgresql: bool,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at.saturating_add(ahead)).copied()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.tokens.push(Token { kind, text: self.text.get(start..end).unwrap_or_default() });
    }

    fn token(&mut self, byte: u8) -> Result<(), Why> {
        let start = self.at;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
            b'-' if self.byte(1) == Some(b'-') => self.line_comment()?,
            b'/' if self.byte(1) == Some(b'*') => self.block_comment()?,
            b'\'' => self.string(false)?,
            b'"' => self.quoted_name()?,
            b'$' => self.dollar()?,
            b'0'..=b'9' => self.number()?,
            b'.' if self.byte(1).is_some_and(|b| b.is_ascii_digit()) => self.number()?,
            b':' if self.byte(1) == Some(b':') => {
                self.at += 2;
                self.push(Kind::Cast, start, self.at);
            }
            b':' if self.byte(1) == Some(b'=') => return Err(Why::TwoReadings("`:=`")),
            b'[' | b']' if !self.postgresql => return Err(Why::TwoReadings("a bracket")),
            b'(' | b')' | b'[' | b']' | b',' | b';' | b'.' | b':' => {
                self.at += 1;
                self.push(Kind::Mark(byte), start, self.at);
            }
            _ if is_operator(byte) => self.operator()?,
            b'`' => return Err(Why::TwoReadings("a backtick")),
            b'\\' => return Err(Why::TwoReadings("a backslash outside of a string")),
            _ => self.word()?,
        }
        Ok(())
    }

    fn line_comment(&mut self) -> Result<(), Why> {
        self.at += 2;
        if !self.postgresql && !matches!(self.byte(0), None | Some(b' ' | b'\t' | b'\n' | b'\r')) {
            return Err(Why::TwoReadings("`--` without a blank behind it"));
        }
        let line = self.rest().split('\n').next().unwrap_or_default();
        let inside = line.strip_suffix('\r').unwrap_or(line);
        // U+2028 and U+2029 end lines too, for readers that follow Unicode.
        if inside.contains(|c: char| (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err(Why::TwoReadings("a control character in a comment"));
        }
        self.at += line.len();
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), Why> {
        self.at += 2;
        let rest = self.rest();
        if rest.starts_with('!') || rest.starts_with("M!") {
            return Err(Why::TwoReadings("a comment that MySQL runs"));
        }
        if rest.contains('\0') {
            return Err(Why::TwoReadings("a NUL"));
        }
        let end = rest.find("*/").ok_or(Why::Unterminated)?;
        if rest.get(..end).is_some_and(|inside| inside.contains("/*")) {
            return Err(Why::TwoReadings("a comment in a comment"));
        }
        self.at += end + 2;
        Ok(())
    }

    /// A string from its quote on; `escapes`: a backslash takes the next character with it.
    fn string(&mut self, escapes: bool) -> Result<(), Why> {
        let start = self.at;
        self.at += 1;
        // An odd number of backslashes stands right before.
        let mut escaped = false;
        while let Some(byte) = self.byte(0) {
            match byte {
                0 => return Err(Why::TwoReadings("a NUL")),
                b'\'' if escaped && !escapes && self.has_quote_behind() => {
                    return Err(Why::TwoReadings("a backslash before a quote"));
                }
                b'\'' if escaped && escapes => {}
                b'\'' if self.byte(1) == Some(b'\'') => self.at += 1,
                b'\'' => {
                    self.at += 1;
                    self.push(Kind::Text, start, self.at);
                    return Ok(());
                }
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
            self.at += 1;
        }
        Err(Why::Unterminated)
    }

    /// Whether another quote follows this one. Without one, whoever takes the backslash for an escape sees a string that
    /// does not end, and no statement: `LIKE 'a\_%' ESCAPE '\'` at the end of a text has one reading.
    fn has_quote_behind(&self) -> bool {
        self.rest().get(1..).unwrap_or_default().contains('\'')
    }

    fn quoted_name(&mut self) -> Result<(), Why> {
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.byte(0) {
            match byte {
                0 => return Err(Why::TwoReadings("a NUL")),
                b'\\' if !self.postgresql => return Err(Why::TwoReadings("a backslash in a quoted name")),
                b'"' if self.byte(1) == Some(b'"') => self.at += 1,
                b'"' => {
                    self.push(Kind::Quoted, start, self.at);
                    self.at += 1;
                    return Ok(());
                }
                _ => {}
            }
            self.at += 1;
        }
        Err(Why::Unterminated)
    }

    /// `$1`, or a string between two `$tag$`.
    fn dollar(&mut self) -> Result<(), Why> {
        let start = self.at;
        let rest = self.rest().get(1..).unwrap_or_default();
        let word = rest.find(|c: char| !is_name_part(c)).unwrap_or(rest.len());
        let tag = rest.get(..word).unwrap_or_default();
        let closes = rest.as_bytes().get(word) == Some(&b'$');
        if !closes && !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_digit()) {
            self.at += 1 + word;
            self.push(Kind::Parameter, start, self.at);
            return Ok(());
        }
        if !self.postgresql {
            return Err(Why::TwoReadings("a `$`"));
        }
        if !closes || tag.starts_with(|c: char| c.is_ascii_digit()) || !tag.is_ascii() {
            return Err(Why::TwoReadings("a `$` that begins neither a parameter nor a string"));
        }
        let opening = rest.get(word + 1..).unwrap_or_default();
        let delimiter = self.text.get(start..start + word + 2).unwrap_or_default();
        let end = opening.find(delimiter).ok_or(Why::Unterminated)?;
        if opening.get(..end).is_some_and(|inside| inside.contains('\0')) {
            return Err(Why::TwoReadings("a NUL"));
        }
        self.at += delimiter.len() + end + delimiter.len();
        self.push(Kind::Text, start, self.at);
        Ok(())
    }

    /// Digits, with a point and an exponent or without. Where a letter follows, dialects end the number elsewhere.
    /// PostgreSQL's `0x1F`, `0o17`, `0b11` and `1_000` are its own.
    fn number(&mut self) -> Result<(), Why> {
        let start = self.at;
        let radix = match (self.byte(0), self.byte(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => 16,
            (Some(b'0'), Some(b'o' | b'O')) => 8,
            (Some(b'0'), Some(b'b' | b'B')) => 2,
            _ => 10,
        };
        if self.postgresql && radix != 10 {
            self.at += 2;
            while self.byte(0).is_some_and(|b| b == b'_' || char::from(b).is_digit(radix)) {
                self.at += 1;
            }
        }
        self.digits();
        if self.byte(0) == Some(b'.') {
            self.at += 1;
            self.digits();
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
            if self.byte(1 + sign).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1 + sign;
                self.digits();
            }
        }
        self.push(Kind::Number, start, self.at);
        match self.rest().chars().next() {
            Some(c) if is_name_part(c) || matches!(c, '$' | '\'' | '"') => {
                Err(Why::TwoReadings("a number that runs into something else"))
            }
            _ => Ok(()),
        }
    }

    fn digits(&mut self) {
        let digit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_digit());
        while digit(self.byte(0)) || self.postgresql && self.byte(0) == Some(b'_') && digit(self.byte(1)) {
            self.at += 1;
        }
    }

    fn operator(&mut self) -> Result<(), Why> {
        let start = self.at;
        while let Some(byte) = self.byte(0).filter(|byte| is_operator(*byte)) {
            let pair = (byte, self.byte(1));
            if matches!(pair, (b'-', Some(b'-')) | (b'/', Some(b'*'))) {
                break;
            }
            if pair == (b'*', Some(b'/')) {
                return Err(Why::TwoReadings("the end of a comment that has not begun"));
            }
            if byte == b'#' && !self.postgresql {
                return Err(Why::TwoReadings("a `#`"));
            }
            self.at += 1;
        }
        self.push(Kind::Operator, start, self.at);
        Ok(())
    }

    /// A keyword, a name, or what stands before a quote and says how to read it.
    fn word(&mut self) -> Result<(), Why> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c: char| !is_name_part(c)).unwrap_or(rest.len());
        if length == 0 {
            return Err(Why::TwoReadings("a character that is no letter, digit or sign of SQL"));
        }
        self.at += length;
        let word = rest.get(..length).unwrap_or_default();
        match (self.byte(0), self.byte(1)) {
            (Some(b'$'), _) => return Err(Why::TwoReadings("a name with a `$`")),
            (Some(b'"'), _) => return Err(Why::TwoReadings("a quote directly behind a word")),
            (Some(b'&'), Some(b'\'' | b'"')) if word.eq_ignore_ascii_case("u") => {
                return Err(Why::TwoReadings("a string with Unicode escapes"));
            }
            (Some(b'\''), _) => match word {
                "B" | "b" | "X" | "x" | "N" | "n" => return self.string(false),
                "E" | "e" if self.postgresql => return self.string(true),
                // A type and its literal: `date'2026-11-20'`.
                _ if self.postgresql => {}
                _ => return Err(Why::TwoReadings("a quote directly behind a word")),
            },
            _ => {}
        }
        self.push(Kind::Word, start, self.at);
        Ok(())
    }
}

/// Characters of PostgreSQL's operators, without the backtick.
fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' | b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|' | b'?'
    )
}

/// ASCII, and letters of scripts in which no character stands for an ASCII one: neither folds to it (`ſ`, `K`, `ı`) nor is
/// a wide form of it.
fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || c == '_'
        || matches!(c, '\u{c0}'..='\u{24f}' if !matches!(c, '×' | '÷' | 'İ' | 'ı' | 'ſ'))
        || matches!(c, 'Έ'..='ώ' | 'Ѐ'..='ԯ' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='鿿' | '가'..='힣')
}
