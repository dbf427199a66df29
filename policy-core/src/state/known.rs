//! What is known of the present: the answers that came, and the resource that was asked for in each.

use crate::ordered::{Map, Set};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use super::Why;
use super::answer::{Answer, Pages, Read, read};
use super::lookup::Value as VariableValue;
use super::pages::against;
use super::plan::{Call, Plan, Want};
use crate::document::{Kind, Path, Step, Steps, Value, select};
use crate::limits::{ANSWER_VALUES, LOOKUPS};
use crate::policy::{Attempt, Lookup, Same};
use crate::session::Session;
use crate::time::Timestamp;

/// What is known of the present, for one request.
#[derive(Debug, Default)]
pub(crate) struct Known {
    found: Map<Call, Result<Place, Why>>,
    answers: Vec<Read>,
    values: usize,
    /// What rules asked for that is not known yet, each once.
    wants: RefCell<Vec<Want>>,
    /// Nothing more is looked up: why.
    closed: Option<Why>,
    /// A recording, not the request, lacked something that a rule asked for.
    lacked: Cell<Option<&'static str>>,
    /// What a recording lacks stands against nothing.
    hoping: Cell<bool>,
    /// What time it is.
    now: Timestamp,
    /// The session of who asks.
    session: Option<Arc<Session>>,
    /// What the verdict rests on, where that is asked.
    trace: Option<RefCell<Trace>>,
}

/// What a verdict rests on, beside the request's target and body: what a person approves with it.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Values of the present that rules have looked at: of what, and what they are.
    pub(crate) present: Set<String>,
    /// Headers that rules have looked at.
    pub(crate) headers: Set<String>,
    /// What is done, in words, a line each.
    pub(crate) words: Vec<String>,
    /// Something of the request is not shown in words.
    pub(crate) unseen: bool,
    /// Of values of the present: the line that says them, and whether it leaves something out.
    pub(crate) looked: Map<String, (String, bool)>,
    /// Values of the present that stand beside what the request writes.
    pub(crate) told: Set<String>,
    /// What limits say of the request, by its values and those of the present alone.
    pub(crate) measured: Set<String>,
    /// What is looked at now is told.
    pub(crate) telling: bool,
    /// Permits that match.
    pub(crate) rules: Set<String>,
}

/// Which answer holds a resource.
#[derive(Clone, Copy, Debug)]
struct Place {
    answer: usize,
    /// It stands in the answer of a list call.
    listed: bool,
}

/// Why a value of the present is not there.
#[derive(Clone, Debug)]
pub(crate) enum Missing {
    /// It is yet to be looked up.
    Awaited,
    /// It is not known.
    Not(Why),
}

/// A lookup, and by what it was asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) lookup: &'a Lookup,
    pub(crate) attempt: &'a Attempt,
    pub(crate) values: &'a [Option<VariableValue>],
}

impl Trace {
    /// Adds what another verdict rests on.
    pub(crate) fn add(&mut self, more: Self) {
        self.present.extend(more.present);
        self.headers.extend(more.headers);
        self.words.extend(more.words);
        self.unseen |= more.unseen;
        self.looked.extend(more.looked);
        self.told.extend(more.told);
        self.measured.extend(more.measured);
        self.rules.extend(more.rules);
    }

    /// Adds words, and whether they leave something out.
    pub(crate) fn say(&mut self, lines: Vec<String>, unseen: bool) {
        self.unseen |= unseen;
        self.words.extend(lines);
    }
}

impl Known {
    /// Nothing but the time, and in which session it is.
    pub(crate) fn at(now: Timestamp, session: Option<Arc<Session>>) -> Self {
        Self { now, session, ..Self::default() }
    }

    /// Nothing that was looked up.
    pub(crate) fn fresh(&self) -> Self {
        Self::at(self.now, self.session.clone())
    }

    /// The session of who asks, where it is known.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    /// From here on what rules look at is noted.
    pub(crate) fn begin_trace(&mut self) {
        self.trace = Some(RefCell::default());
    }

