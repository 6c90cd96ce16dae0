//! `replay`: decide a file of past transactions.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, value_parser};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use indicatif::{ProgressBar, ProgressStyle};

use super::files::gzipped;
use super::playbook::Playbook;
use crate::domain::{Country, Currency, Span};
use crate::lab::replay::{Columns, Options, Summary, replay};
use crate::signals::EmbeddedConfig;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// CSV with a header, in order of time; `.gz` is read as such, `-` is standard input.
    file: PathBuf,
    /// Which column is what: `id, account, merchant, amount, time, device, ip, category, label`.
    #[arg(long, value_name = "WHAT=COLUMN,…", default_value = "", value_parser = Columns::parse)]
    columns: Columns,
    /// Where to write; `.gz` compresses. Standard output when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write every feature by its catalog name.
    #[arg(long)]
    features: bool,
    /// Columns of the input to copy to the output.
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    keep: Vec<String>,
    #[arg(long, default_value = "DE", value_parser = country)]
    market: Country,
    #[arg(long, default_value = "EUR", value_parser = currency)]
    currency: Currency,
    /// Limit of every account in minor units; with one, a row is owed until its label is known.
    #[arg(long, value_name = "MINOR")]
    limit: Option<i64>,
    /// How much later a label becomes known.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    label_delay_days: u32,
    /// An ordinary purchase in this file, in minor units, instead of the market's.
    #[arg(long, value_name = "MINOR", value_parser = value_parser!(i64).range(1..))]
    reference_amount: Option<i64>,
    #[command(flatten)]
    playbook: Playbook,
}

fn country(text: &str) -> Result<Country, String> {
    Country::parse(text).map_err(|problem| problem.text)
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::parse(text).map_err(|problem| problem.text)
}

impl Replay {
    pub fn run(self) -> anyhow::Result<()> {
        let mut playbook = self.playbook.files().load()?;
        if let Some(amount) = self.reference_amount {
            playbook.policy = playbook.policy.with_reference_amount(self.market, amount);
        }
        let bar = progress_bar(&self.file);
        let input = open(&self.file, &bar)?;
        let options = Options {
            columns: self.columns,
            market: self.market,
            currency: self.currency,
            limit: self.limit,
            label_delay: Span::days(i64::from(self.label_delay_days)),
            features: self.features,
            keep: self.keep,
            signals: EmbeddedConfig::default(),
        };
        let progress = |rows: u64| bar.set_message(format!("{rows} rows"));
        let run = |output: &mut dyn Write| {
            replay(&playbook, &options, input, output, &progress)
                .with_context(|| self.file.display().to_string())
        };
        let summary = match &self.out {
            None => run(&mut io::stdout().lock())?,
            Some(path) => {
                let context = || format!("cannot write {}", path.display());
                let file = BufWriter::new(File::create(path).with_context(context)?);
                if gzipped(path) {
                    let mut encoder = GzEncoder::new(file, Compression::fast());
                    let summary = run(&mut encoder)?;
                    encoder.finish().and_then(|mut file| file.flush()).with_context(context)?;
                    summary
                } else {
                    let mut file = file;
                    let summary = run(&mut file)?;
                    file.flush().with_context(context)?;
                    summary
                }
            }
        };
        bar.finish_and_clear();
        report(&summary);
        Ok(())
    }
}

/// The input, decompressed by a thread of its own: inflating takes a third of the time.
fn open(path: &Path, bar: &ProgressBar) -> anyhow::Result<Box<dyn Read>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let counted = BufReader::with_capacity(1 << 16, bar.wrap_read(file));
    if !gzipped(path) {
        return Ok(Box::new(counted));
    }
    Ok(Box::new(inflate(counted)?))
}

/// Size of the pieces that go from the inflating thread to the deciding one.
const PIECE: usize = 1 << 18;
const PIECES_WAITING_MAX: usize = 8;

fn inflate(input: impl Read + Send + 'static) -> anyhow::Result<impl Read> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(PIECES_WAITING_MAX);
    let mut decoder = MultiGzDecoder::new(input);
    std::thread::Builder::new()
        .name("inflate".to_owned())
        .spawn(move || {
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                let read = decoder.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                let end = !matches!(read, Ok(length) if length > 0);
                // The other side stops listening when it stops reading.
                if sender.send(read.map(|_| piece)).is_err() || end {
                    return;
                }
            }
        })
        .map_err(|failure| anyhow!("cannot start a thread: {failure}"))?;
    Ok(Pieces { receiver, piece: io::Cursor::new(Vec::new()) })
}

/// Reads what another thread sends.
struct Pieces {
    receiver: std::sync::mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.receiver.recv() {
                Ok(Ok(piece)) if piece.is_empty() => return Ok(0),
                Ok(piece) => self.piece = io::Cursor::new(piece?),
                Err(_) => return Ok(0),
            }
        }
    }
}

/// A bar over the bytes of the file, on a terminal only.
fn progress_bar(path: &Path) -> ProgressBar {
    let length = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0);
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The summary goes to standard error: standard output may be the rows.
fn report(summary: &Summary) {
    eprintln!("{} rows", summary.rows);
    for (outcome, count) in &summary.outcomes {
        eprintln!("  {outcome:<16} {count}");
    }
    for (code, count) in &summary.codes {
        eprintln!("  {code:<36} {count}");
    }
    let not_judged: Vec<&str> = summary.not_judged.keys().map(|code| code.name()).collect();
    if !not_judged.is_empty() {
        eprintln!("not judged, since the file does not tell: {}", not_judged.join(", "));
    }
    let (mean, sd) = summary.fitted_prior();
    eprintln!("fitted prior: log_amount_mean = {mean:.3}, log_amount_sd = {sd:.3}");
}
