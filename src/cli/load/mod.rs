//! `load`: put a running service under load and say how it did.

mod live;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::error::ErrorKind;
use clap::{ArgGroup, Args, ValueEnum, value_parser};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Uri;
use uuid::Uuid;

use super::{files, print, serve};
use crate::load::{self, ConnectError, Options, Pace, Report, Target, Tls};

/// Beyond it the arrivals thread has nothing to wait for.
const RATE_MAX: f64 = 1_000_000.0;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("pace").required(true))]
pub(super) struct Load {
    /// Servers, with commas between or given again; calls take turns.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051",
          value_delimiter = ',', value_parser = url)]
    url: Vec<Uri>,
    /// Open loop: requests a second, whatever is under way.
    #[arg(long, group = "pace", value_parser = rate)]
    rate: Option<f64>,
    /// Closed loop: clients that ask when they have their answer.
    #[arg(long, group = "pace", value_parser = value_parser!(u32).range(1..=100_000))]
    clients: Option<u32>,
    /// Checkouts that the open loop has under way at most; what is due beyond is not sent, and
    /// counted.
    #[arg(long, value_name = "N", default_value_t = 10_000, conflicts_with = "clients",
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    outstanding: u32,
    /// How long to measure: such as 500ms, 30s or 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = above_zero)]
    duration: Duration,
    /// How long to ask before that.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    warm_up: Duration,
    /// The same seed gives the same requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Connections to each server.
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = value_parser!(u16).range(1..=1_000))]
    connections: u16,
    /// Accounts that buy. Too few for the rate are refused for their haste.
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = value_parser!(u32).range(1..=9_999_999))]
    accounts: u32,
    /// Do not write the accounts: they are there.
    #[arg(long)]
    skip_setup: bool,
    /// Deadline of each call.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = above_zero)]
    timeout: Duration,
    /// Name to call under, for callers on the same machine.
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// File to write the JSON to.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Credentials {
    /// File with the bearer token of a checkout.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// File with the bearer token of a ledger, which writes the accounts.
    #[arg(long, value_name = "FILE")]
    setup_token_file: Option<PathBuf>,
    /// Authorities to trust with https, in PEM; the system's when not given.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The client's certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The client's key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Load {
    pub async fn run(self) -> Result<()> {
        if let Some(path) = &self.output {
            // Before minutes of measuring, not after.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
                return Err(wrong(format!("--output {}: no such place", path.display())));
            }
        }
        let options = self.options()?;
        let stop = serve::asked_to_stop()?;
        tokio::pin!(stop);
        let generator = match load::Load::connect(options).await {
            Err(error @ ConnectError::Credentials(_)) => return Err(wrong(error.to_string())),
            connected => connected?,
        };
        if !self.skip_setup {
            let bar = live::accounts(self.accounts);
            let show = |there: u64| bar.set_position(there);
            tokio::select! {
                opened = generator.open_accounts(&show) => {
                    opened.map_err(print::status).context("cannot write the accounts")?;
                }
                () = &mut stop => bail!("stopped before anything was measured"),
            }
            bar.finish_and_clear();
            eprintln!("{} accounts are there", self.accounts);
        }
        eprintln!(
            "measuring for {:?} after {:?} of warm-up; ctrl-c ends it early",
            self.duration, self.warm_up
        );
        let line = live::run();
        let report = generator.run(stop, &|progress| live::show(&line, progress)).await?;
        line.finish_and_clear();
        self.tell(&report)
    }

    fn tell(&self, report: &Report) -> Result<()> {
        let json = format!("{}\n", serde_json::to_string_pretty(report)?);
        match self.format {
            Format::Json => print::page(&json)?,
            Format::Text => print::page(&table::text(report))?,
        }
        if let Some(path) = &self.output {
            files::replace(path, json.as_bytes())?;
        }
        match report.is_sound() {
            true => Ok(()),
            false if report.answered == 0 => {
                let most = report.errors_by_code.iter().max_by_key(|error| error.count);
                let why = most.map(|error| format!(": {} {}", error.code, error.reason));
                bail!("no call was answered{}", why.unwrap_or_default().trim_end())
            }
            false => bail!("{} retries got another answer", report.retries.different),
        }
    }

    fn options(&self) -> Result<Options> {
        let pace = match (self.rate, self.clients) {
            (Some(rate), _) => Pace::Open { rate, outstanding: self.outstanding },
            (None, Some(clients)) => Pace::Closed { clients },
            (None, None) => return Err(wrong("one of --rate and --clients is needed".to_owned())),
        };
        let caller = self.caller.as_deref().map(|name| {
            name.parse().map_err(|_| wrong(format!("--caller {name}: expected printable ASCII")))
        });
        let credentials = &self.credentials;
        Ok(Options {
            target: Target {
                urls: self.url.clone(),
                connections: self.connections.into(),
                timeout: self.timeout,
                caller: caller.transpose()?,
                authorization: bearer(credentials.token_file.as_deref())?,
                setup_authorization: bearer(credentials.setup_token_file.as_deref())?,
                tls: self.tls()?,
            },
            pace,
            duration: self.duration,
            warm_up: self.warm_up,
            seed: self.seed,
            run: Uuid::now_v7(),
            accounts: self.accounts,
        })
    }

    fn tls(&self) -> Result<Tls> {
        let Credentials { ca, cert, key, .. } = &self.credentials;
        let secure = self.url.iter().any(|url| url.scheme_str() == Some("https"));
        if !secure && (ca.is_some() || cert.is_some()) {
            return Err(wrong("--ca, --cert and --key need a --url with https".to_owned()));
        }
        let pem = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        Ok(Tls { authority: pem(ca)?, identity: pem(cert)?.zip(pem(key)?) })
    }
}

