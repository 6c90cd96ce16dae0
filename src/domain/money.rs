//! Money: integer minor units of an ISO 4217 currency, with checked arithmetic.

use iso_currency::Currency as Iso;
use serde::{Deserialize, Serialize};

use super::{FaultKind, Problem};

/// The most that one amount may be: 10^13 minor units. Sums of a hundred thousand such amounts stay
/// in `i64`.
pub const AMOUNT_MAX_MINOR: i64 = 10_000_000_000_000;

/// A currency of ISO 4217, by its three-letter code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(Iso);

impl Currency {
    pub fn parse(code: &str) -> Result<Currency, Problem> {
        let known = (code.len() == 3).then(|| Iso::from_code(code)).flatten();
        // Funds, metals and test codes have no minor unit, so nothing can be bought with them.
        match known {
            Some(iso) if iso.exponent().is_some() => Ok(Currency(iso)),
            _ => Err(Problem {
                kind: FaultKind::CurrencyUnknown,
                text: "expected the three capital letters of an ISO 4217 currency".into(),
            }),
        }
    }

    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// Decimal places of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn exponent(&self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }

    /// `minor` written with the currency's decimals, for people: `129.99 EUR`.
    pub fn format(&self, minor: i64) -> String {
        let scale = 10_i64.pow(self.exponent());
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, rest) =
            (minor.unsigned_abs() / scale as u64, minor.unsigned_abs() % scale as u64);
        match self.exponent() as usize {
            0 => format!("{sign}{whole} {}", self.code()),
            width => format!("{sign}{whole}.{rest:0width$} {}", self.code()),
        }
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Currency::parse(&code).map_err(|problem| problem.text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

/// An amount of money, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount from 0 to [`AMOUNT_MAX_MINOR`].
    pub fn new(minor: i64, currency: Currency) -> Result<Money, Problem> {
        match minor {
            i64::MIN..0 => Err(Problem::new("must not be negative")),
            0..=AMOUNT_MAX_MINOR => Ok(Money { minor, currency }),
            _ => Err(Problem::new(format!("must be at most {AMOUNT_MAX_MINOR} minor units"))),
        }
    }

    /// An amount of at least one minor unit.
    pub fn positive(minor: i64, currency: Currency) -> Result<Money, Problem> {
        match minor {
            0 => Err(Problem::new("must be above zero")),
            _ => Money::new(minor, currency),
        }
    }

    pub fn minor(&self) -> i64 {
        self.minor
    }

    pub fn currency(&self) -> Currency {
        self.currency
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.currency.format(self.minor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_with_the_decimals_of_their_currency() {
        for (code, minor, text) in [
            ("EUR", 12_999, "129.99 EUR"),
            ("JPY", 12_999, "12999 JPY"),
            ("KWD", 12_999, "12.999 KWD"),
            ("SEK", 5, "0.05 SEK"),
            ("USD", -250, "-2.50 USD"),
        ] {
            assert_eq!(Currency::parse(code).unwrap().format(minor), text);
        }
    }

    #[test]
    fn what_is_no_currency_or_has_no_minor_unit_is_refused() {
        for code in ["", "eur", "EURO", "XXX", "XAU", "ZZZ", "E R"] {
            assert!(Currency::parse(code).is_err(), "{code}");
        }
    }

    #[test]
    fn amounts_outside_their_range_are_refused() {
        let eur = Currency::parse("EUR").unwrap();
        for minor in [i64::MIN, -1, AMOUNT_MAX_MINOR + 1, i64::MAX] {
            assert!(Money::new(minor, eur).is_err(), "{minor}");
        }
        assert!(Money::positive(0, eur).is_err());
        assert!(Money::positive(AMOUNT_MAX_MINOR, eur).is_ok());
    }
}
