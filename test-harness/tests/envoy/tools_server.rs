//! An MCP server by the protocol's Rust SDK, on streamable HTTP: three tools, and a record of what they did.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ProgressNotificationParam, RequestMetaObject};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, Peer, RoleServer, tool, tool_router};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How often each tool has run.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) searched: AtomicUsize,
    pub(crate) deleted: AtomicUsize,
}

/// The server, running.
pub(crate) struct ToolsServer {
    pub(crate) address: SocketAddr,
    pub(crate) runs: Arc<Runs>,
}

/// Steps of a report, and the time between two of them: a minute in all.
pub(crate) const STEPS: usize = 12;
const STEP: Duration = Duration::from_secs(5);

impl ToolsServer {
    /// Starts it. `seen` is the number of steps of a report that have arrived at the client: the next one is made
    /// only then.
    pub(crate) async fn start(seen: watch::Receiver<usize>) -> Self {
        let runs = Arc::new(Runs::default());
        let tools = Tools { runs: Arc::clone(&runs), seen };
        let config = StreamableHttpServerConfig::default().with_allowed_hosts([crate::mcp::HOST]);
        let sessions = Arc::new(LocalSessionManager::default());
        let service = StreamableHttpService::new(move || Ok(tools.clone()), sessions, config);
        let router = axum::Router::new().nest_service("/mcp", service);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        Self { address, runs }
    }
}

#[derive(Clone)]
struct Tools {
    runs: Arc<Runs>,
    seen: watch::Receiver<usize>,
}

#[derive(Deserialize, rmcp::schemars::JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Search {
    query: String,
}

#[tool_router(server_handler)]
impl Tools {
    #[tool]
    async fn search_products(&self, Parameters(search): Parameters<Search>) -> Result<String, ErrorData> {
        self.runs.searched.fetch_add(1, Ordering::SeqCst);
        Ok(format!("two kinds of {}", search.query))
    }

    #[tool]
    async fn delete_table(&self) -> Result<String, ErrorData> {
        self.runs.deleted.fetch_add(1, Ordering::SeqCst);
        Ok("dropped".to_owned())
    }

    /// Says how far it is, one step at a time, over the answer's event stream.
    #[tool]
    async fn export_report(&self, meta: RequestMetaObject, client: Peer<RoleServer>) -> Result<String, ErrorData> {
        let token = meta.get_progress_token().ok_or_else(|| ErrorData::invalid_params("no progress token", None))?;
        let mut seen = self.seen.clone();
        for step in 1..=STEPS {
            let progress = ProgressNotificationParam::new(token.clone(), step as f64).with_total(STEPS as f64);
            client.notify_progress(progress).await.map_err(|e| ErrorData::internal_error(e.to_string(), None))?;
            seen.wait_for(|seen| *seen >= step)
                .await
                .map_err(|_| ErrorData::internal_error("nobody looks any more", None))?;
            // Not a wait for something: the stream is to last.
            tokio::time::sleep(STEP).await;
        }
        Ok("exported".to_owned())
    }
}
