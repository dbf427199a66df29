//! `ambit keygen`.

use std::io::{Write, stdout};

use policy_core::jws::is_id;
use serde_json::{Map, Value, json};

use super::arguments::Keygen;
use super::exit::{Exit, Failure};
use crate::keys::{KeyFile, id_of};

pub(super) fn run(arguments: &Keygen) -> Result<Exit, Failure> {
    let path = &arguments.output;
    let id = match &arguments.id {
        Some(id) if is_id(id) => id.clone(),
        Some(_) => return Err(Failure::Other("--id takes 1 to 128 visible ASCII characters".to_owned())),
        None => id_of(path).ok_or_else(|| {
            Failure::Other("the file's name cannot be the key's id; give it one with --id, such as `ops-2026`".into())
        })?,
    };
    let approves = !arguments.role.is_empty();
    if approves && (arguments.control || arguments.sessions) {
        let message = "who begins sessions or commands the gateway does not approve; make a key for each duty";
        return Err(Failure::Other(message.to_owned()));
    }
    let key = KeyFile::generate()?;
    key.write(path)?;
    let mut entry = Map::new();
    entry.insert("id".to_owned(), json!(id));
    entry.insert("public_key".to_owned(), json!(key.public_key()));
    for (name, value) in [
        ("owner", arguments.owner.as_ref().map(|owner| json!(owner))),
        ("roles", approves.then(|| json!(arguments.role))),
        ("sessions", arguments.sessions.then_some(Value::Bool(true))),
        ("control", arguments.control.then_some(Value::Bool(true))),
    ] {
        if let Some(value) = value {
            entry.insert(name.to_owned(), value);
        }
    }
    let path = path.display();
    eprintln!("{path}: the private key; whoever has it signs as {id}. This goes to `keys` in gateway.json:");
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&entry).unwrap_or_default())?;
    if !approves && !arguments.control && !arguments.sessions {
        eprintln!("it may sign nothing yet: add \"control\": true, \"sessions\": true, or \"roles\": [\"…\"]");
    }
    Ok(Exit::Fine)
}