    /// Notes something, where that is asked.
    pub(crate) fn note(&self, what: impl FnOnce(&mut Trace)) {
        if let Some(trace) = &self.trace {
            what(&mut trace.borrow_mut());
        }
    }

    /// Whether what rules look at is noted.
    pub(crate) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// What has been noted.
    pub(crate) fn end_trace(&mut self) -> Trace {
        self.trace.take().map(RefCell::into_inner).unwrap_or_default()
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes the answers of a round, in the order of its calls. What has no answer is unavailable.
    pub(crate) fn take(&mut self, plan: &Plan, answers: Vec<Answer>) {
        let mut answers = answers.into_iter();
        for (fetch, serves) in plan.served() {
            let answer = answers.next().unwrap_or(Answer::Unavailable(crate::decode::Unavailable::NotSeen));
            let found = read(fetch, answer).and_then(|read| {
                self.values = self.values.saturating_add(read.values());
                if self.values > ANSWER_VALUES {
                    return Err(Why::unfit("the answers to the lookups of this request are too large"));
                }
                self.answers.push(read);
                Ok(Place { answer: self.answers.len() - 1, listed: serves.listed })
            });
            for call in &serves.calls {
                self.found.insert(call.clone(), found.clone());
            }
        }
        self.wants.take();
    }

    /// From here on nothing is looked up.
    pub(crate) fn close(&mut self, why: Why) {
        self.closed = Some(why);
        self.wants.take();
    }

    /// What is not known yet and has been asked for since the last [`Known::take_wants`].
    pub(crate) fn take_wants(&self) -> Vec<Want> {
        self.wants.take()
    }

    /// Wants that count.
    pub(crate) fn put_back(&self, wants: Vec<Want>) {
        for want in wants {
            self.want(want);
        }
    }

    /// What a recording lacked, of what rules asked for.
    pub(crate) fn lacked(&self) -> Option<&'static str> {
        self.lacked.get()
    }

    fn want(&self, want: Want) -> bool {
        let mut wants = self.wants.borrow_mut();
        if wants.iter().any(|known| known.call == want.call) {
            return true;
        }
        let room = wants.len() < LOOKUPS;
        if room {
            wants.push(want);
        }
        room
    }

    fn answer(&self, want: Want) -> Result<(&Read, bool), Missing> {
        let why = match self.found.get(&want.call) {
            Some(Ok(place)) => match self.answers.get(place.answer) {
                Some(read) => return Ok((read, place.listed)),
                None => Why::unfit("its answer is gone"),
            },
            Some(Err(why)) => why.clone(),
            None => match &self.closed {
                Some(why) => why.clone(),
                None if self.want(want) => return Err(Missing::Awaited),
                None => Why::too_many(),
            },
        };
        Err(self.lacking(why))
    }

    /// What is said where a recording, not the request, may be what lacks it.
    fn lacking(&self, why: Why) -> Missing {
        if let Some(lacked) = why.undecidable {
            self.lacked.set(Some(lacked));
            if self.hoping.get() {
                return Missing::Awaited;
            }
        }
        Missing::Not(why)
    }

    /// From here on what a recording lacks stands against nothing: whether it could decide.
    pub(crate) fn hope(&self) {
        self.hoping.set(true);
    }

    /// Why what is not in a resource is not known, where a recording holds only a part of it.
    pub(crate) fn not_recorded(&self, resource: Value<'_>) -> Option<Missing> {
        let of_part = |read: &&Read| read.part && read.root().contains(resource);
        self.answers.iter().find(of_part).map(|_| self.lacking(Why::part()))
    }

