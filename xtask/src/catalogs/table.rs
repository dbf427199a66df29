//! A table of endpoints: lines that a person can review, one per endpoint.
//!
//! ```text
//! # api_version: v1
//! # source: where the list comes from
//! GET /orders<TAB>orders.list<TAB>read
//! POST /orders/{id}/refund<TAB>orders.refund<TAB>door
//! ```
//!
//! Lines that begin with `#` are for people, but for `api_version` and `source`. Paths lie below the catalog's base; `//path` begins
//! at the root of the host.

use std::collections::BTreeMap;

/// Methods in the order in which one endpoint lists them.
const METHODS: [&str; 5] = ["GET", "PUT", "PATCH", "POST", "DELETE"];
/// What an action can do, from harmless to final; a brake last.
pub(crate) const EFFECTS: [&str; 5] = ["read", "safe", "gate", "door", "brake"];

/// What a table says.
#[derive(Debug)]
pub(crate) struct Table {
    /// Version of the API.
    pub(crate) api_version: String,
    /// Where the list comes from.
    pub(crate) source: String,
    /// Actions in the order of their first lines.
    pub(crate) actions: Vec<Action>,
}

/// An action and its endpoints.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) resource: String,
    pub(crate) name: String,
    pub(crate) effect: String,
    /// Paths in the order of the table, each with its methods.
    paths: Vec<(String, Vec<usize>)>,
}

impl Action {
    /// As a catalog lists them: `METHOD|METHOD /path`.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let methods = |known: &[usize]| {
            let names: Vec<&str> = known.iter().filter_map(|index| METHODS.get(*index).copied()).collect();
            names.join("|")
        };
        self.paths.iter().map(|(path, known)| format!("{} {path}", methods(known))).collect()
    }

    /// Lines of the table.
    pub(crate) fn lines(&self) -> usize {
        self.paths.iter().map(|(_, methods)| methods.len()).sum()
    }
}

/// A line of the table that is an endpoint.
struct Line<'t> {
    method: usize,
    path: &'t str,
    resource: &'t str,
    action: &'t str,
    effect: &'t str,
}

/// Reads a table.
///
/// # Errors
/// Every fault, with its line.
pub(crate) fn read(text: &str) -> Result<Table, Vec<String>> {
    let mut faults = Vec::new();
    let mut head = BTreeMap::new();
    let mut actions: Vec<Action> = Vec::new();
    // Variables compare by their place: whatever they are called, they match the same requests.
    let mut listed: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(comment) = line.strip_prefix('#') {
            for name in ["api_version", "source"] {
                let value = comment.trim_start().strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
                if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
                    head.entry(name).or_insert_with(|| value.to_owned());
                }
            }
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let line = match endpoint(line) {
            Ok(line) => line,
            Err(message) => {
                faults.push(format!("line {number}: {message}"));
                continue;
            }
        };
        if let Some(other) = listed.insert((line.method, shape(line.path)), number) {
            faults.push(format!("line {number}: the endpoint of line {other} once more; keep one of them"));
            continue;
        }
        match actions.iter_mut().find(|known| (&*known.resource, &*known.name) == (line.resource, line.action)) {
            None => actions.push(Action {
                resource: line.resource.into(),
                name: line.action.into(),
                effect: line.effect.into(),
                paths: vec![(line.path.into(), vec![line.method])],
            }),
            Some(known) if known.effect != line.effect => faults.push(format!(
                "line {number}: `{}.{}` is `{}` here and `{}` above; an action has one effect: use the stricter one, or another action",
                line.resource, line.action, line.effect, known.effect
            )),
            Some(known) => match known.paths.iter_mut().find(|(path, _)| path == line.path) {
                None => known.paths.push((line.path.into(), vec![line.method])),
                Some((_, methods)) => {
                    methods.push(line.method);
                    methods.sort_unstable();
                }
            },
        }
    }
    let mut take = |name: &str| {
        let value = head.remove(name);
        if value.is_none() {
            faults.push(format!("the head does not say `{name}`; write a line `# {name}: …`"));
        }
        value.unwrap_or_default()
    };
    let (api_version, source) = (take("api_version"), take("source"));
    if faults.is_empty() { Ok(Table { api_version, source, actions }) } else { Err(faults) }
}

