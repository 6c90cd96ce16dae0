//! Which rows train and which judge: by remainder, by folds, by time.

use std::collections::{HashMap, HashSet};

use super::error::Error;
use super::spec::{Split, TimeSplit};
use super::table::Table;

const DAY: f64 = 86_400.0;

/// Places of the rows that train and of those that judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    pub train: Vec<u32>,
    pub test: Vec<u32>,
}

/// A day as days since 1970, from `2018-07-25`.
pub(super) fn day(text: &str) -> Option<i64> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let since = jiff::civil::date(1970, 1, 1).until(date).ok()?;
    Some(i64::from(since.get_days()))
}

/// Seconds since 1970, from such a number or from a date with or without a time, taken as UTC.
pub(super) fn seconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_second() as f64);
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second() as f64)
}

impl Split {
    pub fn name(&self) -> &'static str {
        match self {
            Split::Modulo { .. } => "modulo",
            Split::Kfold { .. } => "kfold",
            Split::Time(_) => "time",
        }
    }

    /// One fold or several; figures are means over them.
    pub fn folds(&self, table: &Table, positive: &[bool]) -> Result<Vec<Fold>, Error> {
        let folds = match self {
            Split::Modulo { column, modulus, test } => {
                let numbers = table.numbers(column)?;
                vec![modulo(column, numbers, *modulus, test)?]
            }
            Split::Kfold { folds } => kfold(positive, *folds),
            Split::Time(split) => split.folds(table, positive)?,
        };
        for (number, fold) in folds.iter().enumerate() {
            for (part, rows) in [("train", &fold.train), ("test", &fold.test)] {
                check(part, number + 1, rows, positive)?;
            }
        }
        Ok(folds)
    }

    /// The rows that the artifact is trained on.
    pub fn final_rows(&self, folds: &[Fold], rows: usize) -> Vec<u32> {
        match (self, folds.first()) {
            (Split::Kfold { .. }, _) | (_, None) => (0..rows as u32).collect(),
            (_, Some(first)) => first.train.clone(),
        }
    }
}

fn check(part: &str, number: usize, rows: &[u32], positive: &[bool]) -> Result<(), Error> {
    let positives = rows.iter().filter(|row| positive[**row as usize]).count();
    let problem = match (rows.len(), positives) {
        (0, _) => "no rows".to_owned(),
        (all, 0) => format!("{all} rows of one class only, none of them positive"),
        (all, some) if all == some => format!("{all} rows of one class only, all of them positive"),
        _ => return Ok(()),
    };
    Err(Error::data(format!("the {part} part of fold {number} has {problem}")))
}

fn modulo(column: &str, numbers: &[f64], modulus: i64, test: &[i64]) -> Result<Fold, Error> {
    let mut fold = Fold::default();
    for (row, number) in numbers.iter().enumerate() {
        if number.fract() != 0.0 || number.abs() > 9e15 || number.is_nan() {
            return Err(Error::Cell {
                row: row + 1,
                column: column.to_owned(),
                problem: "expected a whole number to split by".to_owned(),
            });
        }
        let judges = test.contains(&(*number as i64).rem_euclid(modulus));
        if judges { &mut fold.test } else { &mut fold.train }.push(row as u32);
    }
    Ok(fold)
}

/// Folds by rank in class, in order of the rows.
pub(super) fn kfold(positive: &[bool], folds: usize) -> Vec<Fold> {
    let mut ranks = [0, 0];
    let mut parts = vec![Fold::default(); folds];
    for (row, positive) in positive.iter().enumerate() {
        let rank = &mut ranks[usize::from(*positive)];
        for (number, fold) in parts.iter_mut().enumerate() {
            let judges = *rank % folds == number;
            if judges { &mut fold.test } else { &mut fold.train }.push(row as u32);
        }
        *rank += 1;
    }
    parts
}

impl TimeSplit {
    fn folds(&self, table: &Table, positive: &[bool]) -> Result<Vec<Fold>, Error> {
        let times = table.times(&self.column)?;
        let days: Vec<i64> = times.iter().map(|time| (time / DAY).floor() as i64).collect();
        let entities = match &self.entity {
            Some(entity) => table.texts(entity)?.codes.as_slice(),
            None => &[],
        };
        let folds = self.folds_back_weeks.iter().map(|weeks| {
            let moved = |day: i64| day - 7 * weeks;
            self.fold(moved, &days, positive, entities)
        });
        Ok(folds.collect())
    }

    fn fold(
        &self,
        moved: impl Fn(i64) -> i64,
        days: &[i64],
        positive: &[bool],
        entities: &[u32],
    ) -> Fold {
        let train = moved(self.train_from)..=moved(self.train_until);
        let test_from = moved(self.train_until) + self.delay_days + 1;
        let test = test_from..=moved(self.test_until);
        let known = if self.drop_known_positive_entities {
            Known::new(train.clone(), days, positive, entities)
        } else {
            Known::default()
        };
        let mut fold = Fold::default();
        for (row, day) in days.iter().enumerate() {
            if train.contains(day) {
                fold.train.push(row as u32);
            }
            let asked = || entities.get(row).copied();
            let drop = || asked().is_some_and(|one| known.before(one, *day - self.delay_days));
            if test.contains(day) && !drop() {
                fold.test.push(row as u32);
            }
        }
        fold
    }
}

