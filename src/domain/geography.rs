//! Countries (ISO 3166-1) and shop categories (ISO 18245).

use isocountry::CountryCode;
use serde::{Deserialize, Serialize};

use super::Problem;

/// A country by its two-letter code; also the name of a market.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    pub fn parse(code: &str) -> Result<Country, Problem> {
        let upper = code.bytes().all(|b| b.is_ascii_uppercase());
        match (upper, CountryCode::for_alpha2(code), code.as_bytes()) {
            (true, Ok(_), &[a, b]) => Ok(Country([a, b])),
            _ => Err(Problem::new("expected the two capital letters of an ISO 3166-1 country")),
        }
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl std::fmt::Debug for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::fmt::Display for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl<'a> From<&'a Country> for super::Value<'a> {
    fn from(country: &'a Country) -> Self {
        super::Value::Text(country.code())
    }
}

impl TryFrom<String> for Country {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Country::parse(&code).map_err(|problem| problem.text)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> String {
        country.code().to_owned()
    }
}

/// A shop category: the four digits of ISO 18245.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Category(u16);

/// The ranges that ISO 18245:2003 assigns or reserves for private use. No crate on the registry
/// carries this table (looked for on 2026-11-21); single codes inside a range change every year,
/// so the range is what is checked.
const CATEGORY_RANGES: [std::ops::RangeInclusive<u16>; 10] = [
    700..=999,   // agricultural services
    1500..=2999, // contracted services
    3000..=3999, // private use: airlines, car rental, hotels
    4000..=4799, // transportation
    4800..=4999, // utilities, telecommunication
    5000..=5599, // retail outlets
    5600..=5699, // clothing
    5700..=7299, // miscellaneous outlets, service providers
    7300..=7999, // business services, repair, entertainment
    8000..=9999, // professional services, membership organisations, government
];

impl Category {
    /// A category that was accepted before, by its number.
    pub fn from_number(number: u16) -> Option<Category> {
        CATEGORY_RANGES.iter().any(|range| range.contains(&number)).then_some(Category(number))
    }

    pub fn parse(code: &str) -> Result<Category, Problem> {
        let digits = code.len() == 4 && code.bytes().all(|b| b.is_ascii_digit());
        let number = code.parse().ok().filter(|_| digits);
        number
            .and_then(Category::from_number)
            .ok_or(Problem::new("expected the four digits of an ISO 18245 category"))
    }

    pub fn number(&self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for Category {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_capital_letters_that_iso_3166_knows() {
        assert_eq!(Country::parse("SE").unwrap().code(), "SE");
        for code in ["", "se", "Se", "SWE", "ZZ", "S\u{c9}"] {
            assert!(Country::parse(code).is_err(), "{code}");
        }
    }

    #[test]
    fn categories_are_four_digits_in_a_range_of_iso_18245() {
        assert_eq!(Category::parse("5732").unwrap().to_string(), "5732");
        assert_eq!(Category::parse("0742").unwrap().to_string(), "0742");
        for code in ["", "573", "57320", "0000", "1200", "57a2", "+732"] {
            assert!(Category::parse(code).is_err(), "{code}");
        }
    }
}
