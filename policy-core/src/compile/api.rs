//! A catalog bound to a page: its actions, fields and endpoints in the form the filter evaluates.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::call;
use super::call_name;
use super::currency;
use super::endpoint::{self, VariableTypes};
use super::field;
use super::inner;
use super::names;
use super::parts::CatalogParts;
use super::pattern::Patterns;
use super::precondition;
use super::present;
use super::report::Fault;
use crate::catalog::{Catalog, DecoderKind, EffectWord, HeaderKind, KeyEntry, QueryKind, ResourceEntry};
use crate::document::Path;
use crate::policy::{Action, Decoder, Effect, Filter, HeaderShape, QueryShape, RowList};

/// Names of quirks a catalog may declare. `php_names` changes how names are compared; the others name ways that the
/// strict profile refuses everywhere.
pub(crate) const QUIRKS: [&str; 6] =
    ["method_override", "route_in_query", "credentials_in_query", "php_names", "case_insensitive", "format_suffix"];

/// Compiles a catalog for an API with this base.
pub(crate) fn compile(catalog: &Catalog, base: &str, patterns: &mut Patterns, faults: &mut Vec<Fault>) -> CatalogParts {
    let decoder = call::decoder(catalog.decoder.unwrap_or(DecoderKind::Json)).unwrap_or_else(|| {
        faults.push(("/decoder".into(), "this decoder is not supported yet: this version cannot evaluate it".into()));
        Decoder::Json
    });
    if decoder == Decoder::GoogleBatch {
        faults.push(("/decoder".into(), "the decoder `google_batch` belongs to the actions that are batches".into()));
    }
    if !decoder.takes_json_types()
        && catalog.types.iter().any(|text| !text.eq_ignore_ascii_case(decoder.default_type()))
    {
        let message = format!("the decoder `{}` reads `{}` alone", decoder.name(), decoder.default_type());
        faults.push(("/types".into(), message));
    }
    for (position, text) in catalog.types.iter().enumerate() {
        if text.to_ascii_lowercase().starts_with("multipart/") {
            let message = "a multipart body is not one document: an upstream would read its parts".into();
            faults.push((format!("/types/{position}"), message));
        }
    }
    for (position, name) in catalog.directives.iter().enumerate() {
        if call_name::graphql_name(&format!("query {name}")).is_err() {
            let message = format!("{} is not the name of a directive; write it without `@`", crate::quote::quote(name));
            faults.push((format!("/directives/{position}"), message));
        }
    }
    for name in catalog.quirks.keys() {
        if !QUIRKS.contains(&name.as_str()) {
            let known = crate::quote::list(QUIRKS.iter().copied(), 12);
            let message = format!("unknown quirk {}; known here: {known}", crate::quote::quote(name));
            faults.push((format!("/quirks/{name}"), message));
        }
    }
    let failure = catalog.errors.as_ref().and_then(|errors| errors.ok_status_failures.as_deref());
    if failure.is_some_and(|at| !Path::parse(at).is_some_and(|path| names::one_deep(&path))) {
        let message = "this is not a pointer into an answer, like `/errors` or `/data/*/userErrors`".into();
        faults.push(("/errors/ok_status_failures".into(), message));
    }
    let mut parts = CatalogParts {
        decoder,
        minor_digits: minor_digits(catalog, faults),
        actions: Vec::new(),
        by_resource: BTreeMap::new(),
        endpoints: Vec::new(),
        calls: BTreeMap::new(),
        headers: Vec::new(),
        query: Vec::new(),
        unsupported: BTreeMap::new(),
    };
    for (name, kind) in &catalog.headers {
        match kind {
            HeaderKind::Params => parts.headers.push((name.to_ascii_lowercase(), HeaderShape::Params)),
            HeaderKind::List => parts.headers.push((name.to_ascii_lowercase(), HeaderShape::List)),
            HeaderKind::Text => {}
        }
    }
    for (name, kind) in &catalog.query {
        if *kind == QueryKind::List {
            parts.query.push((name.clone(), QueryShape::List));
        }
    }
    for (resource, entry) in &catalog.resources {
        resource_actions(catalog, resource, entry, base, patterns, &mut parts, faults);
    }
    rows(catalog, &mut parts, faults);
    call::listed(catalog, &mut parts, faults);
    inner::compile(catalog, &mut parts, faults);
    present::compile(catalog, base, patterns, &mut parts, faults);
    precondition::compile(catalog, &mut parts, faults);
    listed_once(&parts, faults);
    parts
}

