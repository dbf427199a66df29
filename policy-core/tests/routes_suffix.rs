//! A literal suffix behind a path variable, `/products/{id}.json`: what it matches, what it hides, what is wrong with one
//! (A2, A3, E1).

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::{Source, SourceKind};
use support::pages::{shop_page, sources};
use support::{check, check_all, diagnosed, json, policy, request, source};

/// Resources by their file names, as Shopify and others have them.
const FILES: &str = r#"{
  "catalog": "files",
  "base": "/v3",
  "vars": { "size": ["s", "m", "l.xl"], "sku": "[A-Z]{2}[0-9.]{0,4}", "slug": "token", "name": "text", "tree": "path" },
  "resources": {
    "products": {
      "key": "path.id",
      "fields": { "id": { "at": "/product/id", "type": "digits" }, "price": { "at": "/product/price", "type": "decimal" } },
      "actions": {
        "list": { "endpoints": ["GET /products.json"], "effect": "read" },
        "count": { "endpoints": ["GET /products/count.json"], "effect": "read" },
        "get": { "endpoints": ["GET /products/{id}.json"], "effect": "read" },
        "update": { "endpoints": ["PUT /products/{id}.json"], "effect": "gate" },
        "delete": { "endpoints": ["DELETE /products/{id}.json"], "effect": "door" },
        "images": { "endpoints": ["GET /products/{id}/images.json"], "effect": "read" }
      }
    },
    "labels": {
      "actions": {
        "get": { "endpoints": ["GET /labels/{name}.json"], "effect": "read" },
        "archive": { "endpoints": ["GET /labels/{name}.tar.json"], "effect": "read" },
        "open": { "endpoints": ["GET /labels/{name}"], "effect": "read" },
        "other": { "endpoints": ["GET /sizes/{size}.json", "GET /skus/{sku}.json", "GET /pages/{slug}.v1_x-y.json"], "effect": "read" }
      }
    }
  }
}"#;

const NO: &str = "deny: endpoint_not_allowed";
const TWO_READINGS: &str = "deny: path_ambiguous";

