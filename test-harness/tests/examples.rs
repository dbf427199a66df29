//! E2: every construct of the language has an example in `docs/examples`, and every example does what it says.
//!
//! What the tests ask for is taken from the JSON Schemas and from the compiler, so that a new construct without an example
//! fails here. The lists in this file hold what cannot be shown by a decision, each with the reason; an entry that is no
//! longer true fails too.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/examples/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use policy_core::compile::{SourceKind, compile};
use policy_core::decision::Code;
use policy_core::schema::Schema;
use policy_core::secrets::Detector;
use serde_json::{Value, json};
use support::chapter::{Example, Kind, examples};
use support::constructs::{Construct, Language};
use support::coverage::Coverage;
use support::documents::Documents;
use support::trial::{carry_out, differences};

static EXAMPLES: LazyLock<Vec<Example>> = LazyLock::new(examples);
static COVERAGE: LazyLock<Coverage> = LazyLock::new(|| Coverage::of(&EXAMPLES));

/// Members that change no decision, no reason and no diagnostic. Each is used by an example all the same.
const WITHOUT_EFFECT: [(&str, &[&str]); 9] = [
    ("editors read it", &["Template.$schema", "Catalog.$schema", "GatewayDocument.$schema"]),
    ("people read it", &["Catalog.api_version", "Catalog.source", "Review.note", "Template.reviews"]),
    ("people read it", &["Template.incident", "Incident.contacts", "Incident.rollback", "ActionEntry.sends"]),
    ("other tools read it", &["Template.observability", "Observability.log_fields", "ActionEntry.money"]),
    ("the filter waits so long, not the decision point", &["GatewayLimits.body_timeout_ms"]),
    ("memory of the gateway: no example fills it", &["GatewayLimits.counters_kib"]),
    ("how the filter makes its calls", &["LookupsEntry.parallel", "LookupsEntry.timeout_ms"]),
    ("calls that the filter may spare", &["ApiBinding.fresh"]),
    ("of grants, which no example signs: docs/approvals.md does", &["RoleInfo.hold", "RoleInfo.reuse"]),
];

/// Enumerations none of whose words has an effect: one of them stands for all.
const ALIKE: [&str; 3] = ["Events", "Impact", "Reuse"];

/// Not supported yet, and reported elsewhere than where they stand: a list where a rule uses it, an inner language where
/// a rule names its action.
const REPORTED_ELSEWHERE: [&str; 4] =
    ["InnerKind = http_batch", "ListFile.file", "ListFile.sha256", "ListSource as ListFile"];

/// Reasons that no request gets from the decision point alone.
const NOT_ASKED_FOR: [(&str, &str); 5] = [
    ("state_full", "a store for counters that has no room left: thousands of requests"),
    ("body_timeout", "a body that comes too late: the filter's own refusal"),
    ("body_not_delivered", "a gateway that is set up wrongly: the filter's own refusal"),
    ("session_ended", "a session that somebody has ended by a command"),
    ("gateway", "a gateway that gives the filter less than it needs"),
];

/// Compiled as they stand, judged by the decision point: the decision and the reason codes are the written ones.
#[test]
fn every_example_does_what_it_says() {
    let found: Vec<String> = EXAMPLES.iter().flat_map(differences).collect();
    assert!(found.is_empty(), "{}\n\n{} differences", found.join("\n\n"), found.len());
}

