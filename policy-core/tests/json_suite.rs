//! RFC 8259, case by case, in the manner of JSONTestSuite: what every reader must refuse is refused, what every reader
//! must accept is accepted unless a rule listed here is stricter, and what a reader may do either way is refused.
//! The cases are data: `data/json_suite.txt`.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use policy_core::document::{ReadErrorKind, read_json};

/// Which rule refuses a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// RFC 8259's grammar; a lone half of a surrogate pair is no character.
    Grammar,
    /// UTF-8 without a byte order mark (RFC 8259 §8.1).
    Encoding,
    /// A member name occurs once in an object: readers disagree on which one counts (RFC 8259 §4).
    UniqueNames,
    /// At most 32 levels.
    Depth,
    /// At most 18 significant digits, 18 before the point and 18 behind it: every number is held exactly.
    ExactNumbers,
}

/// Cases that every reader must accept and that a stricter rule refuses.
const STRICTER: [(&str, Rule); 8] = [
    ("y_object_duplicated_key", Rule::UniqueNames),
    ("y_object_duplicated_key_and_value", Rule::UniqueNames),
    ("y_number", Rule::ExactNumbers),
    ("y_number_double_close_to_zero", Rule::ExactNumbers),
    ("y_number_real_capital_e", Rule::ExactNumbers),
    ("y_number_real_exponent", Rule::ExactNumbers),
    ("y_number_real_fraction_exponent", Rule::ExactNumbers),
    ("y_object_extreme_numbers", Rule::ExactNumbers),
];

/// Cases that a reader may accept or refuse, by the beginning of their names: each is refused, by this rule. The first
/// entry that fits counts.
const EITHER: [(&str, Rule); 6] = [
    ("i_number_", Rule::ExactNumbers),
    ("i_structure_500_nested_arrays", Rule::Depth),
    ("i_structure_UTF-8_BOM", Rule::Encoding),
    // Zero bytes are UTF-8: without a byte order mark such a text is UTF-8 that is no JSON, or no UTF-8 at all.
    ("i_string_utf16", Rule::Encoding),
    ("i_object_key_lone_2nd_surrogate", Rule::Grammar),
    ("i_string_", Rule::Grammar),
];

/// Among `i_string_`: these are not UTF-8.
const NOT_UTF8: [&str; 10] = [
    "i_string_UTF-16LE_with_BOM",
    "i_string_UTF-8_invalid_sequence",
    "i_string_UTF8_surrogate_U+D800",
    "i_string_invalid_utf-8",
    "i_string_iso_latin_1",
    "i_string_lone_utf8_continuation_byte",
    "i_string_not_in_unicode_range",
    "i_string_overlong_sequence_2_bytes",
    "i_string_overlong_sequence_6_bytes",
    "i_string_truncated-utf-8",
];

struct Case {
    name: &'static str,
    bytes: Vec<u8>,
}

fn cases() -> Vec<Case> {
    include_str!("data/json_suite.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let name = parts.next().expect("a name");
            let times = parts.next().and_then(|times| times.parse().ok()).expect("a number of times");
            Case { name, bytes: unescaped(parts.next().unwrap_or_default()).repeat(times) }
        })
        .collect()
}

/// The bytes of a case: see the head of the file.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        bytes.push(match c {
            '\\' => match rest.next() {
                Some('\\') => b'\\',
                Some('n') => b'\n',
                Some('r') => b'\r',
                Some('t') => b'\t',
                Some('s') => b' ',
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).unwrap_or_else(|e| panic!("{e}: {text}"))
                }
                other => panic!("no escape {other:?}: {text}"),
            },
            '!'..='~' => u8::try_from(c).expect("ASCII"),
            _ => panic!("not escaped {c:?}: {text}"),
        });
    }
    bytes
}

/// `None`: accepted.
fn refused_by(bytes: &[u8]) -> Option<Rule> {
    let error = read_json(bytes.to_vec()).err()?;
    assert!(error.at <= bytes.len(), "the place of an error is in the text: {error:?}");
    Some(match error.kind {
        ReadErrorKind::Syntax(_) => Rule::Grammar,
        ReadErrorKind::Encoding => Rule::Encoding,
        ReadErrorKind::Duplicate(_) => Rule::UniqueNames,
        ReadErrorKind::Depth => Rule::Depth,
        ReadErrorKind::Number => Rule::ExactNumbers,
        other => panic!("no case is refused by {other:?}"),
    })
}

