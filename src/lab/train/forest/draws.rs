//! Chance that is the same on every machine: SplitMix64.

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The stream with a number among those of a seed.
    pub fn new(seed: u64, number: u64) -> Draws {
        let mut draws = Draws(seed);
        let start = draws.next() ^ number.wrapping_mul(0xd134_2543_de82_ef95);
        Draws(start)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// 0 to `end`, without it.
    fn below(&mut self, end: usize) -> usize {
        // 64 bits against lengths of memory: the bias is beyond measure.
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// So many of `from`, each at most once, in their order.
    pub fn some<T: Copy>(&mut self, from: &[T], count: usize) -> Vec<T> {
        let mut wanted = count.min(from.len());
        let mut drawn = Vec::with_capacity(wanted);
        for (place, one) in from.iter().enumerate() {
            if self.below(from.len() - place) < wanted {
                drawn.push(*one);
                wanted -= 1;
            }
        }
        drawn
    }

    /// 0 to `end`, without it, in any order: Fisher and Yates' shuffle.
    pub fn order(&mut self, end: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..end).collect();
        for last in (1..end).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_asked_for_in_order_and_each_as_often() {
        let all: Vec<usize> = (0..20).collect();
        let mut seen = [0; 20];
        for number in 0..2_000 {
            let drawn = Draws::new(7, number).some(&all, 5);
            assert_eq!(drawn.len(), 5);
            assert!(drawn.is_sorted_by(|a, b| a < b));
            drawn.iter().for_each(|one| seen[*one] += 1);
        }
        assert!(seen.iter().all(|times| (400..600).contains(times)), "{seen:?}");
        assert_eq!(Draws::new(7, 1).some(&all, 99), all);
        assert_ne!(Draws::new(7, 1).some(&all, 9), Draws::new(8, 1).some(&all, 9));
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut seen = std::collections::BTreeMap::new();
        for number in 0..6_000 {
            *seen.entry(Draws::new(3, number).order(3)).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|times| (850..1150).contains(times)), "{seen:?}");
    }
}