    /// The resource that a lookup is about.
    pub(crate) fn resource(&self, asked: Asked<'_>, want: Want) -> Result<Value<'_>, Missing> {
        let (read, listed) = self.answer(want)?;
        let resource = if listed || asked.attempt.each.is_some() {
            elements(read, asked.attempt, listed).and_then(|elements| one_of(&elements, asked))
        } else {
            one(read.root(), &asked.attempt.at).and_then(|resource| {
                if is_same(resource, asked) {
                    Ok(resource)
                } else {
                    Err(Why::unfit("the answer is of another resource"))
                }
            })
        };
        resource.map_err(Missing::Not)
    }

    /// All elements of a list answer.
    pub(crate) fn all(&self, asked: Asked<'_>, want: Want) -> Result<Vec<Value<'_>>, Missing> {
        let (read, listed) = self.answer(want)?;
        let elements = elements(read, asked.attempt, listed).map_err(Missing::Not)?;
        let against = against(read.root(), &place(asked.attempt, listed), elements.len());
        let pages = Pages { more: read.pages.more || against.more, ..read.pages };
        // A page that was cut to what the server gives is not short of what was asked for.
        let page = asked.attempt.page.filter(|_| !against.full);
        complete(&elements, pages, page).map(|()| elements).map_err(Missing::Not)
    }
}

/// The one value at a place.
fn one<'d>(root: Value<'d>, at: &Path) -> Result<Value<'d>, Why> {
    match select(root, Steps { head: &at.0, tail: &[] }).as_slice() {
        [one] if one.kind() != Kind::Null => Ok(*one),
        _ => Err(Why::unfit("the answer does not hold it")),
    }
}

/// Where the answer holds its list.
fn place(attempt: &Attempt, listed: bool) -> Path {
    match &attempt.each {
        Some(each) => each.clone(),
        None if listed => Path::default(),
        None => attempt.at.clone(),
    }
}

fn elements<'d>(read: &'d Read, attempt: &Attempt, listed: bool) -> Result<Vec<Value<'d>>, Why> {
    let list = one(read.root(), &place(attempt, listed))?;
    if list.kind() != Kind::Array {
        return Err(Why::unfit("the answer holds no list"));
    }
    Ok(list.children().collect())
}

/// The element that was asked for: the one that is the same. The only one may be any.
fn one_of<'d>(elements: &[Value<'d>], asked: Asked<'_>) -> Result<Value<'d>, Why> {
    if marks(asked).next().is_none() {
        return Err(Why::unfit("nothing says which element of the answer it is: its lookup needs `same`"));
    }
    let mut same = elements.iter().filter(|element| is_same(**element, asked));
    match (same.next(), same.next()) {
        (Some(one), None) => Ok(*one),
        (None, _) => Err(Why::unfit("it was not found")),
        (Some(_), Some(_)) => Err(Why::unfit("it was found twice")),
    }
}

/// Whether a resource is the one that was asked for: each field of `same` that the address speaks of says so.
fn is_same(resource: Value<'_>, asked: Asked<'_>) -> bool {
    marks(asked).all(|same| {
        let wanted = asked.values.get(same.variable as usize).and_then(Option::as_ref);
        let found = field(resource, asked.lookup, &same.field);
        let text = found.and_then(|value| value.string().or_else(|| value.number()));
        wanted.is_some_and(|wanted| text == Some(wanted.text.as_str()))
    })
}

/// The fields of `same` that the address speaks of.
fn marks(asked: Asked<'_>) -> impl Iterator<Item = &Same> {
    let spoken = asked.attempt.variables();
    let of_several = asked.attempt.several.as_ref().map(|several| several.joined);
    let speaks = move |same: &&Same| spoken.contains(&same.variable) || of_several == Some(same.variable);
    asked.lookup.same.iter().filter(speaks)
}

/// The one value of a field of an answer: at the first of its places where there is something.
fn field<'d>(resource: Value<'d>, lookup: &Lookup, name: &str) -> Option<Value<'d>> {
    let found = match (lookup.field(name), &lookup.open_fields) {
        (Some(field), _) => field
            .at
            .iter()
            .map(|at| select(resource, Steps { head: &at.0, tail: &[] }))
            .find(|found| !found.is_empty())?,
        (None, Some(base)) => {
            let member = [Step::Member(name.into())];
            select(resource, Steps { head: &base.0, tail: &member })
        }
        (None, None) => return None,
    };
    match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// A list is all there is when it says so, or when it is shorter than the page that was asked for.
