//! gzip bodies (RFC 1952), where a page loosens that: one member, nothing behind it, checksum and length as it says.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::reason::{Code, Reason};

/// `1f 8b`, and the only method, DEFLATE.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// Magic, flags, time, extra flags, system.
const HEADER: usize = 10;
/// CRC-32 and length of the contents.
const TRAILER: usize = 8;

/// Flags of the header (RFC 1952 §2.3.1).
mod flag {
    pub(super) const HEADER_CRC: u8 = 1 << 1;
    pub(super) const EXTRA: u8 = 1 << 2;
    pub(super) const NAME: u8 = 1 << 3;
    pub(super) const COMMENT: u8 = 1 << 4;
    pub(super) const RESERVED: u8 = 0b1110_0000;
}

/// What `bytes` hold, at most `limit` bytes. Allocates what the trailer announces, never more than `limit`.
///
/// # Errors
/// A [`Reason`] to deny: readers differ on everything that is no plain single member (some stop at the first member,
/// some go on; some ignore what is behind it, or a wrong checksum).
pub fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Reason> {
    let contents = header(bytes).and_then(|rest| rest.len().checked_sub(TRAILER).map(|at| rest.split_at(at)));
    let Some((deflated, trailer)) = contents else {
        return Err(wrong("is not what its `content-encoding` says"));
    };
    let (Some(crc), Some(length)) = (word(trailer, 0), word(trailer, 4)) else {
        return Err(wrong("is cut off"));
    };
    let length = length as usize;
    // What is announced may be anything, where other bytes stand behind the member: too large is what does inflate so far.
    let mut inflated = alloc::vec![0; length.min(limit)];
    let mut state: Box<DecompressorOxide> = Box::default();
    let (status, read, written) =
        decompress(&mut state, deflated, &mut inflated, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    match status {
        TINFLStatus::Done if read < deflated.len() => Err(wrong("goes on behind the first gzip member")),
        TINFLStatus::Done if written != length => Err(wrong("is not as long as it says")),
        TINFLStatus::Done if crc32(&inflated) != crc => Err(wrong("does not have the checksum it says")),
        TINFLStatus::Done if length == 0 => Err(wrong("holds nothing")),
        TINFLStatus::Done => Ok(inflated),
        TINFLStatus::HasMoreOutput if length > limit => {
            let message =
                format!("the body inflates to more than the {limit} bytes that are judged; send less in one request");
            Err(Reason { code: Code::BodyTooLarge, message, pointer: None })
        }
        TINFLStatus::HasMoreOutput => Err(wrong("is longer than it says")),
        _ => Err(wrong("is damaged or cut off")),
    }
}

/// What stands behind the header.
fn header(bytes: &[u8]) -> Option<&[u8]> {
    let flags = *bytes.get(MAGIC.len())?;
    // Hardly anyone writes a header checksum, and not everyone reads one.
    if !bytes.starts_with(&MAGIC) || flags & (flag::RESERVED | flag::HEADER_CRC) != 0 {
        return None;
    }
    let mut rest = bytes.get(HEADER..)?;
    if flags & flag::EXTRA != 0 {
        let length = u16::from_le_bytes([*rest.first()?, *rest.get(1)?]);
        rest = rest.get(2 + usize::from(length)..)?;
    }
    for text in [flag::NAME, flag::COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    Some(rest)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// CRC-32 of RFC 1952 §8, four bits at a time: a table of 64 bytes instead of 1 KiB in the module.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..2 {
            crc = (crc >> 4) ^ CRC.get((crc & 15) as usize).copied().unwrap_or_default();
        }
    }
    !crc
}

/// The remainders of the sixteen nibbles, polynomial 0xedb88320.
const CRC: [u32; 16] = [
    0x0000_0000,
    0x1db7_1064,
    0x3b6e_20c8,
    0x26d9_30ac,
    0x76dc_4190,
    0x6b6b_51f4,
    0x4db2_6158,
    0x5005_713c,
    0xedb8_8320,
    0xf00f_9344,
    0xd6d6_a3e8,
    0xcb61_b38c,
    0x9b64_c2b0,
    0x86d3_d2d4,
    0xa00a_e278,
    0xbdbd_f21c,
];

