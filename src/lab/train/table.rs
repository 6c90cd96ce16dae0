//! A CSV file as typed columns: numbers, texts, times. Only what the spec needs is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

use super::error::Error;
use super::spec::Reading;
use super::split::seconds;

/// A column of texts: each row's place in `names`; the first name is "", the missing one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    pub codes: Vec<u32>,
    pub names: Vec<String>,
}

impl Texts {
    pub fn get(&self, row: usize) -> &str {
        &self.names[self.codes[row] as usize]
    }
}

/// The columns that were asked for. A missing number is NaN.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub rows: usize,
    numbers: BTreeMap<String, Vec<f64>>,
    times: BTreeMap<String, Vec<f64>>,
    texts: BTreeMap<String, Texts>,
}

impl Table {
    /// Reads CSV with a header line. Rows count from 1, the header not counted.
    pub fn read(input: impl Read, wanted: &BTreeMap<String, Reading>) -> Result<Table, Error> {
        let mut reader = csv::Reader::from_reader(input);
        let unreadable = |error: csv::Error| Error::data(format!("reading: {error}"));
        let header = reader.headers().map_err(unreadable)?.clone();
        let mut growing = Growing::new(&header, wanted)?;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(unreadable)? {
            growing.push(&record)?;
        }
        growing.table()
    }

    pub fn numbers(&self, column: &str) -> Result<&[f64], Error> {
        self.numbers.get(column).map(Vec::as_slice).ok_or_else(|| absent(column))
    }

    pub fn texts(&self, column: &str) -> Result<&Texts, Error> {
        self.texts.get(column).ok_or_else(|| absent(column))
    }

    /// Seconds since 1970.
    pub fn times(&self, column: &str) -> Result<&[f64], Error> {
        self.times.get(column).map(Vec::as_slice).ok_or_else(|| absent(column))
    }

    pub(super) fn insert(&mut self, column: &str, numbers: Vec<f64>) {
        self.numbers.insert(column.to_owned(), numbers);
    }
}

/// A table whose rows are still coming in.
pub(super) struct Growing {
    columns: Vec<Reader>,
    rows: usize,
}

impl Growing {
    pub fn new(
        header: &csv::StringRecord,
        wanted: &BTreeMap<String, Reading>,
    ) -> Result<Growing, Error> {
        Ok(Growing { columns: places(header, wanted)?, rows: 0 })
    }

    /// Takes the wanted fields of a row.
    pub fn push(&mut self, record: &csv::StringRecord) -> Result<(), Error> {
        self.rows += 1;
        for column in &mut self.columns {
            let field = record.get(column.place).unwrap_or("").trim();
            column.push(field).map_err(|problem| Error::Cell {
                row: self.rows,
                column: column.name.clone(),
                problem,
            })?;
        }
        Ok(())
    }

    pub fn table(self) -> Result<Table, Error> {
        if self.rows == 0 {
            return Err(Error::data("the file has a header and no rows"));
        }
        let mut table = Table { rows: self.rows, ..Table::default() };
        for column in self.columns {
            let Reader { name, reading, numbers, times, texts, .. } = column;
            if reading.number {
                table.numbers.insert(name.clone(), numbers);
            }
            if reading.time {
                table.times.insert(name.clone(), times);
            }
            if reading.text {
                table.texts.insert(name, texts);
            }
        }
        Ok(table)
    }
}

fn absent(column: &str) -> Error {
    Error::data(format!("the column \"{column}\" was not read"))
}

/// Where each wanted column lies.
fn places(
    header: &csv::StringRecord,
    wanted: &BTreeMap<String, Reading>,
) -> Result<Vec<Reader>, Error> {
    if header.is_empty() || header.iter().all(|name| name.trim().is_empty()) {
        return Err(Error::data("the file is empty: expected a header line"));
    }
    // A byte order mark is no part of the first name.
    let names: Vec<&str> =
        header.iter().map(|name| name.trim_start_matches('\u{feff}').trim()).collect();
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
        return Err(Error::data(format!("the header names the column \"{twice}\" twice")));
    }
    let missing: Vec<String> = wanted
        .keys()
        .filter(|name| !seen.contains(name.as_str()))
        .map(|name| format!("\"{name}\""))
        .collect();
    if !missing.is_empty() {
        let (missing, header) = (missing.join(", "), names.join(", "));
        return Err(Error::data(format!("the file has no column {missing}; its header: {header}")));
    }
    let place = |(name, reading): (&String, &Reading)| {
        let place = names.iter().position(|one| one == name)?;
        Some(Reader::new(name, place, *reading))
    };
    Ok(wanted.iter().filter_map(place).collect())
}

