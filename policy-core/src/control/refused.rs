//! Why a command was not carried out, or a session not ended.

use alloc::format;
use alloc::string::String;

use crate::jws::Fault;
use crate::session::Unfit;
use crate::time::Timestamp;

/// Why a command was not carried out; with it nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is neither a POST nor a DELETE.
    Method,
    /// The route has no query.
    Query,
    /// Its body is larger than a command.
    TooLarge,
    /// Its body did not come in time.
    Timeout,
    /// Its body was not seen whole.
    NotSeen,
    /// The end of a session comes with a body.
    Body,
    /// The end of a session comes without its token.
    NoToken,
    /// The token does not hold.
    Token(Unfit),
    /// It is not signed as a command.
    Message(Fault),
    /// What it says is no command: why.
    Claims(String),
    /// It is for another gateway.
    OtherGateway(String),
    /// It is over.
    Expired(String),
    /// It is from the future.
    Early(String),
    /// It has been carried out before.
    Replayed,
    /// It is from before the gateway's start, which it does not remember.
    BeforeStart(Timestamp),
    /// No page is for its agent.
    UnknownAgent(String),
    /// There is no room to remember it, or what it asks for.
    Full,
    /// Others changed the same all the time.
    Contended,
    /// The gateway does not keep who is paused.
    Store,
}

/// Codes and statuses of what is wrong with a message.
fn of_message(fault: Fault) -> (&'static str, u16) {
    match fault {
        Fault::Form => ("not_a_command", 400),
        Fault::Algorithm => ("other_algorithm", 400),
        Fault::Kind => ("other_kind", 400),
        Fault::UnknownKey => ("unknown_key", 401),
        Fault::NotForThis => ("key_not_for_control", 403),
        Fault::KeyNotValid => ("key_not_valid", 401),
        Fault::Signature => ("wrong_signature", 401),
    }
}

/// Codes and statuses of what is wrong with the token of a session that is to end.
fn of_token(unfit: &Unfit) -> (&'static str, u16) {
    match unfit {
        Unfit::Message(Fault::Form) => ("not_a_token", 401),
        Unfit::Message(Fault::NotForThis) => ("key_not_for_sessions", 403),
        Unfit::Message(fault) => of_message(*fault),
        Unfit::Claims(_) => ("claims", 400),
        Unfit::OtherGateway => ("other_gateway", 403),
        Unfit::OtherIssuer => ("other_issuer", 403),
        Unfit::Expired(_) => ("expired", 401),
        Unfit::Early => ("early", 401),
    }
}

impl Refused {
    /// A stable word for it, and the HTTP status.
    fn both(&self) -> (&'static str, u16) {
        match self {
            Self::Method => ("method", 405),
            Self::Query => ("query", 400),
            Self::TooLarge => ("too_large", 413),
            Self::Timeout => ("body_timeout", 408),
            Self::NotSeen => ("body_not_seen", 503),
            Self::Body => ("body", 400),
            Self::NoToken => ("no_token", 401),
            Self::Token(unfit) => of_token(unfit),
            Self::Message(fault) => of_message(*fault),
            Self::Claims(_) => ("claims", 400),
            Self::OtherGateway(_) => ("other_gateway", 403),
            Self::Expired(_) => ("expired", 401),
            Self::Early(_) => ("early", 401),
            Self::Replayed => ("replayed", 409),
            Self::BeforeStart(_) => ("before_start", 409),
            Self::UnknownAgent(_) => ("unknown_agent", 404),
            Self::Full => ("full", 503),
            Self::Contended => ("contended", 503),
            Self::Store => ("store", 503),
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.both().0
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.both().1
    }

    /// What is wrong, and what to do.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Method => "a command is the body of a POST; a DELETE with its token ends a session".into(),
            Self::Query => "the control route has no query".into(),
            Self::TooLarge => format!("a command has at most {} bytes", super::LIMIT),
            Self::Timeout => "the body did not arrive in time".into(),
            Self::NotSeen => "the gateway did not deliver the body whole: its log says more".into(),
            Self::Body => "the end of a session is a DELETE without a body".into(),
            Self::NoToken => {
                "the end of a session is asked for with its token: send one `Authorization: Bearer TOKEN`".into()
            }
            Self::Token(unfit) => unfit.message(),
            Self::Message(Fault::UnknownKey) => {
                "the command is signed by a key that this gateway does not know: name it with --key-id as \
                 gateway.json does, or add it to `keys` there"
                    .into()
            }
            Self::Message(Fault::NotForThis) => {
                "the command is signed by a key without `control`: use a key for commands".into()
            }
            Self::Message(fault) => format!("the command {}", fault.text()),
            Self::Claims(message)
            | Self::OtherGateway(message)
            | Self::Expired(message)
            | Self::Early(message)
            | Self::UnknownAgent(message) => message.clone(),
            Self::Replayed => "the command has been carried out before: sign a new one".into(),
            Self::BeforeStart(start) => format!(
                "the gateway has been running since {start}, and does not know what was carried out before: sign a new one"
            ),
            Self::Full => {
                "the gateway remembers as much as it can: wait until earlier commands are void, or pause the agent"
                    .into()
            }
            Self::Contended => "others changed the same all the time: send it again".into(),
            Self::Store => "the gateway does not keep who is paused: its log says more".into(),
        }
    }

    /// One of each, for the documentation's test.
    #[cfg(feature = "author")]
    #[must_use]
    pub fn all() -> alloc::vec::Vec<Self> {
        let faults = [
            Fault::Form,
            Fault::Algorithm,
            Fault::Kind,
            Fault::UnknownKey,
            Fault::NotForThis,
            Fault::KeyNotValid,
            Fault::Signature,
        ];
        let texts = [Self::Claims, Self::OtherGateway, Self::Expired, Self::Early, Self::UnknownAgent];
        let rest = [
            Self::Method,
            Self::Query,
            Self::TooLarge,
            Self::Timeout,
            Self::NotSeen,
            Self::Body,
            Self::NoToken,
            Self::Replayed,
            Self::BeforeStart(Timestamp(0)),
            Self::Full,
            Self::Contended,
            Self::Store,
        ];
        let unfit = [Unfit::OtherGateway, Unfit::OtherIssuer, Unfit::Expired(Timestamp(0)), Unfit::Early];
        let tokens = faults.map(Unfit::Message).into_iter().chain(unfit).chain([Unfit::Claims(String::new())]);
        let commands = faults.map(Self::Message).into_iter().chain(texts.map(|of| of(String::new())));
        commands.chain(tokens.map(Self::Token)).chain(rest).collect()
    }
}
