//! Puts it together: data folder, keys, ledger, playbook, service, server, and an orderly stop.

use std::fs::{self, DirBuilder, OpenOptions};
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::domain::{PARTY_SECRET_LEN, PartyHasher};
use crate::grpc;
use crate::ledger::{Ledger, Place, SignalsClaim};
use crate::playbook::{FileText, Playbook, SHIPPED, Sources};
use crate::service::{Clock, Service, Settings};
use crate::signals::redis::{Options, RedisStore, Server};
use crate::signals::{EmbeddedConfig, EmbeddedStore, SignalStore};

/// How long the ledger may take to finish what was handed in, once nothing more is served.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// How often signals are saved unless it is said otherwise.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(5 * 60);

/// What `serve` is told.
#[derive(Clone, Debug)]
pub struct Config {
    pub grpc_listen: SocketAddr,
    pub data: PathBuf,
    pub ledger: Place,
    pub playbook: PlaybookFiles,
    pub signals: Signals,
    /// The secret under which parties are hashed; `None` takes the data folder's own.
    pub party_key: Option<PathBuf>,
    /// The secret under which results of step-ups are signed; `None` takes the data folder's own.
    pub step_up_key: Option<PathBuf>,
    pub clock: Clock,
    /// How often what is remembered is saved, so that the next start need not learn it again;
    /// `None` saves nothing.
    pub snapshot_every: Option<Duration>,
}

/// Where signals are kept.
#[derive(Clone, Debug)]
pub enum Signals {
    Embedded(EmbeddedConfig),
    Redis { server: Server, options: Options },
}

/// A service that is ready to serve.
pub struct App {
    pub service: Arc<Service>,
    pub listener: TcpListener,
    ledger: Ledger,
    _signals: Option<SignalsClaim>,
    snapshot_every: Option<Duration>,
}

