//! The arguments of each root field, as the server will see them (specification §6.1.2 and §6.4.1): variables by their
//! values or defaults, everything else as it is written.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::names::Names;
use super::roots::Root;
use super::syntax::{Literal, LiteralKind, Syntax};
use super::{Fault, RootField, text};
use crate::document::{Builder, Document, Kind, Label, Open, Value, pointer_token};
use crate::limits::{JSON_DEPTH, JSON_VALUES};
use crate::number::Decimal;
use crate::quote::quote;
use crate::reason::{Code, Reason};

/// Puts the arguments of every root field together.
pub(super) fn resolve<'t>(
    syntax: &'t Syntax<'t>,
    roots: &[Root<'t>],
    query: &str,
    variables: Option<Value<'_>>,
) -> Result<Vec<RootField>, Reason> {
    let source = query.len().saturating_add(variables.map_or(0, |value| value.span().len()));
    let mut resolver = Resolver {
        literals: &syntax.literals,
        names: Names::of(syntax.operation.variables.iter().zip(0..).map(|(one, index)| (one.name.name, index))),
        bound: bind(syntax, variables)?,
        values: JSON_VALUES,
        // A variable may be used again and again: what comes of it stays in proportion to what was sent.
        bytes: source.saturating_mul(4),
        builder: Builder::typed(),
    };
    let mut fields = Vec::with_capacity(roots.len());
    for root in roots {
        let arguments = resolver.document(root.arguments).map_err(|fault| fault.reason(query))?;
        fields.push(RootField { name: root.name.to_string(), arguments });
    }
    Ok(fields)
}

/// What stands for a variable.
#[derive(Clone, Copy, Debug)]
enum Bound<'v> {
    Given(Value<'v>),
    /// Index of the default among the literals.
    Default(usize),
    Nothing,
}

/// CoerceVariableValues of the specification, as far as it goes without a schema: one for each variable.
fn bind<'v>(syntax: &Syntax<'_>, variables: Option<Value<'v>>) -> Result<Vec<Bound<'v>>, Reason> {
    let given: Vec<Value<'v>> = match variables.map(|value| (value, value.kind())) {
        None | Some((_, Kind::Null)) => Vec::new(),
        Some((object, Kind::Object)) => object.children().collect(),
        Some((_, other)) => {
            let message = format!("`variables` is {}; write a JSON object", other.with_article());
            return Err(Reason { code: Code::GraphqlShape, message, pointer: Some("/variables".to_string()) });
        }
    };
    let names = Names::of(given.iter().zip(0..).map(|(value, index)| (value.name(), index)));
    let mut bound = Vec::with_capacity(syntax.operation.variables.len());
    for variable in &syntax.operation.variables {
        let name = variable.name.name;
        let value = names.find(name).and_then(|index| given.get(index)).copied();
        bound.push(match (value, variable.default) {
            (Some(value), _) if variable.non_null && value.kind() == Kind::Null => {
                return Err(lacking(name, "is `null`, and its type excludes that"));
            }
            (Some(value), _) => Bound::Given(value),
            (None, Some(default)) => Bound::Default(default),
            (None, None) if variable.non_null => return Err(lacking(name, "has no value, and its type asks for one")),
            (None, None) => Bound::Nothing,
        });
    }
    Ok(bound)
}

fn lacking(name: &str, what: &str) -> Reason {
    let pointer = Some(format!("/variables/{}", pointer_token(name)));
    Reason { code: Code::GraphqlShape, message: format!("the variable {} {what}", quote(name)), pointer }
}

#[derive(Debug)]
struct Resolver<'v> {
    literals: &'v [Literal<'v>],
    /// Numbers of the variables.
    names: Names<'v>,
    bound: Vec<Bound<'v>>,
    /// Values that may still be built.
    values: usize,
    /// Bytes of text that may still be built.
    bytes: usize,
    builder: Builder,
}

impl<'v> Resolver<'v> {
    fn document(&mut self, arguments: Option<usize>) -> Result<Document, Fault> {
        match arguments {
            Some(index) => self.literal("", index, 1)?,
            None => {
                let root = self.builder.object(&Label::default());
                self.builder.close(root);
            }
        }
        Ok(core::mem::replace(&mut self.builder, Builder::typed()).finish())
    }

