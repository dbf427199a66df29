//! JSON with its places: what is not touched stays as it was written.

use std::ops::Range;

/// Columns of a line, its comma included.
const WIDTH: usize = 150;

/// A value and where it stands in the text.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Range<usize>,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Value {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Text(String),
    /// A number, `true`, `false`, `null`: never looked into.
    Other,
}

impl Node {
    /// The members, of an object.
    pub(crate) fn members(&self) -> Option<&[(String, Node)]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member, of an object that has it.
    pub(crate) fn member(&self, name: &str) -> Option<&Node> {
        self.members()?.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// The text, of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts, of an array of strings.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        match &self.value {
            Value::Array(elements) => elements.iter().map(Node::text).collect(),
            _ => None,
        }
    }

    /// As it is written.
    pub(crate) fn raw<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.at.clone()).unwrap_or_default()
    }
}

/// Reads a document.
///
/// # Errors
/// What is wrong, with its line.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let mut reader = Reader { text, at: 0 };
    let root = reader.value().and_then(|root| {
        reader.blanks();
        if reader.at == text.len() { Ok(root) } else { Err("something follows the document") }
    });
    root.map_err(|message| {
        let line = text.bytes().take(reader.at).filter(|byte| *byte == b'\n').count() + 1;
        format!("line {line}: {message}")
    })
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Takes this byte if it comes next, blanks in front of it apart.
    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn value(&mut self) -> Result<Node, &'static str> {
        self.blanks();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => Value::Object(self.object()?),
            Some(b'[') => Value::Array(self.array()?),
            Some(b'"') => Value::Text(self.string()?),
            _ => {
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
                    self.at += 1;
                }
                if self.at == start {
                    return Err("a value is missing");
                }
                Value::Other
            }
        };
        Ok(Node { at: start..self.at, value })
    }

    fn object(&mut self) -> Result<Vec<(String, Node)>, &'static str> {
        let mut members = Vec::new();
        self.at += 1;
        while !self.take(b'}') {
            if !members.is_empty() && !self.take(b',') {
                return Err("a comma is missing between two members");
            }
            self.blanks();
            let name = self.string()?;
            if !self.take(b':') {
                return Err("a colon is missing behind a name");
            }
            members.push((name, self.value()?));
        }
        Ok(members)
    }

    fn array(&mut self) -> Result<Vec<Node>, &'static str> {
        let mut elements = Vec::new();
        self.at += 1;
        while !self.take(b']') {
            if !elements.is_empty() && !self.take(b',') {
                return Err("a comma is missing between two elements");
            }
            elements.push(self.value()?);
        }
        Ok(elements)
    }

    fn string(&mut self) -> Result<String, &'static str> {
        const UNFINISHED: &str = "a string without its end, or no string where one is due";
        let rest = self.text.get(self.at..).and_then(|rest| rest.strip_prefix('"')).ok_or(UNFINISHED)?;
        let mut text = String::new();
        let mut characters = rest.char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += offset + 2;
                    return Ok(text);
                }
                '\\' => text.push(match characters.next() {
                    Some((_, same @ ('"' | '\\' | '/'))) => same,
                    Some((_, 'n')) => '\n',
                    Some((_, 't')) => '\t',
                    _ => return Err("an escape that a catalog does not need: write the character itself"),
                }),
                _ => text.push(character),
            }
        }
        Err(UNFINISHED)
    }
}

/// A string as JSON.
pub(crate) fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// Writes a value as the catalogs are written: on one line where it fits and holds no objects side by side, strings of a list filling
/// their lines.
///
/// `indent` are the columns in front of the value's line, `lead` those that stand on it already.
pub(crate) fn render(node: &Node, text: &str, indent: usize, lead: usize) -> String {
    let line = on_one_line(node, text);
    if lead + line.chars().count() < WIDTH && !is_broad(node) {
        return line;
    }
    let (inner, margin) = (indent + 2, " ".repeat(indent));
    let parts: Vec<String> = match &node.value {
        Value::Object(members) if !members.is_empty() => members
            .iter()
            .map(|(name, value)| {
                let name = format!("{}: ", quote(name));
                let value = render(value, text, inner, inner + name.chars().count());
                name + &value
            })
            .collect(),
        Value::Array(elements) if !elements.is_empty() => {
            let elements: Vec<String> = elements.iter().map(|element| render(element, text, inner, inner)).collect();
            if node.texts().is_some() { filled(elements, inner) } else { elements }
        }
        _ => return line,
    };
    let (open, close) = if node.members().is_some() { ('{', '}') } else { ('[', ']') };
    format!("{open}\n{margin}  {}\n{margin}{close}", parts.join(&format!(",\n{margin}  ")))
}

/// Whether several objects stand side by side in it: each of them gets a line.
fn is_broad(node: &Node) -> bool {
    let members = node.members().unwrap_or_default();
    members.iter().filter(|(_, value)| value.members().is_some()).count() > 1
        || members.iter().any(|(_, value)| is_broad(value))
}

/// Elements on as few lines as they need.
fn filled(elements: Vec<String>, indent: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for element in elements {
        match lines.last_mut() {
            Some(line) if indent + line.chars().count() + 2 + element.chars().count() < WIDTH => {
                line.push_str(", ");
                line.push_str(&element);
            }
            _ => lines.push(element),
        }
    }
    lines
}

fn on_one_line(node: &Node, text: &str) -> String {
    match &node.value {
        Value::Object(members) if members.is_empty() => "{}".into(),
        Value::Object(members) => {
            let member = |(name, value): &(String, Node)| format!("{}: {}", quote(name), on_one_line(value, text));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(|element| on_one_line(element, text)).collect::<Vec<_>>().join(", "))
        }
        Value::Text(content) => quote(content),
        Value::Other => node.raw(text).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_places_and_are_written_within_the_width() {
        let text = r#"{"a": [1, true], "b": {"c": "say \"it\"", "d": []}, "e": {}}"#;
        let root = parse(text).expect("JSON");
        let b = root.member("b").expect("b");
        assert_eq!(b.raw(text), r#"{"c": "say \"it\"", "d": []}"#);
        assert_eq!(b.member("c").and_then(Node::text), Some("say \"it\""));
        assert_eq!(render(b, text, 2, 7), r#"{ "c": "say \"it\"", "d": [] }"#);
        assert_eq!(
            render(&root, text, 0, 0),
            "{\n  \"a\": [1, true],\n  \"b\": { \"c\": \"say \\\"it\\\"\", \"d\": [] },\n  \"e\": {}\n}"
        );
        let long = format!(r#"{{"list": [{}], "x": 1}}"#, vec![quote(&"y".repeat(60)); 3].join(","));
        let word = quote(&"y".repeat(60));
        let root = parse(&long).expect("JSON");
        assert_eq!(
            render(&root, &long, 4, 10),
            format!("{{\n      \"list\": [\n        {word}, {word},\n        {word}\n      ],\n      \"x\": 1\n    }}")
        );
    }

    #[test]
    fn what_is_no_json_is_said_with_its_line() {
        for (text, message) in [
            ("{\n\"a\": }", "line 2: a value is missing"),
            ("{\"a\" 1}", "line 1: a colon is missing behind a name"),
            ("{\"a\": 1 \"b\": 2}", "line 1: a comma is missing between two members"),
            ("[1 2]", "line 1: a comma is missing between two elements"),
            ("{} {}", "line 1: something follows the document"),
            ("{\"a", "line 1: a string without its end, or no string where one is due"),
        ] {
            assert_eq!(parse(text).expect_err(text), message);
        }
    }
}
