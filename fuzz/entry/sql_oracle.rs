//! Another parser of PostgreSQL's grammar, asked about what is taken for a select.

use sqlparser::ast::{Query, SetExpr, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// The other parser sees one statement that reads, or understands nothing.
pub fn assert_reads(sql: &str) {
    let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else { return };
    let [statement] = statements.as_slice() else { panic!("{} statements: {sql:?}", statements.len()) };
    match statement {
        Statement::Query(query) => assert_query_reads(query, sql),
        Statement::Explain { statement, .. } => match statement.as_ref() {
            Statement::Query(query) => assert_query_reads(query, sql),
            other => panic!("explains {other}: {sql:?}"),
        },
        other => panic!("{other}: {sql:?}"),
    }
}

fn assert_query_reads(query: &Query, sql: &str) {
    assert!(query.locks.is_empty(), "locks: {sql:?}");
    let parts = query.with.iter().flat_map(|with| &with.cte_tables);
    parts.for_each(|part| assert_query_reads(&part.query, sql));
    assert_body_reads(&query.body, sql);
}

fn assert_body_reads(body: &SetExpr, sql: &str) {
    match body {
        SetExpr::Select(select) => assert!(select.into.is_none(), "INTO: {sql:?}"),
        SetExpr::Query(query) => assert_query_reads(query, sql),
        SetExpr::SetOperation { left, right, .. } => {
            assert_body_reads(left, sql);
            assert_body_reads(right, sql);
        }
        SetExpr::Values(_) | SetExpr::Table(_) => {}
        other => panic!("{other}: {sql:?}"),
    }
}
