//! `caller`: who may call, kept in the ledger beside the services that use it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::error::ErrorKind as Wrong;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::ledger::Ledger;
use super::moment::moment;
use super::print::page;
use super::rows::stamp;
use crate::domain::{KnownCaller, MerchantId, Merchants, Role, Time, certificate_name, opaque_id};
use crate::ledger::Place;
use crate::service::{Clock, TOKEN_BYTES, token_text};

/// Longest name of a caller.
const NAME_MAX: usize = 64;

#[derive(Debug, Args)]
pub(super) struct Caller {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Let somebody call, and print the token once: nobody can read it again.
    Add(Add),
    /// Let somebody call no more. Running services know it within two seconds.
    Revoke(Revoke),
    /// Print who may call, and who no longer may. Tokens are not shown: the ledger has none.
    List(List),
}

#[derive(Debug, Args)]
struct Add {
    /// What its decisions, claims and notes are kept under. A name that was revoked may come back,
    /// and has its old decisions again.
    #[arg(value_parser = name)]
    name: String,
    /// What it may see and do: checkout, issuer, ledger, customer_app, agent, reviewer, lead,
    /// compliance or auditor. May be given several times; each call then names one.
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = role)]
    roles: Vec<Role>,
    /// The merchant that a checkout asks for. May be given several times.
    #[arg(long = "merchant", value_name = "ID", value_parser = merchant)]
    merchants: Vec<MerchantId>,
    /// A checkout for all merchants.
    #[arg(long, conflicts_with = "merchants")]
    any_merchant: bool,
    /// Subject alternative name, DNS or URI, of the client certificate that it is known by.
    #[arg(long, value_name = "SAN", value_parser = certificate)]
    certificate: Option<String>,
    /// Make no token: it has its certificate.
    #[arg(long, requires = "certificate")]
    no_token: bool,
    #[command(flatten)]
    place: Kept,
}

#[derive(Debug, Args)]
struct Revoke {
    name: String,
    /// When, if not now: a day, or a time such as 2026-10-31T18:00:00Z. Until then a caller of the
    /// same name can be added, and both tokens hold.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Time>,
    #[command(flatten)]
    place: Kept,
}

#[derive(Debug, Args)]
struct List {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    /// One object a line.
    Json,
}

#[derive(Debug, Args)]
struct Kept {
    /// Folder of the ledger, as `serve` has it; the service may be running.
    #[arg(long, value_name = "FOLDER", default_value = "./surety-data")]
    data: PathBuf,
    #[command(flatten)]
    ledger: Ledger,
}

impl Kept {
    fn place(&self) -> Result<Place> {
        self.ledger.place(&self.data)
    }
}

