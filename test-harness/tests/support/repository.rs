//! Files of this repository.

use std::path::{Path, PathBuf};

/// A file, by its path from the root.
pub(crate) fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// Its text.
pub(crate) fn text(file: &str) -> String {
    let path = repository(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
