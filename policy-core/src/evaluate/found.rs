//! Verdicts of a test on their way: where each was found, and who takes it.

use alloc::string::String;

use super::names::{Datum, Scope};
use super::test::Verdict;

/// Where a verdict was found. The pointer is worked out only for verdicts that are reported.
#[derive(Clone, Copy)]
pub(super) struct Found<'s, 'a> {
    pub(super) scope: Option<&'s Scope<'a>>,
    pub(super) datum: Option<&'s Datum<'a>>,
}

impl Found<'_, '_> {
    pub(super) const NOWHERE: Self = Self { scope: None, datum: None };

    pub(super) fn pointer(&self) -> Option<String> {
        self.scope.zip(self.datum).and_then(|(scope, datum)| scope.pointer(datum))
    }
}

/// Takes verdicts; false: enough.
pub(super) type Sink<'k> = &'k mut dyn FnMut(Verdict, Found<'_, '_>) -> bool;
