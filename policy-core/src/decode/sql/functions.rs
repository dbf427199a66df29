//! Functions that do more than to answer: they change data, settings or sessions, run a text as SQL, wait, take locks, read
//! or write files, or reach other machines.
//!
//! Names are compared without regard to case and to quotes, with and without their schema. A database has functions of
//! its own, which no list knows: a name that begins with a verb of change (`delete_`, `run_`) counts as one of these, and
//! a catalog names the others.

use alloc::string::String;

/// Names, and beginnings of names (`*`); `schema.name` where the name alone says too little.
const EFFECTS: &[&str] = &[
    // PostgreSQL: sequences, settings, messages, transactions
    "nextval",
    "setval",
    "set_config",
    "setseed",
    "txid_current",
    "pg_current_xact_id",
    // PostgreSQL: large objects
    "lo_*",
    "loread",
    "lowrite",
    // PostgreSQL: run a text as a query
    "query_to_xml*",
    "cursor_to_xml*",
    "ts_stat",
    "ts_rewrite",
    "xpath_table",
    "crosstab*",
    "connectby*",
    // PostgreSQL: maintenance
    "brin_*",
    "gin_clean_pending_list",
    "binary_upgrade_*",
    "amcheck*",
    "bt_index_*",
    // Extensions: other servers, HTTP, jobs, queues, secrets, geometry columns, chunks
    "dblink*",
    "postgres_fdw_*",
    "http",
    "http_*",
    "net.*",
    "cron.*",
    "pgmq.*",
    "vault.*",
    "pgsodium.*",
    "supabase_functions.*",
    "graphql.*",
    "graphql_public.*",
    "pgagent.*",
    "partman.*",
    "repack.*",
    "topology.*",
    "addgeometrycolumn",
    "dropgeometry*",
    "updategeometrysrid",
    "populate_geometry_columns",
    "master_*",
    "citus_*",
    // Functions that run a text, by the names people give them
    "exec",
    "execute",
    "eval",
    "execsql",
    "executesql",
    "runsql",
    "query_exec",
    "sql_exec",
    // MySQL
    "sleep",
    "benchmark",
    "get_lock",
    "release_lock",
    "release_all_locks",
    "load_file",
    "master_pos_wait",
    "source_pos_wait",
    "wait_for_executed_gtid_set",
    "wait_until_sql_thread_after_gtids",
    "sys_*",
    "lib_mysqludf*",
    // SQLite
    "load_extension",
    "readfile",
    "writefile",
    "edit",
    "fts3_tokenizer",
    "zipfile",
    "sqlar_*",
    // SQL Server
    "xp_*",
    "openrowset",
    "openquery",
    "opendatasource",
    "openxml",
    // Oracle
    "dbms_*",
    "dbms_*.*",
    "utl_*",
    "utl_*.*",
    "apex_*.*",
    "owa*.*",
    "httpuritype",
    "sdo_*",
    // H2, DuckDB, ClickHouse
    "csvread",
    "csvwrite",
    "file_read",
    "file_write",
    "link_schema",
    "read_blob",
    "read_csv*",
    "read_json*",
    "read_parquet",
    "read_text",
    "remote",
    "remotesecure",
    "executable",
    "urlcluster",
    "s3",
    "s3cluster",
    "hdfs",
];

/// Functions of PostgreSQL that begin with `pg_` and only answer; all others of that beginning are effects
/// (`pg_sleep`, `pg_read_file`, `pg_terminate_backend` …).
const PG_READS: &[&str] = &[
    "pg_available_extension*",
    "pg_backend_pid",
    "pg_blocking_pids",
    "pg_char_to_encoding",
    "pg_client_encoding",
    "pg_collation_for",
    "pg_collation_is_visible",
    "pg_column_compression",
    "pg_column_is_updatable",
    "pg_column_size",
    "pg_conf_load_time",
    "pg_config",
    "pg_conversion_is_visible",
    "pg_current_snapshot",
    "pg_current_wal_*",
    "pg_cursor",
    "pg_database_size",
    "pg_describe_object",
    "pg_encoding_max_length",
    "pg_encoding_to_char",
    "pg_extension_update_paths",
    "pg_filenode_relation",
    "pg_function_is_visible",
    "pg_get_*",
    "pg_has_role",
    "pg_identify_object*",
    "pg_index_*",
    "pg_indexam_has_property",
    "pg_indexes_size",
    "pg_input_error_info",
    "pg_input_is_valid",
    "pg_is_in_recovery",
    "pg_is_other_temp_schema",
    "pg_is_wal_replay_paused",
    "pg_jit_available",
    "pg_last_committed_xact",
    "pg_last_wal_*",
    "pg_last_xact_replay_timestamp",
    "pg_listening_channels",
    "pg_lock_status",
    "pg_lsn",
    "pg_mcv_list_items",
    "pg_my_temp_schema",
    "pg_opclass_is_visible",
    "pg_operator_is_visible",
    "pg_opfamily_is_visible",
    "pg_options_to_table",
    "pg_partition_*",
    "pg_postmaster_start_time",
    "pg_prepared_statement",
    "pg_relation_filenode",
    "pg_relation_filepath",
    "pg_relation_is_*",
    "pg_relation_size",
    "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value",
    "pg_sequence_parameters",
    "pg_settings_get_flags",
    "pg_show_all_settings",
    "pg_size_bytes",
    "pg_size_pretty",
    "pg_snapshot_*",
    "pg_split_walfile_name",
    "pg_stat_get_*",
    "pg_stat_have_stats",
    "pg_stat_statements",
    "pg_statistics_obj_is_visible",
    "pg_stats_ext_is_visible",
    "pg_table_is_visible",
    "pg_table_size",
    "pg_tablespace_databases",
    "pg_tablespace_location",
    "pg_tablespace_size",
    "pg_timezone_abbrevs*",
    "pg_timezone_names",
    "pg_total_relation_size",
    "pg_trigger_depth",
    "pg_ts_config_is_visible",
    "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible",
    "pg_ts_template_is_visible",
    "pg_type_is_visible",
    "pg_typeof",
    "pg_visible_in_snapshot",
    "pg_wal_lsn_diff",
    "pg_walfile_name*",
    "pg_xact_commit_timestamp",
    "pg_xact_status",
];

