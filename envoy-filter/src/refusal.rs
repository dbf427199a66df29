//! Refusals of the filter's own: for a request that could not be judged.
//!
//! Their documents are constants, of the form and with the reason codes of the decision point's. Nothing of the request is in them, so nothing in it can fail or be escaped wrongly.

use crate::metrics::Metric;
use crate::plugin::Plugin;
use crate::reply::{Reply, reply};

/// Why a request was refused by the filter itself.
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
    /// The evaluation asked for one thing after another without end.
    Undecided,
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
    ($status:literal, $code:literal, $details:literal, $title:literal, $detail:literal) => {
        Document {
            status: $status,
            details: concat!("ambit_", $details),
            body: concat!(
                r#"{"type":"urn:ambit:"#,
                $code,
                r#"","title":""#,
                $title,
                r#"","status":"#,
                $status,
                r#","detail":""#,
                $detail,
                r#"","decision":"deny","reasons":[{"code":""#,
                $code,
                r#"","message":""#,
                $detail,
                r#""}]}"#
            ),
        }
    };
    // The gateway does not give the filter what it needs: nothing the agent can mend.
    (gateway, $details:literal, $detail:literal) => {
        document!(503, "gateway", $details, "the gateway could not judge this request", $detail)
    };
}

impl Refusal {
    const fn document(self) -> Document {
        match self {
            Self::NoPolicy => {
                document!(gateway, "no_policy", "no policy is loaded for this request")
            }
            Self::HeadUnreadable => document!(
                gateway,
                "head_unreadable",
                "the gateway did not give this request's headers in a readable form"
            ),
            Self::ClockUnreadable => {
                document!(gateway, "clock_unreadable", "the gateway did not tell the time")
            }
            Self::OutOfOrder => {
                document!(gateway, "out_of_order", "the gateway delivered the parts of this request out of order")
            }
            Self::Undecided => document!(gateway, "undecided", "the policy did not come to a decision on this request"),
            Self::NotResumed => {
                document!(gateway, "not_resumed", "the gateway did not release this request after it was held")
            }
        }
    }

    /// Answers the request of the effective context.
    pub(crate) fn send(self, plugin: Option<&Plugin>) {
        if let Some(plugin) = plugin {
            plugin.metrics.count(Metric::Failed);
        }
        let Document { status, details, body } = self.document();
        let content_type = Some("application/problem+json");
        reply(&Reply { status, details, content_type, body: body.as_bytes() }, plugin);
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
            Refusal::Undecided,
            Refusal::NotResumed,
        ] {
            let Document { status, details, body } = refusal.document();
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(json["status"], status);
            assert_eq!(json["detail"], json["reasons"][0]["message"]);
            let code = json["reasons"][0]["code"].as_str().unwrap();
            assert_eq!(json["type"], format!("urn:ambit:{code}"));
            assert!(details.starts_with("ambit_") && !details.contains(' '), "{details}");
        }
    }
}
