//! What is said of a request: allow it, hold it or deny it; and why: a stable code for programs, a sentence for people, and
//! the place in the request.

use alloc::string::String;
use core::fmt;

use serde::Serialize;

use crate::secrets::suspect;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// It goes upstream unchanged.
    Allow,
    /// It is held: a person may approve exactly this action.
    ApprovalRequired,
    /// It is refused.
    Deny,
}

impl Decision {
    /// The word used in events, reports and problem documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ApprovalRequired => "approval_required",
            Self::Deny => "deny",
        }
    }
}

/// Why a request is not simply allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The kind of reason.
    pub code: Code,
    /// What is wrong and what would be right. Pieces of the request in it are escaped and bounded.
    pub message: String,
    /// RFC 6901 pointer into the body, where the reason has a place there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

/// Longest pointer a reason repeats, in characters: its member names come from the request.
const POINTER_CHARS: usize = 256;

impl Reason {
    /// The same with its pointer within the bound, and without it where the member names in it hold a secret.
    pub(crate) fn bounded(mut self) -> Self {
        self.pointer = self.pointer.filter(|pointer| !suspect(pointer.as_bytes()));
        // What a terminal or a page would obey rather than show.
        let obeyed = |c: char| {
            c.is_control()
                || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
                || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        };
        if let Some(pointer) = self.pointer.as_mut().filter(|pointer| pointer.contains(obeyed)) {
            *pointer = pointer.replace(obeyed, "\u{fffd}");
        }
        if let Some(pointer) = &mut self.pointer
            && let Some((end, _)) = pointer.char_indices().nth(POINTER_CHARS)
        {
            pointer.truncate(end);
            pointer.push('…');
        }
        self
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Kinds of reasons. The texts are stable: agents and dashboards depend on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code, in the order of this list.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable text.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// No source names an agent, or the agent has no page.
    UnknownAgent = "unknown_agent",
    /// The session token does not hold here.
    SessionInvalid = "session_invalid",
    /// The session token has run out.
    SessionExpired = "session_expired",
    /// The rule asks for a session that the request does not have.
    SessionRequired = "session_required",
    /// The rule asks for a session token of a short life.
    ShortSessionRequired = "short_session_required",
    /// The agent is paused.
    Paused = "paused",
    /// The agent's session has ended.
    SessionEnded = "session_ended",
    /// The session token is from before the gateway's start, which does not know what sessions had ended by then.
    SessionBeforeStart = "session_before_start",
    /// The page is not valid at this time.
    NotValidNow = "not_valid_now",
    /// No rule covers this method and path.
    EndpointNotAllowed = "endpoint_not_allowed",
    /// A forbid matches.
    Forbidden = "forbidden",
    /// Something replaces the method.
    MethodOverride = "method_override",
    /// Something replaces the route.
    RouteOverride = "route_override",
    /// A parameter could be read from two places, or is not listed.
    ParamShadow = "param_shadow",
    /// The path has two readings.
    PathAmbiguous = "path_ambiguous",
    /// The host is not one of the page's.
    HostMismatch = "host_mismatch",
    /// A header is not allowed, or stands twice.
    HeaderNotAllowed = "header_not_allowed",
    /// The media type of the body is not listed.
    ContentType = "content_type",
    /// The body is compressed.
    ContentEncoding = "content_encoding",
    /// The body is not UTF-8.
    Charset = "charset",
    /// The body has no single reading.
    BodyUnparsable = "body_unparsable",
    /// A member name occurs twice.
    BodyDuplicateKey = "body_duplicate_key",
    /// The body is larger than what is judged.
    BodyTooLarge = "body_too_large",
    /// The body was not seen in full.
    BodyNotSeen = "body_not_seen",
    /// The body did not arrive in time.
    BodyTimeout = "body_timeout",
    /// The gateway never delivered the body of a held request.
    BodyNotDelivered = "body_not_delivered",
    /// A read has a body.
    BodyOnRead = "body_on_read",
    /// A field is not listed.
    FieldNotAllowed = "field_not_allowed",
    /// A value does not have the form the rule asks for.
    ValueFormat = "value_format",
    /// A number lies outside its envelope.
    EnvelopeExceeded = "envelope_exceeded",
    /// A value that the rule needs is not known.
    UnknownState = "unknown_state",
    /// The resource is outside the filter of the rule.
    ScopeFilter = "scope_filter",
    /// The rule is tried on other resources.
    OutsideCanary = "outside_canary",
    /// Too many rows or elements.
    BatchLimit = "batch_limit",
    /// The batch is not shaped as the API's.
    BatchShape = "batch_shape",
    /// The body is no JSON-RPC message that is taken.
    JsonrpcShape = "jsonrpc_shape",
    /// No rule covers this tool or method.
    ToolNotAllowed = "tool_not_allowed",
    /// A header that mirrors the body says something else, or is missing.
    HeaderBodyMismatch = "header_body_mismatch",
    /// The request holds requests that are not judged one by one.
    NestedRequest = "nested_request",
    /// The body is no GraphQL request, or its document not one operation with one meaning.
    GraphqlShape = "graphql_shape",
    /// One resource occurs twice.
    DuplicateTarget = "duplicate_target",
    /// A required value is missing.
    MissingRequired = "missing_required",
    /// A person must approve.
    ApprovalRequired = "approval_required",
    /// The request comes with a grant that is not for it, or does not hold.
    ApprovalInvalid = "approval_invalid",
    /// Too many requests or rows.
    RateLimited = "rate_limited",
    /// A sum is used up.
    BudgetExceeded = "budget_exceeded",
    /// Changes add up to too much.
    DriftExceeded = "drift_exceeded",
    /// There is no room to count one thing more.
    StateFull = "state_full",
    /// The permit does not hold at this hour.
    OutsideHours = "outside_hours",
    /// A live secret would leave.
    SecretFound = "secret_found",
    /// The connection would become one that nothing can judge.
    UpgradeNotAllowed = "upgrade_not_allowed",
    /// The gateway does not give the filter what it needs.
    Gateway = "gateway",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}