impl App {
    /// Opens everything; what is wrong stops the start with one line that says what and where.
    pub async fn open(config: &Config) -> Result<App> {
        let playbook = config.playbook.load()?;
        if !config.grpc_listen.ip().is_loopback() {
            bail!(
                "cannot listen on {}: callers have no credentials yet, so only those on the same \
                 machine are served; expected a loopback address such as 127.0.0.1",
                config.grpc_listen
            );
        }
        let listener = TcpListener::bind(config.grpc_listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.grpc_listen))?;
        // The ledger holds what was sent about devices and networks: nobody else's to read.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.data)
            .with_context(|| format!("cannot make the data folder {}", config.data.display()))?;
        let ledger = Ledger::open(&config.ledger).await?;
        let party_secret = party_secret(config)?;
        let own_signals = matches!(config.signals, Signals::Embedded(_));
        let claim = match config.ledger.is_shared() {
            true => Some(share(&config.ledger, (&ledger, own_signals), &party_secret).await?),
            false => {
                keep_party_key(&config.data, &party_secret)?;
                None
            }
        };
        let settings = Settings {
            ledger: ledger.clone(),
            playbook: Arc::new(playbook),
            signals: signal_store(&config.signals, &config.data, &party_secret)?,
            snapshot: config.snapshot_every.map(|_| config.data.join("signals.snapshot")),
            party_secret,
            step_up_secret: step_up_secret(config)?.to_vec(),
            clock: config.clock.clone(),
        };
        let service = Service::start(settings).await?;
        Ok(App {
            service,
            listener,
            ledger,
            _signals: claim,
            snapshot_every: config.snapshot_every,
        })
    }

    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop`, or until the ledger fails: after a failed commit nobody knows what is
    /// on the disk, so the process ends and finds out when it starts again.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let (ledger, service) = (self.ledger.clone(), Arc::clone(&self.service));
        let (end, ended) = oneshot::channel();
        let keep = |every| tokio::spawn(Arc::clone(&service).keep_snapshots(every, ended));
        let keeping = self.snapshot_every.map(keep);
        let served = tokio::select! {
            served = grpc::serve(self.service, self.listener, stop) => served,
            cause = ledger.failed() => {
                service.give_up_snapshot();
                bail!("the ledger failed, so nothing more is answered: {cause}")
            }
        };
        served.map_err(|failure| anyhow!("serving: {failure}"))?;
        drop(end);
        // The last snapshot is taken now; it says itself what went wrong with it.
        if let Some(keeping) = keeping {
            drop(keeping.await);
        }
        service.close().await;
        drop((ledger, service));
        // Whoever still holds a connection open holds the ledger too; what was answered is durable.
        let closed = tokio::time::timeout(CLOSE_MAX, self.ledger.close()).await;
        if closed.is_err() {
            tracing::warn!("connections were still open at the end");
        }
        Ok(())
    }
}

/// The secret under which parties are hashed. What several processes share they must hash alike,
/// so none of them may make up a secret of its own.
pub fn party_secret(config: &Config) -> Result<[u8; PARTY_SECRET_LEN]> {
    let own = config.data.join("party.key");
    match (&config.party_key, &config.signals) {
        (Some(path), _) => known(path),
        (None, _) if config.ledger.is_shared() => bail!(
            "the ledger {} is shared: expected --party-key with the file of {PARTY_SECRET_LEN} \
             random bytes under which all processes hash their parties",
            config.ledger
        ),
        // A key that got lost is not made up for by another one.
        (None, Signals::Embedded(_)) if config.data.join(PARTY_ID).exists() => known(&own),
        (None, Signals::Embedded(_)) => secret(&own),
        (None, Signals::Redis { .. }) => bail!(
            "signals in Redis are shared: expected --party-key with the file of {PARTY_SECRET_LEN} \
             random bytes under which all processes hash their parties"
        ),
    }
}

fn known(path: &Path) -> Result<[u8; PARTY_SECRET_LEN]> {
    read_secret(path)?
        .with_context(|| format!("cannot read the key {}: no such file", path.display()))
}

/// A step-up that one process asked for is reported to any.
fn step_up_secret(config: &Config) -> Result<[u8; PARTY_SECRET_LEN]> {
    match &config.step_up_key {
        Some(path) => known(path),
        None if config.ledger.is_shared() => bail!(
            "the ledger {} is shared: expected --step-up-key with the file of {PARTY_SECRET_LEN} \
             random bytes with which results of step-ups are signed",
            config.ledger
        ),
        None => secret(&config.data.join("step-up.key")),
    }
}

/// What processes on one ledger have to agree on.
async fn share(
    place: &Place,
    (ledger, own_signals): (&Ledger, bool),
    party_secret: &[u8; PARTY_SECRET_LEN],
) -> Result<SignalsClaim> {
    let got = PartyHasher::new(party_secret).key_id();
    let known = ledger.party_key(&got).await?;
    if known != got {
        bail!(
            "the ledger {place} was hashed under another party key (id {known}); expected that \
             key, got id {got}"
        );
    }
    place.claim_signals(own_signals).await?.with_context(|| {
        format!(
            "another process on the ledger {place} keeps signals of its own, or this one would: \
             each would see a part of what happens; expected one store for all, such as \
             --signals redis://…"
        )
    })
}

/// Notes in a new data folder the party key under which its ledger is hashed; refuses another one.
fn keep_party_key(data: &Path, party_secret: &[u8; PARTY_SECRET_LEN]) -> Result<()> {
    if check_party_key(data, party_secret)? == Hashed::Never {
        let id = PartyHasher::new(party_secret).key_id();
        let path = data.join(PARTY_ID);
        write_secret(&path, id.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Names in a data folder the party key under which its ledger was hashed.
const PARTY_ID: &str = "party.id";

/// Whether a data folder knows yet under which key its ledger is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashed {
    Never,
    UnderThisKey,
}

/// Under another key than its ledger's, all parties would be strangers: a data folder is refused
/// with it. What the folder was hashed under is in `party.id`, or in a key of its own.
pub fn check_party_key(data: &Path, secret: &[u8; PARTY_SECRET_LEN]) -> Result<Hashed> {
    let got = PartyHasher::new(secret).key_id();
    let path = data.join(PARTY_ID);
    let named = match fs::read_to_string(&path) {
        Ok(id) => Some(id),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let own = read_secret(&data.join("party.key"))?;
    let own = own.map(|secret| PartyHasher::new(&secret).key_id());
    if let Some(other) = named.iter().chain(&own).find(|id| **id != got) {
        bail!(
            "the ledger in {} was hashed under another party key (id {other}); expected that key, \
             got id {got}",
            data.display()
        );
    }
    Ok(if named.is_some() { Hashed::UnderThisKey } else { Hashed::Never })
}

/// The store, not yet connected.
pub fn signal_store(
    signals: &Signals,
    data: &Path,
    party_secret: &[u8; PARTY_SECRET_LEN],
) -> Result<SignalStore> {
    Ok(match signals {
        Signals::Embedded(config) => SignalStore::Embedded(EmbeddedStore::new(*config)),
        Signals::Redis { server, options } => {
            let key_id = PartyHasher::new(party_secret).key_id();
            let store = RedisStore::new(server.clone(), *options, &key_id)?;
            SignalStore::Redis(Arc::new(store.remembering(data.join("signals.filling"))))
        }
    })
}

/// Which files decide; `None` takes the one that the binary carries.
#[derive(Clone, Debug, Default)]
pub struct PlaybookFiles {
    pub policy: Option<PathBuf>,
    pub reasons: Option<PathBuf>,
    /// The word `none` in place of a file is no model.
    pub credit_model: Option<PathBuf>,
    pub fraud_model: Option<PathBuf>,
}

impl PlaybookFiles {
    pub fn load(&self) -> Result<Playbook> {
        let (policy, reasons) = (Named::some(&self.policy)?, Named::some(&self.reasons)?);
        let credit = ModelFile::of(&self.credit_model)?;
        let fraud = ModelFile::of(&self.fraud_model)?;
        Ok(Playbook::parse(&Sources {
            policy: policy.as_ref().map_or(SHIPPED.policy, Named::as_text),
            reasons: reasons.as_ref().map_or(SHIPPED.reasons, Named::as_text),
            credit_model: credit.or(SHIPPED.credit_model),
            fraud_model: fraud.or(SHIPPED.fraud_model),
        })?)
    }
}

/// A file's name for messages, and its text.
struct Named {
    name: String,
    text: String,
}

impl Named {
    fn read(path: &Path) -> Result<Named> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Ok(Named { name, text })
    }

    fn some(path: &Option<PathBuf>) -> Result<Option<Named>> {
        path.as_deref().map(Named::read).transpose()
    }

    fn as_text(&self) -> FileText<'_> {
        FileText { name: &self.name, text: &self.text }
    }
}

/// Where a model comes from.
enum ModelFile {
    Shipped,
    Nowhere,
    File(Named),
}

impl ModelFile {
    fn of(path: &Option<PathBuf>) -> Result<ModelFile> {
        match path {
            None => Ok(ModelFile::Shipped),
            Some(path) if path.as_os_str() == "none" => Ok(ModelFile::Nowhere),
            Some(path) => Named::read(path).map(ModelFile::File),
        }
    }

    fn or<'a>(&'a self, shipped: Option<FileText<'a>>) -> Option<FileText<'a>> {
        match self {
            ModelFile::Shipped => shipped,
            ModelFile::Nowhere => None,
            ModelFile::File(file) => Some(file.as_text()),
        }
    }
}

/// The secret in the file; made at the first start, readable by its owner only.
fn secret(path: &Path) -> Result<[u8; PARTY_SECRET_LEN]> {
    if let Some(secret) = read_secret(path)? {
        return Ok(secret);
    }
    let mut bytes = [0; PARTY_SECRET_LEN];
    getrandom::fill(&mut bytes).map_err(|failure| anyhow!("no randomness: {failure}"))?;
    write_secret(path, &bytes)
        .with_context(|| format!("cannot write the key {}", path.display()))?;
    Ok(bytes)
}

/// `None` when there is no such file.
pub fn read_secret(path: &Path) -> Result<Option<[u8; PARTY_SECRET_LEN]>> {
    match fs::read(path) {
        Ok(bytes) => bytes
            .try_into()
            .map(Some)
            .map_err(|_| anyhow!("{}: expected a key of {PARTY_SECRET_LEN} bytes", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the key {}", path.display())),
    }
}

/// Written beside and renamed, so that a crash leaves no half of a key; parties would be strangers
/// ever after.
fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
