//! Ambit as a proxy-wasm filter.
