//! Platt's calibration: log odds on unseen rows to the log odds that came true.

/// Newton's steps; five are enough, and more do no harm.
const STEPS: usize = 50;
const CLOSE: f64 = 1e-12;

/// Calibrated log odds = `shift` + `scale` x raw log odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Platt {
    pub shift: f64,
    pub scale: f64,
}

impl Platt {
    pub const NONE: Platt = Platt { shift: 0.0, scale: 1.0 };

    /// The most likely calibration; none when there is no such thing, as when the classes are
    /// parted perfectly or the log odds say nothing.
    pub fn fit(log_odds: &[f64], positive: &[bool]) -> Platt {
        let mut now = Platt::NONE;
        for _ in 0..STEPS {
            let Some(next) = now.step(log_odds, positive) else { return Platt::NONE };
            let moved = (next.shift - now.shift).abs() + (next.scale - now.scale).abs();
            now = next;
            if moved < CLOSE {
                break;
            }
        }
        let sound = now.shift.is_finite() && SCALES.contains(&now.scale);
        if sound { now } else { Platt::NONE }
    }

    fn step(self, log_odds: &[f64], positive: &[bool]) -> Option<Platt> {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (z, y) in log_odds.iter().zip(positive) {
            let chance = 1.0 / (1.0 + libm::exp(-(self.shift + self.scale * z)));
            let miss = if *y { 1.0 - chance } else { -chance };
            let weight = chance * (1.0 - chance);
            g0 += miss;
            g1 += miss * z;
            h00 += weight;
            h01 += weight * z;
            h11 += weight * z * z;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant.is_nan() || determinant <= 1e-12 * h00 * h11 {
            return None;
        }
        Some(Platt {
            shift: self.shift + (h11 * g0 - h01 * g1) / determinant,
            scale: self.scale + (h00 * g1 - h01 * g0) / determinant,
        })
    }
}

/// A scale outside says that something else is wrong.
const SCALES: std::ops::RangeInclusive<f64> = 0.2..=5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_sure_is_drawn_in() {
        // Said -2 and 2, true are chances of 0.25 and 0.75: log odds of 1.0986.
        let log_odds: Vec<f64> = (0..800).map(|row| if row < 400 { -2.0 } else { 2.0 }).collect();
        let positive: Vec<bool> =
            (0..800).map(|row| if row < 400 { row % 4 == 0 } else { row % 4 != 0 }).collect();
        let platt = Platt::fit(&log_odds, &positive);
        assert!((platt.scale - 3.0_f64.ln() / 2.0).abs() < 1e-9, "{platt:?}");
        assert!(platt.shift.abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_calibrated_stays_as_it_is() {
        let positive = [true, false, true, false];
        assert_eq!(Platt::fit(&[1.0; 4], &positive), Platt::NONE, "says nothing");
        assert_eq!(Platt::fit(&[3.0, -3.0, 2.0, -2.0], &positive), Platt::NONE, "parted");
        assert_eq!(Platt::fit(&[-1.0, 1.0, -2.0, 2.0], &positive), Platt::NONE, "turned round");
    }
}
