//! The present as a recording shows it: what its exchanges have said so far of the resources that lookups ask for.
//!
//! | an exchange | says |
//! |---|---|
//! | a GET of the very address of a lookup | the whole resource; with 404, that there is none |
//! | a GET of its path with another query | the members that are in the answer |
//! | an answer to a read or a write of such resources, or a list of them | the same of every object in it that the lookup's `same` recognises |
//! | a write that succeeded | the fields it writes; a DELETE, that there is none |
//! | an answer that is cut off | that it is not known |
//!
//! Members that no answer has shown are not known, which is something else than not being there.

use std::collections::BTreeSet;
use std::sync::Arc;

use policy_core::evaluate::operations;
use policy_core::policy::Ask;
use policy_core::{Body, Head, PolicySet};

use super::addresses::{Addresses, captured, name_of};
use super::call::{Call, Reply, canonical_host, canonical_target, unencoded};
use super::facts::Facts;
use super::json::Json;
use super::kinds::{Kind, Target, kinds};
use super::said::{Said, answer};
use super::sight::{Shown, Sight, objects};
use super::store::{KEPT_BYTES, Known, Store};
use super::{World, paper};
use crate::recording::{Exchange, RecordedBody};

/// Headers that say whether a list is all there is.
const OF_LISTS: [&str; 4] = ["x-wp-totalpages", "x-wp-total", "content-range", "link"];

/// Which values rules look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Values {
    /// As they were recorded, in the order of the recording.
    #[default]
    Recorded,
    /// As they would be had the refusals held: a refused write changes nothing, an allowed one sets what it writes.
    Enforced,
}

/// What became of a request under the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It went upstream.
    Passed,
    /// It was refused, or held.
    Refused,
    /// Nobody knows.
    Undecided,
}

/// The present as a recording shows it.
#[derive(Clone, Debug)]
pub struct Recorded {
    set: Arc<PolicySet>,
    addresses: Addresses,
    kinds: Vec<Kind>,
    store: Store,
    /// What somebody says of the rest.
    facts: Facts,
    values: Values,
}

impl Recorded {
    /// Nothing has been seen yet. What the recording does not show, `facts` say.
    pub fn new(set: Arc<PolicySet>, facts: Facts, values: Values) -> Self {
        let (addresses, kinds) = (Addresses::of(Arc::clone(&set), None), kinds(&set));
        Self { set, addresses, kinds, store: Store::new(KEPT_BYTES), facts, values }
    }

    /// Resources that were forgotten for want of room: more than 64 MiB were seen.
    pub fn forgotten(&self) -> u64 {
        self.store.forgotten()
    }

    /// Takes in what an exchange shows; `fate` is what became of its request under the policies.
    pub fn observe(&mut self, exchange: &Exchange, fate: Fate) {
        // Without lookups nothing is asked for.
        if self.kinds.is_empty() {
            return;
        }
        let Some(sight) = Sight::of(exchange) else { return };
        let targets = self.targets(exchange, &sight.call);
        let unlisted = targets.is_empty() && !matches!(sight.call.method, "GET" | "HEAD" | "OPTIONS");
        let writes = unlisted || targets.iter().any(|(_, target)| target.writes);
        let changes = writes && matches!(sight.shown, Shown::Document(_) | Shown::Done | Shown::Cut | Shown::Nothing);
        let held = self.values == Values::Enforced && changes && fate != Fate::Passed;
        for (page, target) in targets.iter().filter(|(_, target)| target.writes) {
            for name in self.names_of(*page, target, &sight.call) {
                self.write(&name, target, &sight, held.then_some(fate));
            }
        }
        if unlisted && changes {
            // What no catalog lists may do anything with what stands there.
            let names: Vec<String> = self.at_path(&sight.call).into_iter().map(|(_, name)| name).collect();
            for name in names {
                match held {
                    true => self.store.freeze(&name),
                    false => self.store.forget(&name),
                }
            }
        }
        for (name, known) in self.shown(&sight, &targets, writes) {
            if held {
                self.store.freeze(&name);
            } else if !self.store.is_frozen(&name) {
                self.learn(&name, known);
            }
        }
    }

