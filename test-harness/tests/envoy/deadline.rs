//! Waiting: for a future or for a condition, never for an amount of time.

use std::future::Future;
use std::time::{Duration, Instant};

/// Awaits `future`; fails the test with `what` when it takes longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("no {what} within {limit:?}"))
}

/// Asks until `probe` gives a value; fails the test with `what` after `limit`.
pub(crate) async fn until<T, F>(limit: Duration, what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
