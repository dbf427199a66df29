//! A catalog bound to a page: its actions, fields and endpoints in the form the filter evaluates.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::call::{self, CallName};
use super::endpoint::{self, Endpoint, VariableTypes};
use super::inner;
use super::names::{self, Missing};
use super::pattern::Patterns;
use crate::catalog::{
    Catalog, DecoderKind, EffectWord, FieldEntry, FieldWord, HeaderKind, KeyEntry, MoneyUnit, QueryKind, ResourceEntry,
    TermEntry,
};
use crate::document::Path;
use crate::number::Decimal;
use crate::policy::{
    Action, Currency, Decoder, Effect, Field, FieldKind, FieldType, Filter, Formula, HeaderShape, Money, Name,
    NamePattern, QueryShape, RowList, Term, TypedAs,
};

/// A problem in a catalog: pointer, message.
pub(crate) type Fault = (String, String);

/// The catalog's part of an API, and its endpoints by action.
pub(crate) struct CatalogParts {
    pub(crate) decoder: Decoder,
    pub(crate) actions: Vec<Action>,
    /// Indices of a resource's actions.
    pub(crate) by_resource: BTreeMap<String, Vec<u32>>,
    pub(crate) endpoints: Vec<(u32, Endpoint)>,
    /// Names of calls, and the action of each.
    pub(crate) calls: BTreeMap<CallName, u32>,
    pub(crate) headers: Vec<(String, HeaderShape)>,
    pub(crate) query: Vec<(String, QueryShape)>,
    /// Actions that cannot be judged by this version, and why.
    pub(crate) unsupported: BTreeMap<String, &'static str>,
    /// Filters that cannot be judged by this version: (resource, filter).
    pub(crate) late_filters: Vec<(String, String)>,
    /// Values that cannot be computed by this version: (resource, value).
    pub(crate) late_values: Vec<(String, String)>,
}

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
    if !decoder.takes_json_types()
        && catalog.types.iter().any(|text| !text.eq_ignore_ascii_case(decoder.default_type()))
    {
        let message = format!("the decoder `{}` reads `{}` alone", decoder.name(), decoder.default_type());
        faults.push(("/types".into(), message));
    }
    if !catalog.minor_digits.is_empty() {
        faults.push(("/minor_digits".into(), "`minor_digits` is not supported yet".into()));
    }
    for name in catalog.quirks.keys() {
        if !QUIRKS.contains(&name.as_str()) {
            faults.push((format!("/quirks/{name}"), format!("unknown quirk {}", crate::quote::quote(name))));
        }
    }
    let mut parts = CatalogParts {
        decoder,
        actions: Vec::new(),
        by_resource: BTreeMap::new(),
        endpoints: Vec::new(),
        calls: BTreeMap::new(),
        headers: Vec::new(),
        query: Vec::new(),
        unsupported: BTreeMap::new(),
        late_filters: Vec::new(),
        late_values: Vec::new(),
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
    listed_once(&parts, faults);
    parts
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
    let key = match &entry.key {
        None => None,
        Some(KeyEntry::Name(name)) => match names::head(name) {
            Ok(key) => Some(key),
            Err(message) => {
                faults.push((place("key"), message));
                None
            }
        },
        Some(KeyEntry::Stripped(_)) => {
            faults.push((place("key"), "`strip` is not supported yet".into()));
            None
        }
    };
    let mut filters = Vec::new();
    for (name, source) in &entry.filters {
        match names::head(source) {
            Ok(source) => filters.push(Filter { name: name.clone(), source }),
            Err(_) => parts.late_filters.push((resource.into(), name.clone())),
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
                open_fields = open_base(entry, &at, faults);
            } else if let Some(field) = compile_field(field, entry, &at, faults) {
                fields.push(field);
            }
        }
        let mut values = Vec::new();
        for (value, entry) in &entry.values {
            let pointer = place(&format!("values/{value}"));
            match formula(entry.each.as_deref(), &entry.add, &fields, &pointer, faults) {
                Some(formula) => values.push((value.clone(), formula)),
                None => parts.late_values.push((resource.into(), value.clone())),
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
            values,
            open_fields,
            rows: Vec::new(),
            key: key.clone(),
            filters: filters.clone(),
            lookups: Vec::new(),
            decoder,
            inner: Vec::new(),
            rules: Vec::new(),
        });
    }
}

