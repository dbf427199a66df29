//! The `ambit` command as a person runs it: the built program, its exit code and what it says.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs it: exit code, standard output, standard error.
pub(crate) fn ambit(arguments: &[&str]) -> (i32, String, String) {
    run(command().args(arguments))
}

/// The same in a folder.
pub(crate) fn ambit_in(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    run(command().current_dir(folder).args(arguments))
}

/// The program, for tests that give it an input or an environment of their own.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ambit"));
    // As far from the developer's terminal as can be: no input, and no say in colours.
    command.stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// Asserts that a run ended before it began: one line, which begins with this, and exit code 1.
#[track_caller]
pub(crate) fn assert_could_not_run((code, out, err): &(i32, String, String), said: &str) {
    assert_eq!((*code, out.as_str()), (1, ""), "{err}");
    assert!(err.starts_with(&format!("error: {said}")), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}
