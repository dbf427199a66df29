//! C3: a candidate makes no calls. What the enforced policies have looked up is what it goes by.

use serde_json::json;

use super::{Market, put};
use crate::bundle::Policies;
use crate::present::store::Store;

#[tokio::test]
async fn a_candidate_goes_by_the_lookups_of_the_enforced_policies() {
    let policies = Policies::prices().step_percent(5).with_candidate(Policies::prices().step_percent(20));
    let market = Market::open(policies, Store::of_toys([(1, "10.00")])).await;
    let answer = market.send(&put(1, "11.00")).await;
    market.assert_refused(&answer, "envelope_exceeded");
    assert_eq!((market.lookups().len(), market.forwarded().len()), (1, 0));
    let candidate = &market.decisions(1).await[0]["candidate"];
    assert_eq!((&candidate["compared"], &candidate["decision"]), (&json!("looser"), &json!("allow")));
}

/// What only the candidate would look up is not known.
#[tokio::test]
async fn what_only_the_candidate_asks_is_undecidable() {
    let mut enforced = Policies::shop().max_price(5_000);
    enforced = enforced.with_candidate(Policies::prices());
    let market = Market::open(enforced, Store::of_toys([(1, "10.00")])).await;
    market.send(&put(1, "10.10")).await.assert_forwarded(&market.digest);
    assert_eq!(market.lookups().len(), 0);
    let candidate = &market.decisions(1).await[0]["candidate"];
    assert_eq!((&candidate["compared"], &candidate["undecidable"]), (&json!("undecidable"), &json!("not_looked_up")));
}
