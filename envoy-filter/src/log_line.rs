//! A line of the gateway's log: bounded, and one line, whatever it quotes.

/// Bytes of a message that are logged: enough for a place and a reason.
const LENGTH: usize = 1024;

/// A message as one bounded line of the log, whatever it quotes.
pub(crate) fn one_line(message: &str) -> String {
    let printable = |character: char| {
        if character.is_control() { ' ' } else { character }
    };
    let mut line = String::new();
    for character in message.chars().map(printable) {
        if line.len() >= LENGTH {
            line.push('…');
            break;
        }
        line.push(character);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_error_is_one_bounded_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m"), "a  b [31m");
        let long = one_line(&"é".repeat(5_000));
        assert!(long.len() <= LENGTH + 4, "{}", long.len());
        assert!(long.ends_with('…'));
    }
}
