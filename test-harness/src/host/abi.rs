//! The numbers of the proxy-wasm ABI 0.2.1, as enums.
//!
//! Source: `proxy-wasm/spec`, `abi-versions/v0.2.1/README.md`, and the statuses of
//! `proxy-wasm-cpp-host` where the specification leaves a gap.

/// What a hostcall returns to the guest.
///
/// Exhaustive on purpose: the ABI is frozen, and a host that invents a status breaks every SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The key, property, metric, callout or function does not exist.
    NotFound = 1,
    /// An argument is outside its domain, or the map or buffer cannot be used in this callback.
    BadArgument = 2,
    /// A value cannot be written in the ABI's format.
    SerializationFailure = 3,
    /// A serialized value of the guest cannot be read.
    ParseFailure = 4,
    /// A pointer and length of the guest lie outside its memory, or its allocator refused.
    InvalidMemoryAccess = 6,
    /// A queue holds nothing.
    Empty = 7,
    /// A compare-and-set lost against another writer.
    CasMismatch = 8,
    /// The host cannot do it now: a bound of [`Limits`](super::Limits) is reached.
    InternalFailure = 10,
    /// This host does not offer the function (gRPC, shared queues).
    Unimplemented = 12,
}

/// Declares a `u32`-valued ABI enum with its `TryFrom<u32>`.
macro_rules! abi_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[$vmeta])* $variant = $value,)* }

        impl TryFrom<u32> for $name {
            type Error = Status;

            /// Unknown numbers are [`Status::BadArgument`], as the specification asks.
            fn try_from(value: u32) -> Result<Self, Status> {
                match value {
                    $($value => Ok(Self::$variant),)*
                    _ => Err(Status::BadArgument),
                }
            }
        }
    };
}

abi_enum! {
    /// Severity of a log line, in rising order.
    LogLevel {
        /// Finest detail.
        Trace = 0,
        /// For developers.
        Debug = 1,
        /// Normal operation.
        Info = 2,
        /// Something looks wrong.
        Warn = 3,
        /// Something failed.
        Error = 4,
        /// The guest is about to stop; panic messages arrive with this level.
        Critical = 5,
    }
}

abi_enum! {
    /// A header or trailer map.
    MapType {
        /// Head of the request.
        RequestHeaders = 0,
        /// Trailers of the request.
        RequestTrailers = 1,
        /// Head of the response.
        ResponseHeaders = 2,
        /// Trailers of the response.
        ResponseTrailers = 3,
        /// gRPC callouts are not offered: always empty.
        GrpcReceiveInitialMetadata = 4,
        /// gRPC callouts are not offered: always empty.
        GrpcReceiveTrailingMetadata = 5,
        /// Head of the answer to an HTTP callout, readable inside its callback only.
        HttpCallResponseHeaders = 6,
        /// Trailers of the answer to an HTTP callout, readable inside its callback only.
        HttpCallResponseTrailers = 7,
    }
}

abi_enum! {
    /// A byte buffer.
    BufferType {
        /// Request body as far as it is held here.
        HttpRequestBody = 0,
        /// Response body as far as it is held here.
        HttpResponseBody = 1,
        /// TCP plugins are not run by this host.
        DownstreamData = 2,
        /// TCP plugins are not run by this host.
        UpstreamData = 3,
        /// Body of the answer to an HTTP callout, readable inside its callback only.
        HttpCallResponseBody = 4,
        /// gRPC callouts are not offered.
        GrpcReceiveBuffer = 5,
        /// Configuration of the VM.
        VmConfiguration = 6,
        /// Configuration of the plugin, readable while it is created and configured.
        PluginConfiguration = 7,
        /// Foreign functions are not offered.
        CallData = 8,
    }
}

abi_enum! {
    /// The stream a `continue_stream` or `close_stream` means.
    StreamType {
        /// HTTP request.
        Request = 0,
        /// HTTP response.
        Response = 1,
        /// TCP, not offered.
        Downstream = 2,
        /// TCP, not offered.
        Upstream = 3,
    }
}

abi_enum! {
    /// Kind of a metric.
    MetricType {
        /// Only grows.
        Counter = 0,
        /// Goes up and down.
        Gauge = 1,
        /// Collects samples.
        Histogram = 2,
    }
}
