//! Forms (`application/x-www-form-urlencoded`, WHATWG URL §5.1) as a tree: `items[0][price]=5&expand[]=a` is the document
//! `{"items": [{"price": "5"}], "expand": ["a"]}`, whose scalars are texts without a type.
//!
//! Brackets are no standard. Stripe, PHP, Rack and qs agree on most forms and disagree on some; a body on which they
//! disagree is refused. What each bracket is:
//! - `[k]` is a member, unless `k` is digits.
//! - `[0]`, `[1]` … are elements when they come in this order. Any other digits are a list with gaps in one reader, an
//!   object in the next: refused.
//! - `[]` is the next element. Behind it (`items[][price]`) PHP begins an element with each pair, Rack only when the
//!   last one has that member already; they agree when all pairs of the list say the same behind `[]`.

use crate::ordered::Map;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use crate::document::{Builder, Document, Label, pointer_token};
use crate::hex::hex;
use crate::limits::{FORM_PAIRS, JSON_DEPTH};
use crate::policy::{Api, NamePattern};
use crate::quote::quote;
use crate::reason::{Code, Reason};
use crate::request::{mangled, replaces_method, replaces_route};

/// Reads the body of an API whose decoder is `form`.
///
/// # Errors
/// A [`Reason`] to deny, when two readers could see two trees.
pub(super) fn read_form(bytes: Vec<u8>, api: &Api) -> Result<Document, Reason> {
    let text = String::from_utf8(bytes).map_err(|_| refuse(Code::Charset, "is not UTF-8"))?;
    if text.starts_with('\u{feff}') {
        return Err(refuse(Code::Charset, "begins with a byte order mark"));
    }
    if text.len() >= u32::MAX as usize {
        return Err(refuse(Code::BodyTooLarge, "is too long"));
    }
    let mut tree = Tree::default();
    let mut pairs = 0;
    let mut start = 0;
    for part in text.split('&') {
        let at = start;
        start += part.len() + 1;
        // Every reader skips these.
        if part.is_empty() {
            continue;
        }
        pairs += 1;
        if pairs > FORM_PAIRS {
            return Err(refuse(Code::BodyTooLarge, &format!("has more than {FORM_PAIRS} fields")));
        }
        let (raw_name, raw_value) = part
            .split_once('=')
            .ok_or_else(|| refuse(Code::BodyUnparsable, &format!("has {} without a `=`", quote(part))))?;
        let name = decoded(raw_name)?;
        let value = decoded(raw_value)?;
        let path = path(&name)?;
        own_name(&name, &path, api)?;
        if part.contains(';') {
            let message = format!("has a `;` in {}: some readers begin a field there; write `%3B`", quote(&name));
            return Err(refuse(Code::ValueFormat, &message));
        }
        let equals = at + raw_name.len();
        tree.insert(&path, value, at..equals, equals + 1..at + part.len())?;
    }
    if pairs == 0 {
        return Err(refuse(Code::BodyUnparsable, "has no field"));
    }
    Ok(tree.document(text))
}

/// One step of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key<'n> {
    /// `[k]`, and what stands before the first bracket.
    Member(&'n str),
    /// `[0]`
    Position(&'n str),
    /// `[]`
    Next,
}

/// Takes a decoded name apart. Brackets that were percent-encoded are brackets: every reader decodes first.
fn path(name: &str) -> Result<Vec<Key<'_>>, Reason> {
    let odd = |what: &str| refuse(Code::BodyUnparsable, &format!("has the name {}: {what}", quote(name)));
    if name.chars().any(char::is_control) || name.contains('%') {
        return Err(odd("a control character or a `%`, which could be decoded twice"));
    }
    let (base, mut rest) = name.split_at(name.find(['[', ']']).unwrap_or(name.len()));
    if base.is_empty() {
        return Err(odd("nothing stands before the first bracket"));
    }
    let mut path = alloc::vec![Key::Member(base)];
    while !rest.is_empty() {
        let inside = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let Some((key, behind)) = inside.filter(|(key, _)| !key.contains('[')) else {
            return Err(odd("its brackets are not pairs at its end"));
        };
        path.push(match key {
            "" if path.last() == Some(&Key::Next) => return Err(odd("`[][]` has more than one reading")),
            "" => Key::Next,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => Key::Position(digits),
            key => Key::Member(key),
        });
        rest = behind;
    }
    if path.len() > JSON_DEPTH {
        return Err(odd(&format!("nested deeper than {JSON_DEPTH} levels")));
    }
    Ok(path)
}

