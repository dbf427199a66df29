//! Builds the filter, sets up tools, writes the catalogs' lists, runs everything: `cargo xtask <command>`.
//!
//! Each step says what it does before it does it, and runs with the terminal of its caller. The first
//! step that fails ends the run, with that step's exit code.

mod catalogs;
mod envoy;
mod module;
mod step;
mod toolchain;

use std::process::ExitCode;

use step::{Failure, step};

const USAGE: &str = "\
usage: cargo xtask <command>

  demo       build the filter and the `ambit` command, replay the bundled recordings
  test       run all tests, those in a live Envoy included
  wasm       build the filter; print its size and what it imports
  envoy      fetch Envoy for the tests; print its path
  bench      print time and fuel per decision
  catalogs   write the endpoints of policies/catalogs/ from their tables;
             --verify: write nothing, fail if one differs

Arguments after `test` and `bench` go to cargo.";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match (command.as_deref(), rest.is_empty()) {
        (Some("demo"), true) => demo(),
        (Some("test"), _) => test(&rest),
        (Some("wasm"), true) => wasm(),
        (Some("envoy"), true) => fetch_envoy(),
        (Some("bench"), _) => bench(&rest),
        (Some("catalogs"), true) => catalogs::run(false),
        (Some("catalogs"), false) if rest == ["--verify"] => catalogs::run(true),
        (Some("help" | "--help" | "-h"), _) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::usage(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// The main job, from a fresh clone.
fn demo() -> Result<(), Failure> {
    module::build()?.print_size();
    step("Building the `ambit` command", toolchain::cargo(&["build", "--package", "test-harness", "--bin", "ambit"]))?;
    replay()
}

/// Replays the bundled recordings against the bundled policies.
fn replay() -> Result<(), Failure> {
    let ambit = toolchain::target_dir().join("debug").join("ambit");
    let folder = toolchain::workspace().join("policies").join("recordings");
    let entries = std::fs::read_dir(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    let mut recordings: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with('s'))
        .map(|name| format!("policies/recordings/{name}"))
        .collect();
    recordings.sort();
    let mut command = std::process::Command::new(ambit);
    command.current_dir(toolchain::workspace()).arg("replay").args(recordings).args(["--policies", "policies"]);
    step("Replaying the bundled recordings through the filter", command)
}

/// Every test there is.
fn test(rest: &[String]) -> Result<(), Failure> {
    let envoy = envoy::find_or_fetch()?;
    let module = module::build()?;
    module.print_size();
    toolchain::ensure_target(toolchain::BARE)?;
    let bare = ["build", "--package", "policy-core", "--target", toolchain::BARE];
    step(
        "Building the policy core for a bare target, smallest",
        toolchain::cargo(&[&bare[..], &["--no-default-features"]].concat()),
    )?;
    step("Building the policy core for a bare target, default features", toolchain::cargo(&bare))?;
    let mut tests = toolchain::cargo(&["test", "--workspace"]);
    tests.args(rest).env("AMBIT_ENVOY", envoy).env("AMBIT_WASM", module.path);
    step("Running all tests", tests)
}

fn wasm() -> Result<(), Failure> {
    let module = module::build()?;
    module.print_size();
    module.print_imports()
}

fn fetch_envoy() -> Result<(), Failure> {
    println!("{}", envoy::find_or_fetch()?.display());
    Ok(())
}

/// Time and fuel per decision.
fn bench(rest: &[String]) -> Result<(), Failure> {
    module::build()?.print_size();
    let mut benches = toolchain::cargo(&["bench", "--package", "test-harness", "--bench", "decisions"]);
    benches.args(rest);
    step("Measuring time and fuel per decision", benches)
}
