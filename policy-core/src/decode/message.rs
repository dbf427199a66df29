//! One JSON-RPC message, and how it is refused.

use alloc::string::{String, ToString};

use crate::document::{Kind, Value};
use crate::reason::{Code, Reason};

/// The method whose calls are known by the name of their tool.
pub(super) const TOOLS_CALL: &str = "tools/call";

/// One JSON-RPC message.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) id: Option<Value<'a>>,
    /// `None`: it answers a request of the server.
    pub(super) method: Option<&'a str>,
    pub(super) params: Option<Value<'a>>,
    pub(super) whole: Value<'a>,
}

impl<'a> Message<'a> {
    /// The name of the tool, of a `tools/call`.
    pub(super) fn tool(&self) -> Option<&'a str> {
        let name = self.params.filter(|_| self.method == Some(TOOLS_CALL))?.member("name")?;
        name.string()
    }

    /// The arguments of a `tools/call`.
    pub(super) fn arguments(&self) -> Option<Value<'a>> {
        self.tool().and(self.params).and_then(|params| optional(params, "arguments"))
    }
}

/// A member that may be left out. MCP's Python SDK takes `null` for that; other servers refuse it, and none finds
/// anything in it.
pub(super) fn optional<'a>(object: Value<'a>, name: &str) -> Option<Value<'a>> {
    object.member(name).filter(|member| member.kind() != Kind::Null)
}

/// The reason to refuse a body that is no message, or not such messages.
pub(super) fn shape(message: &str, pointer: Option<String>) -> Reason {
    Reason { code: Code::JsonrpcShape, message: message.to_string(), pointer }
}
