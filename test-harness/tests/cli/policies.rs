//! `ambit validate` and `ambit bundle`; and what is said of wrong arguments.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::ambit::{ambit, assert_could_not_run};
use crate::policy_directory::{self, PAGE};

fn data(name: &str) -> String {
    policy_directory::price_agent().join(name).display().to_string()
}

/// A moment at which the page is valid.
const DURING: &str = "2026-11-20T12:00:00Z";

/// A copy of the policies, with the page changed and stored under `name`.
fn changed(name: &str, change: impl Fn(String) -> String) -> (TempDir, PathBuf) {
    let directory = policy_directory::with_page(change);
    let page = directory.path().join(name);
    fs::rename(directory.path().join(PAGE), &page).unwrap();
    (directory, page)
}

fn path(directory: &TempDir) -> &str {
    directory.path().to_str().unwrap()
}

#[test]
fn valid_policies_are_one_line_with_their_digest() {
    let (code, out, err) = ambit(&["validate", &data("policies"), "--now", DURING]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("valid: 1 agent, 3 rules, sha256:"), "{out}");
    assert_eq!(out.lines().count(), 1);
}

#[test]
fn a_single_document_is_validated_with_its_directory() {
    let (code, out, _) = ambit(&["validate", &data(&format!("policies/{PAGE}")), "--now", DURING]);
    assert_eq!((code, out), (0, ambit(&["validate", &data("policies"), "--now", DURING]).1));
}

#[test]
fn a_mistyped_member_is_underlined_with_the_nearest_name() {
    let (directory, page) = changed(PAGE, |text| text.replace("\"purpose\"", "\"purpsoe\""));
    let (code, out, _) = ambit(&["validate", path(&directory)]);
    assert_eq!(code, 3);
    for expected in [
        "error: unknown member `purpsoe`",
        &format!("{}:3:37", page.display()),
        "\"purpsoe\": \"keep prices current\"",
        "^^^^^^^^^",
        "did you mean `purpose`?",
        "the policies are not valid: 1 error",
    ] {
        assert!(out.contains(expected), "`{expected}` is not in:\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "colours without a terminal: {out:?}");
}

#[test]
fn json_names_file_line_and_column() {
    let (directory, page) = changed(PAGE, |text| text.replace("\"purpose\"", "\"purpsoe\""));
    let (code, out, _) = ambit(&["validate", path(&directory), "--format", "json"]);
    assert_eq!(code, 3);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["valid"], false);
    let found = &report["diagnostics"][0];
    assert_eq!(found["severity"], "error");
    assert_eq!(found["file"], page.to_str().unwrap());
    assert_eq!((&found["line"], &found["column"]), (&3.into(), &37.into()));
}

#[test]
fn a_file_named_for_another_agent_is_a_warning() {
    let (directory, _) = changed("agent-policy-20261120-prices.json", |text| text);
    let (code, out, _) = ambit(&["validate", path(&directory)]);
    assert_eq!(code, 0);
    assert!(out.contains("warning: the file is named for agent `prices`, the page is for `price-agent`"), "{out}");
    assert!(out.contains("valid: 1 agent, 3 rules, 1 warning, sha256:"), "{out}");
}

#[test]
fn a_bundle_holds_the_digest_and_is_the_same_every_time() {
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("bundle.json");
    let (code, out, err) = ambit(&["bundle", &data("policies"), "-o", bundle.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    let first = fs::read(&bundle).unwrap();
    let envelope: serde_json::Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(envelope["format"], "ambit-bundle/3");
    assert!(out.contains(envelope["digest"].as_str().unwrap()), "{out}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "something is left beside the bundle");

    let (code, out, _) = ambit(&["bundle", &data("policies"), "-o", "-"]);
    assert_eq!((code, out.trim_end().as_bytes()), (0, first.as_slice()));

    let (code, out, _) = ambit(&["validate", bundle.to_str().unwrap()]);
    assert_eq!((code, out), (0, ambit(&["validate", &data("policies"), "--now", DURING]).1));
}

#[test]
fn invalid_policies_leave_the_old_bundle_alone() {
    let (policies, _) = changed(PAGE, |text| text.replace("\"price\"", "\"prise\""));
    let bundle = policies.path().join("out.bundle");
    fs::write(&bundle, "old").unwrap();
    let (code, out, err) = ambit(&["bundle", path(&policies), "-o", bundle.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("error: the policies are not valid"), "{err}");
    assert_eq!(fs::read_to_string(&bundle).unwrap(), "old");
}

#[test]
fn what_cannot_be_read_is_one_line_that_says_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let nowhere = "there is no policy directory or bundle at `no-such-place`; name a directory";
    assert_could_not_run(&ambit(&["validate", "no-such-place"]), nowhere);
    let empty = path(&empty);
    let lacking = format!("`{empty}` holds no `gateway.json`; name the directory that does, or write one");
    assert_could_not_run(&ambit(&["validate", empty]), &lacking);
}

/// A page saved as Latin-1 is a mistake in the page, wherever it is used.
#[test]
fn a_document_that_is_no_text_is_an_invalid_policy() {
    let (directory, page) = changed(PAGE, |text| text);
    fs::write(&page, b"{\"ambit\": \"v1\xff\"}").unwrap();
    let page = page.to_str().unwrap();
    for arguments in [
        &["validate", path(&directory)][..],
        &["validate", page],
        &["bundle", path(&directory), "-o", "-"],
        &["evaluate", "https://shop.example.com/", "--policies", path(&directory)],
    ] {
        let (code, out, err) = ambit(arguments);
        assert_eq!((code, out.as_str()), (3, ""), "{arguments:?}: {err}");
        assert_eq!(err, format!("error: `{page}` is not UTF-8 from byte 13 on; save it as UTF-8\n"));
    }
}

/// A token for an agent without a page is a warning where all pages are there to be seen.
#[test]
fn a_token_for_nobody_is_a_warning() {
    let (directory, page) = changed(PAGE, |text| text);
    let digest = "0".repeat(64);
    let gateway = format!(
        r#"{{ "ambit": "gateway-v1", "identity": [{{ "token": {{ "header": "authorization",
            "sha256": {{ "{digest}": "prise-agent", "1{}": "price-agent" }} }} }}] }}"#,
        &digest[1..]
    );
    fs::write(directory.path().join("gateway.json"), gateway).unwrap();
    let (code, out, _) = ambit(&["validate", path(&directory)]);
    assert_eq!(code, 0, "{out}");
    let expected = "warning: no page is for the agent `prise-agent`: whoever holds its token or certificate is refused";
    assert!(out.contains(expected) && out.contains("did you mean `price-agent`?"), "{out}");
    assert!(out.contains(", 1 warning, "), "{out}");
    let (code, out, _) = ambit(&["validate", page.to_str().unwrap()]);
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
}

