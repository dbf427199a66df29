//! Builds the filter, sets up tools, runs everything.
fn main() {}
