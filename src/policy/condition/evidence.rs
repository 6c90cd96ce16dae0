//! Finds the comparisons that make a condition true, for reviewers.

use super::operation::{Operator, compare};
use super::program::{List, Part, Program};
use crate::domain::Value;

/// A comparison that holds and helped to make the condition true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence<'a> {
    /// The slot observed: the first that the observed side names.
    pub slot: u16,
    /// The observed side as the rule writes it: a name, or what is computed from names.
    pub subject: &'a str,
    /// The value of the observed side: the slot's, or what was computed from it and others.
    pub observed: Value<'a>,
    /// How it compares with the limit.
    pub operator: Operator,
    /// The value of the other side.
    pub limit: Value<'a>,
}

/// An expression that is Bool: the part of the program that computes it, and what it is made of.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub part: Part,
    pub made: Made,
}

/// What a Bool expression is made of.
#[derive(Clone, Debug)]
pub(super) enum Made {
    /// A name or a literal, as the source has it.
    Plain(Box<str>),
    Compare(Operator, Box<[Side; 2]>),
    /// `in`, with the value looked for and the list.
    Within(Box<Side>, u16),
    /// The name that is asked for.
    Has(Box<str>),
    Not(Box<Branch>),
    /// `&&` or `||`.
    Join(Box<[Branch; 2]>),
    Choose(Box<[Branch; 3]>),
}

/// One side of a comparison, with its words for reviewers.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub part: Part,
    pub words: Box<str>,
}

/// The evidence for a condition; none when it is not true.
pub(super) fn of_truth<'s>(
    program: &'s Program,
    root: &'s Branch,
    slots: &[Value<'s>],
) -> Vec<Evidence<'s>> {
    let mut search = Search { program, slots, found: Vec::new() };
    search.branch(root, true);
    search.found
}

struct Search<'s, 'c> {
    program: &'s Program,
    slots: &'c [Value<'s>],
    found: Vec<Evidence<'s>>,
}

impl<'s> Search<'s, '_> {
    fn value(&self, part: &Part) -> Value<'s> {
        self.program.value(part, self.slots)
    }

    /// Adds what makes the branch come to `wanted`, if it does.
    fn branch(&mut self, branch: &'s Branch, wanted: bool) {
        // A comparison finds out by itself whether it holds, from the values that it needs anyway.
        let compares = matches!(branch.made, Made::Compare(..));
        if !compares && self.value(&branch.part) != Value::Bool(wanted) {
            return;
        }
        match &branch.made {
            Made::Plain(words) => {
                let value = Value::Bool(wanted);
                self.add((branch.part.slot, words), value, Operator::Equal, value);
            }
            Made::Compare(operator, sides) => {
                let operator = if wanted { *operator } else { opposite(*operator) };
                self.comparison(operator, sides);
            }
            Made::Within(side, list) => self.within(side, *list, wanted),
            Made::Has(words) => {
                let slot = branch.part.slot;
                let observed = slot.and_then(|slot| self.slots.get(usize::from(slot)).copied());
                let observed = observed.unwrap_or(Value::NotSupplied);
                let operator = if wanted { Operator::NotEqual } else { Operator::Equal };
                self.add((slot, words), observed, operator, Value::NotSupplied);
            }
            Made::Not(inner) => self.branch(inner, !wanted),
            // Whichever of the two it is, the sides that agree with the whole made it so.
            Made::Join(sides) => sides.iter().for_each(|side| self.branch(side, wanted)),
            Made::Choose(branches) => {
                let [condition, first, second] = branches.as_ref();
                let holds = self.value(&condition.part) == Value::Bool(true);
                self.branch(condition, holds);
                self.branch(if holds { first } else { second }, wanted);
            }
        }
    }

    fn comparison(&mut self, operator: Operator, [left, right]: &'s [Side; 2]) {
        let (observed, limit) = (self.value(&left.part), self.value(&right.part));
        // With NaN neither a comparison nor its opposite need hold.
        if compare(operator, observed, limit) != Value::Bool(true) {
            return;
        }
        if left.part.slot.is_some() {
            self.add((left.part.slot, &left.words), observed, operator, limit);
        } else {
            self.add((right.part.slot, &right.words), limit, mirrored(operator), observed);
        }
    }

    fn within(&mut self, side: &'s Side, list: u16, found: bool) {
        let value = self.value(&side.part);
        let subject = (side.part.slot, &*side.words);
        if found {
            self.add(subject, value, Operator::Equal, value);
            return;
        }
        match self.program.list(list) {
            Some(List::Ints(elements)) => {
                for element in elements {
                    self.add(subject, value, Operator::NotEqual, Value::Int(*element));
                }
            }
            Some(List::Texts(elements)) => {
                for element in elements {
                    self.add(subject, value, Operator::NotEqual, Value::Text(element));
                }
            }
            None => {}
        }
    }

    /// Adds a comparison, unless it is one of constants only.
    fn add(
        &mut self,
        (slot, subject): (Option<u16>, &'s str),
        observed: Value<'s>,
        operator: Operator,
        limit: Value<'s>,
    ) {
        if let Some(slot) = slot {
            self.found.push(Evidence { slot, subject, observed, operator, limit });
        }
    }
}

/// The operator that holds where this one does not.
fn opposite(operator: Operator) -> Operator {
    match operator {
        Operator::Equal => Operator::NotEqual,
        Operator::NotEqual => Operator::Equal,
        Operator::Less => Operator::GreaterOrEqual,
        Operator::LessOrEqual => Operator::Greater,
        Operator::Greater => Operator::LessOrEqual,
        Operator::GreaterOrEqual => Operator::Less,
    }
}

/// The operator that says the same with its sides exchanged.
fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        same => same,
    }
}