#[test]
fn a_changed_bundle_is_an_invalid_policy() {
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("bundle.json");
    let (_, text, _) = ambit(&["bundle", &data("policies"), "-o", "-"]);
    fs::write(&bundle, text.replace("sha256:", "sha256:0")).unwrap();
    let (code, _, err) = ambit(&["validate", bundle.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(err.contains("the bundle was changed on its way"), "{err}");
}

#[test]
fn wrong_arguments_are_one_line_with_what_was_meant() {
    for (arguments, expected) in [
        (&["repaly", "x"][..], "error: unrecognized subcommand `repaly`; did you mean `replay`?\n"),
        (
            &["validate", "x", "--formt", "json"],
            "error: unexpected argument `--formt` found; did you mean `--format`?\n",
        ),
        (&["validate"], "error: the following required arguments were not provided: <PATH>...; see `ambit --help`\n"),
        (
            &["replay", "x", "--policies", "y", "--engine", "nativ"],
            "error: invalid value `nativ` for `--engine <wasm|native>`: no engine `nativ`; use `wasm` or `native`; \
             see `ambit --help`\n",
        ),
    ] {
        let (code, out, err) = ambit(arguments);
        assert_eq!((code, out.as_str(), err.as_str()), (1, "", expected));
    }
    let (code, out, err) = ambit(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("Exit codes: 0 fine, 1 could not run, 2 a decision or expectation differs, 3 invalid policy"));
}

/// E1: what has ended by now is a warning, and the policies are valid all the same.
#[test]
fn a_page_that_has_ended() {
    let (code, out, err) = ambit(&["validate", &data("policies"), "--now", "2026-12-01T00:00:00Z"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for expected in [
        "warning: the page has ended: every request of this agent is refused since `2026-12-01T00:00:00Z`",
        &format!("{PAGE}:5:55"),
        "^^^^^^^^^^^^^^^^^^^^^^",
        "write a later time, or take the page out",
        "valid: 1 agent, 3 rules, 1 warning, sha256:",
    ] {
        assert!(out.contains(expected), "`{expected}` is not in:\n{out}");
    }
    let (_, before, _) = ambit(&["validate", &data("policies"), "--now", "2026-11-30T23:59:59Z"]);
    assert!(!before.contains("has ended"), "{before}");
    let (code, _, err) = ambit(&["validate", &data("policies"), "--now", "today"]);
    assert!(code == 1 && err.contains("it is not RFC 3339, such as 2026-11-20T12:00:00Z"), "{code}: {err}");
}

/// E1: a catalog that cannot be read is the only finding: what its pages then lack is not said.
#[test]
fn a_catalog_that_cannot_be_read_is_said_once() {
    let (directory, _) = changed(PAGE, |text| text);
    let catalog = directory.path().join("catalogs/shop-v1.json");
    let text = fs::read_to_string(&catalog).unwrap().replacen("\"type\": \"decimal\"", "\"type\": \"number\"", 1);
    fs::write(&catalog, text).unwrap();
    let (code, out, _) = ambit(&["validate", path(&directory), "--now", DURING]);
    assert_eq!(code, 3);
    assert!(out.contains("error: unknown value `number`"), "{out}");
    assert!(out.contains("the policies are not valid: 1 error"), "{out}");
}
