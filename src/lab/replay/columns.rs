//! Which column of a file is what.

use std::collections::BTreeMap;

/// What replay can read of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    Id,
    Account,
    Merchant,
    Amount,
    Time,
    Device,
    Ip,
    Category,
    Label,
}

impl Column {
    pub const ALL: [Column; 9] = [
        Column::Id,
        Column::Account,
        Column::Merchant,
        Column::Amount,
        Column::Time,
        Column::Device,
        Column::Ip,
        Column::Category,
        Column::Label,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Column::Id => "id",
            Column::Account => "account",
            Column::Merchant => "merchant",
            Column::Amount => "amount",
            Column::Time => "time",
            Column::Device => "device",
            Column::Ip => "ip",
            Column::Category => "category",
            Column::Label => "label",
        }
    }

    /// Without these no row can be judged.
    pub fn required(self) -> bool {
        matches!(self, Column::Account | Column::Amount | Column::Time)
    }
}

/// Names of the file's columns by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(BTreeMap<Column, String>);

impl Columns {
    /// Reads `account=customer_id,merchant=terminal_id,…`.
    pub fn parse(text: &str) -> Result<Columns, String> {
        let mut columns = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let named = part.split_once('=').and_then(|(what, name)| {
                let column = Column::ALL.into_iter().find(|c| c.name() == what.trim())?;
                Some((column, name.trim().to_owned()))
            });
            let Some((column, name)) = named else {
                let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
                return Err(format!(
                    "\"{part}\": expected WHAT=COLUMN with WHAT one of {}",
                    names.join(", ")
                ));
            };
            columns.insert(column, name);
        }
        Ok(Columns(columns))
    }

    /// Where each column lies in `header`. What is not mapped is found under its own name, if it is
    /// there; what is mapped must be there.
    pub fn places(&self, header: &csv::StringRecord) -> Result<BTreeMap<Column, usize>, String> {
        let mut places = BTreeMap::new();
        for column in Column::ALL {
            let mapped = self.0.get(&column);
            let name = mapped.map_or(column.name(), String::as_str);
            match header.iter().position(|field| field == name) {
                Some(place) => {
                    places.insert(column, place);
                }
                None if mapped.is_some() || column.required() => {
                    return Err(format!(
                        "the file has no column \"{name}\" for {}; its header is: {}",
                        column.name(),
                        header.iter().collect::<Vec<_>>().join(", ")
                    ));
                }
                None => {}
            }
        }
        Ok(places)
    }
}