fn documents(members: &str) -> Vec<Source> {
    let page = shop_page(members).replace(r#""catalog":"shop-v3""#, r#""catalog":"files""#);
    let mut all = sources(&[page]);
    all.push(source(SourceKind::Catalog, FILES));
    all
}

fn page(members: &str) -> Arc<PolicySet> {
    policy(&documents(members))
}

fn permits(rules: &str) -> Arc<PolicySet> {
    page(&format!(r#"{{ "permit": [{rules}] }}"#))
}

/// A2: the segment is the value and the suffix; the value is of the variable's type, the suffix is byte for byte.
#[test]
fn a_segment_is_value_and_suffix() {
    let set = permits(r#"{ "id": "p", "scope": "shop:*.read" }"#);
    for (path, expect) in [
        ("products/42.json", "allow p"),
        ("products/%34%32.json", "allow p"),
        ("products/12345678901234567890.json", "allow p"),
        ("products/count.json", "allow p"),
        ("products/42/images.json", "allow p"),
        ("products/42", NO),
        ("products/042.json", NO),
        ("products/4x.json", NO),
        ("products/.json", NO),
        ("products/42.json.json", NO),
        ("products/42.xml", NO),
        ("products/42json", NO),
        ("products/42..json", NO),
        ("products/42.jsonx", NO),
        ("products/42.json%20", NO),
        ("products/42.json/images.json", NO),
        ("products/42.json/", TWO_READINGS),
        ("products/42/.json", NO),
        ("sizes/m.json", "allow p"),
        ("sizes/l.xl.json", "allow p"),
        ("sizes/l.json", NO),
        ("skus/AB1.5.json", "allow p"),
        ("skus/AB.json", "allow p"),
        ("skus/ab.json", NO),
        ("pages/a-b.v1_x-y.json", "allow p"),
        ("pages/a-b.v1_x-z.json", NO),
        ("pages/a.b.v1_x-y.json", NO),
        ("labels/caf%C3%A9%20x.json", "allow p"),
        ("labels/a%2Fb.json", TWO_READINGS),
    ] {
        check(&set, &request(&format!("GET /v3/{path}")), expect);
    }
}

/// A2, common rule 3: a suffix in other letters or percent-encoded is refused, like a literal, whatever stands before it.
#[test]
fn a_suffix_has_one_spelling() {
    let set = permits(r#"{ "id": "p", "scope": "shop:*.read" }, { "id": "w", "endpoint": "shop:GET /{rest:path}" }"#);
    check(&set, &request("GET /v3/products/42.json"), "allow p");
    for path in [
        "products/42.JSON",
        "products/42.Json",
        "products/4x.jsoN",
        "products/42%2Ejson",
        "products/42%2ejson",
        "products/42.%6Ason",
        "products/42.jso%6e",
        "products/4x%2Ejson",
        "products/count%2Ejson",
        "products/count.JSON",
        "labels/report.TAR.json",
        "labels/report.tar%2Ejson",
        "pages/a.V1_x-y.json",
    ] {
        check(&set, &request(&format!("GET /v3/{path}")), TWO_READINGS);
    }
    // Where no suffix is listed, nothing is a variant of one.
    check(&set, &request("GET /v3/products/42/images.xml"), "allow w");
    check(&set, &request("GET /v3/elsewhere/42.JSON"), "allow w");
}

/// A letter case that is itself listed is no variant.
#[test]
fn two_listed_spellings_are_two_suffixes() {
    let set = permits(
        r#"{ "id": "low", "endpoint": "shop:GET /x/{id}.csv" }, { "id": "up", "endpoint": "shop:GET /x/{id}.CSV" },
           { "id": "one", "endpoint": "shop:GET /x/9.Csv" }"#,
    );
    check(&set, &request("GET /v3/x/7.csv"), "allow low");
    check(&set, &request("GET /v3/x/7.CSV"), "allow up");
    check(&set, &request("GET /v3/x/9.Csv"), "allow one");
    check(&set, &request("GET /v3/x/7.Csv"), TWO_READINGS);
    check(&set, &request("GET /v3/x/9.csv"), TWO_READINGS);
}

/// The value of a variable has no suffix, in `equals` and in any other test.
#[test]
fn a_value_has_no_suffix() {
    let set = permits(
        r#"{ "id": "u", "scope": "shop:products.update", "fields": { "only": ["id", "price"] },
             "limits": [{ "id": "same", "field": "id", "equals": "path.id" }] },
           { "id": "l", "endpoint": "shop:GET /labels/{name}.json", "limits": [{ "field": "path.name", "in": ["report", "a.b", "a.json"] }] }"#,
    );
    let put = |body: &str| json("PUT /v3/products/42.json", body);
    check(&set, &put(r#"{"product":{"id":42,"price":"1.00"}}"#), "allow u");
    check(&set, &put(r#"{"product":{"id":"42"}}"#), "allow u");
    check(&set, &put(r#"{"product":{"id":43}}"#), "deny u: value_format /product/id");
    for (name, expect) in [
        ("report.json", "allow l"),
        ("a.b.json", "allow l"),
        ("a.json.json", "allow l"),
        ("a.json", "deny l: value_format"),
        ("other.json", "deny l: value_format"),
    ] {
        check(&set, &request(&format!("GET /v3/labels/{name}")), expect);
    }
}

/// Of several suffixes the longest counts, then the shorter, then none.
#[test]
fn the_longest_suffix_counts() {
    for (scope, [tar, json, open, bare]) in [
        ("labels.archive", ["allow p", NO, NO, NO]),
        ("labels.get", [NO, "allow p", NO, NO]),
        ("labels.open", [NO, NO, "allow p", "allow p"]),
    ] {
        let set = permits(&format!(r#"{{ "id": "p", "scope": "shop:{scope}" }}"#));
        check_all(
            &set,
            &[
                (request("GET /v3/labels/report.tar.json"), tar),
                (request("GET /v3/labels/report.json"), json),
                (request("GET /v3/labels/tar.json"), json),
                (request("GET /v3/labels/report"), open),
                (request("GET /v3/labels/report.tar"), open),
                // What could be no segment is no value: the whole is a name.
                (request("GET /v3/labels/.json"), bare),
                (request("GET /v3/labels/..json"), bare),
                (request("GET /v3/labels/...json"), bare),
            ],
        );
    }
}

/// A2: a variable without the suffix does not stand for what the catalog names with it, whatever the value's type; one with
/// it does, and so does a path.
#[test]
fn a_variable_stands_for_nothing_that_a_listed_suffix_names() {
    for (endpoint, [id, other, count, plain]) in [
        ("/products/{what:text}", [NO, NO, NO, "allow p"]),
        ("/products/{what:token}", [NO, NO, NO, "allow p"]),
        ("/products/{what:text}.json", ["allow p", "allow p", NO, NO]),
        ("/products/{what}.json", ["allow p", NO, NO, NO]),
        ("/products/{what:text}.on", [NO, NO, NO, NO]),
        ("/products/{rest:path}", ["allow p", "allow p", "allow p", "allow p"]),
        ("/{what:text}/{which:text}", [NO, NO, NO, "allow p"]),
        ("/{what:text}/{which}.json", [NO, NO, NO, NO]),
    ] {
        let set = permits(&format!(r#"{{ "id": "p", "endpoint": "shop:GET {endpoint}" }}"#));
        check_all(
            &set,
            &[
                (request("GET /v3/products/42.json"), id),
                (request("GET /v3/products/42abc.json"), other),
                (request("GET /v3/products/count.json"), count),
                (request("GET /v3/products/report"), plain),
            ],
        );
    }
}

/// A2, A3: a suffix that a rule spells hides nothing of the catalog.
#[test]
fn a_suffix_that_a_rule_spells_hides_no_endpoint() {
    let set = permits(
        r#"{ "id": "r", "endpoint": ["shop:GET /labels/{name:token}.csv", "shop:GET /labels/{name:token}.long.json"] },
           { "id": "o", "scope": ["shop:labels.open", "shop:labels.get"] }"#,
    );
    check(&set, &request("GET /v3/labels/a.csv"), "allow o");
    check(&set, &request("GET /v3/labels/a.b.csv"), "allow o");
    check(&set, &request("GET /v3/labels/a.long.json"), "allow o");
}

/// A forbid reaches what its path matches: with the suffix, and as a text without one.
#[test]
fn forbids_reach_what_they_match() {
    let kept = ["deny f: forbidden", "allow p"];
    for (endpoint, [id, count, images]) in [
        ("/products/{id}.json", [kept[0], kept[1], kept[1]]),
        ("/products/{x:text}.json", [kept[0], kept[0], kept[1]]),
        ("/products/{x:text}", [kept[0], kept[0], kept[1]]),
        ("/products/{x:text}.on", [kept[1], kept[1], kept[1]]),
        ("/{x:text}/{y:text}.json", [kept[0], kept[0], kept[1]]),
        ("/products/{id}", [kept[1], kept[1], kept[1]]),
        ("/products/{id}/{x:text}.json", [kept[1], kept[1], kept[0]]),
    ] {
        let set = page(&format!(
            r#"{{ "permit": [{{ "id": "p", "scope": "shop:products.read" }}], "forbid": [{{ "id": "f", "endpoint": "shop:GET {endpoint}" }}] }}"#
        ));
        check_all(
            &set,
            &[
                (request("GET /v3/products/42.json"), id),
                (request("GET /v3/products/count.json"), count),
                (request("GET /v3/products/42/images.json"), images),
            ],
        );
    }
}

/// A wide template does not turn a GET with an effect into a read: one with the same suffix and another type is wide too.
#[test]
fn a_get_with_an_effect_is_its_own_template() {
    let mut all = documents(
        r#"{ "permit": [{ "id": "w", "endpoint": ["shop:GET /runs/{x:text}.json", "shop:GET /seen/{id}.json"] }] }"#,
    );
    let run = r#""run": { "endpoints": ["GET /runs/{id}.json", "GET /seen/{id}.json"], "effect": "door" }, "list""#;
    let last = all.last_mut().expect("the catalog");
    last.text = last.text.replacen(r#""list""#, run, 1);
    let set = policy(&all);
    check(&set, &request("GET /v3/runs/7.json"), NO);
    check(&set, &request("GET /v3/seen/7.json"), "allow w");
}

/// An encoded slash in a value is loosened by the variable's name; the other reading still meets forbids.
#[test]
fn a_value_may_hold_an_encoded_slash_where_its_page_says_so() {
    let set = page(
        r#"{ "apis": { "shop": { "loosen": { "encoded_slash": ["name"] } } },
             "permit": [{ "id": "p", "scope": "shop:labels.get", "limits": [{ "field": "path.name", "in": ["a/b"] }] }],
             "forbid": [{ "id": "f", "endpoint": "shop:GET /labels/secret/{x:text}.json" }] }"#,
    );
    check(&set, &request("GET /v3/labels/a%2Fb.json"), "allow p");
    check(&set, &request("GET /v3/labels/a%2Fc.json"), "deny p: value_format");
    check(&set, &request("GET /v3/labels/secret%2Fb.json"), "deny f: path_ambiguous");
    for path in ["a%2F.json", "a%2F..json", "a%2F...json"] {
        check(&set, &request(&format!("GET /v3/labels/{path}")), NO);
    }
}

/// E1: permits that can meet, one of which asks for approval, do not validate; templates that share no path do.
#[test]
fn templates_with_suffixes_meet_where_a_path_is_both() {
    for (one, other, meet) in [
        ("{id}.json", "{x:token}.json", true),
        ("{id}.json", "{x}.json", true),
        ("{id}.json", "{x}.xml", false),
        ("{id}.json", "{x}.JSON", false),
        ("{id}.json", "{x}", false),
        ("{id}.json", "{x:token}", false),
        ("{id}.json", "{x:text}", true),
        ("{id}.json", "{x:path}", true),
        ("{id}.json", "{x}.tar.json", false),
        ("{x:token}.json", "{y:token}.tar.json", false),
        ("{x:text}.json", "{y}.tar.json", true),
        ("{sku}.json", "{y}.1.json", true),
        ("{id}.json", "42.json", true),
        ("{id}.json", "count.json", false),
        ("{x:text}.json", ".json", false),
        ("{size}.json", "s.json", true),
        ("{size}.json", "xl.json", false),
        ("{size}.json", "{x}.json", false),
        ("{size}.xl", "{x:token}.xl", true),
        ("{size}", "{x:token}.xl", true),
        ("{size}", "{x}.xl", false),
        ("{size}.json", "{y:text}.xl.json", true),
        ("{x:token}.json", "{size}.xl.json", false),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let found = diagnosed(&documents(&format!(
                r#"{{ "permit": [{{ "id": "a", "endpoint": "shop:GET /o/{one}", "approval": "owner" }}, {{ "id": "b", "endpoint": "shop:GET /o/{other}" }}] }}"#
            )));
            let met = found.iter().any(|text| text.contains("can match the same operation"));
            assert_eq!(met, meet, "{one} and {other}: {found:?}");
            assert_eq!(found.len(), usize::from(meet), "{one} and {other}: {found:?}");
        }
    }
}

/// E1: what is no suffix, with what to write instead.
#[test]
fn what_is_no_suffix_is_said() {
    let first = "a variable stands at the beginning of its segment: write `{id}`, or `{id}.json` with a suffix";
    let behind = "behind a variable stands nothing, or a suffix of `.` and letters, digits, `_`, `-`, `.`: write";
    for (segment, expect) in [
        ("v{id}", format!("`v{{id}}`: {first}")),
        ("v{id}.json", format!("`v{{id}}.json`: {first}")),
        ("{id}json", format!("`{{id}}json`: {behind} `{{id}}` or `{{id}}.json`")),
        ("{id:token}-x", format!("`{{id:token}}-x`: {behind} `{{id:token}}` or `{{id:token}}.json`")),
        ("{id}.", format!("`{{id}}.`: {behind} `{{id}}` or `{{id}}.json`")),
        ("{id}.a%20b", format!("`{{id}}.a%20b`: {behind} `{{id}}` or `{{id}}.json`")),
        ("{id}.j\u{e9}", format!("`{{id}}.j\\u{{e9}}`: {behind} `{{id}}` or `{{id}}.json`")),
        ("{id}.{kind}", format!("`{{id}}.{{kind}}`: {behind} `{{id}}` or `{{id}}.json`")),
        ("{}.json", "`{}.json`: a variable has a name: write `{id}`".into()),
        ("{:token}", "`{:token}`: a variable has a name: write `{id}`".into()),
        ("{id", "`{id` is no part of a path: write it in plain characters, or as a variable like `{id}`".into()),
        (
            "{x:path}.json",
            "a variable of type `path` has no suffix: write `{x:path}`, or `{x:text}.json` for one segment".into(),
        ),
        (
            "{tree}.json",
            "a variable of type `path` has no suffix: write `{tree:path}`, or `{tree:text}.json` for one segment"
                .into(),
        ),
        ("{id}.json/{id}.json", "the path variable `id` occurs twice".into()),
    ] {
        let endpoint = format!("shop:GET /o/{segment}");
        let page = format!(r#"{{ "permit": [{{ "id": "p", "endpoint": "{endpoint}" }}] }}"#);
        let help = if expect.contains("write ") {
            ""
        } else {
            " | write a method and a path below the API's base, like `GET /products/{id}`"
        };
        assert_eq!(diagnosed(&documents(&page)), [format!("{expect}{help} | \"{endpoint}\"")]);
    }
}

/// E1: an extension of a catalog may add a suffix to a listed path; it does not move one.
#[test]
fn an_extension_keeps_suffixes_apart() {
    let extended = |endpoint: &str| {
        let mut all = sources(&[shop_page(
            r#"{ "apis": { "shop": { "catalog": "mine" } }, "permit": [{ "id": "r", "scope": "shop:products.read" }] }"#,
        )]);
        all.push(source(SourceKind::Catalog, FILES));
        let actions = format!(r#""peek": {{ "endpoints": ["{endpoint}"], "effect": "read" }}"#);
        let resources = format!(r#"{{ "products": {{ "actions": {{ {actions} }} }} }}"#);
        let mine = format!(r#"{{ "catalog": "mine", "extends": "files", "resources": {resources} }}"#);
        all.push(source(SourceKind::Catalog, mine));
        diagnosed(&all)
    };
    assert_eq!(extended("GET /products/{id}.csv"), [""; 0]);
    assert_eq!(extended("GET /products/{id}"), [""; 0]);
    let moved =
        ["an extension does not move an endpoint of its base: name the action that has it there | \"endpoints\""];
    assert_eq!(extended("DELETE /products/{any:text}.json")[..1], moved);
}
