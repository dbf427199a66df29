//! The kinds of resources that lookups of a policy set ask for: how each is addressed, and whose it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::document::Step;
use policy_core::evaluate::Asked;
use policy_core::policy::{
    Action, Ask, Attempt, CURRENT, CallKind, Field, Lookup, Name, Page, Part, Supply, VariableType,
};

use super::addresses::{key, last_variable, name_of, routed};
use super::call::{Call, canonical_target};
use super::json::Json;

/// One way in which a page looks something up.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    /// Index of the page.
    pub(super) page: usize,
    pub(super) lookup: Lookup,
    pub(super) attempt: Attempt,
    /// The catalog's resources that are looked up so.
    resources: Vec<String>,
}

/// Every way, each once.
pub(super) fn kinds(set: &Arc<PolicySet>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut known = BTreeSet::new();
    for (index, page) in set.pages().iter().enumerate() {
        for (api, action) in page.apis.iter().flat_map(|api| api.actions.iter().map(move |action| (api, action))) {
            for lookup in &action.lookups {
                for attempt in &lookup.attempts {
                    let tool = match &attempt.ask {
                        Ask::Tool { name, .. } => {
                            let action = api.calls.find(CallKind::Tool, name).and_then(|call| call.action);
                            action.and_then(|index| api.actions.get(index as usize))
                        }
                        Ask::Get(_) => None,
                    };
                    let own = (lookup.name == CURRENT).then_some(action);
                    let mut resources: Vec<String> =
                        tool.into_iter().chain(own).map(|action: &Action| action.resource.clone()).collect();
                    resources.extend(read_at(page, attempt));
                    let kind = Kind { page: index, lookup: lookup.clone(), attempt: attempt.clone(), resources };
                    if known.insert(format!("{index} {:?} {:?} {:?}", kind.attempt, kind.lookup.same, kind.resources)) {
                        kinds.push(kind);
                    }
                }
            }
        }
    }
    kinds
}

/// The resource that the catalog says a GET of such an address reads.
fn read_at(page: &Page, attempt: &Attempt) -> Option<String> {
    let Ask::Get(address) = &attempt.ask else { return None };
    let mut sample = String::new();
    for part in &address.0 {
        match part {
            Part::Text(text) => sample.push_str(text),
            Part::Variable(_, VariableType::OneOf(words)) => sample.push_str(words.first()?),
            Part::Variable(_, _) => sample.push('1'),
        }
    }
    let sample = canonical_target(&sample);
    page.hosts.iter().find_map(|(host, _)| routed(page, host, &sample)).map(str::to_owned)
}

impl Kind {
    /// Whether resources of this name in the catalog are looked up so.
    pub(super) fn is_of(&self, resource: &str) -> bool {
        self.resources.iter().any(|known| known == resource)
    }

    /// What stands in one place of an answer is one resource.
    pub(super) fn is_single(&self) -> bool {
        self.lookup.totals.is_empty()
    }

    /// The one name of the resource that an operation is about.
    pub(super) fn name_of_target(&self, call: &Call<'_>, target: &Target) -> Option<String> {
        let last = match &self.attempt.ask {
            Ask::Get(address) => last_variable(address),
            Ask::Tool { arguments, .. } => arguments.last().map(|(_, index)| *index),
        };
        let key = key(&self.lookup, last);
        let variables = (0..).zip(&self.lookup.variables).map(|(index, variable)| {
            if key == Some(index) && target.key.is_some() {
                return target.key.clone();
            }
            let named = target.variables.iter().find(|(name, _)| *name == variable.name);
            named.map(|(_, value)| value.clone()).or_else(|| {
                let field = |supply: &Supply| match supply {
                    Supply::Name(Name::Field(name, tail)) if tail.0.is_empty() => {
                        target.written.iter().find(|(known, _)| known == name)?.1.scalar().map(str::to_owned)
                    }
                    _ => None,
                };
                variable.from.iter().find_map(field)
            })
        });
        name_of(call, &self.attempt, &variables.collect::<Vec<_>>())
    }

