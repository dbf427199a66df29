//! Reading a typed document with the place of every mistake.
/// placeholder
pub struct SourceError;
