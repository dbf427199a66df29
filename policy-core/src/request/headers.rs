//! The header list of a request, by lower-case name.

use alloc::string::String;
use alloc::vec::Vec;

use base64::DecodeError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::approval::HEADER;

/// The head of a request as the host hands it over: all headers in order, pseudo-headers (`:method`, `:path`,
/// `:authority`, `:scheme`) included, in raw bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Names and values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The host says that no body and no trailers follow.
    pub end_of_stream: bool,
    /// What the host knows of the connection and of earlier filters: one value for each path of
    /// [`PolicySet::identity_properties`](crate::PolicySet::identity_properties), in their order. `None`: there is none.
    pub properties: Vec<Option<Vec<u8>>>,
}

impl Head {
    /// A head of a request of which the host knows nothing else.
    #[must_use]
    pub fn new(fields: Vec<(Vec<u8>, Vec<u8>)>, end_of_stream: bool) -> Self {
        Self { fields, end_of_stream, properties: Vec::new() }
    }
}

/// Headers by lower-case name. A name that is neither a token nor a known pseudo-header is kept apart: one is enough to
/// refuse.
#[derive(Clone, Debug)]
pub struct Headers {
    fields: Vec<(String, Vec<u8>)>,
    pub(super) invalid_name: bool,
    grants: bool,
}

impl Headers {
    /// Takes over the fields of a head.
    #[must_use]
    pub fn new(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let mut invalid_name = false;
        let mut grants = false;
        let fields = fields
            .into_iter()
            .filter_map(|(mut name, value)| {
                name.make_ascii_lowercase();
                match String::from_utf8(name) {
                    Ok(name) if is_name(&name) => {
                        grants |= name == HEADER;
                        Some((name, value))
                    }
                    _ => {
                        invalid_name = true;
                        None
                    }
                }
            })
            .collect();
        Self { fields, invalid_name, grants }
    }

    /// All values of a header, in order.
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Whether people's grants come with the request.
    #[must_use]
    pub fn grants(&self) -> bool {
        self.grants
    }

    /// Whether the header is there at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The value of a header that stands once. Blanks around it are no part of it (RFC 9110 §5.5), but of a pseudo-header's
    /// they are.
    ///
    /// # Errors
    /// `Ambiguous` when it stands more than once or is not visible ASCII.
    pub fn single<'h>(&'h self, name: &'h str) -> Result<Option<&'h str>, Ambiguous> {
        let mut values = self.all(name);
        let Some(first) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Ambiguous);
        }
        match core::str::from_utf8(first) {
            Ok(text) if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) => {
                Ok(Some(if name.starts_with(':') { text } else { text.trim() }))
            }
            _ => Err(Ambiguous),
        }
    }

    /// A header in disguise: one of another name that some servers read as this one.
    pub(crate) fn twin(&self, name: &str) -> Option<&str> {
        self.iter().map(|(known, _)| known).find(|known| folded(known).is_some_and(|folded| folded == name))
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Number of headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// A header that must stand once stands more often, or its value is not visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

/// The name that CGI-style servers give a header with `_` in its name, for them the same as `-`. `None` where it has
/// none.
pub(super) fn folded(name: &str) -> Option<String> {
    name.as_bytes().contains(&b'_').then(|| name.replace('_', "-"))
}

/// RFC 9110 §5.6.2 token, or a pseudo-header of a request (RFC 9113 §8.3.1, RFC 8441 §4).
fn is_name(name: &str) -> bool {
    if name.starts_with(':') {
        return matches!(name, ":method" | ":path" | ":authority" | ":scheme" | ":protocol");
    }
    let token = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
    };
    !name.is_empty() && name.bytes().all(token)
}

/// What a header's value in the form `=?base64?…?=` holds; `None` where it is in no such form.
/// Source: Model Context Protocol, "Transports", encoding of header values.
pub(crate) fn in_base64(value: &[u8]) -> Option<Result<Vec<u8>, DecodeError>> {
    Some(STANDARD.decode(value.strip_prefix(b"=?base64?")?.strip_suffix(b"?=")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn headers(pairs: &[(&str, &[u8])]) -> Headers {
        Headers::new(pairs.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.to_vec())).collect())
    }

    #[test]
    fn names_fold_and_singles_are_single() {
        let h = headers(&[("X-Agent", b"a"), ("x-twice", b"1"), ("X-Twice", b"2"), ("x-raw", b"\xff")]);
        assert_eq!(h.single("x-agent"), Ok(Some("a")));
        assert_eq!(h.single("x-none"), Ok(None));
        assert_eq!(h.single("x-twice"), Err(Ambiguous));
        assert_eq!(h.single("x-raw"), Err(Ambiguous));
        assert!(!h.invalid_name);
        assert!(Headers::new(vec![(b"a b".to_vec(), vec![])]).invalid_name);
        assert!(Headers::new(vec![(b"\xff".to_vec(), vec![])]).invalid_name);
    }
}
