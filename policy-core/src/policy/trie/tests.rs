//! The trie against a matcher that knows no trie, and what a loaded trie must be.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::cmp::Reverse;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// What a walk says of one template: its number, the values of its variables, whether it is shadowed.
type Answer = (usize, Vec<String>, bool);

/// A template, and whether the catalog lists it.
type Listed = (Vec<Segment>, bool);

fn one_of(values: &[&str]) -> VariableType {
    VariableType::OneOf(values.iter().map(ToString::to_string).collect())
}

fn suffixed(kind: VariableType, suffix: &str) -> Segment {
    Segment::Suffixed(kind, suffix.into())
}

fn trie(templates: &[Listed]) -> Trie {
    let mut trie = Trie::new();
    for (number, (template, listed)) in templates.iter().enumerate() {
        let actions = if *listed { vec![0] } else { Vec::new() };
        // The number of the template stands in for the names of its variables.
        let names = vec![format!("{number}")];
        trie.insert(template, End { method: Method::Get, api: 0, names, actions, rules: Vec::new() });
    }
    trie
}

/// What the trie says.
fn walked(templates: &[Listed], path: &[PathSegment]) -> Option<Vec<Answer>> {
    let trie = trie(templates);
    assert!(trie.is_sound(1));
    let found = trie.find(path, &|_, _| false).ok()?;
    let value = |place: &Variable<'_>| {
        let texts: Vec<&str> = path[place.start..place.end].iter().map(|segment| segment.text.as_str()).collect();
        texts.join("/").strip_suffix(place.suffix).expect("the suffix is there").to_string()
    };
    let answer = |found: &Found<'_>| {
        let number = found.end.names[0].parse().expect("a number");
        (number, found.variables.iter().map(value).collect(), found.shadowed)
    };
    Some(found.iter().map(answer).collect())
}

/// What the same templates say one by one, in the order of how specific they are.
fn naive(templates: &[Listed], path: &[PathSegment]) -> Option<Vec<Answer>> {
    if templates.iter().any(|(template, _)| (0..path.len()).any(|depth| refuses(templates, template, path, depth))) {
        return None;
    }
    let mut answers: Vec<_> = templates
        .iter()
        .enumerate()
        .filter_map(|(number, (template, _))| {
            let values = values(template, path, false)?;
            Some((key(template), number, values, shadowed(templates, template, path)))
        })
        .collect();
    answers.sort();
    Some(answers.into_iter().map(|(_, number, values, shadowed)| (number, values, shadowed)).collect())
}

/// Literals before variables with a suffix, these before variables; longer suffixes before shorter ones.
fn key(template: &[Segment]) -> Vec<(u8, Reverse<usize>, Segment)> {
    let of = |segment: &Segment| match segment {
        Segment::Literal(_) => (0, Reverse(0), segment.clone()),
        Segment::Suffixed(_, suffix) => (1, Reverse(suffix.len()), segment.clone()),
        Segment::Variable(_) => (2, Reverse(0), segment.clone()),
    };
    template.iter().map(of).collect()
}

/// The values of a template's variables, if it matches the whole path. `form`: whatever the type of a variable with a
/// suffix says.
fn values(template: &[Segment], path: &[PathSegment], form: bool) -> Option<Vec<String>> {
    let (segment, template) = match template.split_first() {
        None => return path.is_empty().then(Vec::new),
        Some(first) => first,
    };
    if *segment == Segment::Variable(VariableType::Path) {
        let texts: Vec<&str> = path.iter().map(|segment| segment.text.as_str()).collect();
        return (!texts.is_empty()).then(|| vec![texts.join("/")]);
    }
    let (first, path) = path.split_first()?;
    let value = reads(segment, &first.text, form)?;
    let mut all: Vec<String> = value.into_iter().collect();
    all.extend(values(template, path, form)?);
    Some(all)
}

