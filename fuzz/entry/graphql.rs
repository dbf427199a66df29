//! Entry: bytes as a GraphQL document, and behind a line `~` as the JSON of its variables. What the reader of the policy
//! core takes is read a second and a third time, by parsers that others wrote.

use std::collections::{BTreeMap, BTreeSet};

use apollo_parser::cst::{self, CstNode, Definition, Selection};
use apollo_parser::{Lexer, Parser, Token, TokenKind};
use policy_core::decode::graphql::{Operation, OperationType, Parameters, read};
use policy_core::document::{Document, Kind, Value, read_json};
use policy_core::limits::OPERATIONS;
use policy_core::{Code, Reason};

/// Reads a document, and states what holds for every reading.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (query, variables) = text.split_once("\n~\n").unwrap_or((text, "null"));
    let Ok(variables) = read_json(variables.as_bytes().to_vec()) else { return };
    let _ = judge(query, variables.root());
}

/// The same for a document and its variables; what was read.
pub fn judge(query: &str, variables: Value<'_>) -> Result<Operation, Reason> {
    let once = reading(query, variables, None);
    match &once {
        Err(reason) => {
            assert!(!reason.message.contains('\n') && reason.message.len() < 1_000, "a reason is one line: {reason:?}");
            assert!(reason.pointer.is_some(), "a reason says where: {reason:?}");
            let codes = [Code::GraphqlShape, Code::BodyTooLarge, Code::BatchLimit];
            assert!(codes.contains(&reason.code), "a reason has one of its codes: {reason:?}");
        }
        Ok(operation) => {
            assert!((1..=OPERATIONS).contains(&operation.fields.len()), "there is an operation");
            assert_eq!(shown(operation), apollo(query, variables), "apollo-parser reads the same");
            assert_eq!(roots(operation), graphql_parser(query), "graphql-parser reads the same");
            if !query.starts_with('\u{feff}') {
                let around = format!("# \"\"\" {{\r\n,\t{query}\n,# }}");
                let again = reading(&around, variables, None).expect("comments, commas and blanks say nothing");
                assert_eq!(shown(operation), shown(&again), "comments, commas and blanks say nothing");
            }
            assert!(reading(query, variables, Some("no such name")).is_err(), "no other operation is there");
        }
    }
    once
}

fn reading(query: &str, variables: Value<'_>, operation_name: Option<&str>) -> Result<Operation, Reason> {
    read(&Parameters { query, variables: Some(variables), operation_name, directives: &["idempotent".into()] })
}

/// What a document asks for: the type of its operation, then the name and the arguments of each root field, as text.
pub type Shown = (&'static str, Vec<(String, String)>);

pub fn shown(operation: &Operation) -> Shown {
    let field = |document: &Document| json(document.root());
    let fields = operation.fields.iter().map(|root| (root.name.clone(), field(&root.arguments)));
    (operation.kind.name(), fields.collect())
}

fn roots(operation: &Operation) -> (OperationType, Vec<String>) {
    (operation.kind, operation.fields.iter().map(|root| root.name.clone()).collect())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

/// A value as JSON, numbers as they are written.
pub fn json(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Null => "null".into(),
        Kind::Bool(yes) => yes.to_string(),
        Kind::Number => value.number().expect("a number").into(),
        Kind::String => quoted(value.string().expect("a string")),
        Kind::Array => array(value.children().map(json)),
        Kind::Object => object(value.children().map(|child| (child.name().to_string(), json(child)))),
    }
}

fn array(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(","))
}

