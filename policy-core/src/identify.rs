//! Who is asking. The name never comes from the request itself, only from what the gateway has verified.

use alloc::format;
use alloc::string::{String, ToString};

use sha2::{Digest as _, Sha256};

use crate::policy::{Gateway, IdentitySource, UnknownAgent};
use crate::quote::quote;
use crate::request::Headers;

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A named agent (it need not have a page).
    Agent(String),
    /// No source names one, and the gateway lets such requests pass.
    NotAnAgent,
    /// Nobody the gateway knows: why.
    Unknown(String),
}

/// The first source that is present decides; it must be valid.
#[must_use]
pub fn identify(gateway: &Gateway, headers: &Headers) -> Principal {
    for source in &gateway.identity {
        match source {
            IdentitySource::Header(name) => match headers.single(name) {
                Ok(None) => {}
                Ok(Some("")) => {
                    return Principal::Unknown(format!("the identity header `{name}` is empty"));
                }
                Ok(Some(agent)) => return Principal::Agent(agent.to_string()),
                Err(_) => {
                    return Principal::Unknown(format!(
                        "the identity header `{name}` is not one value of visible ASCII"
                    ));
                }
            },
            IdentitySource::Token { header, agents } => {
                let token = match headers.single(header) {
                    Ok(None) => continue,
                    Ok(Some(value)) => match token_of(value) {
                        Some(token) => token,
                        None => continue,
                    },
                    Err(_) => {
                        return Principal::Unknown(format!("the header `{header}` is not one value of visible ASCII"));
                    }
                };
                // Comparing digests reveals nothing of a token through timing.
                let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
                return match agents.get(&digest) {
                    Some(agent) => Principal::Agent(agent.clone()),
                    None => Principal::Unknown(format!("the token in `{header}` belongs to no agent")),
                };
            }
        }
    }
    match gateway.unknown_agent {
        UnknownAgent::Pass => Principal::NotAnAgent,
        UnknownAgent::Deny => Principal::Unknown(match gateway.identity.first() {
            Some(IdentitySource::Header(name) | IdentitySource::Token { header: name, .. }) => {
                format!("no source names an agent (the first is the header {})", quote(name))
            }
            None => "the gateway has no identity source".to_string(),
        }),
    }
}

/// The token in `Bearer x`, `token x` or a bare value; other schemes carry no token of ours.
fn token_of(value: &str) -> Option<&str> {
    match value.split_once(' ') {
        None => Some(value),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") => {
            Some(token.trim())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    fn who(unknown_agent: UnknownAgent, fields: &[(&str, &str)]) -> Principal {
        let digest: [u8; 32] = Sha256::digest(b"secret-1").into();
        let gateway = Gateway {
            identity: alloc::vec![
                IdentitySource::Header("x-agent-name".into()),
                IdentitySource::Token {
                    header: "authorization".into(),
                    agents: BTreeMap::from([(digest, "writer".into())]),
                },
            ],
            unknown_agent,
            ..Gateway::default()
        };
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        identify(&gateway, &Headers::new(fields))
    }

    /// B1: an identity comes from the sources in order, and an invalid one is never skipped.
    #[test]
    fn first_present_source_decides() {
        let deny = UnknownAgent::Deny;
        let agent = |n: &str| Principal::Agent(n.into());
        assert_eq!(who(deny, &[("x-agent-name", "reader"), ("authorization", "Bearer secret-1")]), agent("reader"));
        assert_eq!(who(deny, &[("authorization", "Bearer secret-1")]), agent("writer"));
        assert_eq!(who(deny, &[("authorization", "token secret-1")]), agent("writer"));
        assert!(matches!(who(deny, &[("authorization", "Bearer wrong")]), Principal::Unknown(_)));
        assert!(matches!(who(UnknownAgent::Pass, &[("authorization", "Bearer wrong")]), Principal::Unknown(_)));
        let twice = [("x-agent-name", "reader"), ("x-agent-name", "writer")];
        assert!(matches!(who(UnknownAgent::Pass, &twice), Principal::Unknown(_)));
        assert!(matches!(who(deny, &[("authorization", "Basic abc")]), Principal::Unknown(_)));
        assert_eq!(who(UnknownAgent::Pass, &[("authorization", "Basic abc")]), Principal::NotAnAgent);
    }
}
