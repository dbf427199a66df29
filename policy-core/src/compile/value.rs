//! Values of a catalog: named sums of products, over the request and the present.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::names::{self, is_close, known, places};
use super::report::Fault;
use crate::catalog::{TermEntry, ValueEntry};
use crate::document::{Path, Step};
use crate::number::Decimal;
use crate::policy::{Action, Formula, Name, Term};
use crate::quote::quote;

/// Why an action does not have a value.
pub(crate) enum Without {
    /// A mistake of the catalog, wherever the value is used.
    Fault(Fault),
    /// A name of the present that this action does not know; whether it has the lookup, and not the field.
    Present(Fault, bool),
}

/// The value as an action has it.
pub(crate) fn compile(entry: &ValueEntry, action: &Action, pointer: &str) -> Result<Formula, Without> {
    let fault = |at: String, message: String| Without::Fault((at, message));
    let each = match &entry.each {
        None => Vec::new(),
        Some(text) => places(text, action).map_err(|message| fault(format!("{pointer}/each"), message))?,
    };
    let mut terms = Vec::new();
    for (position, term) in entry.add.iter().enumerate() {
        let at = || format!("{pointer}/add/{position}");
        let factors = match term {
            TermEntry::One(one) => core::slice::from_ref(one),
            TermEntry::Product(several) => several.as_slice(),
        };
        let mut product = Vec::new();
        for text in factors {
            product.push(factor(text, &each, action, &at())?);
        }
        if product.iter().filter(|term| matches!(term, Term::Name(Name::State { .. }))).count() > 1 {
            return Err(fault(at(), "a product has one value of the present at most".into()));
        }
        terms.push(product);
    }
    Ok(Formula { each, terms })
}

fn factor(text: &str, each: &[Path], action: &Action, at: &str) -> Result<Term, Without> {
    let fault = |message: String| Without::Fault((at.into(), message));
    if let Ok(constant) = Decimal::parse_plain(text) {
        return Ok(Term::Constant(constant));
    }
    match names::head(text).map_err(fault)? {
        Name::State { lookup, field, tail } => {
            let name = Name::State { lookup: lookup.clone(), field, tail };
            known(&name, action).map_err(|message| Without::Present((at.into(), message), is_close(&name, action)))?;
            let made_for = action.lookup(&lookup).map(|lookup| lookup.each.as_slice()).unwrap_or_default();
            if !made_for.is_empty() && made_for != each {
                let message = format!("{} is looked up per element: give `each` the same array", quote(text));
                return Err(fault(message));
            }
            Ok(Term::Name(name))
        }
        Name::Field(name, tail) if !each.is_empty() => {
            let mut steps = alloc::vec![Step::Member(name)];
            steps.extend(tail.0);
            Ok(Term::Element(Path(steps)))
        }
        Name::Pointer(path) if !each.is_empty() => Ok(Term::Element(path)),
        Name::Field(name, _) if action.field(&name).is_none() => {
            Err(fault(format!("{} is not a field of this resource", quote(text))))
        }
        name => Ok(Term::Name(name)),
    }
}
