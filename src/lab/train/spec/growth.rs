//! The `[forest]` table: how trees are grown, with sound values for what is left out.

use serde::Deserialize;

use crate::lab::train::{Growth, Method};

const TREES_MAX: usize = 1_000;
/// The fit calls itself once a level.
const DEPTH_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forest {
    pub trees: Option<usize>,
    pub depth: Option<usize>,
    pub min_leaf: Option<usize>,
    pub features_share: Option<f64>,
    pub negatives_per_positive: Option<f64>,
    pub bag_share: Option<f64>,
    pub smoothing: Option<f64>,
    pub calibration: Option<Method>,
}

impl Forest {
    /// The growth, and what is wrong with it.
    pub fn growth(self) -> (Growth, Vec<String>) {
        let default = Growth::default();
        let growth = Growth {
            trees: self.trees.unwrap_or(default.trees),
            depth: self.depth.unwrap_or(default.depth),
            min_leaf: self.min_leaf.or(default.min_leaf),
            features_share: self.features_share.unwrap_or(default.features_share),
            negatives_per_positive: self
                .negatives_per_positive
                .unwrap_or(default.negatives_per_positive),
            bag_share: self.bag_share.unwrap_or(default.bag_share),
            smoothing: self.smoothing.unwrap_or(default.smoothing),
            calibration: self.calibration.unwrap_or(default.calibration),
        };
        let mut faults = Vec::new();
        let mut expect = |sound: bool, problem: String| {
            if !sound {
                faults.push(problem);
            }
        };
        let trees = (1..=TREES_MAX).contains(&growth.trees);
        expect(trees, format!("trees: expected 1 to {TREES_MAX}"));
        let depth = (1..=DEPTH_MAX).contains(&growth.depth);
        expect(depth, format!("depth: expected 1 to {DEPTH_MAX}"));
        let min_leaf = growth.min_leaf.is_none_or(|rows| (1..=1_000_000).contains(&rows));
        expect(min_leaf, "min_leaf: expected 1 to 1000000".to_owned());
        let features = growth.features_share > 0.0 && growth.features_share <= 1.0;
        expect(features, "features_share: expected more than 0, up to 1".to_owned());
        let negatives = (0.01..=1e6).contains(&growth.negatives_per_positive);
        expect(negatives, "negatives_per_positive: expected 0.01 to 1000000".to_owned());
        let bag = (0.1..=0.9).contains(&growth.bag_share);
        expect(bag, "bag_share: expected 0.1 to 0.9, since the rest calibrates".to_owned());
        let smoothing = (1e-6..=1e6).contains(&growth.smoothing);
        expect(smoothing, "smoothing: expected more than 0, up to 1000000".to_owned());
        (growth, faults)
    }
}
