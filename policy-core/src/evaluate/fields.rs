//! Which fields an operation may hold, must hold, and must not hold.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Finding;
use super::names::{Datum, Scope, Values};
use super::place::Place;
use super::test::{Verdict, name_text, well_formed};
use crate::document::{Kind, Step, Steps, Value, pointer_token, select};
use crate::policy::{CallKind, Effect, FieldRule, Fields, Name};
use crate::quote::quote;
use crate::reason::{Code, Decision, Reason};

/// Judges the document of one operation.
pub(crate) fn fields<'a>(rule: &'a FieldRule, scope: &Scope<'a>, findings: &mut Vec<Finding>) {
    let listed = match rule {
        FieldRule::Any => return,
        FieldRule::Default => {
            if !reads(scope) {
                only(&[], scope, findings);
            }
            return;
        }
        FieldRule::Listed(listed) => listed,
    };
    match &listed.only {
        Some(names) => only(names, scope, findings),
        None if reads(scope) => {}
        None => only(&[], scope, findings),
    }
    groups(listed, scope, findings);
    for name in &listed.never {
        for (place, _) in scope.places(name).unwrap_or_default() {
            if let Some(why) = scope.unclear(&place) {
                let message = format!("{}: {why}", name_text(name));
                findings.push(Finding::deny(Code::FieldNotAllowed, message));
            }
            let found = scope.operation.document.map(|document| place.select(document)).unwrap_or_default();
            if let Some(value) = found.first() {
                let message = format!("{} must not be written", name_text(name));
                findings.push(Finding::deny(Code::FieldNotAllowed, message).at(pointer(scope, *value)));
            }
        }
    }
}

fn pointer(scope: &Scope<'_>, value: Value<'_>) -> Option<String> {
    scope.pointer_of(value)
}

/// Whether the operation only reads: by the catalog's effect, or by the method where no catalog lists the endpoint and
/// the template names it.
pub(crate) fn reads(scope: &Scope<'_>) -> bool {
    match (scope.operation.action, scope.operation.call) {
        (Some(action), _) => action.effect == Effect::Read,
        // By the specification of GraphQL a query has no effect; what a tool or method does is not known.
        (None, Some(call)) => call.kind == CallKind::Query,
        (None, None) => !scope.operation.is_enclosed() && scope.request.method.is_bodiless(),
    }
}

fn groups<'a>(listed: &'a Fields, scope: &Scope<'a>, findings: &mut Vec<Finding>) {
    for name in &listed.require {
        require(name, scope, findings);
    }
    let is_value = |datum: &Datum<'_>| !matches!(datum, Datum::Json(value) if value.kind() == Kind::Null);
    let present = |name: &&'a Name| matches!(scope.values(name), Values::Known(data, _) if data.iter().any(is_value));
    // The empty text of a form stands there, and says nothing.
    let empty = |datum: &Datum<'a>| matches!(datum, Datum::Json(value) if value.untyped() == Some(""));
    let says = |datum: &Datum<'a>| is_value(datum) && !empty(datum);
    let said = |name: &&'a Name| matches!(scope.values(name), Values::Known(data, _) if data.iter().any(says));
    let names = |group: &[Name]| {
        let names: Vec<String> = group.iter().map(name_text).collect();
        names.join(", ")
    };
    let unclear = |name: &&'a Name| match scope.values(name) {
        Values::Ambiguous(why) => Some(format!("{}: {why}", name_text(name))),
        Values::Known(..) | Values::Lacking(_) => None,
    };
    for group in &listed.exactly_one {
        if let Some(why) = group.iter().find_map(|name| unclear(&name)) {
            let message =
                format!("exactly one of {} is required, and which there are cannot be known: {why}", names(group));
            findings.push(Finding::deny(Code::MissingRequired, message));
            continue;
        }
        if group.iter().filter(present).count() != 1 || !group.iter().any(|name| said(&name)) {
            let message = format!("exactly one of {} is required", names(group));
            findings.push(Finding::deny(Code::MissingRequired, message));
        }
    }
    for group in &listed.at_least_one {
        if !group.iter().any(|name| said(&name)) {
            let message = format!("at least one of {} is required", names(group));
            findings.push(Finding::deny(Code::MissingRequired, message));
        }
    }
}

/// A required name must have a value; `a/*/b` asks it of every element of `a`.
fn require<'a>(name: &'a Name, scope: &Scope<'a>, findings: &mut Vec<Finding>) {
    let missing = || Finding::deny(Code::MissingRequired, format!("{} is required", name_text(name)));
    let Some(places) = scope.places(name) else {
        if !matches!(scope.values(name), Values::Known(data, _) if !data.is_empty()) {
            findings.push(missing());
        }
        return;
    };
    let Some(document) = scope.operation.document else {
        findings.push(missing());
        return;
    };
    let mut satisfied = false;
    let mut each = false;
    for (place, _) in places {
        let path: Vec<Step> = place
            .head
            .iter()
            .cloned()
            .chain(place.member.map(|member| Step::Member(member.into())))
            .chain(place.tail.iter().cloned())
            .collect();
        each |= path.contains(&Step::Each);
        match every(document, &path) {
            Ok(found) => satisfied |= found,
            Err(value) => {
                findings.push(missing().at(pointer(scope, value)));
                return;
            }
        }
    }
    // `a/*/b` asks something of the elements of `a`; `a` itself is asked for by name.
    if !satisfied && !each {
        findings.push(missing());
    }
}