/// Whether a text is this segment, and the value of the segment's variable.
fn reads(segment: &Segment, text: &str, form: bool) -> Option<Option<String>> {
    let is = |kind: &VariableType, value: &str| match kind {
        VariableType::OneOf(values) => values.contains(&value.to_string()),
        VariableType::Digits => value.parse::<u64>().is_ok_and(|number| number > 0 && number.to_string() == value),
        VariableType::Token | VariableType::Name => value.chars().all(|c| c.is_ascii_alphanumeric()),
        VariableType::Pattern(_) => false,
        VariableType::Text | VariableType::Path => true,
    };
    match segment {
        Segment::Literal(literal) => (literal == text).then_some(None),
        Segment::Variable(kind) => is(kind, text).then(|| Some(text.to_string())),
        Segment::Suffixed(kind, suffix) => {
            let value = text.strip_suffix(suffix.as_str()).filter(|value| !["", ".", ".."].contains(value))?;
            (form || is(kind, value)).then(|| Some(value.to_string()))
        }
    }
}

/// Whether the path comes as far as this depth of the template and spells there, in other letters or encoded, what some
/// template has at this place.
fn refuses(templates: &[Listed], template: &[Segment], path: &[PathSegment], depth: usize) -> bool {
    let before = &template[..depth.min(template.len())];
    if before.len() < depth || values(before, &path[..depth], true).is_none() {
        return false;
    }
    if before.contains(&Segment::Variable(VariableType::Path)) {
        return false;
    }
    let PathSegment { text, encoded, .. } = &path[depth];
    let here = siblings(templates, before);
    let literals: Vec<&String> =
        here.iter().filter_map(|(s, _)| if let Segment::Literal(text) = s { Some(text) } else { None }).collect();
    if literals.contains(&text) {
        return *encoded > 0;
    }
    let suffixes: Vec<&str> = here
        .iter()
        .filter_map(|(s, _)| if let Segment::Suffixed(_, t) = s { Some(t.as_str()) } else { None })
        .collect();
    let ends_in = |suffix: &str| text.len() > suffix.len() && text.to_lowercase().ends_with(&suffix.to_lowercase());
    literals.iter().any(|literal| literal.eq_ignore_ascii_case(text))
        || suffixes.iter().filter(|suffix| ends_in(suffix)).any(|suffix| {
            let (value, end) = text.split_at(text.len() - suffix.len());
            if end == *suffix { *encoded > value.len() } else { !suffixes.contains(&end) }
        })
}

/// Segments that stand behind `before` in some template, each with all that follows and whether the catalog lists it.
fn siblings<'t>(templates: &'t [Listed], before: &[Segment]) -> Vec<(&'t Segment, (&'t [Segment], bool))> {
    let behind = |(template, listed): &'t Listed| {
        let (segment, rest) = template.strip_prefix(before)?.split_first()?;
        Some((segment, (rest, *listed)))
    };
    templates.iter().filter_map(behind).collect()
}

/// Whether the catalog lists a template that the path spells more exactly, by a literal or a longer suffix, where this one
/// has a variable of one segment.
fn shadowed(templates: &[Listed], template: &[Segment], path: &[PathSegment]) -> bool {
    template.iter().enumerate().any(|(depth, own)| {
        let more_exact = |other: &Segment| match (own, other) {
            (Segment::Literal(_) | Segment::Variable(VariableType::Path), _) | (_, Segment::Variable(_)) => false,
            (Segment::Suffixed(_, own), Segment::Suffixed(_, other)) => own.len() < other.len(),
            (Segment::Suffixed(..) | Segment::Variable(_), _) => true,
        };
        siblings(templates, &template[..depth]).iter().any(|(other, (rest, listed))| {
            *listed
                && more_exact(other)
                && reads(other, &path[depth].text, true).is_some()
                && values(rest, &path[depth + 1..], true).is_some()
        })
    })
}

fn any_segment() -> impl Strategy<Value = Segment> {
    let literal =
        select(vec!["a", "A", "a.j", "7.j", "7.J", ".j", "a.t.j"]).prop_map(|text| Segment::Literal(text.into()));
    let kind = select(vec![
        VariableType::Digits,
        VariableType::Token,
        VariableType::Text,
        one_of(&["a", "7"]),
        one_of(&["a.j", "7.t"]),
    ]);
    let suffix = select(vec!["", ".j", ".j", ".J", ".t.j", ".j.t"]);
    let variable = (kind, suffix).prop_map(|(kind, suffix)| match suffix {
        "" => Segment::Variable(kind),
        suffix => Segment::Suffixed(kind, suffix.into()),
    });
    prop_oneof![1 => literal, 3 => variable]
}

