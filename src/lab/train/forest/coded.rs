//! Columns as ranks: what trees are grown on.
//!
//! `linfa-trees` takes values closer than 0.00001 for equal, and puts what is no number anywhere.
//! Ranks of the distinct values are a whole step apart, and a missing value is rank 0, below all.

use crate::scoring::forest::Direction;

/// One column of the training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    /// By row: 0 is missing, `n` is the `n`th of `values`.
    pub ranks: Vec<u32>,
    /// The distinct values, ascending.
    pub values: Vec<f64>,
    /// Whether some training row has no value.
    pub missing: bool,
    /// The order that chances keep with it.
    pub monotone: Option<Direction>,
}

impl Coded {
    /// NaN is missing.
    pub fn new(column: impl Iterator<Item = f64>) -> Coded {
        // Two zeros of different sign are one value.
        let column: Vec<f64> = column.map(|value| value + 0.0).collect();
        let mut values: Vec<f64> = column.iter().copied().filter(|value| !value.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let rank = |value: &f64| match value.is_nan() {
            true => 0,
            false => values.partition_point(|one| one < value) as u32 + 1,
        };
        let ranks = column.iter().map(rank).collect();
        let missing = column.iter().any(|value| value.is_nan());
        Coded { ranks, values, missing, monotone: None }
    }

    /// The cut that sends left exactly the ranks up to `rank`: half way to the next value.
    pub fn cut(&self, rank: u32) -> f64 {
        let below = (rank as usize).checked_sub(1).and_then(|place| self.values.get(place));
        match (below, self.values.get(rank as usize)) {
            (Some(below), Some(above)) => {
                let half = below / 2.0 + above / 2.0;
                // Rounding may reach the upper value, which belongs to the right.
                if half >= *below && half < *above { half } else { *below }
            }
            // Only what is missing goes left.
            (None, _) => f64::MIN,
            (Some(below), None) => *below,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn missing_is_below_everything_and_equal_values_share_a_rank() {
        let coded = Coded::new([2.0, f64::NAN, -0.0, 0.0, 7.5].into_iter());
        assert_eq!(coded.ranks, [2, 0, 1, 1, 3]);
        assert_eq!(coded.values, [0.0, 2.0, 7.5]);
        assert!(coded.missing);
        assert_eq!([coded.cut(0), coded.cut(1), coded.cut(2)], [f64::MIN, 1.0, 4.75]);
    }

    proptest! {
        #[test]
        fn a_cut_parts_values_as_their_ranks(
            bits in proptest::collection::vec(0_u64..u64::MAX, 2..40),
            pick in 0_usize..1000,
        ) {
            let column: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            let column: Vec<f64> = column.into_iter().filter(|value| value.is_finite()).collect();
            let coded = Coded::new(column.iter().copied());
            let rank = (pick % (coded.values.len().max(2) - 1) + 1) as u32;
            let cut = coded.cut(rank);
            if coded.values.len() > 1 {
                for (value, own) in column.iter().zip(&coded.ranks) {
                    prop_assert_eq!(*value <= cut, *own <= rank);
                }
            }
        }
    }
}