/// The place below which any name is a member: `/*` is the root of the document.
fn open_base(entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> Option<Path> {
    let at = entry.at.as_ref().map(|at| at.values().to_vec()).unwrap_or_default();
    let base = match at.as_slice() {
        [one] => one.strip_suffix("/*").and_then(Path::parse),
        _ => None,
    };
    if base.is_none() {
        faults.push((pointer.into(), "the field `*` needs one pointer that ends in `/*`".into()));
    }
    base
}

fn compile_field(name: &str, entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> Option<Field> {
    let mut at = Vec::new();
    for text in entry.at.as_ref().map(crate::template::OneOrMany::values).unwrap_or_default() {
        match Path::parse(text).filter(one_deep) {
            Some(path) => at.push(path),
            None => faults.push((format!("{pointer}/at"), format!("{} is not a pointer", crate::quote::quote(text)))),
        }
    }
    if at.is_empty() {
        faults.push((pointer.into(), "a field needs `at`: the pointer where it stands".into()));
        return None;
    }
    if entry.scale.is_some() {
        faults.push((format!("{pointer}/scale"), "`scale` is not supported yet".into()));
    }
    let kind = match entry.kind {
        None => None,
        Some(word) => Some(FieldType {
            kind: match word {
                FieldWord::Decimal => FieldKind::Decimal,
                FieldWord::Integer => FieldKind::Integer,
                FieldWord::Digits => FieldKind::Digits,
                FieldWord::Boolean => FieldKind::Boolean,
                FieldWord::String => FieldKind::String,
                FieldWord::Email => FieldKind::Email,
                FieldWord::Money => FieldKind::Money(money(entry, pointer, faults)?),
            },
            spelled: spelled(word, entry, pointer, faults),
            digits: entry.digits,
            decimals: entry.decimals,
        }),
    };
    Some(Field { name: name.into(), at, kind, base: Vec::new() })
}

/// One `**` at most: two could reach a value in more than one way.
pub(crate) fn one_deep(path: &Path) -> bool {
    path.0.iter().filter(|step| matches!(step, crate::document::Step::Deep)).count() <= 1
}

fn spelled(word: FieldWord, entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> TypedAs {
    match &entry.spelled {
        None => match word {
            FieldWord::Decimal | FieldWord::Money | FieldWord::Digits => TypedAs { string: true, number: true },
            FieldWord::Integer => TypedAs { string: false, number: true },
            FieldWord::Boolean => TypedAs { string: false, number: false },
            FieldWord::String | FieldWord::Email => TypedAs { string: true, number: false },
        },
        Some(words) => {
            for word in words {
                if word != "string" && word != "number" {
                    faults.push((format!("{pointer}/as"), "`as` lists `string` and `number`".into()));
                }
            }
            TypedAs { string: words.iter().any(|w| w == "string"), number: words.iter().any(|w| w == "number") }
        }
    }
}

fn money(entry: &FieldEntry, pointer: &str, faults: &mut Vec<Fault>) -> Option<Money> {
    let (Some(unit), Some(currency)) = (entry.unit, &entry.currency) else {
        faults.push((pointer.into(), "a money field needs `unit` and `currency`".into()));
        return None;
    };
    let code = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_alphabetic());
    let currency = if code {
        Currency::Fixed(currency.to_ascii_lowercase())
    } else {
        match names::head(currency) {
            Ok(name) => Currency::Named(alloc::boxed::Box::new(name)),
            // The currency of the current state: known once lookups are.
            Err(_) => Currency::Fixed(String::new()),
        }
    };
    Some(Money { minor: unit == MoneyUnit::Minor, currency })
}

fn formula(
    each: Option<&str>,
    add: &[TermEntry],
    fields: &[Field],
    pointer: &str,
    faults: &mut Vec<Fault>,
) -> Option<Formula> {
    if each.is_some() {
        return None;
    }
    let mut terms = Vec::new();
    for (position, term) in add.iter().enumerate() {
        let factors = match term {
            TermEntry::One(one) => core::slice::from_ref(one),
            TermEntry::Product(several) => several.as_slice(),
        };
        let mut product = Vec::new();
        for factor in factors {
            let known = |name: &Name| match name {
                Name::Field(name, _) => fields.iter().any(|field| field.name == *name),
                _ => true,
            };
            product.push(match Decimal::parse_plain(factor) {
                Ok(constant) => Term::Constant(constant),
                Err(_) => match names::head(factor) {
                    Ok(name) if known(&name) => Term::Name(name),
                    Ok(_) => {
                        let message = format!("{} is not a field of this resource", crate::quote::quote(factor));
                        faults.push((format!("{pointer}/add/{position}"), message));
                        return None;
                    }
                    // A value of the current state.
                    Err(_) => return None,
                },
            });
        }
        terms.push(product);
    }
    Some(Formula { each: Vec::new(), terms })
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
                    faults.push((pointer, format!("unknown action {}", crate::quote::quote(&target))));
                    continue;
                };
                let path =
                    Path::parse(at).filter(|path| matches!(path.0.as_slice(), [crate::document::Step::Member(_)]));
                let Some(path) = path else {
                    faults.push((pointer, "rows stand in a member of the body: `/name`".into()));
                    continue;
                };
                let key = match row.key.as_deref().map(Path::parse) {
                    Some(None) => {
                        faults.push((pointer, "`key` is not a pointer".into()));
                        continue;
                    }
                    Some(Some(key)) => Some(key),
                    None => None,
                };
                lists.push(RowList { at: path, action: *index, key });
            }
            let own = index_of.get(&format!("{resource}.{name}")).and_then(|i| parts.actions.get_mut(*i as usize));
            if let Some(own) = own {
                own.rows = lists;
            }
        }
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
            let message =
                format!("one endpoint ({}) is listed by `{}` and `{}`", method.name(), name(other), name(*action));
            faults.push(("/resources".into(), message));
        }
    }
}

