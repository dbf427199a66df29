//! From documents to a policy set: parse, validate, compile. Everything that is wrong becomes a diagnostic with its
//! place; a set is built only where nothing is.
//!
//! The way runs in one direction. Documents: `gateway`, and the catalogs of `api` with their `field`, `lookup`, `value` and
//! `present`. What they are compiled to: `parts`. What names mean there: `names`, `known`. The rules of a page: `targeting`,
//! `rule`, `limit`, `counter`. The page: `page`, and `layout`, which puts rules where the filter finds them. Any of them
//! tells `report` what is wrong.

mod address;
mod api;
mod astray;
mod band;
mod binding;
mod call;
mod call_name;
mod canary;
mod change;
mod contradiction;
mod control;
mod counter;
mod credentials;
mod currency;
mod endpoint;
mod field;
mod field_rule;
mod gateway;
mod hours;
mod identity;
mod inner;
mod keyless;
mod keys;
mod kinds;
mod known;
mod layout;
mod limit;
mod lookup;
mod money;
mod names;
mod near;
mod numeral;
mod overlap;
mod page;
mod parts;
mod pattern;
mod placed;
mod precondition;
mod present;
mod report;
mod rule;
mod sessions;
mod shape;
mod slip;
mod surroundings;
mod target;
mod targeting;
mod tripwire;
mod unmet;
mod unsaid;
mod unusual;
mod unwritten;
mod value;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use self::pattern::Patterns;
use self::report::Report;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::{Document, SourceError, read_source};
use crate::gateway::GatewayDocument;
use crate::policy::{Page, Set};
use crate::quote::quote;
use crate::template::Template;

/// One document.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, for messages: a path.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Its text.
    pub text: String,
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The settings of the gateway.
    Gateway,
    /// A catalog.
    Catalog,
    /// A scope template.
    Template,
}

/// The result of compiling.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The policy set; `None` when there is an error among the diagnostics.
    pub set: Option<Set>,
    /// What was found, in the order of the sources and their text.
    pub diagnostics: Vec<Diagnostic>,
}

/// A catalog with its source.
struct CatalogSource {
    catalog: Catalog,
    source: usize,
}

/// Compiles one gateway document, catalogs and templates into a policy set.
#[must_use]
pub fn compile(sources: &[Source]) -> Compiled {
    let mut diagnostics = Vec::new();
    let documents: Vec<Option<Document>> =
        sources.iter().enumerate().map(|(index, source)| parse(index, source, &mut diagnostics)).collect();
    let of_kind = |kind: SourceKind| {
        let documents = &documents;
        sources
            .iter()
            .enumerate()
            .filter(move |(_, source)| source.kind == kind)
            .filter_map(move |(index, _)| Some((index, documents.get(index)?.as_ref()?)))
    };
    let mut patterns = Patterns::default();

    let mut gateway = None;
    for (source, document) in of_kind(SourceKind::Gateway) {
        let Some(read) = typed::<GatewayDocument>(source, document, &mut diagnostics) else {
            continue;
        };
        let mut report = Report { source, document, diagnostics: &mut diagnostics };
        if gateway.replace(gateway::compile(&read, &mut report)).is_some() {
            report.error("", "a policy set has one gateway document", Some("keep one of the two".into()));
        }
    }

    let mut catalogs: BTreeMap<String, CatalogSource> = BTreeMap::new();
    for (source, document) in of_kind(SourceKind::Catalog) {
        let Some(catalog) = typed::<Catalog>(source, document, &mut diagnostics) else {
            continue;
        };
        let mut report = Report { source, document, diagnostics: &mut diagnostics };
        if catalogs.contains_key(&catalog.catalog) {
            let message = format!("two catalogs are named {}", quote(&catalog.catalog));
            report.error("/catalog", message, Some("give one of them another name, or take one out".into()));
            continue;
        }
        catalogs.insert(catalog.catalog.clone(), CatalogSource { catalog, source });
    }
    let read: Vec<usize> = catalogs.values().map(|catalog| catalog.source).collect();
    let catalogs = extended(catalogs, &documents, &mut diagnostics);

    let mut pages: BTreeMap<String, Page> = BTreeMap::new();
    for (source, document) in of_kind(SourceKind::Template) {
        let Some(template) = typed::<Template>(source, document, &mut diagnostics) else { continue };
        let mut report = Report { source, document, diagnostics: &mut diagnostics };
        let page = page::compile(&template, &catalogs, gateway.as_ref(), &mut patterns, &mut report);
        if pages.contains_key(&page.agent) {
            let message = format!("two templates are for the agent {}", quote(&page.agent));
            report.error("/agent/name", message, Some("an agent has one page: put the rules into one of them".into()));
            continue;
        }
        pages.insert(page.agent.clone(), page);
    }
    // Of a page that cannot be compiled nobody knows the hosts.
    if let Some(gateway) = gateway.as_ref().filter(|_| !diagnostics.iter().any(|d| d.severity == Severity::Error)) {
        for (source, document) in of_kind(SourceKind::Gateway) {
            let mut report = Report { source, document, diagnostics: &mut diagnostics };
            credentials::report_unmet(gateway, pages.values(), &mut report);
        }
    }

    if let (Some((source, document)), Some(gateway)) = (of_kind(SourceKind::Gateway).next(), &gateway) {
        control::held_to_pages(gateway, &pages, &mut Report { source, document, diagnostics: &mut diagnostics });
    }

    // What follows from a catalog that cannot be read is not said.
    let unread =
        sources.iter().enumerate().any(|(index, source)| source.kind == SourceKind::Catalog && !read.contains(&index));
    if unread {
        let follows = |found: &Diagnostic| found.message.starts_with("unknown catalog ");
        diagnostics.retain(|found| !follows(found));
    }
    diagnostics.sort_by_key(|d| (d.source, d.span.start, d.span.end));
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    let set = match gateway {
        Some(gateway) if !failed => {
            Some(Set { gateway, pages: pages.into_values().collect(), patterns: patterns.into_bytes() })
        }
        _ => None,
    };
    Compiled { set, diagnostics }
}