fn wrong(what: &str) -> Reason {
    Reason { code: Code::ContentEncoding, message: format!("the gzip body {what}"), pointer: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    /// One member: a header with these flags and fields, the contents, their checksum and length.
    fn gzip(contents: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &[flags, 0, 0, 0, 0, 0, 255], fields].concat();
        bytes.extend(compress_to_vec(contents, 6));
        bytes.extend(crc32(contents).to_le_bytes());
        bytes.extend((contents.len() as u32).to_le_bytes());
        bytes
    }

    fn code(bytes: &[u8], limit: usize) -> Option<Code> {
        inflate(bytes, limit).err().map(|reason| reason.code)
    }

    /// The check value of CRC-32/ISO-HDLC.
    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    /// Written by another implementation: `printf 'amount=100&charge=ch_1' | gzip -n`.
    #[test]
    fn other_writers_are_read() {
        let bytes = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x4b, 0xcc, 0xcd, 0x2f, 0xcd, 0x2b, 0xb1, 0x35,
            0x34, 0x30, 0x50, 0x4b, 0xce, 0x48, 0x2c, 0x4a, 0x4f, 0xb5, 0x4d, 0xce, 0x88, 0x37, 0x04, 0x00, 0x5d, 0x13,
            0x58, 0xfe, 0x16, 0x00, 0x00, 0x00,
        ];
        assert_eq!(inflate(&bytes, 100).unwrap(), b"amount=100&charge=ch_1");
    }

    #[test]
    fn the_optional_fields_are_skipped() {
        for (flags, fields) in [
            (0, &b""[..]),
            (1, b""),
            (flag::NAME, b"a.json\0"),
            (flag::COMMENT, b"\0"),
            (flag::EXTRA, b"\x02\0xy"),
            (flag::EXTRA | flag::NAME | flag::COMMENT, b"\0\0n\0c\0"),
        ] {
            assert_eq!(inflate(&gzip(b"x=1", flags, fields), 3).unwrap(), b"x=1", "{flags}");
        }
    }

    /// What readers disagree on: reserved flags, a header checksum, a second member, anything behind the first one.
    #[test]
    fn one_plain_member_or_a_refusal() {
        let good = gzip(b"x=1", 0, b"");
        let wrong = Some(Code::ContentEncoding);
        for flags in [flag::HEADER_CRC, 0x20, 0x40, 0x80] {
            assert_eq!(code(&gzip(b"x=1", flags, b"\0\0"), 9), wrong, "{flags}");
        }
        for tail in [&b"\0"[..], b"x=2", &good, &[0; 64]] {
            // The end of the tail stands where the length does.
            assert_eq!(code(&[&good, tail].concat(), 99), wrong, "{tail:?}");
        }
        for end in 0..good.len() {
            assert_eq!(code(&good[..end], 99), wrong, "cut at {end}");
        }
        assert_eq!(code(&gzip(b"", 0, b""), 9), wrong);
        assert_eq!(code(b"{\"a\":1}", 9), wrong);
        assert_eq!(code(&[&b"\x78\x9c"[..], &good].concat(), 9), wrong);
    }

    /// No single changed bit passes for the same contents or for others, but in the time and the system.
    #[test]
    fn a_changed_bit_is_noticed() {
        let good = gzip(b"amount=100&charge=ch_1", 0, b"");
        for at in (0..MAGIC.len() + 1).chain(HEADER..good.len()) {
            for bit in 0..8 {
                let mut bytes = good.clone();
                bytes[at] ^= 1 << bit;
                let read = inflate(&bytes, 1000);
                // The flag `FTEXT` says nothing, and DEFLATE has bits of padding.
                assert!(read.is_err() || read.as_deref() == Ok(b"amount=100&charge=ch_1"), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn bombs_are_inflated_to_the_limit_alone() {
        let bomb = gzip(&alloc::vec![b'a'; 1 << 20], 0, b"");
        assert_eq!(code(&bomb, (1 << 20) - 1), Some(Code::BodyTooLarge));
        assert!(inflate(&bomb, 1 << 20).is_ok());
        // One that says it is small is noticed when its announced length is full.
        for lie in [0u32, 100, u32::MAX] {
            let mut bytes = bomb.clone();
            let at = bytes.len() - 4;
            bytes[at..].copy_from_slice(&lie.to_le_bytes());
            let expect = if lie == u32::MAX { Code::BodyTooLarge } else { Code::ContentEncoding };
            assert_eq!(code(&bytes, 1 << 16), Some(expect), "{lie}");
        }
    }
}
