//! Lookups of a catalog: addresses with their variables, where each variable's value comes from, what answers hold.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::address::{address, index_of, page_size, several};
use super::endpoint::{Endpoint, VariableTypes};
use super::field;
use super::names::{self, places};
use super::pattern::Patterns;
use super::report::Fault;
use crate::catalog::{AttemptEntry, Catalog, FieldEntry, LookupEntry, TotalEntry};
use crate::document::{Path, Step};
use crate::policy::{
    Action, Ask, Attempt, CURRENT, Decoder, Field, Lookup, LookupVariable, Method, Name, Same, Segment, Supply, Total,
};
use crate::quote::{list, quote};

/// Words that begin other names.
const TAKEN: [&str; 4] = ["path", "query", "header", "request"];
/// What a lookup of an action is compiled from.
pub(crate) struct Around<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) base: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) action: &'a Action,
    /// Endpoints of the action.
    pub(crate) endpoints: Vec<&'a Endpoint>,
    /// Path variables of any endpoint of the resource.
    pub(crate) path_variables: &'a [String],
    /// The action can be called by name, at an endpoint that carries calls.
    pub(crate) called: bool,
    /// Path of the endpoint that carries tool calls.
    pub(crate) carrier: Option<&'a str>,
}

/// A lookup of an action; `Err` with a variable that no request of the action says.
pub(crate) fn compile(
    name: &str,
    entry: &LookupEntry,
    pointer: &str,
    around: &Around<'_>,
    patterns: &mut Patterns,
    faults: &mut Vec<Fault>,
) -> Result<Option<Lookup>, String> {
    if TAKEN.contains(&name) {
        faults.push((
            pointer.into(),
            format!("no lookup can be named {}: names of it would mean something else", quote(name)),
        ));
        return Ok(None);
    }
    let each = match &entry.each {
        None => Vec::new(),
        Some(text) => match places(text, around.action) {
            Ok(places) => places,
            Err(message) => {
                faults.push((format!("{pointer}/for"), message));
                return Ok(None);
            }
        },
    };
    let (fields, open_fields) = fields(name, entry, pointer, around, faults);
    let mut lookup = Lookup {
        name: name.into(),
        each,
        variables: Vec::new(),
        attempts: Vec::new(),
        fields,
        open_fields,
        same: Vec::new(),
        totals: Vec::new(),
    };
    let mut unsaid = None;
    let mut spoken = Vec::new();
    for (position, attempt) in entry.attempts.iter().enumerate() {
        let at = format!("{pointer}/try/{position}");
        let before = lookup.variables.len();
        let read = read_attempt(attempt, &mut lookup.variables, around, patterns);
        let compiled = match read {
            Ok(compiled) => compiled,
            Err((rest, message)) => {
                faults.push((format!("{at}{rest}"), message));
                continue;
            }
        };
        for variable in lookup.variables.iter_mut().skip(before) {
            match supplies(&variable.name, entry, !lookup.each.is_empty(), around) {
                Ok(from) => variable.from = from,
                Err(message) => faults.push((format!("{pointer}/vars/{}", variable.name), message)),
            }
        }
        spoken.push((position, compiled.variables()));
        let empty = |index: &u32| lookup.variables.get(*index as usize).filter(|variable| variable.from.is_empty());
        match compiled.variables().iter().find_map(empty) {
            Some(variable) => unsaid = Some(variable.name.clone()),
            None => lookup.attempts.push(compiled),
        }
    }
    if entry.attempts.is_empty() {
        faults.push((
            format!("{pointer}/try"),
            "a lookup needs one address or more: write `[{\"get\": \"/products/{id}\"}]`".into(),
        ));
    }
    same(entry, pointer, &mut lookup, faults);
    nameless(entry, pointer, &lookup, &spoken, faults);
    totals(entry, pointer, &mut lookup, faults);
    match unsaid {
        Some(variable) if lookup.attempts.is_empty() => Err(variable),
        _ => Ok(Some(lookup)),
    }
}

/// Fields of the answer: the lookup's own, or those of the resource that is looked up.
fn fields(
    name: &str,
    entry: &LookupEntry,
    pointer: &str,
    around: &Around<'_>,
    faults: &mut Vec<Fault>,
) -> (Vec<Field>, Option<Path>) {
    let own = !entry.fields.is_empty();
    let resource = entry.attempts.first().and_then(|attempt| attempt.get.as_deref());
    let target = resource.filter(|_| name != CURRENT).and_then(|path| target(path, around.catalog));
    let of_resource = around.catalog.resources.get(target.unwrap_or(around.resource)).map(|entry| &entry.fields);
    let entries: &BTreeMap<String, FieldEntry> = if own { &entry.fields } else { of_resource.unwrap_or(&entry.fields) };
    let mut fields = Vec::new();
    let mut open = None;
    // Mistakes in the resource's fields were reported there.
    let mut elsewhere = Vec::new();
    let faults = if own { faults } else { &mut elsewhere };
    for (field, entry) in entries {
        let at = format!("{pointer}/fields/{field}");
        if field == "*" {
            open = field::open_base(entry, &at, faults);
        } else if let Some(field) = field::compile(field, entry, &at, faults) {
            fields.push(field::of_answer(field, name));
        }
    }
    (fields, open)
}

