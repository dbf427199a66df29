//! What the contents of a string mean (specification §2.9.4).

use alloc::string::String;

/// The character of the escape that `rest` begins with, and its length in bytes; `None` where it means none.
pub(super) fn escape(rest: &str) -> Option<(char, usize)> {
    let rest = rest.strip_prefix('\\')?;
    let plain = match rest.bytes().next()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return None,
    };
    Some((plain, 2))
}

/// `u0041`, `u{1F600}`, or the two halves of a surrogate pair.
fn unicode(escape: &str) -> Option<(char, usize)> {
    if let Some(rest) = escape.strip_prefix("u{") {
        let (digits, _) = rest.split_once('}')?;
        // Eight digits hold every code point, whatever zeros stand before it.
        let bounded = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = if bounded { u32::from_str_radix(digits, 16).ok()? } else { return None };
        return Some((char::from_u32(code)?, digits.len() + 4));
    }
    let unit = hex4(escape.strip_prefix('u')?)?;
    if let Some(single) = char::from_u32(unit) {
        return Some((single, 6));
    }
    let low = hex4(escape.get(5..)?.strip_prefix("\\u")?)?;
    let pair = (0xd800..=0xdbff).contains(&unit) && (0xdc00..=0xdfff).contains(&low);
    let code = if pair { 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00) } else { return None };
    Some((char::from_u32(code)?, 12))
}

fn hex4(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    // `from_str_radix` would also take a sign.
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// The value of `"…"`, given what stands between the quotes; its escapes are those the lexer let pass.
pub(super) fn quoted(contents: &str) -> String {
    let mut value = String::with_capacity(contents.len());
    let mut rest = contents;
    while let Some(at) = rest.find('\\') {
        let (plain, escaped) = rest.split_at(at);
        value.push_str(plain);
        let Some((character, length)) = escape(escaped) else { break };
        value.push(character);
        rest = escaped.get(length..).unwrap_or_default();
    }
    value.push_str(rest);
    value
}

/// The value of `"""…"""`, given what stands between the quotes: BlockStringValue of the specification.
pub(super) fn block(contents: &str) -> String {
    let blank = |line: &&str| line.bytes().all(|byte| matches!(byte, b' ' | b'\t'));
    let contents = contents.replace("\r\n", "\n");
    let indent = contents.split('\n').skip(1).filter(|line| !blank(line)).map(indent).min().unwrap_or(0);
    let lines = contents.split('\n').enumerate().map(|(number, line)| match number {
        0 => line,
        _ => line.get(indent..).unwrap_or_default(),
    });
    let mut value = String::with_capacity(contents.len());
    let mut kept = 0;
    for (number, line) in lines.skip_while(blank).enumerate() {
        if number > 0 {
            value.push('\n');
        }
        value.push_str(line);
        if !blank(&line) {
            kept = value.len();
        }
    }
    value.truncate(kept);
    value.replace("\\\"\"\"", "\"\"\"")
}

fn indent(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Whether servers agree on the value of a block string. graphql-ruby keeps the backslash of `\"""` and the CR of a
/// line end, and counts no tab as indentation.
pub(super) fn agreed(contents: &str) -> bool {
    let tab = |line: &str| line.get(..indent(line)).is_some_and(|blanks| blanks.contains('\t'));
    !contents.contains('\r') && !contents.contains("\\\"\"\"") && !contents.split('\n').any(tab)
}
