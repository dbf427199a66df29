//! `ambit bundle`.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use super::arguments::Bundle;
use super::exit::{Exit, Failure};
use crate::policies::{Policies, PolicyDirectory};
use crate::render::{Screen, diagnostics};

pub(super) fn run(arguments: &Bundle) -> Result<Exit, Failure> {
    let directory = PolicyDirectory::load(&arguments.directory)?;
    let policies = Policies::from_directory(directory)?;
    eprint!("{}", diagnostics(policies.findings(), Screen::stderr()));
    let policies = match &arguments.candidate {
        Some(candidate) => policies.with_candidate(candidate)?,
        None => policies,
    };
    let output = &arguments.output;
    if output == Path::new("-") {
        let mut out = stdout().lock();
        out.write_all(&policies.bundle)?;
        out.write_all(b"\n")?;
        return Ok(Exit::Fine);
    }
    replace(output, &policies.bundle).map_err(|e| {
        let output = output.display();
        Failure::Other(format!("cannot write `{output}`: {e}; name a file that may be written with -o"))
    })?;
    let candidate = policies.set.candidate().map(|set| format!(", candidate {}", set.digest())).unwrap_or_default();
    writeln!(stdout(), "{} written: {}{candidate}", output.display(), policies.set.digest())?;
    Ok(Exit::Fine)
}

/// Puts the file there whole or not at all: a gateway may be watching it. What is no file (a device, a pipe) is written
/// to; a link keeps pointing where it points.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let there = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&there).is_ok_and(|metadata| !metadata.is_file()) {
        return fs::write(&there, bytes);
    }
    let path = there.as_path();
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.partial", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may not have come into being.
        let _ = fs::remove_file(&beside);
    }
    written
}
