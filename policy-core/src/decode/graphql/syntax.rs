//! The executable definitions of a document (specification §2.2 to §2.12): exactly one operation, any fragments.
//!
//! What stands below a root field is held to the grammar and not kept. Recursion is as deep as the document, which is
//! bounded.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::names::Names;
use super::token::{Lexer, Token, TokenKind};
use super::{Fault, OperationType, text};
use crate::limits::GRAPHQL_DEPTH;
use crate::quote::quote;

/// A document with one operation.
#[derive(Debug)]
pub(super) struct Syntax<'t> {
    pub(super) operation: OperationDefinition<'t>,
    pub(super) fragments: Vec<Fragment<'t>>,
    /// Arguments of root fields and defaults of variables, each value followed by what is in it.
    pub(super) literals: Vec<Literal<'t>>,
    /// Strings that are not in the text as they are.
    pub(super) texts: Vec<String>,
}

#[derive(Debug)]
pub(super) struct OperationDefinition<'t> {
    pub(super) kind: OperationType,
    pub(super) name: Option<&'t str>,
    pub(super) variables: Vec<Variable<'t>>,
    pub(super) directives: Vec<Mention<'t>>,
    pub(super) selections: Vec<Selection<'t>>,
    /// Fragments that are spread anywhere in it.
    pub(super) spreads: Vec<Mention<'t>>,
}

#[derive(Debug)]
pub(super) struct Fragment<'t> {
    pub(super) name: Mention<'t>,
    pub(super) directives: Vec<Mention<'t>>,
    pub(super) selections: Vec<Selection<'t>>,
    pub(super) spreads: Vec<Mention<'t>>,
}

/// A name, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mention<'t> {
    pub(super) name: &'t str,
    pub(super) at: usize,
}

#[derive(Debug)]
pub(super) struct Variable<'t> {
    pub(super) name: Mention<'t>,
    pub(super) non_null: bool,
    /// Index of its default among the literals.
    pub(super) default: Option<usize>,
}

/// One selection at the top of an operation or of a fragment.
#[derive(Debug)]
pub(super) enum Selection<'t> {
    Field {
        name: Mention<'t>,
        /// Index of the object of its arguments among the literals.
        arguments: Option<usize>,
        directives: Vec<Mention<'t>>,
    },
    Spread {
        name: Mention<'t>,
        directives: Vec<Mention<'t>>,
    },
    /// An inline fragment. Its type condition is not kept: without a schema it excludes nothing.
    Inline {
        directives: Vec<Mention<'t>>,
        selections: Vec<Selection<'t>>,
    },
}

