//! What a training came to, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use super::Growth;
use super::run::Numbers;
use crate::domain::ReasonCode;
use crate::lab::train::plots::LINKS;
use crate::scoring::forest::{Calibration, Figures, Forest, Training};

/// Rows over which the parts of the inputs are averaged.
const ROWS_MAX: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub name: String,
    pub training: Training,
    pub growth: Growth,
    pub calibration: Calibration,
    pub nodes: usize,
    pub base: f64,
    pub folds: Vec<Figures>,
    /// The one that moves scores the most first.
    pub inputs: Vec<InputRow>,
}

/// How much an input moves the raw score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputRow {
    pub name: String,
    pub reason: ReasonCode,
    /// Mean size of its contribution over training rows.
    pub mean_contribution: f64,
}

impl Report {
    pub(super) fn new(
        forest: &Forest,
        growth: Growth,
        folds: Vec<Figures>,
        rows: &[u32],
        numbers: &Numbers<'_>,
    ) -> Report {
        let artifact = forest.artifact();
        let step = rows.len().div_ceil(ROWS_MAX).max(1);
        let mut sums = vec![0.0; forest.inputs().len()];
        let (mut row, mut parts) = (Vec::new(), sums.clone());
        let mut count = 0.0_f64;
        for place in rows.iter().step_by(step) {
            numbers.row(*place, &mut row);
            forest.contributions(&row, &mut parts);
            sums.iter_mut().zip(&parts).for_each(|(sum, part)| *sum += part.abs());
            count += 1.0;
        }
        let each = forest.inputs().iter().zip(sums).map(|(input, sum)| InputRow {
            name: input.name.clone(),
            reason: input.reason,
            mean_contribution: sum / count.max(1.0),
        });
        let mut inputs: Vec<InputRow> = each.collect();
        inputs.sort_by(|a, b| b.mean_contribution.total_cmp(&a.mean_contribution));
        Report {
            name: artifact.name.clone(),
            training: artifact.training.clone(),
            growth,
            calibration: artifact.calibration.clone(),
            nodes: artifact.trees.iter().map(|tree| tree.feature.len()).sum(),
            base: forest.base(),
            folds,
            inputs,
        }
    }

    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _always_written = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let training = &self.training;
        let growth = &self.growth;
        writeln!(to, "# Forest {}\n", self.name)?;
        writeln!(
            to,
            "Trained on {} rows with {} positives; split `{}`, seed {}.\n\
             Data SHA-256 `{}`, spec SHA-256 `{}`.\n",
            training.rows,
            training.positives,
            training.split,
            training.seed,
            training.data_sha256,
            training.spec_sha256
        )?;
        writeln!(
            to,
            "{} trees with {} nodes, depth {} at most, {} rows of the sample in a leaf at least, \
             {:.0} % of the features, {} negatives for a positive, {:.0} % of the positives, \
             smoothing {}.\n",
            growth.trees,
            self.nodes,
            growth.depth,
            growth.min_leaf.unwrap_or(1),
            100.0 * growth.features_share,
            growth.negatives_per_positive,
            100.0 * growth.bag_share,
            growth.smoothing
        )?;
        match &self.calibration {
            Calibration::Platt { shift, scale } => {
                writeln!(to, "Calibrated log odds: {shift:.3} + {scale:.3} x raw log odds.\n")?;
            }
            Calibration::Isotonic { raw, .. } => {
                writeln!(to, "Calibrated by {} rising knots.\n", raw.len())?;
            }
        }
        self.figures(to)?;
        to.write_str(LINKS)?;
        writeln!(to, "## Inputs\n")?;
        writeln!(to, "| input | reason | mean size of its contribution |")?;
        writeln!(to, "| --- | --- | --- |")?;
        for input in &self.inputs {
            let name = input.name.replace('|', "\\|");
            writeln!(to, "| {name} | `{}` | {:.5} |", input.reason, input.mean_contribution)?;
        }
        Ok(())
    }

    fn figures(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "## Figures on test rows\n")?;
        writeln!(
            to,
            "| part | rows | positives | AUC | average precision | card precision at 100 | KS | \
             Brier | log loss |"
        )?;
        writeln!(to, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        let folds = self.folds.iter().enumerate().filter(|_| self.folds.len() > 1);
        let folds = folds.map(|(at, fold)| (format!("fold {}", at + 1), fold));
        let whole = if self.folds.len() > 1 { "mean" } else { "test" };
        for (part, of) in folds.chain([(whole.to_owned(), &self.training.test)]) {
            let cards = of.card_precision_100.map_or("-".to_owned(), |one| format!("{one:.4}"));
            let test = &of.test;
            writeln!(
                to,
                "| {part} | {} | {} | {:.4} | {:.4} | {cards} | {:.4} | {:.5} | {:.5} |",
                test.rows,
                test.positives,
                test.auc,
                of.average_precision,
                test.ks,
                test.brier,
                test.log_loss
            )?;
        }
        writeln!(to)
    }
}
