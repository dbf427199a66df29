//! The host's functions, in bytes and results. No other file of the filter talks to the gateway.
//!
//! Every function acts on the host's *effective context*: the one whose callback is running, until
//! [`set_effective_context`] names another.
//!
//! Memory. The host returns data by calling [`allocate`] through an export and writing into what it gets; here those
//! buffers stay owned by Rust, in a list, until the host call that caused them returns and names one by its address.
//! So the only thing taken from the host on trust is that it writes where it was told to.

#![allow(
    unsafe_code,
    reason = "host calls are foreign functions; the addresses given to them are of live locals and slices"
)]

use std::borrow::Borrow;
use std::cell::RefCell;

use crate::pairs;
use crate::types::{Fields, HeaderMap, Level, Status};

mod sys {
    // Imports of ABI 0.2.1, named and typed as in its specification. All return a status.
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
        pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub(super) fn proxy_set_effective_context(context: u32) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max_size: usize,
            data: *mut usize,
            size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_get_header_map_pairs(map: u32, data: *mut usize, size: *mut usize) -> u32;
        pub(super) fn proxy_add_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            value: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
        pub(super) fn proxy_get_property(path: *const u8, path_size: usize, data: *mut usize, size: *mut usize) -> u32;
        pub(super) fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize)
        -> u32;
        pub(super) fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: u32,
        ) -> u32;
        pub(super) fn proxy_continue_stream(stream: u32) -> u32;
        pub(super) fn proxy_close_stream(stream: u32) -> u32;
        pub(super) fn proxy_http_call(
            cluster: *const u8,
            cluster_size: usize,
            headers: *const u8,
            headers_size: usize,
            body: *const u8,
            body_size: usize,
            trailers: *const u8,
            trailers_size: usize,
            timeout: u32,
            call: *mut u32,
        ) -> u32;
        pub(super) fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            data: *mut usize,
            size: *mut usize,
            cas: *mut u32,
        ) -> u32;
        pub(super) fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            value: *const u8,
            value_size: usize,
            cas: u32,
        ) -> u32;
        pub(super) fn proxy_define_metric(kind: u32, name: *const u8, size: usize, metric: *mut u32) -> u32;
        pub(super) fn proxy_increment_metric(metric: u32, by: i64) -> u32;
        pub(super) fn proxy_record_metric(metric: u32, value: u64) -> u32;
    }
}

/// `proxy_buffer_type_t`.
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;
/// `proxy_stream_type_t`.
const REQUEST_STREAM: u32 = 0;
/// `proxy_metric_type_t`.
const COUNTER: u32 = 0;
/// "No gRPC status": the gateway derives one from the HTTP status if the client speaks gRPC.
const NO_GRPC_STATUS: u32 = u32::MAX;