/// A wrong command line, as clap would tell it.
fn wrong(text: String) -> anyhow::Error {
    clap::Error::raw(ErrorKind::ValueValidation, text).into()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))
}

/// The metadata for the token in a file.
fn bearer(path: Option<&Path>) -> Result<Option<AsciiMetadataValue>> {
    let Some(path) = path else { return Ok(None) };
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    let token = text.trim();
    let value = match token.is_empty() || token.contains(char::is_whitespace) {
        true => None,
        false => format!("Bearer {token}").parse::<AsciiMetadataValue>().ok(),
    };
    let mut value =
        value.ok_or_else(|| wrong(format!("{}: expected one token", path.display())))?;
    // Kept out of what is printed for debugging, and of the tables of HTTP/2.
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The address of a server, and nothing behind it.
pub(super) fn url(text: &str) -> Result<Uri, String> {
    let parsed = text.parse::<Uri>().ok().filter(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.host().is_some_and(|host| !host.is_empty())
            && url.path_and_query().is_none_or(|path| path == "/")
    });
    parsed.ok_or_else(|| "expected http://host:port or https://host:port".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok().filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    parsed.ok_or_else(|| format!("expected a number above 0, up to {RATE_MAX}"))
}

fn above_zero(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("expected more than nothing".to_owned()),
        time => Ok(time),
    }
}

/// A time as people write it, up to a day.
fn time(text: &str) -> Result<Duration, String> {
    let parsed = || {
        let begin = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(begin);
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let millis = number.parse::<u64>().ok()?.checked_mul(millis)?;
        (millis <= 24 * 3_600_000).then(|| Duration::from_millis(millis))
    };
    parsed().ok_or_else(|| "expected a number with ms, s, m or h behind it, up to 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("500ms", Ok(Duration::from_millis(500))),
            ("30s", Ok(Duration::from_secs(30))),
            ("5m", Ok(Duration::from_secs(300))),
            ("24h", Ok(Duration::from_secs(86_400))),
            ("0s", Ok(Duration::ZERO)),
            ("25h", Err(())),
            ("30", Err(())),
            ("s", Err(())),
            ("", Err(())),
            ("-1s", Err(())),
            ("1.5s", Err(())),
            ("99999999999999999999s", Err(())),
        ] {
            assert_eq!(time(text).map_err(drop), expected, "{text}");
        }
        assert!(above_zero("0s").is_err() && above_zero("1ms").is_ok());
    }

    #[test]
    fn urls_and_rates_are_what_they_have_to_be() {
        for good in ["http://127.0.0.1:50051", "https://surety.example", "http://[::1]:1/"] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:50051", "localhost", "ftp://host", "http://", "http://host/v1", ""] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(rate("0.5").is_ok());
        for bad in ["0", "-1", "NaN", "inf", "1e9", "many"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
