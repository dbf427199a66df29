//! Entry: bytes as a text of SQL.

use policy_core::decode::sql::{Dialect, Sql, read_sql};
use policy_core::policy::SqlReading;

use super::sql_oracle;

/// Reads the text as each dialect, and the text with a write behind it.
pub fn run(bytes: &[u8]) {
    let Ok(sql) = std::str::from_utf8(bytes) else { return };
    let read = |text: &str, dialect| read_sql(text, &SqlReading { dialect, ..SqlReading::default() });
    let (any, postgresql) = (read(sql, Dialect::Any), read(sql, Dialect::Postgresql));
    if let Sql::Write(why) = &postgresql {
        let why = why.to_string();
        assert!(!why.contains(char::is_control) && why.len() < 1024, "a reason is one bounded line: {why}");
        assert_ne!(any, Sql::Select, "what reads in every dialect reads in each: {sql:?}");
        return;
    }
    sql_oracle::assert_reads(sql);
    for behind in ["\n; DROP TABLE t", "\nINTO t", "\nFOR UPDATE"] {
        let longer = format!("{sql}{behind}");
        assert_ne!(read(&longer, Dialect::Postgresql), Sql::Select, "{longer:?}");
        assert_ne!(read(&longer, Dialect::Any), Sql::Select, "{longer:?}");
    }
    let modifies = format!("WITH d AS (DELETE FROM t RETURNING 1), s AS (\n{sql}\n) SELECT 1");
    assert_ne!(read(&modifies, Dialect::Postgresql), Sql::Select, "{modifies:?}");
}
