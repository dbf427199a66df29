//! The segment trie: from a path to the endpoints that match it. The cost depends on the path, not on the number of
//! rules.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::api::Method;
use super::rule::RuleRef;
use super::variable::VariableType;
use crate::limits::PATH_SEGMENTS;
use crate::request::PathSegment;

/// Routes of one host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Node {
    /// Sorted without regard to ASCII case, so that a case variant of a literal is found too.
    literals: Vec<(String, u32)>,
    /// What stands behind a variable in its segment; the longest first.
    suffixes: Vec<Suffix>,
    /// Sorted, most specific type first.
    variables: Vec<(VariableType, u32)>,
    ends: Vec<End>,
}

/// Variables with the same text behind them: `{id}.json`, `{name:text}.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Suffix {
    text: String,
    /// Of what stands before the text; sorted, most specific type first.
    variables: Vec<(VariableType, u32)>,
}

/// A method and path template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    /// The method (HEAD is looked up as GET).
    pub method: Method,
    /// Index of the API on the page.
    pub api: u32,
    /// Names of the path variables, in order.
    pub names: Vec<String>,
    /// Actions of the catalog at this endpoint; several only where the decoder tells them apart.
    pub actions: Vec<u32>,
    /// Rules whose `endpoint` target is this one.
    pub rules: Vec<RuleRef>,
}

/// A variable's place in a path: `segments[start..end]` without the suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'t> {
    /// First segment.
    pub start: usize,
    /// Behind the last segment.
    pub end: usize,
    /// What the last segment ends in and the value does not; mostly empty.
    pub suffix: &'t str,
}

/// An endpoint that matches a path.
#[derive(Clone, Debug)]
pub struct Found<'t> {
    /// The endpoint.
    pub end: &'t End,
    /// Where its variables lie, in the order of its names.
    pub variables: Vec<Variable<'t>>,
    /// A variable of the template stands where the path spells a literal, or a longer suffix, of another endpoint.
    pub shadowed: bool,
    /// Identifies the path template: two ends with one number have the same template.
    pub template: u32,
}

/// Why a path that looks like a listed one is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A segment differs from this listed literal, or its end from this listed suffix, only in the case of letters.
    CaseVariant(String),
    /// A segment spells this listed literal or suffix with percent-encoding.
    EncodedLiteral(String),
}

impl Trie {
    /// Every endpoint whose path template matches, whatever its method; the most specific first.
    ///
    /// # Errors
    /// [`Refusal`] when an upstream could read a segment as a literal that it does not spell.
    pub fn find<'t>(
        &'t self,
        segments: &[PathSegment],
        matches_pattern: &dyn Fn(u32, &str) -> bool,
    ) -> Result<Vec<Found<'t>>, Refusal> {
        let mut walk = Walk { trie: self, segments, matches_pattern, captured: Vec::new(), found: Vec::new() };
        walk.visit(0, 0, false)?;
        Ok(walk.found)
    }

    /// Whether the nodes are a tree whose indices are within it, and every suffix is one: a bundle that says otherwise
    /// is not loaded. In a tree a walk comes to each node once at most.
    #[must_use]
    pub fn is_sound(&self, apis: usize) -> bool {
        let mut has_parent = alloc::vec![false; self.nodes.len()];
        let mut fresh = |index: usize, child: u32| match has_parent.get_mut(child as usize) {
            Some(known) if child as usize > index => !core::mem::replace(known, true),
            _ => false,
        };
        let one_segment = |suffix: &Suffix| suffix.variables.iter().all(|(kind, _)| *kind != VariableType::Path);
        !self.nodes.is_empty()
            && self.nodes.iter().enumerate().all(|(index, node)| {
                let suffixed = node.suffixes.iter().flat_map(|suffix| &suffix.variables);
                node.literals.iter().all(|(_, child)| fresh(index, *child))
                    && node.variables.iter().chain(suffixed).all(|(_, child)| fresh(index, *child))
                    && node.suffixes.iter().all(|suffix| suffix.text.starts_with('.') && one_segment(suffix))
                    && node.ends.iter().all(|end| (end.api as usize) < apis)
            })
    }
}

struct Walk<'t, 'r> {
    trie: &'t Trie,
    segments: &'r [PathSegment],
    matches_pattern: &'r dyn Fn(u32, &str) -> bool,
    captured: Vec<Variable<'t>>,
    found: Vec<Found<'t>>,
}

