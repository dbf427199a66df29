//! Many connections to a gateway at once: so many that each of its workers has some of them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::client_h1::Connection;
use crate::deadline::within;

/// Opens so many.
pub(crate) async fn open(address: SocketAddr, count: usize) -> Vec<Connection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(Connection::open(address).await);
    }
    connections
}

/// Sends a request on all of them at the same time: the connections, and what each got.
pub(crate) async fn ask_all(connections: Vec<Connection>, request: &[u8]) -> (Vec<Connection>, Vec<Answer>) {
    let mut clients = JoinSet::new();
    for mut connection in connections {
        let request = request.to_owned();
        clients.spawn(async move {
            let answer = connection.exchange(&request).await;
            (connection, answer)
        });
    }
    clients.join_all().await.into_iter().unzip()
}

/// Asks on each until it is judged by this policy: each worker takes an update when it gets to it.
pub(crate) async fn await_policy(connections: &mut [Connection], request: &[u8], digest: &str) {
    for connection in connections {
        within(Duration::from_secs(20), "answer by the new policy", async {
            while connection.exchange(request).await.digest() != digest {}
        })
        .await;
    }
}
