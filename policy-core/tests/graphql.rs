//! GraphQL documents are read as what they are (A1): `tests/data/graphql/` holds documents that hide an operation, or
//! seem to, and what each asks for. `says` is a piece of the reason for which one is refused.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use policy_core::decode::graphql::{Operation, OperationType, Parameters, read};
use policy_core::document::{Document, Kind, Value, read_json};
use policy_core::limits::{GRAPHQL_DEPTH, GRAPHQL_TOKENS, JSON_DEPTH, JSON_VALUES, OPERATIONS};
use policy_core::{Code, Reason};

/// The lines of a file under `tests/data/graphql/`.
fn lines(file: &str) -> Vec<Document> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/graphql").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| read_json(line.as_bytes().to_vec()).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

fn texts(line: Value<'_>, name: &str) -> Option<Vec<String>> {
    let texts = line.member(name)?.children().map(|text| text.string().unwrap().to_string());
    Some(texts.collect())
}

fn read_line(line: Value<'_>) -> Result<Operation, Reason> {
    read(&Parameters {
        query: line.member("query").unwrap().string().unwrap(),
        variables: line.member("variables"),
        operation_name: line.member("operationName").and_then(Value::string),
        directives: &texts(line, "directives").unwrap_or_default(),
    })
}

fn read_text(query: &str) -> Result<Operation, Reason> {
    read(&Parameters { query, variables: None, operation_name: None, directives: &[] })
}

fn read_with(query: &str, variables: &str) -> Result<Operation, Reason> {
    let variables = read_json(variables.as_bytes().to_vec()).unwrap();
    read(&Parameters { query, variables: Some(variables.root()), operation_name: None, directives: &[] })
}

fn names(operation: &Operation) -> Vec<String> {
    operation.fields.iter().map(|field| format!("{} {}", operation.kind.name(), field.name)).collect()
}

