//! F5: `ambit replay` with the native engine: table, JSON, exit codes.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::ambit::{ambit_in, assert_could_not_run, command, run};
use crate::policy_directory::price_agent;

fn ambit(arguments: &[&str]) -> (i32, String, String) {
    ambit_in(&price_agent(), arguments)
}

const NATIVE: [&str; 5] = ["replay", "--policies", "policies", "--engine", "native"];

fn replay(arguments: &[&str]) -> (i32, String, String) {
    ambit(&[&NATIVE, arguments].concat())
}

fn replay_json(arguments: &[&str]) -> (i32, Value) {
    let (code, out, err) = replay(&[&["--format", "json"], arguments].concat());
    assert_eq!(err, "");
    (code, serde_json::from_str(&out).unwrap())
}

/// F2: a recording need not say whose requests it holds; what it says stands.
#[test]
fn the_agent_can_be_named_for_a_recording_that_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("unnamed.ndjson");
    let request = |headers| {
        json!({ "time": "2026-11-20T08:00:00Z", "method": "GET", "path": "/v1/products?page=1", "host": "shop.example.com",
                "scheme": "https", "headers": headers })
    };
    let [unnamed, named] = [json!([]), json!([["x-agent-name", "stranger"]])].map(request);
    fs::write(&recording, format!("{unnamed}\n{named}\n")).unwrap();
    let decided = |arguments: &[&str]| {
        let (_, report) = replay_json(&[&[recording.to_str().unwrap()], arguments].concat());
        let decisions = report["decisions"].as_array().unwrap().iter();
        decisions.map(|one| format!("{} {}", one["agent"], one["decision"])).collect::<Vec<_>>()
    };
    assert_eq!(decided(&[]), [r#"null "deny""#, r#""stranger" "deny""#]);
    assert_eq!(decided(&["--agent", "price-agent"]), [r#""price-agent" "allow""#, r#""stranger" "deny""#]);

    let (code, _, error) = replay(&["day.ndjson", "--agent", "a\nb"]);
    assert_eq!(
        (code, error.as_str()),
        (1, "error: --agent `a\\u{a}b` holds a line end or NUL; a header is one line\n")
    );
}

#[test]
fn json_holds_the_counts_and_every_decision() {
    let (code, report) = replay_json(&["day.ndjson"]);
    assert_eq!(code, 0);
    assert_eq!(report["engine"], "native");
    assert!(report["policy"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(
        report["counts"],
        json!({"allow": 2, "deny": 3, "approval_required": 1, "not_an_agent": 0, "undecidable": 2})
    );
    let decisions = report["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 8);
    assert_eq!(
        decisions[0],
        json!({
            "index": 0, "time": "2026-11-20T08:00:00Z", "agent": "price-agent", "method": "GET",
            "host": "shop.example.com", "path": "/v1/products?page=1", "decision": "allow", "rule": "read",
            "reasons": []
        })
    );
    let held = &decisions[2];
    assert_eq!((&held["decision"], &held["rule"]), (&json!("approval_required"), &json!("reprice")));
    assert_eq!(held["reasons"][0]["code"], "approval_required");
    assert_eq!(held["reasons"][0]["pointer"], "/price");
    assert_eq!(decisions[3]["reasons"][0]["code"], "forbidden");
    assert_eq!(decisions[4]["reasons"][0]["code"], "unknown_agent");
    // The clock is the recording's: the last dated request comes after the page's end.
    assert_eq!(decisions[6]["reasons"][0]["code"], "not_valid_now");
    assert!(report.get("labels").is_none() && report.get("mismatches").is_none());
}

#[test]
fn what_is_not_in_the_recording_is_undecidable_with_the_reason() {
    let (_, report) = replay_json(&["day.ndjson"]);
    let [body, time] = [5, 7].map(|index| &report["decisions"][index]);
    assert_eq!((&body["decision"], &body["agent"]), (&json!("undecidable"), &json!("price-agent")));
    assert_eq!(
        body["reasons"],
        json!([{
            "code": "body_not_seen", "message": "body not in the recording: the recorder kept no bodies",
            "pointer": null
        }])
    );
    assert_eq!((&time["decision"], &time["time"]), (&json!("undecidable"), &Value::Null));

    let (_, report) = replay_json(&["day.ndjson", "--now", "2026-11-20T12:00:00Z"]);
    assert_eq!(report["decisions"][7]["decision"], "allow");
    assert_eq!(report["decisions"][6]["decision"], "deny", "--now must not replace a recorded time");
}

#[test]
fn the_table_counts_by_agent_and_says_what_was_caught() {
    let (code, out, err) = replay(&["day.ndjson", "--labels", "labels.json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let (title, out) = out.split_once('\n').unwrap();
    assert!(title.starts_with("8 requests, native engine, policy sha256:"), "{title}");
    let row = |starts: &[&str]| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let found =
            out.lines().map(words).find(|line| line.iter().zip(starts).all(|(a, b)| a == b) && !line.is_empty());
        found.unwrap_or_else(|| panic!("no line {starts:?} in:\n{out}")).join(" ")
    };
    assert_eq!(row(&["price-agent"]), "price-agent 6 2 2 1 0 1");
    assert_eq!(row(&["all"]), "all 8 2 3 1 0 2");
    assert!(row(&["deny", "1", "price-agent", "DELETE"]).contains("/v1/products/{…}"));
    assert!(row(&["approval_required", "1"]).contains("reprice `price` must be at most 100"));
    assert!(row(&["1", "price-agent", "PUT"]).ends_with("body not in the recording: the recorder kept no bodies"));
    assert!(out.ends_with("Labels: 6 of 6 as expected; 2 without a label (wait for the body: 1)\n"), "{out}");
}

#[test]
fn labels_that_are_met_are_exit_code_0() {
    let (code, report) = replay_json(&["day.ndjson", "--labels", "labels.json", "--scenario", "day"]);
    assert_eq!(code, 0);
    assert_eq!(report["mismatches"], json!([]));
    assert_eq!(
        report["labels"],
        json!({"matched": 6, "mismatched": 0, "unlabelled": 2, "unmet": 0, "waits_for": {"the body": 1}})
    );
}

#[test]
fn a_label_that_differs_is_exit_code_2_and_listed() {
    let arguments = ["day.ndjson", "--labels", "labels.json", "--scenario", "wrong"];
    let (code, report) = replay_json(&arguments);
    assert_eq!(code, 2);
    let mismatches = report["mismatches"].as_array().unwrap();
    assert_eq!(mismatches.len(), 1);
    let mismatch = &mismatches[0];
    assert_eq!(
        (&mismatch["index"], &mismatch["label"], &mismatch["expected"], &mismatch["decision"]),
        (&json!(0), &json!("deny"), &json!("deny"), &json!("allow"))
    );
    let (code, out, _) = replay(&arguments);
    assert_eq!(code, 2);
    assert!(out.contains("Decided otherwise than expected"), "{out}");
}

#[test]
fn an_expectation_for_a_request_that_is_not_there_is_not_met() {
    let (code, report) = replay_json(&["day.ndjson", "--labels", "labels.json", "--scenario", "longer"]);
    assert_eq!((code, &report["labels"]["unmet"]), (2, &json!(1)));
}

#[test]
fn indices_are_those_of_the_recordings_format() {
    let directory = tempfile::tempdir().unwrap();
    let (log, labels) = (directory.path().join("day.log"), directory.path().join("labels.json"));
    let entry = |method: &str| {
        json!({
            "start_time": "2026-11-20T08:00:00Z", "method": method, "path": "/v1/products/1",
            "authority": "shop.example.com", "x-agent-name": "price-agent", "bytes_received": 0, "response_code": 200
        })
    };
    fs::write(&log, format!("{}\n{}\n", entry("GET"), entry("DELETE"))).unwrap();
    let list = json!([
        {"index": 5, "access_index": 0, "label": "allow"},
        {"index": 0, "access_index": 1, "label": "deny"},
    ]);
    fs::write(&labels, json!({"scenarios": {"s": {"requests_list": list}}}).to_string()).unwrap();
    let (log, labels) = (log.to_str().unwrap(), labels.to_str().unwrap());
    let (code, report) = replay_json(&[log, "--labels", labels, "--scenario", "s"]);
    assert_eq!((code, &report["labels"]["matched"]), (0, &json!(2)), "{report}");
}

/// A log holds few headers: that it names no agent says nothing of the request.
#[test]
fn an_access_log_without_the_agent_is_undecidable() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("day.log");
    let entry = json!({
        "start_time": "2026-11-20T08:00:00Z", "method": "GET", "path": "/v1/products/1",
        "authority": "shop.example.com", "response_code": 200
    });
    fs::write(&log, format!("{entry}\n")).unwrap();
    let (_, report) = replay_json(&[log.to_str().unwrap()]);
    let decided = &report["decisions"][0];
    assert_eq!(
        (&decided["decision"], &decided["reasons"][0]["code"]),
        (&json!("undecidable"), &json!("unknown_agent"))
    );
    assert!(decided["reasons"][0]["message"].as_str().unwrap().starts_with("agent not in the access log: "));
}

#[test]
fn several_recordings_name_the_file_of_each_decision() {
    let (_, report) = replay_json(&["day.ndjson", "./day.ndjson"]);
    assert_eq!(report["counts"]["allow"], 4);
    assert_eq!(report["decisions"][0]["file"], "day.ndjson");
    assert_eq!(report["decisions"][8]["file"], "./day.ndjson");
}

#[test]
fn a_broken_entry_is_told_and_the_others_are_judged() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("day.ndjson");
    let day = fs::read_to_string(price_agent().join("day.ndjson")).unwrap();
    let mut lines: Vec<_> = day.lines().collect();
    lines[1] = "{\"method\": \"GET\", \"headers\": 7}";
    fs::write(&recording, lines.join("\n")).unwrap();
    let (code, out, err) = replay(&[recording.to_str().unwrap(), "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["unreadable"]), (1, &json!(1)));
    let indices: Vec<_> =
        report["decisions"].as_array().unwrap().iter().map(|d| d["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 2, 3, 4, 5, 6, 7]);
    assert!(err.contains("day.ndjson, line 2: "), "{err}");
}

#[test]
fn a_terminal_sequence_in_a_path_is_escaped_in_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let recording = directory.path().join("bad.ndjson");
    let line = json!({
        "time": "2026-11-20T08:00:00Z", "method": "GET", "path": "/\u{1b}[2J", "host": "shop.example.com",
        "headers": [["x-agent-name", "price-agent"]]
    });
    fs::write(&recording, format!("{line}\n")).unwrap();
    let (_, out, _) = replay(&[recording.to_str().unwrap()]);
    assert!(!out.contains('\u{1b}') && out.contains("/\\u{1b}[2J"), "{out:?}");
}

#[test]
fn what_cannot_be_used_is_one_line_that_says_what_to_do() {
    for (arguments, expected) in [
        (&["none.har"][..], "cannot open recording `none.har`: "),
        (&["policies"], "cannot open recording `policies`: "),
        (&["labels.json"], "`labels.json` is not a recording I know: "),
        (&["day.ndjson", "--labels", "none.json"], "cannot read the labels `none.json`: "),
        (&["day.ndjson", "--labels", "day.ndjson"], "`day.ndjson` is not a manifest of labels: "),
        (
            &["day.ndjson", "--labels", "labels.json", "--scenario", "dya"],
            "`labels.json` has no scenario `dya`; did you mean `day`?",
        ),
        (
            &["day.ndjson", "--labels", "labels.json", "--scenario", "other"],
            "day.ndjson, line 1 is `GET /v1/products?page=1`, but its label is for `PUT /v1/products/1`: ",
        ),
        (&["day.ndjson", "--now", "noon"], "invalid value `noon` for `--now <TIME>`: it is not RFC 3339"),
    ] {
        assert_could_not_run(&replay(arguments), expected);
    }
}

#[test]
fn the_filter_is_found_beside_the_program_or_it_says_how_to_build_it() {
    // A copy of the program, far from every target directory.
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("ambit");
    fs::copy(command().get_program(), &program).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let [day, policies] = ["day.ndjson", "policies"].map(|name| price_agent().join(name));
    let run_copy = || {
        let mut copy = Command::new(&program);
        copy.current_dir(elsewhere.path()).env_remove("AMBIT_WASM");
        let (code, _, err) = run(copy.arg("replay").arg(&day).arg("--policies").arg(&policies));
        assert_eq!(code, 1);
        err
    };
    let err = run_copy();
    for text in ["there is no filter", "run `cargo xtask wasm`", "no `envoy_filter.wasm` or `ambit.wasm` beside it"] {
        assert!(err.contains(text), "{err}");
    }
    assert_eq!(err.lines().count(), 1);

    // Beside the program it is found, by either name.
    for name in ["ambit.wasm", "envoy_filter.wasm"] {
        let beside = directory.path().join(name);
        fs::write(&beside, "no module").unwrap();
        let err = run_copy();
        assert!(err.contains(&format!("{name}` is not a wasm module")), "{err}");
    }
}

/// Named by an option or by the environment.
#[test]
fn a_file_that_is_no_filter_is_told() {
    for (file, expected) in [("none.wasm", "cannot read the filter"), ("labels.json", "is not a wasm module")] {
        let (code, out, err) = ambit(&["replay", "day.ndjson", "--policies", "policies", "--wasm", file]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains(expected) && err.contains("run `cargo xtask wasm`"), "{err}");
        let mut named = command();
        named.current_dir(price_agent()).env("AMBIT_WASM", file);
        assert_eq!(run(named.args(["replay", "day.ndjson", "--policies", "policies"])).2, err);
    }
}

#[test]
fn invalid_policies_are_exit_code_3() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("gateway.json"), "{\"ambit\": \"gateway-v1\"}").unwrap();
    fs::write(directory.path().join("agent-policy-20261120-a.json"), "{}").unwrap();
    let policies = directory.path().to_str().unwrap();
    let (code, out, err) = ambit(&["replay", "day.ndjson", "--policies", policies, "--engine", "native"]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("error: the policies are not valid: "), "{err}");
}
