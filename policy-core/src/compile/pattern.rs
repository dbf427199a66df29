//! Patterns become automata when a set is built; the filter only searches them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson::NFA;
use regex_syntax::hir::{Hir, Look};

use crate::limits::PATTERN_BYTES;

/// The patterns of a policy set.
#[derive(Default)]
pub(crate) struct Patterns {
    known: BTreeMap<String, u32>,
    bytes: Vec<Vec<u8>>,
}

impl Patterns {
    /// The index of a pattern (syntax of the `regex` crate, ASCII classes), which must match a whole value.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub(crate) fn add(&mut self, pattern: &str) -> Result<u32, String> {
        if let Some(index) = self.known.get(pattern) {
            return Ok(*index);
        }
        let parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
        let hir = { parser }.parse(pattern).map_err(|e| {
            let text = e.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("the pattern is not valid: {last}")
        })?;
        // The anchors are put around what was parsed: no text of a pattern can escape them.
        let whole = Hir::concat(alloc::vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
        let too_large = |_| format!("the pattern becomes larger than {} KiB", PATTERN_BYTES / 1024);
        let nfa = NFA::compiler()
            .configure(NFA::config().utf8(false).nfa_size_limit(Some(PATTERN_BYTES * 16)))
            .build_from_hir(&whole)
            .map_err(|_| too_large(()))?;
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Anchored)
                    .dfa_size_limit(Some(PATTERN_BYTES))
                    .determinize_size_limit(Some(PATTERN_BYTES * 4))
                    .minimize(false),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| too_large(()))?;
        let sparse = dfa.to_sparse().map_err(|_| "the pattern cannot be made an automaton".to_string())?;
        let index = u32::try_from(self.bytes.len()).map_err(|_| "too many patterns".to_string())?;
        self.bytes.push(sparse.to_bytes_little_endian());
        self.known.insert(pattern.into(), index);
        Ok(index)
    }

    pub(crate) fn into_bytes(self) -> Vec<Vec<u8>> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Gateway, Set};

    #[test]
    fn patterns_match_whole_values_in_ascii() {
        let mut patterns = Patterns::default();
        let price = patterns.add("[0-9]{1,7}(\\.[0-9]{1,2})?").unwrap();
        let either = patterns.add("a|ab").unwrap();
        let digits = patterns.add("\\d+").unwrap();
        assert_eq!(patterns.add("a|ab"), Ok(either));
        let set = Set { gateway: Gateway::default(), pages: Vec::new(), patterns: patterns.into_bytes() };
        let set = crate::bundle::ready(set, String::new()).unwrap();
        for (index, text, expect) in [
            (price, "19.99", true),
            (price, "19.99\n", false),
            (price, "x19.99", false),
            (price, "12345678", false),
            (either, "ab", true),
            (either, "abc", false),
            (digits, "42", true),
            (digits, "٤٢", false),
            (99, "a", false),
        ] {
            assert_eq!(set.matches(index, text), expect, "{text}");
        }
    }

    #[test]
    fn wrong_or_huge_patterns_are_refused() {
        let mut patterns = Patterns::default();
        assert!(patterns.add("a)|(b").unwrap_err().contains("not valid"));
        assert!(patterns.add("(").unwrap_err().contains("not valid"));
        assert!(patterns.add("(a|b)*a(a|b){20}").unwrap_err().contains("larger"));
    }
}
