//! What has been used of counters before a request, as somebody says it.

use std::collections::BTreeMap;

use policy_core::number::Decimal;

/// One budget of a counter.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'b> {
    /// The permit that the counter stands in; `None`: it is one of the page's.
    pub rule: Option<&'b str>,
    /// Its id.
    pub counter: &'b str,
    /// What has this budget of its own, as [`Charge::budget`](policy_core::counters::Charge::budget) spells it.
    pub of: &'b [String],
}

/// What has been used of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// What the requests before have used.
    AsCounted,
    /// Nothing.
    Nothing,
    /// So much, as [`set_used`](policy_core::counters::set_used) takes it.
    So(Decimal),
}

/// What has been used of some budgets; of all others nothing.
#[derive(Clone, Debug, Default)]
pub struct Budgets {
    /// Rule and counter → what has a budget of its own (empty: the agent) → what has been used of it.
    used: BTreeMap<(Option<String>, String), BTreeMap<String, Decimal>>,
}

impl Budgets {
    /// Says what has been used. `of` is a key of a resource or a value; empty: the counter has one budget.
    pub fn say(&mut self, rule: Option<&str>, counter: &str, of: &str, used: Decimal) {
        let name = (rule.map(str::to_owned), counter.to_owned());
        self.used.entry(name).or_default().insert(of.to_lowercase(), used);
    }

    /// What has been used of one.
    pub fn used(&self, budget: &Budget<'_>) -> Used {
        let name = (budget.rule.map(str::to_owned), budget.counter.to_owned());
        let Some(said) = self.used.get(&name) else { return Used::Nothing };
        let used = match budget.of {
            [] => said.get(""),
            [one] => said.get(own_name(one)),
            _ => None,
        };
        used.map_or(Used::Nothing, |used| Used::So(*used))
    }
}

/// The key of a resource, without the API and the name of the resource; a value, without its mark.
fn own_name(part: &str) -> &str {
    part.strip_prefix('=').or_else(|| part.split_once('/').map(|(_, key)| key)).unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_not_been_used() {
        let mut budgets = Budgets::default();
        budgets.say(Some("reprice"), "moved", "42", Decimal::ONE);
        budgets.say(None, "spend", "", Decimal::ONE);
        let used = |rule, counter, of: &[&str]| {
            let of: Vec<String> = of.iter().map(ToString::to_string).collect();
            budgets.used(&Budget { rule, counter, of: &of })
        };
        assert_eq!(used(Some("reprice"), "moved", &["shop:products/42"]), Used::So(Decimal::ONE));
        assert_eq!(used(Some("reprice"), "moved", &["=42"]), Used::So(Decimal::ONE));
        assert_eq!(used(Some("reprice"), "moved", &["shop:products/43"]), Used::Nothing);
        assert_eq!(used(None, "moved", &["shop:products/42"]), Used::Nothing);
        assert_eq!(used(None, "spend", &[]), Used::So(Decimal::ONE));
    }
}
