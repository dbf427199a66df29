//! Payment card numbers (ISO/IEC 7812): an issuer's prefix and length, and the Luhn digit.
//!
//! One identifier in forty of 16 digits passes all of that by chance, so how a number is written decides:
//!
//! | written | refused |
//! |---|---|
//! | in the groups of its issuer (`4-4-4-4`, `4-6-5`, `4-6-4`; a hyphen, or one or two blanks, between each two) | always |
//! | plain, of at most four different digits, as published examples are | 15 and 16 digits |
//! | plain, in prose, where the word before it does not call it something else (`order`, `id`, `tracking` …) | 15 and 16 digits |
//! | plain, anything else: a whole string, a number, part of a URL or list | where its text, or a name above it, speaks of cards |
//!
//! A number that is part of something longer (more digits, a word, a decimal, a UUID, an IBAN) is none.

use super::detector::Detector;
use super::sign::{Plain, Sign};
use super::stretch::{before, inside_word, run};

/// Lengths of the groups in which cards print their numbers.
const GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// Digits of the longest number.
const LONGEST: usize = 19;

/// What says that a number is a card's.
const CARD_WORDS: [&str; 9] = ["card", "visa", "amex", "american express", "cvc", "cvv", "karte", "carte", "tarjeta"];

/// What says that a number is something else's.
const OTHER_WORDS: [&str; 40] = [
    "account",
    "asin",
    "barcode",
    "batch",
    "bestellung",
    "campaign",
    "case",
    "code",
    "customer",
    "ean",
    "gtin",
    "iban",
    "id",
    "ids",
    "imei",
    "invoice",
    "isbn",
    "item",
    "job",
    "konto",
    "no",
    "nr",
    "num",
    "number",
    "order",
    "parcel",
    "phone",
    "product",
    "rechnung",
    "ref",
    "reference",
    "run",
    "serial",
    "shipment",
    "sku",
    "tel",
    "ticket",
    "tracking",
    "transaction",
    "user",
];

/// Whether a number can begin with so many digits: a group, or the whole of it.
pub(super) const fn may_begin_with(digits: usize) -> bool {
    matches!(digits, 4 | 13..=LONGEST)
}

/// Reads the number whose first digit stands at `at`; also, where to go on.
pub(super) fn number(bytes: &[u8], at: usize) -> (Option<Sign>, usize) {
    let digits = run(bytes, at, |byte| byte.is_ascii_digit());
    let end = at + digits.len();
    if inside_word(bytes, at) || bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        // Digits of a longer word, a digest for one: no secret begins before its end.
        return (None, at + run(bytes, at, |byte| byte.is_ascii_alphanumeric()).len());
    }
    if before(bytes, at) == Some(b'_') {
        let letter = at.checked_sub(1).and_then(|at| before(bytes, at)).is_some_and(|byte| byte.is_ascii_alphabetic());
        if !letter || (digits.len() != 4 && !speaks_of_cards(word_before(bytes, at))) {
            return (None, end);
        }
    }
    if digits.len() == 4
        && let Some(end) = grouped(bytes, at)
    {
        return (Some(Sign::Secret(Detector::Card)), end);
    }
    let plain = (13..=LONGEST).contains(&digits.len()) && is_card_number(digits) && !is_part(bytes, at, end);
    (plain.then(|| Sign::PlainCard(written(bytes, at, digits))), end)
}

/// Whether a text that holds such a number tells a card's by itself.
pub(crate) fn in_text(plain: Plain, text: &[u8]) -> bool {
    match plain {
        Plain::Repetitive => true,
        Plain::Prose => text.iter().any(u8::is_ascii_alphabetic),
        Plain::Alone => speaks_of_cards(text),
    }
}

/// Whether a text, or a name, holds a word for cards.
pub(crate) fn speaks_of_cards(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(b"pan")
        || CARD_WORDS.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())))
}

/// The end of a number in an issuer's groups.
fn grouped(bytes: &[u8], at: usize) -> Option<usize> {
    let first = separator(bytes, at + 4)?;
    if goes_before(bytes, at, first) {
        return None;
    }
    GROUPS.iter().find_map(|groups| {
        let mut digits = [0; LONGEST];
        let mut length = 0;
        let mut end = at;
        for (nth, expected) in groups.iter().enumerate() {
            if nth > 0 {
                // Blanks are all one; a hyphen is none.
                let between = separator(bytes, end)?;
                if (between == b"-") != (first == b"-") {
                    return None;
                }
                end += between.len();
            }
            let group = run(bytes, end, |byte| byte.is_ascii_digit());
            if group.len() != *expected {
                return None;
            }
            digits.get_mut(length..length + group.len())?.copy_from_slice(group);
            length += group.len();
            end += group.len();
        }
        let whole = !goes_behind(bytes, end, first);
        (whole && is_card_number(digits.get(..length)?)).then_some(end)
    })
}

/// What stands at `at` between two groups: a hyphen, or one or two blanks.
fn separator(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = match bytes.get(at)? {
        b'-' => 1,
        _ => match blank(bytes, at) {
            0 => return None,
            one => one + blank(bytes, at + one),
        },
    };
    bytes.get(at..at + length)
}