/// What is written but says nothing: `null`, and the empty text of a form, which upstreams read as "unset".
fn is_nothing(value: Value<'_>) -> bool {
    value.kind() == Kind::Null || value.untyped() == Some("")
}

/// Whether the path has a value behind every element its `*` passes. `Err` names the element that lacks it. `Ok(false)`:
/// the path ends before its first `*`.
fn every<'d>(value: Value<'d>, path: &[Step]) -> Result<bool, Value<'d>> {
    let Some((step, rest)) = path.split_first() else {
        return if is_nothing(value) { Err(value) } else { Ok(true) };
    };
    match step {
        Step::Member(name) => match value.member(name) {
            Some(child) => every(child, rest),
            None => Ok(false),
        },
        Step::Each => {
            if !matches!(value.kind(), Kind::Array | Kind::Object) {
                return Err(value);
            }
            for child in value.children() {
                if !every(child, rest)? {
                    return Err(child);
                }
            }
            Ok(true)
        }
        Step::Deep if rest.is_empty() => Ok(value.children().next().is_some()),
        // At any depth one is enough.
        Step::Deep => Ok(select(value, Steps { head: path, tail: &[] }).into_iter().any(|found| !is_nothing(found))),
    }
}

/// Every value of the document must lie at a listed place.
fn only<'a>(names: &'a [Name], scope: &Scope<'a>, all: &mut Vec<Finding>) {
    // Bounded by itself: what others found must not hide a field that is not listed.
    let mut own = Vec::new();
    let findings = &mut own;
    let required = scope.field_of_condition().filter(|name| !names.contains(name));
    cover(&names.iter().chain(required).collect::<Vec<_>>(), scope, findings);
    all.append(findings);
}

fn cover<'a>(names: &[&'a Name], scope: &Scope<'a>, findings: &mut Vec<Finding>) {
    let Some(document) = scope.operation.document else {
        return;
    };
    if scope.operation.key_value.is_some_and(|key| key.same_node(document)) {
        return;
    }
    let places: Vec<Place<'a>> =
        names.iter().flat_map(|name| scope.places(name).unwrap_or_default()).map(|(place, _)| place).collect();
    let start: Vec<(usize, usize)> = (0..places.len()).map(|index| (index, 0)).collect();
    let covering = Cover { scope, names, places };
    if document.kind() == Kind::Object {
        covering.container(document, &start, findings);
    } else {
        findings.push(covering.refuse(document, "a JSON object of fields is expected"));
    }
    // A listed field must be what the catalog says it is.
    for name in names {
        let (data, kind) = match scope.values(name) {
            Values::Known(data, kind) => (data, kind),
            Values::Ambiguous(why) if typed(name, scope) && findings.is_empty() => {
                findings.push(Finding::deny(Code::FieldNotAllowed, format!("{}: {why}", name_text(name))));
                continue;
            }
            Values::Ambiguous(_) | Values::Lacking(_) => continue,
        };
        if let Some(kind) = kind {
            for datum in &data {
                if findings.len() >= MOST {
                    return;
                }
                if matches!(datum, Datum::Json(value) if value.kind() == Kind::Null) {
                    continue;
                }
                if let Verdict::Hard(code, message) = well_formed(&name_text(name), datum, Some(kind)) {
                    findings.push(Finding::deny(code, message).at(scope.pointer(datum)));
                }
            }
        }
    }
}

/// Whether the catalog says what the values of a name look like.
fn typed<'a>(name: &'a Name, scope: &Scope<'a>) -> bool {
    scope.places(name).unwrap_or_default().iter().any(|(_, kind)| kind.is_some())
}

struct Cover<'s, 'a> {
    scope: &'s Scope<'a>,
    names: &'s [&'a Name],
    places: Vec<Place<'a>>,
}

/// Most findings about fields in one operation: more would only repeat.
const MOST: usize = 8;