    /// Adds a literal under a name; recursion is bounded by the depth.
    fn literal(&mut self, name: &str, index: usize, depth: usize) -> Result<(), Fault> {
        let Some(literal) = self.literals.get(index).copied() else { return Ok(()) };
        let at = literal.at;
        let label = Label { name, place: 0..0 };
        match literal.kind {
            LiteralKind::Variable(variable) => match self.bound(variable) {
                Some(Bound::Given(value)) => self.given(&label, value, at, depth),
                // A default holds no variable: this goes one level down.
                Some(Bound::Default(index)) => self.literal(name, index, depth),
                Some(Bound::Nothing) => Ok(()),
                None => {
                    let what = format!("uses the variable {}, which it does not define", quote(variable));
                    Err(Fault::new(at, what))
                }
            },
            LiteralKind::Quoted(contents, false) => self.string(&label, contents, at, depth),
            LiteralKind::Quoted(contents, true) => self.string(&label, &text::quoted(contents), at, depth),
            LiteralKind::Block(contents) if text::agreed(contents) => {
                self.string(&label, &text::block(contents), at, depth)
            }
            LiteralKind::Block(_) => {
                let what = "has a block string with a CR, an escape or a tab that indents: servers disagree on its \
                            value; write a string in plain quotes, or a variable";
                Err(Fault::new(at, what))
            }
            LiteralKind::Enum(value) => self.string(&label, value, at, depth),
            LiteralKind::Number(number) if Decimal::parse_json(number).is_err() => {
                Err(Fault::new(at, format!("has {}, which cannot be held exactly", quote(number))))
            }
            LiteralKind::Number(number) => self.number(&label, number, at, depth),
            LiteralKind::Boolean(value) => self.scalar(&label, Kind::Bool(value), at, depth),
            LiteralKind::Null => self.scalar(&label, Kind::Null, at, depth),
            LiteralKind::List => {
                let list = self.open(&label, Kind::Array, at, depth)?;
                self.within(index, literal, depth)?;
                self.builder.close(list);
                Ok(())
            }
            LiteralKind::Object => {
                let object = self.open(&label, Kind::Object, at, depth)?;
                self.within(index, literal, depth)?;
                self.builder.close(object);
                Ok(())
            }
        }
    }

    /// Adds what stands in a list or an object.
    fn within(&mut self, index: usize, container: Literal<'v>, depth: usize) -> Result<(), Fault> {
        let mut next = index + 1;
        while next < container.after {
            let Some(child) = self.literals.get(next).copied() else { break };
            match (container.kind, child.kind) {
                // A variable without a value is `null` in a list, elsewhere nothing.
                (LiteralKind::List, LiteralKind::Variable(variable))
                    if matches!(self.bound(variable), Some(Bound::Nothing)) =>
                {
                    self.scalar(&Label::default(), Kind::Null, child.at, depth + 1)?;
                }
                _ => self.literal(child.name, next, depth + 1)?,
            }
            next = child.after.max(next + 1);
        }
        Ok(())
    }

    /// Adds the value of a variable; recursion is bounded by the depth.
    fn given(&mut self, label: &Label<'_>, value: Value<'_>, at: usize, depth: usize) -> Result<(), Fault> {
        match value.kind() {
            Kind::String => self.string(label, value.string().unwrap_or_default(), at, depth),
            Kind::Number => self.number(label, value.number().unwrap_or_default(), at, depth),
            kind @ (Kind::Null | Kind::Bool(_)) => self.scalar(label, kind, at, depth),
            kind @ (Kind::Array | Kind::Object) => {
                let container = self.open(label, kind, at, depth)?;
                for child in value.children() {
                    self.given(&Label { name: child.name(), place: 0..0 }, child, at, depth + 1)?;
                }
                self.builder.close(container);
                Ok(())
            }
        }
    }

    fn string(&mut self, label: &Label<'_>, value: &str, at: usize, depth: usize) -> Result<(), Fault> {
        self.charge(at, depth, [label.name, value])?;
        self.builder.string(label, value, 0..0);
        Ok(())
    }

    fn number(&mut self, label: &Label<'_>, text: &str, at: usize, depth: usize) -> Result<(), Fault> {
        self.charge(at, depth, [label.name, text])?;
        self.builder.number(label, text, 0..0);
        Ok(())
    }

    /// Adds `null`, `true` or `false`.
    fn scalar(&mut self, label: &Label<'_>, kind: Kind, at: usize, depth: usize) -> Result<(), Fault> {
        let open = self.open(label, kind, at, depth)?;
        self.builder.close(open);
        Ok(())
    }

    fn open(&mut self, label: &Label<'_>, kind: Kind, at: usize, depth: usize) -> Result<Open, Fault> {
        self.charge(at, depth, [label.name, ""])?;
        Ok(self.builder.open(label, kind))
    }

    fn bound(&self, variable: &str) -> Option<Bound<'v>> {
        self.bound.get(self.names.find(variable)?).copied()
    }

    /// Counts a value and its texts against what may be built.
    fn charge(&mut self, at: usize, depth: usize, texts: [&str; 2]) -> Result<(), Fault> {
        let bytes = texts.iter().fold(0usize, |sum, text| sum.saturating_add(text.len()));
        let left = (self.values.checked_sub(1), self.bytes.checked_sub(bytes));
        let (Some(values), Some(bytes)) = left else {
            let what = "uses its variables so often that its arguments are too large; send fewer root fields at once";
            return Err(Fault { code: Code::BodyTooLarge, ..Fault::new(at, what) });
        };
        (self.values, self.bytes) = (values, bytes);
        if depth > JSON_DEPTH {
            return Err(Fault::new(at, format!("has arguments nested deeper than {JSON_DEPTH} levels")));
        }
        Ok(())
    }
}