/// The length of the blank at `at`; 0 for none. In UTF-8: U+00A0, U+2007, U+2009, U+202F.
fn blank(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..).unwrap_or_default() {
        [b' ' | b'\t', ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        [0xe2, 0x80, 0x87 | 0x89 | 0xaf, ..] => 3,
        _ => 0,
    }
}

/// Whether a grouped number continues what stands before it: more groups, or the country of an IBAN.
fn goes_before(bytes: &[u8], at: usize, separator: &[u8]) -> bool {
    let ahead = bytes.get(..at).unwrap_or_default();
    match ahead.strip_suffix(separator) {
        // Behind a word a hyphen ends it (`card-4111-…`).
        Some(ahead) if separator == b"-" => ahead.last().is_some_and(u8::is_ascii_digit),
        Some(ahead) => {
            let word = word_before(bytes, ahead.len());
            let iban = matches!(word, [a, b, c, d] if a.is_ascii_uppercase() && b.is_ascii_uppercase()
                && c.is_ascii_digit() && d.is_ascii_digit());
            iban || (word.len() >= 4 && word.iter().all(u8::is_ascii_digit))
        }
        // The end of a decimal; behind a word a dot ends it (`no.4111 …`).
        None => matches!(ahead, [.., digit, b'.'] if digit.is_ascii_digit()),
    }
}

/// Whether a grouped number goes on behind `end`. A date or a card code of up to three digits may follow a blank.
fn goes_behind(bytes: &[u8], end: usize, separator: &[u8]) -> bool {
    let behind = bytes.get(end..).unwrap_or_default();
    if behind.first().copied().is_some_and(is_word) {
        return true;
    }
    if !behind.starts_with(separator) {
        return false;
    }
    let group = run(behind, separator.len(), |byte| byte.is_ascii_digit());
    if separator == b"-" { !group.is_empty() } else { group.len() > 3 }
}

/// Whether plain digits are part of a word, a decimal or a longer number.
fn is_part(bytes: &[u8], at: usize, end: usize) -> bool {
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    bytes.get(end).copied().is_some_and(is_word)
        || (before(bytes, at) == Some(b'.') && digit(at.checked_sub(2)))
        || (bytes.get(end) == Some(&b'.') && digit(Some(end + 1)))
}

fn written(bytes: &[u8], at: usize, digits: &[u8]) -> Plain {
    let mut different = [false; 10];
    for digit in digits {
        if let Some(seen) = different.get_mut(usize::from(digit.wrapping_sub(b'0'))) {
            *seen = true;
        }
    }
    if !matches!(digits.len(), 15 | 16) {
        return Plain::Alone;
    }
    if different.iter().filter(|seen| **seen).count() <= 4 {
        return Plain::Repetitive;
    }
    let end = at + digits.len();
    let open =
        |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_whitespace() || b"()[]<>\"'`:,;*!|".contains(&byte));
    let closed = bytes.get(end).copied();
    let stop = closed == Some(b'.') || closed == Some(b'?');
    if !open(before(bytes, at)) || !(open(closed) || stop) {
        return Plain::Alone;
    }
    // The word before it, over punctuation: `order no.: 4…`
    let gap = bytes.get(at.saturating_sub(4)..at).unwrap_or_default();
    let gap = gap.iter().rev().take_while(|byte| !is_word(**byte)).count();
    let word = word_before(bytes, at - gap);
    let word = word.rsplit(|byte| *byte == b'_').next().unwrap_or_default();
    let other = OTHER_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    if other { Plain::Alone } else { Plain::Prose }
}

/// The word that ends before `at`, or its last 16 bytes.
fn word_before(bytes: &[u8], at: usize) -> &[u8] {
    let near = bytes.get(at.saturating_sub(16)..at).unwrap_or_default();
    let length = near.iter().rev().take_while(|byte| is_word(**byte)).count();
    near.get(near.len() - length..).unwrap_or_default()
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// An issuer's prefix, its length, and the Luhn digit.
fn is_card_number(digits: &[u8]) -> bool {
    let prefix = digits.iter().take(4).fold(0u32, |prefix, digit| prefix * 10 + u32::from(digit.wrapping_sub(b'0')));
    let issued = match (prefix, digits.len()) {
        // Visa
        (4000..=4999, 13 | 16 | 19)
        // Mastercard
        | (2221..=2720 | 5100..=5599, 16)
        // American Express
        | (3400..=3499 | 3700..=3799, 15)
        // Diners Club
        | (3000..=3059 | 3600..=3699 | 3800..=3999, 14)
        // JCB
        | (3528..=3589, 16)
        // Discover
        | (6011 | 6440..=6599, 16)
        // UnionPay
        | (6200..=6299, 16 | 19) => true,
        _ => false,
    };
    issued && luhn(digits)
}

/// ISO/IEC 7812-1, annex B: the sum of the digits, every second one from the right doubled, ends in 0.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(digit, doubled)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            match digit * 2 {
                _ if !doubled => digit,
                twice @ 0..=9 => twice,
                twice => twice - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
