//! Finding the filter's module.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where cargo puts the module, below its target directory.
const BUILT: &str = "wasm32-unknown-unknown/release/envoy_filter.wasm";
/// Names the module has where it is installed beside this program.
const SHIPPED: [&str; 2] = ["envoy_filter.wasm", "ambit.wasm"];
/// Names the module where no flag does.
const VARIABLE: &str = "AMBIT_WASM";

/// Why there is no module. The text is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// None of the usual places has it.
    #[error(
        "there is no filter: no `target/{BUILT}` here or beside this program, and no `{}` or `{}` beside it; put the \
         filter of the release there, run `cargo xtask wasm`, name the file with `--wasm FILE` or {VARIABLE}, or use \
         `--engine native`",
        SHIPPED[0],
        SHIPPED[1]
    )]
    NotBuilt,
    /// The named file cannot be read.
    #[error(
        "cannot read the filter `{}`: {source}; run `cargo xtask wasm` and name the file it prints",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("`{}` is not a wasm module; run `cargo xtask wasm` and name the file it prints", path.display())]
    NotWasm {
        /// The file.
        path: PathBuf,
    },
}

/// How every binary wasm module begins.
const MAGIC: &[u8] = b"\0asm";

/// Reads the filter's module: the `named` file, else the one in `AMBIT_WASM`, else what was built in
/// the working directory, else what lies beside this program, else what was built there.
///
/// # Errors
/// [`ModuleError`].
pub fn find_module(named: Option<&Path>) -> Result<Vec<u8>, ModuleError> {
    let variable = || env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = match named.map(Path::to_owned).or_else(variable) {
        Some(path) => path,
        None => usual_places().find(|path| path.is_file()).ok_or(ModuleError::NotBuilt)?,
    };
    match fs::read(&path) {
        Ok(bytes) if bytes.starts_with(MAGIC) => Ok(bytes),
        Ok(_) => Err(ModuleError::NotWasm { path }),
        Err(source) => Err(ModuleError::Unreadable { path, source }),
    }
}

fn usual_places() -> impl Iterator<Item = PathBuf> {
    let here = Path::new("target").join(BUILT);
    let program = env::current_exe().unwrap_or_default();
    let folder = program.parent().map(Path::to_owned).unwrap_or_default();
    let shipped = SHIPPED.map(|name| folder.join(name));
    // The program is `target/debug/ambit`; a test is `target/debug/deps/…`.
    let beside: Vec<_> = program.ancestors().skip(1).take(4).map(|above| above.join(BUILT)).collect();
    std::iter::once(here).chain(shipped).chain(beside)
}