/// Refuses names by which an upstream reads something else than this field.
fn own_name(name: &str, path: &[Key<'_>], api: &Api) -> Result<(), Reason> {
    if replaces_method(name) {
        return Err(refuse(Code::MethodOverride, &format!("has {}, which can replace the method", quote(name))));
    }
    let Some((Key::Member(base), inner)) = path.split_first() else {
        return Ok(());
    };
    let trimmed = |key: &Key<'_>| matches!(key, Key::Member(key) if key.starts_with(char::is_whitespace));
    let mangles = api.quirks.php_names && (mangled(base) != *base || inner.iter().any(trimmed));
    // Rack skips blanks behind `&`, PHP those before a name.
    if mangles || base.trim() != *base {
        return Err(refuse(Code::ParamShadow, &format!("has {}, which some read as another name", quote(name))));
    }
    let is = |patterns: &[NamePattern]| patterns.iter().any(|pattern| pattern.matches(base) || pattern.matches(name));
    if is(&api.guarded_query) && !is(&api.loosen.query_credentials) {
        if replaces_route(base) {
            return Err(refuse(Code::RouteOverride, &format!("has {}, which can replace the route", quote(name))));
        }
        let message = format!("has {}, which changes who or what the request speaks for", quote(name));
        return Err(refuse(Code::ParamShadow, &message));
    }
    Ok(())
}

/// Decodes once; `+` is a blank.
fn decoded(raw: &str) -> Result<String, Reason> {
    let mut bytes = raw.bytes();
    let mut text = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => match hex(bytes.next()).zip(hex(bytes.next())).map(|(high, low)| high * 16 + low) {
                None => return Err(refuse(Code::BodyUnparsable, "has a `%` without two hexadecimal digits")),
                Some(0) => return Err(refuse(Code::BodyUnparsable, "has an encoded NUL")),
                Some(byte) => byte,
            },
            0..0x20 | 0x7f => return Err(refuse(Code::BodyUnparsable, "has a control character that is not encoded")),
            byte => byte,
        });
    }
    String::from_utf8(text).map_err(|_| refuse(Code::Charset, "does not decode to UTF-8"))
}

/// What stands at a place of the tree.
#[derive(Debug, Default)]
enum Branch {
    /// Nothing yet.
    #[default]
    Open,
    Text(String, Range<usize>),
    /// Names to indices of the arena. Their order says nothing.
    Members(Map<String, usize>),
    /// Elements by `[0]`, `[1]` …
    Positions(Vec<usize>),
    /// Elements by `[]`, and what all of them say behind it.
    Appended(Vec<usize>, String),
}

/// The tree while it is read: an arena of at most pairs × depth branches, each with the name of the pair that began it.
#[derive(Debug)]
struct Tree {
    branches: Vec<(Branch, Range<usize>)>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { branches: alloc::vec![(Branch::Members(Map::new()), 0..0)] }
    }
}

