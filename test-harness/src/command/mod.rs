//! The `ambit` command: one file per subcommand.
//!
//! Results go to standard output, everything else to standard error. A message is one line: what is
//! wrong, and what to do.

mod arguments;
mod bundle;
mod cases;
mod control;
mod evaluate;
mod exit;
mod grant;
mod keygen;
mod present;
mod replay;
mod request;
mod token;
mod usage;
mod validate;

pub use exit::Exit;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Subcommand};

/// Runs the command with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let result = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => match arguments.subcommand {
            Subcommand::Validate(arguments) => validate::run(&arguments),
            Subcommand::Bundle(arguments) => bundle::run(&arguments),
            Subcommand::Replay(arguments) => replay::run(&arguments),
            Subcommand::Cases(arguments) => cases::run(&arguments),
            Subcommand::Evaluate(arguments) => evaluate::run(&arguments),
            Subcommand::Grant(arguments) => grant::run(&arguments),
            Subcommand::Keygen(arguments) => keygen::run(&arguments),
            Subcommand::Token(arguments) => token::run(&arguments),
            Subcommand::Pause(arguments) => control::pause(&arguments),
            Subcommand::Resume(arguments) => control::resume(&arguments),
            Subcommand::Paused(arguments) => control::show(&arguments),
            Subcommand::EndSession(arguments) => control::end_session(&arguments),
        },
        Err(error) => usage::explain(&error),
    };
    result.unwrap_or_else(exit::explain).into()
}
