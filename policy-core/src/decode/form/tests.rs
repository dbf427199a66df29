//! One reading or a refusal: what is read, what is not, and statements about every tree.

use alloc::collections::BTreeMap;
use alloc::vec;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::document::{Kind, Value};
use crate::policy::{Decoder, HeaderRule, Loosen, Quirks};

fn api() -> Api {
    Api {
        alias: "a".into(),
        catalog: "c".into(),
        decoder: Decoder::Form,
        types: vec![Decoder::Form.default_type().into()],
        write_query: vec![],
        directives: vec![],
        guarded_headers: vec![],
        guarded_query: vec![
            NamePattern { text: "api_key".into(), prefix: false },
            NamePattern { text: "oauth_".into(), prefix: true },
        ],
        headers: vec![],
        query: vec![],
        minor_digits: Vec::new(),
        quirks: Quirks::default(),
        loosen: Loosen::default(),
        calls: crate::policy::Calls::default(),
        actions: vec![],
        sql: crate::policy::SqlReading::default(),
        header_rule: HeaderRule::default(),
        limits: vec![],
        body_limit: None,
        failure: None,
        fresh_ms: 0,
    }
}

fn read(body: impl AsRef<[u8]>) -> Result<Document, Reason> {
    read_form(body.as_ref().to_vec(), &api())
}

fn as_json(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Array => value.children().map(as_json).collect(),
        Kind::Object => value.children().map(|child| (child.name().to_string(), as_json(child))).collect(),
        _ => json!(value.untyped().unwrap()),
    }
}

#[track_caller]
fn reads(body: &str, expect: serde_json::Value) {
    let document = read(body).unwrap_or_else(|reason| panic!("{body}: {reason:?}"));
    assert_eq!(as_json(document.root()), expect, "{body}");
}

#[track_caller]
fn refused(body: impl AsRef<[u8]>, code: Code, pointer: &str) {
    let reason = read(&body).map(|document| as_json(document.root())).unwrap_err();
    let pointer = Some(pointer).filter(|pointer| !pointer.is_empty());
    let body = String::from_utf8_lossy(body.as_ref());
    assert_eq!((reason.code, reason.pointer.as_deref()), (code, pointer), "{body}: {}", reason.message);
}

#[test]
fn brackets_nest() {
    reads("charge=ch_1&amount=100", json!({"charge": "ch_1", "amount": "100"}));
    reads("items[0][price]=p&items[0][quantity]=2", json!({"items": [{"price": "p", "quantity": "2"}]}));
    reads("items[0][a]=1&items[1][a]=2&items[0][b]=3", json!({"items": [{"a": "1", "b": "3"}, {"a": "2"}]}));
    reads("items[][price]=p", json!({"items": [{"price": "p"}]}));
    reads("items[][price]=p&items[][price]=q", json!({"items": [{"price": "p"}, {"price": "q"}]}));
    reads("expand[]=a&x=1&expand[]=b", json!({"expand": ["a", "b"], "x": "1"}));
    reads("metadata[order]=7&metadata[a b]=c", json!({"metadata": {"order": "7", "a b": "c"}}));
    reads("a[b][][c]=1", json!({"a": {"b": [{"c": "1"}]}}));
    reads("a[0][]=1&a[0][]=2&a[1][]=3", json!({"a": [["1", "2"], ["3"]]}));
    reads("a[-1]=x&a[1.0]=y&a[0x1]=z", json!({"a": {"-1": "x", "1.0": "y", "0x1": "z"}}));
}

#[test]
fn one_tree_in_every_spelling() {
    let tree = json!({"items": [{"price": "p"}]});
    for body in [
        "items[0][price]=p",
        "items%5B0%5D%5Bprice%5D=p",
        "items%5b0%5D[price]=%70",
        "items[%30][%70rice]=p",
        "&items[0][price]=p&&",
        "i%74ems[][price]=p",
    ] {
        reads(body, tree.clone());
    }
}

#[test]
fn values_are_decoded_once() {
    reads("a=x+y%20z%2B", json!({"a": "x y z+"}));
    reads("a=b=c&d==", json!({"a": "b=c", "d": "="}));
    reads("a=%2525&b=%26%3D%3B", json!({"a": "%25", "b": "&=;"}));
    reads("a=&b[]=", json!({"a": "", "b": [""]}));
    reads("a=é%C3%A9&b=%0A", json!({"a": "éé", "b": "\n"}));
    reads("a=[x]&b={\"c\":1}", json!({"a": "[x]", "b": "{\"c\":1}"}));
}