    /// What the request is about, by each page that knows its host.
    fn targets(&self, exchange: &Exchange, call: &Call<'_>) -> Vec<(usize, Target)> {
        let host = canonical_host(call.host);
        let mut targets = Vec::new();
        for (index, page) in self.set.pages().iter().enumerate() {
            let looks = self.kinds.iter().any(|kind| kind.page == index);
            if !looks || page.trie(&host).is_none() {
                continue;
            }
            let request = &exchange.request;
            let body = match &request.body {
                RecordedBody::Empty => Body::Empty,
                RecordedBody::Complete(bytes) => Body::Complete(bytes.clone()),
                RecordedBody::Truncated { .. } | RecordedBody::Missing { .. } | RecordedBody::Undecodable { .. } => {
                    Body::Unavailable(policy_core::Unavailable::NotRecorded)
                }
            };
            let head = Head::new(request.headers.clone(), matches!(body, Body::Empty));
            operations(&self.set, page, head, body, &mut |asked| targets.push((index, Target::of(&asked))));
        }
        targets
    }

    /// The names under which the resource of an operation is known.
    fn names_of(&self, page: usize, target: &Target, call: &Call<'_>) -> Vec<String> {
        let of = self.kinds.iter().filter(|kind| kind.page == page && kind.is_of(&target.resource) && kind.is_single());
        let mut names: Vec<String> = of.filter_map(|kind| kind.name_of_target(call, target)).collect();
        names.sort();
        names.dedup();
        names
    }

    /// A write, and what is known of its resource then. `held`: the policies would not have let it pass.
    fn write(&mut self, name: &str, target: &Target, sight: &Sight<'_>, held: Option<Fate>) {
        match held {
            Some(Fate::Undecided) => {
                self.store.put(name, Known::Unknown);
                return self.store.freeze(name);
            }
            Some(_) => return self.store.freeze(name),
            None => {}
        }
        match &sight.shown {
            Shown::Nothing => self.store.forget(name),
            Shown::Missing | Shown::Refused => {}
            Shown::Document(_) | Shown::Done | Shown::Cut if sight.call.method == "DELETE" => {
                self.store.put(name, Known::Missing);
            }
            Shown::Document(_) | Shown::Done | Shown::Cut if !target.read => {
                self.store.put(name, Known::Unknown);
            }
            Shown::Document(_) | Shown::Done | Shown::Cut => {
                let (mut json, mut whole) = match self.store.get(name) {
                    Some(Known::Resource { json, whole }) => (json, whole),
                    _ => (Json::object(), false),
                };
                for kind in self.kinds.iter().filter(|kind| kind.is_of(&target.resource)) {
                    kind.apply(target, &mut json, &mut whole);
                }
                self.store.put(name, Known::Resource { json, whole });
            }
        }
    }

    fn learn(&mut self, name: &str, known: Known) {
        let known = match (self.store.get(name), known) {
            (Some(Known::Resource { json: mut before, whole }), Known::Resource { json, whole: false }) => {
                before.take_over(json);
                Known::Resource { json: before, whole }
            }
            (_, known) => known,
        };
        self.store.put(name, known);
    }

    /// What the answer says, and of what.
    fn shown(&self, sight: &Sight<'_>, targets: &[(usize, Target)], writes: bool) -> Vec<(String, Known)> {
        let mut found: Vec<(String, Known)> = Vec::new();
        if !writes && (sight.call.method == "GET" || sight.call.tool().is_some()) {
            self.asked_for(sight, &mut found);
        }
        if let Shown::Document(document) = &sight.shown {
            let mut seen = BTreeSet::new();
            for (page, target) in targets {
                let of = |kind: &Kind| kind.page == *page && kind.is_of(&target.resource) && kind.is_single();
                for (number, kind) in self.kinds.iter().enumerate().filter(|(_, kind)| of(kind)) {
                    // Rows of one kind, in one answer.
                    if !seen.insert((number, &target.variables)) {
                        continue;
                    }
                    objects(document, &mut |object| {
                        let Some(name) = kind.name_of_shown(&sight.call, object, &target.variables) else {
                            return false;
                        };
                        found.push((name, Known::Resource { json: object.clone(), whole: false }));
                        true
                    });
                }
            }
        }
        found
    }

