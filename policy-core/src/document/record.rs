//! [`Record`]: objects of which every member is known, as signed messages and bundles are. A reader derived through serde
//! would take five times the code.

use alloc::format;
use alloc::string::{String, ToString};

use super::{Kind, Value};
use crate::quote::quote;

/// An object without members that are not known. Mistakes are said in words that follow a colon.
#[derive(Clone, Copy)]
pub(crate) struct Record<'d>(Value<'d>);

impl<'d> Record<'d> {
    /// The object, if it is one and has no other members than these.
    pub(crate) fn of(value: Value<'d>, known: &[&str]) -> Result<Self, String> {
        if value.kind() != Kind::Object {
            return Err("it is no object".to_string());
        }
        match value.children().find(|member| !known.contains(&member.name())) {
            Some(other) => Err(format!("unknown field {}", quote(other.name()))),
            None => Ok(Self(value)),
        }
    }

    /// A member; `null` is as good as none.
    pub(crate) fn member(self, name: &str) -> Option<Value<'d>> {
        self.0.member(name).filter(|member| member.kind() != Kind::Null)
    }

    /// A text that has to be there.
    pub(crate) fn text(self, name: &str) -> Result<&'d str, String> {
        needed(name, self.optional_text(name)?)
    }

    /// A text.
    pub(crate) fn optional_text(self, name: &str) -> Result<Option<&'d str>, String> {
        self.read(name, "a string", Value::string)
    }

    /// A whole number that has to be there, not negative.
    pub(crate) fn number(self, name: &str) -> Result<u64, String> {
        needed(name, self.optional_number(name)?)
    }

    /// A whole number, not negative.
    pub(crate) fn optional_number(self, name: &str) -> Result<Option<u64>, String> {
        self.read(name, "a whole number", |value| value.number()?.parse().ok())
    }

    /// A member that is read as `kind`.
    pub(crate) fn read<T>(
        self,
        name: &str,
        kind: &str,
        read: impl FnOnce(Value<'d>) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.member(name) {
            Some(member) => read(member).map(Some).ok_or_else(|| format!("`{name}` is not {kind}")),
            None => Ok(None),
        }
    }
}

fn needed<T>(name: &str, member: Option<T>) -> Result<T, String> {
    member.ok_or_else(|| format!("missing field `{name}`"))
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::Record;
    use crate::document::read_json;

    fn of<T>(text: &str, read: impl Fn(Record<'_>) -> Result<T, String>) -> Result<T, String> {
        let document = read_json(text.as_bytes().to_vec()).unwrap();
        read(Record::of(document.root(), &["a", "b"])?)
    }

    #[test]
    fn members_are_read_by_their_type() {
        let text = |name: &'static str| move |record: Record<'_>| record.text(name).map(ToString::to_string);
        assert_eq!(of(r#"{"a":"x\n"}"#, text("a")).unwrap(), "x\n");
        assert_eq!(of(r#"{"a":"x"}"#, text("b")).unwrap_err(), "missing field `b`");
        assert_eq!(of(r#"{"a":null}"#, text("a")).unwrap_err(), "missing field `a`");
        assert_eq!(of(r#"{"a":1}"#, text("a")).unwrap_err(), "`a` is not a string");
        assert_eq!(of(r#"{"a":1,"c":1}"#, text("a")).unwrap_err(), "unknown field `c`");
        assert_eq!(of("[]", text("a")).unwrap_err(), "it is no object");
        assert_eq!(of(r#"{"a":null}"#, |record| record.optional_text("a").map(|text| text.is_none())), Ok(true));
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        let number = |text: &str| of(text, |record| record.number("a"));
        assert_eq!(number(r#"{"a":1700000000}"#), Ok(1_700_000_000));
        for wrong in [r#"{"a":-1}"#, r#"{"a":1.0}"#, r#"{"a":1e3}"#, r#"{"a":"1"}"#, r#"{"a":true}"#] {
            assert_eq!(number(wrong).unwrap_err(), "`a` is not a whole number", "{wrong}");
        }
        assert_eq!(number("{}").unwrap_err(), "missing field `a`");
    }
}
