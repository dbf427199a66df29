//! Memory does not grow with the file: 200 MB of each format are read while this test program
//! counts the bytes it has on the heap.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use test_harness::recording::{Format, ReadOptions, Recording, RecordingError};

/// The system's allocator, with a count of live bytes and its peak.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to `System` unchanged; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: the contract of `alloc` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the contract of `dealloc` is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// `head`, then `entry` again and again with `between` in between, then `tail`.
struct Endless {
    head: Vec<u8>,
    entry: Vec<u8>,
    between: &'static [u8],
    tail: &'static [u8],
    left: usize,
    at: usize,
    pulled: Arc<AtomicUsize>,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.head.len() && self.left > 0 {
            self.left -= 1;
            let next = if self.left > 0 { self.between } else { self.tail };
            self.head.clear();
            self.head.extend_from_slice(&self.entry);
            self.head.extend_from_slice(next);
            self.at = 0;
        }
        let ready = &self.head[self.at..];
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.at += count;
        self.pulled.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

const TOTAL: usize = 200_000_000;
const BODY: usize = 100_000;

fn body() -> String {
    "0123456789".repeat(BODY / 10)
}

fn tap() -> (String, String, &'static str, &'static str) {
    let entry = format!(
        r#"{{"http_buffered_trace":{{"request":{{"headers":[{{"key":":method","value":"POST"}}],"body":{{"as_string":"{}"}}}},"response":{{"headers":[{{"key":":status","value":"200"}}]}}}}}}"#,
        body()
    );
    (String::new(), entry, "\n", "\n")
}

/// A response without content-length never ends: each trace is open till the next of its id begins.
fn streamed() -> (String, String, &'static str, &'static str) {
    let entry = format!(
        concat!(
            r#"{{"http_streamed_trace_segment":{{"trace_id":"7","request_headers":{{"headers":[{{"key":":method","value":"POST"}}]}}}}}}"#,
            "\n",
            r#"{{"http_streamed_trace_segment":{{"trace_id":"7","request_body_chunk":{{"as_string":"{}"}}}}}}"#,
            "\n",
            r#"{{"http_streamed_trace_segment":{{"trace_id":"7","response_headers":{{"headers":[{{"key":":status","value":"200"}}]}}}}}}"#,
        ),
        body()
    );
    (String::new(), entry, "\n", "\n")
}

fn har() -> (String, String, &'static str, &'static str) {
    let entry = format!(
        r#"{{"startedDateTime":"2026-01-01T00:00:00Z","request":{{"method":"POST","url":"http://a/","headers":[],"bodySize":{BODY},"postData":{{"text":"{}"}}}},"response":{{"status":0}}}}"#,
        body()
    );
    (r#"{"log":{"version":"1.2","entries":["#.into(), entry, ",", "]}}")
}

fn ndjson() -> (String, String, &'static str, &'static str) {
    let entry = format!(r#"{{"method":"POST","path":"/","headers":[],"body":"{}"}}"#, body());
    (String::new(), entry, "\n", "\n")
}

/// Reads 200 MB and holds the reader to its bounds.
fn read((head, entry, between, tail): (String, String, &'static str, &'static str), format: Format) {
    let (size, left) = (entry.len() + between.len(), TOTAL / entry.len());
    let pulled = Arc::new(AtomicUsize::new(0));
    let source = Endless {
        head: head.into_bytes(),
        entry: entry.into_bytes(),
        between: between.as_bytes(),
        tail: tail.as_bytes(),
        left,
        at: 0,
        pulled: Arc::clone(&pulled),
    };
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let recording =
        Recording::from_reader("generated", source, &ReadOptions::default().with_open_traces(4, 1 << 20)).unwrap();
    assert_eq!(recording.format(), format);
    let mut count = 0;
    for exchange in recording {
        let exchange = exchange.unwrap();
        count += 1;
        assert_eq!(exchange.request.body.bytes().map(<[u8]>::len), Some(BODY));
        // Never further ahead than what may be open, the entry after it and two buffers.
        let ahead = pulled.load(Ordering::Relaxed).saturating_sub(count * size);
        assert!(ahead <= 5 * size + 4 * 65_536, "{format}: {ahead} bytes ahead at {count}");
    }
    assert_eq!(count, left);
    assert!(pulled.load(Ordering::Relaxed) >= TOTAL - size);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert!(peak < 2_000_000, "{format}: {peak} bytes on the heap");
}

/// One test, since the counters belong to the whole program.
#[test]
fn reading_200_mb_takes_less_than_2_mb_of_heap() {
    read(har(), Format::Har);
    read(tap(), Format::Tap);
    read(streamed(), Format::Tap);
    read(ndjson(), Format::Ndjson);
    an_entry_over_the_limit_is_not_kept();
}

/// An entry of 200 MB costs an error, and no more memory than the limit and its growth.
fn an_entry_over_the_limit_is_not_kept() {
    const LIMIT: usize = 1_000_000;
    for (head, tail) in [
        (r#"{"http_buffered_trace":{"request":{"body":{"as_string":""#, "\"}}}}\n"),
        (r#"{"log":{"entries":[{"comment":""#, "\"}]}}"),
        (r#"{"method":"GET","headers":[],"body":""#, "\"}\n"),
    ] {
        let source = Endless {
            head: head.as_bytes().to_vec(),
            entry: body().into_bytes(),
            between: b"",
            tail: tail.as_bytes(),
            left: TOTAL / BODY,
            at: 0,
            pulled: Arc::default(),
        };
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let options = ReadOptions::default().with_entry_limit(LIMIT);
        let mut recording = Recording::from_reader("generated", source, &options).unwrap();
        let error = recording.next().unwrap().unwrap_err();
        assert!(matches!(error, RecordingError::TooLarge { limit: LIMIT, .. }), "{error}");
        assert!(recording.next().is_none());
        let peak = PEAK.load(Ordering::Relaxed) - before;
        assert!(peak < 4 * LIMIT, "{head}: {peak} bytes on the heap");
    }
}
