//! The keys of a gateway document, and the roles of pages that need one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::report::Report;
use crate::diagnostic::nearest;
use crate::gateway::{GatewayDocument, KeyEntry};
use crate::jws::{is_id, public_key};
use crate::limits::{ID_BYTES, KEYS};
use crate::policy::{Gateway, Key};
use crate::quote::quote;
use crate::template::Template;
use crate::time::Timestamp;

pub(super) fn compile(document: &GatewayDocument, report: &mut Report<'_>) -> Vec<Key> {
    match &document.name {
        Some(name) if !is_id(name) => {
            let message = format!("{} is not a name: 1 to {ID_BYTES} visible ASCII characters", quote(name));
            report.error("/name", message, Some("write it without blanks, like `gateway-1`".into()));
        }
        None if !document.keys.is_empty() => {
            let help = "write `\"name\"`: signed messages say which gateway they are for";
            report.error("/keys", "a gateway with keys needs a name", Some(help.into()));
        }
        _ => {}
    }
    if document.keys.len() > KEYS {
        report.error(
            "/keys",
            format!("more than {KEYS} keys"),
            Some("take out those that nobody uses any more".into()),
        );
    }
    let mut keys: Vec<Key> = Vec::new();
    for (position, entry) in document.keys.iter().enumerate() {
        let at = format!("/keys/{position}");
        let Some(key) = key(entry, &at, report) else { continue };
        if keys.iter().any(|known| known.id == key.id) {
            let help = "keys that follow each other need ids of their own: both hold while their times overlap";
            report.error(&format!("{at}/id"), format!("two keys are named {}", quote(&key.id)), Some(help.into()));
        }
        let differs = |known: &&Key| duty(known) != duty(&key);
        // Two ids of one key would pass for two people.
        let poses = |known: &&Key| !key.roles.is_empty() && known.id != key.id;
        if let Some(twin) = keys.iter().find(|known| known.public == key.public && (differs(known) || poses(known))) {
            let name = quote(&twin.id);
            let (message, help) = match differs(&twin) {
                true => (format!("{name} is the same key, and has other duties"), SEPARATE),
                false => (format!("{name} is the same key: two people who approve have two keys"), ONCE),
            };
            report.error(&format!("{at}/public_key"), message, Some(help.into()));
        }
        keys.push(key);
    }
    keys
}

const SEPARATE: &str = "who begins sessions or commands the gateway does not approve: make a key for each duty";

const ONCE: &str = "name a key once, with all of its roles; who renews a key makes a new one";

/// Roles of a page for which nobody can sign, though the gateway has keys.
pub(super) fn unsigned(template: &Template, gateway: &Gateway, report: &mut Report<'_>) {
    if gateway.keys.is_empty() {
        return;
    }
    let known = gateway.keys.iter().flat_map(|key| &key.roles).map(String::as_str);
    for role in template.approvers.keys() {
        if known.clone().any(|known| known == role) {
            continue;
        }
        let help = match nearest(role, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to the `roles` of a key in the gateway document: `ambit keygen --role` makes one".into(),
        };
        let message = format!("no key of the gateway has the role {}: nobody can approve for it", quote(role));
        report.warning(&format!("/approvers/{}", role.replace('~', "~0").replace('/', "~1")), message, Some(help));
    }
}

/// What a key is for: approvals are a duty of their own.
fn duty(key: &Key) -> (bool, bool) {
    (!key.roles.is_empty(), key.sessions || key.control)
}

fn key(entry: &KeyEntry, at: &str, report: &mut Report<'_>) -> Option<Key> {
    for (name, id) in [("id", Some(&entry.id)), ("owner", entry.owner.as_ref())] {
        if let Some(id) = id.filter(|id| !is_id(id)) {
            let message = format!("{} is not 1 to {ID_BYTES} visible ASCII characters", quote(id));
            report.error(&format!("{at}/{name}"), message, Some("write it without blanks, like `lead-2026`".into()));
        }
    }
    if entry.roles.is_empty() && !entry.sessions && !entry.control {
        let help = "give it `roles`, `sessions` or `control`";
        report.error(at, format!("the key {} may sign nothing", quote(&entry.id)), Some(help.into()));
    }
    if !entry.roles.is_empty() && (entry.sessions || entry.control) {
        let message = format!("the key {} approves, and begins sessions or commands the gateway", quote(&entry.id));
        report.error(&format!("{at}/roles"), message, Some(SEPARATE.into()));
    }
    if !entry.roles.is_empty() && entry.owner.is_none() {
        let message = format!("the key {} approves, and has no `owner`", quote(&entry.id));
        let help = "write `\"owner\"`, as sessions name the person in `for`: nobody approves what is done for them";
        report.warning(at, message, Some(help.into()));
    }
    let mut moment = |name: &str, text: Option<&String>, default: Timestamp| match text {
        None => default,
        Some(text) => Timestamp::parse(text).unwrap_or_else(|| {
            let help = "write RFC 3339 in UTC: 2026-01-31T00:00:00Z";
            report.error(&format!("{at}/{name}"), format!("{} is not a time", quote(text)), Some(help.into()));
            default
        }),
    };
    let from = moment("from", entry.from.as_ref(), Timestamp(0));
    let until = moment("until", entry.until.as_ref(), Timestamp(u64::MAX));
    if from >= until {
        let help = "write a later time, or swap the two";
        report.error(&format!("{at}/until"), "the key is never valid: `until` is not after `from`", Some(help.into()));
    }
    let Some(public) = public_key(&entry.public_key) else {
        let message = format!("{} is not an Ed25519 public key in base64url", quote(&entry.public_key));
        report.error(&format!("{at}/public_key"), message, Some("`ambit keygen` makes a key, and prints this".into()));
        return None;
    };
    let roles: Vec<String> = entry.roles.clone();
    Some(Key {
        id: entry.id.clone(),
        public,
        owner: entry.owner.clone(),
        roles,
        sessions: entry.sessions,
        control: entry.control,
        from,
        until,
    })
}