fn object(members: impl Iterator<Item = (String, String)>) -> String {
    let members = members.map(|(name, value)| format!("{}:{value}", quoted(&name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// A selection set, or the fragment that stands for one.
fn fields<'d>(
    set: &cst::SelectionSet,
    fragments: &'d BTreeMap<String, cst::FragmentDefinition>,
    visited: &mut BTreeSet<&'d str>,
    found: &mut Vec<cst::Field>,
) {
    for selection in set.selections() {
        match selection {
            Selection::Field(field) => found.push(field),
            Selection::InlineFragment(inline) => {
                fields(&inline.selection_set().expect("fields"), fragments, visited, found);
            }
            Selection::FragmentSpread(spread) => {
                let name = spread.fragment_name().and_then(|name| name.name()).expect("a name").text().to_string();
                let (name, fragment) = fragments.get_key_value(&name).expect("a fragment that is defined");
                if visited.insert(name) {
                    fields(&fragment.selection_set().expect("fields"), fragments, visited, found);
                }
            }
        }
    }
}

/// The document with other texts for some tokens, as apollo-parser's lexer cuts them.
fn with(query: &str, other: impl Fn(TokenKind) -> Option<&'static str>) -> String {
    let tokens = Lexer::new(query).map(|token| token.expect("its lexer takes it"));
    tokens.map(|token: Token<'_>| other(token.kind()).unwrap_or(token.data()).to_string()).collect()
}

/// The document by apollo-parser, and the rules of the specification a second time.
fn apollo(query: &str, variables: Value<'_>) -> Shown {
    // It takes no comma behind `...` and before the colon of an alias (0.8.7).
    let tree = Parser::new(&with(query, |kind| (kind == TokenKind::Comma).then_some(" "))).parse();
    assert_eq!(tree.errors().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new(), "it is a document");
    let mut operations = Vec::new();
    let mut fragments = BTreeMap::new();
    for definition in tree.document().definitions() {
        match definition {
            Definition::OperationDefinition(operation) => operations.push(operation),
            Definition::FragmentDefinition(fragment) => {
                let name = fragment.fragment_name().and_then(|name| name.name()).expect("a name");
                assert!(fragments.insert(name.text().to_string(), fragment).is_none(), "a fragment is defined once");
            }
            other => panic!("nothing else is executable: {other:?}"),
        }
    }
    assert_eq!(operations.len(), 1, "there is one operation");
    let operation = &operations[0];
    let kind = match operation.operation_type() {
        Some(keyword) if keyword.mutation_token().is_some() => "mutation",
        Some(keyword) if keyword.subscription_token().is_some() => "subscription",
        _ => "query",
    };
    let mut values = BTreeMap::new();
    for definition in operation.variable_definitions().into_iter().flat_map(|all| all.variable_definitions()) {
        let name = definition.variable().expect("a variable").text().to_string();
        let default = definition.default_value().and_then(|default| default.value());
        let default = default.map(|value| literal(&value, &BTreeMap::new()).expect("a constant"));
        values.insert(name.clone(), variables.member(&name).map(json).or(default));
    }
    let mut found = Vec::new();
    fields(&operation.selection_set().expect("fields"), &fragments, &mut BTreeSet::new(), &mut found);
    let name = |field: &cst::Field| field.name().expect("a name").text().to_string();
    if found.iter().any(|field| name(field) != "__typename") {
        found.retain(|field| name(field) != "__typename");
    }
    let arguments = |field: &cst::Field| {
        let arguments = field.arguments().into_iter().flat_map(|all| all.arguments());
        object(arguments.filter_map(|argument| {
            let name = argument.name().expect("a name").text().to_string();
            Some((name, literal(&argument.value().expect("a value"), &values)?))
        }))
    };
    (kind, found.iter().map(|field| (name(field), arguments(field))).collect())
}

/// A value as JSON; `None` for a variable that has none.
fn literal(value: &cst::Value, variables: &BTreeMap<String, Option<String>>) -> Option<String> {
    Some(match value {
        cst::Value::Variable(name) => return variables.get(name.text().as_str()).expect("it is defined").clone(),
        cst::Value::StringValue(text) => quoted(&String::from(text)),
        cst::Value::FloatValue(number) => number.source_string(),
        cst::Value::IntValue(number) => number.source_string(),
        cst::Value::BooleanValue(boolean) => boolean.source_string(),
        cst::Value::NullValue(_) => "null".into(),
        cst::Value::EnumValue(name) => quoted(&name.text()),
        cst::Value::ListValue(list) => {
            array(list.values().map(|value| literal(&value, variables).unwrap_or("null".into())))
        }
        cst::Value::ObjectValue(fields) => object(fields.object_fields().filter_map(|field| {
            let name = field.name().expect("a name").text().to_string();
            Some((name, literal(&field.value().expect("a value"), variables)?))
        })),
    })
}

/// The root fields by graphql-parser.
fn graphql_parser(query: &str) -> (OperationType, Vec<String>) {
    use graphql_parser::query::{Definition, OperationDefinition, Selection, SelectionSet};

    type Set<'q> = SelectionSet<'q, &'q str>;

    fn walk<'q>(set: &Set<'q>, all: &BTreeMap<&str, &Set<'q>>, seen: &mut BTreeSet<String>, names: &mut Vec<String>) {
        for selection in &set.items {
            match selection {
                Selection::Field(field) => names.push(field.name.to_string()),
                Selection::InlineFragment(inline) => walk(&inline.selection_set, all, seen, names),
                Selection::FragmentSpread(spread) => {
                    if seen.insert(spread.fragment_name.to_string()) {
                        walk(all[spread.fragment_name], all, seen, names);
                    }
                }
            }
        }
    }

    // Of numbers and strings it knows but some, and panics on others (0.4.1); byte order marks it does not know.
    let plain = with(query.trim_start_matches('\u{feff}'), |kind| match kind {
        TokenKind::StringValue => Some("\"\""),
        TokenKind::Int | TokenKind::Float => Some("1"),
        _ => None,
    });
    let document = graphql_parser::parse_query::<&str>(&plain).expect("graphql-parser takes it too");
    let mut operation = None;
    let mut fragments = BTreeMap::new();
    for definition in &document.definitions {
        match definition {
            Definition::Fragment(fragment) => {
                fragments.insert(fragment.name, &fragment.selection_set);
            }
            Definition::Operation(one) => {
                let (kind, set) = match one {
                    OperationDefinition::SelectionSet(set) => (OperationType::Query, set),
                    OperationDefinition::Query(query) => (OperationType::Query, &query.selection_set),
                    OperationDefinition::Mutation(mutation) => (OperationType::Mutation, &mutation.selection_set),
                    OperationDefinition::Subscription(one) => (OperationType::Subscription, &one.selection_set),
                };
                assert!(operation.replace((kind, set)).is_none(), "there is one operation");
            }
        }
    }
    let (kind, set) = operation.expect("there is an operation");
    let mut names = Vec::new();
    walk(set, &fragments, &mut BTreeSet::new(), &mut names);
    if names.iter().any(|name| name != "__typename") {
        names.retain(|name| name != "__typename");
    }
    (kind, names)
}
