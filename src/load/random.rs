//! Chance that is the same on every machine: SplitMix64, and the distributions drawn from it.

use std::f64::consts::TAU;

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed that has a purpose and a number: each is a stream of its own, so that
    /// request 1,000 can be drawn without the 999 before it.
    pub fn new(seed: u64, purpose: u64, number: u64) -> Random {
        let start = mixed(mixed(seed).wrapping_add(purpose)).wrapping_add(number);
        Random(mixed(start))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// 0 to 1, without 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// 0 to `end`, without it.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of 64 bits against any count here is beyond measure.
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Exponential with mean 1: the gaps between the arrivals of a Poisson process.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.share())
    }

    /// Log-normal, by Box and Muller's transform of two uniform draws.
    pub fn log_normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let radius = libm::sqrt(2.0 * self.exponential());
        let normal = radius * libm::cos(TAU * self.share());
        libm::exp(mean + deviation * normal)
    }
}

/// The output function of SplitMix64.
fn mixed(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Zipf's law over ranks from 0: rank `k` is drawn in proportion to `(k + 1)^-exponent`. Eight
/// bytes a rank.
#[derive(Debug)]
pub struct Zipf {
    /// The share of all ranks up to this one.
    up_to: Vec<f64>,
}

impl Zipf {
    /// `count` is not zero.
    pub fn new(count: u32, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let weight = |rank: u32| libm::pow(f64::from(rank) + 1.0, -exponent);
        let mut up_to: Vec<f64> = (0..count)
            .map(|rank| {
                sum += weight(rank);
                sum
            })
            .collect();
        up_to.iter_mut().for_each(|share| *share /= sum);
        Zipf { up_to }
    }

    pub fn draw(&self, random: &mut Random) -> u64 {
        let share = random.share();
        let rank = self.up_to.partition_point(|up_to| *up_to <= share);
        rank.min(self.up_to.len() - 1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 100_000;

    #[test]
    fn streams_are_the_same_again_and_differ_from_one_another() {
        let first = |seed, purpose, number| Random::new(seed, purpose, number).next();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let some = [first(1, 2, 3), first(2, 2, 3), first(1, 3, 3), first(1, 2, 4)];
        for (place, one) in some.iter().enumerate() {
            assert!(!some[..place].contains(one), "{some:?}");
        }
    }

    #[test]
    fn ranks_are_as_frequent_as_zipf_says() {
        let zipf = Zipf::new(4, 1.0);
        let mut random = Random::new(7, 0, 0);
        let mut seen = [0.0; 4];
        (0..DRAWS).for_each(|_| seen[zipf.draw(&mut random) as usize] += 1.0);
        let sum = 1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0;
        for (rank, count) in seen.iter().enumerate() {
            let expected = DRAWS as f64 / sum / (rank as f64 + 1.0);
            assert!((count - expected).abs() < 0.03 * expected, "{rank}: {count}, {expected}");
        }
        assert_eq!(Zipf::new(1, 0.5).draw(&mut random), 0);
    }

    #[test]
    fn means_are_those_of_the_distributions() {
        let mut random = Random::new(7, 1, 0);
        let mut gaps = 0.0;
        let mut logs = (0.0, 0.0);
        for _ in 0..DRAWS {
            gaps += random.exponential();
            let log = libm::log(random.log_normal(3.0, 0.5));
            logs = (logs.0 + log, logs.1 + (log - 3.0) * (log - 3.0));
        }
        let count = DRAWS as f64;
        assert!((gaps / count - 1.0).abs() < 0.02, "{gaps}");
        assert!((logs.0 / count - 3.0).abs() < 0.01, "{logs:?}");
        assert!((libm::sqrt(logs.1 / count) - 0.5).abs() < 0.01, "{logs:?}");
        assert!((0..DRAWS).all(|_| random.below(3) < 3));
    }
}
