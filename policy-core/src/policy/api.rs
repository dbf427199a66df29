//! What the policy set knows of an API: actions, fields, and how its requests are read.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::call::Calls;
use super::field::Field;
use super::lookup::Lookup;
use super::name::{Name, NamePattern};
use super::rule::{HeaderRuleList, Limit, RuleRef};
use super::sql::SqlReading;
use crate::document::Path;
use crate::number::Decimal;
use crate::secrets::Detector;

/// One API of a page: a catalog bound to hosts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Api {
    /// The template's name for it.
    pub alias: String,
    /// The catalog's name.
    pub catalog: String,
    /// How bodies become operations, where an action does not say otherwise.
    pub decoder: Decoder,
    /// Media types of request bodies, lower case.
    pub types: Vec<String>,
    /// Query names that are harmless on writes.
    pub write_query: Vec<String>,
    /// GraphQL directives that do not change what a root field does.
    pub directives: Vec<String>,
    /// Header names denied unless a rule allows them, lower case.
    pub guarded_headers: Vec<String>,
    /// Query names denied unless a rule allows them.
    pub guarded_query: Vec<NamePattern>,
    /// Headers that are not plain text.
    pub headers: Vec<(String, HeaderShape)>,
    /// Query parameters that are not plain text.
    pub query: Vec<(String, QueryShape)>,
    /// Digits of minor units (cents have two) by currency in lower case, where they differ from ISO 4217.
    pub minor_digits: Vec<(String, u32)>,
    /// What makes this API read a request in an unusual way.
    pub quirks: Quirks,
    /// Rules of the strict profile that the page loosens.
    pub loosen: Loosen,
    /// The catalog's actions.
    pub actions: Vec<Action>,
    /// How texts of SQL in its requests are read.
    pub sql: SqlReading,
    /// What requests to its carriers can name.
    pub calls: Calls,
    /// Header rule of the page for every request to this API.
    pub header_rule: HeaderRuleList,
    /// Limits of the page on every request to this API.
    pub limits: Vec<Limit>,
    /// Largest body judged, in bytes, when the page loosens the gateway's.
    pub body_limit: Option<u32>,
    /// Where an answer holds something only in a failure, whatever its status.
    pub failure: Option<Path>,
    /// How old an answer may be that the agent itself got and that lookups use, in milliseconds; 0: they use none.
    pub fresh_ms: u64,
}

/// How bodies become operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decoder {
    /// A JSON document is one operation, or one per row where the action says so.
    Json,
    /// PostgREST: rows from the filter of the query or the elements of the body.
    Postgrest,
    /// `application/x-www-form-urlencoded`, brackets nesting: read into a tree, then as JSON.
    Form,
    /// JSON-RPC 2.0, and MCP over it: the body names a method or a tool.
    Jsonrpc,
    /// GraphQL over HTTP: the root fields of the operation that is executed.
    Graphql,
    /// Google's `multipart/mixed` batches: each part is a request.
    GoogleBatch,
}

impl Decoder {
    /// The media type of bodies, where the catalog does not list any.
    #[must_use]
    pub fn default_type(self) -> &'static str {
        match self {
            Self::Json | Self::Postgrest | Self::Jsonrpc | Self::Graphql => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::GoogleBatch => "multipart/mixed",
        }
    }

    /// The catalog's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Postgrest => "postgrest",
            Self::Form => "form",
            Self::Jsonrpc => "jsonrpc",
            Self::Graphql => "graphql",
            Self::GoogleBatch => "google_batch",
        }
    }

    /// Whether an endpoint that is read so only *carries* operations: the request is none itself, what it holds is.
    #[must_use]
    pub fn carries(self) -> bool {
        match self {
            Self::Json | Self::Postgrest | Self::Form => false,
            Self::Jsonrpc | Self::Graphql | Self::GoogleBatch => true,
        }
    }

    /// Whether a page may add media types whose bodies are JSON.
    #[must_use]
    pub fn takes_json_types(self) -> bool {
        matches!(self, Self::Json | Self::Postgrest)
    }
}

/// What an action does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// No lasting effect.
    Read,
    /// Reversible, local write.
    Safe,
    /// Fit for an approval.
    Gate,
    /// One-way: cannot be undone, moves money, talks to people.
    Door,
    /// Stops an effect.
    Brake,
}

impl Effect {
    /// The catalog's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Safe => "safe",
            Self::Gate => "gate",
            Self::Door => "door",
            Self::Brake => "brake",
        }
    }
}

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the methods of RFC 9110 and RFC 5789 are their own documentation")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Exact and upper case; OPTIONS, TRACE, CONNECT and extensions are not judged and have no value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    /// The method as it stands in a request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// GET and HEAD: methods whose requests have no body.
    #[must_use]
    pub fn is_bodiless(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    /// The method whose routes answer this one: HEAD is allowed wherever GET is.
    #[must_use]
    pub fn routed_as(self) -> Self {
        if self == Self::Head { Self::Get } else { self }
    }
}

