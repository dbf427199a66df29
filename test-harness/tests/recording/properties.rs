//! Properties that hold for every exchange and every way the bytes may arrive.

use std::io::{self, Read};
use std::path::Path;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use test_harness::recording::{
    Exchange, Field, Format, Ids, Place, Position, ReadOptions, RecordedBody, RecordedRequest, RecordedResponse,
    Recording, ndjson,
};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![any::<String>().prop_map(String::into_bytes), vec(any::<u8>(), 0..40)]
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    vec(("x-[a-z\u{e9}]{1,8}".prop_map(String::into_bytes), bytes()), 0..4)
}

fn body() -> impl Strategy<Value = RecordedBody> {
    let some = || bytes().prop_filter("a body has bytes", |bytes| !bytes.is_empty());
    prop_oneof![
        Just(RecordedBody::Empty),
        some().prop_map(RecordedBody::Complete),
        (bytes(), any::<String>()).prop_map(|(seen, reason)| RecordedBody::Truncated { seen, announced: None, reason }),
        any::<String>().prop_map(|reason| RecordedBody::Missing { reason }),
        any::<String>().prop_map(|reason| RecordedBody::Undecodable { reason }),
    ]
}

fn request() -> impl Strategy<Value = RecordedRequest> {
    let pseudo = (any::<String>(), any::<String>(), "[A-Z]{1,7}", option::of("https?"));
    (pseudo, fields(), body(), fields(), any::<bool>()).prop_map(
        |((authority, path, method, scheme), fields, body, trailers, announce)| {
            let mut headers = vec![
                (b":authority".to_vec(), authority.into_bytes()),
                (b":path".to_vec(), path.into_bytes()),
                (b":method".to_vec(), method.into_bytes()),
            ];
            headers.extend(scheme.map(|scheme| (b":scheme".to_vec(), scheme.into_bytes())));
            headers.extend(fields);
            let body = match body {
                RecordedBody::Complete(bytes) if announce => {
                    let length = bytes.len().to_string().into_bytes();
                    headers.push((b"content-length".to_vec(), length));
                    RecordedBody::Complete(bytes)
                }
                RecordedBody::Truncated { seen, reason, .. } if announce => {
                    headers.push((b"content-length".to_vec(), b"4096".to_vec()));
                    RecordedBody::Truncated { seen, announced: Some(4096), reason }
                }
                body => body,
            };
            RecordedRequest { headers, body, trailers, ..RecordedRequest::default() }
        },
    )
}

fn response() -> impl Strategy<Value = RecordedResponse> {
    (200_u16..600, fields(), body(), fields(), any::<bool>())
        .prop_filter("204 and 304 have no body", |(status, ..)| ![204, 304].contains(status))
        .prop_map(|(status, fields, body, trailers, decoded)| {
            let mut headers = vec![(b":status".to_vec(), status.to_string().into_bytes())];
            headers.extend(fields);
            RecordedResponse { status, headers, body, trailers, decoded }
        })
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let time = option::of(0_i64..4_000_000_000_000_000_000);
    (time, request(), option::of(response())).prop_map(|(time, request, response)| Exchange {
        index: 0,
        position: Position { file: "rec".into(), place: Place::Line(1) },
        time: time.map(|n| jiff::Timestamp::from_nanosecond(i128::from(n)).unwrap()),
        request,
        response,
        ids: Ids::default(),
    })
}

/// Hands out at most so many bytes a call, in turn.
struct Chunked {
    bytes: Vec<u8>,
    at: usize,
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Chunked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()];
        self.turn += 1;
        let rest = &self.bytes[self.at..];
        let count = size.min(rest.len()).min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

fn read(bytes: Vec<u8>, sizes: Vec<usize>, format: Option<Format>) -> Vec<String> {
    let mut options = ReadOptions::default();
    options.format = format;
    let source = Chunked { bytes, at: 0, sizes, turn: 0 };
    match Recording::from_reader("rec", source, &options) {
        Err(error) => vec![error.to_string()],
        Ok(recording) => recording.map(|item| format!("{item:?}")).collect(),
    }
}

fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings");
    let mut samples: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect();
    samples.sort();
    assert!(samples.len() >= 10, "the recordings for tests are missing");
    samples
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ndjson_holds_an_exchange_exactly(mut exchange in exchange()) {
        let mut line = Vec::new();
        ndjson::write(&exchange, &mut line).unwrap();
        prop_assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let source = std::io::Cursor::new(line.clone());
        let recording = Recording::from_reader("rec", source, &ReadOptions::default()).unwrap();
        prop_assert_eq!(recording.format(), Format::Ndjson);
        let read: Vec<_> = recording.map(Result::unwrap).collect();
        exchange.ids = read[0].ids.clone();
        prop_assert_eq!(read, [exchange]);
    }

    #[test]
    fn chunks_do_not_matter(sizes in vec(prop_oneof![1..8_usize, 1..70_000_usize], 1..20)) {
        for (name, bytes) in samples() {
            let whole = read(bytes.clone(), vec![usize::MAX], None);
            prop_assert_eq!(read(bytes, sizes.clone(), None), whole, "{}", name);
        }
    }

    /// It does not panic, comes to an end, and says the same in whatever pieces the file comes.
    #[test]
    fn damaged_files_are_read_to_an_end(
        sample in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in option::of(any::<prop::sample::Index>()),
        format in prop::sample::select(Format::ALL.to_vec()),
    ) {
        let samples = samples();
        let (_, mut bytes) = sample.get(&samples).clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        for format in [None, Some(format)] {
            let whole = read(bytes.clone(), vec![usize::MAX], format);
            prop_assert_eq!(read(bytes.clone(), vec![7, 4_096], format), whole);
        }
    }
}
