//! By what a list or a search was narrowed, as the record of staff's reads says it: names of things
//! and times, and nothing that tells of a person.

use std::fmt::Display;

use crate::domain::{DecisionOwner, DecisionQuery, ReviewCaseFilter, Search, Time};

/// Words such as `merchant=m-77`, with blanks between.
#[derive(Debug, Default)]
pub struct Criteria(String);

impl Criteria {
    pub fn of_list(query: &DecisionQuery) -> Criteria {
        let merchant = match &query.owner {
            DecisionOwner::Merchant(id) => Some(id),
            DecisionOwner::Account(_) => None,
        };
        Criteria::default()
            .with("merchant", merchant)
            .with("code", &query.codes)
            .with("outcome", &query.outcomes)
            .with("state", &query.states)
            .times(query.from, query.until)
    }

    /// Of the shop's own name for an order only that it was asked for: a shop may put in anything.
    pub fn of_search(search: &Search) -> Criteria {
        let by = |what: &str| Criteria::default().with("by", Some(what));
        match search {
            Search::Reference(reference) => {
                by("reference").with("reference", Some(reference.as_str()))
            }
            Search::Order { merchant, .. } => by("order").with("merchant", merchant),
            Search::Holder { from, until, .. } => by("account").times(*from, *until),
            Search::Purchase { merchant, times: (from, until), .. } => {
                by("purchase").with("merchant", Some(merchant)).times(Some(*from), Some(*until))
            }
            Search::Reason { code, from, until } => {
                by("reason").with("code", Some(code)).times(*from, *until)
            }
        }
    }

    pub fn of_cases(filter: &ReviewCaseFilter) -> Criteria {
        Criteria::default()
            .with("state", &filter.states)
            .with("assignee", &filter.assignee)
            .with("market", filter.market)
            .with("code", &filter.codes)
            .times(filter.from, filter.until)
    }

    /// A word for each of `values`.
    pub fn with(self, name: &str, values: impl IntoIterator<Item: Display>) -> Criteria {
        let Criteria(mut text) = self;
        for value in values {
            let blank = if text.is_empty() { "" } else { " " };
            text += &format!("{blank}{name}={value}");
        }
        Criteria(text)
    }

    pub fn times(self, from: Option<Time>, until: Option<Time>) -> Criteria {
        let stamp = |time: Time| jiff::Timestamp::from_microsecond(time.as_micros()).ok();
        self.with("from", from.and_then(stamp)).with("until", until.and_then(stamp))
    }

    pub fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MerchantId, ReasonCode};

    #[test]
    fn a_search_is_told_by_names_and_times() {
        let merchant = MerchantId::parse("m-77").unwrap();
        let order =
            Search::Order { order_reference: "Anna's".to_owned(), merchant: Some(merchant) };
        assert_eq!(Criteria::of_search(&order).text(), "by=order merchant=m-77");
        let (code, from) = (ReasonCode::PaymentOverdue, Some(Time::from_seconds(1_800_000_000)));
        let reason = Search::Reason { code, from, until: None };
        assert_eq!(
            Criteria::of_search(&reason).text(),
            "by=reason code=PAYMENT_OVERDUE from=2027-01-15T08:00:00Z"
        );
    }
}
