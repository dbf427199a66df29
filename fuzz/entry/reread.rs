//! JSON read a second time, numbers as they are written: `serde_json` says whether it is JSON and what its strings hold, and
//! a reader that trusts it takes it apart.

use serde::de::IgnoredAny;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// Reads a text that is JSON.
pub fn read(bytes: &[u8]) -> Option<Tree> {
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut reader = Reader { text, at: 0 };
    Some(reader.value())
}

impl Tree {
    /// The one member of this name.
    pub fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let mut found = members.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn elements(&self) -> Option<&[Self]> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// What is written, of a number or a text.
    pub fn written(&self) -> Option<&str> {
        match self {
            Self::Number(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn skip(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| b" \t\r\n".contains(byte)) {
            self.at += 1;
        }
        bytes[self.at]
    }

    /// Goes over this byte, if it is next.
    fn takes(&mut self, byte: u8) -> bool {
        let takes = self.skip() == byte;
        self.at += usize::from(takes);
        takes
    }

    fn value(&mut self) -> Tree {
        match self.skip() {
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                while !self.takes(b'}') {
                    self.takes(b',');
                    self.skip();
                    let name = self.string();
                    self.takes(b':');
                    members.push((name, self.value()));
                }
                Tree::Object(members)
            }
            b'[' => {
                self.at += 1;
                let mut elements = Vec::new();
                while !self.takes(b']') {
                    self.takes(b',');
                    elements.push(self.value());
                }
                Tree::List(elements)
            }
            b'"' => Tree::Text(self.string()),
            _ => {
                let rest = &self.text[self.at..];
                let end = rest.find(|c: char| c.is_whitespace() || ",]}".contains(c)).unwrap_or(rest.len());
                self.at += end;
                match &rest[..end] {
                    "null" => Tree::Null,
                    "true" => Tree::Bool(true),
                    "false" => Tree::Bool(false),
                    number => Tree::Number(number.into()),
                }
            }
        }
    }

    /// The string that begins here, its escapes resolved by `serde_json`.
    fn string(&mut self) -> String {
        let rest = &self.text[self.at..];
        let mut escaped = false;
        let mut end = 1;
        for byte in rest.bytes().skip(1) {
            end += 1;
            match byte {
                b'"' if !escaped => break,
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        self.at += end;
        serde_json::from_str(&rest[..end]).expect("a string of a valid document is a string")
    }
}
