//! A request as text, so that inputs can be read, written and dictionaries apply:
//!
//! ```text
//! PUT /v3/products/42
//! host: shop.example.com
//! x-agent-name: agent
//! content-type: application/json
//!
//! {"price": "5.00"}
//! ```
//!
//! Lines end at LF alone, names at the first `: `; anything else stays in the name, the value or the body as it is.

use policy_core::Head;
use policy_core::document::{Kind, Value, read_json};

/// A request.
#[derive(Clone, Debug)]
pub struct Message {
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Reads any bytes as a request.
pub fn read(bytes: &[u8]) -> Message {
    let (head, body) = split(bytes, b"\n\n").unwrap_or((bytes, b""));
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let (method, target) = split(line, b" ").unwrap_or((line, b""));
    let mut fields = vec![(b":method".to_vec(), method.to_vec()), (b":path".to_vec(), target.to_vec())];
    fields.extend(lines.map(|line| split(line, b": ").unwrap_or((line, b""))).map(|(n, v)| (n.to_vec(), v.to_vec())));
    Message { fields, body: body.to_vec() }
}

fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..place], &bytes[place + at.len()..]))
}

impl Message {
    /// Its head; nothing follows when there is no body.
    pub fn head(&self) -> Head {
        Head::new(self.fields.clone(), self.body.is_empty())
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut all = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        all.next().map(|(_, value)| value.as_slice())
    }

    /// The names of its headers in capitals.
    pub fn in_capitals(&self) -> Self {
        let capitals = |(name, value): &(Vec<u8>, Vec<u8>)| (name.to_ascii_uppercase(), value.clone());
        Self { fields: self.fields.iter().map(capitals).collect(), body: self.body.clone() }
    }

    /// Its headers in another order; those of one name keep theirs.
    pub fn in_another_order(&self) -> Self {
        let mut fields = self.fields.clone();
        fields.sort_by_key(|(name, _)| std::cmp::Reverse(name.to_ascii_lowercase()));
        Self { fields, body: self.body.clone() }
    }

    /// The members of its JSON body in reverse, in every object; `None` where there is no such body.
    pub fn with_members_reversed(&self) -> Option<Self> {
        let document = read_json(self.body.clone()).ok()?;
        let mut body = Vec::new();
        write_reversed(document.root(), document.source(), &mut body);
        let mut fields = self.fields.clone();
        for (name, value) in &mut fields {
            // The length that is announced changes with the blanks, which are left out.
            if name.eq_ignore_ascii_case(b"content-length") && *value == self.body.len().to_string().into_bytes() {
                *value = body.len().to_string().into_bytes();
            }
        }
        Some(Self { fields, body })
    }
}

fn write_reversed(value: Value<'_>, source: &str, out: &mut Vec<u8>) {
    let object = value.kind() == Kind::Object;
    if !object && value.kind() != Kind::Array {
        return out.extend_from_slice(source[value.span()].as_bytes());
    }
    let mut children: Vec<Value<'_>> = value.children().collect();
    if object {
        children.reverse();
    }
    out.push(if object { b'{' } else { b'[' });
    for (index, child) in children.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if object {
            out.extend_from_slice(source[child.name_span()].as_bytes());
            out.push(b':');
        }
        write_reversed(child, source, out);
    }
    out.push(if object { b'}' } else { b']' });
}