impl Caller {
    pub async fn run(self) -> Result<()> {
        match self.command {
            Command::Add(add) => add.run().await,
            Command::Revoke(revoke) => revoke.run().await,
            Command::List(list) => list.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> Result<()> {
        let merchants = self.merchants()?;
        let token = if self.no_token { None } else { Some(token()?) };
        let caller = KnownCaller {
            name: self.name,
            roles: self.roles,
            merchants,
            token_hash: token.as_ref().map(|token| Sha256::digest(token.as_bytes()).into()),
            certificate: self.certificate,
            created: Clock::system().now(),
            revoked: None,
        };
        // The ledger holds what was sent about devices and networks: nobody else's to read.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.place.data);
        made.with_context(|| format!("cannot make {}", self.place.data.display()))?;
        if !self.place.place()?.add_caller(&caller).await? {
            bail!(
                "{} is there already, or another caller has this certificate; expected a new \
                 name, or `surety caller revoke` first",
                caller.name
            );
        }
        // Alone on standard output, so that it can go straight to where it is kept.
        page(&token.map(|token| token + "\n").unwrap_or_default())
    }

    /// A checkout is bound to its merchants; all others work for the lender, across merchants.
    fn merchants(&self) -> Result<Merchants> {
        let checkout = self.roles.contains(&Role::Checkout);
        let only = self.roles.iter().all(|role| *role == Role::Checkout);
        match (checkout, self.merchants.is_empty(), self.any_merchant) {
            (true, true, false) => wrong(
                "a checkout asks for its merchants: expected --merchant ID, or --any-merchant",
            ),
            (_, false, _) if !only => wrong(
                "--merchant is for callers whose only role is checkout: all other roles see \
                 across merchants",
            ),
            (_, false, _) => Ok(Merchants::Only(self.merchants.clone())),
            (_, true, _) => Ok(Merchants::Any),
        }
    }
}

impl Revoke {
    async fn run(self) -> Result<()> {
        let now = Clock::system().now();
        if self.at.is_some_and(|end| end <= now) {
            return wrong("--at is a time to come; without it the caller is revoked now");
        }
        if !self.place.place()?.revoke_caller(&self.name, self.at.unwrap_or(now)).await? {
            bail!("there is no caller of that name, or no more: see `surety caller list`");
        }
        let name = self.name;
        page(&match self.at {
            None => format!("revoked {name}: services know it within two seconds\n"),
            Some(end) => format!("{name} may call until {}\n", stamp(end)),
        })
    }
}

impl List {
    async fn run(self) -> Result<()> {
        let callers = self.place.place()?.callers().await?;
        let (mut out, now) = (String::new(), Clock::system().now());
        for caller in callers.iter().flatten() {
            out += &match self.format {
                Format::Text => line(caller, now),
                Format::Json => serde_json::to_string(&row(caller))? + "\n",
            };
        }
        if callers.is_empty() && self.format == Format::Text {
            out += "there is no caller: whoever is on the same machine may call\n";
        }
        page(&out)?;
        let garbled = callers.into_iter().find_map(Result::err);
        garbled.map_or(Ok(()), |error| Err(error.into()))
    }
}

#[derive(Serialize)]
struct Row<'r> {
    name: &'r str,
    roles: Vec<&'static str>,
    /// `null` for all.
    merchants: Option<Vec<&'r str>>,
    token: bool,
    certificate: Option<&'r str>,
    create_time: String,
    revoke_time: Option<String>,
}

fn row(caller: &KnownCaller) -> Row<'_> {
    let created: Time = caller.created;
    Row {
        name: &caller.name,
        roles: caller.roles.iter().map(|role| role.name()).collect(),
        merchants: match &caller.merchants {
            Merchants::Any => None,
            Merchants::Only(ids) => Some(ids.iter().map(MerchantId::as_str).collect()),
        },
        token: caller.token_hash.is_some(),
        certificate: caller.certificate.as_deref(),
        create_time: stamp(created),
        revoke_time: caller.revoked.map(stamp),
    }
}

fn line(caller: &KnownCaller, now: Time) -> String {
    let Row { name, roles, merchants, token, certificate, create_time, revoke_time } = row(caller);
    let merchants = merchants.map_or_else(|| "any".to_owned(), |ids| ids.join(","));
    let known_by = match (token, certificate) {
        (true, Some(certificate)) => format!("token, {certificate}"),
        (true, None) => "token".to_owned(),
        (false, certificate) => certificate.unwrap_or_default().to_owned(),
    };
    let word = if caller.is_revoked(now) { "revoked" } else { "until" };
    let ended = revoke_time.map(|time| format!("  {word} {time}")).unwrap_or_default();
    format!(
        "{name}  roles {}  merchants {merchants}  by {known_by}  since {create_time}{ended}\n",
        roles.join(",")
    )
}

fn token() -> Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|failure| anyhow!("no randomness: {failure}"))?;
    Ok(token_text(&bytes))
}

fn wrong<T>(text: &str) -> Result<T> {
    Err(clap::Error::raw(Wrong::ValueValidation, format!("{text}\n")).into())
}

fn name(text: &str) -> Result<String, String> {
    opaque_id(text, NAME_MAX).map(str::to_owned).map_err(|problem| problem.text)
}

fn role(text: &str) -> Result<Role, String> {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    Role::from_name(text).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

fn merchant(text: &str) -> Result<MerchantId, String> {
    MerchantId::parse(text).map_err(|problem| problem.text)
}

fn certificate(text: &str) -> Result<String, String> {
    certificate_name(text).ok_or_else(|| {
        "expected a DNS name such as shop.example, or a URI such as spiffe://…".to_owned()
    })
}
