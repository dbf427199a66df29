//! PostgREST: tables are a filter of the scope; a write says in its query which rows it means (A3, A4, A6, A18).

mod support;

use support::pages::tables;
use support::{check, check_all, json, judge, request};

/// A18: an agent writes its own table and reads what it may.
#[test]
fn a_table_is_a_filter_of_the_scope() {
    let set = tables(
        r#"{ "permit": [{ "id": "r", "scope": "db:rows.read[table=topics|scripts]" },
                        { "id": "i", "scope": "db:rows.insert[table=topics]", "fields": { "only": ["title"] } }] }"#,
    );
    check_all(
        &set,
        &[
            (request("GET /rest/v1/topics?select=id,title&or=(a.eq.1,b.gt.2)&order=id"), "allow r"),
            (request("HEAD /rest/v1/scripts"), "allow r"),
            (request("GET /rest/v1/users"), "deny: scope_filter"),
            (request("GET /rest/v1/Topics"), "deny: scope_filter"),
            (json("POST /rest/v1/topics", r#"{"title":"x"}"#), "allow i"),
            (json("POST /rest/v1/scripts", r#"{"title":"x"}"#), "deny: scope_filter"),
            (json("POST /rest/v1/topics", r#"{"title":"x","owner":"me"}"#), "deny i: field_not_allowed /owner"),
            (json("PATCH /rest/v1/topics?id=eq.1", r#"{"title":"x"}"#), "deny: endpoint_not_allowed"),
            (request("DELETE /rest/v1/topics?id=eq.1"), "deny: endpoint_not_allowed"),
            (request("GET /rest/v1/rpc/topics"), "deny: endpoint_not_allowed"),
            (request("GET /rest/v1/topics/1"), "deny: endpoint_not_allowed"),
            (request("GET /rest/v1/topics?apikey=x"), "deny r: param_shadow"),
            (request("GET /rest/v1/topics").header("accept-profile", "secret"), "deny r: header_not_allowed"),
        ],
    );
}

/// A6: every element of an inserted array is a row.
#[test]
fn inserted_rows_are_judged_each() {
    let set = tables(
        r#"{ "permit": [{ "id": "i", "scope": "db:rows.insert[table=notes]",
             "fields": { "only": ["note", "product"], "require": ["note"] },
             "limits": [{ "count": "rows", "max": 2 }, { "field": "note", "length": { "max": 5 } }] }] }"#,
    );
    let post = |body: &str| json("POST /rest/v1/notes", body);
    check_all(
        &set,
        &[
            (post(r#"{"note":"a"}"#), "allow i"),
            (post(r#"[{"note":"a"},{"note":"b","product":1}]"#), "allow i"),
            (post(r#"[{"note":"a"},{"note":"b"},{"note":"c"}]"#), "deny i: batch_limit"),
            (post(r#"[{"note":"a"},{"note":"toolong"}]"#), "deny i: value_format /1/note"),
            (post(r#"[{"note":"a"},{"product":1}]"#), "deny i: missing_required"),
            (post(r#"[{"note":"a","id":1}]"#), "deny i: field_not_allowed /0/id"),
            (post("[]"), "deny: batch_shape"),
        ],
    );
    for body in ["[1]", "[[{\"note\":\"a\"}]]", "[{\"note\":\"a\"},null]", "1", "null", "\"x\""] {
        check(&set, &post(body), "deny: batch_shape");
    }
}

/// A6: an insert that would overwrite is an upsert, by any of the ways PostgREST knows.
#[test]
fn an_upsert_is_no_insert() {
    let set = tables(
        r#"{ "permit": [{ "id": "i", "scope": "db:rows.insert[table=notes]", "fields": "any",
             "query": { "only": ["columns", "on_conflict"] }, "headers": { "allow": ["prefer"] } }] }"#,
    );
    let post = |line: &str| json(line, r#"{"note":"a"}"#);
    check(&set, &post("POST /rest/v1/notes"), "allow i");
    check(&set, &post("POST /rest/v1/notes").header("prefer", "return=minimal"), "allow i");
    let no = "deny: endpoint_not_allowed";
    check(&set, &post("POST /rest/v1/notes?on_conflict=id"), no);
    check(&set, &post("POST /rest/v1/notes?on%5Fconflict=id"), no);
    check(&set, &post("POST /rest/v1/notes").header("prefer", "resolution=merge-duplicates"), no);
    check(&set, &post("POST /rest/v1/notes").header("Prefer", "return=minimal, Resolution=ignore-duplicates"), no);
    let two = post("POST /rest/v1/notes").header("prefer", "return=minimal").header("prefer", "resolution=x");
    check(&set, &two, no);
    check(&set, &post("POST /rest/v1/notes").header("prefer", b"\xffresolution=x"), no);
    check(&set, &post("PUT /rest/v1/notes?id=eq.1"), no);
}

/// A6: a write whose rows are not named by one filter on the key has a row count that nobody knows.
#[test]
fn rows_of_an_update_are_named_by_the_key() {
    let set = tables(
        r#"{ "permit": [{ "id": "u", "scope": "db:rows.update[table=products]", "fields": { "only": ["price"] },
             "query": { "only": ["id", "select", "price", "or", "limit", "columns"] }, "limits": [{ "count": "rows", "max": 2 }] }] }"#,
    );
    let patch = |query: &str| json(&format!("PATCH /rest/v1/products{query}"), r#"{"price":1}"#);
    for query in
        ["?id=eq.42", "?id=eq.42&select=id", "?id=in.(1,2)", "?id=eq.a-b_c", "?%69d=eq.42", "?id=eq.42&limit=9"]
    {
        check(&set, &patch(query), "allow u");
    }
    for query in [
        "",
        "?select=id",
        "?id=gt.0",
        "?id=neq.0",
        "?id=not.eq.0",
        "?id=like.*",
        "?id=eq.",
        "?id=eq.1,2",
        "?id=eq.1)",
        "?id=EQ.1",
        "?id=in.(1,2",
        "?id=in.(1,,2)",
        "?id=in.()",
        "?price=eq.1",
        "?id=eq.1&price=gt.0",
        "?id=eq.1&or=(id.gt.0)",
        "?id=in.(1,2,3)",
    ] {
        check(&set, &patch(query), "deny u: batch_limit");
    }
    check(&set, &patch("?id=in.(1,1)"), "deny: duplicate_target");
    assert!(!judge(&set, &patch("?id=eq.1&id=eq.2")).forward);
    check(&set, &patch("?Id=eq.1"), "deny u: param_shadow, batch_limit");
}

/// A4, A5: one row, some columns, bounded values.
#[test]
fn an_update_is_held_to_one_row_and_listed_columns() {
    let set = tables(
        r#"{ "permit": [{ "id": "u", "scope": "db:rows.update[table=products]",
             "query": { "only": ["id", "select"], "require": ["id"] }, "fields": { "only": ["stock"], "require": ["stock"] },
             "limits": [{ "field": "query.id", "pattern": "eq\\.[1-9][0-9]{0,19}" }, { "field": "stock", "format": "integer", "min": 0, "max": 10000 }] }] }"#,
    );
    let patch = |query: &str, body: &str| json(&format!("PATCH /rest/v1/products{query}"), body);
    check_all(
        &set,
        &[
            (patch("?id=eq.42&select=id", r#"{"stock":10000}"#), "allow u"),
            (patch("", r#"{"stock":1}"#), "deny u: missing_required"),
            (patch("?id=eq.042", r#"{"stock":1}"#), "deny u: value_format"),
            (patch("?id=gt.0", r#"{"stock":1}"#), "deny u: value_format"),
            (patch("?id=eq.1&id=eq.2", r#"{"stock":1}"#), "deny u: param_shadow, param_shadow"),
            (patch("?id=eq.1&stock=gt.0", r#"{"stock":1}"#), "deny u: param_shadow"),
            (patch("?id=eq.1", r#"{"stock":-1}"#), "deny u: envelope_exceeded /stock"),
            (patch("?id=eq.1", r#"{"stock":1,"id":2}"#), "deny u: field_not_allowed /id"),
            (patch("?id=eq.1", r#"[{"stock":1}]"#), "deny: batch_shape"),
            (patch("?id=eq.1", "1"), "deny: batch_shape"),
            (patch("?id=eq.1", "null"), "deny: batch_shape"),
        ],
    );
}

/// A3: a table that a select embeds is looked at like the one in the path; an aggregate is none.
#[test]
fn embedded_tables_are_looked_at() {
    let page = |loosen: &str| {
        tables(&format!(
            r#"{{ "apis": {{ "db": {{ "loosen": {{ {loosen} }} }} }}, "permit": [{{ "id": "r", "scope": "db:rows.read[table=topics|owners]" }}] }}"#
        ))
    };
    let get = |query: &str| request(&format!("GET /rest/v1/topics?{query}"));
    let (set, any) = (page(""), page(r#""embedding": "any""#));
    for query in [
        "select=id,owners(name)",
        "select=id,by:owners!inner(name)",
        "select=...owners(name)",
        "select=owners(name,topics(id))",
        "select=count()",
        "select=total.sum(),count()",
        "select=id,most:total.max()",
    ] {
        check(&set, &get(query), "allow r");
    }
    for query in [
        "select=id,users(*)",
        "select=*,owner:users!inner(email)",
        "select=id,...users(email)",
        "select=id,...secrets(*)",
        "select=owners(name,secrets(*))",
        "select=owners:secrets(name)",
        "select=id,%75sers(*)",
        "select=count(),users(*)",
        "select=\"users\"(*)",
        "select=secrets!owners(*)",
        "select=sum()",
        "select=...count()",
        "select=topics(*",
        "select=\"topics(*)",
    ] {
        check(&set, &get(query), "deny: scope_filter");
        check(&any, &get(query), "allow r");
    }
    assert!(!judge(&any, &request("GET /rest/v1/users?select=topics(id)")).forward);
}

/// A3: a forbid on a table holds for what embeds it, however the page is loosened.
#[test]
fn a_forbidden_table_is_not_embedded() {
    let set = tables(
        r#"{ "apis": { "db": { "loosen": { "embedding": "any" } } }, "permit": [{ "id": "r", "scope": "db:rows.read" }],
             "forbid": [{ "id": "f", "scope": "db:rows.read[table=secrets]" }] }"#,
    );
    check(&set, &request("GET /rest/v1/topics?select=id,users(*)"), "allow r");
    for query in ["select=secrets(*)", "select=id,users(a:secrets!inner(x))", "select=...secrets(*)"] {
        check(&set, &request(&format!("GET /rest/v1/topics?{query}")), "deny f: forbidden");
    }
}

/// A3: a quoted name is read as PostgREST reads it, as a table, an alias or a JSON key.
#[test]
fn quoted_names_are_read() {
    let forbid = tables(
        r#"{ "permit": [{ "id": "r", "scope": "db:rows.read", "query": { "only": ["id", "select"] } },
                        { "id": "u", "scope": "db:rows.update", "query": { "only": ["id", "select"] }, "fields": "any" },
                        { "id": "i", "scope": "db:rows.insert", "query": { "only": ["id", "select"] }, "fields": "any" }],
             "forbid": [{ "id": "f", "scope": "db:rows.*[table=users|other-names]" }] }"#,
    );
    let permit = tables(
        r#"{ "permit": [{ "id": "r", "scope": "db:rows.read[table=topics|owners|a b]", "query": { "only": ["id", "select"] } }] }"#,
    );
    for select in [
        r#""users"(*)"#,
        r#""id",users(*)"#,
        r#"x:"users"(*)"#,
        r#""x":"users"(*)"#,
        r#""x":users(*)"#,
        r#"..."users"(*)"#,
        r#"owners("users"(*))"#,
        r#""owners"("users"(*))"#,
        r#"a->>"x",users(*)"#,
        r#"a->>"x,y(",users(*)"#,
        r#"a->"b"->>"c"::text,users(*)"#,
        r#""users"!"fk"!inner(*)"#,
        r#" users (*)"#,
        r#"id, users(*)"#,
        r#"other - names(*)"#,
        // Not understood: versions differ, or nobody reads it.
        r#""us\ers"(*)"#,
        r#""a\"",users(*)"#,
        r#""owners"x(*)"#,
        r#"x"owners"(*)"#,
        r#"owners(*)"x""#,
        r#"owners(*)(*)"#,
        r#"owners(*))"#,
        r#"owners(*"#,
        r#""owners(*)"#,
        r#"a.owners(*)"#,
        r#"a::owners(*)"#,
        r#"a:b:owners(*)"#,
        r#"(*)"#,
        r#"*(*)"#,
    ] {
        let encoded = select.replace('"', "%22").replace(' ', "%20").replace('\\', "%5C").replace('>', "%3E");
        let line = |method: &str, table: &str| format!("{method} /rest/v1/{table}?id=eq.1&select={encoded}");
        check(&forbid, &request(&line("GET", "topics")), "deny f: forbidden");
        check(&forbid, &json(&line("PATCH", "topics"), r#"{"a":1}"#), "deny f: forbidden");
        check(&forbid, &json(&line("POST", "topics"), r#"{"a":1}"#), "deny f: forbidden");
        check(&permit, &request(&line("GET", "topics")), "deny: scope_filter");
    }
    for select in [
        r#""owners"(*)"#,
        r#""users":owners(*)"#,
        r#""id","owners"("id","topics"(*))"#,
        r#"a->>"users(*)",owners(id)"#,
        r#""users(*)",owners(id)"#,
        r#"a->>"x".sum(),count()::int,owners(id)"#,
        r#"n:count(),owners!inner(id),..."owners"!left(id)"#,
        r#""a b"(*),a b(*)"#,
        r#""users"#,
    ] {
        let encoded = select.replace('"', "%22").replace(' ', "%20").replace('>', "%3E");
        let get = request(&format!("GET /rest/v1/topics?select={encoded}"));
        check(&forbid, &get, "allow r");
        check(&permit, &get, "allow r");
    }
}

/// A3, H1: the refusal names the table that is embedded, or says that it cannot be known.
#[test]
fn the_embedded_table_is_the_reason() {
    let permit = tables(r#"{ "permit": [{ "id": "r", "scope": "db:rows.read[table=topics]" }] }"#);
    let forbid = tables(
        r#"{ "permit": [{ "id": "r", "scope": "db:rows.read" }],
             "forbid": [{ "id": "f", "scope": "db:rows.read[table=users]" }] }"#,
    );
    let message = |set, line: &str| judge(set, &request(line)).reasons[0].message.clone();
    let only = "`db:rows.read` is permitted only for other resources:";
    assert_eq!(
        message(&permit, "GET /rest/v1/topics?select=id,users(*)"),
        format!("{only} `select` embeds `users`, which the filter does not list")
    );
    assert_eq!(
        message(&permit, "GET /rest/v1/topics?select=topics(*"),
        format!("{only} the tables that `select` embeds cannot be read")
    );
    assert_eq!(
        message(&permit, "GET /rest/v1/users?select=orders(*)"),
        format!("{only} the filter of the rule does not match")
    );
    assert_eq!(message(&forbid, "GET /rest/v1/topics?select=users(*)"), "the rule `f` forbids this");
    assert_eq!(
        message(&forbid, "GET /rest/v1/topics?select=topics(*"),
        "the rule `f` forbids this: `table` could be any: the tables that `select` embeds cannot be read"
    );
}
