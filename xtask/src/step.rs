//! One child command at a time, announced before it runs.

use std::io;
use std::process::{Command, ExitStatus};

/// Why the run ends early.
pub(crate) struct Failure {
    /// One line for people; empty when the failed command has said it all.
    pub(crate) message: String,
    /// The exit code to end with.
    pub(crate) code: u8,
}

impl Failure {
    /// Something in the way, and the command that clears it.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: format!("error: {}", message.into()), code: 1 }
    }

    /// The same, and another way around it.
    pub(crate) fn or(mut self, way: &str) -> Self {
        self.message.push_str("; or ");
        self.message.push_str(way);
        self
    }

    /// A command line nobody understands.
    pub(crate) fn usage(usage: &str) -> Self {
        Self { message: usage.to_owned(), code: 1 }
    }
}

/// Says what comes, runs it with this process's terminal, and passes its exit code on.
pub(crate) fn step(what: &str, mut command: Command) -> Result<(), Failure> {
    eprintln!("==> {what}");
    let status = command.status().map_err(|e| not_started(&command, &e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure { message: format!("error: {what}: {status}: {}", line(&command)), code: exit_code(status) })
}

/// Runs a command quietly and gives what it printed; `None` when it failed or is not there.
pub(crate) fn output(mut command: Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn not_started(command: &Command, error: &io::Error) -> Failure {
    Failure::new(format!("cannot run `{}`: {error}", line(command)))
}

/// A child ended by a signal has no code of its own.
fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