thread_local! {
    /// Buffers the host asked for and no host call has claimed yet: normally none, or one.
    static OFFERED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Memory for the host to write `size` bytes into, or 0 if there is none.
pub(crate) fn allocate(size: usize) -> usize {
    let mut buffer = Vec::new();
    if size == 0 || buffer.try_reserve_exact(size).is_err() {
        return 0;
    }
    buffer.resize(size, 0);
    OFFERED
        .try_with(|offered| {
            let mut offered = offered.try_borrow_mut().ok()?;
            offered.try_reserve(1).ok()?;
            offered.push(buffer);
            offered.last_mut().map(|buffer| buffer.as_mut_ptr().expose_provenance())
        })
        .ok()
        .flatten()
        .unwrap_or(0)
}

/// Runs a host call that returns data through an address and a size, and takes the data over.
fn receive(call: impl FnOnce(*mut usize, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let (mut address, mut size) = (0_usize, 0_usize);
    let outcome = Status::from_code(call(&raw mut address, &raw mut size));
    // What an unsuccessful call asked for is freed here as well.
    let offered = OFFERED
        .try_with(|offered| offered.try_borrow_mut().map(|mut offered| std::mem::take(&mut *offered)))
        .map_err(|_| Status::Unreadable)?
        .map_err(|_| Status::Unreadable)?;
    outcome?;
    if size == 0 {
        return Ok(Vec::new());
    }
    let mut data = offered.into_iter().find(|buffer| buffer.as_ptr().addr() == address).ok_or(Status::Unreadable)?;
    if size > data.len() {
        return Err(Status::Unreadable);
    }
    data.truncate(size);
    Ok(data)
}

/// Writes one line to the gateway's log.
pub(crate) fn log(level: Level, message: &str) {
    // SAFETY: address and size of a live slice. A line the host did not take is lost; there is nowhere else to say so.
    let _ = unsafe { sys::proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// The gateway's clock: nanoseconds since the Unix epoch.
pub(crate) fn now() -> Result<u64, Status> {
    let mut time = 0;
    // SAFETY: the address of a live local.
    Status::from_code(unsafe { sys::proxy_get_current_time_nanoseconds(&raw mut time) })?;
    Ok(time)
}

/// Asks for `proxy_on_tick` of the running root context, every `milliseconds`.
pub(crate) fn set_tick_period(milliseconds: u32) -> Result<(), Status> {
    // SAFETY: no addresses.
    Status::from_code(unsafe { sys::proxy_set_tick_period_milliseconds(milliseconds) })
}

/// Lets the host calls that follow in this callback act on another context. Fails if the host no longer has it.
pub(crate) fn set_effective_context(context: u32) -> Result<(), Status> {
    // SAFETY: no addresses.
    Status::from_code(unsafe { sys::proxy_set_effective_context(context) })
}

/// The configuration of the plugin whose `proxy_on_configure` is running, at most `max_size` bytes.
pub(crate) fn plugin_configuration(max_size: usize) -> Result<Vec<u8>, Status> {
    buffer(PLUGIN_CONFIGURATION, max_size)
}

/// What the host has buffered of the request's body, at most `max_size` bytes from its start.
///
/// One call from the start: one host (ngx_wasm_module) ignores the start that is asked for.
pub(crate) fn request_body(max_size: usize) -> Result<Vec<u8>, Status> {
    buffer(REQUEST_BODY, max_size)
}

/// What of the response's body goes by in this callback, at most `max_size` bytes from its start.
pub(crate) fn response_body(max_size: usize) -> Result<Vec<u8>, Status> {
    buffer(RESPONSE_BODY, max_size)
}

fn buffer(kind: u32, max_size: usize) -> Result<Vec<u8>, Status> {
    // SAFETY: the addresses are of `receive`'s live locals.
    receive(|data, size| unsafe { sys::proxy_get_buffer_bytes(kind, 0, max_size, data, size) })
}

/// All request headers in one host call.
pub(crate) fn request_headers() -> Result<Fields, Status> {
    fields(HeaderMap::Request)
}

/// All response headers in one host call.
pub(crate) fn response_headers() -> Result<Fields, Status> {
    fields(HeaderMap::Response)
}

fn fields(map: HeaderMap) -> Result<Fields, Status> {
    // SAFETY: the addresses are of `receive`'s live locals.
    let bytes = receive(|data, size| unsafe { sys::proxy_get_header_map_pairs(map as u32, data, size) })?;
    pairs::decode(&bytes).ok_or(Status::Unreadable)
}

/// Calls a cluster of the gateway, for the effective context; returns the number under which the gateway answers, by
/// `proxy_on_http_call_response`. Fails if the gateway has no such cluster or cannot begin the call.
///
/// `timeout` is in milliseconds and not zero, which would be none. Headers are pseudo-headers too; `:method`, `:path`
/// and `:authority` must be among them.
pub(crate) fn dispatch_call(
    cluster: &str,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
    timeout: u32,
) -> Result<u32, Status> {
    let headers = pairs::encode(headers).ok_or(Status::SerializationFailure)?;
    let trailers = pairs::encode(&[]).ok_or(Status::SerializationFailure)?;
    let mut call = 0;
    // SAFETY: addresses and sizes of live slices, and the address of a live local.
    Status::from_code(unsafe {
        sys::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut call,
        )
    })?;
    Ok(call)
}

/// All headers of the answer to a call, in one host call; while that answer is delivered.
pub(crate) fn call_headers() -> Result<Fields, Status> {
    fields(HeaderMap::CallResponse)
}

/// The body of the answer to a call, at most `max_size` bytes from its start; while that answer is delivered.
pub(crate) fn call_body(max_size: usize) -> Result<Vec<u8>, Status> {
    buffer(CALL_RESPONSE_BODY, max_size)
}

/// Appends a field.
#[allow(dead_code, reason = "no obligation adds a second field of one name yet")]
pub(crate) fn add_header(map: HeaderMap, name: &[u8], value: &[u8]) -> Result<(), Status> {
    // SAFETY: addresses and sizes of live slices.
    Status::from_code(unsafe {
        sys::proxy_add_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Sets a field, in place of all of that name.
pub(crate) fn replace_header(map: HeaderMap, name: &[u8], value: &[u8]) -> Result<(), Status> {
    // SAFETY: addresses and sizes of live slices.
    Status::from_code(unsafe {
        sys::proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes all fields of a name. A name that is absent is no error.
pub(crate) fn remove_header(map: HeaderMap, name: &[u8]) -> Result<(), Status> {
    // SAFETY: address and size of a live slice.
    Status::from_code(unsafe { sys::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// A property of the effective context, as bytes; numbers are in the host's form (Envoy: 8 bytes, little-endian).
pub(crate) fn property<Part: Borrow<str>>(path: &[Part]) -> Result<Vec<u8>, Status> {
    let path = path.join("\0");
    // SAFETY: address and size of a live slice; the other addresses are of `receive`'s live locals.
    receive(|data, size| unsafe { sys::proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// Sets a property of the effective context; in Envoy, filter state under `wasm.` and the path.
pub(crate) fn set_property(path: &[&str], value: &[u8]) -> Result<(), Status> {
    let path = path.join("\0");
    // SAFETY: addresses and sizes of live slices.
    Status::from_code(unsafe { sys::proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// Answers the request of the effective context in the upstream's place. The host sends it when the callback returns.
pub(crate) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Result<(), Status> {
    let headers = pairs::encode(headers).ok_or(Status::SerializationFailure)?;
    // SAFETY: addresses and sizes of live slices.
    Status::from_code(unsafe {
        sys::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Releases a request that an earlier callback paused.
pub(crate) fn continue_request() -> Result<(), Status> {
    // SAFETY: no addresses.
    Status::from_code(unsafe { sys::proxy_continue_stream(REQUEST_STREAM) })
}

/// Resets the stream of the effective context: for a request that can be neither forwarded nor answered.
pub(crate) fn close_request() -> Result<(), Status> {
    // SAFETY: no addresses.
    Status::from_code(unsafe { sys::proxy_close_stream(REQUEST_STREAM) })
}

/// A value shared by all VMs with one `vm_id`, and the number that a compare-and-set of it must name.
pub(crate) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), Status> {
    let mut cas = 0;
    // SAFETY: address and size of a live slice; the other addresses are of live locals.
    let value =
        receive(|data, size| unsafe { sys::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas) })?;
    Ok((value, cas))
}

/// Sets a shared value if it still has the `cas` it was read with. 0 compares nothing in Envoy and overwrites.
pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<(), Status> {
    // SAFETY: addresses and sizes of live slices.
    Status::from_code(unsafe { sys::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) })
}

/// The number of a counter, defined if it is new.
pub(crate) fn define_counter(name: &str) -> Result<u32, Status> {
    let mut metric = 0;
    // SAFETY: address and size of a live slice, and the address of a live local.
    Status::from_code(unsafe { sys::proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &raw mut metric) })?;
    Ok(metric)
}

/// Adds to a counter or gauge.
pub(crate) fn increment(metric: u32, by: i64) -> Result<(), Status> {
    // SAFETY: no addresses.
    Status::from_code(unsafe { sys::proxy_increment_metric(metric, by) })
}

/// Sets a gauge, or adds a value to a histogram.
#[allow(dead_code, reason = "no gauge or histogram yet")]
pub(crate) fn record(metric: u32, value: u64) -> Result<(), Status> {
    // SAFETY: no addresses.
    Status::from_code(unsafe { sys::proxy_record_metric(metric, value) })
}