/// A column while it is read.
struct Reader {
    name: String,
    place: usize,
    reading: Reading,
    numbers: Vec<f64>,
    times: Vec<f64>,
    texts: Texts,
    known: HashMap<String, u32>,
}

impl Reader {
    fn new(name: &str, place: usize, reading: Reading) -> Reader {
        Reader {
            name: name.to_owned(),
            place,
            reading,
            numbers: Vec::new(),
            times: Vec::new(),
            texts: Texts { codes: Vec::new(), names: vec![String::new()] },
            known: HashMap::from([(String::new(), 0)]),
        }
    }

    fn push(&mut self, field: &str) -> Result<(), String> {
        if self.reading.number {
            self.numbers.push(number(field)?);
        }
        if self.reading.time {
            self.times.push(seconds(field).ok_or_else(|| {
                format!("\"{}\" is no time: expected seconds since 1970 or a date", cut(field))
            })?);
        }
        if self.reading.text {
            let code = match self.known.get(field) {
                Some(code) => *code,
                None => {
                    let code = self.texts.names.len() as u32;
                    self.texts.names.push(field.to_owned());
                    self.known.insert(field.to_owned(), code);
                    code
                }
            };
            self.texts.codes.push(code);
        }
        Ok(())
    }
}

fn number(field: &str) -> Result<f64, String> {
    if field.is_empty() {
        return Ok(f64::NAN);
    }
    match field.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        // Rust reads these words; a data file that has them means something else by each.
        Ok(_) => Err(format!(
            "\"{}\" is no finite number; a missing value is an empty field",
            cut(field)
        )),
        Err(_) => Err(format!("\"{}\" is not a number", cut(field))),
    }
}

/// No message repeats a whole page of input.
fn cut(field: &str) -> String {
    field.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &str) -> Result<Table, Error> {
        let number = Reading { number: true, ..Reading::default() };
        let text = Reading { text: true, ..Reading::default() };
        let wanted = BTreeMap::from([("a".to_owned(), number), ("b".to_owned(), text)]);
        Table::read(csv.as_bytes(), &wanted)
    }

    #[test]
    fn columns_have_their_types_and_missing_values() {
        let table = read("\u{feff}b,other,a\nx,?,1.5\n,?,\nx,?, -2e3\n").unwrap();
        let numbers = table.numbers("a").unwrap();
        assert_eq!((numbers[0], numbers[2]), (1.5, -2000.0));
        assert!(numbers[1].is_nan());
        let texts = table.texts("b").unwrap();
        assert_eq!([texts.get(0), texts.get(1), texts.get(2)], ["x", "", "x"]);
        assert!(table.numbers("other").is_err(), "nobody asked for it");
    }

    #[test]
    fn what_cannot_be_read_is_told_by_row_and_column() {
        for (csv, words) in [
            ("", "empty"),
            ("\n", "empty"),
            ("a,b\n", "no rows"),
            ("a,b,a\n1,x,2\n", "\"a\" twice"),
            ("a,c\n1,x\n", "no column \"b\""),
            ("a,b\n1,x\nten,x\n", "row 2, column \"a\": \"ten\" is not a number"),
            ("a,b\nnan,x\n", "row 1, column \"a\": \"nan\" is no finite number"),
            ("a,b\n1,x\n2,x\n-inf,x\n", "row 3, column \"a\": \"-inf\" is no finite"),
            ("a,b\n1e999,x\n", "row 1, column \"a\": \"1e999\" is no finite"),
            ("a,b\n1,x\n2\n", "line: 3"),
        ] {
            let told = read(csv).unwrap_err().to_string();
            assert!(told.contains(words), "{csv:?}: {told}");
        }
    }
}