/// Most digits of a minor unit: as many as a number may have behind its point.
const MOST_MINOR_DIGITS: u32 = 18;

/// Digits of minor units where the API's differ from ISO 4217.
fn minor_digits(catalog: &Catalog, faults: &mut Vec<Fault>) -> Vec<(String, u32)> {
    let mut out: Vec<(String, u32)> = Vec::new();
    for (name, digits) in &catalog.minor_digits {
        let mut fault = |message: String| faults.push((format!("/minor_digits/{name}"), message));
        let code = name.to_ascii_lowercase();
        if !currency::is_written(name) {
            fault(format!(
                "{} is not an ISO 4217 currency code: write its three letters, like `huf`",
                crate::quote::quote(name)
            ));
        } else if *digits > MOST_MINOR_DIGITS {
            fault(format!(
                "a minor unit has at most {MOST_MINOR_DIGITS} digits: write 2 where it is a hundredth, as cents are"
            ));
        } else if out.iter().any(|(known, _)| *known == code) {
            fault(format!("the currency {} is listed twice", crate::quote::quote(&code)));
        } else {
            out.push((code, *digits));
        }
    }
    out
}

fn resource_actions(
    catalog: &Catalog,
    resource: &str,
    entry: &ResourceEntry,
    base: &str,
    patterns: &mut Patterns,
    parts: &mut CatalogParts,
    faults: &mut Vec<Fault>,
) {
    let place = |rest: &str| format!("/resources/{resource}/{rest}");
    let (name, key_prefix) = match &entry.key {
        None => (None, None),
        Some(KeyEntry::Name(name)) => (Some(name), None),
        Some(KeyEntry::Stripped(key)) => (Some(&key.name), Some(key.strip.clone())),
    };
    let key = name.and_then(|name| names::head(name).map_err(|message| faults.push((place("key"), message))).ok());
    if key_prefix.as_ref().is_some_and(String::is_empty) {
        faults.push((place("key/strip"), "`strip` is the prefix to take off: it is not empty".into()));
    }
    let mut filters = Vec::new();
    for (name, source) in &entry.filters {
        match names::head(source) {
            Ok(source) => filters.push(Filter { name: name.clone(), source }),
            Err(message) => faults.push((place(&format!("filters/{name}")), message)),
        }
    }
    for (name, action) in &entry.actions {
        let index = u32::try_from(parts.actions.len()).unwrap_or(u32::MAX);
        let full = format!("{resource}.{name}");
        parts.by_resource.entry(resource.into()).or_default().push(index);
        let mut fields = Vec::new();
        let mut open_fields = None;
        for (field, entry) in &entry.fields {
            let at = place(&format!("fields/{field}"));
            let entry = entry.by_action.get(name).unwrap_or(entry);
            if field == "*" {
                open_fields = field::open_base(entry, &at, faults);
            } else if let Some(field) = field::compile(field, entry, &at, faults) {
                fields.push(field);
            }
        }
        let mut endpoints = Vec::new();
        for (position, text) in action.endpoints.iter().enumerate() {
            match endpoint::parse(text, base, &VariableTypes { catalog: &catalog.vars }, patterns) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(message) => faults.push((place(&format!("actions/{name}/endpoints/{position}")), message)),
            }
        }
        let decoder = call::decoder_of(action, parts.decoder, &endpoints).unwrap_or_else(|message| {
            faults.push((place(&format!("actions/{name}/decoder")), message));
            Decoder::Json
        });
        parts.endpoints.extend(endpoints.into_iter().map(|endpoint| (index, endpoint)));
        parts.actions.push(Action {
            name: full,
            resource: resource.into(),
            effect: match action.effect {
                EffectWord::Read => Effect::Read,
                EffectWord::Safe => Effect::Safe,
                EffectWord::Gate => Effect::Gate,
                EffectWord::Door => Effect::Door,
                EffectWord::Brake => Effect::Brake,
            },
            fields,
            values: Vec::new(),
            open_fields,
            rows: Vec::new(),
            key: key.clone(),
            key_prefix: key_prefix.clone(),
            filters: filters.clone(),
            lookups: Vec::new(),
            decoder,
            condition: None,
            inner: Vec::new(),
            rules: Vec::new(),
        });
    }
}

