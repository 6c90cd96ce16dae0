//! Isotonic calibration: the rising steps nearest to what came true, joined by straight lines
//! from the end of one to the beginning of the next.

use crate::scoring::forest::Calibration;

/// Rows that a step rests on at least: fewer would make a chance of 0 or 1 out of luck.
const ROWS_MIN: f64 = 20.0;

/// Rows that are judged alike.
#[derive(Clone, Copy, Debug)]
struct Block {
    low: f64,
    high: f64,
    rows: f64,
    positives: f64,
}

impl Block {
    fn rate(&self) -> f64 {
        self.positives / self.rows
    }

    fn join(self, other: Block) -> Block {
        Block {
            low: self.low,
            high: other.high,
            rows: self.rows + other.rows,
            positives: self.positives + other.positives,
        }
    }
}

/// Pools adjacent violators: neighbours whose rates do not rise become one block. A step is
/// level, so that the mean chance is the share of positives.
pub(super) fn isotonic(raw: &[f64], positive: &[bool]) -> Calibration {
    let mut order: Vec<usize> = (0..raw.len()).collect();
    order.sort_by(|a, b| raw[*a].total_cmp(&raw[*b]));
    let mut blocks: Vec<Block> = Vec::new();
    for equal in order.chunk_by(|a, b| raw[*a] == raw[*b]) {
        let positives = equal.iter().filter(|row| positive[**row]).count() as f64;
        let rows = equal.len() as f64;
        let mut block = Block { low: raw[equal[0]], high: raw[equal[0]], rows, positives };
        while let Some(last) = blocks.last() {
            if last.rate() < block.rate() && last.rows >= ROWS_MIN {
                break;
            }
            block = last.join(block);
            blocks.pop();
        }
        blocks.push(block);
    }
    // The last block may be short of rows.
    while let [.., below, last] = blocks.as_slice()
        && last.rows < ROWS_MIN
    {
        let joined = below.join(*last);
        blocks.truncate(blocks.len() - 2);
        blocks.push(joined);
    }
    let inside = |number: f64| number.clamp(0.0, 1.0);
    let ends =
        blocks.iter().flat_map(|block| [(block.low, block.rate()), (block.high, block.rate())]);
    let mut knots: Vec<(f64, f64)> =
        ends.map(|(raw, chance)| (inside(raw), inside(chance))).collect();
    knots.dedup_by(|later, earlier| later.0 <= earlier.0);
    let (raw, chance) = knots.into_iter().unzip();
    Calibration::Isotonic { raw, chance }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    /// The mean over the rows from `a` to `b` that makes the fit: the least over all ends of the
    /// greatest over all beginnings.
    fn naive(rates: &[f64], at: usize) -> f64 {
        let mean = |a: usize, b: usize| rates[a..=b].iter().sum::<f64>() / (b + 1 - a) as f64;
        let worst = |b: usize| (0..=at).map(|a| mean(a, b)).fold(f64::MIN, f64::max);
        (at..rates.len()).map(worst).fold(f64::MAX, f64::min)
    }

    proptest! {
        #[test]
        fn steps_are_those_of_the_minimax_formula(
            classes in proptest::collection::vec(any::<bool>(), 2..12),
        ) {
            // Groups of 20 alike, so that no step is short of rows.
            let rates: Vec<f64> = classes.iter().enumerate().map(|(place, one)| {
                let odd = if place % 3 == 0 { 0.25 } else { 0.0 };
                if *one { 1.0 - odd } else { odd }
            }).collect();
            let (mut raw, mut positive) = (Vec::new(), Vec::new());
            for (place, rate) in rates.iter().enumerate() {
                for row in 0..20 {
                    raw.push(place as f64 / 20.0);
                    positive.push(f64::from(row) < rate * 20.0);
                }
            }
            let fitted = isotonic(&raw, &positive);
            let Calibration::Isotonic { raw: knots, chance } = &fitted else { unreachable!() };
            for (knot, chance) in knots.iter().zip(chance) {
                // A block of equal fits around the knot has the rate of every group in it.
                let near = (knot * 20.0).round() as usize;
                let expected = naive(&rates, near.min(rates.len() - 1));
                prop_assert!((chance - expected).abs() < 1e-9, "{rates:?}: {fitted:?}");
            }
            let mut last = 0.0;
            for step in 0..=100 {
                let now = fitted.chance(f64::from(step) / 100.0);
                prop_assert!(now >= last);
                last = now;
            }
        }
    }

    #[test]
    fn few_rows_make_no_step() {
        let raw: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
        let positive: Vec<bool> = (0..100).map(|row| row >= 99).collect();
        let Calibration::Isotonic { chance, .. } = isotonic(&raw, &positive) else {
            unreachable!()
        };
        assert!(chance.iter().all(|chance| *chance <= 1.0 / 20.0), "{chance:?}");
    }
}
