//! Policies as they stand on disk: a directory of documents, or a bundle made of one.
//!
//! | in the directory | is |
//! |---|---|
//! | `gateway.json` | the settings of the gateway |
//! | `catalogs/*.json` | catalogs |
//! | other `*.json` | scope templates, except `*.map.json` and bundles |
//!
//! Files are taken in the order of their names, so that the same directory always gives the same
//! bundle. Subdirectories other than `catalogs` are not looked into.

mod ended;
mod error;
mod file_name;
mod sources;
mod tokens;

pub use error::{InvalidPolicy, PolicyError};
pub use file_name::{FileName, NotATemplateName};
pub(crate) use sources::is_bundle;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy_core::bundle;
use policy_core::compile::{Compiled, Source, compile};
use policy_core::diagnostic::{Diagnostic, Severity};
use policy_core::policy::{IdentitySource, Key};
use policy_core::{PolicySet, Timestamp};

/// Name of the gateway's settings in a policy directory.
pub const GATEWAY_FILE: &str = "gateway.json";
/// Name of the directory of catalogs in a policy directory.
pub const CATALOG_DIRECTORY: &str = "catalogs";

/// Documents that were read and compiled, whether they are valid or not.
#[derive(Debug)]
pub struct PolicyDirectory {
    sources: Vec<Source>,
    compiled: Compiled,
}

impl PolicyDirectory {
    /// Reads and compiles a directory.
    ///
    /// # Errors
    /// [`PolicyError`] when the directory or a file in it cannot be read, or `gateway.json` is
    /// missing. Mistakes in the documents are not errors here: see [`PolicyDirectory::findings`].
    pub fn load(directory: &Path) -> Result<Self, PolicyError> {
        let sources = sources::of_directory(directory)?;
        let tokens = tokens::diagnose(&sources);
        Ok(Self::compile(sources, tokens))
    }

    /// Reads and compiles single documents. What they need and is not among them, the gateway's
    /// settings and the catalogs, is taken from the policy directory they stand in.
    ///
    /// # Errors
    /// [`PolicyError`], as for [`PolicyDirectory::load`].
    pub fn load_files(files: &[PathBuf]) -> Result<Self, PolicyError> {
        // Other pages may stand beside these: nothing is said of agents that have none here.
        Ok(Self::compile(sources::of_files(files)?, Vec::new()))
    }

    fn compile(sources: Vec<Source>, more: Vec<Diagnostic>) -> Self {
        let mut compiled = compile(&sources);
        let names = file_name::diagnose(&sources);
        compiled.diagnostics.extend(names.into_iter().chain(more));
        compiled.diagnostics.sort_by_key(|found| (found.source, found.span.start));
        Self { sources, compiled }
    }

    /// The same, with warnings for what has ended at this moment.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let known = &mut self.compiled.diagnostics;
        // An end before the beginning is a mistake of its own.
        let mut ended = ended::diagnose(&self.sources, now);
        ended.retain(|found| !known.iter().any(|other| (other.source, &other.span) == (found.source, &found.span)));
        known.extend(ended);
        self.compiled.diagnostics.sort_by_key(|found| (found.source, found.span.start));
        self
    }

    /// Lets one more key sign, whatever `gateway.json` says: for grants that stand for those of people. It is of the roles of
    /// all pages.
    pub(crate) fn add_approver(&mut self, id: &str, public: [u8; 32]) {
        let Some(set) = &mut self.compiled.set else { return };
        let roles: BTreeSet<String> =
            set.pages.iter().flat_map(|page| &page.roles).map(|role| role.name.clone()).collect();
        let (from, until) = (policy_core::Timestamp(0), policy_core::Timestamp(u64::MAX));
        let (sessions, control) = (false, false);
        let roles = roles.into_iter().collect();
        set.gateway.keys.push(Key { id: id.into(), public, owner: None, roles, sessions, control, from, until });
        if set.gateway.name.is_empty() {
            set.gateway.name = id.into();
        }
    }

    /// What was found in the documents, in their order.
    pub fn findings(&self) -> Findings<'_> {
        Findings { sources: &self.sources, diagnostics: &self.compiled.diagnostics }
    }

    /// The bundle: what a gateway loads.
    ///
    /// # Errors
    /// [`InvalidPolicy`] when there is an error among the findings.
    pub fn bundle(&self) -> Result<Vec<u8>, InvalidPolicy> {
        let invalid = |internal| InvalidPolicy {
            sources: self.sources.clone(),
            diagnostics: self.compiled.diagnostics.clone(),
            internal,
        };
        let has_errors = self.findings().errors() > 0;
        match &self.compiled.set {
            Some(set) if !has_errors => bundle::seal(set).map_err(|e| invalid(Some(e.to_string()))),
            _ => Err(invalid(None)),
        }
    }

    /// The header of the first identity source that is a plain header: where a request by hand can
    /// name its agent.
    fn identity_header(&self) -> Option<String> {
        let sources = &self.compiled.set.as_ref()?.gateway.identity;
        sources.iter().find_map(|source| match source {
            IdentitySource::Header(name) => Some(name.clone()),
            _ => None,
        })
    }
}

