//! Tokens and certificates in the gateway's settings whose agent has no page: whoever holds one is refused, and nobody is told
//! why.

use policy_core::compile::{Source, SourceKind};
use policy_core::diagnostic::{Diagnostic, Severity, nearest};
use policy_core::document::{Document, Value, read_json};
use policy_core::quote::quote;

/// Warnings for tokens and certificates of agents that have no page among `sources`, which are all documents of a gateway.
pub(super) fn diagnose(sources: &[Source]) -> Vec<Diagnostic> {
    // A document that cannot be read is the compiler's to complain of.
    let read = |source: &Source| read_json(source.text.as_bytes().to_vec()).ok();
    let of_kind = |kind| sources.iter().enumerate().filter(move |(_, source)| source.kind == kind);
    let pages: Vec<Document> = of_kind(SourceKind::Template).filter_map(|(_, source)| read(source)).collect();
    let agents: Vec<&str> = pages.iter().filter_map(agent).collect();
    let mut found = Vec::new();
    for (index, source) in of_kind(SourceKind::Gateway) {
        let Some(document) = read(source) else { continue };
        for value in tokens(&document) {
            let Some(agent) = value.string().filter(|agent| !agents.contains(agent)) else { continue };
            let help = match nearest(agent, agents.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "add a page for the agent, or take the token out".to_owned(),
            };
            found.push(Diagnostic {
                severity: Severity::Warning,
                source: index,
                span: value.span(),
                message: format!(
                    "no page is for the agent {}: whoever holds its token or certificate is refused",
                    quote(agent)
                ),
                help: Some(help),
            });
        }
    }
    found
}

/// The agent of a page.
fn agent(page: &Document) -> Option<&str> {
    page.root().member("agent")?.member("name")?.string()
}

/// The agents of all tokens and certificates.
fn tokens(gateway: &Document) -> impl Iterator<Item = Value<'_>> {
    let sources = gateway.root().member("identity").into_iter().flat_map(Value::children);
    sources.filter_map(credentials).flat_map(Value::children)
}

/// What a source maps to agents.
fn credentials(source: Value<'_>) -> Option<Value<'_>> {
    match source.member("token") {
        Some(token) => token.member("sha256"),
        None => source.member("mtls")?.member("uri_sans"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: SourceKind, text: &str) -> Source {
        Source { name: "x.json".to_owned(), kind, text: text.to_owned() }
    }

    #[test]
    fn a_token_names_an_agent_that_has_a_page() {
        let gateway = r#"{"identity": [{"header": "x"}, {"token": {"header": "y", "sha256": {"00": "price-agent", "01": "prise-agent", "02": "other"}}},
            {"mtls": {"uri_sans": {"spiffe://x/p": "price-agent", "spiffe://x/third": "third"}}}]}"#;
        let page = source(SourceKind::Template, r#"{"agent": {"name": "price-agent"}}"#);
        let found = diagnose(&[source(SourceKind::Gateway, gateway), page]);
        let said: Vec<_> = found.iter().map(|d| (&gateway[d.span.clone()], d.help.as_deref().unwrap())).collect();
        assert_eq!(
            said,
            [
                ("\"prise-agent\"", "did you mean `price-agent`?"),
                ("\"other\"", "add a page for the agent, or take the token out"),
                ("\"third\"", "add a page for the agent, or take the token out")
            ]
        );
        assert_eq!(
            found[0].message,
            "no page is for the agent `prise-agent`: whoever holds its token or certificate is refused"
        );
        assert!(found.iter().all(|d| d.severity == Severity::Warning && d.source == 0));
    }

    #[test]
    fn what_is_no_gateway_document_has_no_tokens() {
        for text in ["", "{}", r#"{"identity": 1}"#, r#"{"identity": [{"token": {"sha256": []}}]}"#] {
            assert_eq!(diagnose(&[source(SourceKind::Gateway, text)]), []);
        }
    }
}