    /// What was asked for by an address that a lookup has, whole or by its path alone.
    fn asked_for(&self, sight: &Sight<'_>, found: &mut Vec<(String, Known)>) {
        let call = &sight.call;
        for asked in self.addresses.asked(call).iter().filter(|asked| !asked.listed) {
            let Some(name) = asked.wanted.first().and_then(|one| name_of(call, asked.attempt, &one.values)) else {
                continue;
            };
            let known = match &sight.shown {
                Shown::Missing => Known::Missing,
                Shown::Cut => Known::Cut,
                Shown::Document(json) if !asked.lookup.totals.is_empty() => {
                    Known::List { json: json.clone(), headers: of_list(sight) }
                }
                Shown::Document(document) => match &asked.attempt.each {
                    // Which element it is, the fields say that are the same.
                    Some(each) => match document.at(&each.0) {
                        Some(Json::Array(elements)) if elements.is_empty() => Known::Missing,
                        _ => continue,
                    },
                    None => match document.at(&asked.attempt.at.0) {
                        Some(resource) => Known::Resource { json: resource.clone(), whole: true },
                        None => continue,
                    },
                },
                Shown::Done | Shown::Refused | Shown::Nothing => continue,
            };
            if !found.iter().any(|(other, _)| *other == name) {
                found.push((name, known));
            }
        }
        if call.method != "GET" {
            return;
        }
        for (kind, name) in self.at_path(call) {
            let known = match &sight.shown {
                Shown::Cut => Known::Cut,
                Shown::Document(document) => match document.at(&kind.attempt.at.0) {
                    Some(resource) => Known::Resource { json: resource.clone(), whole: false },
                    None => continue,
                },
                _ => continue,
            };
            if !found.iter().any(|(other, _)| *other == name) {
                found.push((name, known));
            }
        }
    }

    /// Lookups whose address is the path of a call, and what they ask for there.
    fn at_path(&self, call: &Call<'_>) -> Vec<(&Kind, String)> {
        let host = canonical_host(call.host);
        let path = canonical_target(call.target.split('?').next().unwrap_or_default());
        let mut found = Vec::new();
        for kind in self.kinds.iter().filter(|kind| kind.is_single() && kind.attempt.each.is_none()) {
            let known_here = self.set.pages().get(kind.page).is_some_and(|page| page.trie(&host).is_some());
            let Ask::Get(address) = &kind.attempt.ask else { continue };
            let Some(values) = captured(address, &path).filter(|_| known_here) else { continue };
            let mut slots = vec![None; kind.lookup.variables.len()];
            for (index, value) in values {
                if let Some(slot) = slots.get_mut(index as usize) {
                    *slot = unencoded(&value);
                }
            }
            found.extend(name_of(call, &kind.attempt, &slots).map(|name| (kind, name)));
        }
        found
    }

    /// What is known of one resource that a call asks for.
    fn say(&self, asked: &[super::addresses::Asked<'_>], position: usize, name: &str) -> Said {
        match self.store.get(name) {
            Some(Known::Resource { json, whole: true }) => Said::Resource { json, whole: true },
            Some(Known::Resource { json, whole: false }) => {
                let (mut all, whole) = match self.facts.say(asked, position, name) {
                    Said::Resource { json, whole } => (json, whole),
                    _ => (Json::object(), false),
                };
                all.take_over(json);
                if let Some((first, one)) = asked.first().and_then(|first| Some((first, first.wanted.get(position)?))) {
                    paper::say_which(first, one, &mut all);
                }
                Said::Resource { json: all, whole }
            }
            Some(Known::List { json, .. }) => Said::Reply(Reply::json(200, &json)),
            Some(Known::Missing) => Said::Missing,
            Some(Known::Cut) => Said::Reply(Reply::Truncated),
            Some(Known::Unknown) if self.store.is_frozen(name) => Said::Nothing,
            Some(Known::Unknown) | None => self.facts.say(asked, position, name),
        }
    }
}

/// The headers that say whether a list is all there is.
fn of_list(sight: &Sight<'_>) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = sight.headers.iter().map(|(name, value)| (text(name), text(value)));
    headers.filter(|(name, _)| OF_LISTS.contains(&name.as_str())).collect()
}

impl World for Recorded {
    fn unenforced(&self) -> bool {
        self.values == Values::Recorded
    }

    fn reply(&self, call: &Call<'_>) -> Reply {
        let tool = call.tool();
        let asked = self.addresses.asked(call);
        let Some(first) = asked.first() else { return self.facts.unsaid(tool.as_ref()) };
        if let Some(Known::List { json, headers }) = self.store.get(&call.name()) {
            let reply = match &tool {
                Some(tool) => paper::result(tool, json),
                None => Reply::json(200, &json),
            };
            return headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value));
        }
        answer(first, tool.as_ref(), |position| {
            let one = first.wanted.get(position);
            let name = one.and_then(|one| name_of(call, first.attempt, &one.values)).unwrap_or_default();
            self.say(&asked, position, &name)
        })
    }
}
