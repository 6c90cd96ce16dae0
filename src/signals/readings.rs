//! What the store answers: one reading a signal, by its position in the catalog.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::{Signal, catalog};
use crate::domain::{Type, Value};

/// A signal's value for one request. Missing differs from zero, and has two kinds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    Bool(bool),
    Int(i64),
    Double(f64),
    /// The request has no such party or member, or nothing was there to fold.
    NotSupplied,
    /// The store was asked and could not tell.
    Failed,
}

impl Reading {
    /// The larger of two; what failed is not known to be smaller.
    fn larger(self, other: Reading) -> Reading {
        match (self, other) {
            (Reading::NotSupplied, reading) | (reading, Reading::NotSupplied) => reading,
            (Reading::Failed, _) | (_, Reading::Failed) => Reading::Failed,
            (Reading::Int(a), Reading::Int(b)) => Reading::Int(a.max(b)),
            (Reading::Double(a), Reading::Double(b)) => Reading::Double(a.max(b)),
            (Reading::Bool(a), Reading::Bool(b)) => Reading::Bool(a || b),
            (_, reading) => reading,
        }
    }

    /// The reading as a value of that type: JSON of other writers may have lost the decimal point.
    fn of_type(self, value_type: Type) -> Reading {
        match (self, value_type) {
            (Reading::Int(n), Type::Double) => Reading::Double(n as f64),
            (reading, _) => reading,
        }
    }
}

impl From<Reading> for Value<'_> {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Bool(b) => Value::Bool(b),
            Reading::Int(i) => Value::Int(i),
            Reading::Double(d) => Value::Double(d),
            Reading::NotSupplied => Value::NotSupplied,
            Reading::Failed => Value::Failed,
        }
    }
}

/// All readings for one request. As JSON a map of names to values, in which what was not supplied
/// is left out and what failed is null. Names that the catalog no longer has are ignored.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings(Vec<Reading>);

impl Readings {
    /// Nothing supplied yet.
    pub fn not_supplied() -> Readings {
        Readings(vec![Reading::NotSupplied; catalog().len()])
    }

    /// For when the store did not answer.
    pub fn all_failed() -> Readings {
        Readings(vec![Reading::Failed; catalog().len()])
    }

    /// By position in the catalog; past its end nothing was supplied.
    pub fn get(&self, position: usize) -> Reading {
        self.0.get(position).copied().unwrap_or(Reading::NotSupplied)
    }

    /// Whether some signal's source did not answer.
    pub fn any_failed(&self) -> bool {
        self.0.contains(&Reading::Failed)
    }

    /// `None` when the catalog has no such signal.
    pub fn by_name(&self, name: &str) -> Option<Reading> {
        super::position_of(name).map(|position| self.get(position))
    }

    /// Puts a reading in its place; past the end of the catalog nothing happens.
    pub fn set(&mut self, position: usize, reading: Reading) {
        if let Some(slot) = self.0.get_mut(position) {
            *slot = reading;
        }
    }

    /// Signals with their readings, in the order of the catalog.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Signal, Reading)> + '_ {
        catalog().iter().zip(self.0.iter().copied())
    }

    /// Takes in a reading of one of the parties that the signal is about; the larger one holds.
    pub(super) fn raise(&mut self, position: usize, reading: Reading) {
        if let Some(slot) = self.0.get_mut(position) {
            *slot = slot.larger(reading);
        }
    }
}

impl Serialize for Readings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let supplied = || self.iter().filter(|(_, reading)| *reading != Reading::NotSupplied);
        let mut map = serializer.serialize_map(Some(supplied().count()))?;
        for (signal, reading) in supplied() {
            match reading {
                Reading::Bool(b) => map.serialize_entry(signal.name, &b)?,
                Reading::Int(i) => map.serialize_entry(signal.name, &i)?,
                Reading::Double(d) => map.serialize_entry(signal.name, &d)?,
                Reading::NotSupplied | Reading::Failed => map.serialize_entry(signal.name, &())?,
            }
        }
        map.end()
    }
}

/// A reading as it stands in JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Bool(bool),
    Int(i64),
    Double(f64),
    Null,
}

impl From<Stored> for Reading {
    fn from(stored: Stored) -> Reading {
        match stored {
            Stored::Bool(b) => Reading::Bool(b),
            Stored::Int(i) => Reading::Int(i),
            Stored::Double(d) => Reading::Double(d),
            Stored::Null => Reading::Failed,
        }
    }
}

impl<'de> Deserialize<'de> for Readings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = Readings;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map of signal names to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Readings, A::Error> {
        let (mut readings, signals) = (Readings::not_supplied(), catalog());
        // Names are written in the order of the catalog: the next one is most often the next.
        let mut next = 0;
        while let Some((name, stored)) = map.next_entry::<std::borrow::Cow<'_, str>, Stored>()? {
            let places = (next..signals.len()).chain(0..next);
            let found = places.into_iter().find(|&place| signals[place].name == name);
            if let Some(place) = found {
                readings.set(place, Reading::from(stored).of_type(signals[place].value_type));
                next = place + 1;
            }
        }
        Ok(readings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_survive_json() {
        let mut readings = Readings::not_supplied();
        for (position, signal) in catalog().iter().enumerate() {
            let reading = match (position % 4, signal.value_type) {
                (0, _) => Reading::Failed,
                (1, _) => Reading::NotSupplied,
                (_, Type::Bool) => Reading::Bool(true),
                (_, Type::Int) => Reading::Int(position as i64),
                (2, _) => Reading::Double(2.0),
                _ => Reading::Double(0.1 + position as f64),
            };
            readings.set(position, reading);
        }
        let json = serde_json::to_string(&readings).unwrap();
        assert_eq!(serde_json::from_str::<Readings>(&json).unwrap(), readings);
    }

    #[test]
    fn old_records_are_read() {
        let json = r#"{"gone_signal": 4, "account_purchase_mean_7d": 3,
            "account_attempts_1h": 2, "account_attempts_1m": null}"#;
        let readings: Readings = serde_json::from_str(json).unwrap();
        assert_eq!(readings.by_name("account_attempts_1h"), Some(Reading::Int(2)));
        assert_eq!(readings.by_name("account_attempts_1m"), Some(Reading::Failed));
        assert_eq!(readings.by_name("account_purchase_mean_7d"), Some(Reading::Double(3.0)));
        assert_eq!(readings.by_name("account_attempts_24h"), Some(Reading::NotSupplied));
        assert_eq!(readings.by_name("gone_signal"), None);
    }

    #[test]
    fn the_larger_of_two_contacts_holds() {
        let mut readings = Readings::not_supplied();
        for (reading, held) in [
            (Reading::Int(2), Reading::Int(2)),
            (Reading::Int(1), Reading::Int(2)),
            (Reading::Failed, Reading::Failed),
            (Reading::Int(9), Reading::Failed),
        ] {
            readings.raise(0, reading);
            assert_eq!(readings.get(0), held);
        }
    }
}
