//! Words that are no names.

/// Words that PostgreSQL does not take as the name of a column or table. Source: PostgreSQL 18 documentation, Appendix C,
/// "reserved" and "reserved (can be function or type)".
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// Verbs of statements that write, refused as names although PostgreSQL takes most of them: whoever has a column of this
/// name writes it in double quotes.
const VERBS: &[&str] =
    &["alter", "delete", "drop", "exec", "execute", "insert", "merge", "truncate", "update", "upsert"];

/// First words of statements, in any dialect. None is a name right behind an expression or a table (`SELECT 1 shutdown`):
/// SQL Server needs no `;` between statements.
const STATEMENTS: &[&str] = &[
    "abort",
    "attach",
    "backup",
    "begin",
    "break",
    "bulk",
    "call",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "continue",
    "copy",
    "dbcc",
    "deallocate",
    "declare",
    "deny",
    "describe",
    "detach",
    "disable",
    "discard",
    "enable",
    "explain",
    "flush",
    "get",
    "go",
    "goto",
    "handler",
    "if",
    "import",
    "install",
    "kill",
    "listen",
    "load",
    "lock",
    "move",
    "notify",
    "open",
    "option",
    "pragma",
    "prepare",
    "print",
    "raiserror",
    "readtext",
    "reassign",
    "receive",
    "reconfigure",
    "refresh",
    "reindex",
    "release",
    "rename",
    "repair",
    "replace",
    "reset",
    "restore",
    "return",
    "revert",
    "revoke",
    "rollback",
    "save",
    "savepoint",
    "security",
    "send",
    "set",
    "setuser",
    "show",
    "shutdown",
    "start",
    "stop",
    "throw",
    "unlisten",
    "unlock",
    "updatetext",
    "use",
    "vacuum",
    "values",
    "waitfor",
    "while",
    "writetext",
    "xa",
];

/// Words that continue an expression or a table, and so name nothing behind one.
const CONTINUES: &[&str] = &["escape", "glob", "operator", "regexp", "rlike"];

/// Words of SQL Server that lock what a table gives.
const LOCK_HINTS: &[&str] = &[
    "holdlock",
    "paglock",
    "readcommittedlock",
    "repeatableread",
    "rowlock",
    "serializable",
    "tablock",
    "tablockx",
    "updlock",
    "xlock",
];

/// Words of SQL Server that say how a table is read, and lock nothing.
const READ_HINTS: &[&str] = &[
    "forcescan",
    "forceseek",
    "noexpand",
    "nolock",
    "nowait",
    "readcommitted",
    "readpast",
    "readuncommitted",
    "snapshot",
];

/// Values that are written as a word.
const VALUES: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "false",
    "localtime",
    "localtimestamp",
    "null",
    "session_user",
    "system_user",
    "true",
    "user",
];

fn among(list: &[&str], word: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// A word that can name a column, a table or a type.
pub(super) fn is_name(word: &str) -> bool {
    !among(RESERVED, word) && !among(VERBS, word)
}

/// A word that can be a function, when a parenthesis follows.
pub(super) fn is_function(word: &str) -> bool {
    is_name(word) || among(&["collation", "current_schema", "isnull", "left", "overlaps", "right", "truncate"], word)
}

/// A word that can be a name without `AS`, right behind what it names.
pub(super) fn is_bare_label(word: &str) -> bool {
    is_name(word) && !among(STATEMENTS, word) && !among(CONTINUES, word)
}

/// A word that is a value.
pub(super) fn is_value(word: &str) -> bool {
    among(VALUES, word)
}

/// A word that locks, as a hint behind a table.
pub(super) fn is_lock_hint(word: &str) -> bool {
    among(LOCK_HINTS, word)
}

/// A word that only reads, as a hint behind a table.
pub(super) fn is_read_hint(word: &str) -> bool {
    among(READ_HINTS, word)
}

/// A word that begins a query.
pub(super) fn begins_query(word: &str) -> bool {
    among(&["select", "table", "values", "with"], word)
}