/// The resource that a path reads, if the catalog lists it.
fn target<'c>(path: &str, catalog: &'c Catalog) -> Option<&'c str> {
    let shape = |path: &str| -> Vec<String> {
        let path = path.split('?').next().unwrap_or_default();
        let segment = |text: &str| if text.starts_with('{') { "{}".to_string() } else { text.to_string() };
        path.split('/').map(segment).collect()
    };
    let wanted = shape(path);
    let reads = |text: &String| {
        let (methods, path) = text.split_once(' ').unwrap_or_default();
        methods.split('|').any(|method| method == "GET") && shape(path) == wanted
    };
    let mut resources = catalog.resources.iter();
    resources.find_map(|(name, entry)| {
        entry.actions.values().any(|a| a.endpoints.iter().any(reads)).then_some(name.as_str())
    })
}

/// A mistake in an attempt: where below it, and what.
type Wrong = (&'static str, String);

fn read_attempt(
    entry: &AttemptEntry,
    variables: &mut Vec<LookupVariable>,
    around: &Around<'_>,
    patterns: &mut Patterns,
) -> Result<Attempt, Wrong> {
    let below = (around.base, &VariableTypes { catalog: &around.catalog.vars });
    let path = |text: Option<&String>, place| match text.map(|text| Path::parse(text)) {
        None => Ok(None),
        Some(Some(path)) if !path.0.iter().any(|step| !matches!(step, Step::Member(_))) => Ok(Some(path)),
        Some(_) => Err((place, "this is not a pointer to one place: write it like `/data`, without `*`".to_string())),
    };
    let at = path(entry.pointer.as_ref(), "/pointer")?.unwrap_or_default();
    let each = path(entry.each.as_ref(), "/each")?;
    let mut page = None;
    let ask = match (&entry.get, &entry.tool) {
        (Some(get), None) => {
            if !entry.arguments.is_empty() {
                return Err(("/arguments", "`arguments` are those of a `tool`".into()));
            }
            page = page_size(get);
            Ask::Get(address(get, variables, below, patterns).map_err(|message| ("/get", message))?)
        }
        (None, Some(tool)) => {
            let Some(path) = around.carrier else {
                let message =
                    "no endpoint of this catalog carries tool calls at one path: none has the decoder `jsonrpc`";
                return Err(("/tool", message.into()));
            };
            let argument = |(name, variable): (&String, &String)| (name.clone(), index_of(variable, variables));
            let arguments = entry.arguments.iter().map(argument).collect();
            Ask::Tool { path: path.into(), name: tool.clone(), arguments }
        }
        _ => {
            return Err(("", "an address is either `get`, like `/products/{id}`, or `tool`: write one of them".into()));
        }
    };
    let several = match &entry.list {
        None => None,
        Some(text) => Some(several(text, variables, below, patterns).map_err(|message| ("/list", message))?),
    };
    Ok(Attempt { ask, at, each, several, page })
}

/// Where the value of a variable comes from; nowhere: no request says it.
fn supplies(name: &str, entry: &LookupEntry, per_element: bool, around: &Around<'_>) -> Result<Vec<Supply>, String> {
    let element = |path: Path| alloc::vec![Supply::Element(path)];
    if let Some(text) = entry.vars.get(name) {
        return Ok(match names::head(text)? {
            Name::Field(field, tail) if per_element => {
                element(Path(core::iter::once(Step::Member(field)).chain(tail.0).collect()))
            }
            Name::Pointer(path) if per_element => element(path),
            own if around.action.key.as_ref() == Some(&own) => alloc::vec![Supply::Key],
            Name::Field(field, _) if around.action.field(&field).is_none() && around.action.open_fields.is_none() => {
                return Err(format!("{} is not a field of this resource", quote(text)));
            }
            other => alloc::vec![Supply::Name(other)],
        });
    }
    let mut from = Vec::new();
    let of_body = (around.action.field(name).is_some() || around.action.open_fields.is_some()) && has_document(around);
    let field = Supply::Name(Name::Field(name.into(), Path::default()));
    match &around.action.key {
        // The key is where the catalog says it is, and nowhere else; only a call by name has no path of its own.
        Some(Name::Path(key) | Name::Query(key)) if key == name && !per_element => {
            from.push(Supply::Key);
            if of_body && (around.called || around.endpoints.is_empty()) {
                from.push(field);
            }
        }
        // The arguments of a tool keep the type that the request gives them.
        Some(Name::Field(key, tail)) if key == name && tail.0.is_empty() && !per_element => {
            if around.action.key_prefix.is_none() {
                from.push(field);
            }
            from.push(Supply::Key);
        }
        // What the path says no member of a body can replace.
        _ => {
            let is_key = matches!(&around.action.key, Some(Name::Path(key)) if key == name);
            if !is_key && around.path_variables.iter().any(|variable| variable == name) {
                from.push(Supply::Name(Name::Path(name.into())));
            }
            if per_element {
                from.push(Supply::Element(Path(alloc::vec![Step::Member(name.into())])));
            } else if of_body {
                from.push(field);
            }
        }
    }
    let in_path = |name: &String| {
        around.endpoints.is_empty() || around.endpoints.iter().any(|endpoint| endpoint.names.contains(name))
    };
    let reached = |supply: &Supply| match (supply, &around.action.key) {
        (Supply::Name(Name::Path(name)), _) | (Supply::Key, Some(Name::Path(name))) => in_path(name),
        _ => true,
    };
    Ok(if from.iter().any(reached) { from } else { Vec::new() })
}

/// Whether some request of the action has a document.
fn has_document(around: &Around<'_>) -> bool {
    around.endpoints.is_empty()
        || around.endpoints.iter().any(|endpoint| endpoint.methods.iter().any(|method| !method.is_bodiless()))
}

fn same(entry: &LookupEntry, pointer: &str, lookup: &mut Lookup, faults: &mut Vec<Fault>) {
    for (field, variable) in &entry.same {
        let at = format!("{pointer}/same/{field}");
        if lookup.field(field).is_none() && lookup.open_fields.is_none() {
            let known = list(lookup.fields.iter().map(|field| field.name.as_str()), 12);
            faults.push((at, format!("{} is not a field of the answer, which has {known}", quote(field))));
            continue;
        }
        match lookup.variables.iter().position(|known| known.name == *variable) {
            Some(index) => {
                let variable = u32::try_from(index).unwrap_or(u32::MAX);
                lookup.same.push(Same { field: field.clone(), variable });
            }
            None => {
                let known = list(lookup.variables.iter().map(|known| known.name.as_str()), 12);
                faults.push((at, format!("{} is not a variable of this lookup, which has {known}", quote(variable))));
            }
        }
    }
    for (position, attempt) in entry.attempts.iter().enumerate() {
        let named = |same: &Same| {
            let variable = lookup.variables.get(same.variable as usize).map(|v| v.name.as_str()).unwrap_or_default();
            attempt.list.as_ref().is_some_and(|list| {
                let query = list.split_once('?').map(|(_, query)| query).unwrap_or_default();
                query.contains(&format!("{{{variable}}}")) || query.contains(&format!("{{{variable}:"))
            })
        };
        if attempt.list.is_some() && !lookup.same.iter().any(named) {
            let message = "a list call needs `same`: a field of each element that says which resource it is";
            faults.push((format!("{pointer}/try/{position}/list"), message.into()));
        }
    }
}

/// Lists of whose elements nothing says which one is meant. Those of a lookup with totals may be there for them alone.
fn nameless(
    entry: &LookupEntry,
    pointer: &str,
    lookup: &Lookup,
    spoken: &[(usize, Vec<u32>)],
    faults: &mut Vec<Fault>,
) {
    // A mistake in `same` has been reported; what it would have said is not known.
    if !entry.total.is_empty() || lookup.same.len() < entry.same.len() {
        return;
    }
    for (position, variables) in spoken {
        let lists = entry.attempts.get(*position).is_some_and(|attempt| attempt.each.is_some());
        if lists && !lookup.same.iter().any(|same| variables.contains(&same.variable)) {
            let message = "`each` needs `same`: a field of each element that equals a variable of this address";
            faults.push((format!("{pointer}/try/{position}/each"), message.into()));
        }
    }
}

fn totals(entry: &LookupEntry, pointer: &str, lookup: &mut Lookup, faults: &mut Vec<Fault>) {
    for (name, total) in &entry.total {
        let at = format!("{pointer}/total/{name}");
        let (field, count) = match total {
            TotalEntry::Sum(field) => (field, false),
            TotalEntry::Count(field) => (field, true),
        };
        if lookup.field(field).is_none() && lookup.open_fields.is_none() {
            let known = list(lookup.fields.iter().map(|field| field.name.as_str()), 12);
            faults.push((at.clone(), format!("{} is not a field of the answer, which has {known}", quote(field))));
        }
        if lookup.field(name).is_some() {
            faults.push((at.clone(), format!("{} is a field of the answer too", quote(name))));
        }
        if entry.attempts.iter().any(|attempt| attempt.each.is_none()) {
            faults.push((at, "a total needs `each` in every address: where the answer holds its list".into()));
        }
        lookup.totals.push(Total { name: name.clone(), field: field.clone(), count });
    }
}

/// Path of the one endpoint that carries tool calls, if it has no variables.
pub(crate) fn carrier<'e>(actions: &[Action], endpoints: impl Iterator<Item = &'e (u32, Endpoint)>) -> Option<String> {
    for (index, endpoint) in endpoints {
        let carries = actions.get(*index as usize).is_some_and(|action| action.decoder == Decoder::Jsonrpc);
        if !carries || !endpoint.methods.contains(&Method::Post) {
            continue;
        }
        let mut path = String::new();
        for segment in &endpoint.segments {
            let Segment::Literal(text) = segment else { return None };
            path.push('/');
            path.push_str(text);
        }
        return Some(path);
    }
    None
}
