//! Statements and queries: what stands around expressions.
//!
//! The reader knows no precedence and is lenient where leniency cannot let a write through: a text that PostgreSQL would
//! call wrong may pass. What must hold: each query begins with a word of a query, nothing stands behind it, and every
//! call goes through [`Parser::call`](super::expression).

use alloc::vec::Vec;

use super::Why;
use super::cursor::{Parsed, Parser};
use super::lexer::Kind;
use super::words::{begins_query, is_bare_label, is_lock_hint, is_read_hint};

impl<'t> Parser<'t> {
    /// The whole text: one statement that reads.
    pub(super) fn statement(&mut self) -> Parsed {
        if self.word(0).is_some_and(|word| !begins_query(word) && !word.eq_ignore_ascii_case("explain")) {
            return Err(self.not_a_query());
        }
        if self.take("explain") {
            self.explain_options()?;
        }
        self.query()?;
        self.take_mark(b';');
        match self.token(0) {
            None => Ok(()),
            Some(_) if self.behind().is_some_and(|token| token.kind == Kind::Mark(b';')) => Err(Why::SeveralStatements),
            Some(_) => Err(self.refusal()),
        }
    }

    fn explain_options(&mut self) -> Parsed {
        let option_list = self.is_mark(0, b'(') && self.word(1).is_some_and(|word| !begins_query(word));
        if option_list {
            self.skip(1);
            while !self.take_mark(b')') {
                match self.token(0).map(|token| token.kind) {
                    Some(Kind::Word | Kind::Text | Kind::Number | Kind::Mark(b',')) => self.skip(1),
                    _ => return Err(self.refusal()),
                }
            }
        } else if self.take("query") {
            self.expect("plan")?;
        } else if self.take("format") {
            self.expect_operator("=")?;
            self.name()?;
        } else {
            let _ = self.take("analyze") || self.take("analyse");
            self.take("verbose");
        }
        Ok(())
    }

    /// A query with everything behind it.
    pub(super) fn query(&mut self) -> Parsed {
        self.deeper()?;
        if self.take("with") {
            self.take("recursive");
            loop {
                self.with_item()?;
                if !self.take_mark(b',') {
                    break;
                }
            }
        }
        self.term()?;
        self.rest_of_query()?;
        self.shallower();
        Ok(())
    }

    fn with_item(&mut self) -> Parsed {
        self.name()?;
        if self.is_mark(0, b'(') {
            self.names()?;
        }
        self.expect("as")?;
        self.take("not");
        self.take("materialized");
        self.expect_mark(b'(')?;
        self.query()?;
        self.expect_mark(b')')
    }

    fn term(&mut self) -> Parsed {
        if self.take("select") {
            self.select()
        } else if self.take("values") {
            self.values()
        } else if self.take("table") {
            self.take("only");
            let name = self.dotted()?;
            self.allow_table(&name)
        } else if self.take_mark(b'(') {
            self.query()?;
            self.expect_mark(b')')
        } else {
            Err(self.not_a_query())
        }
    }

    /// Set operations, order and bounds.
    pub(super) fn rest_of_query(&mut self) -> Parsed {
        loop {
            if self.take("union") || self.take("intersect") || self.take("except") {
                let _ = self.take("all") || self.take("distinct");
                self.term()?;
            } else if self.take("order") {
                self.expect("by")?;
                self.order()?;
            } else if self.take("limit") {
                if !self.take("all") {
                    self.list()?;
                }
            } else if self.take("offset") {
                self.expression()?;
                let _ = self.take("row") || self.take("rows");
            } else if self.take("fetch") {
                let _ = self.take("first") || self.take("next");
                if !self.is("row") && !self.is("rows") {
                    self.expression()?;
                }
                let _ = self.take("row") || self.take("rows");
                if self.take("with") {
                    self.expect("ties")?;
                } else {
                    self.expect("only")?;
                }
            } else {
                return Ok(());
            }
        }
    }

