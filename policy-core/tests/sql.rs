//! SQL in a request: what only reads is told from what writes, and everything in doubt is a write. The statements are data:
//! `data/sql_selects.ndjson` and `data/sql_writes.ndjson`, one a line.
#![allow(unreachable_pub, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../../fuzz/entry/sql_oracle.rs"]
mod sql_oracle;

use std::collections::BTreeMap;

use policy_core::decode::sql::{Dialect, Sql, Why, read_sql};
use policy_core::limits::SQL_BYTES;
use policy_core::policy::SqlReading;
use proptest::prelude::*;
use serde_json::Value;

const BOTH: [Dialect; 2] = [Dialect::Any, Dialect::Postgresql];

/// A line of a data file: a statement, and the dialects it is about.
struct Case {
    sql: String,
    why: String,
    dialects: Vec<Dialect>,
}

fn cases(data: &str) -> Vec<Case> {
    let case = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_string();
        let dialects = match line["only"].as_str() {
            None => BOTH.to_vec(),
            Some("any") => vec![Dialect::Any],
            Some("postgresql") => vec![Dialect::Postgresql],
            Some(other) => panic!("no dialect: {other}"),
        };
        Case { sql: text("sql"), why: text("why"), dialects }
    };
    data.lines().map(case).collect()
}

fn selects() -> Vec<Case> {
    cases(include_str!("data/sql_selects.ndjson"))
}

fn writes() -> Vec<Case> {
    cases(include_str!("data/sql_writes.ndjson"))
}

fn read(sql: &str, dialect: Dialect) -> Sql {
    read_sql(sql, &SqlReading { dialect, ..SqlReading::default() })
}

/// The rule that refused, as the data files name it.
fn rule(why: &Why) -> &'static str {
    match why {
        Why::Statement(_) => "statement",
        Why::SeveralStatements => "several",
        Why::Into => "into",
        Why::Locks => "locks",
        Why::Function(_) | Why::OpenFunction(_) | Why::FunctionName(_) => "function",
        Why::TwoReadings(_) => "two_readings",
        Why::Unterminated => "unterminated",
        Why::NotUnderstood(_) => "not_understood",
        _ => "other",
    }
}

/// A1: a write in the dress of a read is a write, by the rule that is meant for it.
#[test]
fn writes_are_writes() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in writes() {
        for dialect in &case.dialects {
            match read(&case.sql, *dialect) {
                Sql::Select => panic!("taken for a select ({dialect:?}): {:?}", case.sql),
                // Readers that know less of a text refuse it sooner.
                Sql::Write(why) if *dialect == Dialect::Any => assert!(!why.to_string().is_empty()),
                Sql::Write(why) => assert_eq!(rule(&why), case.why, "{dialect:?}: {:?}: {why}", case.sql),
            }
        }
        // What only one dialect refuses, another takes: the line says something of the dialect.
        if case.dialects == [Dialect::Any] {
            assert!(
                matches!(read(&case.sql, Dialect::Any), Sql::Write(why) if rule(&why) == case.why),
                "{:?}",
                case.sql
            );
        }
        *seen.entry(case.why).or_default() += 1;
    }
    assert!(seen.values().sum::<usize>() >= 60 && seen.len() == 8, "{seen:?}");
}

/// Words in strings, quoted names and comments are no statements.
#[test]
fn selects_are_selects() {
    let cases = selects();
    assert!(cases.len() >= 40);
    for case in cases {
        for dialect in case.dialects {
            assert_eq!(read(&case.sql, dialect), Sql::Select, "{dialect:?}: {:?}", case.sql);
        }
    }
}

/// Knowing the database takes rules away, never adds one.
#[test]
fn what_reads_in_every_dialect_reads_in_each() {
    for case in selects().iter().chain(&writes()) {
        if read(&case.sql, Dialect::Any) == Sql::Select {
            assert_eq!(read(&case.sql, Dialect::Postgresql), Sql::Select, "{:?}", case.sql);
        }
    }
    let only = |case: &&Case| case.dialects == [Dialect::Postgresql];
    for case in selects().iter().filter(only) {
        assert_ne!(read(&case.sql, Dialect::Any), Sql::Select, "the data file says more than is so: {:?}", case.sql);
    }
}