#[test]
fn bytes_without_one_reading_are_refused() {
    for body in ["a=%", "a=%4", "a=%zz", "a=%+4", "%=1", "a=%00", "a%00=1", "a=1\n", "a=\t", "a=\u{7f}", "\na=1"] {
        refused(body, Code::BodyUnparsable, "");
    }
    for body in [&b"a=\xff"[..], b"a=%ff", b"a=%c3", b"%ff=1", b"a=%c0%80", b"a=%ed%a0%80", b"\xef\xbb\xbfa=1"] {
        refused(body, Code::Charset, "");
    }
    for body in ["&", "&&", "a", "a&b=1", "{}", "{\"a\":1}", "=", "=1", "a=1&=2", "%20%0a=1", "a%5B%0d%5D=1"] {
        refused(body, Code::BodyUnparsable, "");
    }
    // Some readers begin a field at `;`.
    for body in ["a=1;a=2", "a=1;", ";a=1", "a;b=1"] {
        refused(body, Code::ValueFormat, "");
    }
    // A name that a second decoding changes.
    for body in ["a%255Bb%255D=1", "%2561=1"] {
        refused(body, Code::BodyUnparsable, "");
    }
}

#[test]
fn odd_brackets_are_refused() {
    for name in [
        "a[b", "a]b[", "[a]", "a[b]c", "a[[b]]", "a[b]]", "a[", "a]", "]", "[", "[]", "a[b][", "a[b]c[d]", "a[b[c]]",
        "a[][]", "a[b][][]", "a[b]%00", "a%5Bb", "a[b%5Bc]",
    ] {
        refused(alloc::format!("{name}=1"), Code::BodyUnparsable, "");
    }
}

#[test]
fn a_name_stands_once_and_is_one_thing() {
    for (body, pointer) in [
        ("a=1&a=2", "/a"),
        ("a=1&a=1", "/a"),
        ("a=1&%61=2", "/a"),
        ("a=1&a[b]=2", "/a"),
        ("a[b]=2&a=1", "/a"),
        ("a=1&a[]=2", "/a"),
        ("a[]=2&a=1", "/a"),
        ("a[b]=1&a%5Bb%5D=2", "/a/b"),
        ("a[0]=1&a[0]=2", "/a/0"),
        ("a[0]=1&a[0][b]=2", "/a/0"),
        ("m[x/y~]=1&m[x/y~]=2", "/m/x~1y~0"),
    ] {
        refused(body, Code::BodyDuplicateKey, pointer);
    }
}

#[test]
fn a_list_has_one_spelling() {
    for (body, pointer) in [
        ("a[0]=1&a[]=2", "/a"),
        ("a[]=2&a[0]=1", "/a"),
        ("a[0]=1&a[b]=2", "/a"),
        ("a[b]=2&a[0]=1", "/a"),
        ("a[]=1&a[b]=2", "/a"),
        ("a[b]=1&a[]=2", "/a"),
        // Positions with gaps, out of order, or in another spelling.
        ("a[1]=1", "/a/1"),
        ("a[0]=1&a[2]=2", "/a/2"),
        ("a[1]=1&a[0]=2", "/a/1"),
        ("a[00]=1", "/a/00"),
        ("a[0]=1&a[01]=2", "/a/01"),
        ("metadata[123]=x", "/metadata/123"),
        ("a[99999999999999999999999]=x", "/a/99999999999999999999999"),
        // PHP reads two elements, Rack one.
        ("a[][x]=1&a[][y]=2", "/a/1"),
        ("a[][x][p]=1&a[][x][q]=2", "/a/1"),
        ("a[][x][]=1&a[][x][]=2", "/a/1"),
        ("a[]=1&a[][x]=2", "/a/1"),
        ("a[][x]=1&a[]=2", "/a/1"),
    ] {
        refused(body, Code::BodyUnparsable, pointer);
    }
}

#[test]
fn names_that_mean_something_else_are_refused() {
    for name in ["_method", "_HttpMethod", "_method[]", "%5Fmethod", " _method", "%20_method", ".method"] {
        refused(alloc::format!("a=1&{name}=DELETE"), Code::MethodOverride, "");
    }
    for name in ["api_key", "api_key[]", "api_key[x]", "oauth_token", "%61pi_key"] {
        refused(alloc::format!("a=1&{name}=x"), Code::ParamShadow, "");
    }
    // Rack skips blanks behind `&`.
    for name in [" amount", "+amount", "%20amount[x]", "amount+", "amount [x]"] {
        refused(alloc::format!("a=1&{name}=x"), Code::ParamShadow, "");
    }
    let mut loosened = api();
    loosened.loosen.query_credentials = loosened.guarded_query.clone();
    assert!(read_form(b"api_key=x".to_vec(), &loosened).is_ok());
}