fn endpoint(line: &str) -> Result<Line<'_>, String> {
    const FORM: &str = "a line is `METHOD /path`, `resource.action` and the effect, with one tab between them";
    let columns: Vec<&str> = line.split('\t').collect();
    let [endpoint, action, effect] = columns.as_slice() else {
        return Err(FORM.into());
    };
    let (method, path) = endpoint.split_once(' ').ok_or(FORM)?;
    let method = METHODS
        .iter()
        .position(|known| *known == method)
        .ok_or_else(|| format!("unknown method `{method}`: one of {}", METHODS.join(", ")))?;
    if !path.starts_with('/') || path.contains([' ', '?', '#']) {
        return Err(format!("`{path}` is not a path: it begins with `/` and has no query"));
    }
    let (resource, action) = action.split_once('.').ok_or(FORM)?;
    for name in [resource, action] {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!("`{name}` is not a name: small letters, digits and `_`"));
        }
    }
    if !EFFECTS.contains(effect) {
        return Err(format!("unknown effect `{effect}`: one of {}", EFFECTS.join(", ")));
    }
    Ok(Line { method, path, resource, action, effect })
}

fn shape(path: &str) -> String {
    let blank = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(blank).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# api_version: v1\n# source: the reference\n";

    fn faults(lines: &str) -> String {
        read(&format!("{HEAD}{lines}")).expect_err("faults").join("\n")
    }

    #[test]
    fn methods_of_one_path_are_one_endpoint_and_paths_keep_their_order() {
        let text = format!(
            "{HEAD}# why\nPOST /b/{{id}}\tb.update\tgate\nGET /a\ta.list\tread\nPUT /b/{{id}}\tb.update\tgate\nPUT /a/{{id}}\tb.update\tgate\n"
        );
        let table = read(&text).expect("a table");
        assert_eq!((table.api_version.as_str(), table.source.as_str()), ("v1", "the reference"));
        let all: Vec<_> = table.actions.iter().map(|a| (a.name.as_str(), a.endpoints(), a.lines())).collect();
        assert_eq!(
            all,
            [("update", vec!["PUT|POST /b/{id}".into(), "PUT /a/{id}".into()], 3), ("list", vec!["GET /a".into()], 1)]
        );
    }

    #[test]
    fn every_fault_is_said_with_its_line_and_what_to_write() {
        assert_eq!(
            read("GET /a\ta.list\tread\n").expect_err("no head"),
            [
                "the head does not say `api_version`; write a line `# api_version: …`",
                "the head does not say `source`; write a line `# source: …`"
            ]
        );
        let said = faults(
            "GET /a a.list read\nHEAD /a\ta.list\tread\nGET /a?x=1\ta.list\tread\nGET /a\tA.list\tread\nGET /a\ta.list\tmild\n",
        );
        let beginnings = [
            "line 3: a line is `METHOD /path`, `resource.action` and the effect, with one tab between them",
            "line 4: unknown method `HEAD`: one of GET, PUT, PATCH, POST, DELETE",
            "line 5: `/a?x=1` is not a path: it begins with `/` and has no query",
            "line 6: `A` is not a name: small letters, digits and `_`",
            "line 7: unknown effect `mild`: one of read, safe, gate, door, brake",
        ];
        assert_eq!(said, beginnings.join("\n"));
    }

    #[test]
    fn an_endpoint_is_listed_once_whatever_its_variables_are_called() {
        assert_eq!(
            faults("GET /a/{id}\ta.get\tread\nGET /a/{name:token}\ta.find\tread\n"),
            "line 4: the endpoint of line 3 once more; keep one of them"
        );
    }

    #[test]
    fn an_action_has_one_effect() {
        let said = faults("POST /a\ta.change\tgate\nDELETE /a\ta.change\tdoor\n");
        assert!(said.starts_with("line 4: `a.change` is `door` here and `gate` above"), "{said}");
    }
}