impl<'t> Walk<'t, '_> {
    /// Each node lies on one path from the root, so it is visited once at most. Says whether an endpoint of the catalog is
    /// there: only what the catalog lists is an endpoint of its own; a path that a rule spells hides nothing.
    fn visit(&mut self, node: u32, depth: usize, shadowed: bool) -> Result<bool, Refusal> {
        let Some(here) = self.trie.nodes.get(node as usize) else {
            return Ok(false);
        };
        if depth > PATH_SEGMENTS {
            return Ok(false);
        }
        let Some(segment) = self.segments.get(depth) else {
            return Ok(self.take(here, node, shadowed));
        };
        let mut spelled = match literal(here, segment)? {
            Some(child) => self.visit(child, depth + 1, shadowed)?,
            None => {
                no_variant_of_a_suffix(here, segment)?;
                false
            }
        };
        for suffix in &here.suffixes {
            if let Some(value) = without(&segment.text, &suffix.text) {
                spelled |= self.visit_suffixed(suffix, value, depth, shadowed || spelled)?;
            }
        }
        let mut listed = spelled;
        for (kind, child) in &here.variables {
            if !admits(kind, &segment.text, self.matches_pattern) {
                continue;
            }
            if *kind == VariableType::Name && segment.encoded > 0 {
                return Err(Refusal::EncodedLiteral(segment.text.clone()));
            }
            let end = if *kind == VariableType::Path { self.segments.len() } else { depth + 1 };
            self.captured.push(Variable { start: depth, end, suffix: "" });
            listed |= match (kind, self.trie.nodes.get(*child as usize)) {
                (VariableType::Path, Some(last)) => self.take(last, *child, shadowed),
                (VariableType::Path, None) => false,
                _ => self.visit(*child, end, shadowed || spelled)?,
            };
            self.captured.pop();
        }
        Ok(listed)
    }

    /// Follows the variables that have `suffix` behind them. A value that is not of the variable's type matches nothing,
    /// and what the catalog lists there is there all the same: an upstream may read any text as the value.
    fn visit_suffixed(
        &mut self,
        suffix: &'t Suffix,
        value: &str,
        depth: usize,
        shadowed: bool,
    ) -> Result<bool, Refusal> {
        let mut listed = false;
        for (kind, child) in &suffix.variables {
            let before = self.found.len();
            self.captured.push(Variable { start: depth, end: depth + 1, suffix: &suffix.text });
            listed |= self.visit(*child, depth + 1, shadowed)?;
            self.captured.pop();
            let encoded = self.segments.get(depth).is_some_and(|segment| segment.encoded > 0);
            if !admits(kind, value, self.matches_pattern) || (encoded && *kind == VariableType::Name) {
                self.found.truncate(before);
            }
        }
        Ok(listed)
    }

    fn take(&mut self, node: &'t Node, template: u32, shadowed: bool) -> bool {
        for end in &node.ends {
            self.found.push(Found { end, variables: self.captured.clone(), shadowed, template });
        }
        node.ends.iter().any(|end| !end.actions.is_empty())
    }
}

/// Whether a text is a value of this type; `matches` says so of a pattern by its index.
pub(crate) fn admits(kind: &VariableType, text: &str, matches: &dyn Fn(u32, &str) -> bool) -> bool {
    match kind {
        VariableType::OneOf(values) => values.iter().any(|value| value == text),
        VariableType::Digits => is_id(text),
        VariableType::Pattern(index) => matches(*index, text),
        VariableType::Token | VariableType::Name => {
            (1..=255).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        }
        VariableType::Text | VariableType::Path => true,
    }
}

/// 1 to 20 ASCII digits without a leading zero: the one spelling of a numeric id.
#[must_use]
pub(crate) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0')
}

fn literal(node: &Node, segment: &PathSegment) -> Result<Option<u32>, Refusal> {
    let start = node.literals.partition_point(|(known, _)| folded(known, &segment.text) == Ordering::Less);
    let mut variant = None;
    for (known, child) in node.literals.iter().skip(start) {
        if folded(known, &segment.text) != Ordering::Equal {
            break;
        }
        if *known == segment.text {
            return if segment.encoded > 0 { Err(Refusal::EncodedLiteral(known.clone())) } else { Ok(Some(*child)) };
        }
        variant = Some(known);
    }
    match variant {
        Some(known) => Err(Refusal::CaseVariant(known.clone())),
        None => Ok(None),
    }
}

