//! Expressions: operands and what stands between them, without precedence.

use super::Why;
use super::cursor::{Parsed, Parser};
use super::functions::stores_its_argument;
use super::lexer::Kind;

use super::words::{begins_query, is_function, is_name, is_value};

/// What stands behind an operand.
enum Behind {
    /// An operator; another operand must follow.
    Operator,
    /// Something that needs no further operand.
    Complete,
    /// Nothing of the expression.
    End,
}

impl<'t> Parser<'t> {
    /// Expressions between commas.
    pub(super) fn list(&mut self) -> Parsed {
        loop {
            self.expression()?;
            if !self.take_mark(b',') {
                return Ok(());
            }
        }
    }

    pub(super) fn expression(&mut self) -> Parsed {
        self.deeper()?;
        'operands: loop {
            while self.is("not") || self.token(0).is_some_and(|token| token.kind == Kind::Operator) {
                self.skip(1);
            }
            self.operand()?;
            loop {
                match self.behind_operand()? {
                    Behind::Operator => continue 'operands,
                    Behind::Complete => {}
                    Behind::End => break 'operands,
                }
            }
        }
        self.shallower();
        Ok(())
    }

    fn behind_operand(&mut self) -> Parsed<Behind> {
        let Some(token) = self.token(0) else {
            return Ok(Behind::End);
        };
        match token.kind {
            // Oracle calls a function of another database so, with parentheses or without.
            Kind::Operator if token.text == "@" && self.is_any() => Err(Why::TwoReadings("an `@` behind a name")),
            Kind::Operator if token.text != "=>" => {
                self.skip(1);
                Ok(Behind::Operator)
            }
            Kind::Cast => {
                self.skip(1);
                self.data_type()?;
                Ok(Behind::Complete)
            }
            Kind::Mark(b'[') => {
                self.skip(1);
                if !self.is_mark(0, b':') {
                    self.expression()?;
                }
                if self.take_mark(b':') && !self.is_mark(0, b']') {
                    self.expression()?;
                }
                self.expect_mark(b']')?;
                Ok(Behind::Complete)
            }
            Kind::Mark(b'.') => {
                self.skip(1);
                if !self.take_operator("*") {
                    let name = self.any_name()?;
                    self.allow_member(name)?;
                }
                Ok(Behind::Complete)
            }
            Kind::Word => self.word_behind(),
            _ => Ok(Behind::End),
        }
    }

    fn word_behind(&mut self) -> Parsed<Behind> {
        const OPERATORS: [&str; 12] =
            ["and", "or", "like", "ilike", "in", "between", "similar", "overlaps", "escape", "regexp", "rlike", "glob"];
        let negated = self.is("not");
        let next = self.word(usize::from(negated)).unwrap_or_default();
        if OPERATORS.iter().any(|known| known.eq_ignore_ascii_case(next)) {
            self.skip(usize::from(negated));
            if self.take("similar") {
                self.expect("to")?;
            } else if self.take("between") {
                let _ = self.take("symmetric") || self.take("asymmetric");
            } else {
                self.skip(1);
            }
            return Ok(Behind::Operator);
        }
        if self.take("is") {
            self.take("not");
            if self.take("distinct") {
                self.expect("from")?;
                return Ok(Behind::Operator);
            }
            let state =
                ["null", "true", "false", "unknown", "document", "normalized"].iter().any(|word| self.take(word));
            return if state { Ok(Behind::Complete) } else { Err(self.refusal()) };
        }
        if self.take("isnull") || self.take("notnull") {
            return Ok(Behind::Complete);
        }
        if self.take("collate") {
            self.dotted()?;
            return Ok(Behind::Complete);
        }
        let second = self.word(1).unwrap_or_default();
        if self.is("at") && second.eq_ignore_ascii_case("time") {
            self.skip(2);
            self.expect("zone")?;
            return Ok(Behind::Operator);
        }
        if self.is("operator") && self.is_mark(1, b'(') {
            self.skip(2);
            while self.word(0).is_some() && self.is_mark(1, b'.') {
                self.skip(2);
            }
            if self.token(0).is_none_or(|token| token.kind != Kind::Operator) {
                return Err(self.refusal());
            }
            self.skip(1);
            self.expect_mark(b')')?;
            return Ok(Behind::Operator);
        }
        Ok(Behind::End)
    }

    fn operand(&mut self) -> Parsed {
        let Some(token) = self.token(0) else {
            return Err(self.refusal());
        };
        match token.kind {
            Kind::Number | Kind::Text | Kind::Parameter => {
                self.skip(1);
                Ok(())
            }
            Kind::Mark(b'(') => self.parentheses().map(drop),
            Kind::Quoted => self.named(),
            Kind::Word => self.word_operand(token.text),
            _ => Err(self.refusal()),
        }
    }

    fn word_operand(&mut self, word: &'t str) -> Parsed {
        let parenthesis = self.is_mark(1, b'(');
        if self.take("case") {
            return self.case();
        }
        if self.take("cast") {
            self.expect_mark(b'(')?;
            self.expression()?;
            self.expect("as")?;
            self.data_type()?;
            return self.expect_mark(b')');
        }
        if self.take("array") {
            return if parenthesis { self.parentheses().map(drop) } else { self.elements() };
        }
        let quantified = ["any", "all", "some", "exists", "row"].iter().any(|known| known.eq_ignore_ascii_case(word));
        if parenthesis && quantified {
            self.skip(1);
            return self.parentheses().map(drop);
        }
        if self.is("interval") && self.token(1).is_some_and(|token| token.kind == Kind::Text) {
            self.skip(2);
            self.interval_fields();
            return Ok(());
        }
        if is_value(word) && !parenthesis {
            self.skip(1);
            return Ok(());
        }
        if is_value(word) || is_name(word) || parenthesis && is_function(word) {
            self.named()
        } else {
            Err(self.refusal())
        }
    }

    /// `(…)` with a query or with expressions; `true` for a query.
    fn parentheses(&mut self) -> Parsed<bool> {
        self.deeper()?;
        self.expect_mark(b'(')?;
        let query = if self.word(0).is_some_and(begins_query) {
            self.query()?;
            true
        } else if self.is_mark(0, b'(') {
            // Either the first part of a query, or the first operand of an expression.
            let query = self.parentheses()?;
            if query && self.continues_query() {
                self.rest_of_query()?;
                true
            } else {
                self.rest_of_list()?;
                false
            }
        } else {
            if !self.is_mark(0, b')') {
                self.list()?;
            }
            false
        };
        self.expect_mark(b')')?;
        self.shallower();
        Ok(query)
    }

    /// What follows the first operand of a list.
    fn rest_of_list(&mut self) -> Parsed {
        loop {
            match self.behind_operand()? {
                Behind::Complete => {}
                Behind::Operator => {
                    self.expression()?;
                    break;
                }
                Behind::End => break,
            }
        }
        if self.take_mark(b',') { self.list() } else { Ok(()) }
    }

    fn case(&mut self) -> Parsed {
        if !self.is("when") {
            self.expression()?;
        }
        while self.take("when") {
            self.expression()?;
            self.expect("then")?;
            self.expression()?;
        }
        if self.take("else") {
            self.expression()?;
        }
        self.expect("end")
    }

    /// `[…]` behind `ARRAY`, which may hold further ones.
    fn elements(&mut self) -> Parsed {
        self.deeper()?;
        self.expect_mark(b'[')?;
        while !self.take_mark(b']') {
            if self.is_mark(0, b'[') {
                self.elements()?;
            } else {
                self.expression()?;
            }
            if !self.take_mark(b',') && !self.is_mark(0, b']') {
                return Err(self.refusal());
            }
        }
        self.shallower();
        Ok(())
    }

    fn interval_fields(&mut self) {
        const FIELDS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
        if FIELDS.iter().any(|field| self.take(field)) && self.take("to") {
            let _ = FIELDS.iter().any(|field| self.take(field));
        }
    }

    /// A column, a call, or a type and its literal.
    fn named(&mut self) -> Parsed {
        let first = self.any_name()?;
        let mut name = alloc::vec![first];
        while self.is_mark(0, b'.') {
            self.skip(1);
            if self.take_operator("*") {
                return Ok(());
            }
            name.push(self.any_name()?);
        }
        if self.is_mark(0, b'(') {
            return self.call(&name);
        }
        self.allow_column(&name)?;
        let timed = ["time", "timestamp"].iter().any(|known| known.eq_ignore_ascii_case(first));
        if timed && (self.is("with") || self.is("without")) {
            self.zone()?;
        } else if first.eq_ignore_ascii_case("double") {
            self.take("precision");
        }
        if self.token(0).is_some_and(|token| token.kind == Kind::Text) {
            self.skip(1);
        }
        Ok(())
    }

    /// The arguments of a call and what follows them.
    pub(super) fn call(&mut self, name: &[&str]) -> Parsed {
        const SEPARATORS: [&str; 4] = ["from", "for", "placing", "using"];
        self.allow_call(name)?;
        self.expect_mark(b'(')?;
        if stores_its_argument(name) && !self.is_mark(0, b')') {
            return Err(Why::Function(name.join(".")));
        }
        let _ = ["distinct", "all", "both", "leading", "trailing"].iter().any(|word| self.take(word));
        while !self.take_mark(b')') {
            self.take("variadic");
            // `trim(both from x)` has nothing before the separator.
            if !self.take_operator("*") && !self.is("from") {
                self.expression()?;
                // The value of a named argument.
                if self.take_operator("=>") {
                    self.expression()?;
                }
            }
            if self.take("order") {
                self.expect("by")?;
                self.order()?;
            }
            if self.take("separator") {
                self.expression()?;
            }
            let more = self.take_mark(b',') || SEPARATORS.iter().any(|word| self.take(word));
            if more && self.is_mark(0, b')') || !more && !self.is_mark(0, b')') {
                return Err(self.refusal());
            }
        }
        if self.is("within") && self.word(1).is_some_and(|word| word.eq_ignore_ascii_case("group")) {
            self.skip(2);
            self.expect_mark(b'(')?;
            self.expect("order")?;
            self.expect("by")?;
            self.order()?;
            self.expect_mark(b')')?;
        }
        if self.is("filter") && self.is_mark(1, b'(') {
            self.skip(2);
            self.expect("where")?;
            self.expression()?;
            self.expect_mark(b')')?;
        }
        if self.take("over") {
            if self.take_mark(b'(') { self.window()? } else { self.any_name().map(drop)? }
        }
        Ok(())
    }

    /// A window up to and with its closing parenthesis.
    pub(super) fn window(&mut self) -> Parsed {
        let clause = ["partition", "order", "rows", "range", "groups"].iter().any(|word| self.is(word));
        if !clause && !self.is_mark(0, b')') {
            self.any_name()?;
        }
        if self.take("partition") {
            self.expect("by")?;
            self.list()?;
        }
        if self.take("order") {
            self.expect("by")?;
            self.order()?;
        }
        if self.take("rows") || self.take("range") || self.take("groups") {
            if self.take("between") {
                self.bound()?;
                self.expect("and")?;
            }
            self.bound()?;
            if self.take("exclude") {
                let _ = self.take("current") || self.take("no");
                let _ = ["row", "group", "ties", "others"].iter().any(|word| self.take(word));
            }
        }
        self.expect_mark(b')')
    }

    fn bound(&mut self) -> Parsed {
        if self.take("current") {
            return self.expect("row");
        }
        if !self.take("unbounded") {
            self.expression()?;
        }
        if self.take("preceding") { Ok(()) } else { self.expect("following") }
    }

    pub(super) fn data_type(&mut self) -> Parsed {
        let name = self.dotted()?;
        let is = |known: &[&str]| match name.as_slice() {
            [only] => known.iter().any(|known| known.eq_ignore_ascii_case(only)),
            _ => false,
        };
        if is(&["double"]) {
            self.take("precision");
        }
        if is(&["national"]) {
            let _ = self.take("character") || self.take("char");
        }
        if is(&["character", "char", "bit", "national"]) {
            self.take("varying");
        }
        if is(&["interval"]) {
            self.interval_fields();
        }
        if self.take_mark(b'(') {
            self.list()?;
            self.expect_mark(b')')?;
        }
        if is(&["time", "timestamp"]) && (self.is("with") || self.is("without")) {
            self.zone()?;
        }
        while self.take_mark(b'[') {
            if self.token(0).is_some_and(|token| token.kind == Kind::Number) {
                self.skip(1);
            }
            self.expect_mark(b']')?;
        }
        Ok(())
    }

    fn zone(&mut self) -> Parsed {
        self.skip(1);
        self.expect("time")?;
        self.expect("zone")
    }
}
