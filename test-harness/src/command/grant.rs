//! `ambit grant`: a person sees what a held request would do, and signs.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::Path;

use policy_core::Timestamp;
use policy_core::approval::HEADER;
use policy_core::jws::is_id;
use policy_core::time::parse_duration;

use super::arguments::Grant;
use super::exit::{Exit, Failure};
use crate::approvals::{ApprovalError, find, lasts, role, shown, sign};
use crate::keys::{KeyFile, id_of};

/// Largest answer that is read, in bytes: a ticket is some 10 KiB.
const ANSWER_BYTES: u64 = 1024 * 1024;
/// The ticket is on the standard input.
const STDIN: &str = "-";
/// The terminal of whoever started the command.
const TERMINAL: &str = "/dev/tty";

pub(super) fn run(arguments: &Grant) -> Result<Exit, Failure> {
    let other = |message: &str| Failure::Other(message.to_owned());
    let id = match &arguments.key_id {
        Some(id) if is_id(id) => id.clone(),
        Some(_) => return Err(other("--key-id takes 1 to 128 visible ASCII characters")),
        None => id_of(&arguments.key).ok_or_else(|| other("the file's name is no key id; give it with --key-id"))?,
    };
    let life = arguments.life.as_deref().map(life).transpose()?;
    let held = find(&given(&arguments.ticket)?)?;
    let role = role(&held, arguments.role.as_deref())?;
    let ticket = &held.ticket;
    lasts(ticket, &role, life)?;
    let key = KeyFile::read(&arguments.key)?;
    eprint!("{}", shown(&held, &role, life));
    if held.unseen() && !arguments.unseen {
        return Err(ApprovalError::Unseen.into());
    }
    if !arguments.yes && !asked(arguments.ticket == STDIN)? {
        eprintln!("nothing is signed");
        return Ok(Exit::Differs);
    }
    let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or_default();
    let grant = sign(ticket, &role, life, (&key, &id), Timestamp(now))?;
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
    if ticket == STDIN {
        return read("standard input", &mut stdin().lock());
    }
    // A ticket is longer than names of files are.
    match File::open(Path::new(ticket)) {
        Ok(mut file) => read(&format!("`{ticket}`"), &mut file),
        Err(_) => Ok(ticket.to_owned()),
    }
}

/// How long a grant is to hold, in seconds.
fn life(text: &str) -> Result<u64, Failure> {
    parse_duration(text).ok_or_else(|| {
        Failure::Other(match text.strip_prefix('-') {
            Some(_) => format!("--for `{text}`: a grant cannot end before it is signed; give a duration such as 10m"),
            None => format!("--for takes a duration such as 10m, not `{text}`"),
        })
    })
}

/// Whether the person agrees. Without a terminal nobody can be asked. Where the ticket came on the standard input, the
/// person is asked at the terminal itself.
fn asked(at_terminal: bool) -> Result<bool, Failure> {
    let nobody = |why: &str| Failure::Other(format!("nobody can be asked here, for {why}; --yes signs without asking"));
    let mut input: Box<dyn BufRead> = if at_terminal {
        let terminal = File::open(TERMINAL).map_err(|_| nobody("there is no terminal"))?;
        Box::new(BufReader::new(terminal))
    } else if stdin().is_terminal() {
        Box::new(stdin().lock())
    } else {
        return Err(nobody("the standard input is no terminal"));
    };
    eprint!("approve? [y/N] ");
    stderr().flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