#[test]
fn functions_of_a_database_are_named_by_its_catalog() {
    let denied = ["purge_orders", "billing.*", "rebuild*"].map(String::from);
    let catalog =
        SqlReading { dialect: Dialect::Postgresql, write_functions: denied.to_vec(), ..SqlReading::default() };
    let reads = |sql: &str| read_sql(sql, &catalog) == Sql::Select;
    for sql in [
        "SELECT purge_orders(5)",
        "SELECT app.\"purge_orders\"()",
        "SELECT BILLING.charge(5)",
        "SELECT rebuild_index()",
        // A function of a row, called without parentheses.
        "SELECT o.purge_orders FROM orders o",
        "SELECT (o).rebuilds FROM orders o",
    ] {
        assert!(!reads(sql), "{sql}");
    }
    for sql in [
        "SELECT orders_purged(5)",
        "SELECT charge(5)",
        "SELECT purge_orders FROM t",
        "SELECT billing.total FROM billing",
    ] {
        assert!(reads(sql), "{sql}");
    }
}

/// A function that the catalog lists with its schema writes without it too: a `search_path` may name the schema.
#[test]
fn listed_functions_are_found_without_their_schema() {
    let writes = |sql: &str, dialect| {
        let write_functions = ["billing.settle", "billing.own_*", "audit.*"].map(String::from).to_vec();
        read_sql(sql, &SqlReading { dialect, write_functions, ..SqlReading::default() }) != Sql::Select
    };
    for dialect in BOTH {
        for sql in ["SELECT settle(1)", "SELECT billing.settle(1)", "SELECT \"OWN_x\"(1)", "SELECT t.settle FROM t"] {
            assert!(writes(sql, dialect), "{dialect:?}: {sql}");
        }
        for sql in ["SELECT settled(1)", "SELECT public.settle(1)", "SELECT total(1)", "SELECT 1 AS settle"] {
            assert!(!writes(sql, dialect), "{dialect:?}: {sql}");
        }
    }
    // Oracle calls functions without arguments by their name alone.
    for sql in ["SELECT settle FROM dual", "SELECT audit.x FROM dual", "SELECT a FROM t WHERE own_rate > 1"] {
        assert!(writes(sql, Dialect::Any) && !writes(sql, Dialect::Postgresql), "{sql}");
    }
}

/// Functions of schemas that are not every database's, and those named by a verb, read where the catalog says so.
#[test]
fn a_catalog_lists_functions_that_read() {
    let read_functions = ["auth.*", "geo.distance_*", "run_rate", "public.send_count", "dblink", "pg_catalog.*"];
    let read_functions = read_functions.map(String::from).to_vec();
    let write_functions = vec!["auth.purge_all".to_string()];
    let catalog = SqlReading { write_functions, read_functions, ..SqlReading::default() };
    let reads = |sql: &str| read_sql(sql, &catalog) == Sql::Select;
    for sql in [
        "SELECT auth.uid(), AUTH.set_up(1)",
        "SELECT geo.distance_of(a, b) FROM t",
        "SELECT run_rate(), public.run_rate()",
        "SELECT public.send_count()",
        "SELECT * FROM auth.users_of(1)",
    ] {
        assert!(reads(sql), "{sql}");
    }
    for sql in [
        "SELECT auth.purge_all()",
        "SELECT purge_all()",
        "SELECT geo.area(a) FROM t",
        "SELECT x.auth.uid()",
        "SELECT billing.run_rate()",
        "SELECT send_count()",
        // What is known of every database stays a write.
        "SELECT dblink('x', 'y')",
        "SELECT pg_catalog.pg_terminate_backend(1)",
        "SELECT auth.úid()",
    ] {
        assert!(!reads(sql), "{sql}");
    }
}

/// Every text is read within bounds: length and nesting.
#[test]
fn long_and_deep_texts_are_refused() {
    let long = format!("SELECT '{}'", "x".repeat(SQL_BYTES));
    assert_eq!(read(&long, Dialect::Any), Sql::Write(Why::TooLong));
    let full = format!("SELECT '{}'", "x".repeat(SQL_BYTES - 9));
    assert_eq!((full.len(), read(&full, Dialect::Any)), (SQL_BYTES, Sql::Select));

    let levels = SQL_BYTES / 2 - 64;
    for (open, close) in
        [("(", ")"), ("(SELECT ", ")"), ("f(", ")"), ("CASE WHEN ", " END"), ("ARRAY[", "]"), ("NOT ", "")]
    {
        let deep = |levels: usize| format!("SELECT {}1{}", open.repeat(levels), close.repeat(levels));
        let refused = read(&deep((levels / (open.len() + close.len())) * 2), Dialect::Postgresql);
        assert!(refused == Sql::Write(Why::TooDeep) || open == "NOT ", "{open}: {refused:?}");
    }
    for (open, close) in [("(SELECT * FROM ", ") x"), ("(", " JOIN b ON true)")] {
        let levels = SQL_BYTES / 32;
        let deep = format!("SELECT * FROM {}a{}", open.repeat(levels), close.repeat(levels));
        assert_eq!(read(&deep, Dialect::Any), Sql::Write(Why::TooDeep), "{open}");
    }
    // What people write is nowhere near: a dozen queries within each other, a long list of conditions.
    let nested = format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(12), ") x".repeat(12));
    assert_eq!(read(&nested, Dialect::Any), Sql::Select);
    let flat = format!("SELECT * FROM t WHERE a = 1{}", " OR a = 1".repeat(5_000));
    assert_eq!(read(&flat, Dialect::Any), Sql::Select);
}