fn wrong(expect: impl Fn(&Case) -> Option<String>, class: &str) -> Vec<String> {
    cases().iter().filter(|case| case.name.starts_with(class)).filter_map(expect).collect()
}

#[test]
fn the_suite_is_whole() {
    let cases = cases();
    let count = |class: &str| cases.iter().filter(|case| case.name.starts_with(class)).count();
    assert_eq!((count("y_"), count("n_"), count("i_")), (95, 193, 35));
    let mut names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
    for (name, _) in STRICTER {
        assert!(names.contains(&name), "{name}");
    }
    for name in NOT_UTF8 {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn what_must_be_refused_is_refused() {
    let found = wrong(
        |case| match (refused_by(&case.bytes), case.name) {
            (Some(Rule::Grammar | Rule::Encoding), _) => None,
            // The bound on the depth ends the reading before its missing end is seen.
            (Some(Rule::Depth), "n_structure_100000_opening_arrays" | "n_structure_open_array_object") => None,
            (rule, name) => Some(format!("{name}: {rule:?}")),
        },
        "n_",
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn what_must_be_accepted_is_accepted_unless_a_listed_rule_is_stricter() {
    let found = wrong(
        |case| {
            let expect = STRICTER.iter().find(|(name, _)| *name == case.name).map(|(_, rule)| *rule);
            let rule = refused_by(&case.bytes);
            (rule != expect).then(|| format!("{}: {rule:?}, not {expect:?}", case.name))
        },
        "y_",
    );
    assert_eq!(found, [""; 0]);
}

#[test]
fn what_may_be_either_is_refused() {
    let found = wrong(
        |case| {
            let expect = if NOT_UTF8.contains(&case.name) || case.name == "i_string_overlong_sequence_6_bytes_null" {
                Some(Rule::Encoding)
            } else {
                EITHER.iter().find(|(beginning, _)| case.name.starts_with(beginning)).map(|(_, rule)| *rule)
            };
            let rule = refused_by(&case.bytes);
            (rule.is_none() || rule != expect).then(|| format!("{}: {rule:?}, not {expect:?}", case.name))
        },
        "i_",
    );
    assert_eq!(found, [""; 0]);
}

/// The stricter rules, exactly at their bounds.
#[test]
fn the_stricter_rules_begin_where_they_say() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)).into_bytes();
    for (bytes, expect) in [
        (nested(32), None),
        (nested(33), Some(Rule::Depth)),
        (objects(32), None),
        (objects(33), Some(Rule::Depth)),
        (b"123456789012345678".to_vec(), None),
        (b"1234567890123456789".to_vec(), Some(Rule::ExactNumbers)),
        (b"-0.123456789012345678".to_vec(), None),
        (b"1e17".to_vec(), None),
        (b"1e18".to_vec(), Some(Rule::ExactNumbers)),
        (b"1e-18".to_vec(), None),
        (b"1e-19".to_vec(), Some(Rule::ExactNumbers)),
        (b"0e999999999999999999999".to_vec(), None),
        (b"{\"a\":1,\"\\u0061\":1}".to_vec(), Some(Rule::UniqueNames)),
        (b"{\"a\":1,\"A\":1}".to_vec(), None),
        (b"{\"\":1,\"\":1}".to_vec(), Some(Rule::UniqueNames)),
        (b"\xef\xbb\xbf{}".to_vec(), Some(Rule::Encoding)),
        // Behind the first byte the mark is a character like any other, and outside of strings there are none.
        (b"[\"\xef\xbb\xbf\"]".to_vec(), None),
        (b"[\xef\xbb\xbf]".to_vec(), Some(Rule::Grammar)),
    ] {
        assert_eq!(refused_by(&bytes), expect, "{}", String::from_utf8_lossy(&bytes));
    }
}

/// A second reader: nothing is accepted here that serde_json refuses.
#[test]
fn another_reader_accepts_what_is_accepted() {
    for case in cases().iter().filter(|case| refused_by(&case.bytes).is_none()) {
        let other = serde_json::from_slice::<serde::de::IgnoredAny>(&case.bytes);
        assert!(other.is_ok(), "{}: {other:?}", case.name);
    }
}
