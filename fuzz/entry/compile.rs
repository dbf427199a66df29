//! Entry: bytes as one document of a policy set, the others given. The first byte says which: `g` the gateway's
//! settings, `c` a catalog, `t` a template; anything else is refused, so that an input says what it is.

use policy_core::bundle;
use policy_core::compile::{Source, SourceKind, compile};
use policy_core::diagnostic::Severity;

use super::catalogs::{POSTGREST, SHOP};
use super::documents::{GATEWAY, PAGE, source};

/// Compiles the set; what compiles travels as a bundle.
pub fn run(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some(sources) = sources(*kind, text) else { return };
    let compiled = compile(&sources);
    for finding in &compiled.diagnostics {
        let place = sources[finding.source].text.get(finding.span.clone());
        assert!(place.is_some(), "a finding is in its document: {finding:?}");
        assert!(!finding.message.is_empty() && !finding.message.contains('\n'), "a finding is one line: {finding:?}");
    }
    let failed = compiled.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
    // An empty text in place of the gateway's settings is an error too: there is nothing else that lacks silently.
    assert_eq!(
        compiled.set.is_none(),
        failed,
        "a set is built exactly where there is no error: {:?}",
        compiled.diagnostics
    );
    let again = compile(&sources);
    assert_eq!(compiled.diagnostics, again.diagnostics, "compiling is a function");
    if let (Some(one), Some(two)) = (compiled.set, again.set) {
        let sealed = bundle::seal(&one).expect("a set that was built is sealed, and loads");
        assert_eq!(sealed, bundle::seal(&two).expect("it is sealed"), "compiling is a function");
    }
}

fn sources(kind: u8, text: &str) -> Option<Vec<Source>> {
    let all = |gateway: &str, catalog: &str, page: &str| {
        vec![
            source(SourceKind::Gateway, gateway),
            source(SourceKind::Catalog, catalog),
            source(SourceKind::Catalog, POSTGREST),
            source(SourceKind::Template, page),
        ]
    };
    match kind {
        b'g' => Some(all(text, SHOP, PAGE)),
        b'c' => Some(all(GATEWAY, text, PAGE)),
        b't' => Some(all(GATEWAY, SHOP, text)),
        _ => None,
    }
}