/// PHP drops leading blanks and turns a blank and a point into `_`.
#[test]
fn names_that_php_mangles_are_refused_where_php_reads() {
    let mut php = api();
    php.quirks.php_names = true;
    php.guarded_query.push(NamePattern { text: "rest_route".into(), prefix: false });
    for name in
        ["a.b", "a+b", "+a", "%20a", "a b[c]", "a.b[c]", "rest.route", "a[+b]", "a[%09]", "a[x][+]", "rest_route"]
    {
        let reason = read_form(alloc::format!("{name}=1").into_bytes(), &php).unwrap_err();
        let codes = [Code::ParamShadow, Code::BodyUnparsable, Code::RouteOverride];
        assert!(codes.contains(&reason.code), "{name}: {reason:?}");
        let plain = read(alloc::format!("{name}=1"));
        let blank = name.starts_with(['+', '%']) || name.contains("%09");
        assert_eq!(plain.is_err(), blank, "{name}");
    }
    assert!(read_form(b"a[b.c]=1&a[b c]=2&d_e=3".to_vec(), &php).is_ok());
}

#[test]
fn bounds_hold_exactly() {
    let pairs = |n: usize| (0..n).map(|i| alloc::format!("f{i}=1")).collect::<Vec<_>>().join("&");
    assert!(read(pairs(FORM_PAIRS)).is_ok());
    refused(pairs(FORM_PAIRS + 1), Code::BodyTooLarge, "");
    let nested = |levels: usize| alloc::format!("a{}=1", "[b]".repeat(levels - 1));
    assert!(read(nested(JSON_DEPTH)).is_ok());
    refused(nested(JSON_DEPTH + 1), Code::BodyUnparsable, "");
    refused(nested(5_000), Code::BodyUnparsable, "");
    // The largest tree that the bounds let through.
    let bushy = |i: usize| alloc::format!("a{i}{}=1", "[b]".repeat(JSON_DEPTH - 1));
    let body = (0..FORM_PAIRS).map(bushy).collect::<Vec<_>>().join("&");
    assert_eq!(read(body).unwrap().root().children().count(), FORM_PAIRS);
}

#[test]
fn places_are_those_of_the_body() {
    let body = "a=1&m[k]=x%20y&l[]=z";
    let document = read(body).unwrap();
    let at = |pointer: &str| document.root().nearest(pointer);
    assert_eq!(document.source(), body);
    assert_eq!(&body[at("/a").span()], "1");
    assert_eq!(&body[at("/m/k").span()], "x%20y");
    assert_eq!(&body[at("/m/k").name_span()], "m[k]");
    assert_eq!(&body[at("/l/0").span()], "z");
    assert_eq!(document.pointer_of(at("/l/0")), "/l/0");
}

/// A tree that a form can say: no empty container, no scalar but text.
#[derive(Clone, Debug)]
enum Shape {
    Text(String),
    List(Vec<Shape>),
    Members(BTreeMap<String, Shape>),
}

fn shapes() -> impl Strategy<Value = BTreeMap<String, Shape>> {
    let text = prop_oneof![4 => "[a-z0-9]{0,5}", 1 => "[ -~é]{0,6}"];
    let name = prop_oneof![4 => "[a-z][a-z0-9_]{0,3}", 1 => "[a-z][ &+.=;éA-Z-]{0,3}"];
    let names = name.clone();
    let shape = text.prop_map(Shape::Text).prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Shape::List),
            prop::collection::btree_map(names.clone(), inner, 1..4).prop_map(Shape::Members),
        ]
    });
    let top = name.prop_map(|name| name.trim_end().to_string());
    prop::collection::btree_map(top, shape, 1..5)
}

fn expected(shape: &Shape) -> serde_json::Value {
    match shape {
        Shape::Text(text) => json!(text),
        Shape::List(elements) => elements.iter().map(expected).collect(),
        Shape::Members(members) => members.iter().map(|(name, shape)| (name.clone(), expected(shape))).collect(),
    }
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { alloc::format!("%{byte:02X}") })
        .collect()
}

/// The canonical spelling, positions for elements: raw name and value of each pair.
fn pairs(name: &str, shape: &Shape, into: &mut Vec<(String, String)>) {
    match shape {
        Shape::Text(text) => into.push((name.to_string(), encoded(text))),
        Shape::List(elements) => {
            for (position, element) in elements.iter().enumerate() {
                pairs(&alloc::format!("{name}[{position}]"), element, into);
            }
        }
        Shape::Members(members) => {
            for (member, shape) in members {
                pairs(&alloc::format!("{name}[{}]", encoded(member)), shape, into);
            }
        }
    }
}

fn spelling(tree: &BTreeMap<String, Shape>) -> Vec<(String, String)> {
    let mut into = Vec::new();
    for (name, shape) in tree {
        pairs(&encoded(name), shape, &mut into);
    }
    into
}

