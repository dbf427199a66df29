//! The `ambit` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    test_harness::command::run(std::env::args_os())
}