/// Names to compare, a trailing `*` matching any rest.
pub(crate) fn name_patterns(names: &[String]) -> Vec<NamePattern> {
    names
        .iter()
        .map(|name| match name.strip_suffix('*') {
            Some(text) => NamePattern { text: text.to_string(), prefix: true },
            None => NamePattern { text: name.clone(), prefix: false },
        })
        .collect()
}

/// Adds a base catalog's contents to one that extends it. What the extension says itself stays; quirks and guards only
/// add up.
/// An action keeps the effect that the base gives it.
pub(crate) fn extend(own: &mut Catalog, base: &mut Catalog, faults: &mut Vec<Fault>) {
    // Variables compare by their place alone: a wider or narrower one reaches the same requests.
    let path = |endpoint: &str| -> String {
        let path = endpoint.split_once(' ').map_or("", |(_, path)| path);
        let shape = |segment: &str| if segment.starts_with('{') { "{}".to_string() } else { segment.to_string() };
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
                faults.push((pointer, "an extension keeps the endpoints of its base's actions".into()));
            }
            for endpoint in &action.endpoints {
                for method in endpoint.split(' ').next().unwrap_or_default().split('|') {
                    let of_base = listed.get(&format!("{method} {}", path(endpoint)));
                    if of_base.is_some_and(|(r, n)| (r, n) != (resource, name)) {
                        let pointer = format!("/resources/{resource}/actions/{name}/endpoints");
                        faults.push((pointer, "an extension does not move an endpoint of its base".into()));
                    }
                }
            }
            let known = base.resources.get(resource).and_then(|resource| resource.actions.get(name));
            if known.is_some_and(|known| known.effect != action.effect) {
                let pointer = format!("/resources/{resource}/actions/{name}/effect");
                faults.push((pointer, "an extension does not change the effect of an action".into()));
            }
        }
    }
    call::kept(own, base, faults);
    own.base = own.base.take().or_else(|| base.base.take());
    own.decoder = own.decoder.or(base.decoder);
    if own.types.is_empty() {
        own.types.append(&mut base.types);
    }
    own.write_query.append(&mut base.write_query);
    own.guarded.headers.append(&mut base.guarded.headers);
    own.guarded.query.append(&mut base.guarded.query);
    for (name, value) in core::mem::take(&mut base.quirks) {
        let own = own.quirks.entry(name).or_insert(false);
        *own |= value;
    }
    merge(&mut own.vars, core::mem::take(&mut base.vars));
    merge(&mut own.headers, core::mem::take(&mut base.headers));
    merge(&mut own.query, core::mem::take(&mut base.query));
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

/// Checks that a name of a rule means something for an action.
pub(crate) fn known_to(action: &Action, name: &Name) -> Result<(), Missing> {
    match name {
        Name::Field(field, _) => {
            if action.field(field).is_some() || action.open_fields.is_some() {
                Ok(())
            } else {
                Err(Missing::Field)
            }
        }
        Name::Value(value) => {
            if action.values.iter().any(|(known, _)| known == value) {
                Ok(())
            } else {
                Err(Missing::Field)
            }
        }
        _ => Ok(()),
    }
}
