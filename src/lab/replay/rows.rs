//! Rows of the file, read one at a time and checked.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;

use super::{Column, Error, Options};
use crate::domain::{
    AMOUNT_MAX_MINOR, Category, Currency, DeviceFacts, NetworkFacts, PlanKind, PlanTerms, Product,
    RequestFacts, SessionFacts, Time,
};

/// One transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub id: String,
    /// 1 for the first row after the header.
    pub number: u64,
    pub time: Time,
    pub account: String,
    pub merchant: String,
    pub amount_text: String,
    /// Minor units.
    pub amount: i64,
    pub device: Option<String>,
    pub ip: Option<IpAddr>,
    pub category: Option<Category>,
    pub misused: Option<bool>,
}

impl Row {
    /// The facts that the row tells; nothing else is supplied.
    pub fn request(&self, options: &Options, local: Option<(u8, u8)>) -> RequestFacts {
        RequestFacts {
            time: self.time,
            product: Product::Purchase,
            guest: false,
            guest_details_match: None,
            market: options.market,
            currency: options.currency,
            amount: self.amount,
            plan: PlanTerms { kind: PlanKind::PayLater30, count: 1, interval_days: 30, upfront: 0 },
            card: None,
            merchant_category: self.category,
            merchant_country: None,
            order_reference_given: false,
            basket: None,
            instrument: None,
            delivery: None,
            // Whether a device was seen is not told by a file that has no such column.
            device: Some(DeviceFacts { integrity: None, supported: None }),
            network: self.ip.map(|_| NetworkFacts { kind: None, country: None }),
            session: SessionFacts::default(),
            credit_request_kind: None,
            channel: None,
            hour: local.map(|(hour, _)| hour),
            weekday: local.map(|(_, weekday)| weekday),
        }
    }
}

pub(super) struct Rows<R> {
    reader: csv::Reader<R>,
    places: BTreeMap<Column, usize>,
    kept: Vec<usize>,
    currency: Currency,
    record: csv::StringRecord,
    number: u64,
    last: Option<Time>,
}

impl<R: Read> Rows<R> {
    pub fn open(input: R, options: &Options) -> Result<Rows<R>, Error> {
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(input);
        let header = reader.headers()?.clone();
        let places = options.columns.places(&header).map_err(Error::Header)?;
        let kept = options
            .keep
            .iter()
            .map(|name| {
                let place = header.iter().position(|field| field == name);
                place.ok_or_else(|| Error::Header(format!("--keep: no column \"{name}\"")))
            })
            .collect::<Result<Vec<usize>, Error>>()?;
        let currency = options.currency;
        let record = csv::StringRecord::new();
        Ok(Rows { reader, places, kept, currency, record, number: 0, last: None })
    }

    pub fn next(&mut self) -> Result<Option<Row>, Error> {
        if !self.reader.read_record(&mut self.record)? {
            return Ok(None);
        }
        self.number += 1;
        let row = self.parse().map_err(|problem| Error::Row { row: self.number, problem })?;
        if self.last.is_some_and(|last| row.time < last) {
            let problem = "is older than the row before; rows must be in order of time".to_owned();
            return Err(Error::Row { row: self.number, problem });
        }
        self.last = Some(row.time);
        Ok(Some(row))
    }

    /// Fields of the present row that are copied to the output.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|&place| self.record.get(place).unwrap_or(""))
    }

    /// A field that is there and not empty.
    fn field(&self, column: Column) -> Option<&str> {
        let place = self.places.get(&column)?;
        self.record.get(*place).filter(|text| !text.is_empty())
    }

    fn required(&self, column: Column) -> Result<&str, String> {
        self.field(column).ok_or_else(|| format!("{} is empty", column.name()))
    }

    fn parse(&self) -> Result<Row, String> {
        let amount_text = self.required(Column::Amount)?;
        let seconds: i64 = self
            .required(Column::Time)?
            .parse()
            .map_err(|_| "time: expected whole seconds since 1970".to_owned())?;
        let parsed = |column: Column, what: &str| format!("{}: expected {what}", column.name());
        Ok(Row {
            id: match self.field(Column::Id) {
                Some(id) => id.to_owned(),
                None => self.number.to_string(),
            },
            number: self.number,
            time: Time::from_seconds(seconds),
            account: self.required(Column::Account)?.to_owned(),
            merchant: self.field(Column::Merchant).unwrap_or("").to_owned(),
            amount: minor_units(amount_text, self.currency)
                .ok_or_else(|| parsed(Column::Amount, "a decimal number above zero"))?,
            amount_text: amount_text.to_owned(),
            device: self.field(Column::Device).map(str::to_owned),
            ip: match self.field(Column::Ip) {
                Some(text) => Some(text.parse().map_err(|_| parsed(Column::Ip, "an IP address"))?),
                None => None,
            },
            category: match self.field(Column::Category) {
                Some(text) => Some(
                    Category::parse(text)
                        .map_err(|problem| format!("category: {}", problem.text))?,
                ),
                None => None,
            },
            misused: match self.field(Column::Label) {
                Some("0") => Some(false),
                Some("1") => Some(true),
                Some(_) => return Err(parsed(Column::Label, "0 or 1")),
                None => None,
            },
        })
    }
}

/// Reads a decimal number of major units exactly. Zero counts as the least amount, since data sets
/// have such rows and each is an event.
fn minor_units(text: &str, currency: Currency) -> Option<i64> {
    let exponent = currency.exponent() as usize;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let too_fine = fraction.trim_end_matches('0').len() > exponent;
    if whole.is_empty() || !digits(whole) || !digits(fraction) || too_fine {
        return None;
    }
    let fraction: String = fraction.chars().chain("0000".chars()).take(exponent).collect();
    let minor: i64 = format!("{whole}{fraction}").parse().ok()?;
    (minor <= AMOUNT_MAX_MINOR).then_some(minor.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_amounts_are_read_exactly() {
        let eur = Currency::parse("EUR").unwrap();
        let jpy = Currency::parse("JPY").unwrap();
        for (text, currency, expected) in [
            ("57.16", eur, Some(5716)),
            ("146.00", eur, Some(14600)),
            ("5", eur, Some(500)),
            ("0.1", eur, Some(10)),
            ("0.00", eur, Some(1)),
            ("12.345", eur, None),
            ("12.340", eur, Some(1234)),
            ("12", jpy, Some(12)),
            ("12.5", jpy, None),
            ("", eur, None),
            ("-5", eur, None),
            ("1e3", eur, None),
            ("99999999999999999999", eur, None),
        ] {
            assert_eq!(minor_units(text, currency), expected, "{text}");
        }
    }
}