/// The value before a suffix. What no segment could be (nothing, a dot segment) is no value.
fn without<'s>(text: &'s str, suffix: &str) -> Option<&'s str> {
    let value = text.strip_suffix(suffix)?;
    (!matches!(value.rsplit('/').next(), None | Some("" | "." | ".."))).then_some(value)
}

/// Refuses a segment whose end spells a suffix in other letters or with percent-encoding.
fn no_variant_of_a_suffix(node: &Node, segment: &PathSegment) -> Result<(), Refusal> {
    for suffix in &node.suffixes {
        let Some(start) = segment.text.len().checked_sub(suffix.text.len()).filter(|start| *start > 0) else {
            continue;
        };
        let Some(tail) = segment.text.get(start..).filter(|tail| tail.eq_ignore_ascii_case(&suffix.text)) else {
            continue;
        };
        if tail != suffix.text {
            if node.suffixes.iter().all(|other| other.text != tail) {
                return Err(Refusal::CaseVariant(suffix.text.clone()));
            }
        } else if segment.encoded > start {
            return Err(Refusal::EncodedLiteral(suffix.text.clone()));
        }
    }
    Ok(())
}

fn folded(a: &str, b: &str) -> Ordering {
    a.bytes().map(|b| b.to_ascii_lowercase()).cmp(b.bytes().map(|b| b.to_ascii_lowercase()))
}

/// One segment of a path template.
#[cfg(feature = "author")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    Literal(String),
    Variable(VariableType),
    /// A variable and the literal text behind it.
    Suffixed(VariableType, String),
}

#[cfg(feature = "author")]
impl Trie {
    /// An empty trie.
    pub(crate) fn new() -> Self {
        Self { nodes: alloc::vec![Node::default()] }
    }

    /// Adds an endpoint; the same method, API and template share one [`End`].
    pub(crate) fn insert(&mut self, template: &[Segment], end: End) {
        let mut node = 0u32;
        for segment in template {
            node = self.child(node, segment);
        }
        let Some(here) = self.nodes.get_mut(node as usize) else {
            return;
        };
        let twin = here
            .ends
            .iter_mut()
            .find(|known| (known.method, known.api, &known.names) == (end.method, end.api, &end.names));
        match twin {
            Some(known) => {
                known.actions.extend(end.actions);
                known.rules.extend(end.rules);
            }
            None => here.ends.push(end),
        }
    }

    fn child(&mut self, node: u32, segment: &Segment) -> u32 {
        let fresh = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let Some(here) = self.nodes.get_mut(node as usize) else {
            return 0;
        };
        match segment {
            Segment::Literal(text) => {
                let position = here.literals.binary_search_by(|(known, _)| folded(known, text).then(known.cmp(text)));
                match position {
                    Ok(at) => return here.literals.get(at).map_or(0, |(_, child)| *child),
                    Err(at) => here.literals.insert(at, (text.clone(), fresh)),
                }
            }
            Segment::Variable(kind) => {
                if let Some(known) = variable(&mut here.variables, kind, fresh) {
                    return known;
                }
            }
            Segment::Suffixed(kind, text) => {
                let longest_first =
                    |known: &Suffix| text.len().cmp(&known.text.len()).then_with(|| known.text.cmp(text));
                let at = match here.suffixes.binary_search_by(longest_first) {
                    Ok(at) => at,
                    Err(at) => {
                        here.suffixes.insert(at, Suffix { text: text.clone(), variables: Vec::new() });
                        at
                    }
                };
                let Some(suffix) = here.suffixes.get_mut(at) else {
                    return 0;
                };
                if let Some(known) = variable(&mut suffix.variables, kind, fresh) {
                    return known;
                }
            }
        }
        self.nodes.push(Node::default());
        fresh
    }
}

/// The child of a variable of this type; where there is none yet, `fresh` becomes it.
#[cfg(feature = "author")]
fn variable(variables: &mut Vec<(VariableType, u32)>, kind: &VariableType, fresh: u32) -> Option<u32> {
    match variables.binary_search_by(|(known, _)| known.cmp(kind)) {
        Ok(at) => variables.get(at).map(|(_, child)| *child),
        Err(at) => {
            variables.insert(at, (kind.clone(), fresh));
            None
        }
    }
}

#[cfg(test)]
#[cfg(feature = "author")]
mod tests;
