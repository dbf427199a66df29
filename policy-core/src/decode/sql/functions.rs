//! Functions that do more than to answer: they change data, settings or sessions, run a text as SQL, wait, take locks, read
//! or write files, or reach other machines.
//!
//! Names are compared without regard to case and to quotes. A database has functions of its own, which no list knows: a
//! name that begins with a verb of change (`delete_`, `run_`), and one of a schema that is not every database's, counts as
//! one of these, unless the catalog says that it reads; the catalog names the others that write.

use super::effects::{EFFECT_READS, EFFECTS, PG_READS, SCHEMAS, VERB_READS, VERBS};
use crate::policy::SqlReading;

/// Longest name that PostgreSQL keeps; it cuts a longer one, and calls another function.
const NAME_BYTES: usize = 63;

/// Why a call counts as a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It does more than to answer.
    Effect,
    /// It may: only the catalog can say that it does not.
    Open,
    /// Its name is another one's for some database.
    Spelling,
}

/// Why a call of the function with this name, its schema before it, counts as a write; `None`: it only answers.
pub(super) fn doubt(name: &[&str], catalog: &SqlReading) -> Option<Doubt> {
    let last = name.last()?;
    // MariaDB and SQL Server compare names without accents, and without blanks at their end.
    let plain = |part: &&str| part.len() <= NAME_BYTES && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let pg = starts_with(last, "pg_") && !among(PG_READS, last);
    if pg || is_effect(name) || writes(name, catalog) {
        return Some(Doubt::Effect);
    }
    if !name.iter().all(plain) {
        return Some(Doubt::Spelling);
    }
    let verb = |verb: &&str| starts_with(last, verb) && last.as_bytes().get(verb.len()) == Some(&b'_');
    let changes = VERBS.iter().any(verb) && !among(VERB_READS, last);
    let elsewhere = !matches!(name, [_]) && !in_known_schema(name);
    ((changes || elsewhere) && !reads(name, catalog)).then_some(Doubt::Open)
}

/// Whether `row.name` calls a function: PostgreSQL takes it for `name(row)` where the row has no such column. Of the
/// functions known here one takes a row (`http`, of the extension of that name); the others that could are the database's
/// own, so the catalog's.
pub(super) fn is_called_as_member(name: &str, catalog: &SqlReading) -> bool {
    catalog.write_functions.iter().filter_map(|known| bare(known)).chain(["http"]).any(|known| matches(known, &[name]))
}

/// Whether a name without parentheses calls a function that does more than to answer, as Oracle calls those that take
/// nothing: `nextval` of a sequence, a function of the catalog, one of a package.
pub(super) fn is_called_by_name(name: &[&str], catalog: &SqlReading) -> bool {
    let sequence = matches!(name, [_, .., last] if among(&["nextval", "currval"], last));
    let of_a_package = || EFFECTS.iter().filter(|known| known.contains('.')).any(|known| matches(known, name));
    let by_itself = || name.last().is_some_and(|last| is_called_as_member(last, catalog) && !among(&["http"], last));
    sequence || of_a_package() || writes(name, catalog) || by_itself()
}

/// Whether a table by this name is one of SQLite's pragmas that does more than to answer.
pub(super) fn is_pragma_with_effect(name: &[&str]) -> bool {
    name.last().is_some_and(|last| starts_with(last, "pragma_")) && is_effect(name)
}

/// Whether the function stores its argument: `last_insert_id(5)` sets what `last_insert_id()` answers.
pub(super) fn stores_its_argument(name: &[&str]) -> bool {
    name.last().is_some_and(|last| among(&["last_insert_id"], last))
}

fn is_effect(name: &[&str]) -> bool {
    let reads = name.last().is_some_and(|last| among(EFFECT_READS, last));
    !reads && EFFECTS.iter().any(|known| matches(known, name))
}

/// Whether the catalog says that it writes. A function that is listed with its schema is found without it too, where a
/// `search_path` names the schema.
fn writes(name: &[&str], catalog: &SqlReading) -> bool {
    let unqualified = |known: &&str| matches!(name, [_]) && matches(known, name);
    catalog
        .write_functions
        .iter()
        .any(|known| matches(known, name) || bare(known).is_some_and(|known| unqualified(&known)))
}