    /// The one name of a resource that stands in an answer, by the fields that say which it is. What they leave open, the
    /// path of the request says.
    pub(super) fn name_of_shown(&self, call: &Call<'_>, shown: &Json, path: &[(String, String)]) -> Option<String> {
        let mut values: Vec<Option<String>> = vec![None; self.lookup.variables.len()];
        let mut by_field = false;
        for same in &self.lookup.same {
            let field = self.lookup.field(&same.field)?;
            let found = field.at.iter().find_map(|place| shown.at(&place.0)).and_then(Json::scalar);
            if let (Some(found), Some(slot)) = (found, values.get_mut(same.variable as usize)) {
                *slot = Some(found.to_owned());
                by_field = true;
            }
        }
        if !by_field {
            return None;
        }
        for (variable, slot) in self.lookup.variables.iter().zip(&mut values) {
            let open = slot.is_none() && !variable.from.contains(&Supply::Key);
            let named = path.iter().find(|(name, _)| *name == variable.name).filter(|_| open);
            *slot = slot.take().or_else(|| named.map(|(_, value)| value.clone()));
        }
        name_of(call, &self.attempt, &values)
    }

    /// Sets what an operation writes; what it writes in parts is no longer known.
    pub(super) fn apply(&self, target: &Target, resource: &mut Json, whole: &mut bool) {
        for (name, value) in &target.written {
            if let Some(place) = self.place(name, &target.bases) {
                resource.put(&place, value.clone());
            }
        }
        for name in &target.unclear {
            if let Some(place) = self.place(name, &target.bases) {
                let single: Vec<Step> =
                    place.iter().take_while(|step| matches!(step, Step::Member(_))).cloned().collect();
                resource.remove(&single);
                *whole = false;
            }
        }
    }

    /// Where the answer holds what an operation writes as this field; else the field that it is measured against.
    fn place(&self, name: &str, bases: &[(String, String)]) -> Option<Vec<Step>> {
        let of = |name: &str| self.lookup.field(name).and_then(|field| field.at.first()).map(|place| place.0.clone());
        let base = || bases.iter().find(|(field, _)| field == name).and_then(|(_, base)| of(base));
        let open = || {
            let open = self.lookup.open_fields.as_ref()?;
            Some(open.0.iter().cloned().chain([Step::Member(name.to_owned())]).collect())
        };
        of(name).or_else(base).or_else(open)
    }
}

/// What an operation of a request is about, and what it sets there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The catalog's name of the resource.
    pub(super) resource: String,
    /// It may change something.
    pub(super) writes: bool,
    /// Its body was read.
    pub(super) read: bool,
    key: Option<String>,
    pub(super) variables: Vec<(String, String)>,
    /// Fields and their values.
    written: Vec<(String, Json)>,
    /// Fields of which only parts are written.
    unclear: Vec<String>,
    /// Field → the field of the resource as it is now that it is measured against.
    bases: Vec<(String, String)>,
}

impl Target {
    /// What an operation is about.
    pub(super) fn of(asked: &Asked<'_>) -> Self {
        let mut target = Self {
            resource: asked.action.resource.clone(),
            writes: asked.action.effect != policy_core::policy::Effect::Read,
            read: true,
            key: asked.key.map(str::to_owned),
            variables: asked.variables.to_vec(),
            written: Vec::new(),
            unclear: Vec::new(),
            bases: Vec::new(),
        };
        let Some(document) = asked.document.map(Json::of) else {
            target.read = false;
            return target;
        };
        for field in &asked.action.fields {
            let (places, _) = field.spelled(asked.by_call);
            if let Some(value) = places.iter().find_map(|place| document.at(&place.0)) {
                target.written.push((field.name.clone(), value.clone()));
            } else if places.iter().any(|place| reaches(&document, &place.0)) {
                target.unclear.push(field.name.clone());
            }
            target.bases.extend(base(field).map(|base| (field.name.clone(), base)));
        }
        if let (Some(open), false) = (&asked.action.open_fields, asked.by_call)
            && let Some(Json::Object(members)) = document.at(&open.0)
        {
            let own = |name: &str| asked.action.field(name).is_some();
            target.written.extend(members.iter().filter(|(name, _)| !own(name)).cloned());
        }
        target
    }
}

/// The field of the resource itself that a change of a field is measured against.
fn base(field: &Field) -> Option<String> {
    field.base.iter().find_map(|name| match name {
        Name::State { lookup, field, tail } if lookup == CURRENT && tail.0.is_empty() => Some(field.clone()),
        _ => None,
    })
}

/// Whether a document has something on the way that leads through a list.
fn reaches(document: &Json, steps: &[Step]) -> bool {
    let way: Vec<Step> = steps.iter().take_while(|step| matches!(step, Step::Member(_))).cloned().collect();
    way.len() < steps.len() && document.at(&way).is_some()
}