fn parse(index: usize, source: &Source, diagnostics: &mut Vec<Diagnostic>) -> Option<Document> {
    match read_source(source.text.clone().into_bytes()) {
        Ok(document) => Some(document),
        Err(e) => {
            let start = e.at.min(source.text.len());
            let end =
                source.text.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |c| start + c.len_utf8());
            let help = match &e.kind {
                crate::document::ReadErrorKind::Duplicate(_) => Some("keep one of the two".into()),
                _ => shape::of_text(&source.text, start).map(Into::into),
            };
            let message = format!("{}", WithoutPlace(&e));
            diagnostics.push(Diagnostic { severity: Severity::Error, source: index, span: start..end, message, help });
            None
        }
    }
}

/// A reading error without its byte offset: the place is shown.
struct WithoutPlace<'e>(&'e crate::document::ReadError);

impl core::fmt::Display for WithoutPlace<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let text = format!("{}", self.0);
        f.write_str(text.rsplit_once(" (byte").map_or(text.as_str(), |(message, _)| message))
    }
}

fn typed<'d, T: serde::Deserialize<'d>>(
    source: usize,
    document: &'d Document,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    match document.root().read::<T>() {
        Ok(value) => Some(value),
        Err(SourceError { span, message, help }) => {
            let whole = document.root().span();
            let span = span.unwrap_or(whole);
            let help = shape::instead(document, span.start, &message).or(help);
            // Of an object only its first character is underlined: its text may be the whole file.
            let text = document.source().get(span.clone()).unwrap_or_default();
            let span = if text.starts_with(['{', '[']) { span.start..span.start + 1 } else { span };
            diagnostics.push(Diagnostic { severity: Severity::Error, source, span, message, help });
            None
        }
    }
}

/// Catalogs with what they extend, and their own faults reported.
fn extended(
    mut catalogs: BTreeMap<String, CatalogSource>,
    documents: &[Option<Document>],
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Catalog> {
    let names: Vec<String> = catalogs.keys().cloned().collect();
    for name in &names {
        let mut chain = alloc::vec![name.clone()];
        while let Some(base) = chain.last().and_then(|last| catalogs.get(last)).and_then(|c| c.catalog.extends.clone())
        {
            let Some(own) = catalogs.get(name) else { break };
            let Some(document) = documents.get(own.source).and_then(Option::as_ref) else {
                break;
            };
            let mut report = Report { source: own.source, document, diagnostics };
            if chain.contains(&base) {
                let help = "take `extends` out of one of them";
                report.error("/extends", "the catalogs extend each other in a circle", Some(help.into()));
                break;
            }
            let source = own.source;
            let Some(again) = catalogs.get(&base).map(|found| found.source) else {
                report.unknown("/extends", "catalog", &base, names.iter().map(String::as_str));
                break;
            };
            // Read afresh: the base stays a catalog of its own.
            let reread = documents.get(again).and_then(Option::as_ref).and_then(|d| d.root().read::<Catalog>().ok());
            if let (Some(mut reread), Some(own)) = (reread, catalogs.get_mut(name)) {
                debug_assert_eq!(own.source, source);
                let mut faults = Vec::new();
                api::extend(&mut own.catalog, &mut reread, &mut faults);
                let mut report = Report { source, document, diagnostics };
                for (pointer, message) in faults {
                    report.error(&pointer, message, None);
                }
            }
            chain.push(base);
        }
    }
    for entry in catalogs.values() {
        let Some(document) = documents.get(entry.source).and_then(Option::as_ref) else {
            continue;
        };
        let mut report = Report { source: entry.source, document, diagnostics };
        let mut faults = Vec::new();
        let base = entry.catalog.base.clone().unwrap_or_default();
        // A throw-away compilation: each binding compiles it again with its own base.
        let _ = api::compile(&entry.catalog, &base, &mut Patterns::default(), &mut faults);
        for (pointer, message) in faults {
            report.error(&pointer, message, None);
        }
        slip::report(&entry.catalog, &mut report);
        astray::report(&entry.catalog, &mut report);
        money::of_catalog(&entry.catalog, &mut report);
        unsaid::report(&entry.catalog, &mut report);
        for (pointer, message, help) in precondition::loose(&entry.catalog) {
            report.warning(&pointer, message, Some(help));
        }
    }
    catalogs.into_iter().map(|(name, entry)| (name, entry.catalog)).collect()
}