/// One action of a catalog's resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Action {
    /// `resource.action`.
    pub name: String,
    /// The resource alone.
    pub resource: String,
    /// What it does.
    pub effect: Effect,
    /// The resource's fields as this action spells them, sorted by name.
    pub fields: Vec<Field>,
    /// Named sums of products over request values.
    pub values: Vec<(String, Formula)>,
    /// The field `*`: any other name is a member below this path.
    pub open_fields: Option<Path>,
    /// Lists whose elements are operations of their own.
    pub rows: Vec<RowList>,
    /// What addresses one resource.
    pub key: Option<Name>,
    /// What is taken off the beginning of the key, so that every door spells it alike (`gid://shopify/Product/`).
    pub key_prefix: Option<String>,
    /// Filters that a scope target may name.
    pub filters: Vec<Filter>,
    /// How the present is looked up; each name once.
    pub lookups: Vec<Lookup>,
    /// How the bodies of its endpoints become operations.
    pub decoder: Decoder,
    /// What a request of it must carry.
    pub condition: Option<Condition>,
    /// Its texts that hold operations of their own.
    pub inner: Vec<Inner>,
    /// Rules whose scope names this action.
    pub rules: Vec<RuleRef>,
}

impl Action {
    /// Whether its requests only carry operations, by call or by row: nothing grants it itself.
    #[must_use]
    pub fn is_carrier(&self) -> bool {
        self.decoder.carries() || !self.rows.is_empty()
    }

    /// The lookup of this name.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<&Lookup> {
        self.lookups.iter().find(|lookup| lookup.name == name)
    }

    /// A key without the prefix that some endpoints write before it.
    #[must_use]
    pub fn stripped_key<'t>(&self, text: &'t str) -> &'t str {
        self.key_prefix.as_deref().and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
        self.fields.get(index)
    }
}

/// What a write must carry, so that the API refuses it where what it changes has changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// A header, a query parameter or a place in the operation's document.
    pub name: Name,
    /// What its value must be: a name of the present.
    pub equals: Option<Name>,
}

/// A sum of products.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Formula {
    /// Once per element of the array at one of these places; empty: once.
    pub each: Vec<Path>,
    /// Terms that are added.
    pub terms: Vec<Vec<Term>>,
}

/// One factor of a product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Term {
    /// A constant.
    Constant(Decimal),
    /// A value of the request or of the present.
    Name(Name),
    /// A place in the element.
    Element(Path),
}

/// A filter of a scope target, on the request or on the present.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Filter {
    /// Its name.
    pub name: String,
    /// What it looks at.
    pub source: Name,
}

/// Elements of a list that are operations of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowList {
    /// Where the list stands.
    pub at: Path,
    /// Index of the action each element is.
    pub action: u32,
    /// What addresses the row.
    pub key: Option<Path>,
    /// In the arguments of a call: what says whose rows they are.
    pub parent: Option<Path>,
}

/// A text of an action that holds operations of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Inner {
    /// SQL: the operation is what its statements do.
    Sql {
        /// Where the text may stand.
        at: Vec<Path>,
        /// Index of the action that a statement is which only reads.
        select: u32,
        /// Index of the action that any other statement is.
        write: u32,
    },
    /// A language that this version cannot judge: nothing grants the action.
    Unread,
}

/// How a header's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderShape {
    /// `name=value` tokens, comma separated; each is addressed on its own.
    Params,
    /// Comma separated values.
    List,
}

/// How a query parameter's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryShape {
    /// Comma separated items, quotes optional.
    List,
}

/// Ways in which an API reads a request that others do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quirks {
    /// PHP mangles parameter names and merges query, form and JSON.
    pub php_names: bool,
    /// Paths are compared without regard to ASCII case: a forbid does so too.
    pub case_insensitive: bool,
}

/// Rules of the strict profile that a page loosens, each by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loosen {
    /// A trailing slash is the same path.
    pub trailing_slash: bool,
    /// Variables that may hold an encoded slash.
    pub encoded_slash: Vec<String>,
    /// More media types whose bodies are JSON.
    pub json_types: Vec<String>,
    /// Credential names that may stand in the query.
    pub query_credentials: Vec<NamePattern>,
    /// More query names that are harmless on writes.
    pub write_query: Vec<String>,
    /// One resource may occur twice in a request.
    pub duplicate_rows: bool,
    /// gzip bodies are inflated.
    pub gzip: bool,
    /// A select may embed tables that the rule's filter does not list.
    pub embedding: bool,
    /// Every part of a multipart batch is judged as a request.
    pub google_batch: bool,
    /// Every element of a JSON-RPC array is an operation.
    pub jsonrpc_batch: bool,
    /// Tool calls may hold answers to what the server asked for: nothing judges them.
    pub mcp_input: bool,
    /// Detectors of secrets that are off.
    pub secrets: Vec<Detector>,
}