fn complete(elements: &[Value<'_>], pages: Pages, page: Option<u32>) -> Result<(), Why> {
    let count = elements.len();
    let short = page.is_some_and(|page| count < page as usize);
    match pages.total {
        _ if pages.more => Err(Why::unfit("the answer is one page of several")),
        Some(total) if total != count => Err(Why::unfit("the answer is one page of several")),
        Some(_) => Ok(()),
        None if pages.all || short => Ok(()),
        None => Err(Why::unfit("the answer does not say that it is complete")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Document, read_json};
    use crate::policy::{Address, Ask, Field, Part, VariableType};

    fn lookup() -> Lookup {
        let path = |text: &str| Path::parse(text).unwrap();
        let field = |name: &str, at: &[&str]| Field {
            name: name.into(),
            at: at.iter().map(|at| path(at)).collect(),
            kind: None,
            by_call: None,
            base: Vec::new(),
        };
        Lookup {
            name: "current".into(),
            each: Vec::new(),
            variables: Vec::new(),
            attempts: alloc::vec![Attempt {
                ask: Ask::Get(Address(alloc::vec![
                    Part::Variable(0, VariableType::Text),
                    Part::Variable(1, VariableType::Text)
                ])),
                at: Path::default(),
                each: None,
                several: None,
                page: None,
            }],
            fields: alloc::vec![field("id", &["/item/id", "/id"]), field("parent", &["/parent"])],
            open_fields: None,
            same: alloc::vec![
                Same { field: "id".into(), variable: 0 },
                Same { field: "parent".into(), variable: 1 },
                Same { field: "id".into(), variable: 2 },
            ],
            totals: Vec::new(),
        }
    }

    fn document(text: &str) -> Document {
        read_json(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_resource_that_was_asked_for() {
        let lookup = lookup();
        let value = |text: &str| Some(VariableValue { text: text.into(), number: false });
        let values = [value("42"), value("7"), None];
        let asked = Asked { lookup: &lookup, attempt: &lookup.attempts[0], values: &values };
        for (text, expect) in [
            (r#"{"id":42,"parent":"7"}"#, true),
            (r#"{"item":{"id":"42"},"id":1,"parent":7}"#, true),
            (r#"{"id":42,"parent":8}"#, false),
            (r#"{"id":42}"#, false),
            (r#"{"id":42.0,"parent":7}"#, false),
            (r#"{"id":null,"parent":7}"#, false),
            (r#"{"id":[42],"parent":7}"#, false),
            ("[]", false),
        ] {
            assert_eq!(is_same(document(text).root(), asked), expect, "{text}");
        }
        let list = document(r#"[{"id":41,"parent":7},{"id":42,"parent":7},{"id":42,"parent":8}]"#);
        let elements: Vec<_> = list.root().children().collect();
        assert!(one_of(&elements, asked).is_ok());
        assert!(one_of(&elements[..1], asked).is_err());
        assert!(one_of(&[elements[1], elements[1]], asked).is_err());
    }

    #[test]
    fn lists_that_may_be_pages_are_not_complete() {
        let list = document("[1,2,3]");
        let elements: Vec<_> = list.root().children().collect();
        let says = |more, all, total, page| complete(&elements, Pages { more, all, total }, page).is_ok();
        assert!(!says(false, false, None, None));
        assert!(says(false, true, None, None));
        assert!(says(false, false, Some(3), Some(3)));
        assert!(!says(false, true, Some(4), Some(100)));
        assert!(says(false, false, None, Some(4)));
        assert!(!says(false, false, None, Some(3)));
        assert!(!says(true, true, Some(3), Some(100)));
    }
}
