//! Requests that hold SQL: each is what its SQL does, judged by the rules for that.

mod support;

use std::sync::Arc;

use policy_core::PolicySet;
use policy_core::compile::{Source, SourceKind};
use support::catalogs::{MCP, POSTGREST};
use support::pages::{tables_page, tools, tools_sources};
use support::{Request, check, check_all, diagnose, json, judge, policy, request, source};

/// PostgREST with a function that runs SQL, as an extension of the plain catalog.
const EXEC_SQL: &str = r#"{
  "catalog": "exec-sql",
  "extends": "postgrest",
  "sql": { "write_functions": ["exec_sql", "billing.*"] },
  "resources": {
    "exec_sql": {
      "fields": { "query": { "at": "/query", "type": "string" } },
      "actions": { "run": { "endpoints": ["POST /rpc/exec_sql"], "effect": "door", "inner": { "query": "sql" } } }
    },
    "sql": {
      "fields": { "query": { "at": "/query", "type": "string" } },
      "actions": { "select": { "effect": "read" }, "write": { "effect": "door" } }
    }
  }
}"#;

const SELECT: &str =
    r#"{ "id": "select", "scope": "db:sql.select", "fields": { "only": ["query"], "require": ["query"] } }"#;

fn sources(catalog: &str, rules: &str) -> Vec<Source> {
    let page = tables_page(&format!(r#"{{ "apis": {{ "db": {{ "catalog": "exec-sql" }} }}, {rules} }}"#));
    vec![
        source(SourceKind::Gateway, support::pages::GATEWAY),
        source(SourceKind::Catalog, POSTGREST),
        source(SourceKind::Catalog, catalog),
        source(SourceKind::Template, page),
    ]
}

fn set(rules: &str) -> Arc<PolicySet> {
    policy(&sources(EXEC_SQL, rules))
}

fn exec(sql: &str) -> Request {
    let body = serde_json::json!({ "query": sql }).to_string();
    json("POST /rest/v1/rpc/exec_sql", &body)
}

/// A1, B1: a function that runs SQL is a read where its SQL reads, and nothing else.
#[test]
fn a_request_is_what_its_sql_does() {
    let set = set(&format!(r#""permit": [{SELECT}, {{ "id": "read", "endpoint": "db:GET /{{any:path}}" }}]"#));
    check_all(
        &set,
        &[
            (exec("SELECT count(*) FROM public.orders WHERE status = 'paid'"), "allow select"),
            (exec("EXPLAIN SELECT * FROM deployments WHERE service = 'DROP TABLE x'"), "allow select"),
            (exec("SELECT $$DELETE$$, E'\\n' -- PostgREST speaks to PostgreSQL alone"), "allow select"),
            (exec("DROP TABLE public.backups"), "deny: endpoint_not_allowed"),
            (exec("SELECT 1; DROP TABLE t"), "deny: endpoint_not_allowed"),
            (exec("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d"), "deny: endpoint_not_allowed"),
            (exec("SELECT exec_sql('DROP TABLE t')"), "deny: endpoint_not_allowed"),
            (exec("SELECT billing.charge(5)"), "deny: endpoint_not_allowed"),
            (exec("SELECT other.charge(5)"), "deny: endpoint_not_allowed"),
            (exec("SELECT public.charge(5)"), "allow select"),
            (exec(""), "deny: endpoint_not_allowed"),
            // What is no text, or not there, writes.
            (json("POST /rest/v1/rpc/exec_sql", r#"{"query":["SELECT 1"]}"#), "deny: endpoint_not_allowed"),
            (json("POST /rest/v1/rpc/exec_sql", r#"{"sql":"SELECT 1"}"#), "deny: endpoint_not_allowed"),
            (json("POST /rest/v1/rpc/exec_sql", "{}"), "deny: endpoint_not_allowed"),
            (request("POST /rest/v1/rpc/exec_sql"), "deny: endpoint_not_allowed"),
            // A list calls the function once an element: one that writes is enough.
            (json("POST /rest/v1/rpc/exec_sql", r#"[{"query":"SELECT 1"},{"query":"SELECT 2"}]"#), "allow select"),
            (
                json("POST /rest/v1/rpc/exec_sql", r#"[{"query":"SELECT 1"},{"query":"DROP TABLE t"}]"#),
                "deny: endpoint_not_allowed",
            ),
            // A body that is not read says so, not that it holds no SQL.
            (exec("SELECT 1").set("content-type", Some("text/plain")), "deny: content_type"),
            (exec("SELECT 1").set("content-type", None), "deny: content_type"),
            (exec("SELECT 1").set("content-type", Some("application/json; charset=utf-16")), "deny: charset"),
            (exec("SELECT 1").header("content-encoding", "gzip"), "deny: content_encoding"),
            // The rules for a select judge the whole request.
            (
                json("POST /rest/v1/rpc/exec_sql", r#"{"query":"SELECT 1","params":[]}"#),
                "deny select: field_not_allowed /params",
            ),
            (exec("SELECT 1").header("content-profile", "private"), "deny select: header_not_allowed"),
            (exec("SELECT 1").set(":path", Some("/rest/v1/rpc/exec_sql?apikey=x")), "deny select: param_shadow"),
            // Other functions are no SQL.
            (json("POST /rest/v1/rpc/other", r#"{"query":"SELECT 1"}"#), "deny: endpoint_not_allowed"),
        ],
    );
}

/// What writes can be granted, held and forbidden like any other action; a forbid on the function holds for its SQL.
#[test]
fn writes_have_rules_of_their_own() {
    let write = r#"{ "id": "write", "scope": "db:sql.write", "fields": { "only": ["query"] }, "approval": "manager" }"#;
    let held = set(&format!(r#""permit": [{SELECT}, {write}]"#));
    check(&held, &exec("SELECT 1"), "allow select");
    check(&held, &exec("UPDATE t SET a = 1"), "approval_required write: approval_required");
    let both = json("POST /rest/v1/rpc/exec_sql", r#"[{"query":"SELECT 1"},{"query":"UPDATE t SET a = 1"}]"#);
    check(&held, &both, "approval_required write: approval_required");

    let forbid = r#"{ "id": "no", "scope": "db:exec_sql.*" }"#;
    let forbidden = set(&format!(r#""permit": [{SELECT}], "forbid": [{forbid}]"#));
    check(&forbidden, &exec("SELECT 1"), "deny no: forbidden");
    let forbid =
        r#"{ "id": "salaries", "scope": "db:sql.select", "when": [{ "field": "query", "pattern": "(?i).*salar.*" }] }"#;
    let forbidden = policy(&sources(EXEC_SQL, &format!(r#""permit": [{SELECT}], "forbid": [{forbid}]"#)));
    check(&forbidden, &exec("SELECT name FROM salaries"), "deny salaries: forbidden");
    check(&forbidden, &exec("SELECT name FROM people"), "allow select");
}

/// The agent is told what of its SQL made it a write.
#[test]
fn refusals_say_why_it_is_a_write() {
    let set = set(&format!(r#""permit": [{SELECT}]"#));
    let said = |request: &Request| judge(&set, request).reasons[0].message.clone();
    assert_eq!(
        said(&exec("SELECT 1; DROP TABLE t")),
        "no rule of this page permits `db:sql.write`; the SQL counts as a write: there is more than one statement; \
         send one at a time"
    );
    assert_eq!(
        said(&json("POST /rest/v1/rpc/exec_sql", "{}")),
        "no rule of this page permits `db:sql.write`; there is no SQL where it should be, which counts as a write"
    );
}

/// Where the database is not known, a text that dialects read differently writes.
#[test]
fn the_dialect_is_the_catalogs() {
    let call = |sql: &str| {
        let body = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "run_sql", "arguments": { "query": sql } } });
        json("POST /mcp", &body.to_string())
    };
    let rules = r#"{ "permit": [{ "id": "select", "scope": "srv:sql.select" }] }"#;
    let any = tools(rules);
    check(&any, &call("SELECT count(*) FROM orders"), "allow select");
    check(&any, &call("SELECT $$a$$"), "deny: endpoint_not_allowed");
    check(&any, &call("DROP TABLE customers"), "deny: endpoint_not_allowed");
    let mut sources = tools_sources(rules);
    let known = MCP.replacen(r#""decoder""#, r#""sql": { "dialect": "postgresql" }, "decoder""#, 1);
    sources[1] = source(SourceKind::Catalog, known);
    check(&policy(&sources), &call("SELECT $$a$$"), "allow select");
}

#[test]
fn what_a_catalog_says_of_sql_is_looked_at() {
    let permit = format!(r#""permit": [{SELECT}]"#);
    let expect = |from: &str, to: &str, message: &[&str]| {
        diagnose(&sources(&EXEC_SQL.replacen(from, to, 1), &permit), message);
    };
    expect(
        "\"billing.*\"",
        "\"billing.\"",
        &[r#"`billing.` is not `name`, `schema.name` or the beginning of one with `*` | "billing.""#],
    );
    expect(
        "\"exec_sql\", ",
        "\"a*b\", ",
        &[r#"`a*b` is not `name`, `schema.name` or the beginning of one with `*` | "a*b""#],
    );
    expect(
        r#""sql": {"#,
        r#""sql": { "read_functions": ["auth.", "a"],"#,
        &[r#"`auth.` is not `name`, `schema.name` or the beginning of one with `*` | "auth.""#],
    );
    expect(
        r#""sql": {"#,
        r#""sql": { "read_functions": ["Billing.*"],"#,
        &[r#"`Billing.*` stands in `write_functions` too: it writes, or it reads | "Billing.*""#],
    );
    // An extension adds functions to its base's, and keeps its dialect.
    let base = POSTGREST.replacen(
        r#""base""#,
        r#""sql": { "dialect": "postgresql", "write_functions": ["audit"], "read_functions": ["auth.*"] }, "base""#,
        1,
    );
    let mut all = sources(EXEC_SQL, &permit);
    all[1] = source(SourceKind::Catalog, base);
    let set = policy(&all);
    check(&set, &exec("SELECT audit()"), "deny: endpoint_not_allowed");
    check(&set, &exec("SELECT auth.uid()"), "allow select");
    check(&set, &exec("SELECT billing.charge()"), "deny: endpoint_not_allowed");
    let other = EXEC_SQL.replacen(r#""sql": {"#, r#""sql": { "dialect": "any","#, 1);
    all[2] = source(SourceKind::Catalog, other);
    diagnose(&all, &[r#"an extension keeps the dialect of its base | "any""#]);
}
