//! What was answered lately, to hold retries to it.

use std::sync::{Mutex, PoisonError};

use super::calls::Answer;

/// More than a retry reaches back, and a retry of a retry.
const KEPT: usize = 8_192;

/// The answers by the number under which their request was first sent.
#[derive(Debug)]
pub struct Book {
    pages: Mutex<Vec<Option<(u64, Answer)>>>,
}

/// How an answer compares with the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing was known.
    First,
    Same,
    Different,
}

impl Book {
    pub fn new() -> Book {
        Book { pages: Mutex::new(vec![None; KEPT]) }
    }

    /// Keeps the answer unless one is known, with which it is compared: requests and their retries
    /// may be answered in any order.
    pub fn compare(&self, number: u64, answer: &Answer) -> Comparison {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let page = &mut pages[number as usize % KEPT];
        match page {
            Some((known, kept)) if *known == number => match kept == answer {
                true => Comparison::Same,
                false => Comparison::Different,
            },
            // A retry of what was forgotten must not drive out what is newer.
            Some((known, _)) if *known > number => Comparison::First,
            _ => {
                *page = Some((number, answer.clone()));
                Comparison::First
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::pb::DecisionOutcome;

    fn answer(id: &str, outcome: DecisionOutcome) -> Answer {
        Answer { decision_id: id.to_owned(), outcome }
    }

    #[test]
    fn answers_are_compared_by_number() {
        let book = Book::new();
        let first = answer("a", DecisionOutcome::Approved);
        assert_eq!(book.compare(5, &first), Comparison::First);
        assert_eq!(book.compare(5, &first), Comparison::Same);
        assert_eq!(book.compare(5, &answer("b", DecisionOutcome::Approved)), Comparison::Different);
        assert_eq!(book.compare(5, &answer("a", DecisionOutcome::Declined)), Comparison::Different);
        assert_eq!(book.compare(5, &first), Comparison::Same);
    }

    #[test]
    fn the_newest_are_kept() {
        let book = Book::new();
        let one = answer("a", DecisionOutcome::Approved);
        let other = answer("b", DecisionOutcome::Approved);
        let later = 5 + KEPT as u64;
        assert_eq!(book.compare(5, &one), Comparison::First);
        assert_eq!(book.compare(later, &other), Comparison::First);
        assert_eq!(book.compare(5, &one), Comparison::First);
        assert_eq!(book.compare(later, &other), Comparison::Same);
    }
}
