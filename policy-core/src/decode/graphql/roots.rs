//! The root fields of an operation: what its fragments bring is among them, whatever their type conditions and whatever
//! `@skip` and `@include` say. A filter has no schema to know which conditions hold, and a field more is a field that is
//! judged.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Fault;
use super::names::Names;
use super::syntax::{Mention, Selection, Syntax};
use crate::limits::OPERATIONS;
use crate::quote::{list, quote};
use crate::reason::Code;

/// A root field, before its arguments are put together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root<'t> {
    pub(super) name: &'t str,
    /// Index of the object of its arguments among the literals.
    pub(super) arguments: Option<usize>,
}

/// Names the root fields, in the order of execution. A fragment that is spread twice counts once, as in CollectFields
/// (§6.3.2): it would bring the same fields again.
pub(super) fn collect<'t>(syntax: &Syntax<'t>, known: &[String]) -> Result<Vec<Root<'t>>, Fault> {
    let fragments = Names::of(syntax.fragments.iter().zip(0..).map(|(fragment, index)| (fragment.name.name, index)));
    if let Some((name, index)) = fragments.twice() {
        let at = syntax.fragments.get(index).map_or(0, |fragment| fragment.name.at);
        return Err(Fault::new(at, format!("defines the fragment {} twice", quote(name))));
    }
    no_cycle(syntax, &fragments)?;
    // Nothing is both allowed on an operation and without effect on its fields, unless the catalog says so.
    directives(&syntax.operation.directives, &[], known)?;
    let mut visited = alloc::vec![false; syntax.fragments.len()];
    let mut roots = Vec::new();
    let mut open = alloc::vec![syntax.operation.selections.iter()];
    while let Some(selections) = open.last_mut() {
        let Some(selection) = selections.next() else {
            open.pop();
            continue;
        };
        match selection {
            Selection::Field { name, arguments, directives: on_field } => {
                directives(on_field, &CONDITIONS, known)?;
                if roots.len() >= OPERATIONS {
                    let what = format!("has more than {OPERATIONS} root fields");
                    return Err(Fault { code: Code::BatchLimit, ..Fault::new(name.at, what) });
                }
                roots.push(Root { name: name.name, arguments: *arguments });
            }
            Selection::Inline { directives: on_fragment, selections } => {
                directives(on_fragment, &CONDITIONS, known)?;
                open.push(selections.iter());
            }
            Selection::Spread { name, directives: on_spread } => {
                directives(on_spread, &CONDITIONS, known)?;
                let index = fragments.find(name.name).unwrap_or(usize::MAX);
                if let (Some(visited @ false), Some(fragment)) = (visited.get_mut(index), syntax.fragments.get(index)) {
                    *visited = true;
                    directives(&fragment.directives, &[], known)?;
                    open.push(fragment.selections.iter());
                }
            }
        }
    }
    if roots.iter().any(|root| root.name != "__typename") {
        roots.retain(|root| root.name != "__typename");
    }
    Ok(roots)
}

/// Directives that decide whether a field is there at all.
const CONDITIONS: [&str; 2] = ["skip", "include"];

/// Refuses a directive of which is not known that it leaves its field as it is.
fn directives(mentioned: &[Mention<'_>], conditions: &[&str], known: &[String]) -> Result<(), Fault> {
    let allowed = |name: &str| conditions.contains(&name) || known.iter().any(|known| known == name);
    match mentioned.iter().find(|directive| !allowed(directive.name)) {
        None => Ok(()),
        Some(directive) => {
            let fine = list(conditions.iter().copied().chain(known.iter().map(String::as_str)), 8);
            let what = format!("has the directive {} at its root; known there: {fine}", quote(directive.name));
            Err(Fault::new(directive.at, what))
        }
    }
}

/// Refuses fragments that spread each other in a circle, or do not exist, at any depth. Fragments whose spreads are all
/// known to end are taken away until none is left, so that no document is walked more than once.
fn no_cycle(syntax: &Syntax<'_>, names: &Names<'_>) -> Result<(), Fault> {
    let mut users: Vec<Vec<usize>> = alloc::vec![Vec::new(); syntax.fragments.len()];
    let mut waiting = alloc::vec![0usize; syntax.fragments.len()];
    let found = |mention: &Mention<'_>| {
        let unknown = || Fault::new(mention.at, format!("spreads {}, which it does not define", quote(mention.name)));
        names.find(mention.name).ok_or_else(unknown)
    };
    syntax.operation.spreads.iter().try_for_each(|mention| found(mention).map(|_| ()))?;
    for (index, fragment) in syntax.fragments.iter().enumerate() {
        for mention in &fragment.spreads {
            if let (Some(users), Some(waiting)) = (users.get_mut(found(mention)?), waiting.get_mut(index)) {
                users.push(index);
                *waiting += 1;
            }
        }
    }
    let mut ending: Vec<usize> = (0..waiting.len()).filter(|index| waiting.get(*index) == Some(&0)).collect();
    while let Some(index) = ending.pop() {
        for user in users.get(index).into_iter().flatten() {
            if let Some(waiting) = waiting.get_mut(*user) {
                *waiting -= 1;
                if *waiting == 0 {
                    ending.push(*user);
                }
            }
        }
    }
    match syntax.fragments.iter().zip(&waiting).find(|(_, waiting)| **waiting > 0) {
        None => Ok(()),
        Some((fragment, _)) => {
            let what = format!("has the fragment {} in a circle of fragments", quote(fragment.name.name));
            Err(Fault::new(fragment.name.at, what))
        }
    }
}