/// Diagnostics with the documents they speak of.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// The documents, by [`Diagnostic::source`].
    pub sources: &'a [Source],
    /// What was found.
    pub diagnostics: &'a [Diagnostic],
}

impl Findings<'_> {
    /// Number of errors.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|found| found.severity == severity).count()
    }
}

/// A policy set that is ready to decide, with the bundle it travels as.
#[derive(Debug)]
pub struct Policies {
    /// The set, loaded from the bundle: what a gateway would have.
    pub set: Arc<PolicySet>,
    /// The bundle.
    pub bundle: Vec<u8>,
    /// The header by which a request made by hand can name its agent; unknown for a bundle file.
    pub identity_header: Option<String>,
    directory: Option<PolicyDirectory>,
}

impl Policies {
    /// Reads a policy directory or a bundle file.
    ///
    /// # Errors
    /// [`PolicyError`]; mistakes in the documents are [`PolicyError::Invalid`].
    pub fn open(path: &Path) -> Result<Self, PolicyError> {
        if path.is_file() {
            return Self::open_bundle(path);
        }
        Self::from_directory(PolicyDirectory::load(path)?)
    }

    /// Makes documents that were read ready to decide.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`].
    pub fn from_directory(directory: PolicyDirectory) -> Result<Self, PolicyError> {
        let bundle = directory.bundle()?;
        // `seal` has loaded what it wrote.
        let set = bundle::load(&bundle).map_err(|e| InvalidPolicy {
            sources: directory.sources.clone(),
            diagnostics: directory.compiled.diagnostics.clone(),
            internal: Some(e.to_string()),
        })?;
        Ok(Self {
            set: Arc::new(set),
            bundle,
            identity_header: directory.identity_header(),
            directory: Some(directory),
        })
    }

    fn open_bundle(path: &Path) -> Result<Self, PolicyError> {
        let unreadable = |source| PolicyError::Unreadable { path: path.into(), source };
        let bundle = std::fs::read(path).map_err(unreadable)?;
        let not_loaded = |source| PolicyError::Bundle { path: path.into(), source };
        let set = bundle::load(&bundle).map_err(not_loaded)?;
        // A gateway goes on without it; who looks at the bundle is told.
        if let Some(why) = set.candidate_refused() {
            return Err(PolicyError::Candidate { path: path.into(), source: why.clone() });
        }
        Ok(Self { set: Arc::new(set), bundle, identity_header: None, directory: None })
    }

    /// The same with other policies, a directory or a bundle, as their candidate.
    ///
    /// # Errors
    /// [`PolicyError`]: of the candidate.
    pub fn with_candidate(self, path: &Path) -> Result<Self, PolicyError> {
        let refused = |source| PolicyError::Candidate { path: path.into(), source };
        let candidate = Self::open(path)?;
        let bundle = bundle::with_candidate(&self.bundle, &candidate.bundle).map_err(refused)?;
        let set = Arc::new(bundle::load(&bundle).map_err(refused)?);
        Ok(Self { set, bundle, ..self })
    }

    /// What was found in the documents: warnings, or it would not be ready. Nothing for a bundle.
    pub fn findings(&self) -> Findings<'_> {
        self.directory.as_ref().map_or(Findings { sources: &[], diagnostics: &[] }, PolicyDirectory::findings)
    }

    /// Number of rules, permits and forbids, over all agents.
    pub fn rules(&self) -> usize {
        let pages = self.set.pages();
        pages.iter().map(|page| page.permits.len() + page.forbids.len()).sum()
    }
}