/// Who was positive: in training, or on which days since its last.
#[derive(Default)]
struct Known {
    in_training: HashSet<u32>,
    first_day_since: HashMap<u32, i64>,
}

impl Known {
    fn new(
        train: std::ops::RangeInclusive<i64>,
        days: &[i64],
        positive: &[bool],
        entities: &[u32],
    ) -> Known {
        let mut known = Known::default();
        for (row, day) in days.iter().enumerate().filter(|(row, _)| positive[*row]) {
            if train.contains(day) {
                known.in_training.insert(entities[row]);
            }
            if day >= train.end() {
                let first = known.first_day_since.entry(entities[row]).or_insert(*day);
                *first = (*first).min(*day);
            }
        }
        known
    }

    /// Whether `entity` was known as positive from a day before `day`.
    fn before(&self, entity: u32, day: i64) -> bool {
        let since = self.first_day_since.get(&entity);
        self.in_training.contains(&entity) || since.is_some_and(|first| *first < day)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::lab::train::Reading;

    #[test]
    fn days_and_seconds_are_read_in_several_forms() {
        assert_eq!(day("1970-01-02"), Some(1));
        assert_eq!(day("2018-07-25"), Some(17_737));
        assert_eq!(day("2018-07"), None);
        for text in ["1532476800", "2018-07-25", "2018-07-25T00:00:00Z", "2018-07-25 00:00:00"] {
            assert_eq!(seconds(text), Some(17_737.0 * DAY), "{text}");
        }
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("inf"), None);
    }

    #[test]
    fn remainders_divide_the_rows() {
        let fold = modulo("id", &[1.0, 10.0, 3.0, 7.0, -3.0, 8.0], 10, &[0, 3, 7]).unwrap();
        assert_eq!(fold, Fold { train: vec![0, 5], test: vec![1, 2, 3, 4] });
        let told = modulo("id", &[1.0, 2.5], 10, &[0]).unwrap_err().to_string();
        assert!(told.starts_with("row 2, column \"id\""), "{told}");
    }

    #[test]
    fn folds_go_by_rank_in_class_and_each_row_judges_once() {
        let positive = [true, false, false, true, false, false, true, false];
        let folds = kfold(&positive, 2);
        // Positives 0, 3, 6 have ranks 0, 1, 2; negatives 1, 2, 4, 5, 7 ranks 0 to 4.
        assert_eq!(folds[0].test, [0, 1, 4, 6, 7]);
        assert_eq!(folds[1].test, [2, 3, 5]);
        assert_eq!(folds[0].train, folds[1].test);
    }

    #[test]
    fn one_class_only_is_refused_by_the_part_it_is_in() {
        let table = Table::default();
        let split = Split::Kfold { folds: 2 };
        let told = split.folds(&table, &[false; 4]).unwrap_err().to_string();
        assert!(told.contains("train part of fold 1 has 2 rows of one class only"), "{told}");
        let told = split.folds(&table, &[true, false, false, false]).unwrap_err().to_string();
        assert!(told.contains("one class only"), "{told}");
    }

    /// Day, who, positive; training is days 10 to 12, two days of delay, test 15 to 17.
    const ROWS: [(i64, &str, bool); 14] = [
        (3, "early", true), // 0: a fold a week back trains on it
        (9, "a", true),     // 1: before training, so nobody knows it
        (10, "b", true),    // 2: train, so b is known for ever
        (12, "c", false),   // 3: train
        (12, "d", true),    // 4: train
        (13, "e", true),    // 5: delay; known on test day 16
        (14, "f", true),    // 6: delay; known on test day 17
        (15, "a", false),   // 7: test
        (15, "b", false),   // 8: dropped
        (15, "e", false),   // 9: test: day 13 is not known before day 16
        (16, "e", true),    // 10: dropped
        (16, "f", false),   // 11: test
        (17, "f", true),    // 12: dropped
        (17, "c", true),    // 13: test
    ];

    #[test]
    fn time_moves_by_weeks_and_drops_whom_somebody_knew() {
        let mut csv = "t,who\n".to_owned();
        for (day, who, _) in ROWS {
            csv += &format!("{},{who}\n", day * 86_400 + 5);
        }
        let wanted = BTreeMap::from([
            ("t".to_owned(), Reading { time: true, ..Reading::default() }),
            ("who".to_owned(), Reading { text: true, ..Reading::default() }),
        ]);
        let table = Table::read(csv.as_bytes(), &wanted).unwrap();
        let positive = ROWS.map(|(_, _, positive)| positive);
        let mut split = TimeSplit {
            column: "t".to_owned(),
            train_from: 10,
            train_until: 12,
            delay_days: 2,
            test_until: 17,
            folds_back_weeks: vec![0, 1],
            entity: Some("who".to_owned()),
            drop_known_positive_entities: true,
        };
        let folds = split.folds(&table, &positive).unwrap();
        assert_eq!(folds[0], Fold { train: vec![2, 3, 4], test: vec![7, 9, 11, 13] });
        assert_eq!(folds[1], Fold { train: vec![0], test: vec![1, 2] });
        split.drop_known_positive_entities = false;
        let folds = split.folds(&table, &positive).unwrap();
        assert_eq!(folds[0].test, [7, 8, 9, 10, 11, 12, 13]);
    }
}