    fn values(&mut self) -> Parsed {
        loop {
            self.take("row");
            self.expect_mark(b'(')?;
            self.list()?;
            self.expect_mark(b')')?;
            if !self.take_mark(b',') {
                return Ok(());
            }
        }
    }

    fn select(&mut self) -> Parsed {
        if self.take("distinct") {
            if self.take("on") {
                self.expect_mark(b'(')?;
                self.list()?;
                self.expect_mark(b')')?;
            }
        } else {
            self.take("all");
        }
        // SQL Server's bound.
        if self.is("top") && self.token(1).is_some_and(|token| token.kind == Kind::Number) {
            self.skip(2);
        }
        if !self.is("from") {
            self.targets()?;
        }
        if self.take("from") {
            self.tables()?;
        }
        if self.take("where") {
            self.expression()?;
        }
        if self.take("group") {
            self.expect("by")?;
            let _ = self.take("all") || self.take("distinct");
            self.groups()?;
        }
        if self.take("having") {
            self.expression()?;
        }
        if self.take("window") {
            loop {
                self.name()?;
                self.expect("as")?;
                self.expect_mark(b'(')?;
                self.window()?;
                if !self.take_mark(b',') {
                    break;
                }
            }
        }
        Ok(())
    }

    fn targets(&mut self) -> Parsed {
        loop {
            if !self.take_operator("*") {
                self.expression()?;
                if self.take("as") {
                    // Any word is a name here.
                    self.any_name()?;
                } else {
                    self.bare_label();
                }
            }
            if !self.take_mark(b',') {
                return Ok(());
            }
        }
    }

    /// A name without `AS`, if one follows.
    fn bare_label(&mut self) -> bool {
        let follows = match self.token(0) {
            Some(token) if token.kind == Kind::Word => is_bare_label(token.text),
            Some(token) => token.kind == Kind::Quoted,
            None => false,
        };
        self.skip(usize::from(follows));
        follows
    }

    fn groups(&mut self) -> Parsed {
        loop {
            if self.is("grouping") && self.word(1).is_some_and(|word| word.eq_ignore_ascii_case("sets")) {
                self.skip(2);
                self.deeper()?;
                self.expect_mark(b'(')?;
                self.groups()?;
                self.expect_mark(b')')?;
                self.shallower();
            } else {
                self.expression()?;
            }
            if !self.take_mark(b',') {
                return Ok(());
            }
        }
    }

    /// Expressions to order by, with their directions.
    pub(super) fn order(&mut self) -> Parsed {
        loop {
            self.expression()?;
            let _ = self.take("asc") || self.take("desc");
            if self.take("nulls") && !self.take("first") {
                self.expect("last")?;
            }
            if !self.take_mark(b',') {
                return Ok(());
            }
        }
    }

    fn tables(&mut self) -> Parsed {
        loop {
            self.joined()?;
            if !self.take_mark(b',') {
                return Ok(());
            }
        }
    }

    /// A table and what is joined to it.
    fn joined(&mut self) -> Parsed {
        self.table()?;
        self.rest_of_join()
    }

    fn rest_of_join(&mut self) -> Parsed {
        loop {
            let natural = self.take("natural");
            let kind = if self.take("left") || self.take("right") || self.take("full") {
                self.take("outer");
                true
            } else {
                self.take("inner") || self.take("cross")
            };
            if natural || kind || self.is("join") {
                self.expect("join")?;
                self.table()?;
            } else if self.take("on") {
                self.expression()?;
            } else if self.take("using") {
                self.names()?;
                if self.take("as") {
                    self.name()?;
                }
            } else {
                return Ok(());
            }
        }
    }