/// The message says what is wrong, on one line and in bounded text, whatever stands in the SQL.
#[test]
fn reasons_are_sentences() {
    let said = |sql: &str| match read(sql, Dialect::Postgresql) {
        Sql::Write(why) => why.to_string(),
        Sql::Select => panic!("{sql}"),
    };
    assert_eq!(said("DROP TABLE t"), "`DROP` does not begin a SELECT, VALUES, TABLE, WITH or EXPLAIN");
    assert_eq!(said("SELECT nextval('s')"), "the function `nextval` does more than to answer");
    assert_eq!(
        said("SELECT app.delete_all()"),
        "the function `app.delete_all` may do more than to answer; if not, the catalog lists it in `read_functions`"
    );
    assert_eq!(
        said("SELECT chárge(1)"),
        "the function `ch\\u{e1}rge` may be another one: databases compare such names differently"
    );
    assert_eq!(said("SELECT 1 UNION"), "it ends too early");
    let strange = said(&format!("SELECT 1 = = \"\n\u{1b}[31m{}\" x y z", "w".repeat(500)));
    assert!(!strange.contains(['\n', '\u{1b}']) && strange.chars().count() < 200, "{strange}");
}

/// Pieces that begin and end strings, comments, queries and writes.
const PIECES: [&str; 48] = [
    "'",
    "''",
    "\\'",
    "\\",
    "$$",
    "$a$",
    "/*",
    "*/",
    "/*!",
    "--",
    "-- ",
    "\n",
    "\r",
    "\"",
    "E'",
    "U&'",
    "N'",
    "q'[",
    "]",
    "[",
    ";",
    "; DELETE FROM t",
    "DELETE FROM t RETURNING *",
    " INTO x ",
    " FOR UPDATE ",
    "(",
    ")",
    ",",
    " UNION ",
    "SELECT 1",
    "WITH d AS (DELETE FROM t RETURNING 1) ",
    " DROP TABLE t ",
    " INSERT INTO t VALUES (1) ",
    " UPDATE t SET a = 1 ",
    " EXPLAIN ",
    " ANALYZE ",
    " AS ",
    " x ",
    " TABLE t ",
    " VALUES (1) ",
    "#",
    "`",
    "::",
    "||",
    " pg_sleep(1) ",
    "=>",
    " exec ",
    " go\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Statements with pieces put in and cut out: what is taken for a select is one to another parser too.
    #[test]
    fn edited_statements_never_hide_a_write(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&PIECES[..]), 0_usize..12), 1..4),
    ) {
        let all: Vec<Case> = selects().into_iter().chain(writes()).collect();
        let mut sql: Vec<char> = which.get(&all).sql.chars().collect();
        for (place, piece, cut) in edits {
            let at = place.index(sql.len() + 1);
            let end = (at + cut).min(sql.len());
            sql.splice(at..end, piece.chars());
        }
        let sql: String = sql.into_iter().collect();
        let postgresql = read(&sql, Dialect::Postgresql);
        if postgresql == Sql::Select {
            sql_oracle::assert_reads(&sql);
        } else {
            prop_assert_ne!(read(&sql, Dialect::Any), Sql::Select, "{:?}", sql);
        }
    }

    #[test]
    fn any_text_has_an_answer(sql in "\\PC{0,200}") {
        let _ = read(&sql, Dialect::Any);
        let _ = read(&sql, Dialect::Postgresql);
    }
}

#[test]
fn another_parser_reads_the_selects_alike() {
    for case in selects() {
        sql_oracle::assert_reads(&case.sql);
    }
}
