//! Sums of products: the catalog's `values`, over the request and the present.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::names::{Datum, Lack, NoNumber, Scope, Values};
use crate::document::{Steps, Value, select};
use crate::number::Decimal;
use crate::policy::{Formula, Name, Term};

const BROKEN: &str = "a part of it is missing or malformed";

impl<'a> Scope<'a> {
    /// A named formula: once, or once per element.
    pub(super) fn formula(&self, name: &str) -> Values<'a> {
        let formula = self.operation.action.and_then(|action| action.values.iter().find(|(known, _)| known == name));
        let Some((_, formula)) = formula else {
            return Values::unknown("this action has no such value");
        };
        let elements: Vec<Option<Value<'a>>> = if formula.each.is_empty() {
            alloc::vec![None]
        } else {
            match self.elements(&formula.each) {
                Ok(elements) => elements.into_iter().map(Some).collect(),
                Err(why) => return Values::Ambiguous(why),
            }
        };
        let mut data = Vec::new();
        let mut lack: Option<Lack> = None;
        for element in elements {
            match self.compute(formula, element) {
                Ok(number) => data.push(Datum::Number(number)),
                Err(unknown @ Lack::Unknown(_)) => return Values::Lacking(unknown),
                // What else is to be looked up is found in the same round.
                Err(more) => lack = Some(more.or_worse(lack)),
            }
        }
        match lack {
            Some(lack) => Values::Lacking(lack),
            None => Values::Known(data, None),
        }
    }

    fn compute(&self, formula: &'a Formula, element: Option<Value<'a>>) -> Result<Decimal, Lack> {
        const TOO_LARGE: Lack = Lack::Unknown(Cow::Borrowed("it is too large to be held exactly"));
        let mut total = Decimal::ZERO;
        let mut lack: Option<Lack> = None;
        for term in &formula.terms {
            let mut product = Decimal::ONE;
            for factor in term {
                match self.factor(factor, element) {
                    Ok(factor) => product = product.checked_mul(factor).ok_or(TOO_LARGE)?,
                    Err(unknown @ Lack::Unknown(_)) => return Err(unknown),
                    Err(more) => lack = Some(more.or_worse(lack)),
                }
            }
            total = total.checked_add(product).ok_or(TOO_LARGE)?;
        }
        lack.map_or(Ok(total), Err)
    }

    /// One factor: it must have exactly one value.
    fn factor(&self, factor: &'a Term, element: Option<Value<'a>>) -> Result<Decimal, Lack> {
        let broken = || Lack::Unknown(BROKEN.into());
        let values = match factor {
            Term::Constant(constant) => return Ok(*constant),
            Term::Element(path) => {
                let found = element.map(|element| select(element, Steps { head: &path.0, tail: &[] }));
                Values::Known(found.unwrap_or_default().into_iter().map(Datum::Json).collect(), None)
            }
            Term::Name(Name::State { lookup, field, tail }) => self.present((lookup, field, tail), element),
            Term::Name(name) => self.values(name),
        };
        match values {
            Values::Known(data, kind) => match data.as_slice() {
                [one] => self.number(one, kind).map_err(|why| match why {
                    NoNumber::Malformed(_) => broken(),
                    NoNumber::Lacking(lack) => lack,
                }),
                _ => Err(broken()),
            },
            Values::Ambiguous(_) => Err(broken()),
            Values::Lacking(Lack::Absent(why)) => Err(Lack::Unknown(why)),
            Values::Lacking(lack) => Err(lack),
        }
    }
}
