//! What a training came to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::card::CardTable;
use super::evaluate::Faithfulness;
use super::fairness::Fairness;
use super::metrics::Metrics;
use super::plots::LINKS;
use crate::domain::ReasonCode;
use crate::scoring::Training;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub name: String,
    pub training: Training,
    pub pass_mark: i32,
    pub base_points: i32,
    /// On folds inside the training rows.
    pub validation_auc: Option<f64>,
    pub folds: Vec<Metrics>,
    pub fairness: Vec<Fairness>,
    pub faithfulness: Faithfulness,
    /// Reference points and reason by characteristic, of those that are used.
    pub references: BTreeMap<String, (i32, ReasonCode)>,
    pub characteristics: Vec<CardTable>,
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _always_written = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let training = &self.training;
        writeln!(to, "# Scorecard {}\n", self.name)?;
        writeln!(
            to,
            "Trained on {} rows with {} positives; split `{}`, seed {}, penalty of a bin {},\n\
             L2 strength {}.\n\
             Data SHA-256 `{}`, spec SHA-256 `{}`.\n",
            training.rows,
            training.positives,
            training.split,
            training.seed,
            training.bin_penalty,
            training.l2,
            training.data_sha256,
            training.spec_sha256
        )?;
        self.figures(to)?;
        to.write_str(LINKS)?;
        self.groups(to)?;
        writeln!(to, "## Reasons\n")?;
        writeln!(
            to,
            "Of {} refused test rows the named reasons close at least 60 % of the gap to the pass \
             mark in {} ({:.2} %).\n",
            self.faithfulness.refused,
            self.faithfulness.explained,
            100.0 * self.faithfulness.share
        )?;
        writeln!(to, "## Characteristics\n")?;
        writeln!(to, "Base points: {}. Pass mark: {}.\n", self.base_points, self.pass_mark)?;
        self.characteristics.iter().try_for_each(|one| self.characteristic(to, one))
    }

    fn figures(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "## Figures on test rows\n")?;
        writeln!(to, "| part | rows | positives | AUC | Gini | KS | Brier | log loss |")?;
        writeln!(to, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
        let folds = self.folds.iter().enumerate().filter(|_| self.folds.len() > 1);
        let folds = folds.map(|(at, fold)| (format!("fold {}", at + 1), fold));
        let whole = if self.folds.len() > 1 { "mean" } else { "test" };
        for (part, of) in folds.chain([(whole.to_owned(), &self.training.test)]) {
            writeln!(
                to,
                "| {part} | {} | {} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} |",
                of.rows, of.positives, of.auc, of.gini, of.ks, of.brier, of.log_loss
            )?;
        }
        if let Some(auc) = self.validation_auc {
            writeln!(to, "\nAUC on folds inside the training rows: {auc:.4}.")?;
        }
        writeln!(to)
    }

    fn groups(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "## Fairness at the pass mark\n")?;
        if self.fairness.is_empty() {
            writeln!(to, "The spec names no protected columns.\n")?;
        }
        for one in &self.fairness {
            writeln!(to, "### {}\n", one.column)?;
            writeln!(to, "| group | rows | approve rate | default rate |")?;
            writeln!(to, "| --- | --- | --- | --- |")?;
            for group in &one.groups {
                let few = if group.compared { "" } else { " (few rows)" };
                writeln!(
                    to,
                    "| {}{few} | {} | {:.4} | {:.4} |",
                    cell(&group.group),
                    group.rows,
                    group.approve_rate,
                    group.default_rate
                )?;
            }
            match one.lowest_ratio {
                Some(ratio) => writeln!(to, "\nLowest ratio between groups: {ratio:.3}.\n")?,
                None => writeln!(to, "\nNothing to compare.\n")?,
            }
        }
        Ok(())
    }

    fn characteristic(&self, to: &mut String, one: &CardTable) -> std::fmt::Result {
        writeln!(to, "### {}\n", one.name)?;
        let value = one.information_value;
        match (one.dropped, self.references.get(&one.name)) {
            (None, Some((reference, reason))) => writeln!(
                to,
                "Reason `{reason}`, reference points {reference}, weight {:.3}, information value \
                 {value:.3}.\n",
                one.weight
            )?,
            (dropped, _) => {
                let why = dropped.unwrap_or("it is not used");
                writeln!(to, "Dropped: {why}. Information value {value:.3}.\n")?;
            }
        }
        writeln!(to, "| bin | rows | positives | rate | WoE | points |")?;
        writeln!(to, "| --- | --- | --- | --- | --- | --- |")?;
        for bin in &one.bins {
            writeln!(
                to,
                "| {} | {} | {} | {:.4} | {:.3} | {} |",
                cell(&bin.bin),
                bin.rows,
                bin.positives,
                bin.rate,
                bin.woe,
                bin.points
            )?;
        }
        writeln!(to)
    }
}

/// A text of the data file inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
