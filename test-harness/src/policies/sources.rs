//! Reading the documents.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use policy_core::bundle;
use policy_core::compile::{Source, SourceKind};
use policy_core::document::{Document, read_json};

use super::{CATALOG_DIRECTORY, GATEWAY_FILE, PolicyError};

/// Every document of a policy directory: gateway, catalogs, templates, each in the order of names.
pub(super) fn of_directory(directory: &Path) -> Result<Vec<Source>, PolicyError> {
    if !directory.exists() {
        return Err(PolicyError::Missing { path: directory.into() });
    }
    let mut sources = vec![gateway(directory)?];
    sources.extend(catalogs(directory)?);
    let before = sources.len();
    for path in json_files(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == GATEWAY_FILE || name.ends_with(".map.json") {
            continue;
        }
        let source = read(&path, SourceKind::Template)?;
        if !is_bundle(&source.text) {
            sources.push(source);
        }
    }
    if sources.len() == before {
        return Err(PolicyError::NoTemplate { directory: directory.into() });
    }
    Ok(sources)
}

/// The given documents, and the gateway's settings and catalogs of the directory they stand in.
pub(super) fn of_files(files: &[PathBuf]) -> Result<Vec<Source>, PolicyError> {
    let mut given = Vec::new();
    for path in files {
        let mut source = read(path, SourceKind::Template)?;
        source.kind = kind_of(path, &source.text);
        given.push(source);
    }
    let directory = files.first().map(|path| policy_directory(path)).unwrap_or_default();
    let mut sources = Vec::new();
    if !given.iter().any(|source| source.kind == SourceKind::Gateway) {
        sources.push(gateway(&directory)?);
    }
    let known: Vec<_> = given.iter().filter_map(|source| fs::canonicalize(&source.name).ok()).collect();
    for catalog in catalogs(&directory)? {
        if !fs::canonicalize(&catalog.name).is_ok_and(|path| known.contains(&path)) {
            sources.push(catalog);
        }
    }
    sources.extend(given);
    Ok(sources)
}

/// The policy directory a document stands in.
fn policy_directory(document: &Path) -> PathBuf {
    let parent = match document.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if parent.file_name().is_some_and(|name| name == CATALOG_DIRECTORY) {
        return match parent.parent() {
            Some(above) if above != Path::new("") => above.into(),
            _ => PathBuf::from("."),
        };
    }
    parent.into()
}

fn gateway(directory: &Path) -> Result<Source, PolicyError> {
    match read(&directory.join(GATEWAY_FILE), SourceKind::Gateway) {
        Err(PolicyError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(PolicyError::NoGateway { directory: directory.into() })
        }
        result => result,
    }
}

fn catalogs(directory: &Path) -> Result<Vec<Source>, PolicyError> {
    let directory = directory.join(CATALOG_DIRECTORY);
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    json_files(&directory)?.iter().map(|path| read(path, SourceKind::Catalog)).collect()
}

/// The `*.json` files directly in a directory, hidden ones left out, sorted by name.
fn json_files(directory: &Path) -> Result<Vec<PathBuf>, PolicyError> {
    let unreadable = |source| PolicyError::Unreadable { path: directory.into(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".json") && !name.starts_with('.') && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, kind: SourceKind) -> Result<Source, PolicyError> {
    let bytes = fs::read(path).map_err(|source| PolicyError::Unreadable { path: path.into(), source })?;
    let text = String::from_utf8(bytes)
        .map_err(|e| PolicyError::NotUtf8 { path: path.into(), at: e.utf8_error().valid_up_to() })?;
    Ok(Source { name: path.display().to_string(), kind, text })
}

/// What a document is, by what it says; by where it stands, when it cannot be read.
fn kind_of(path: &Path, text: &str) -> SourceKind {
    if let Ok(document) = read_json(text.as_bytes().to_vec()) {
        let root = document.root();
        if root.member("catalog").is_some() {
            return SourceKind::Catalog;
        }
        let version = root.member("ambit").and_then(|value| value.string());
        if version.is_some_and(|version| version.starts_with("gateway")) {
            return SourceKind::Gateway;
        }
        if version.is_some() {
            return SourceKind::Template;
        }
    }
    let parent = path.parent().and_then(Path::file_name);
    if path.file_name().is_some_and(|name| name == GATEWAY_FILE) {
        SourceKind::Gateway
    } else if parent.is_some_and(|name| name == CATALOG_DIRECTORY) {
        SourceKind::Catalog
    } else {
        SourceKind::Template
    }
}

/// Whether a document is the output of `ambit bundle`.
pub(crate) fn is_bundle(text: &str) -> bool {
    let format = |document: Document| {
        let format = document.root().member("format")?.string()?.to_owned();
        Some(format)
    };
    let family = bundle::FORMAT.split('/').next().unwrap_or(bundle::FORMAT);
    read_json(text.as_bytes().to_vec())
        .ok()
        .and_then(format)
        .is_some_and(|format| format.split('/').next() == Some(family))
}
