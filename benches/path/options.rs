//! How the program is called.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum, value_parser};

use super::Outcome;
use super::system::Name;

/// What the load generator gets from each system, against a server that does nothing.
#[derive(Debug, Parser)]
#[command(name = "path")]
pub struct Options {
    /// Seconds that each cell is measured; a sixth of that is asked before, unmeasured.
    #[arg(long, value_name = "N", default_value_t = 15,
          value_parser = value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Clients of the closed loop, each number in turn.
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1,16,64,256",
          value_parser = value_parser!(u32).range(1..=100_000))]
    pub clients: Vec<u32>,
    /// What to measure.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_enum,
          default_values_t = Name::value_variants().iter().copied())]
    pub systems: Vec<Name>,
    /// Accounts that buy: about as many as there are requests in ten minutes, or some are refused
    /// for their haste.
    #[arg(long, value_name = "N", default_value_t = 50_000,
          value_parser = value_parser!(u32).range(1..=9_999_999))]
    pub accounts: u32,
    /// File for all figures as JSON; by default `path.json` in the target folder.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Serve the floor instead: what this program starts itself as.
    #[arg(long, hide = true)]
    pub serve_noop: bool,
    /// Said by `cargo bench`.
    #[arg(long, hide = true)]
    pub bench: bool,
    /// Milliseconds in place of the seconds.
    #[arg(skip)]
    millis: Option<u64>,
}

impl Options {
    /// Everything once, as small as it can be.
    pub fn small(output: &Path) -> Options {
        let mut options = Options::parse_from(["path", "--clients", "4", "--accounts", "50"]);
        options.millis = Some(300);
        options.output = Some(output.to_owned());
        options
    }

    pub fn duration(&self) -> Duration {
        self.millis.map_or(Duration::from_secs(self.seconds), Duration::from_millis)
    }

    pub fn warm_up(&self) -> Duration {
        self.duration() / 6
    }

    pub fn output(&self) -> PathBuf {
        let own = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("path.json");
        self.output.clone().unwrap_or_else(own)
    }

    /// Before minutes of measuring, not after.
    pub fn check_output(&self) -> Outcome<()> {
        let output = self.output();
        let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
        if output.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
            anyhow::bail!("--output {}: no such place", output.display());
        }
        Ok(())
    }
}

/// What is wrong on the command line is told; `cargo test` runs this.
pub fn check() {
    let parse = |line: &str| {
        let words = std::iter::once("path").chain(line.split_whitespace());
        Options::try_parse_from(words).map_err(|error| error.to_string())
    };
    let default = parse("--bench").unwrap();
    assert_eq!(default.clients, [1, 16, 64, 256]);
    assert_eq!(default.systems, Name::value_variants());
    let chosen = parse("--clients 3,5 --systems embedded,no-op --seconds 6").unwrap();
    assert_eq!(chosen.clients, [3, 5]);
    assert_eq!(chosen.systems, [Name::Embedded, Name::NoOp]);
    assert_eq!(chosen.warm_up(), Duration::from_secs(1));
    for (line, words) in [
        ("--clients 0", "--clients"),
        ("--clients 1,,2", "--clients"),
        ("--systems embedded,oracle", "redis-postgres"),
        ("--seconds 0", "--seconds"),
        ("--accounts 0", "--accounts"),
        ("embedded", "unexpected argument"),
    ] {
        let told = parse(line).expect_err(line);
        assert!(told.contains(words), "{line}: {told}");
    }
    let nowhere = parse("--output /nowhere/path.json").unwrap().check_output();
    assert!(nowhere.unwrap_err().to_string().contains("/nowhere/path.json"));
}
