//! Collecting diagnostics by the place they belong to.

use alloc::string::String;
use alloc::vec::Vec;

use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::document::Document;
use crate::quote::{list, quote};

/// Diagnostics of one document, addressed by RFC 6901 pointers.
pub(crate) struct Report<'a> {
    pub(crate) source: usize,
    pub(crate) document: &'a Document,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
}

/// A problem in a catalog, which is reported once it is known whose it is: pointer, message.
pub(crate) type Fault = (String, String);

/// What marks a part of the language that a later version evaluates.
const NOT_YET: &str = "not supported yet";
const NOT_YET_HELP: &str = "take it out; where it is what makes an action safe, ask for an `approval` instead";

fn not_yet_message(what: &str) -> String {
    alloc::format!("{NOT_YET}: {what}; this version cannot evaluate it")
}

impl Report<'_> {
    pub(crate) fn error(&mut self, pointer: &str, message: impl Into<String>, help: Option<String>) {
        self.push((Severity::Error, false), pointer, message.into(), help);
    }

    pub(crate) fn warning(&mut self, pointer: &str, message: impl Into<String>, help: Option<String>) {
        self.push((Severity::Warning, false), pointer, message.into(), help);
    }

    /// A mistake in the name of a member, which is underlined instead of its value.
    pub(crate) fn of_name(&mut self, severity: Severity, pointer: &str, message: String, help: Option<String>) {
        self.push((severity, true), pointer, message, help);
    }

    /// A mistake whose message may say itself what to write; else the help does.
    pub(crate) fn explained(&mut self, pointer: &str, message: String, help: &str) {
        let help = (!message.contains("write ")).then(|| help.into());
        self.error(pointer, message, help);
    }

    /// A name that is not among the known ones.
    pub(crate) fn unknown<'n>(
        &mut self,
        pointer: &str,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        let help = match nearest(name, known.clone()) {
            Some(near) => alloc::format!("did you mean `{near}`?"),
            None => alloc::format!("known here: {}", list(known, 12)),
        };
        self.error(pointer, alloc::format!("unknown {what} {}", quote(name)), Some(help));
    }

    /// Something the language has and this version cannot evaluate: refused, never ignored.
    pub(crate) fn not_yet(&mut self, pointer: &str, what: &str) {
        self.error(pointer, not_yet_message(what), Some(NOT_YET_HELP.into()));
    }

    /// A name that means nothing, or nothing yet.
    pub(crate) fn wrong_name(&mut self, pointer: &str, message: String) {
        let help = message.ends_with(NOT_YET).then(|| NOT_YET_HELP.into());
        self.error(pointer, message, help);
    }

    fn push(&mut self, (severity, by_name): (Severity, bool), pointer: &str, message: String, help: Option<String>) {
        let value = self.document.root().nearest(pointer);
        let wanted = pointer.rsplit('/').next().unwrap_or_default();
        // A scalar is underlined itself; of an object or array, its name says more than its whole text.
        let span = match value.kind() {
            _ if by_name => value.name_span(),
            crate::document::Kind::Object | crate::document::Kind::Array
                if value.name() == wanted && !wanted.is_empty() =>
            {
                value.name_span()
            }
            crate::document::Kind::Object | crate::document::Kind::Array => {
                let span = value.span();
                span.start..(span.start + 1).min(span.end)
            }
            _ => value.span(),
        };
        let known = self.diagnostics.iter().any(|d| d.source == self.source && d.span == span && d.message == message);
        if !known {
            self.diagnostics.push(Diagnostic { severity, source: self.source, span, message, help });
        }
    }
}
