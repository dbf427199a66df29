//! Tests of a `when`: whether a limit or a forbid is in force.

use alloc::string::{String, ToString};

use super::names::Scope;
use super::test::{Verdict, name_text};
use super::value::{Judged, known, others, presence, value};
use crate::policy::{Measure, Predicate, Test};

/// Result of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It cannot be known, or the value is malformed.
    Unknown(String),
    /// The present could not be looked up.
    Away(String),
    /// The present is yet to be looked up.
    Awaits,
}

impl Truth {
    /// How much two that neither hold nor fail say: what is awaited may still settle the other.
    fn rank(&self) -> u8 {
        match self {
            Self::Holds | Self::Fails => 0,
            Self::Away(_) => 1,
            Self::Unknown(_) => 2,
            Self::Awaits => 3,
        }
    }

    fn or(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }
}

/// Whether a limit's `when` holds for any of the operations. For each, one test that fails is enough to say no; what
/// cannot be known is unknown only where nothing says no.
pub(super) fn applies<'a>(when: &'a [Test], scopes: &[Scope<'a>]) -> Truth {
    if when.is_empty() {
        return Truth::Holds;
    }
    let mut result = Truth::Fails;
    for scope in scopes {
        match conjunction(when, scope) {
            Truth::Holds => return Truth::Holds,
            other => result = result.or(other),
        }
    }
    result
}

/// All tests of a `when`, for one operation.
pub(crate) fn conjunction<'a>(when: &'a [Test], scope: &Scope<'a>) -> Truth {
    let mut result = Truth::Holds;
    for condition in when {
        match truth(condition, scope) {
            Truth::Fails => return Truth::Fails,
            other => result = result.or(other),
        }
    }
    result
}

/// One test as a condition. Where a name has several values, one that holds is enough: a condition brings a rule into
/// force, and adding a value to a request must not take it out again. A name without values holds.
fn truth<'a>(condition: &'a Test, scope: &Scope<'a>) -> Truth {
    let Measure::Values(names) = &condition.measure else {
        // The compiler lets conditions look at values only.
        return Truth::Unknown("a condition looks at values".to_string());
    };
    let mut any = false;
    let mut open = Truth::Fails;
    for name in names {
        let what = name_text(name);
        let (data, kind) = match known(name, &what, scope) {
            Ok(values) => values,
            Err(verdict) => {
                open = open.or(unsettled(verdict));
                continue;
            }
        };
        if let Some(Verdict::Fails(..)) = presence(&condition.predicates, &what, data.is_empty()) {
            any = true;
            continue;
        }
        if data.is_empty() && condition.predicates.iter().any(|p| matches!(p, Predicate::Present(_))) {
            return Truth::Holds;
        }
        let others = others(&condition.predicates, scope);
        for datum in &data {
            any = true;
            match value(&condition.predicates, &others, (name, &what), (datum, kind), scope) {
                Judged { verdict: Verdict::Fails(..), .. } => {}
                Judged { verdict: Verdict::Hard(_, why), .. } => open = open.or(Truth::Unknown(why)),
                Judged { awaits: true, .. } => open = open.or(Truth::Awaits),
                Judged { away: Some(why), .. } => open = open.or(Truth::Away(why)),
                _ => return Truth::Holds,
            }
        }
    }
    match open {
        Truth::Fails if any => Truth::Fails,
        Truth::Fails => Truth::Holds,
        open => open,
    }
}

/// What a verdict that neither holds nor fails says of a condition.
fn unsettled(verdict: Verdict) -> Truth {
    match verdict {
        Verdict::Hard(_, why) => Truth::Unknown(why),
        Verdict::Away(why) => Truth::Away(why),
        Verdict::Awaits => Truth::Awaits,
        Verdict::Holds | Verdict::Fails(..) => Truth::Fails,
    }
}
