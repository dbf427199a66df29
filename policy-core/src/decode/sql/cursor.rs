//! Where the reader stands in the tokens, what it takes from there, and what it says when it does not go on.

use alloc::string::{String, ToString};

use super::functions::{Doubt, doubt, is_called_as_member, is_called_by_name, is_pragma_with_effect};
use super::lexer::{Kind, Token};
use super::words::is_name;
use super::{Dialect, Why};
use crate::limits::SQL_DEPTH;
use crate::policy::SqlReading;

pub(super) type Parsed<T = ()> = Result<T, Why>;

/// Tokens, read from the first to the last, never back.
pub(super) struct Parser<'t> {
    tokens: &'t [Token<'t>],
    at: usize,
    depth: u32,
    catalog: &'t SqlReading,
}

impl<'t> Parser<'t> {
    pub(super) fn new(tokens: &'t [Token<'t>], catalog: &'t SqlReading) -> Self {
        Self { tokens, at: 0, depth: 0, catalog }
    }

    /// Refuses `row.name` where that is a call.
    pub(super) fn allow_member(&self, name: &str) -> Parsed {
        if is_called_as_member(name, self.catalog) { Err(Why::Function(name.to_string())) } else { Ok(()) }
    }

    /// Refuses a column where that is a call.
    pub(super) fn allow_column(&self, name: &[&str]) -> Parsed {
        match name {
            _ if self.is_any() && is_called_by_name(name, self.catalog) => Err(Why::Function(name.join("."))),
            [_, members @ ..] => members.iter().try_for_each(|member| self.allow_member(member)),
            [] => Ok(()),
        }
    }

    /// Refuses a table that does more than to answer.
    pub(super) fn allow_table(&self, name: &[&str]) -> Parsed {
        if self.is_any() && is_pragma_with_effect(name) { Err(Why::Function(name.join("."))) } else { Ok(()) }
    }

    /// Whether the database is not known.
    pub(super) fn is_any(&self) -> bool {
        self.catalog.dialect == Dialect::Any
    }

    /// Refuses a call that does more than to answer.
    pub(super) fn allow_call(&self, name: &[&str]) -> Parsed {
        match doubt(name, self.catalog) {
            None => Ok(()),
            Some(Doubt::Effect) => Err(Why::Function(name.join("."))),
            Some(Doubt::Open) => Err(Why::OpenFunction(name.join("."))),
            Some(Doubt::Spelling) => Err(Why::FunctionName(name.join("."))),
        }
    }

    pub(super) fn name(&mut self) -> Parsed<&'t str> {
        match self.token(0) {
            Some(token) if token.kind == Kind::Quoted || (token.kind == Kind::Word && is_name(token.text)) => {
                self.at += 1;
                Ok(token.text)
            }
            _ => Err(self.refusal()),
        }
    }

    /// A name where every word is one.
    pub(super) fn any_name(&mut self) -> Parsed<&'t str> {
        match self.token(0) {
            Some(token) if matches!(token.kind, Kind::Word | Kind::Quoted) => {
                self.at += 1;
                Ok(token.text)
            }
            _ => Err(self.refusal()),
        }
    }

    pub(super) fn deeper(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > SQL_DEPTH { Err(Why::TooDeep) } else { Ok(()) }
    }

    pub(super) fn shallower(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn token(&self, ahead: usize) -> Option<Token<'t>> {
        self.tokens.get(self.at + ahead).copied()
    }

    pub(super) fn behind(&self) -> Option<Token<'t>> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).copied()
    }

    pub(super) fn skip(&mut self, tokens: usize) {
        self.at += tokens;
    }

    pub(super) fn word(&self, ahead: usize) -> Option<&'t str> {
        self.token(ahead).filter(|token| token.kind == Kind::Word).map(|token| token.text)
    }

    pub(super) fn is(&self, keyword: &str) -> bool {
        self.word(0).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let taken = self.is(keyword);
        self.at += usize::from(taken);
        taken
    }

    pub(super) fn expect(&mut self, keyword: &str) -> Parsed {
        if self.take(keyword) { Ok(()) } else { Err(self.refusal()) }
    }

    pub(super) fn is_mark(&self, ahead: usize, mark: u8) -> bool {
        self.token(ahead).is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    pub(super) fn take_mark(&mut self, mark: u8) -> bool {
        let taken = self.is_mark(0, mark);
        self.at += usize::from(taken);
        taken
    }

    pub(super) fn expect_mark(&mut self, mark: u8) -> Parsed {
        if self.take_mark(mark) { Ok(()) } else { Err(self.refusal()) }
    }

    pub(super) fn is_operator(&self, ahead: usize, text: &str) -> bool {
        self.token(ahead).is_some_and(|token| token.kind == Kind::Operator && token.text == text)
    }

    pub(super) fn take_operator(&mut self, text: &str) -> bool {
        let taken = self.is_operator(0, text);
        self.at += usize::from(taken);
        taken
    }

    pub(super) fn expect_operator(&mut self, text: &str) -> Parsed {
        if self.take_operator(text) { Ok(()) } else { Err(self.refusal()) }
    }

    pub(super) fn not_a_query(&self) -> Why {
        match self.token(0) {
            Some(token) if token.kind == Kind::Word => Why::Statement(token.text.to_string()),
            _ => self.refusal(),
        }
    }

    /// What is wrong with what stands here.
    pub(super) fn refusal(&self) -> Why {
        match self.token(0) {
            Some(token) if token.kind == Kind::Mark(b';') => Why::SeveralStatements,
            Some(token) if token.kind == Kind::Word && token.text.eq_ignore_ascii_case("into") => Why::Into,
            Some(token) if token.kind == Kind::Word && token.text.eq_ignore_ascii_case("for") => Why::Locks,
            Some(token) => Why::NotUnderstood(token.text.to_string()),
            None => Why::NotUnderstood(String::new()),
        }
    }
}
