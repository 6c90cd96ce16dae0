//! Reads single values of a message and notes what is wrong with each under its path.

use std::fmt;
use std::ops::RangeInclusive;

use prost_types::Timestamp;

use crate::domain::{
    Currency, Fault, Faults, Money, PartyHasher, PartyKey, Problem, Span, Time, short_text,
};
use crate::grpc::pb;
use crate::grpc::words::Word;

/// How far another machine's clock may be ahead of ours.
const CLOCK_LEEWAY: Span = Span::minutes(5);
/// The years 1 to 9999, which is what a Timestamp may hold.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const TIMESTAMP_NANOS: RangeInclusive<i32> = 0..=999_999_999;

/// Where a value stands in its message; written out only when something is wrong with it.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    field: &'a str,
    index: Option<usize>,
}

impl<'a> Path<'a> {
    /// The message itself.
    pub const ROOT: Path<'static> = Path { parent: None, field: "", index: None };

    /// A field of the message at this path.
    pub fn field(&'a self, field: &'a str) -> Path<'a> {
        Path { parent: Some(self), field, index: None }
    }

    /// One entry of a repeated field, counted from 0.
    pub fn item(&'a self, field: &'a str, index: usize) -> Path<'a> {
        Path { parent: Some(self), field, index: Some(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent.filter(|parent| !parent.field.is_empty()) {
            write!(f, "{parent}.")?;
        }
        match self.index {
            Some(index) => write!(f, "{}[{index}]", self.field),
            None => f.write_str(self.field),
        }
    }
}

/// Reads one request. A value that is absent, or wrong and so noted, reads as `None`.
pub struct Reader<'a> {
    hasher: &'a PartyHasher,
    now: Time,
    faults: Faults,
}

impl<'a> Reader<'a> {
    /// A reader without faults so far.
    pub fn new(hasher: &'a PartyHasher, now: Time) -> Reader<'a> {
        Reader { hasher, now, faults: Faults::default() }
    }

    /// A reader for a part whose faults are kept apart.
    pub fn apart(&self) -> Reader<'a> {
        Reader::new(self.hasher, self.now)
    }

    /// The time of the call.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The key of a party.
    pub fn key(&self, kind: &str, identifier: &str) -> PartyKey {
        self.hasher.key(kind, identifier)
    }

