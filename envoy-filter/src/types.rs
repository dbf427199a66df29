//! The numbers of the proxy-wasm ABI 0.2.1 that the filter uses, as types.
//!
//! Source: <https://github.com/proxy-wasm/spec/blob/main/abi-versions/v0.2.1/README.md#types>

/// What a stream callback tells the gateway to do with the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[repr(u32)]
pub(crate) enum Action {
    /// Pass on what this callback announced, and everything held before it.
    Continue = 0,
    /// Hold it.
    Pause = 1,
}

/// Why a host call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    NotFound,
    BadArgument,
    SerializationFailure,
    ParseFailure,
    InvalidMemoryAccess,
    Empty,
    CasMismatch,
    InternalFailure,
    Unimplemented,
    /// A number that ABI 0.2.1 does not define.
    Undefined(u32),
    /// The host reported success, but what it returned cannot be read.
    Unreadable,
}

impl Status {
    /// `Ok` for the ABI's `OK` (0), otherwise what went wrong.
    pub(crate) fn from_code(code: u32) -> Result<(), Self> {
        Err(match code {
            0 => return Ok(()),
            1 => Self::NotFound,
            2 => Self::BadArgument,
            3 => Self::SerializationFailure,
            4 => Self::ParseFailure,
            6 => Self::InvalidMemoryAccess,
            7 => Self::Empty,
            8 => Self::CasMismatch,
            10 => Self::InternalFailure,
            12 => Self::Unimplemented,
            other => Self::Undefined(other),
        })
    }
}

/// The header map a host call works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum HeaderMap {
    Request = 0,
    Response = 2,
    /// The headers of the call that is being answered.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "the double keeps the answer apart"))]
    CallResponse = 6,
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Level {
    Info = 2,
    Warn = 3,
    Error = 4,
    /// For a bug that is about to trap the VM.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "logged by the panic hook of the VM"))]
    Critical = 5,
}

/// Names and values in the order the host gave them, pseudo-headers included, as bytes: a header value need not be UTF-8.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;
