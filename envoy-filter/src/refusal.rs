//! Refusals of the filter's own: for a request that could not be judged, or whose decision could not be carried out.
//!
//! Their documents are constants. Nothing of the request is in them, so nothing in it can fail or be escaped wrongly.

use crate::counters::Counter;
use crate::enforce::{self, Reply};
use crate::root::Plugin;

/// Why a request was refused without, or in spite of, a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The stream, or a policy for it, does not exist in this VM.
    NoPolicy,
    /// The gateway's headers could not be had or decoded.
    HeadUnreadable,
    /// Without the time, limits in time cannot be judged.
    ClockUnreadable,
    /// A callback came that has no place here: a body before its head, a second head.
    OutOfOrder,
    /// The gateway holds the body back until the head is released.
    BodyNotDelivered,
    /// The body did not come in time.
    BodyTimeout,
    /// The evaluation asked for one thing after another without end.
    Undecided,
    /// The decision was to forward the request with changes, and the gateway did not make them.
    ObligationFailed,
    /// The gateway did not release a request that was to be forwarded.
    NotResumed,
}

struct Document {
    status: u16,
    /// For the gateway's access log (`%RESPONSE_CODE_DETAILS%`).
    details: &'static str,
    /// An RFC 9457 problem document.
    body: &'static str,
}

macro_rules! document {
    ($status:literal $title:literal, $code:literal, $detail:literal) => {
        Document {
            status: $status,
            details: concat!("ambit_", $code),
            body: concat!(
                r#"{"type":"about:blank","title":""#,
                $title,
                r#"","status":"#,
                $status,
                r#","detail":""#,
                $detail,
                r#"","decision":"deny","rule":null,"reasons":[{"code":""#,
                $code,
                r#"","message":""#,
                $detail,
                r#""}]}"#
            ),
        }
    };
}

impl Refusal {
    const fn document(self) -> Document {
        match self {
            Self::NoPolicy => document!(
                503 "Service Unavailable",
                "no_policy",
                "no policy is loaded for this request"
            ),
            Self::HeadUnreadable => document!(
                503 "Service Unavailable",
                "head_unreadable",
                "the gateway did not give this request's headers in a readable form"
            ),
            Self::ClockUnreadable => document!(
                503 "Service Unavailable",
                "clock_unreadable",
                "the gateway did not tell the time"
            ),
            Self::OutOfOrder => document!(
                503 "Service Unavailable",
                "out_of_order",
                "the gateway delivered the parts of this request out of order"
            ),
            Self::BodyNotDelivered => document!(
                503 "Service Unavailable",
                "body_not_delivered",
                "this request waited for its body, but the gateway never delivered one: `allow_on_headers_stop_iteration: true` is missing from the Wasm plugin's configuration"
            ),
            Self::BodyTimeout => document!(
                408 "Request Timeout",
                "body_timeout",
                "the body of this request did not arrive in time"
            ),
            Self::Undecided => document!(
                503 "Service Unavailable",
                "undecided",
                "the policy did not come to a decision on this request"
            ),
            Self::ObligationFailed => document!(
                503 "Service Unavailable",
                "obligation_failed",
                "the policy allows this request only with changes that the gateway did not make"
            ),
            Self::NotResumed => document!(
                503 "Service Unavailable",
                "not_resumed",
                "the gateway did not release this request after it was held"
            ),
        }
    }

    /// Answers the request of the effective context.
    pub(crate) fn send(self, plugin: Option<&Plugin>) {
        if let Some(plugin) = plugin {
            plugin.counters.count(Counter::Failed);
        }
        let Document {
            status,
            details,
            body,
        } = self.document();
        enforce::reply(
            &Reply {
                status,
                details,
                body: body.as_bytes(),
            },
            plugin,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_json_and_says_the_status_it_is_sent_with() {
        for refusal in [
            Refusal::NoPolicy,
            Refusal::HeadUnreadable,
            Refusal::ClockUnreadable,
            Refusal::OutOfOrder,
            Refusal::BodyNotDelivered,
            Refusal::BodyTimeout,
            Refusal::Undecided,
            Refusal::ObligationFailed,
            Refusal::NotResumed,
        ] {
            let Document {
                status,
                details,
                body,
            } = refusal.document();
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(json["status"], status);
            assert_eq!(json["detail"], json["reasons"][0]["message"]);
            assert_eq!(
                format!("ambit_{}", json["reasons"][0]["code"].as_str().unwrap()),
                details
            );
        }
    }
}
