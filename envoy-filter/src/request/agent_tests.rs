//! D4: what each agent does, as metrics.

use super::ground::{ROOT, counted, stream};
use crate::dispatch;
use crate::host::{Answer, gateway};
use crate::types::Action;

/// A request of an agent, and what it is answered; `None`: nothing.
fn ask(id: u32, path: &str, agent: &str, status: Option<&str>) {
    dispatch::on_context_create(id, ROOT);
    let head = [(":method", "GET"), (":authority", "shop.example.com"), (":path", path), ("x-agent", agent)];
    gateway(|gateway| {
        gateway.effective = None;
        gateway.headers = Some(head.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect());
    });
    let went_on = dispatch::on_request_headers(id, true) == Action::Continue;
    if let Some(status) = status.filter(|_| went_on) {
        gateway(|gateway| {
            gateway.response = Some(Answer { headers: vec![(b":status".to_vec(), status.into())], body: Vec::new() });
        });
        assert_eq!(dispatch::on_response_headers(id, true), Action::Continue);
    }
    dispatch::on_log(id);
    dispatch::on_delete(id);
}

#[test]
fn an_agent_is_counted_by_what_it_does() {
    stream("/deny");
    for (id, path, status) in [
        (20, "/allow", Some("200")),
        (21, "/allow", Some("404")),
        (22, "/allow", None),
        (23, "/deny", None),
        (24, "/rpc", None),
        (25, "/approval", None),
    ] {
        ask(id, path, "price.agent", status);
    }
    ask(26, "/allow", "other", Some("200"));
    // Nobody, and somebody without a page.
    ask(27, "/allow", "", Some("500"));
    ask(28, "/stranger", "price.agent", Some("500"));
    for (what, expect) in [
        ("price_agent.reads", 3),
        ("price_agent.writes", 0),
        ("price_agent.failed", 2),
        ("price_agent.refused", 2),
        ("price_agent.out_of_scope", 1),
        ("price_agent.held", 1),
        ("price_agent.approved", 0),
        ("other.reads", 1),
        ("other.failed", 0),
    ] {
        assert_eq!(counted(&format!("ambit.agent.{what}")), expect, "{what}");
    }
    assert_eq!(counted("ambit.not_an_agent"), 1);
}
