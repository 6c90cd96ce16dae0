//! The policy that risk staff read and change: rules, bands, thresholds by market, examples.

pub mod condition;
mod example;
mod file;
mod gaps;
mod load;
mod market;
mod place;
mod reason;

use crate::domain::{
    Component, Country, ReasonCode, RequestFacts, RestrictionKind, Span, StepUpKind,
};
use crate::features::{MarketFacts, Named};

pub use condition::Condition;
pub use example::ExampleResult;
pub use file::{ModelWeight, OnMissing, RulePush, StandIn, StandInCards, Timing};
pub use gaps::fill;
pub use market::{Band, Market, SpendingPrior};
pub use place::{LoadError, Place};
pub use reason::{MessageTexts, Messages, ReasonCatalog, ReasonEntry, Texts};

/// A condition, the reason that it is, and what it pushes to.
#[derive(Clone, Debug)]
pub struct Rule {
    pub code: ReasonCode,
    pub push: RulePush,
    pub when: Condition,
    pub on_missing: OnMissing,
    /// Set for score rules.
    pub component: Option<Component>,
    /// Added to the component's score; below zero in the customer's favour.
    pub points: i64,
    /// What the customer can pass to clear the push.
    pub step_up: Vec<StepUpKind>,
    pub restrict: Option<(RestrictionKind, Span)>,
    pub retry_after: Option<Span>,
    /// It looks at component scores, so it is tried after the score rules.
    pub after_scores: bool,
    /// Where it stands in the file.
    pub place: Place,
}

/// A loaded policy: everything compiled and its examples passed.
#[derive(Clone, Debug)]
pub struct Policy {
    pub version: String,
    pub rules: Vec<Rule>,
    pub stand_in: StandIn,
    weights: [ModelWeight; Component::ALL.len()],
    markets: Vec<Market>,
    /// Every name that a rule may use, thresholds last.
    names: Vec<Named>,
    /// Slots below the thresholds that some rule reads.
    used: Vec<u16>,
    examples: Vec<ExampleResult>,
}

impl Policy {
    /// Parses, compiles and tests a policy; `file` is its name for messages.
    ///
    /// # Errors
    ///
    /// The first thing wrong, with line, column and what was expected: an unknown key or name, a
    /// wrong type, a rule without examples of both kinds, an example that does not come out as
    /// stated, bands that leave a gap.
    pub fn parse(file: &str, source: &str) -> Result<Policy, LoadError> {
        load::load(file, source)
    }

    pub fn market(&self, country: Country) -> Option<&Market> {
        self.markets.iter().find(|market| market.country == country)
    }

    /// What the market of a request says of it.
    pub fn market_facts(&self, request: &RequestFacts) -> MarketFacts {
        let market = self.market(request.market);
        market.map_or_else(MarketFacts::default, |market| MarketFacts {
            served: true,
            currency: market.currency == request.currency,
            product: market.products.contains(&request.product),
            reference_amount: Some(market.reference_amount),
        })
    }

    /// How the model of a component weighs.
    pub fn weight(&self, component: Component) -> ModelWeight {
        self.weights[component as usize]
    }

    /// The same policy where an ordinary purchase in `country` is of so many minor units.
    pub fn with_reference_amount(mut self, country: Country, amount: i64) -> Policy {
        for market in self.markets.iter_mut().filter(|market| market.country == country) {
            market.reference_amount = amount;
        }
        self
    }

    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    pub fn names(&self) -> &[Named] {
        &self.names
    }

    /// Slots that are worth filling before rules are tried.
    pub fn used_slots(&self) -> &[u16] {
        &self.used
    }

    /// What each example came to.
    pub fn examples(&self) -> &[ExampleResult] {
        &self.examples
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;
    use crate::playbook::SHIPPED_POLICY;

    #[test]
    fn the_shipped_policy_loads_and_its_examples_pass() {
        let policy = Policy::parse(SHIPPED_POLICY.name, SHIPPED_POLICY.text);
        assert!(policy.is_ok(), "{}", policy.unwrap_err());
    }
}