impl<'a> Cover<'_, 'a> {
    fn step(&self, (place, index): (usize, usize)) -> Option<Expected<'a>> {
        let place = self.places.get(place)?;
        if let Some(step) = place.head.get(index) {
            return Some(Expected::from(step));
        }
        let index = index - place.head.len();
        match (place.member, index) {
            (Some(member), 0) => Some(Expected::Member(member)),
            (Some(_), index) => place.tail.get(index - 1).map(Expected::from),
            (None, index) => place.tail.get(index).map(Expected::from),
        }
    }

    /// Judges the members or elements of a container, given the places that reach it: (place, steps taken).
    fn container(&self, value: Value<'a>, reached: &[(usize, usize)], findings: &mut Vec<Finding>) {
        let in_array = value.kind() == Kind::Array;
        for child in value.children() {
            if findings.len() >= MOST {
                return;
            }
            if self.scope.operation.key_value.is_some_and(|key| key.same_node(child)) {
                continue;
            }
            let mut next: Vec<(usize, usize)> = Vec::new();
            let mut whole = false;
            for state @ (place, index) in reached {
                match self.step(*state) {
                    Some(Expected::Member(name)) if !in_array && name == child.name() => next.push((*place, index + 1)),
                    Some(Expected::Each) => next.push((*place, index + 1)),
                    Some(Expected::Deep) => {
                        next.push(*state);
                        // `**` at the end is the whole subtree; `**/x` is x at any depth.
                        match self.step((*place, index + 1)) {
                            None => whole = true,
                            Some(Expected::Member(name)) if !in_array && name == child.name() => {
                                next.push((*place, index + 2));
                            }
                            Some(Expected::Each) => next.push((*place, index + 2)),
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
            if !whole {
                self.child(child, in_array, &next, findings);
            }
        }
    }

    fn child(&self, child: Value<'a>, in_array: bool, next: &[(usize, usize)], findings: &mut Vec<Finding>) {
        let ends_here = next.iter().any(|state| self.step(*state).is_none());
        let goes_on = next.iter().any(|state| self.step(*state).is_some());
        // `a/**` lists `a` itself too.
        let whole = next.iter().any(|(place, index)| {
            matches!(self.step((*place, *index)), Some(Expected::Deep)) && self.step((*place, index + 1)).is_none()
        });
        match child.kind() {
            _ if whole => {}
            Kind::Object | Kind::Array if goes_on => self.container(child, next, findings),
            Kind::Object | Kind::Array if ends_here => {
                findings.push(self.refuse(child, "a single value is expected here, not an object or array"));
            }
            // The field is listed; what is wrong is its value.
            Kind::Null if ends_here => {
                let mut finding = self.refuse(child, "null is not a value here");
                finding.reason.code = Code::ValueFormat;
                findings.push(finding);
            }
            _ if ends_here => {}
            _ => {
                let name = (!in_array).then(|| child.name());
                let elsewhere = name.and_then(|name| self.refuse_elsewhere(child, name));
                if let Some(finding) = elsewhere {
                    findings.push(finding);
                    return;
                }
                let what = name.map_or_else(|| "this element".into(), quote);
                findings.push(self.refuse(child, &format!("{what} is not a field this rule lets through")));
            }
        }
    }

    /// A field that is listed, at another place than the one it was found at.
    fn refuse_elsewhere(&self, value: Value<'_>, found: &str) -> Option<Finding> {
        let mut named = self.names.iter().filter(|name| matches!(name, Name::Field(field, _) if field == found));
        let name = named.next()?;
        let base = self.scope.operation.document.and_then(|document| self.scope.pointer_of(document))?;
        let places = self.scope.places(name)?;
        let places: Vec<String> =
            places.iter().map(|(place, _)| quote(&format!("{base}{}", place_text(place)))).collect();
        let at = self.scope.pointer_of(value)?;
        let (at, listed, places) = (quote(&at), name_text(name), places.join(", "));
        let message = format!("{at} is not a place this rule lets through; listed: {listed} ({places})");
        Some(Finding::deny(Code::FieldNotAllowed, message).at(pointer(self.scope, value)))
    }

    fn refuse(&self, value: Value<'_>, what: &str) -> Finding {
        let listed: Vec<String> = self.names.iter().take(16).map(|name| name_text(name)).collect();
        let more = if self.names.len() > 16 { " …" } else { "" };
        let listed = if listed.is_empty() { "none".into() } else { format!("{}{more}", listed.join(", ")) };
        Finding {
            decision: Decision::Deny,
            reason: Reason {
                code: Code::FieldNotAllowed,
                message: format!("{what}; listed: {listed}"),
                pointer: pointer(self.scope, value),
            },
            role: None,
        }
    }
}

/// A place in the operation's document, as a pointer.
fn place_text(place: &Place<'_>) -> String {
    let member = place.member.map(|name| Step::Member(name.into()));
    let mut text = String::new();
    for step in place.head.iter().chain(&member).chain(place.tail) {
        text.push('/');
        match step {
            Step::Member(name) => text.push_str(&pointer_token(name)),
            Step::Each => text.push('*'),
            Step::Deep => text.push_str("**"),
        }
    }
    text
}

enum Expected<'a> {
    Member(&'a str),
    Each,
    Deep,
}

impl<'a> From<&'a Step> for Expected<'a> {
    fn from(step: &'a Step) -> Self {
        match step {
            Step::Member(name) => Self::Member(name),
            Step::Each => Self::Each,
            Step::Deep => Self::Deep,
        }
    }
}
