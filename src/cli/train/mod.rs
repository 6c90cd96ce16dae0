//! `train` and `evaluate`: a spec and a data file to a model, and its figures.

mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::files::{Whole, replace};
use super::print::page;
use crate::lab::train::{self, Digests, Plot, Spec, Table, Trained};
use crate::scoring::Scorecard;
use crate::scoring::forest::Forest;
use source::Source;

#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a scorecard: bins, weights of evidence, logistic regression, points. The last line is
    /// a JSON object with the figures on the test part.
    Scorecard(Files),
    /// Train a forest: balanced bags, trees, chances calibrated on rows that trees did not see. The
    /// last line is a JSON object with the figures on the test part.
    Forest(Files),
}

#[derive(Debug, Args)]
struct Files {
    /// What to train: target, features, split, scaling, in TOML.
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Where the model goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Folder for the report: `report.md`, `report.json` and plots. Made when it is not there.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// Figures of a trained model on the test part of a data file.
#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// A model that `train` made.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The spec: its features and its split.
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    #[command(flatten)]
    source: Source,
}

impl Train {
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Scorecard(files) => files.scorecard(),
            Command::Forest(files) => files.forest(),
        }
    }
}

impl Files {
    fn scorecard(self) -> Result<()> {
        let (spec, table, digests) = self.read()?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let trained = train::train_scorecard(&spec, table, digests, threads)
            .with_context(|| self.source.name())?;
        let markdown = trained.report.markdown();
        self.write(&trained.bytes, &trained.report, &markdown, &trained.plots)?;
        tell(&trained);
        page(&(serde_json::to_string(&trained.metrics)? + "\n"))
    }

    fn forest(self) -> Result<()> {
        let (spec, table, digests) = self.read()?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let trained = train::train_forest(&spec, table, digests, threads)
            .with_context(|| self.source.name())?;
        let markdown = trained.report.markdown();
        self.write(&trained.bytes, &trained.report, &markdown, &trained.plots)?;
        let training = &trained.forest.artifact().training;
        eprintln!(
            "{} trees with {} nodes from {} rows, {} of them positive",
            spec.forest.trees, trained.report.nodes, training.rows, training.positives
        );
        page(&(serde_json::to_string(&trained.figures)? + "\n"))
    }

    fn read(&self) -> Result<(Spec, Table, Digests)> {
        let (spec, spec_sha256) = read_spec(&self.spec)?;
        let (table, data_sha256) = self.source.read(&spec)?;
        Ok((spec, table, Digests { data: data_sha256, spec: spec_sha256 }))
    }

    /// The report first: where the model is, the report is too.
    fn write(
        &self,
        model: &[u8],
        report: &impl Serialize,
        markdown: &str,
        plots: &[Plot],
    ) -> Result<()> {
        if let Some(folder) = &self.report {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            replace(&folder.join("report.md"), markdown.as_bytes())?;
            let mut json = serde_json::to_vec_pretty(report)?;
            json.push(b'\n');
            replace(&folder.join("report.json"), &json)?;
            for plot in plots {
                replace(&folder.join(plot.file), plot.svg.as_bytes())?;
            }
        }
        replace(&self.out, model)
    }
}

/// What was left out and chosen goes to standard error: standard output is the figures.
fn tell(trained: &Trained) {
    for one in &trained.report.characteristics {
        if let Some(why) = one.dropped {
            eprintln!("feature \"{}\" is not used: {why}", one.name);
        }
    }
    let training = &trained.card.training;
    let validation = match trained.report.validation_auc {
        Some(auc) => format!(", AUC {auc:.4} on folds inside them"),
        None => String::new(),
    };
    eprintln!(
        "{} characteristics from {} rows{validation}; penalty of a bin {}, L2 strength {}",
        trained.card.characteristics.len(),
        training.rows,
        training.bin_penalty,
        training.l2
    );
}

impl Evaluate {
    pub fn run(self) -> Result<()> {
        let model = Whole::read(&self.model)?;
        if Forest::claimed(&model.bytes) {
            return self.forest(&model);
        }
        let card = Scorecard::parse(&model.bytes)
            .map_err(train::Error::from)
            .with_context(|| self.model.display().to_string())?;
        let (spec, _) = read_spec(&self.spec)?;
        let (table, data_sha256) = self.source.read(&spec)?;
        let told = train::evaluate(&card, &spec, table, &data_sha256)
            .with_context(|| self.source.name())?;
        print(&told, told.in_sample)
    }

    fn forest(&self, model: &Whole) -> Result<()> {
        let forest = Forest::parse(&model.bytes)
            .map_err(train::Error::from)
            .with_context(|| self.model.display().to_string())?;
        let (spec, _) = read_spec(&self.spec)?;
        let (table, data_sha256) = self.source.read(&spec)?;
        let told = train::evaluate_forest(&forest, &spec, table, &data_sha256)
            .with_context(|| self.source.name())?;
        print(&told, told.in_sample)
    }
}

fn print(told: &impl Serialize, in_sample: bool) -> Result<()> {
    if in_sample {
        eprintln!("every row trained this model: the figures flatter it");
    }
    page(&(serde_json::to_string(told)? + "\n"))
}

fn read_spec(path: &Path) -> Result<(Spec, String)> {
    let file = Whole::read(path)?;
    let name = path.display().to_string();
    let text = String::from_utf8(file.bytes).map_err(|_| {
        let problem = format!("{name}: not UTF-8 text");
        train::Error::Data(problem)
    })?;
    Ok((Spec::parse(&name, &text).map_err(train::Error::Spec)?, file.sha256))
}
