//! `train scorecard` and `evaluate`: a spec and a data file to a model, and its figures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::files::{Whole, replace};
use crate::lab::train::{self, Digests, Spec, Table, Trained};
use crate::scoring::Scorecard;

#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a scorecard: bins, weights of evidence, logistic regression, points. The last line is
    /// a JSON object with the figures on the test part.
    Scorecard(TrainScorecard),
}

#[derive(Debug, Args)]
struct TrainScorecard {
    /// What to train: target, features, split, scaling, in TOML.
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// CSV with a header line; `.gz` is read as such.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where the model goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Folder for the report: `report.md` and `report.json`. Made when it is not there.
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
    /// CSV with a header line; `.gz` is read as such.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
}

impl Train {
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Scorecard(command) => command.run(),
        }
    }
}

impl TrainScorecard {
    fn run(self) -> Result<()> {
        let (spec, spec_sha256) = read_spec(&self.spec)?;
        let (table, data_sha256) = read_table(&spec, &self.data)?;
        let digests = Digests { data: data_sha256, spec: spec_sha256 };
        let trained = train::train_scorecard(&spec, table, digests)
            .with_context(|| self.data.display().to_string())?;
        if let Some(folder) = &self.report {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            replace(&folder.join("report.md"), trained.report.markdown().as_bytes())?;
            let mut json = serde_json::to_vec_pretty(&trained.report)?;
            json.push(b'\n');
            replace(&folder.join("report.json"), &json)?;
        }
        replace(&self.out, &trained.bytes)?;
        tell(&trained);
        println!("{}", serde_json::to_string(&trained.metrics)?);
        Ok(())
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
        let card = Scorecard::parse(&model.bytes)
            .map_err(train::Error::from)
            .with_context(|| self.model.display().to_string())?;
        let (spec, _) = read_spec(&self.spec)?;
        let (table, data_sha256) = read_table(&spec, &self.data)?;
        let told = train::evaluate(&card, &spec, table, &data_sha256)
            .with_context(|| self.data.display().to_string())?;
        if told.in_sample {
            eprintln!("every row trained this model: the figures flatter it");
        }
        println!("{}", serde_json::to_string(&told)?);
        Ok(())
    }
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

fn read_table(spec: &Spec, path: &Path) -> Result<(Table, String)> {
    let file = Whole::read(path)?;
    let table = Table::read(file.content(path), &spec.columns())
        .with_context(|| path.display().to_string())?;
    Ok((table, file.sha256))
}
