//! Wrong arguments, in one line.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit::{Exit, Failure};

/// Prints help or the version where that was asked for; else says what is wrong with the arguments.
pub(super) fn explain(error: &Error) -> Result<Exit, Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed output has nobody to tell.
        let _ = error.print();
        return Ok(Exit::Fine);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return Ok(Exit::CouldNotRun);
    }
    Err(Failure::Other(one_line(error)))
}

/// The message, what was probably meant, and where to read on.
fn one_line(error: &Error) -> String {
    let rendered = error.render().to_string();
    let mut message = String::new();
    // The message ends at the first empty line; a list of arguments in it is indented.
    for line in rendered.lines().take_while(|line| !line.is_empty()) {
        let (separator, line) = match line.strip_prefix("  ") {
            Some(item) => (if message.ends_with(':') { " " } else { ", " }, item.trim()),
            None => (" ", line.strip_prefix("error: ").unwrap_or(line)),
        };
        if !message.is_empty() {
            message.push_str(separator);
        }
        message.push_str(line);
    }
    let suggestions = [ContextKind::SuggestedArg, ContextKind::SuggestedValue, ContextKind::SuggestedSubcommand];
    let meant = suggestions.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.first().cloned(),
        _ => None,
    });
    // Quotation as everywhere in Ambit's messages.
    let message = message.replace('\'', "`");
    match meant {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => format!("{message}; see `ambit --help`"),
    }
}
