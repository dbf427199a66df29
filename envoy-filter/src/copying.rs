//! A response's body, copied as it streams by.

use std::cell::Cell;

use crate::host;

thread_local! {
    /// Responses of this VM that are being copied.
    static COPIED: Cell<usize> = const { Cell::new(0) };
}

/// Whether some response of this VM is being copied. Where none is, bodies go by without a look at whose they are.
pub(crate) fn is_copying() -> bool {
    COPIED.try_with(Cell::get).is_ok_and(|copied| copied > 0)
}

/// What is known of a response's body while it goes by.
pub(crate) struct Copying {
    limit: usize,
    length: Option<usize>,
    seen: usize,
}

impl Copying {
    /// Copies a response of at most so many bytes.
    pub(crate) fn begin(limit: usize) -> Self {
        count(|copied| copied.saturating_add(1));
        Self { limit, length: None, seen: 0 }
    }

    /// The largest body that is copied.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The response announces so many bytes.
    pub(crate) fn announce(&mut self, length: Option<usize>) {
        self.length = length;
    }

    /// The `size` bytes that go by now; `None`: they cannot be read, or all of it is too large.
    pub(crate) fn part(&mut self, size: usize) -> Option<Vec<u8>> {
        self.seen = self.seen.saturating_add(size);
        if self.seen > self.limit {
            return None;
        }
        if size == 0 {
            return Some(Vec::new());
        }
        // One byte more than announced is asked for: if the buffer holds more, what is seen is not what goes by.
        host::response_body(size.saturating_add(1)).ok().filter(|part| part.len() == size)
    }

    /// Whether as much has gone by as was announced.
    pub(crate) fn is_whole(&self) -> bool {
        self.length.is_none_or(|length| length == self.seen)
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        count(|copied| copied.saturating_sub(1));
    }
}

/// The thread's storage is gone only when the VM is.
fn count(change: impl FnOnce(usize) -> usize) {
    let _ = COPIED.try_with(|copied| copied.set(change(copied.get())));
}
