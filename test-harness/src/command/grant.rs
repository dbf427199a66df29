//! `ambit grant`: a person sees what a held request would do, and signs.

use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::Path;

use policy_core::Timestamp;
use policy_core::approval::HEADER;
use policy_core::jws::is_id;
use policy_core::time::parse_duration;

use super::arguments::Grant;
use super::exit::{Exit, Failure};
use crate::approvals::{find, role, shown, sign};
use crate::keys::{KeyFile, id_of};

/// Largest answer that is read, in bytes: a ticket is some 10 KiB.
const ANSWER_BYTES: u64 = 1024 * 1024;

pub(super) fn run(arguments: &Grant) -> Result<Exit, Failure> {
    let other = |message: &str| Failure::Other(message.to_owned());
    let id = match &arguments.key_id {
        Some(id) if is_id(id) => id.clone(),
        Some(_) => return Err(other("--key-id takes 1 to 128 visible ASCII characters")),
        None => id_of(&arguments.key).ok_or_else(|| other("the file's name is no key id; give it with --key-id"))?,
    };
    let life = arguments.life.as_deref().map(|text| {
        parse_duration(text).ok_or_else(|| Failure::Other(format!("--for takes a duration such as 10m, not `{text}`")))
    });
    let life = life.transpose()?;
    let ticket = find(&given(&arguments.ticket)?)?;
    let role = role(&ticket, arguments.role.as_deref())?;
    let key = KeyFile::read(&arguments.key)?;
    eprint!("{}", shown(&ticket, &role, life));
    if !arguments.yes && !asked()? {
        eprintln!("nothing is signed");
        return Ok(Exit::Differs);
    }
    let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or_default();
    let grant = sign(&ticket, &role, life, (&key, &id), Timestamp(now))?;
    eprintln!("the agent sends the same request again, with this as its header `{HEADER}`:");
    writeln!(stdout(), "{grant}")?;
    Ok(Exit::Fine)
}

/// The text that holds the ticket.
fn given(ticket: &str) -> Result<String, Failure> {
    let read = |name: &str, from: &mut dyn Read| {
        let mut text = String::new();
        from.take(ANSWER_BYTES).read_to_string(&mut text).map_err(|error| {
            Failure::Other(format!("cannot read {name}: {error}; give the ticket, or a file that holds it"))
        })?;
        Ok(text)
    };
    if ticket == "-" {
        return read("standard input", &mut stdin().lock());
    }
    // A ticket is longer than names of files are.
    match std::fs::File::open(Path::new(ticket)) {
        Ok(mut file) => read(&format!("`{ticket}`"), &mut file),
        Err(_) => Ok(ticket.to_owned()),
    }
}

/// Whether the person agrees. Without a terminal nobody can be asked.
fn asked() -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        let message = "nobody can be asked here, for the standard input is no terminal; --yes signs without asking";
        return Err(Failure::Other(message.to_owned()));
    }
    eprint!("approve? [y/N] ");
    stderr().flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
