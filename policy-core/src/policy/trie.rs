//! The segment trie: from a path to the endpoints that match it. The cost depends on the path, not on the number of
//! rules.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::api::{Method, VariableType};
use super::rule::RuleRef;
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
    /// Sorted, most specific type first.
    variables: Vec<(VariableType, u32)>,
    ends: Vec<End>,
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

/// A variable's place in a path: `segments[start..end]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// First segment.
    pub start: usize,
    /// Behind the last segment.
    pub end: usize,
}

/// An endpoint that matches a path.
#[derive(Clone, Debug)]
pub struct Found<'t> {
    /// The endpoint.
    pub end: &'t End,
    /// Where its variables lie, in the order of its names.
    pub variables: Vec<Variable>,
    /// A variable of the template stands where the path spells a literal of another endpoint.
    pub shadowed: bool,
    /// Identifies the path template: two ends with one number have the same template.
    pub template: u32,
}

/// Why a path that looks like a listed one is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A segment differs from this listed literal only in the case of letters.
    CaseVariant(String),
    /// A segment spells this listed literal with percent-encoding.
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

    /// Whether every index in the trie is within it: a bundle that says otherwise is not loaded.
    #[must_use]
    pub fn is_sound(&self, apis: usize) -> bool {
        let inside = |child: u32| (child as usize) < self.nodes.len();
        !self.nodes.is_empty()
            && self.nodes.iter().enumerate().all(|(index, node)| {
                let forward = |child: u32| inside(child) && child as usize > index;
                node.literals.iter().all(|(_, child)| forward(*child))
                    && node.variables.iter().all(|(_, child)| forward(*child))
                    && node.ends.iter().all(|end| (end.api as usize) < apis)
            })
    }
}

struct Walk<'t, 'r> {
    trie: &'t Trie,
    segments: &'r [PathSegment],
    matches_pattern: &'r dyn Fn(u32, &str) -> bool,
    captured: Vec<Variable>,
    found: Vec<Found<'t>>,
}

impl<'t> Walk<'t, '_> {
    /// Each node lies on one path from the root, so it is visited once at most.
    fn visit(&mut self, node: u32, depth: usize, shadowed: bool) -> Result<(), Refusal> {
        let Some(here) = self.trie.nodes.get(node as usize) else {
            return Ok(());
        };
        if depth > PATH_SEGMENTS {
            return Ok(());
        }
        let Some(segment) = self.segments.get(depth) else {
            self.take(here, node, shadowed);
            return Ok(());
        };
        let before = self.found.len();
        if let Some(child) = literal(here, segment)? {
            self.visit(child, depth + 1, shadowed)?;
        }
        // Only what the catalog lists is an endpoint of its own; a path that a rule spells hides nothing.
        let spelled = self.found.iter().skip(before).any(|found| !found.end.actions.is_empty());
        for (kind, child) in &here.variables {
            let end = if *kind == VariableType::Path { self.segments.len() } else { depth + 1 };
            if admits(kind, &segment.text, self.matches_pattern) {
                self.captured.push(Variable { start: depth, end });
                if *kind == VariableType::Path {
                    if let Some(last) = self.trie.nodes.get(*child as usize) {
                        self.take(last, *child, shadowed);
                    }
                } else {
                    self.visit(*child, end, shadowed || spelled)?;
                }
                self.captured.pop();
            }
        }
        Ok(())
    }

    fn take(&mut self, node: &'t Node, template: u32, shadowed: bool) {
        for end in &node.ends {
            self.found.push(Found { end, variables: self.captured.clone(), shadowed, template });
        }
    }
}

/// Whether a text is a value of this type; `matches` says so of a pattern by its index.
pub(crate) fn admits(kind: &VariableType, text: &str, matches: &dyn Fn(u32, &str) -> bool) -> bool {
    match kind {
        VariableType::OneOf(values) => values.iter().any(|value| value == text),
        VariableType::Digits => is_id(text),
        VariableType::Pattern(index) => matches(*index, text),
        VariableType::Token => {
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
            return if segment.encoded { Err(Refusal::EncodedLiteral(known.clone())) } else { Ok(Some(*child)) };
        }
        variant = Some(known);
    }
    match variant {
        Some(known) => Err(Refusal::CaseVariant(known.clone())),
        None => Ok(None),
    }
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
            Segment::Variable(kind) => match here.variables.binary_search_by(|(known, _)| known.cmp(kind)) {
                Ok(at) => return here.variables.get(at).map_or(0, |(_, child)| *child),
                Err(at) => here.variables.insert(at, (kind.clone(), fresh)),
            },
        }
        self.nodes.push(Node::default());
        fresh
    }
}
