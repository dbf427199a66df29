//! An ordered multimap of header (or trailer) fields.

use std::fmt;

/// Header or trailer fields in wire order, names in lower case, values as bytes.
///
/// Names are ASCII-lowercased on the way in, as HTTP/2 demands and Envoy does for HTTP/1. Values
/// are never interpreted: a byte `0xFF` stays a byte `0xFF`. Pseudo-headers (`:method`, `:path`, …)
/// are ordinary entries.
///
/// ```
/// use test_harness::host::HeaderMap;
///
/// let mut headers = HeaderMap::from_iter([(":method", "GET"), ("Accept", "a"), ("accept", "b")]);
/// assert_eq!(headers.value("accept"), Some(&b"a"[..]));
/// headers.replace("accept", "c");
/// assert_eq!(headers.len(), 2);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl HeaderMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a field; fields of the same name stay.
    pub fn add(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let mut name = name.into();
        name.make_ascii_lowercase();
        self.fields.push((name, value.into()));
    }

    /// Leaves exactly one field of that name: at the place of the first, or appended.
    pub fn replace(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let (name, value) = (name.into(), value.into());
        match self.position(&name) {
            None => self.add(name, value),
            Some(first) => {
                let mut index = 0;
                self.fields.retain(|(n, _)| {
                    index += 1;
                    index - 1 <= first || !n.eq_ignore_ascii_case(&name)
                });
                if let Some(field) = self.fields.get_mut(first) {
                    field.1 = value;
                }
            }
        }
    }

    /// Removes every field of that name.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        let name = name.as_ref();
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// First value of that name.
    pub fn value(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let first = self.position(name.as_ref())?;
        self.fields.get(first).map(|(_, value)| value.as_slice())
    }

    /// Every field, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(n, v)| (n.as_slice(), v.as_slice()))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Bytes of all names and values: what `proxy_get_header_map_size` reports.
    pub fn byte_size(&self) -> usize {
        self.fields.iter().map(|(n, v)| n.len() + v.len()).sum()
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        self.fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))
    }
}

impl<N: Into<Vec<u8>>, V: Into<Vec<u8>>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut map = Self::new();
        map.extend(fields);
        map
    }
}

impl<N: Into<Vec<u8>>, V: Into<Vec<u8>>> Extend<(N, V)> for HeaderMap {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.add(name, value);
        }
    }
}

impl fmt::Debug for HeaderMap {
    /// One `name: value` per field, bytes outside printable ASCII escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.iter().map(|(n, v)| format!("{}: {}", n.escape_ascii(), v.escape_ascii()));
        f.debug_list().entries(fields).finish()
    }
}
