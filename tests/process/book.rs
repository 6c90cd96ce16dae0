//! A book of what was asked and answered, to hold the service to.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use prost::Message;
use surety::grpc::pb;

use crate::client::{Ask, Client};

/// Comparisons that run at once.
const AT_ONCE: usize = 8;

#[derive(Clone)]
struct Asked {
    ask: Ask,
    answer: Option<pb::Decision>,
}

/// In the order in which it was asked.
#[derive(Clone, Default)]
pub struct Book {
    asked: Vec<Asked>,
}

impl Book {
    /// Notes a call that goes out; gives its number.
    pub fn sent(&mut self, ask: &Ask) -> usize {
        self.asked.push(Asked { ask: ask.clone(), answer: None });
        self.asked.len() - 1
    }

    pub fn answered(&mut self, number: usize, answer: pb::Decision) {
        self.asked[number].answer = Some(answer);
    }

    pub fn len(&self) -> usize {
        self.asked.len()
    }

    pub fn answers(&self) -> usize {
        self.asked.iter().filter(|asked| asked.answer.is_some()).count()
    }

    pub fn bought(&self) -> usize {
        self.asked.iter().filter(|asked| matches!(asked.ask, Ask::Buy(_))).count()
    }

    pub fn outcomes(&self, outcome: pb::DecisionOutcome) -> usize {
        let bought = self.asked.iter().filter(|asked| matches!(asked.ask, Ask::Buy(_)));
        let answers = bought.filter_map(|asked| asked.answer.as_ref());
        answers.filter(|answer| answer.outcome() == outcome).count()
    }

    /// The least and the most that an account can hold, by what its clients know: a call without
    /// an answer may have been carried out or not.
    pub fn held(&self, account: &str) -> RangeInclusive<i64> {
        let mut canceled = HashSet::new();
        let mut perhaps_canceled = HashSet::new();
        for asked in &self.asked {
            if let Ask::Cancel(cancel) = &asked.ask {
                match asked.answer {
                    Some(_) => canceled.insert(cancel.decision_id.as_str()),
                    None => perhaps_canceled.insert(cancel.decision_id.as_str()),
                };
            }
        }
        let (mut least, mut most) = (0, 0);
        for asked in &self.asked {
            let Ask::Buy(request) = &asked.ask else { continue };
            let context = request.context.as_ref().unwrap();
            if context.account_id != account {
                continue;
            }
            let amount = context.amount.as_ref().unwrap().minor_units;
            let Some(answer) = &asked.answer else {
                most += amount;
                continue;
            };
            let id = answer.decision_id.as_str();
            if answer.outcome() == pb::DecisionOutcome::Approved && !canceled.contains(id) {
                most += amount;
                least += if perhaps_canceled.contains(id) { 0 } else { amount };
            }
        }
        least..=most
    }

    /// Sends every call that got no answer once more, and again: both answers are the same.
    pub async fn settle(&mut self, client: &mut Client) {
        for asked in self.asked.iter_mut().filter(|asked| asked.answer.is_none()) {
            let first = client.ask(&asked.ask).await.unwrap();
            let second = client.ask(&asked.ask).await.unwrap();
            assert_eq!(first.encode_to_vec(), second.encode_to_vec(), "{first:?}\n{second:?}");
            asked.answer = Some(first);
        }
    }

    /// Every answer among `numbers` is still given: to the same call to the byte, and by its id.
    pub async fn holds(&self, client: &Client, numbers: Vec<usize>) {
        let book = Arc::new(self.clone());
        let mut comparing = tokio::task::JoinSet::new();
        for part in numbers.chunks(numbers.len().div_ceil(AT_ONCE).max(1)) {
            let (book, part, mut client) = (Arc::clone(&book), part.to_vec(), client.clone());
            comparing.spawn(async move {
                for number in part {
                    book.asked[number].still_holds(&mut client).await;
                }
            });
        }
        while let Some(compared) = comparing.join_next().await {
            compared.unwrap();
        }
    }
}

impl Asked {
    async fn still_holds(&self, client: &mut Client) {
        let Some(answer) = &self.answer else { return };
        let again = client.ask(&self.ask).await.unwrap();
        assert_eq!(again.encode_to_vec(), answer.encode_to_vec(), "{answer:?}\n{again:?}");
        let found = client.decision(&answer.decision_id).await.unwrap();
        assert_eq!(found.decision_id, answer.decision_id);
        assert_eq!(found.reference, answer.reference, "{}", answer.decision_id);
        assert_eq!(found.outcome, answer.outcome, "{}", answer.decision_id);
        assert_eq!(found.reasons, answer.reasons, "{}", answer.decision_id);
    }
}