    /// `value` when nothing was found wrong, else all that was.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Fault>> {
        self.faults.finish(value)
    }

    /// Notes a fault.
    pub fn fault(&mut self, at: &Path, problem: impl Into<String>) {
        self.faults.add(at.to_string(), problem);
    }

    /// Takes the value of a parse, or notes why there is none.
    pub fn take<T>(&mut self, at: &Path, parsed: Result<T, Problem>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(Problem { kind, text }) => {
                self.faults.add_kind(kind, at.to_string(), text);
                None
            }
        }
    }

    /// A value that has to be there.
    pub fn required<T>(&mut self, at: &Path, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.fault(at, "required");
        }
        value
    }

    /// A text that is parsed unless it is empty.
    pub fn optional<'m, T>(
        &mut self,
        at: &Path,
        text: &'m str,
        parse: impl FnOnce(&'m str) -> Result<T, Problem>,
    ) -> Option<T> {
        if text.is_empty() { None } else { self.take(at, parse(text)) }
    }

    /// A short text that is kept nowhere as it is; only its shape matters.
    pub fn check(&mut self, at: &Path, text: &str, max: usize) {
        self.take(at, short_text(text, max));
    }

    /// The entries of a list that is not too long; of one that is, as many as are allowed.
    pub fn list<'m, T>(&mut self, at: &Path, list: &'m [T], max: usize) -> &'m [T] {
        if list.len() > max {
            self.fault(at, format!("expected at most {max} entries"));
        }
        &list[..list.len().min(max)]
    }

    /// A number within a range.
    pub fn number(
        &mut self,
        at: &Path,
        number: Option<i32>,
        range: RangeInclusive<i32>,
    ) -> Option<i64> {
        let number = number?;
        if !range.contains(&number) {
            self.fault(at, format!("expected {} to {}", range.start(), range.end()));
        }
        Some(number.into())
    }

    /// A member of a closed set; zero says nothing.
    pub fn word<W: Word>(&mut self, at: &Path, number: i32) -> Option<W> {
        match W::Wire::try_from(number) {
            Ok(wire) => W::from_wire(wire),
            Err(_) => {
                self.fault(at, "expected a value of the enum that this server knows");
                None
            }
        }
    }

    /// A member of a closed set that has to be stated.
    pub fn required_word<W: Word>(&mut self, at: &Path, number: i32) -> Option<W> {
        if number == 0 {
            self.fault(at, "required");
            return None;
        }
        self.word(at, number)
    }

    /// A point in time.
    pub fn time(&mut self, at: &Path, stamp: Option<&Timestamp>) -> Option<Time> {
        let Timestamp { seconds, nanos } = stamp?;
        if !TIMESTAMP_SECONDS.contains(seconds) || !TIMESTAMP_NANOS.contains(nanos) {
            self.fault(at, "expected a time between the years 1 and 9999");
            return None;
        }
        Some(Time::from_micros(seconds * 1_000_000 + i64::from(nanos / 1_000)))
    }

    /// A point in time that has been; another machine's clock may be a little ahead.
    pub fn past_time(&mut self, at: &Path, stamp: Option<&Timestamp>) -> Option<Time> {
        let time = self.time(at, stamp)?;
        if time > self.now + CLOCK_LEEWAY {
            self.fault(at, "must not be in the future");
        }
        Some(time)
    }

    /// An amount of money; its two fields have faults of their own.
    pub fn money(&mut self, at: &Path, money: Option<&pb::Money>) -> Option<Money> {
        let money = money?;
        let currency = Currency::parse(&money.currency_code);
        let currency = self.take(&at.field("currency_code"), currency);
        // A wrong currency does not hide a wrong amount: the bounds are the same for all.
        let euro = Currency::parse("EUR").ok();
        let amount = Money::new(money.minor_units, currency.or(euro)?);
        let amount = self.take(&at.field("minor_units"), amount);
        currency.and(amount)
    }

    /// An amount above zero that has to be there.
    pub fn price(&mut self, at: &Path, money: Option<&pb::Money>) -> Option<Money> {
        let sent = self.required(at, money)?;
        let amount = self.money(at, Some(sent));
        // A wrong currency does not hide that the amount is zero.
        let currency = match amount {
            Some(amount) => Some(amount.currency()),
            None if sent.minor_units == 0 => Currency::parse("EUR").ok(),
            None => None,
        };
        let positive = Money::positive(sent.minor_units, currency?);
        self.take(&at.field("minor_units"), positive).and(amount)
    }

    /// An amount in a currency that another field has fixed.
    pub fn money_in(
        &mut self,
        currency: Option<Currency>,
        at: &Path,
        money: Option<&pb::Money>,
    ) -> Option<Money> {
        let amount = self.money(at, money)?;
        if currency.is_some_and(|currency| currency != amount.currency()) {
            self.fault(&at.field("currency_code"), "expected the currency of the whole");
        }
        Some(amount)
    }
}

/// Longest reference that a shop gives its order.
const ORDER_REFERENCE_MAX: usize = 64;

/// The shop's own name for an order, in printable ASCII.
pub fn order_reference(text: &str) -> Result<String, Problem> {
    match text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        true => short_text(text, ORDER_REFERENCE_MAX).map(str::to_owned),
        false => invalid("expected printable ASCII characters"),
    }
}

/// Two digits of ISO 8583.
pub fn response_code(text: &str) -> Result<String, Problem> {
    match text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => invalid("expected two digits of ISO 8583"),
    }
}

/// A language tag by its characters; a language that is not known is no fault.
pub fn language_tag(text: &str) -> Result<String, Problem> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match text.len() <= 35 && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => invalid("expected a BCP 47 language tag of at most 35 characters"),
    }
}

/// A value that is not of the expected shape.
pub fn invalid<T>(problem: &str) -> Result<T, Problem> {
    Err(Problem::new(problem))
}
