//! The hostcalls, by group. Each takes the ABI's arguments and answers with a [`Hostcall`].

mod buffers;
mod callouts;
mod headers;
mod metrics;
mod properties;
mod shared;
mod stream;
mod system;

use super::memory::{Guest, Hostcall};
use super::state::State;
use super::{HeaderMap, Status};
use wasmtime::{Caller, Linker};

/// Provides `env.$name` with the function `$path`.
macro_rules! provide {
    ($linker:expr, $($name:literal => $path:path, ($($argument:ident : $type:ty),*);)*) => {
        $($linker.func_wrap(
            "env",
            $name,
            |caller: Caller<'_, State>, $($argument: $type),*| {
                Guest::serve(caller, |guest| $path(guest, $($argument),*))
            },
        )?;)*
    };
}

/// Defines every import of the ABI 0.2.1 in `linker`.
pub(crate) fn provide(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    provide! { linker,
        "proxy_log" => system::log, (level: u32, text: u32, size: u32);
        "proxy_get_log_level" => system::log_level, (level_at: u32);
        "proxy_get_current_time_nanoseconds" => system::time, (time_at: u32);
        "proxy_set_tick_period_milliseconds" => system::tick_period, (period: u32);
        "proxy_set_effective_context" => system::effective_context, (context: u32);
        "proxy_done" => system::done, ();
        "proxy_call_foreign_function" => system::foreign_function,
            (name: u32, name_size: u32, argument: u32, argument_size: u32, value_at: u32, size_at: u32);
        "proxy_get_property" => properties::get,
            (path: u32, path_size: u32, value_at: u32, size_at: u32);
        "proxy_set_property" => properties::set,
            (path: u32, path_size: u32, value: u32, value_size: u32);
        "proxy_get_header_map_pairs" => headers::pairs, (map: u32, pairs_at: u32, size_at: u32);
        "proxy_set_header_map_pairs" => headers::set_pairs, (map: u32, pairs: u32, size: u32);
        "proxy_get_header_map_size" => headers::size, (map: u32, size_at: u32);
        "proxy_get_header_map_value" => headers::value,
            (map: u32, name: u32, name_size: u32, value_at: u32, size_at: u32);
        "proxy_add_header_map_value" => headers::add,
            (map: u32, name: u32, name_size: u32, value: u32, value_size: u32);
        "proxy_replace_header_map_value" => headers::replace,
            (map: u32, name: u32, name_size: u32, value: u32, value_size: u32);
        "proxy_remove_header_map_value" => headers::remove, (map: u32, name: u32, name_size: u32);
        "proxy_get_buffer_bytes" => buffers::bytes,
            (buffer: u32, start: u32, most: u32, bytes_at: u32, size_at: u32);
        "proxy_get_buffer_status" => buffers::status, (buffer: u32, size_at: u32, flags_at: u32);
        "proxy_set_buffer_bytes" => buffers::set,
            (buffer: u32, start: u32, length: u32, bytes: u32, size: u32);
        "proxy_continue_stream" => stream::resume, (stream: u32);
        "proxy_close_stream" => stream::close, (stream: u32);
        "proxy_send_local_response" => stream::local_response,
            (status: u32, details: u32, details_size: u32, body: u32, body_size: u32,
             headers: u32, headers_size: u32, grpc_status: i32);
        "proxy_http_call" => callouts::dispatch,
            (cluster: u32, cluster_size: u32, headers: u32, headers_size: u32, body: u32,
             body_size: u32, trailers: u32, trailers_size: u32, timeout: u32, token_at: u32);
        "proxy_get_status" => callouts::status, (code_at: u32, text_at: u32, size_at: u32);
        "proxy_define_metric" => metrics::define,
            (kind: u32, name: u32, name_size: u32, metric_at: u32);
        "proxy_increment_metric" => metrics::increment, (metric: u32, offset: i64);
        "proxy_record_metric" => metrics::record, (metric: u32, value: u64);
        "proxy_get_metric" => metrics::read, (metric: u32, value_at: u32);
        "proxy_get_shared_data" => shared::get,
            (key: u32, key_size: u32, value_at: u32, size_at: u32, cas_at: u32);
        "proxy_set_shared_data" => shared::set,
            (key: u32, key_size: u32, value: u32, value_size: u32, cas: u32);
    }
    unimplemented(linker)
}

/// What this host does not offer, but modules import all the same: SDKs bind every function.
fn unimplemented(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    fn refuse(_: &mut Guest<'_>) -> Hostcall {
        Err(Status::Unimplemented.into())
    }
    macro_rules! refuse {
        ($($name:literal($($argument:ident),*);)*) => {
            $(linker.func_wrap(
                "env",
                $name,
                |caller: Caller<'_, State>, $($argument: u32),*| {
                    let _ = ($($argument,)*);
                    Guest::serve(caller, refuse)
                },
            )?;)*
        };
    }
    refuse! {
        "proxy_register_shared_queue"(a, b, c);
        "proxy_resolve_shared_queue"(a, b, c, d, e);
        "proxy_dequeue_shared_queue"(a, b, c);
        "proxy_enqueue_shared_queue"(a, b, c);
        "proxy_grpc_call"(a, b, c, d, e, f, g, h, i, j, k, l);
        "proxy_grpc_stream"(a, b, c, d, e, f, g, h, i);
        "proxy_grpc_send"(a, b, c, d);
        "proxy_grpc_cancel"(a);
        "proxy_grpc_close"(a);
    }
    Ok(())
}

/// Refuses a map that has outgrown its bound.
fn bounded(map: &HeaderMap, more: usize, most: usize) -> Result<(), Status> {
    if map.byte_size().saturating_add(more) > most {
        return Err(Status::InternalFailure);
    }
    Ok(())
}