    fn table(&mut self) -> Parsed {
        self.take("lateral");
        if self.is_mark(0, b'(') {
            self.table_in_parentheses()?;
        } else if self.is("rows") && self.word(1).is_some_and(|word| word.eq_ignore_ascii_case("from")) {
            self.skip(2);
            self.expect_mark(b'(')?;
            self.list()?;
            self.expect_mark(b')')?;
        } else {
            self.take("only");
            let name = self.dotted()?;
            if self.is_mark(0, b'(') {
                self.allow_hints()?;
                self.call(&name)?;
            } else {
                self.allow_table(&name)?;
                self.take_operator("*");
            }
        }
        if self.is("with") && self.word(1).is_some_and(|word| word.eq_ignore_ascii_case("ordinality")) {
            self.skip(2);
        }
        self.alias()?;
        if self.take("tablesample") {
            let name = self.dotted()?;
            self.call(&name)?;
            if self.take("repeatable") {
                self.expect_mark(b'(')?;
                self.expression()?;
                self.expect_mark(b')')?;
            }
        }
        if self.is("with") && self.is_mark(1, b'(') {
            self.skip(1);
            self.hints()?;
        }
        Ok(())
    }

    /// SQL Server's hints behind a table.
    fn hints(&mut self) -> Parsed {
        self.allow_hints()?;
        self.expect_mark(b'(')?;
        while !self.take_mark(b')') {
            match self.word(0) {
                Some(word) if is_read_hint(word) => self.skip(1),
                _ => return Err(self.refusal()),
            }
            self.take_mark(b',');
        }
        Ok(())
    }

    /// Refuses parentheses behind a table that hold a word by which SQL Server locks it, `WITH` before them or not.
    fn allow_hints(&self) -> Parsed {
        if !self.is_any() {
            return Ok(());
        }
        let mut depth = 0_u32;
        for ahead in 0.. {
            match self.token(ahead) {
                Some(token) if token.kind == Kind::Mark(b'(') => depth += 1,
                Some(token) if token.kind == Kind::Mark(b')') => depth = depth.saturating_sub(1),
                Some(token) if token.kind == Kind::Word && is_lock_hint(token.text) => {
                    return Err(Why::Locks);
                }
                Some(_) => {}
                None => break,
            }
            if depth == 0 {
                break;
            }
        }
        Ok(())
    }

    /// A query, or tables joined; `true` for a query.
    fn table_in_parentheses(&mut self) -> Parsed<bool> {
        self.deeper()?;
        self.expect_mark(b'(')?;
        let query = if self.word(0).is_some_and(begins_query) {
            self.query()?;
            true
        } else if self.is_mark(0, b'(') {
            let query = self.table_in_parentheses()?;
            if query && self.continues_query() {
                self.rest_of_query()?;
                true
            } else {
                self.alias()?;
                self.rest_of_join()?;
                false
            }
        } else {
            self.joined()?;
            false
        };
        self.expect_mark(b')')?;
        self.shallower();
        Ok(query)
    }

    /// After a query in parentheses: what can only belong to a query around it, or its end.
    pub(super) fn continues_query(&self) -> bool {
        ["union", "intersect", "except", "order", "limit", "offset", "fetch"].iter().any(|word| self.is(word))
            || self.is_mark(0, b')')
    }

    fn alias(&mut self) -> Parsed {
        let named = if self.take("as") {
            if !self.is_mark(0, b'(') {
                self.name()?;
            }
            true
        } else {
            self.bare_label()
        };
        if !named || !self.is_mark(0, b'(') {
            return Ok(());
        }
        self.allow_hints()?;
        self.skip(1);
        // Columns, with types where a function does not know them.
        loop {
            self.name()?;
            if !self.is_mark(0, b',') && !self.is_mark(0, b')') {
                self.data_type()?;
            }
            if !self.take_mark(b',') {
                return self.expect_mark(b')');
            }
        }
    }

    fn names(&mut self) -> Parsed {
        self.expect_mark(b'(')?;
        loop {
            self.name()?;
            if !self.take_mark(b',') {
                return self.expect_mark(b')');
            }
        }
    }

    /// A name with what stands before it: `schema.table`.
    pub(super) fn dotted(&mut self) -> Parsed<Vec<&'t str>> {
        let mut parts = alloc::vec![self.name()?];
        while self.is_mark(0, b'.') && !self.is_operator(1, "*") {
            self.skip(1);
            parts.push(self.any_name()?);
        }
        Ok(parts)
    }
}