/// A value as JSON, numbers as they are written.
fn json(value: Value<'_>) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    match value.kind() {
        Kind::Null => "null".into(),
        Kind::Bool(yes) => yes.to_string(),
        Kind::Number => value.number().unwrap().into(),
        Kind::String => quoted(value.string().unwrap()),
        Kind::Array => format!("[{}]", value.children().map(json).collect::<Vec<_>>().join(",")),
        Kind::Object => {
            let member = |child: Value<'_>| format!("{}:{}", quoted(child.name()), json(child));
            format!("{{{}}}", value.children().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

/// Reads every document of a file and holds it to what its line says.
#[track_caller]
fn hold(file: &str, least: usize) {
    let lines = lines(file);
    assert!(lines.len() >= least, "{file} has its cases: {}", lines.len());
    for line in &lines {
        let line = line.root();
        let why = line.member("why").unwrap().string().unwrap();
        match (read_line(line), texts(line, "reads"), line.member("refused").and_then(Value::string)) {
            (Ok(operation), Some(wanted), None) => assert_eq!(names(&operation), wanted, "{why}"),
            (Err(reason), None, Some(says)) => {
                assert!(reason.message.contains(says), "{why}: {}", reason.message);
                assert_eq!(reason.code, Code::GraphqlShape, "{why}");
                assert!(reason.pointer.is_some(), "{why}");
            }
            (got, ..) => panic!("{why}: {got:?}"),
        }
    }
}

#[test]
fn a1_what_documents_hide_is_found_or_refused() {
    hold("hidden.ndjson", 140);
}

#[test]
fn a1_documents_that_only_look_odd_are_read() {
    hold("benign.ndjson", 50);
}

#[test]
fn arguments_are_what_the_server_will_see() {
    let lines = lines("arguments.ndjson");
    assert!(lines.len() >= 30, "the file has its cases: {}", lines.len());
    for line in &lines {
        let line = line.root();
        let why = line.member("why").unwrap().string().unwrap();
        let operation = read_line(line).unwrap_or_else(|reason| panic!("{why}: {reason:?}"));
        let arguments: Vec<_> = operation.fields.iter().map(|field| json(field.arguments.root())).collect();
        let again = |text: &String| json(read_json(text.clone().into_bytes()).unwrap().root());
        let wanted: Vec<_> = texts(line, "arguments").unwrap().iter().map(again).collect();
        assert_eq!(arguments, wanted, "{why}");
    }
}

#[test]
fn arguments_are_a_document_like_any_other() {
    let operation = read_with("query($v:[T]){a(list:$v o:{k:[true 1]})}", r#"{"v":[{"id":"1"},{"id":"2"}]}"#).unwrap();
    let document = &operation.fields[0].arguments;
    let second = document.root().nearest("/list/1/id");
    assert_eq!((second.string(), second.untyped()), (Some("2"), None));
    assert_eq!(document.pointer_of(second), "/list/1/id");
    assert_eq!(document.root().nearest("/o/k/1").number(), Some("1"));
}

#[test]
fn strings_with_another_spelling_are_listed_wherever_they_stand() {
    let query = "query($d:String=\"\\u0064\"){a(x:\"plain\" y:\"\\u0079\") @include(if:true){b(z:\"\"\"\n  z\n\"\"\") @own(x:\"\\u{6f}\")} }";
    assert_eq!(read_text(query).unwrap().texts, ["d", "y", "z", "o"]);
}

#[test]
fn a_reason_says_where() {
    let reason = read_text("{\n  products { id }\n  é\n}").unwrap_err();
    assert_eq!(reason.message, "the GraphQL document has `\\u{e9}`, which begins nothing (line 3, column 3)");
    assert_eq!(reason.pointer.as_deref(), Some("/query"));
    let reason = read_with("query($a:Int!){b(c:$a)}", r#"{"a":null}"#).unwrap_err();
    assert_eq!(reason.pointer.as_deref(), Some("/variables/a"));
}

#[test]
fn what_stands_in_a_reason_is_quoted() {
    let reason = read_text(&format!("{{a{{...{}}}}}", "f".repeat(500))).unwrap_err();
    assert!(reason.message.len() < 200, "{}", reason.message);
}

#[test]
fn nesting_is_bounded() {
    let selections = |n: usize| format!("{}{}", "{a".repeat(n), "}".repeat(n));
    assert_eq!(names(&read_text(&selections(GRAPHQL_DEPTH)).unwrap()), ["query a"]);
    for n in [GRAPHQL_DEPTH + 1, 1_000, 6_000] {
        assert!(read_text(&selections(n)).unwrap_err().message.contains("nested deeper"), "{n}");
    }
    let fragments = |n: usize| format!("{}{{a}}{}", "{...".repeat(n), "}".repeat(n));
    assert_eq!(names(&read_text(&fragments(GRAPHQL_DEPTH - 1)).unwrap()), ["query a"]);
    for n in [GRAPHQL_DEPTH, 1_000, 6_000] {
        assert!(read_text(&fragments(n)).unwrap_err().message.contains("nested deeper"), "{n}");
    }
    // The object of the arguments is one level of its own.
    let lists = |n: usize| format!("{{a(x:{}{})}}", "[".repeat(n), "]".repeat(n));
    assert!(read_text(&lists(JSON_DEPTH - 1)).is_ok());
    assert!(read_text(&lists(JSON_DEPTH)).unwrap_err().message.contains("nested deeper"));
    assert!(read_text(&lists(7_000)).unwrap_err().message.contains("nested deeper"));
    let objects = |n: usize| format!("{{a(x:{}1{})}}", "{x:".repeat(n), "}".repeat(n));
    assert!(read_text(&objects(JSON_DEPTH - 2)).is_ok());
    assert!(read_text(&objects(4_000)).unwrap_err().message.contains("nested deeper"));
    let types = |n: usize| format!("query($a:{}I{}){{a}}", "[".repeat(n), "]".repeat(n));
    assert!(read_text(&types(GRAPHQL_DEPTH)).is_ok());
    assert!(read_text(&types(7_000)).unwrap_err().message.contains("nested deeper"));
}

/// A variable's value brings its own levels: what is bounded is what comes of both.
#[test]
fn nesting_through_variables_is_bounded() {
    let deep = |n: usize| format!(r#"{{"v":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    assert!(read_with("query($v:V){a(x:[$v])}", &deep(JSON_DEPTH - 2)).is_ok());
    assert!(
        read_with("query($v:V){a(x:[[$v]])}", &deep(JSON_DEPTH - 2)).unwrap_err().message.contains("nested deeper")
    );
}

#[test]
fn tokens_are_bounded() {
    // `{`, the fields, `}` and the end.
    let fields = |n: usize| format!("{{a{{{}}}}}", "b ".repeat(n));
    assert!(read_text(&fields(GRAPHQL_TOKENS - 6)).is_ok());
    let reason = read_text(&fields(GRAPHQL_TOKENS - 5)).unwrap_err();
    assert_eq!(reason.code, Code::BodyTooLarge, "{}", reason.message);
    assert!(reason.message.contains("tokens"), "{}", reason.message);
    // Comments, blanks and long strings are none.
    let long = format!("{{a(x:\"{}\") {}}}", "x".repeat(200_000), "# c\n,,, ".repeat(20_000));
    assert!(read_text(&long).is_ok());
}

#[test]
fn root_fields_are_bounded() {
    let fields = |n: usize| format!("{{{}}}", "a ".repeat(n));
    assert_eq!(read_text(&fields(OPERATIONS)).unwrap().fields.len(), OPERATIONS);
    let reason = read_text(&fields(OPERATIONS + 1)).unwrap_err();
    assert_eq!(reason.code, Code::BatchLimit, "{}", reason.message);
}

/// 2⁶⁴ fields, if each spread counted.
#[test]
fn fragments_that_double_are_no_work() {
    let levels = 64;
    let mut query = String::from("{...F0}");
    for level in 0..levels {
        query += &format!("fragment F{level} on Q{{...F{next} ...F{next}}}", next = level + 1);
    }
    query += &format!("fragment F{levels} on Q{{a}}");
    assert_eq!(names(&read_text(&query).unwrap()), ["query a"]);
}

/// A chain is as long as the tokens allow; walking it must not go one call deeper with each fragment.
#[test]
fn a_long_chain_of_fragments_ends() {
    let links = GRAPHQL_TOKENS / 8 - 2;
    let mut query = String::from("{...F0}");
    for link in 0..links {
        query += &format!("fragment F{link} on Q{{...F{next}}}", next = link + 1);
    }
    assert_eq!(names(&read_text(&format!("{query}fragment F{links} on Q{{a}}")).unwrap()), ["query a"]);
    let circle = format!("{query}fragment F{links} on Q{{...F0}}");
    assert!(read_text(&circle).unwrap_err().message.contains("circle"));
}

/// One large variable, used by every root field.
#[test]
fn what_variables_bring_is_bounded() {
    let fields = |n: usize| {
        let fields: String = (0..n).map(|n| format!("f{n}:a(x:$v)")).collect();
        format!("query($v:V){{{fields}}}")
    };
    let text = format!(r#"{{"v":"{}"}}"#, "x".repeat(100_000));
    assert!(read_with(&fields(3), &text).is_ok());
    let reason = read_with(&fields(900), &text).unwrap_err();
    assert_eq!(reason.code, Code::BodyTooLarge, "{}", reason.message);
    let many = format!(r#"{{"v":[{}1]}}"#, "1,".repeat(JSON_VALUES / 4));
    assert!(read_with(&fields(3), &many).is_ok());
    assert_eq!(read_with(&fields(4), &many).unwrap_err().code, Code::BodyTooLarge);
}

#[test]
fn the_type_of_an_operation_has_its_keyword() {
    for (query, kind) in [
        ("{a}", OperationType::Query),
        ("query{a}", OperationType::Query),
        ("mutation{a}", OperationType::Mutation),
        ("subscription{a}", OperationType::Subscription),
    ] {
        let operation = read_text(query).unwrap();
        assert_eq!(operation.kind, kind);
        assert!(query.starts_with(kind.name()) || query.starts_with('{'));
    }
}