fn body(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| alloc::format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Mutations of one pair of a body, each of which two readers read in two ways.
fn ambiguous_twin(kind: usize, (name, value): &(String, String)) -> Option<(bool, (String, String))> {
    let leaf = |name: String| (name, value.clone());
    let parent = name.rfind('[').map(|at| name[..at].to_string());
    let beside = |key: &str| parent.as_ref().map(|parent| leaf(alloc::format!("{parent}{key}")));
    let last = name.rfind('[').map(|at| &name[at..]);
    // (replaces the pair rather than being added behind all)
    Some(match kind {
        0 => (false, leaf(name.clone())),
        1 => (false, leaf(name.replace('[', "%5B"))),
        2 => (false, leaf(alloc::format!("{name}[x]"))),
        3 => (false, leaf(alloc::format!("{name}[]"))),
        4 => (false, leaf(parent.clone()?)),
        5 => (false, beside("[]")?),
        6 => (false, beside("[77]")?),
        7 => (false, beside(if last?.trim_matches(['[', ']']).parse::<u32>().is_ok() { "[x]" } else { "[0]" })?),
        8 => (true, leaf(alloc::format!("{name}["))),
        9 => (true, leaf(alloc::format!("{name}]"))),
        10 => (true, leaf(alloc::format!("{name}[x]y"))),
        11 => (true, leaf(alloc::format!("[{name}]"))),
        12 => (true, leaf(alloc::format!("{name}%00"))),
        13 => (true, (name.clone(), alloc::format!("{value};a=1"))),
        14 => (true, (name.clone(), alloc::format!("{value}%"))),
        15 => (true, (name.clone(), alloc::format!("{value}%FF"))),
        16 => (false, leaf("_method".into())),
        _ => (true, leaf(alloc::format!("{name}[][]"))),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is spelled canonically is read back, brackets encoded or not, in whatever order the names come.
    #[test]
    fn a_tree_is_read_back(tree in shapes(), encode in any::<bool>(), rotate in any::<prop::sample::Index>()) {
        let pairs = spelling(&tree);
        let mut text = body(&pairs);
        if encode {
            text = text.replace('[', "%5B").replace(']', "%5d");
        }
        let want: serde_json::Value = tree.iter().map(|(name, shape)| (name.clone(), expected(shape))).collect();
        let document = read(&text);
        prop_assert_eq!(document.as_ref().map(|document| as_json(document.root())).map_err(|r| &r.message), Ok(want.clone()));
        // Whole top-level names change places.
        let mut groups: Vec<String> = tree.iter().map(|(name, shape)| {
            let mut into = Vec::new();
            self::pairs(&encoded(name), shape, &mut into);
            body(&into)
        }).collect();
        let by = rotate.index(groups.len());
        groups.rotate_left(by);
        prop_assert_eq!(read(groups.join("&")).map(|document| as_json(document.root())).map_err(|r| r.message), Ok(want));
    }

    /// Every pointer leads back to its value.
    #[test]
    fn pointers_lead_back(tree in shapes()) {
        fn walk(document: &Document, value: Value<'_>) {
            let pointer = document.pointer_of(value);
            assert!(document.root().nearest(&pointer).same_node(value), "{pointer}");
            value.children().for_each(|child| walk(document, child));
        }
        let document = read(body(&spelling(&tree))).unwrap();
        walk(&document, document.root());
    }

    /// A body with two readings is refused wherever the second reading is hidden.
    #[test]
    fn ambiguous_mutations_are_refused(tree in shapes(), kind in 0..18usize, at in any::<prop::sample::Index>()) {
        let mut pairs = spelling(&tree);
        let at = at.index(pairs.len());
        if let Some((replaces, twin)) = ambiguous_twin(kind, &pairs[at]) {
            if replaces { pairs[at] = twin } else { pairs.push(twin) }
            let text = body(&pairs);
            prop_assert!(read(&text).is_err(), "{}", text);
        }
    }

    /// Positions that change places are another list, or none: never the same one.
    #[test]
    fn positions_come_in_order(first in "[a-z]{1,4}", second in "[a-z]{1,4}", n in 1..20usize) {
        let element = |position: usize, value: &str| alloc::format!("l[{position}]={value}");
        let mut list: Vec<String> = (0..n).map(|position| element(position, &first)).collect();
        list.push(element(n, &second));
        prop_assert!(read(list.join("&")).is_ok());
        list.swap(n - 1, n);
        prop_assert!(read(list.join("&")).is_err());
        list.swap_remove(n - 1);
        prop_assert!(read(list.join("&")).is_ok());
    }

    /// Any bytes end in a tree or a refusal, and a tree has as many scalars as the body has pairs.
    #[test]
    fn nothing_is_lost(text in "[ab=&%0-2\\[\\];+]{0,40}") {
        if let Ok(document) = read(&text) {
            fn scalars(value: Value<'_>) -> usize {
                if value.untyped().is_some() { 1 } else { value.children().map(scalars).sum() }
            }
            prop_assert_eq!(scalars(document.root()), text.split('&').filter(|part| !part.is_empty()).count(), "{}", text);
        }
    }
}