/// Verbs that begin the name of a function that changes something, by the names people give.
const VERBS: &[&str] = &[
    "alter",
    "archive",
    "cancel",
    "cleanup",
    "copy",
    "create",
    "delete",
    "destroy",
    "disable",
    "drop",
    "enable",
    "exec",
    "execute",
    "grant",
    "import",
    "insert",
    "kill",
    "merge",
    "notify",
    "perform",
    "purge",
    "refresh",
    "remove",
    "rename",
    "reset",
    "restore",
    "revoke",
    "run",
    "save",
    "schedule",
    "send",
    "set",
    "soft_delete",
    "sync",
    "terminate",
    "truncate",
    "unschedule",
    "update",
    "upsert",
    "vacuum",
    "wipe",
    "write",
];

/// Functions that begin with one of [`VERBS`] and only answer.
const VERB_READS: &[&str] = &["set_bit", "set_byte", "set_masklen"];

/// Longest name that PostgreSQL keeps; it cuts a longer one, and calls another function.
const NAME_BYTES: usize = 63;

/// Whether a call of the function with this name, its schema before it, does more than to answer.
pub(super) fn has_effect(name: &[&str], denied: &[String]) -> bool {
    let Some(last) = name.last() else {
        return true;
    };
    let starts = |known: &str| starts_with(last, known);
    let pg = starts("pg_") && !PG_READS.iter().any(|known| matches(known, &[last]));
    let verb = |verb: &&str| starts(verb) && last.as_bytes().get(verb.len()) == Some(&b'_');
    let changes = VERBS.iter().any(verb) && !VERB_READS.iter().any(|known| matches(known, &[last]));
    pg || changes || last.len() > NAME_BYTES || is_listed(name, denied)
}

/// Whether `row.name` calls a function: PostgreSQL takes it for `name(row)` where the row has no such column. Of the
/// functions known here one takes a row (`http`, of the extension of that name); the others that could are the database's
/// own, so the catalog's.
pub(super) fn is_called_as_member(name: &str, denied: &[String]) -> bool {
    let own = denied.iter().filter_map(|known| known.rsplit('.').next()).filter(|known| *known != "*");
    own.chain(["http"]).any(|known| matches(known, &[name]))
}

fn is_listed(name: &[&str], denied: &[String]) -> bool {
    EFFECTS.iter().copied().chain(denied.iter().map(String::as_str)).any(|known| matches(known, name))
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
    use alloc::string::ToString;

    fn effect(name: &str) -> bool {
        has_effect(&name.split('.').collect::<alloc::vec::Vec<_>>(), &["acme.charge".to_string(), "own_*".to_string()])
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
        ] {
            assert!(effect(name), "{name}");
        }
        assert!(effect(&"f".repeat(64)), "a name that PostgreSQL cuts");
        for (name, called) in [("http", true), ("Charge", true), ("own_one", true), ("sleep", false), ("run_at", false)]
        {
            let denied = ["acme.charge".to_string(), "own_*".to_string(), "net.*".to_string()];
            assert_eq!(is_called_as_member(name, &denied), called, "{name}");
        }
        for name in [
            "count",
            "pg_catalog.count",
            "pg_size_pretty",
            "pg_get_viewdef",
            "set_bit",
            "charge",
            "other.charge",
            "setweight",
            "running_total",
            "createdness",
            "net",
            "network",
            "updated",
            "lower",
            "json_agg",
            "pgp_sym_decrypt",
        ] {
            assert!(!effect(name), "{name}");
        }
    }
}
