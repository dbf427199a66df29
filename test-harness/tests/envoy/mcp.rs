//! The Model Context Protocol for real: its Rust SDK as the agent's client and as the server, the shipped gateway with
//! the filter between them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use rmcp::model::{CallToolRequestParams, CallToolResult, ErrorCode, ProgressNotificationParam};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient, ServiceError, ServiceExt};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::bundle::Policies;
use crate::client_h1::{self, RequestHead};
use crate::shipped_example::{Example, credentials};
use crate::tools_server::{STEPS, ToolsServer};

/// The host of the server, as the policy and the gateway name it.
pub(crate) const HOST: &str = "mcp.example.com";
const AGENT: &str = "pricing-agent";
const KEY: &str = "key-of-pricing";

/// An agent that notes what it is told of the progress of a call.
#[derive(Clone)]
struct Agent {
    seen: watch::Sender<usize>,
}

impl ClientHandler for Agent {
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        assert_eq!(progress.progress, (*self.seen.borrow() + 1) as f64, "no step is missed");
        self.seen.send_modify(|seen| *seen += 1);
    }
}

/// An agent with its server, and the gateway between them.
pub(crate) struct Session {
    agent: RunningService<RoleClient, Agent>,
    server: ToolsServer,
    gateway: Example,
}

impl Session {
    async fn open() -> Self {
        Self::behind(Policies::tools()).await
    }

    pub(crate) async fn behind(policies: Policies) -> Self {
        let (seen, steps) = watch::channel(0);
        let server = ToolsServer::start(steps).await;
        let gateway = Example::with_tools(policies, server.address).await;
        let agent = connect(&gateway, seen, &[]).await;
        Self { agent, server, gateway }
    }

    /// The agent in a session of the protocol in which every request has this header too.
    pub(crate) async fn carrying(self, name: &'static str, value: &str) -> Self {
        let Self { agent, server, gateway } = self;
        agent.cancel().await.expect("the session ends");
        let (seen, _) = watch::channel(0);
        let agent = connect(&gateway, seen, &[(name, value)]).await;
        Self { agent, server, gateway }
    }

    /// The problem document of a call that is refused.
    pub(crate) async fn refused(&self, tool: &'static str, arguments: Value) -> Value {
        let refused = self.call(tool, arguments).await.expect_err("refused");
        let ServiceError::McpError(error) = refused else { panic!("not an error of the protocol: {refused:?}") };
        error.data.expect("the problem document")
    }

    pub(crate) async fn call(&self, tool: &'static str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        let mut call = CallToolRequestParams::new(tool);
        call.arguments = arguments.as_object().cloned();
        self.agent.call_tool(call).await
    }

    pub(crate) fn runs(&self) -> (usize, usize) {
        let runs = &self.server.runs;
        (runs.searched.load(Ordering::SeqCst), runs.deleted.load(Ordering::SeqCst))
    }
}

/// Opens a session of the protocol through the gateway.
async fn connect(
    gateway: &Example,
    seen: watch::Sender<usize>,
    more: &[(&'static str, &str)],
) -> RunningService<RoleClient, Agent> {
    // The gateway stands where a proxy would, so that the agent can name the server by its host.
    let proxy = reqwest::Proxy::http(format!("http://{}", gateway.envoy.address)).expect("a proxy");
    let http = reqwest::Client::builder().proxy(proxy).build().expect("a client");
    let key = HeaderValue::try_from(credentials(AGENT, KEY)).expect("a header");
    let mut headers = HashMap::from([(HeaderName::from_static("x-agent-key"), key)]);
    headers.extend(
        more.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(*value).expect("a header"))),
    );
    let config = StreamableHttpClientTransportConfig::with_uri(format!("http://{HOST}/mcp")).custom_headers(headers);
    let transport = StreamableHttpClientTransport::with_client(http, config);
    Agent { seen }.serve(transport).await.expect("the session opens")
}

/// A19, G1: what is permitted works, what is not is an error that the client understands.
#[tokio::test]
async fn tools_of_the_page_work_and_others_are_an_error_the_client_surfaces() {
    let session = Session::open().await;
    let tools: Vec<String> =
        session.agent.list_all_tools().await.expect("listed").iter().map(|tool| tool.name.to_string()).collect();
    assert_eq!(tools.len(), 3, "{tools:?}");

    let found = session.call("search_products", json!({ "query": "mugs" })).await.expect("allowed");
    assert_eq!(serde_json::to_value(&found.content).expect("content")[0]["text"], "two kinds of mugs");

    let refused = session.call("delete_table", json!({ "table": "orders" })).await.expect_err("refused");
    let ServiceError::McpError(error) = refused else { panic!("not an error of the protocol: {refused:?}") };
    assert_ne!(error.code, ErrorCode::METHOD_NOT_FOUND);
    assert!(error.message.contains("delete_table"), "{}", error.message);
    let problem = error.data.expect("the problem document");
    assert_eq!(problem["decision"], "deny", "{problem}");
    assert_eq!(problem["reasons"][0]["code"], "tool_not_allowed", "{problem}");

    // The session goes on.
    session.call("search_products", json!({ "query": "pots" })).await.expect("allowed");
    assert_eq!(session.runs(), (2, 0));
    session.agent.cancel().await.expect("the session ends");
}

/// A19: nothing of a batch is done when one of its calls is refused.
#[tokio::test]
async fn a_batch_with_one_forbidden_call_does_nothing() {
    let session = Session::open().await;
    let call = |id: u32, name: &str, arguments: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name, "arguments": arguments } });
    let batch =
        json!([call(1, "search_products", json!({ "query": "mugs" })), call(2, "delete_table", json!({ "t": "x" }))]);
    let request = RequestHead::new("POST", "/mcp", HOST)
        .header("x-agent-key", credentials(AGENT, KEY))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .with_body(batch.to_string().as_bytes());
    let answer = client_h1::exchange(session.gateway.envoy.address, &request).await;
    let errors: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let refused: Vec<&Value> = errors.as_array().expect("one answer per call").iter().map(|e| &e["id"]).collect();
    assert_eq!(refused, [1, 2], "{errors}");
    // The first one holds the problem document, once for all.
    assert_eq!(errors[0]["error"]["data"]["reasons"][0]["code"], "tool_not_allowed", "{errors}");
    for error in errors.as_array().expect("a list") {
        assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("delete_table")), "{errors}");
    }
    assert_eq!(session.runs(), (0, 0));
}

/// G1: an answer that is a stream of events for a minute arrives event by event, to its end.
#[tokio::test]
async fn a_stream_of_a_minute_is_neither_held_back_nor_cut() {
    let session = Session::open().await;
    let began = Instant::now();
    // Each step is made when the one before has arrived: were the stream held back, this would not end.
    let exported = tokio::time::timeout(Duration::from_secs(180), session.call("export_report", json!({ "days": 7 })))
        .await
        .expect("the stream goes on")
        .expect("allowed");
    assert_eq!(serde_json::to_value(&exported.content).expect("content")[0]["text"], "exported");
    assert_eq!(*session.agent.service().seen.borrow(), STEPS);
    assert!(began.elapsed() >= Duration::from_secs(60), "{:?}", began.elapsed());
}
