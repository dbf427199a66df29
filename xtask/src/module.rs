//! The filter as a WebAssembly module: built, measured, its imports read.

use std::path::PathBuf;

use crate::step::{Failure, step};
use crate::toolchain::{self, WASM};

/// The built module.
pub(crate) struct Module {
    pub(crate) path: PathBuf,
    bytes: Vec<u8>,
}

/// Builds the filter as it ships.
pub(crate) fn build() -> Result<Module, Failure> {
    toolchain::ensure_target(WASM)?;
    step(
        "Building the filter",
        toolchain::cargo(&["build", "--release", "--package", "envoy-filter", "--lib", "--target", WASM]),
    )?;
    let path = toolchain::target_dir().join(WASM).join("release/envoy_filter.wasm");
    let bytes = std::fs::read(&path).map_err(|e| Failure::new(format!("cannot read {}: {e}", path.display())))?;
    Ok(Module { path, bytes })
}

impl Module {
    /// Prints the size: every worker of a gateway loads the module.
    pub(crate) fn print_size(&self) {
        let bytes = self.bytes.len();
        let tenths = bytes * 10 / 1024;
        println!("{}: {bytes} bytes ({}.{} KiB)", self.path.display(), tenths / 10, tenths % 10);
    }

    /// Prints what the module asks of its host. Anything but proxy-wasm calls is a failure: a
    /// gateway could not load it.
    pub(crate) fn print_imports(&self) -> Result<(), Failure> {
        let imports =
            imports(&self.bytes).ok_or_else(|| Failure::new(format!("{} is not a module", self.path.display())))?;
        for import in &imports {
            println!("  {import}");
        }
        match imports.iter().find(|i| !i.starts_with("env.proxy_")) {
            Some(foreign) => {
                Err(Failure::new(format!("the filter imports `{foreign}`; gateways offer `env.proxy_*` alone")))
            }
            None => Ok(()),
        }
    }
}

/// The imports of a module, as `module.name`; `None` when the bytes are not a module.
/// Binary format: WebAssembly Core Specification, section 5.5.
fn imports(bytes: &[u8]) -> Option<Vec<String>> {
    const IMPORT_SECTION: u8 = 2;
    let mut rest = Cursor(bytes.strip_prefix(b"\0asm\x01\0\0\0")?);
    while !rest.0.is_empty() {
        let id = rest.byte()?;
        let size = rest.number()?;
        let mut section = Cursor(rest.take(size)?);
        if id != IMPORT_SECTION {
            continue;
        }
        return (0..section.number()?)
            .map(|_| {
                let import = format!("{}.{}", section.name()?, section.name()?);
                section.skip_description()?;
                Some(import)
            })
            .collect();
    }
    Some(Vec::new())
}

/// The bytes not read yet.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// An unsigned LEB128 number of at most 32 bits.
    fn number(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn name(&mut self) -> Option<String> {
        let length = self.number()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    /// The type of an import: function, table, memory or global.
    fn skip_description(&mut self) -> Option<()> {
        match self.byte()? {
            0 => self.number().map(drop),
            1 => self.byte().and_then(|_| self.skip_limits()),
            2 => self.skip_limits(),
            3 => self.take(2).map(drop),
            _ => None,
        }
    }

    fn skip_limits(&mut self) -> Option<()> {
        let with_maximum = self.byte()? & 1 == 1;
        self.number()?;
        if with_maximum {
            self.number()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::imports;

    #[test]
    fn imports_of_every_kind_are_named() {
        let module = [
            b"\0asm\x01\0\0\0".as_slice(),
            &[1, 4, 1, 0x60, 0, 0], // one function type
            &[2, 41, 4],            // four imports
            b"\x03env\x05proxy\x00\x00",
            b"\x03env\x01m\x02\x01\x01\x80\x01",
            b"\x03env\x01g\x03\x7f\x00",
            b"\x01a\x01t\x01\x70\x00\x01",
        ]
        .concat();
        let names = imports(&module).expect("a module");
        assert_eq!(names, ["env.proxy", "env.m", "env.g", "a.t"]);
    }

    #[test]
    fn a_module_cut_short_is_none() {
        assert!(imports(b"\0asm\x01\0\0\0\x02\x05\x01").is_none());
        assert!(imports(b"ELF").is_none());
    }
}
