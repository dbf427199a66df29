//! Members that the language has and this version cannot evaluate, before they have a form. Whoever writes `"critical": "yes"`
//! is told that there is no `critical` yet, not that it is neither true nor false: the form would be the second mistake.

use core::ops::Range;

use crate::document::{Document, Kind};

/// Of a permit.
const OF_A_PERMIT: [&str; 1] = ["critical"];

/// The member of a template that is not evaluated yet and holds the place of a mistake of form, and where it stands.
pub(crate) fn member(document: &Document, mistake: &Range<usize>) -> Option<(&'static str, Range<usize>)> {
    let mut here = document.root();
    let mut way = alloc::vec::Vec::new();
    loop {
        let inside = |range: Range<usize>| range.start <= mistake.start && mistake.end <= range.end;
        here = here.children().find(|child| inside(child.span()))?;
        way.push(here.name());
        let known: &[&'static str] = match way.as_slice() {
            ["permit", _, _] => &OF_A_PERMIT,
            _ => &[],
        };
        if let Some(name) = known.iter().find(|name| **name == here.name()) {
            let container = matches!(here.kind(), Kind::Object | Kind::Array);
            return Some((name, if container { here.name_span() } else { here.span() }));
        }
    }
}