impl Tree {
    fn insert(
        &mut self,
        path: &[Key<'_>],
        value: String,
        name: Range<usize>,
        place: Range<usize>,
    ) -> Result<(), Reason> {
        let mut here = 0;
        let mut pointer = String::new();
        for (taken, key) in path.iter().enumerate() {
            let behind = path.get(taken + 1..).unwrap_or_default();
            here = self.enter(here, *key, behind, &mut pointer, &name)?;
        }
        match self.branches.get_mut(here).map(|(branch, _)| branch) {
            Some(branch @ Branch::Open) => {
                *branch = Branch::Text(value, place);
                Ok(())
            }
            Some(Branch::Text(..)) => Err(twice("stands more than once", pointer)),
            _ => Err(twice("is a value and holds values", pointer)),
        }
    }

    /// The branch that `key` leads to from `here`, begun where there is none.
    fn enter(
        &mut self,
        here: usize,
        key: Key<'_>,
        behind: &[Key<'_>],
        pointer: &mut String,
        name: &Range<usize>,
    ) -> Result<usize, Reason> {
        let new = self.branches.len();
        let Some((branch, _)) = self.branches.get_mut(here) else {
            return Err(refuse(Code::BodyUnparsable, "has no tree"));
        };
        if matches!(branch, Branch::Open) {
            *branch = match key {
                Key::Member(_) => Branch::Members(Map::new()),
                Key::Position(_) => Branch::Positions(Vec::new()),
                Key::Next => Branch::Appended(Vec::new(), spelled(behind)),
            };
        }
        let next = match (branch, key) {
            (Branch::Text(..), _) => return Err(twice("is a value and holds values", core::mem::take(pointer))),
            (Branch::Members(members), Key::Member(member)) => {
                push(pointer, member);
                match members.get(member) {
                    Some(there) => *there,
                    None => {
                        members.insert(member.to_string(), new);
                        new
                    }
                }
            }
            (Branch::Positions(elements), Key::Position(digits)) => {
                push(pointer, digits);
                let position = digits.parse::<usize>().ok().filter(|position| position.to_string() == digits);
                match position.map(|position| (position, elements.get(position))) {
                    Some((_, Some(element))) => *element,
                    Some((position, None)) if position == elements.len() => {
                        elements.push(new);
                        new
                    }
                    _ => {
                        let what = "is not the next position of a list: number the elements 0, 1, 2 … in this order";
                        return Err(ambiguous(what, core::mem::take(pointer)));
                    }
                }
            }
            (Branch::Appended(elements, said), Key::Next) => {
                push(pointer, &elements.len().to_string());
                if !elements.is_empty() && (*said != spelled(behind) || behind.contains(&Key::Next)) {
                    let what =
                        "is one element to some readers and a part of the last one to others: number the elements";
                    return Err(ambiguous(what, core::mem::take(pointer)));
                }
                elements.push(new);
                new
            }
            _ => {
                let what = "is spelled in two of these ways: `[]`, `[0]`, `[name]`";
                return Err(ambiguous(what, core::mem::take(pointer)));
            }
        };
        if next == new {
            self.branches.push((Branch::Open, name.clone()));
        }
        Ok(next)
    }

    fn document(&self, source: String) -> Document {
        let mut builder = Builder::untyped(source);
        self.build(0, "", &mut builder);
        builder.finish()
    }

    /// Recursion is as deep as the tree, which is bounded.
    fn build(&self, index: usize, name: &str, builder: &mut Builder) {
        let Some((branch, place)) = self.branches.get(index) else {
            return;
        };
        let label = Label { name, place: place.clone() };
        let open = match branch {
            Branch::Text(text, place) => return builder.string(&label, text, place.clone()),
            Branch::Open | Branch::Members(_) => builder.object(&label),
            Branch::Positions(_) | Branch::Appended(..) => builder.array(&label),
        };
        match branch {
            Branch::Members(members) => members.iter().for_each(|(name, child)| self.build(*child, name, builder)),
            Branch::Positions(elements) | Branch::Appended(elements, _) => {
                elements.iter().for_each(|child| self.build(*child, "", builder));
            }
            Branch::Open | Branch::Text(..) => {}
        }
        builder.close(open);
    }
}

/// The rest of a name, as one text to compare.
fn spelled(keys: &[Key<'_>]) -> String {
    let mut text = String::new();
    for key in keys {
        text.push('[');
        match key {
            Key::Member(key) | Key::Position(key) => text.push_str(key),
            Key::Next => {}
        }
        text.push(']');
    }
    text
}

fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&pointer_token(token));
}

fn twice(what: &str, pointer: String) -> Reason {
    let message = format!("the form's {} {what}", quote(&pointer));
    Reason { code: Code::BodyDuplicateKey, message, pointer: Some(pointer) }
}

fn ambiguous(what: &str, pointer: String) -> Reason {
    let message = format!("the form's {} {what}", quote(&pointer));
    Reason { code: Code::BodyUnparsable, message, pointer: Some(pointer) }
}

fn refuse(code: Code, what: &str) -> Reason {
    Reason { code, message: format!("the form {what}"), pointer: None }
}

#[cfg(test)]
mod tests;
