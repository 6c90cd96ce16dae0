//! From raw scores to chances that come true.

use serde::{Deserialize, Serialize};

/// Raw scores are kept so far from 0 and 1, where log odds have no end.
const RAW_MIN: f64 = 1e-6;
const KNOTS_MAX: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Calibration {
    /// Log odds = `shift` + `scale` x log odds of the raw score.
    Platt { shift: f64, scale: f64 },
    /// Straight lines between the knots, level beyond the first and the last.
    Isotonic { raw: Vec<f64>, chance: Vec<f64> },
}

impl Calibration {
    pub const NONE: Calibration = Calibration::Platt { shift: 0.0, scale: 1.0 };

    /// Log odds of a raw score.
    pub fn log_odds(raw: f64) -> f64 {
        let raw = raw.clamp(RAW_MIN, 1.0 - RAW_MIN);
        libm::log(raw) - libm::log1p(-raw)
    }

    pub fn chance(&self, score: f64) -> f64 {
        match self {
            Calibration::Platt { shift, scale } => {
                1.0 / (1.0 + libm::exp(-(shift + scale * Calibration::log_odds(score))))
            }
            Calibration::Isotonic { raw, chance } => {
                let above = raw.partition_point(|knot| *knot <= score);
                let (Some(right), Some(high)) = (raw.get(above), chance.get(above)) else {
                    return chance.last().copied().unwrap_or(score);
                };
                let Some(below) = above.checked_sub(1) else { return *high };
                let share = (score - raw[below]) / (right - raw[below]);
                // Never beyond its ends, whatever rounding does.
                (chance[below] + share * (high - chance[below])).clamp(chance[below], *high)
            }
        }
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        match self {
            Calibration::Platt { shift, scale } => {
                let sound = shift.is_finite() && scale.is_finite() && *scale > 0.0;
                (!sound).then_some("expected finite numbers and a scale above zero")
            }
            Calibration::Isotonic { raw, chance } => {
                let rising = raw.windows(2).all(|pair| pair[0] < pair[1]);
                let never_falls = chance.windows(2).all(|pair| pair[0] <= pair[1]);
                let inside = raw.iter().chain(chance).all(|one| (0.0..=1.0).contains(one));
                let sized = (1..=KNOTS_MAX).contains(&raw.len()) && raw.len() == chance.len();
                let sound = rising && never_falls && inside && sized;
                (!sound).then_some("expected as many chances as raw scores, both rising, 0 to 1")
            }
        }
    }
}