/// Rows name actions of the same resource, so they are resolved once all actions are known.
fn rows(catalog: &Catalog, parts: &mut CatalogParts, faults: &mut Vec<Fault>) {
    let index_of: BTreeMap<String, u32> =
        parts.actions.iter().enumerate().map(|(i, a)| (a.name.clone(), u32::try_from(i).unwrap_or(u32::MAX))).collect();
    for (resource, entry) in &catalog.resources {
        for (name, action) in &entry.actions {
            let mut lists = Vec::new();
            for (at, row) in &action.rows {
                let pointer =
                    format!("/resources/{resource}/actions/{name}/rows/{}", at.replace('~', "~0").replace('/', "~1"));
                let target =
                    if row.action.contains('.') { row.action.clone() } else { format!("{resource}.{}", row.action) };
                let Some(index) = index_of.get(&target) else {
                    let near = crate::diagnostic::nearest(&target, index_of.keys().map(String::as_str));
                    let hint = near.map_or_else(
                        || "name an action of this catalog".into(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    faults.push((pointer, format!("unknown action {}: {hint}", crate::quote::quote(&target))));
                    continue;
                };
                if let Some(parent) = &row.parent
                    && !names_parent(parent, *index_of.get(&format!("{resource}.{name}")).unwrap_or(&u32::MAX), parts)
                {
                    let message = format!(
                        "unknown parent {}: it is `path.NAME`, a variable of this action's endpoints, or a pointer to a \
                         member beside the lists",
                        crate::quote::quote(parent)
                    );
                    faults.push((format!("{pointer}/parent"), message));
                }
                let path =
                    Path::parse(at).filter(|path| matches!(path.0.as_slice(), [crate::document::Step::Member(_)]));
                let Some(path) = path else {
                    faults.push((pointer, "rows stand in a member of the body: `/name`".into()));
                    continue;
                };
                let key = match row.key.as_deref().map(Path::parse) {
                    Some(None) => {
                        faults.push((
                            pointer,
                            "`key` is not a pointer: write where the row says its key, like `/id`".into(),
                        ));
                        continue;
                    }
                    Some(Some(key)) => Some(key),
                    None => None,
                };
                // A path variable says it by itself; a pointer is to a member of the arguments.
                let parent = row.parent.as_deref().and_then(Path::parse);
                lists.push(RowList { at: path, action: *index, key, parent });
            }
            let own = index_of.get(&format!("{resource}.{name}")).and_then(|i| parts.actions.get_mut(*i as usize));
            if let Some(own) = own {
                own.rows = lists;
            }
        }
    }
}

/// Whether a row list's `parent` says where the parent's key stands: in the path of every endpoint of the action, or in
/// a member beside the lists.
fn names_parent(parent: &str, action: u32, parts: &CatalogParts) -> bool {
    match parent.strip_prefix("path.") {
        Some(variable) => {
            let mut endpoints = parts.endpoints.iter().filter(|(index, _)| *index == action);
            endpoints.all(|(_, endpoint)| endpoint.names.iter().any(|name| name == variable))
        }
        None => parent.starts_with('/') && Path::parse(parent).is_some(),
    }
}

/// Every endpoint is listed once, unless the decoder tells its actions apart.
fn listed_once(parts: &CatalogParts, faults: &mut Vec<Fault>) {
    if parts.decoder == Decoder::Postgrest {
        return;
    }
    let mut seen: BTreeMap<(crate::policy::Method, &[crate::policy::Segment]), u32> = BTreeMap::new();
    for (action, endpoint) in &parts.endpoints {
        for method in &endpoint.methods {
            let Some(other) = seen.insert((*method, &endpoint.segments), *action) else {
                continue;
            };
            let name = |index: u32| parts.actions.get(index as usize).map(|a| a.name.as_str()).unwrap_or_default();
            let message = format!(
                "one endpoint ({}) is listed by `{}` and `{}`: take it out of one of them",
                method.name(),
                name(other),
                name(*action)
            );
            faults.push(("/resources".into(), message));
        }
    }
}

/// Adds a base catalog's contents to one that extends it. What the extension says itself stays; quirks and guards only
/// add up.
/// An action keeps the effect that the base gives it.
pub(crate) fn extend(own: &mut Catalog, base: &mut Catalog, faults: &mut Vec<Fault>) {
    // Variables compare by their place alone: a wider or narrower one reaches the same requests.
    let path = |endpoint: &str| -> String {
        let path = endpoint.split_once(' ').map_or("", |(_, path)| path);
        let shape = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((_, suffix)) => format!("{{}}{suffix}"),
            None => segment.to_string(),
        };
        path.split('/').map(shape).collect::<Vec<_>>().join("/")
    };
    let mut listed: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (resource, entry) in &base.resources {
        for (name, action) in &entry.actions {
            for endpoint in &action.endpoints {
                for method in endpoint.split(' ').next().unwrap_or_default().split('|') {
                    listed.insert(format!("{method} {}", path(endpoint)), (resource.clone(), name.clone()));
                }
            }
        }
    }
    for (resource, entry) in &own.resources {
        for (name, action) in &entry.actions {
            let kept = base.resources.get(resource).and_then(|resource| resource.actions.get(name));
            if kept.is_some_and(|kept| kept.endpoints.iter().any(|endpoint| !action.endpoints.contains(endpoint))) {
                let pointer = format!("/resources/{resource}/actions/{name}/endpoints");
                faults.push((
                    pointer,
                    "an extension keeps the endpoints of its base's actions: list them too, or take the action out"
                        .into(),
                ));
            }
            for endpoint in &action.endpoints {
                for method in endpoint.split(' ').next().unwrap_or_default().split('|') {
                    let of_base = listed.get(&format!("{method} {}", path(endpoint)));
                    if of_base.is_some_and(|(r, n)| (r, n) != (resource, name)) {
                        let pointer = format!("/resources/{resource}/actions/{name}/endpoints");
                        faults.push((
                            pointer,
                            "an extension does not move an endpoint of its base: name the action that has it there"
                                .into(),
                        ));
                    }
                }
            }
            let known = base.resources.get(resource).and_then(|resource| resource.actions.get(name));
            if known.is_some_and(|known| known.effect != action.effect) {
                let pointer = format!("/resources/{resource}/actions/{name}/effect");
                faults.push((
                    pointer,
                    "an extension does not change the effect of an action: write the one of its base".into(),
                ));
            }
        }
    }
    call::kept(own, base, faults);
    precondition::kept(own, base, faults);
    inner::extend(&mut own.sql, &mut base.sql, faults);
    own.base = own.base.take().or_else(|| base.base.take());
    own.decoder = own.decoder.or(base.decoder);
    if own.types.is_empty() {
        own.types.append(&mut base.types);
    }
    own.write_query.append(&mut base.write_query);
    own.directives.append(&mut base.directives);
    own.guarded.headers.append(&mut base.guarded.headers);
    own.guarded.query.append(&mut base.guarded.query);
    for (name, value) in core::mem::take(&mut base.quirks) {
        let own = own.quirks.entry(name).or_insert(false);
        *own |= value;
    }
    merge(&mut own.vars, core::mem::take(&mut base.vars));
    merge(&mut own.headers, core::mem::take(&mut base.headers));
    merge(&mut own.query, core::mem::take(&mut base.query));
    for (currency, digits) in core::mem::take(&mut base.minor_digits) {
        if !own.minor_digits.keys().any(|known| known.eq_ignore_ascii_case(&currency)) {
            own.minor_digits.insert(currency, digits);
        }
    }
    for (name, resource) in core::mem::take(&mut base.resources) {
        match own.resources.get_mut(&name) {
            None => {
                own.resources.insert(name, resource);
            }
            Some(own) => {
                own.key = own.key.take().or(resource.key);
                own.current = own.current.take().or(resource.current);
                merge(&mut own.fields, resource.fields);
                merge(&mut own.filters, resource.filters);
                merge(&mut own.lookups, resource.lookups);
                merge(&mut own.values, resource.values);
                merge(&mut own.actions, resource.actions);
            }
        }
    }
}

fn merge<T>(own: &mut BTreeMap<String, T>, base: BTreeMap<String, T>) {
    for (name, value) in base {
        own.entry(name).or_insert(value);
    }
}