/// A value as the document writes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Literal<'t> {
    /// Its name as an argument or as a field of an object; empty elsewhere.
    pub(super) name: &'t str,
    pub(super) kind: LiteralKind<'t>,
    pub(super) at: usize,
    /// Index of the literal behind this one and all that is in it.
    pub(super) after: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum LiteralKind<'t> {
    Variable(&'t str),
    Number(&'t str),
    /// What stands between the quotes, and whether there is an escape in it.
    Quoted(&'t str, bool),
    Block(&'t str),
    Enum(&'t str),
    Boolean(bool),
    Null,
    List,
    Object,
}

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<Syntax<'_>, Fault> {
    let mut lexer = Lexer::new(text);
    let token = lexer.token()?;
    let mut parser = Parser { text, lexer, token, literals: Vec::new(), texts: Vec::new(), spreads: Vec::new() };
    let mut operation = None;
    let mut fragments = Vec::new();
    while parser.token.kind != TokenKind::End {
        let at = parser.token.start;
        if parser.peek_name() == Some("fragment") {
            fragments.push(parser.fragment()?);
        } else if operation.replace(parser.operation()?).is_some() {
            return Err(Fault::new(at, "has more than one operation; send one document per operation"));
        }
    }
    let operation = operation.ok_or_else(|| Fault::new(parser.token.start, "has no operation"))?;
    Ok(Syntax { operation, fragments, literals: parser.literals, texts: parser.texts })
}

#[derive(Debug)]
struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    /// The token to be read next.
    token: Token,
    literals: Vec<Literal<'t>>,
    texts: Vec<String>,
    spreads: Vec<Mention<'t>>,
}

impl<'t> Parser<'t> {
    /// Takes the token and goes on to the next.
    fn step(&mut self) -> Result<Token, Fault> {
        let next = self.lexer.token()?;
        Ok(core::mem::replace(&mut self.token, next))
    }

    fn source(&self, token: Token) -> &'t str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    fn peek_name(&self) -> Option<&'t str> {
        (self.token.kind == TokenKind::Name).then(|| self.source(self.token))
    }

    fn peek(&self, punctuator: u8) -> bool {
        self.token.kind == TokenKind::Punctuator(punctuator)
    }

    /// Takes the punctuator if it is next.
    fn take(&mut self, punctuator: u8) -> Result<bool, Fault> {
        let found = self.peek(punctuator);
        if found {
            self.step()?;
        }
        Ok(found)
    }

    fn expect(&mut self, punctuator: u8) -> Result<(), Fault> {
        if self.take(punctuator)? {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{}`", char::from(punctuator))))
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = match self.token.kind {
            TokenKind::End => String::from("its end"),
            _ => quote(self.source(self.token)),
        };
        Fault::new(self.token.start, format!("has {found} where {wanted} is due"))
    }

    fn name(&mut self) -> Result<Mention<'t>, Fault> {
        let Some(name) = self.peek_name() else { return Err(self.unexpected("a name")) };
        let at = self.step()?.start;
        Ok(Mention { name, at })
    }

    fn deeper(&self, depth: usize) -> Result<usize, Fault> {
        if depth < GRAPHQL_DEPTH {
            return Ok(depth + 1);
        }
        Err(Fault::new(self.token.start, format!("is nested deeper than {GRAPHQL_DEPTH} levels")))
    }

    fn operation(&mut self) -> Result<OperationDefinition<'t>, Fault> {
        let kind = match self.peek_name() {
            Some("query") => OperationType::Query,
            Some("mutation") => OperationType::Mutation,
            Some("subscription") => OperationType::Subscription,
            None if self.peek(b'{') => {
                let selections = self.selections(0, true)?;
                let spreads = core::mem::take(&mut self.spreads);
                let (name, variables, directives) = (None, Vec::new(), Vec::new());
                let kind = OperationType::Query;
                return Ok(OperationDefinition { kind, name, variables, directives, selections, spreads });
            }
            _ => return Err(self.unexpected("an operation or a fragment")),
        };
        self.step()?;
        let name = self.peek_name();
        if name.is_some() {
            self.step()?;
        }
        let variables = if self.peek(b'(') { self.variables()? } else { Vec::new() };
        let directives = self.directives(0)?;
        let selections = self.selections(0, true)?;
        let spreads = core::mem::take(&mut self.spreads);
        Ok(OperationDefinition { kind, name, variables, directives, selections, spreads })
    }

    fn fragment(&mut self) -> Result<Fragment<'t>, Fault> {
        self.step()?;
        if self.peek_name() == Some("on") {
            return Err(self.unexpected("the name of the fragment"));
        }
        let name = self.name()?;
        if self.peek_name() != Some("on") {
            return Err(self.unexpected("`on`"));
        }
        self.step()?;
        self.name()?;
        let directives = self.directives(0)?;
        let selections = self.selections(0, true)?;
        let spreads = core::mem::take(&mut self.spreads);
        Ok(Fragment { name, directives, selections, spreads })
    }

    fn variables(&mut self) -> Result<Vec<Variable<'t>>, Fault> {
        self.expect(b'(')?;
        let mut variables: Vec<Variable<'t>> = Vec::new();
        while !self.take(b')')? {
            self.expect(b'$')?;
            let name = self.name()?;
            self.expect(b':')?;
            let non_null = self.variable_type()?;
            let default = if self.take(b'=')? { Some(self.value("", 0, false)?) } else { None };
            if self.peek(b'@') {
                return Err(Fault::new(self.token.start, "has a directive on a variable; leave it out"));
            }
            variables.push(Variable { name, non_null, default });
        }
        if let Some((name, at)) = Names::of(variables.iter().map(|one| (one.name.name, one.name.at))).twice() {
            return Err(Fault::new(at, format!("defines the variable {} twice", quote(name))));
        }
        if variables.is_empty() {
            return Err(self.unexpected("a variable between the parentheses"));
        }
        Ok(variables)
    }

    /// Reads a type; whether it excludes `null`.
    fn variable_type(&mut self) -> Result<bool, Fault> {
        let mut lists = 0usize;
        while self.take(b'[')? {
            lists = self.deeper(lists)?;
        }
        self.name()?;
        let mut non_null = self.take(b'!')?;
        for _ in 0..lists {
            self.expect(b']')?;
            non_null = self.take(b'!')?;
        }
        Ok(non_null)
    }

    fn directives(&mut self, depth: usize) -> Result<Vec<Mention<'t>>, Fault> {
        let mut directives = Vec::new();
        while self.take(b'@')? {
            directives.push(self.name()?);
            let before = self.literals.len();
            self.arguments(depth)?;
            self.literals.truncate(before);
        }
        Ok(directives)
    }

    /// Arguments in parentheses, if there are any, as an object.
    fn arguments(&mut self, depth: usize) -> Result<Option<usize>, Fault> {
        if !self.peek(b'(') {
            return Ok(None);
        }
        let object = self.open("", LiteralKind::Object)?;
        let depth = self.deeper(depth)?;
        if self.peek(b')') {
            return Err(self.unexpected("an argument between the parentheses"));
        }
        self.members(b')', "argument", depth, true)?;
        self.close(object);
        Ok(Some(object))
    }

    /// `name: value` up to the closing punctuator; no name twice.
    fn members(&mut self, closing: u8, what: &str, depth: usize, variables: bool) -> Result<(), Fault> {
        let mut names = Vec::new();
        while !self.take(closing)? {
            let name = self.name()?;
            names.push((name.name, name.at));
            self.expect(b':')?;
            self.value(name.name, depth, variables)?;
        }
        match Names::of(names.into_iter()).twice() {
            Some((name, at)) => Err(Fault::new(at, format!("names the {what} {} twice", quote(name)))),
            None => Ok(()),
        }
    }

    /// Adds a literal whose first token is next, and takes that.
    fn open(&mut self, name: &'t str, kind: LiteralKind<'t>) -> Result<usize, Fault> {
        let at = self.step()?.start;
        let index = self.literals.len();
        self.literals.push(Literal { name, kind, at, after: index + 1 });
        Ok(index)
    }

    fn close(&mut self, index: usize) {
        let after = self.literals.len();
        if let Some(literal) = self.literals.get_mut(index) {
            literal.after = after;
        }
    }

    /// Reads a value; its index among the literals. Without `variables` it is a constant.
    fn value(&mut self, name: &'t str, depth: usize, variables: bool) -> Result<usize, Fault> {
        let source = self.source(self.token);
        let within = |quotes: usize| source.get(quotes..source.len().saturating_sub(quotes)).unwrap_or_default();
        let kind = match self.token.kind {
            TokenKind::Number => LiteralKind::Number(source),
            TokenKind::Quoted { escaped } => {
                if escaped {
                    self.texts.push(text::quoted(within(1)));
                }
                LiteralKind::Quoted(within(1), escaped)
            }
            TokenKind::Block => {
                self.texts.push(text::block(within(3)));
                LiteralKind::Block(within(3))
            }
            TokenKind::Name => match source {
                "true" => LiteralKind::Boolean(true),
                "false" => LiteralKind::Boolean(false),
                "null" => LiteralKind::Null,
                name => LiteralKind::Enum(name),
            },
            TokenKind::Punctuator(b'$') if variables => {
                let index = self.open(name, LiteralKind::Null)?;
                let variable = self.name()?;
                if let Some(literal) = self.literals.get_mut(index) {
                    literal.kind = LiteralKind::Variable(variable.name);
                }
                return Ok(index);
            }
            TokenKind::Punctuator(b'$') => {
                return Err(Fault::new(self.token.start, "has a variable in a default; write a constant"));
            }
            TokenKind::Punctuator(b'[') => {
                let depth = self.deeper(depth)?;
                let list = self.open(name, LiteralKind::List)?;
                while !self.take(b']')? {
                    self.value("", depth, variables)?;
                }
                self.close(list);
                return Ok(list);
            }
            TokenKind::Punctuator(b'{') => {
                let depth = self.deeper(depth)?;
                let object = self.open(name, LiteralKind::Object)?;
                self.members(b'}', "field", depth, variables)?;
                self.close(object);
                return Ok(object);
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.open(name, kind)
    }

    /// `{ … }`: one selection or more. Without `kept` they are read and forgotten.
    fn selections(&mut self, depth: usize, kept: bool) -> Result<Vec<Selection<'t>>, Fault> {
        let depth = self.deeper(depth)?;
        self.expect(b'{')?;
        let mut selections = Vec::new();
        if self.peek(b'}') {
            return Err(self.unexpected("a field between the braces"));
        }
        while !self.take(b'}')? {
            let before = self.literals.len();
            let selection = match self.token.kind {
                TokenKind::Spread => self.fragment_use(depth, kept)?,
                _ => self.field(depth)?,
            };
            if kept {
                selections.push(selection);
            } else {
                self.literals.truncate(before);
            }
        }
        Ok(selections)
    }

    fn field(&mut self, depth: usize) -> Result<Selection<'t>, Fault> {
        let mut name = self.name()?;
        if self.take(b':')? {
            name = self.name()?;
        }
        let arguments = self.arguments(depth)?;
        let directives = self.directives(depth)?;
        if self.peek(b'{') {
            self.selections(depth, false)?;
        }
        Ok(Selection::Field { name, arguments, directives })
    }

    /// A spread, or an inline fragment.
    fn fragment_use(&mut self, depth: usize, kept: bool) -> Result<Selection<'t>, Fault> {
        self.step()?;
        match self.peek_name() {
            Some("on") => {
                self.step()?;
                self.name()?;
            }
            Some(_) => {
                let name = self.name()?;
                self.spreads.push(name);
                return Ok(Selection::Spread { name, directives: self.directives(depth)? });
            }
            None => {}
        }
        let directives = self.directives(depth)?;
        Ok(Selection::Inline { directives, selections: self.selections(depth, kept)? })
    }
}