/// Whether the catalog says that it only answers. A function that is listed without a schema is one that is called
/// without, or with the schema of every database.
fn reads(name: &[&str], catalog: &SqlReading) -> bool {
    let unqualified = if in_known_schema(name) { name.get(1..) } else { None };
    let is = |known: &str, name: &[&str]| known.split('.').count() == name.len() && matches(known, name);
    catalog.read_functions.iter().any(|known| is(known, name) || unqualified.is_some_and(|name| is(known, name)))
}

fn in_known_schema(name: &[&str]) -> bool {
    matches!(name, [schema, _] if among(SCHEMAS, schema))
}

/// A listed name without its schema; `None` for all of a schema.
fn bare(known: &str) -> Option<&str> {
    known.rsplit('.').next().filter(|last| *last != "*")
}

fn among(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| matches(known, &[name]))
}

/// A known name against the last parts of a name; `*` stands for any rest of a part.
fn matches(known: &str, name: &[&str]) -> bool {
    let mut parts = name.iter().rev();
    known.rsplit('.').all(|known| {
        parts.next().is_some_and(|part| match known.strip_suffix('*') {
            Some(beginning) => starts_with(part, beginning),
            None => part.eq_ignore_ascii_case(known),
        })
    })
}

fn starts_with(text: &str, beginning: &str) -> bool {
    text.as_bytes().get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    fn catalog() -> SqlReading {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
        SqlReading {
            write_functions: names(&["acme.charge", "own_*", "net.*"]),
            read_functions: names(&["auth.*", "geo.distance", "run_rate", "pg_catalog.*", "public.dblink"]),
            ..SqlReading::default()
        }
    }

    fn effect(name: &str) -> bool {
        doubt(&name.split('.').collect::<Vec<_>>(), &catalog()).is_some()
    }

    #[test]
    fn names_count_with_their_schema_and_without() {
        for name in [
            "pg_sleep",
            "PG_Catalog.Pg_Sleep",
            "set_config",
            "dblink_exec",
            "net.http_post",
            "cron.schedule",
            "lo_import",
            "pg_new_function_of_next_year",
            "delete_user",
            "public.run_report",
            "acme.charge",
            "x.own_thing",
            "DBMS_LOCK.sleep",
            "pg_advisory_lock",
            "query_to_xml_and_xmlschema",
            "exec_sql",
            // Listed with its schema, called without.
            "charge",
            // What nobody says of a schema.
            "other.charge",
            "aws_lambda.invoke",
            "db.public.count",
            "x.auth.uid",
            "geo.area",
            // No catalog makes these read.
            "public.dblink",
            "pg_catalog.pg_terminate_backend",
            // Names that some databases take for another.
            "ch\u{e1}rge",
            "\u{fc}ber.count",
            "count ",
            "pragma_optimize",
        ] {
            assert!(effect(name), "{name}");
        }
        assert!(effect(&"f".repeat(64)), "a name that PostgreSQL cuts");
        for name in [
            "count",
            "pg_catalog.count",
            "pg_size_pretty",
            "pg_get_viewdef",
            "set_bit",
            "setweight",
            "running_total",
            "createdness",
            "net",
            "network",
            "updated",
            "lower",
            "json_agg",
            "pgp_sym_decrypt",
            "public.charge",
            "auth.uid",
            "AUTH.run_as",
            "geo.distance",
            "run_rate",
            "public.run_rate",
            "extensions.similarity",
            "dbo.total",
            "pragma_table_info",
        ] {
            assert!(!effect(name), "{name}");
        }
    }

    #[test]
    fn calls_without_parentheses() {
        for (name, called) in [("http", true), ("Charge", true), ("own_one", true), ("sleep", false), ("run_at", false)]
        {
            assert_eq!(is_called_as_member(name, &catalog()), called, "{name}");
        }
        for (name, called) in [
            ("s.nextval", true),
            ("app.s.CURRVAL", true),
            ("nextval", false),
            ("charge", true),
            ("o.charge", true),
            ("net.anything", true),
            ("dbms_random.value", true),
            ("http", false),
            ("run_at", false),
            ("o.delete_date", false),
        ] {
            assert_eq!(is_called_by_name(&name.split('.').collect::<Vec<_>>(), &catalog()), called, "{name}");
        }
    }
}