/// Every member, word and form of the schemas is shown by an example, or refused by one as not supported yet.
#[test]
fn every_construct_of_the_schemas_has_an_example() {
    let coverage = &*COVERAGE;
    let without_effect: BTreeSet<&str> = without_effect().collect();
    let mut missing = Vec::new();
    for construct in Language::read().constructs() {
        let name = construct.to_string();
        let alike = matches!(&construct, Construct::Word(of, _) if ALIKE.contains(&of.as_str()));
        let shown = coverage.shown.contains(&construct)
            || coverage.refused.contains(&construct)
            || (without_effect.contains(name.as_str()) && coverage.used.contains(&construct))
            || (REPORTED_ELSEWHERE.contains(&name.as_str()) && coverage.refused_with.contains(&construct))
            || alike;
        if !shown {
            let why = if coverage.used.contains(&construct) {
                "an example uses it, and comes to the same without it: add a request that it decides"
            } else {
                "no example uses it: add one in docs/examples"
            };
            missing.push(format!("{name}: {why}"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn without_effect() -> impl Iterator<Item = &'static str> {
    WITHOUT_EFFECT.into_iter().flat_map(|(_, names)| names.iter().copied())
}

/// What the lists of this file excuse is still so.
#[test]
fn what_is_excused_is_still_so() {
    let coverage = &*COVERAGE;
    let constructs = Language::read().constructs();
    let by_name = |name: &str| {
        let found = constructs.iter().find(|construct| construct.to_string() == name);
        found.unwrap_or_else(|| panic!("the language has no `{name}`: take it off the list"))
    };
    for name in without_effect() {
        let construct = by_name(name);
        assert!(!coverage.shown.contains(construct), "`{name}` has an effect: take it off the list");
    }
    for name in REPORTED_ELSEWHERE {
        let construct = by_name(name);
        assert!(!coverage.used.contains(construct), "`{name}` is supported: take it off the list");
    }
    for of in ALIKE {
        let used = |construct: &&Construct| matches!(construct, Construct::Word(known, _) if known == of);
        assert!(coverage.used.iter().any(|construct| used(&construct)), "no example has a word of `{of}`");
    }
    for (code, _) in NOT_ASKED_FOR {
        assert!(!coverage.reasons.iter().any(|(given, _)| *given == code), "`{code}` is given: take it off the list");
    }
}

/// Words that the schemas leave open: the compiler says them itself when a document has another.
#[test]
fn every_word_that_the_compiler_knows_has_an_example() {
    let of = |kind: Kind, fragment: Value| {
        let sources = Documents::of(&EXAMPLES[0], None).with(kind, fragment).sources();
        let found = compile(&sources).diagnostics;
        let texts = found.iter().flat_map(|found| [Some(&found.message), found.help.as_ref()]).flatten();
        let listed = texts.filter_map(|text| text.split_once("known here: ")).map(|(_, listed)| listed.to_owned());
        let listed: Vec<String> = listed.collect();
        let names: Vec<String> =
            listed.iter().flat_map(|listed| listed.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
        assert!(names.len() > 3, "{found:#?}");
        names
    };
    let coverage = &*COVERAGE;
    let member = |of: &str, name: &str| Construct::Member(of.to_owned(), name.to_owned());
    let limit = json!({ "id": "x", "scope": "shop:products.get", "limits": [{ "field": "path.id", "format": "?" }] });
    for format in of(Kind::Permit, limit) {
        let texts = &coverage.texts[&member("TestRule", "format")];
        assert!(texts.contains(&format), "no example has the format `{format}`");
    }
    for quirk in of(Kind::Catalog, json!({ "quirks": { "?": true } })) {
        let names = &coverage.names[&member("Catalog", "quirks")];
        assert!(names.contains(&quirk), "no example has the quirk `{quirk}`");
    }
    for detector in Detector::ALL {
        let named = format!("(detector `{}`)", detector.name());
        let found = coverage.reasons.iter().any(|(_, message)| message.contains(&named));
        assert!(found, "no request is refused by the detector `{}`", detector.name());
    }
}

#[test]
fn every_reason_code_is_the_answer_to_a_request() {
    for code in Code::ALL {
        let given = COVERAGE.reasons.iter().any(|(given, _)| *given == code.text());
        let excused = NOT_ASKED_FOR.iter().any(|(excused, _)| *excused == code.text());
        assert!(given || excused, "no request of the examples gets `{code}`");
    }
}

/// What is spelled, the member it stands in, how it is known.
type Spelling = (&'static str, &'static str, fn(&str) -> bool);

/// Spellings within a text, which no schema knows.
const SPELLINGS: [Spelling; 55] = [
    ("any resource", "PermitRule.scope", |text| text.contains(":*.")),
    ("any action", "PermitRule.scope", |text| text.ends_with(".*")),
    ("every read", "PermitRule.scope", |text| text.contains(".read")),
    ("every write", "PermitRule.scope", |text| text.contains(".write")),
    ("a filter", "PermitRule.scope", |text| text.contains('[')),
    ("a filter with two values", "PermitRule.scope", |text| text.contains('|')),
    ("two filters", "PermitRule.scope", |text| text.contains(',')),
    ("a filter", "ForbidRule.scope", |text| text.contains('[')),
    ("two methods", "PermitRule.endpoint", |text| text.contains('|')),
    ("the root of the host", "PermitRule.endpoint", |text| text.contains(" //")),
    ("a variable", "PermitRule.endpoint", |text| text.contains("{x}")),
    ("a variable of digits", "PermitRule.endpoint", |text| text.contains(":digits}")),
    ("a variable of a token", "PermitRule.endpoint", |text| text.contains(":token}")),
    ("a variable of a text", "PermitRule.endpoint", |text| text.contains(":text}")),
    ("a variable of a path", "PermitRule.endpoint", |text| text.contains(":path}")),
    ("any document", "PermitRule.fields", |text| text == "any"),
    ("elements", "FieldList.only", |text| text.ends_with("/*")),
    ("all below", "FieldList.only", |text| text.ends_with("/**")),
    ("a pointer", "FieldList.only", |text| text.starts_with('/')),
    ("a member of every element", "FieldList.require", |text| text.contains("/*/")),
    ("elements", "TestRule.field", |text| text.ends_with("/*")),
    ("a member at any level", "TestRule.field", |text| text.contains("/**/")),
    ("a pointer", "TestRule.field", |text| text.starts_with('/')),
    ("a path variable", "TestRule.field", |text| text.starts_with("path.")),
    ("a query parameter", "TestRule.field", |text| text.starts_with("query.")),
    ("a header", "TestRule.field", |text| text.starts_with("header.") && !text.contains('/')),
    ("a parameter of a header", "TestRule.field", |text| text.starts_with("header.") && text.contains('/')),
    ("a fact", "TestRule.field", |text| text.starts_with("request.")),
    ("a name of the resource as it is now", "TestRule.field", |text| text.starts_with("current.")),
    ("a name of another lookup", "TestRule.field", |text| text.starts_with("shelf.")),
    ("a number of rows", "TestRule.count", |text| text == "rows"),
    ("a list of the page", "TestRule.in", |text| text.starts_with("list:")),
    ("a parameter of a header", "HeaderRules.allow", |text| text.contains('/')),
    ("a name and any rest", "Guarded.query", |text| text.ends_with('*')),
    ("a name and any rest", "Loosening.query_credentials", |text| text.ends_with('*')),
    ("digits", "Catalog.vars", |text| text == "digits"),
    ("a token", "Catalog.vars", |text| text == "token"),
    ("a text", "Catalog.vars", |text| text == "text"),
    ("a path", "Catalog.vars", |text| text == "path"),
    ("a pattern", "Catalog.vars", |text| text.contains('[')),
    ("a JSON string", "FieldEntry.as", |text| text == "string"),
    ("a JSON number", "FieldEntry.as", |text| text == "number"),
    ("two methods", "ActionEntry.endpoints", |text| text.contains('|')),
    ("the root of the host", "ActionEntry.endpoints", |text| text.contains(" //")),
    ("a query", "PermitRule.graphql", |text| text.contains(":query ")),
    ("a mutation", "PermitRule.graphql", |text| text.contains(":mutation ")),
    ("a subscription", "PermitRule.graphql", |text| text.contains(":subscription ")),
    ("an answer of the client", "ActionEntry.rpc", |text| text == "rpc.response"),
    ("a member of the arguments", "RowEntry.parent", |text| text.starts_with('/')),
    ("the element as its key", "RowEntry.key", str::is_empty),
    ("an action of another resource", "RowEntry.action", |text| text.contains('.')),
    ("a number", "ValueEntry.add", |text| text.parse::<f64>().is_ok()),
    ("a currency's code", "FieldEntry.currency", |text| text.len() == 3),
    ("a name that holds a currency", "FieldEntry.currency", |text| text == "currency"),
    ("a pointer that holds a currency", "FieldEntry.currency", |text| text.starts_with('/')),
];

#[test]
fn every_spelling_has_an_example() {
    for (what, place, known) in SPELLINGS {
        let (of, name) = place.split_once('.').expect("a type and a member");
        let texts = COVERAGE.texts.get(&Construct::Member(of.to_owned(), name.to_owned()));
        let spelled = texts.is_some_and(|texts| texts.iter().any(|text| known(text)));
        assert!(spelled, "no example spells {what} in `{place}`");
    }
}

/// Editors that use the schemas and the compiler agree on the examples.
#[test]
fn every_example_is_valid_under_the_schemas() {
    let validator = |schema: Schema| {
        let schema: Value = serde_json::from_str(&schema.text()).expect("a schema is JSON");
        jsonschema::validator_for(&schema).expect("a schema is valid")
    };
    let [template, catalog, gateway] = [Schema::Template, Schema::Catalog, Schema::Gateway].map(validator);
    for example in EXAMPLES.iter() {
        for source in carry_out(example, &Documents::of(example, None), &[]).sources {
            let document: Value = serde_json::from_str(&source.text).expect("it was written as JSON");
            let validator = match source.kind {
                SourceKind::Template => &template,
                SourceKind::Catalog => &catalog,
                SourceKind::Gateway => &gateway,
            };
            let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", example.place);
        }
    }
}
