//! How the command ends.

use std::io;
use std::process::ExitCode;

use crate::approvals::ApprovalError;
use crate::cases::CaseError;
use crate::keys::KeyError;
use crate::policies::{InvalidPolicy, PolicyError};
use crate::recording::RecordingError;
use crate::render::{self, Screen};
use crate::replay::{EngineError, LabelError, ModuleError};

/// How the command ends. The numbers are part of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything is fine.
    Fine = 0,
    /// The command could not run, or not on all it was given.
    CouldNotRun = 1,
    /// A decision is not the expected one.
    Differs = 2,
    /// The policies are not valid.
    InvalidPolicy = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a subcommand ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Labels(#[from] LabelError),
    #[error(transparent)]
    Module(#[from] ModuleError),
    #[error(transparent)]
    Case(#[from] CaseError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// Standard output cannot be written.
    #[error("cannot write the output: {0}; give it a place with room")]
    Output(#[from] io::Error),
    /// Anything else, as one line.
    #[error("{0}")]
    Other(String),
}

impl From<InvalidPolicy> for Failure {
    fn from(invalid: InvalidPolicy) -> Self {
        Self::Policy(invalid.into())
    }
}

/// Tells why on standard error.
pub(super) fn explain(failure: Failure) -> Exit {
    match failure {
        // Whoever read the output has what they wanted (`ambit … | head`).
        Failure::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => Exit::CouldNotRun,
        Failure::Policy(PolicyError::Invalid(invalid)) => {
            let screen = Screen::stderr();
            eprint!("{}", render::diagnostics(invalid.findings(), screen));
            eprintln!("error: {invalid}");
            Exit::InvalidPolicy
        }
        // A bundle that does not load, or a document that is no text, is an invalid policy like any other.
        Failure::Policy(error @ (PolicyError::Bundle { .. } | PolicyError::NotUtf8 { .. })) => {
            eprintln!("error: {error}");
            Exit::InvalidPolicy
        }
        failure => {
            // One line, also where a library's message in it has several.
            let message = failure.to_string();
            eprintln!("error: {}", message.split_whitespace().collect::<Vec<_>>().join(" "));
            Exit::CouldNotRun
        }
    }
}