fn any_template() -> impl Strategy<Value = Listed> {
    let segments = prop::collection::vec(any_segment(), 1..4);
    (segments, prop::bool::weighted(0.15), any::<bool>()).prop_map(|(mut template, open, listed)| {
        if open {
            template.push(Segment::Variable(VariableType::Path));
        }
        (template, listed)
    })
}

/// Texts that are, or nearly are, what the segments above say.
fn any_path() -> impl Strategy<Value = Vec<PathSegment>> {
    let texts = vec![
        "a", "A", "7", "07", "7a", "a.j", "7.j", "7.j", "07.j", "7.J", "a.J", ".j", "...j", "7.t.j", "a.t.j", "a.T.j",
        "a.t.J", "7.j.t", "a.j.j", "\u{e9}.j", "\u{e9}",
    ];
    let segment =
        (select(texts), prop::option::weighted(0.1, any::<Index>())).prop_map(|(text, encoded)| PathSegment {
            text: text.into(),
            encoded: encoded.map_or(0, |index| index.index(text.len() + 1)),
            encoded_slash: false,
        });
    prop::collection::vec(segment, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// A2: templates say the same together, in a trie, as each alone.
    #[test]
    fn a_trie_answers_as_its_templates_one_by_one(
        templates in prop::collection::vec(any_template(), 1..12), paths in prop::collection::vec(any_path(), 8),
    ) {
        for path in paths {
            prop_assert_eq!(walked(&templates, &path), naive(&templates, &path), "{:?}", path);
        }
    }
}

/// A walk is bounded: a node that two nodes lead to, or that leads back, is refused with the bundle.
#[test]
fn a_trie_is_a_tree() {
    let templates = [
        (vec![suffixed(VariableType::Digits, ".json"), Segment::Literal("a".into())], true),
        (vec![suffixed(VariableType::Text, ".json")], true),
        (vec![Segment::Variable(VariableType::Text)], true),
    ];
    let sound = trie(&templates);
    assert!(sound.is_sound(1));
    assert!(!sound.is_sound(0), "an API that is not there");
    let torn: [fn(&mut Trie); 8] = [
        |trie| trie.nodes.clear(),
        |trie| trie.nodes[0].suffixes[0].variables[1].1 = trie.nodes[0].suffixes[0].variables[0].1,
        |trie| trie.nodes[0].variables[0].1 = trie.nodes[0].suffixes[0].variables[0].1,
        |trie| trie.nodes[0].suffixes[0].variables[0].1 = 0,
        |trie| trie.nodes[0].suffixes[0].variables[0].1 = 99,
        |trie| trie.nodes[0].suffixes[0].variables[0].0 = VariableType::Path,
        |trie| trie.nodes[0].suffixes[0].text.clear(),
        |trie| trie.nodes[1].literals[0].1 = 1,
    ];
    for (number, tear) in torn.iter().enumerate() {
        let mut trie = sound.clone();
        tear(&mut trie);
        assert!(!trie.is_sound(1), "tear {number}");
    }
}

/// Every node of a deep and wide trie is visited once: a path of 64 segments through 64 levels of variables is answered.
#[test]
fn a_walk_through_many_variables_is_bounded() {
    let level = |kind: &VariableType| suffixed(kind.clone(), ".json");
    let kinds = [VariableType::Digits, VariableType::Token, VariableType::Text];
    let templates: Vec<Listed> = (0..300)
        .map(|number| ((0..64).map(|depth| level(&kinds[(number * (depth + 1) / 7) % 3])).collect(), true))
        .collect();
    let segment = PathSegment { text: "7.json".into(), encoded: 0, encoded_slash: false };
    let found = walked(&templates, &vec![segment; 64]).expect("it is answered");
    assert_eq!(found.len(), 300);
}
