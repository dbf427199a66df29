//! Cargo, its folders, and the compilation targets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Failure, output, step};

/// Where the filter runs.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";
/// A target without `std`: what builds for it needs no operating system.
pub(crate) const BARE: &str = "wasm32v1-none";

/// A cargo command in the workspace: the cargo that runs this.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(workspace()).args(arguments);
    command
}

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    this.parent().unwrap_or(this).to_owned()
}

/// The folder cargo builds into: it marks it with CACHEDIR.TAG, and this program lies below it.
pub(crate) fn target_dir() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|exe| exe.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file()).map(Path::to_owned))
        .unwrap_or_else(|| workspace().join("target"))
}

/// Installs a compilation target if it is missing.
pub(crate) fn ensure_target(target: &str) -> Result<(), Failure> {
    let mut query = Command::new("rustc");
    query.current_dir(workspace()).args(["--print", "target-libdir", "--target", target]);
    if output(query).is_some_and(|dir| Path::new(&dir).is_dir()) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.arg("--version");
    if output(rustup).is_none() {
        return Err(Failure::new(format!(
            "the Rust target {target} is missing and so is rustup, which adds it: \
             curl --proto '=https' -sSf https://sh.rustup.rs | sh"
        )));
    }
    let mut add = Command::new("rustup");
    add.current_dir(workspace()).args(["target", "add", target]);
    step(&format!("Installing the Rust target {target}"), add)
}
