//! JSON values that can be put together and changed. Numbers keep their text: what is measured is exact.

use policy_core::document::{Kind, Step, Value, read_json};
use serde_json::Value as Text;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// Members in their order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text as strictly as a request is read.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let document = read_json(text.to_vec()).map_err(|e| e.to_string())?;
        Ok(Self::of(document.root()))
    }

    /// A value of a document.
    pub fn of(value: Value<'_>) -> Self {
        match value.kind() {
            Kind::Null => Self::Null,
            Kind::Bool(bool) => Self::Bool(bool),
            Kind::Number => Self::Number(value.number().unwrap_or_default().to_owned()),
            Kind::String => Self::text(value.string().unwrap_or_default()),
            Kind::Array => Self::Array(value.children().map(Self::of).collect()),
            Kind::Object => {
                Self::Object(value.children().map(|child| (child.name().to_owned(), Self::of(child))).collect())
            }
        }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An object without members.
    pub fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The member of this name, which is put there if it is not.
    fn member_mut(&mut self, name: &str) -> Option<&mut Self> {
        if !matches!(self, Self::Object(_)) {
            *self = Self::object();
        }
        let Self::Object(members) = self else { return None };
        let position = members.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            members.push((name.to_owned(), Self::Null));
            members.len() - 1
        });
        members.get_mut(position).map(|(_, value)| value)
    }

    /// The text of a text or a number.
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The one value at a place; nothing where the way leads through a list.
    pub fn at(&self, steps: &[Step]) -> Option<&Self> {
        match steps {
            [] => Some(self),
            [Step::Member(name), rest @ ..] => self.member(name)?.at(rest),
            [Step::Each | Step::Deep, ..] => None,
        }
    }

    /// Puts a value at a place. Where the way leads through a list, a list is spread over its elements.
    pub fn put(&mut self, steps: &[Step], value: Self) {
        match steps {
            [] | [Step::Deep, ..] => *self = value,
            [Step::Member(name), rest @ ..] => {
                if let Some(member) = self.member_mut(name) {
                    member.put(rest, value);
                }
            }
            [Step::Each, rest @ ..] => {
                let values = match value {
                    Self::Array(values) => values,
                    one => vec![one],
                };
                let mut elements = match std::mem::replace(self, Self::Null) {
                    Self::Array(elements) => elements,
                    _ => Vec::new(),
                };
                elements.resize(values.len(), Self::Null);
                for (element, value) in elements.iter_mut().zip(values) {
                    element.put(rest, value);
                }
                *self = Self::Array(elements);
            }
        }
    }

    /// Takes out the member at a place.
    pub fn remove(&mut self, steps: &[Step]) {
        match (self, steps) {
            (Self::Object(members), [Step::Member(name)]) => members.retain(|(known, _)| known != name),
            (Self::Object(members), [Step::Member(name), rest @ ..]) => {
                let below = members.iter_mut().find(|(known, _)| known == name);
                if let Some((_, below)) = below {
                    below.remove(rest);
                }
            }
            _ => {}
        }
    }

    /// Takes over what another value says: members of objects one by one, anything else whole.
    pub fn take_over(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Object(_), Self::Object(members)) => {
                for (name, value) in members {
                    if let Some(member) = self.member_mut(&name) {
                        member.take_over(value);
                    }
                }
            }
            (_, other) => *self = other,
        }
    }
}

impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |text: &str| Text::from(text);
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Number(text) => f.write_str(text),
            Self::String(text) => write!(f, "{}", quoted(text)),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (position, element) in elements.iter().enumerate() {
                    let comma = if position == 0 { "" } else { "," };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (position, (name, value)) in members.iter().enumerate() {
                    let comma = if position == 0 { "" } else { "," };
                    write!(f, "{comma}{}:{value}", quoted(name))?;
                }
                f.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_core::document::Path;

    fn read(text: &str) -> Json {
        Json::read(text.as_bytes()).unwrap()
    }

    fn put(into: &str, place: &str, value: &str) -> String {
        let mut json = read(into);
        json.put(&Path::parse(place).unwrap().0, read(value));
        json.to_string()
    }

    #[test]
    fn a_text_comes_back_as_it_was() {
        for text in [r#"{"a":[1.50,"ä\"\n",null,true,{}],"b":0.123456789012345678}"#, "[]", "\"x\"", "-0.0"] {
            assert_eq!(read(text).to_string(), text);
        }
        assert!(Json::read(b"{\"a\":1,\"a\":2}").is_err(), "of one reading");
    }

    #[test]
    fn values_are_put_where_pointers_say() {
        assert_eq!(put("{}", "/variant/price", "\"9\""), r#"{"variant":{"price":"9"}}"#);
        assert_eq!(put(r#"{"a":1,"b":2}"#, "/a", "3"), r#"{"a":3,"b":2}"#);
        assert_eq!(put("{}", "/categories/*/slug", r#"["x","y"]"#), r#"{"categories":[{"slug":"x"},{"slug":"y"}]}"#);
        assert_eq!(put(r#"{"t":[{"id":1,"n":"a"},{"id":2}]}"#, "/t/*/n", r#"["b"]"#), r#"{"t":[{"id":1,"n":"b"}]}"#);
        assert_eq!(put("1", "", "2"), "2");
    }

    #[test]
    fn what_a_later_answer_says_counts() {
        let mut known = read(r#"{"id":1,"price":"5","dim":{"w":1,"h":2},"tags":[1,2]}"#);
        known.take_over(read(r#"{"price":"6","dim":{"w":3},"tags":[]}"#));
        assert_eq!(known.to_string(), r#"{"id":1,"price":"6","dim":{"w":3,"h":2},"tags":[]}"#);
    }
}
