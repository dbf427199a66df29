//! Names of one document, for lookup: arguments, fields, variables, fragments.

use alloc::vec::Vec;

use crate::ordered::Set;

/// Names in order, each with a number of the caller's: never the same number for the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names<'t>(Vec<(&'t str, usize)>);

impl<'t> Names<'t> {
    pub(super) fn of(names: impl Iterator<Item = (&'t str, usize)>) -> Self {
        let names: Set<_> = names.collect();
        Self(names.into_iter().collect())
    }

    /// The number of a name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let index = self.0.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        self.0.get(index).map(|(_, number)| *number)
    }

    /// A name that is there twice, with the larger number of the two.
    pub(super) fn twice(&self) -> Option<(&'t str, usize)> {
        let mut pairs = self.0.iter().zip(self.0.iter().skip(1));
        pairs.find(|(first, second)| first.0 == second.0).map(|(_, second)| *second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_twins_told() {
        let names = Names::of([("b", 0), ("a", 1), ("c", 2)].into_iter());
        assert_eq!(["a", "b", "c", "d", ""].map(|name| names.find(name)), [Some(1), Some(0), Some(2), None, None]);
        assert_eq!(names.twice(), None);
        let twins = Names::of([("b", 7), ("a", 1), ("b", 3)].into_iter());
        assert_eq!(twins.twice(), Some(("b", 7)));
    }
}
