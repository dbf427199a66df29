//! The module's exports: the callbacks of proxy-wasm ABI 0.2.1 that an HTTP filter has.
//!
//! A host looks them up by name and treats one that is absent as "pass on", so all that concern a request or its
//! response are here. Each is one line: its verdict is the dispatcher's.
//! Source: <https://github.com/proxy-wasm/spec/blob/main/abi-versions/v0.2.1/README.md>

#![allow(unsafe_code, reason = "exports have fixed names; no other symbol of the module has them")]

use crate::{dispatch, host};

/// Names the ABI; never called.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Runs once, before every other callback.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    #[cfg(target_arch = "wasm32")]
    report_panics();
}

/// Says where in the source the module failed, before the trap that says only that it did. The panic's message stays
/// out: it can quote a request.
#[cfg(target_arch = "wasm32")]
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        host::log(
            crate::types::Level::Critical,
            &format!("ambit: the filter failed at {place}; this is a bug in the filter, please report this line"),
        );
    }));
}

/// Gives the host memory to return data in.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> usize {
    host::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    dispatch::on_context_create(context, parent);
}

/// The VM's own configuration is not used.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_context: u32, _configuration_size: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, configuration_size: usize) -> u32 {
    u32::from(dispatch::on_configure(context, configuration_size))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    dispatch::on_tick(context);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _fields: usize, end_of_stream: u32) -> u32 {
    dispatch::on_request_headers(context, end_of_stream != 0) as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, size: usize, end_of_stream: u32) -> u32 {
    dispatch::on_request_body(context, size, end_of_stream != 0) as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _fields: usize) -> u32 {
    dispatch::on_request_trailers(context) as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context: u32, _fields: usize, _end_of_stream: u32) -> u32 {
    dispatch::on_response_headers(context) as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(_context: u32, _size: usize, _end_of_stream: u32) -> u32 {
    dispatch::on_response_body() as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(_context: u32, _fields: usize) -> u32 {
    dispatch::on_response_trailers() as u32
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(context: u32, call: u32, fields: usize, body_size: usize, _trailers: usize) {
    dispatch::on_call_response(context, call, fields, body_size);
}

/// True: nothing here has to be finished before the context may go.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(_context: u32) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(context: u32) {
    dispatch::on_log(context);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    dispatch::on_delete(context);
}
