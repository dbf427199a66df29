//! Why policies cannot be used.

use std::io;
use std::path::PathBuf;

use policy_core::bundle::LoadError;
use policy_core::compile::Source;
use policy_core::diagnostic::Diagnostic;

use super::Findings;

/// Why policies cannot be used. The text is one line: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Nothing is there.
    #[error(
        "there is no policy directory or bundle at `{}`; name a directory that holds \
         `gateway.json`, or a file made by `ambit bundle`", path.display()
    )]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The directory has no gateway settings.
    #[error(
        "`{}` holds no `gateway.json`; name the directory that does, or write one: \
         {{\"ambit\": \"gateway-v1\", \"identity\": [{{\"header\": \"x-agent-name\"}}], \
         \"unknown_agent\": \"deny\"}}", directory.display()
    )]
    NoGateway {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory has no template.
    #[error(
        "`{}` holds no scope template; add one named `agent-policy-YYYYMMDD-agent-name.json`",
        directory.display()
    )]
    NoTemplate {
        /// The directory.
        directory: PathBuf,
    },
    /// A file or directory cannot be read.
    #[error("cannot read `{}`: {source}; name one that exists and may be read", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A document is not text.
    #[error("`{}` is not UTF-8 from byte {at} on; save it as UTF-8", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
        /// The first byte that is not.
        at: usize,
    },
    /// A bundle file does not load.
    #[error("cannot load `{}`: {source}", path.display())]
    Bundle {
        /// The path.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// A bundle's candidate does not load, or policies cannot be one.
    #[error("`{}` is no candidate: {source}", path.display())]
    Candidate {
        /// The path.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// There are mistakes in the documents.
    #[error(transparent)]
    Invalid(#[from] InvalidPolicy),
}

/// Documents that do not become a policy set, with what was found in them.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.summary())]
pub struct InvalidPolicy {
    pub(super) sources: Vec<Source>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The compiler found nothing wrong, and yet there is no bundle.
    pub(super) internal: Option<String>,
}

impl InvalidPolicy {
    /// What was found, with the documents.
    pub fn findings(&self) -> Findings<'_> {
        Findings { sources: &self.sources, diagnostics: &self.diagnostics }
    }

    fn summary(&self) -> String {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        match (&self.internal, self.findings().errors(), self.findings().warnings()) {
            (Some(why), ..) => format!("the policies cannot be bundled: {why}"),
            (None, errors, 0) => format!("the policies are not valid: {}", count(errors, "error")),
            (None, errors, warnings) => {
                format!("the policies are not valid: {} and {}", count(errors, "error"), count(warnings, "warning"))
            }
        }
    }
}
