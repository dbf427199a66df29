//! Bounds on everything an agent can send. What passes a bound is refused, never cut.

/// Longest raw request target (path and query), in bytes.
pub const TARGET_BYTES: usize = 16 * 1024;
/// Most segments in a path.
pub const PATH_SEGMENTS: usize = 64;
/// Most name/value pairs in a query.
pub const QUERY_PAIRS: usize = 500;
/// Most request headers.
pub const HEADERS: usize = 200;
/// Deepest nesting of a JSON document (objects and arrays).
pub const JSON_DEPTH: usize = 32;
/// Most values in one JSON document: 65,536 nodes take about 3 MiB while a request is judged.
pub const JSON_VALUES: usize = 65_536;
/// Most values in a template or catalog.
#[cfg(feature = "author")]
pub const SOURCE_VALUES: usize = 4_000_000;
/// Most name/value pairs in a form. PHP reads the first 1,000 and drops the rest (`max_input_vars`).
pub const FORM_PAIRS: usize = 500;
/// Most requests in one multipart batch: Gmail's bound (Calendar takes up to 1,000).
pub const GOOGLE_BATCH_PARTS: usize = 100;
/// Longest text that is read as SQL, in bytes: its tokens take about 1.5 MiB while they are read.
pub const SQL_BYTES: usize = 64 * 1024;
/// Deepest nesting of an SQL text: queries, parentheses, calls.
pub const SQL_DEPTH: u32 = 64;
/// Most tokens in one GraphQL document, as common servers bound them.
pub const GRAPHQL_TOKENS: usize = 15_000;
/// Deepest nesting of a GraphQL document (selection sets and values).
pub const GRAPHQL_DEPTH: usize = 64;
/// Significant digits of a number that is held exactly.
pub const DIGITS: u32 = 18;
/// Most operations in one request.
pub const OPERATIONS: usize = 1_000;
/// Longest id of a JSON-RPC request, in bytes of its JSON: it is repeated in the answer to a refused request.
pub const RPC_ID_BYTES: usize = 256;
/// Longest id of an MCP session, in bytes.
pub const RPC_SESSION_BYTES: usize = 1024;
/// Most reasons that one decision names; more are counted.
pub const REASONS: usize = 16;
/// Longest piece of a request that is repeated in a reason, in characters.
pub const QUOTED_CHARS: usize = 64;
/// Longest name of an agent without a page that an event repeats, in bytes.
pub const UNKNOWN_AGENT_BYTES: usize = 256;
/// Longest value of a header, a claim or a certificate that names an agent, in bytes: the longest SPIFFE ID (SPIFFE-ID §2.3).
pub const IDENTITY_BYTES: usize = 2048;
/// Default size of a body that is judged, in KiB.
pub const BODY_KIB: u32 = 256;
/// Largest body size that a gateway document may ask for, in KiB.
pub const BODY_KIB_MAX: u32 = 16 * 1024;
/// Default time a request may wait for its body, in milliseconds.
pub const BODY_TIMEOUT_MS: u64 = 15_000;
/// Largest automaton that one pattern may become, in bytes.
pub const PATTERN_BYTES: usize = 256 * 1024;
/// Most resources that one request may need as they are now.
pub const LOOKUPS: usize = 200;
/// Most calls that look them up.
pub const FETCHES: usize = 64;
/// Most resources that one list call asks for: fewer than the pages of the usual APIs.
pub const LISTED_KEYS: usize = 50;
/// How long the lookups of one request may take together, in milliseconds, if the gateway document does not say.
pub const LOOKUP_TIMEOUT_MS: u64 = 2_000;
/// Calls for one request at a time, if the gateway document does not say.
pub const LOOKUPS_PARALLEL: u32 = 8;
/// Longest `fresh` of an API, in milliseconds.
pub const FRESH_MS_MAX: u64 = 60_000;
/// Most rounds of lookups: the second is for what the first must be known for.
pub const LOOKUP_ROUNDS: usize = 2;
/// Largest answer to one lookup, in bytes.
pub const ANSWER_BYTES: usize = 1024 * 1024;
/// Most values in all answers together.
pub const ANSWER_VALUES: usize = 4 * JSON_VALUES;
/// Longest value of a variable in the address of a lookup, in bytes.
pub const VARIABLE_BYTES: usize = 255;
/// Longest key of a counter that is kept as it is, in bytes; of longer ones the SHA-256.
pub const COUNTER_KEY_BYTES: usize = 96;
/// Memory for all slots of one reach, in KiB, if the gateway document does not say: taken when it is used.
pub const COUNTERS_KIB: u32 = 64 * 1024;
/// Most memory for counters that a gateway document may ask for, in KiB.
pub const COUNTERS_KIB_MAX: u32 = 1024 * 1024;
/// Part of that memory which a candidate's counters may take besides: one in so many.
pub const CANDIDATE_COUNTERS_PART: u32 = 4;
/// Largest slot of counters, in bytes.
pub const SLOT_BYTES: usize = 4 * 1024;
/// Most slots of one counter.
pub const COUNTER_SLOTS: u32 = 1_024;
/// Most tries to set a slot that others set as well.
pub const CAS_TRIES: usize = 32;
/// Longest signed message (grant, session token, command) that is read, in bytes.
pub const SIGNED_BYTES: usize = 4 * 1024;
/// Most grants of one request: each is of a role of its own.
pub const GRANTS: usize = 8;
/// Slots for approvals that have been used: about 10,000 for which a grant could still hold.
pub const SPENT_SLOTS: u32 = 64;
/// Most bytes of the words of a ticket.
pub const WORDS_BYTES: usize = 12 * 1024;
/// Longest value that a ticket repeats whole, in bytes with its escapes.
pub const WORD_BYTES: usize = 400;
/// The same of a text beside the operations: a GraphQL document, a statement.
pub const WORD_TEXT_BYTES: usize = 1_600;
/// Longest id that a signed message, a key or a session has, in bytes.
pub const ID_BYTES: usize = 128;
/// Longest time that a session token may hold, in seconds: 30 days.
pub const SESSION_SECONDS: u64 = 30 * 86_400;
/// Longest time that a session token may hold with which critical permits are used, in seconds.
pub const CRITICAL_SESSION_SECONDS: u64 = 2 * 3_600;
/// How far the clock of who issues session tokens may run ahead, in seconds.
pub const CLOCK_SKEW_SECONDS: u64 = 60;
/// Most keys in a gateway document.
#[cfg(feature = "author")]
pub const KEYS: usize = 256;
/// Longest reason of a pause or a command, in bytes.
pub const REASON_BYTES: usize = 200;
/// Longest life of a command, in seconds: so long it is remembered.
pub const COMMAND_SECONDS: u64 = 300;
/// How far a command may come from the future, in seconds: clocks differ.
pub const COMMAND_SKEW_SECONDS: u64 = 30;
/// Longest time for which the end of a session is remembered, in days: no token of one holds longer.
pub const ENDED_DAYS: u64 = 31;
/// Most agents that are paused by commands at a time. All agents can be paused besides.
pub const PAUSES: usize = 200;
/// Most pauses by tripwires at a time.
pub const TRIPPED: usize = 2_000;
/// Most commands that are remembered, each until it is void: more in that time are refused.
pub const COMMANDS: usize = 200;
/// Commands beyond that, for those that pause all agents.
pub const URGENT_COMMANDS: usize = 16;
/// For how long the end of a session is remembered whose longest token nobody names, in seconds: so long after it one that
/// was issued before it may hold.
pub const ENDED_SECONDS: u64 = SESSION_SECONDS + CLOCK_SKEW_SECONDS;
/// Slots for sessions that have ended before their time: room for tens of thousands.
pub const ENDED_SLOTS: u32 = 512;
/// Most tripwires of a page.
pub const TRIPWIRES: usize = 16;
/// The agent's last requests that the record of a tripwire holds.
pub const ACTIONS: usize = 50;
/// Slots of one agent for values that fields had before.
pub const REVERT_SLOTS: u32 = 32;
/// Largest answer that is read for whether it says that the request failed, in bytes.
pub const OUTCOME_BYTES: usize = 64 * 1024;
