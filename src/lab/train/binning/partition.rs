//! The best ways to join neighbouring cells into bins, by dynamic programming: no other partition
//! into so many bins within the rules has a higher likelihood.

use super::super::spec::Monotone;
use super::Cell;

/// What a partition may be.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub least_rows: u32,
    pub max_bins: usize,
    pub monotone: Monotone,
}

/// Cells joined into bins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    /// Where bins end, but for the last: a bin holds the cells from one end up to the next.
    pub ends: Vec<usize>,
    /// Log-likelihood beyond that of one bin.
    pub gain: f64,
}

/// The best partition into each number of bins, the fewest first. One bin is always within the
/// rules.
pub fn partitions(cells: &[Cell], rules: &Rules) -> Vec<Partition> {
    let search = |rising| Search::new(cells, rules, rising).best();
    match rules.monotone {
        Monotone::None => search(None),
        Monotone::Increasing => search(Some(true)),
        Monotone::Decreasing => search(Some(false)),
        Monotone::Auto => {
            let mut all = search(Some(true));
            all.extend(search(Some(false)));
            // Of equal gains the rising one stays before the falling one: the sort is stable.
            all.sort_by(|a, b| a.ends.len().cmp(&b.ends.len()).then(b.gain.total_cmp(&a.gain)));
            all.dedup_by_key(|one| one.ends.len());
            all
        }
    }
}

/// The partition with the highest gain, less `price` for every bin but the first; among equals the
/// one with fewer bins.
pub fn worthiest(partitions: &[Partition], price: f64) -> Partition {
    let worth = |one: &Partition| one.gain - price * one.ends.len() as f64;
    let best = partitions.iter().reduce(|a, b| if worth(b) > worth(a) { b } else { a });
    best.cloned().unwrap_or_default()
}

/// The gain of a partition over one bin; `None` when it is against the rules. One bin is always
/// within them.
#[cfg(test)]
pub(super) fn gain(
    cells: &[Cell],
    ends: &[usize],
    rules: &Rules,
    rising: Option<bool>,
) -> Option<f64> {
    let search = Search::new(cells, rules, rising);
    let mut bounds = vec![0];
    bounds.extend(ends);
    bounds.push(cells.len());
    let bins: Vec<Cell> = bounds.windows(2).map(|pair| search.cell(pair[0], pair[1])).collect();
    let within = bins.len() <= rules.max_bins
        && bins.iter().all(|bin| bin.rows >= rules.least_rows)
        && bins.windows(2).all(|pair| search.in_order(pair[0], pair[1]));
    let value = bins.iter().map(Cell::likelihood).sum::<f64>();
    let one = search.cell(0, cells.len()).likelihood();
    (within || ends.is_empty()).then_some(value - one)
}

struct Search<'a> {
    /// What is in the cells before each.
    before: Vec<Cell>,
    rules: &'a Rules,
    /// Rates rise, fall, or go as they like.
    rising: Option<bool>,
}

/// The best partition of the cells up to `end` whose last bin begins at `start`.
#[derive(Clone, Copy)]
struct State {
    value: f64,
    /// Where the bin before the last begins.
    previous: usize,
}

const NONE: State = State { value: f64::NEG_INFINITY, previous: 0 };

impl Search<'_> {
    fn new<'a>(cells: &[Cell], rules: &'a Rules, rising: Option<bool>) -> Search<'a> {
        let mut before = vec![Cell::default()];
        let mut sum = Cell::default();
        for cell in cells {
            sum = sum.plus(*cell);
            before.push(sum);
        }
        Search { before, rules, rising }
    }

    fn cell(&self, start: usize, end: usize) -> Cell {
        let (a, b) = (self.before[start], self.before[end]);
        Cell { rows: b.rows - a.rows, positives: b.positives - a.positives }
    }

    /// Whether the rates of two bins, the lower first, go the right way. Compared exactly.
    fn in_order(&self, lower: Cell, higher: Cell) -> bool {
        let left = u64::from(lower.positives) * u64::from(higher.rows);
        let right = u64::from(higher.positives) * u64::from(lower.rows);
        self.rising.is_none_or(|rising| if rising { left <= right } else { left >= right })
    }

    /// The best partition into each number of bins that the rules allow.
    fn best(&self) -> Vec<Partition> {
        let cells = self.before.len() - 1;
        let side = cells + 1;
        let own = self.likelihoods();
        let one = self.cell(0, cells).likelihood();
        // layers[k][end * side + start]: with k + 1 bins.
        let mut first = vec![NONE; side * side];
        for end in 1..=cells {
            first[end * side].value = own[end * side];
        }
        let mut layers = vec![first];
        let mut all = vec![Partition::default()];
        for bins in 2..=self.rules.max_bins.min(cells) {
            layers.push(self.layer(&layers[bins - 2], &own));
            let last = &layers[bins - 1][cells * side..];
            let best = (1..cells).reduce(|a, b| if last[b].value > last[a].value { b } else { a });
            let Some(start) = best.filter(|start| last[*start].value > f64::NEG_INFINITY) else {
                // What cannot be cut into so many bins cannot be cut into more.
                break;
            };
            all.push(Partition { ends: back(&layers, side, start), gain: last[start].value - one });
        }
        all
    }

    /// Likelihood of each bin `start..end`; of those that are too small, none.
    fn likelihoods(&self) -> Vec<f64> {
        let side = self.before.len();
        let mut own = vec![f64::NEG_INFINITY; side * side];
        for end in 1..side {
            for start in 0..end {
                let cell = self.cell(start, end);
                if cell.rows >= self.rules.least_rows {
                    own[end * side + start] = cell.likelihood();
                }
            }
        }
        own
    }

    /// One bin more than in `fewer`.
    fn layer(&self, fewer: &[State], own: &[f64]) -> Vec<State> {
        let side = self.before.len();
        let mut layer = vec![NONE; side * side];
        for start in 1..side {
            // Any last bin may follow the same best one, unless rates must be in order.
            let free = self.rising.is_none().then(|| {
                let row = &fewer[start * side..][..start];
                let best =
                    (0..start).reduce(|a, b| if row[b].value > row[a].value { b } else { a });
                best.map_or(NONE, |previous| State { value: row[previous].value, previous })
            });
            for end in start + 1..side {
                let likelihood = own[end * side + start];
                if likelihood == f64::NEG_INFINITY {
                    continue;
                }
                let before = free.unwrap_or_else(|| self.ordered(fewer, start, end));
                let value = before.value + likelihood;
                layer[end * side + start] = State { value, previous: before.previous };
            }
        }
        layer
    }

    /// The best partition up to `start` that the bin `start..end` may follow.
    fn ordered(&self, fewer: &[State], start: usize, end: usize) -> State {
        let side = self.before.len();
        let last = self.cell(start, end);
        let mut best = NONE;
        for previous in 0..start {
            let value = fewer[start * side + previous].value;
            if value > best.value && self.in_order(self.cell(previous, start), last) {
                best = State { value, previous };
            }
        }
        best
    }
}

/// Where bins end, of the best partition whose last bin begins at `start`.
fn back(layers: &[Vec<State>], side: usize, mut start: usize) -> Vec<usize> {
    let (mut ends, mut end) = (Vec::new(), side - 1);
    for layer in layers.iter().skip(1).rev() {
        ends.push(start);
        let previous = layer[end * side + start].previous;
        (end, start) = (start, previous);
    }
    ends.reverse();
    ends
}
