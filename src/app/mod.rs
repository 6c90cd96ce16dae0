//! Puts it together: data folder, keys, ledger, playbook, service, server, and an orderly stop.

mod descriptors;
mod keys;
mod playbook_files;

use std::fs::{self, DirBuilder};
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::sync::oneshot;

use crate::domain::{PARTY_SECRET_LEN, PartyHasher};
use crate::grpc::{self, Door, Limits, Tls, TlsFiles};
use crate::http::Pages;
use crate::ledger::{Ledger, Place, SignalsClaim};
use crate::service::{Clock, Retention, Service, Settings};
use crate::signals::redis::{Options, RedisStore, Server};
use crate::signals::{EmbeddedConfig, EmbeddedStore, SignalStore};

pub use keys::{check_party_key, party_secret, read_secret};
use keys::{keep_party_key, step_up_secret};
pub use playbook_files::PlaybookFiles;

/// How long the ledger may take to finish what was handed in, once nothing more is served.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// How often signals are saved unless it is said otherwise.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(5 * 60);

/// Connections at once unless it is said otherwise. An idle one holds some 22 KiB, so all of them
/// some 220 MiB; the shops of a lender need hundreds.
pub const CONNECTIONS_MAX: u32 = 10_000;

/// How long calls under way may take to end unless it is said otherwise: longer than any call.
pub const DRAIN: Duration = Duration::from_secs(20);

/// What `serve` is told.
#[derive(Clone, Debug)]
pub struct Config {
    pub grpc_listen: SocketAddr,
    pub entrance: Entrance,
    /// Where probes and Prometheus look; `None` shows them nothing.
    pub http_listen: Option<SocketAddr>,
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
    /// How long what is kept; `None` drops nothing.
    pub retention: Option<Retention>,
}

/// How connections are let in.
#[derive(Clone, Debug)]
pub struct Entrance {
    pub tls: Option<TlsFiles>,
    /// Listen beyond this machine without TLS: somebody else encrypts.
    pub plaintext: bool,
    /// Connections at once.
    pub connections_max: u32,
    /// How long calls under way may take to end once the server is to stop.
    pub drain: Duration,
    /// What callers may take.
    pub limits: Limits,
}

impl Default for Entrance {
    fn default() -> Entrance {
        Entrance {
            tls: None,
            plaintext: false,
            connections_max: CONNECTIONS_MAX,
            drain: DRAIN,
            limits: Limits::default(),
        }
    }
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
    pub door: Door,
    ledger: Ledger,
    pages: Option<Pages>,
    _signals: Option<SignalsClaim>,
    snapshot_every: Option<Duration>,
    retention: Option<Retention>,
    drain: Duration,
    limits: Limits,
}

impl App {
    /// Opens everything; what is wrong stops the start with one line that says what and where.
    pub async fn open(config: &Config) -> Result<App> {
        let playbook = config.playbook.load()?;
        let door = door(config).await?;
        let pages = pages(config.http_listen).await?;
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
        if !own_signals {
            move_filling(&config.data, &ledger).await?;
        }
        let settings = Settings {
            ledger: ledger.clone(),
            playbook: Arc::new(playbook),
            signals: signal_store(&config.signals, &party_secret)?,
            snapshot: config.snapshot_every.map(|_| config.data.join("signals.snapshot")),
            party_secret,
            step_up_secret: step_up_secret(config)?.to_vec(),
            clock: config.clock.clone(),
        };
        let service = Service::start(settings).await?;
        callers_are_known(config, &service)?;
        if let Some(pages) = &pages {
            pages.tell_of(&service);
        }
        Ok(App {
            service,
            door,
            ledger,
            pages,
            _signals: claim,
            snapshot_every: config.snapshot_every,
            retention: config.retention,
            drain: config.entrance.drain,
            limits: config.entrance.limits,
        })
    }

    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.door.address()?)
    }

    /// Where probes and Prometheus look.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.pages.as_ref().map(Pages::address)
    }

    /// Serves until `stop`, or until the ledger fails: after a failed commit nobody knows what is
    /// on the disk, so the process ends and finds out when it starts again.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let (ledger, service) = (self.ledger.clone(), Arc::clone(&self.service));
        let (end, ended) = oneshot::channel();
        let keep = |every| tokio::spawn(Arc::clone(&service).keep_snapshots(every, ended));
        let keeping = self.snapshot_every.map(keep);
        let (end_drops, drops_ended) = oneshot::channel();
        let drop_old = |ages| tokio::spawn(Arc::clone(&service).keep_retention(ages, drops_ended));
        let dropping = self.retention.map(drop_old);
        let draining = self.pages.as_ref().map(Pages::draining);
        let stop = async move {
            stop.await;
            if let Some(draining) = draining {
                draining();
            }
        };
        let served = tokio::select! {
            served = grpc::serve(self.service, self.door, self.limits, stop, self.drain) => served,
            cause = ledger.failed() => {
                service.give_up_snapshot();
                bail!("the ledger failed, so nothing more is answered: {cause}")
            }
        };
        served.map_err(|failure| anyhow!("serving: {failure}"))?;
        drop((end, end_drops));
        if let Some(dropping) = dropping {
            drop(dropping.await);
        }
        // The last snapshot is taken now; it says itself what went wrong with it.
        if let Some(keeping) = keeping {
            drop(keeping.await);
        }
        service.close().await;
        drop((ledger, service, self.pages));
        // Whoever still holds a connection open holds the ledger too; what was answered is durable.
        let closed = tokio::time::timeout(CLOSE_MAX, self.ledger.close()).await;
        if closed.is_err() {
            tracing::warn!("connections were still open at the end");
        }
        Ok(())
    }
}

impl Config {
    /// Reads all files that are named; tells everything that is wrong, and changes nothing.
    pub fn check(&self) -> Result<()> {
        let keys = [&self.party_key, &self.step_up_key].into_iter().flatten();
        let checks = [self.playbook.load().map(drop), self.may_listen()]
            .into_iter()
            .chain(self.entrance.tls.iter().map(|files| Ok(Tls::load(files.clone()).map(drop)?)))
            .chain(keys.map(|path| keys::known(path).map(drop)));
        let faults: Vec<String> =
            checks.filter_map(Result::err).map(|error| format!("{error:#}")).collect();
        if faults.is_empty() { Ok(()) } else { bail!(faults.join("\n")) }
    }

    fn may_listen(&self) -> Result<()> {
        let Config { grpc_listen, entrance, .. } = self;
        if !grpc_listen.ip().is_loopback() && entrance.tls.is_none() && !entrance.plaintext {
            bail!(
                "cannot listen on {grpc_listen} without TLS; expected --tls-cert and --tls-key, \
                 --plaintext where a mesh encrypts, or a loopback address such as 127.0.0.1"
            );
        }
        Ok(())
    }
}

/// Listens, where that is safe.
async fn door(config: &Config) -> Result<Door> {
    config.may_listen()?;
    let Config { grpc_listen, entrance, .. } = config;
    let tls = entrance.tls.clone().map(Tls::load).transpose()?;
    let max = descriptors::enough_for(entrance.connections_max);
    let door = Door::bind(*grpc_listen, tls, max).await;
    door.with_context(|| format!("cannot listen on {grpc_listen}"))
}

/// Without callers everybody may do anything, which only this machine may offer to itself.
fn callers_are_known(config: &Config, service: &Service) -> Result<()> {
    let Config { grpc_listen, ledger, .. } = config;
    if service.callers().any() {
        return Ok(());
    }
    if !grpc_listen.ip().is_loopback() {
        bail!(
            "cannot serve on {grpc_listen}: the ledger {ledger} has no callers; expected one, \
             made by `surety caller add NAME --role checkout --merchant ID` on the same ledger"
        );
    }
    tracing::info!(
        "no callers: whoever is on this machine may call, in any role; `surety caller add` makes \
         one, and credentials are needed from then on"
    );
    Ok(())
}

/// Opened first: a start that takes long is one that lives.
async fn pages(listen: Option<SocketAddr>) -> Result<Option<Pages>> {
    let Some(listen) = listen else { return Ok(None) };
    let pages = Pages::open(listen).await;
    let pages = pages.with_context(|| format!("cannot listen on {listen} for HTTP"))?;
    tracing::info!(address = %pages.address(), "serving HTTP");
    Ok(Some(pages))
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

/// Data folders used to say which filling of the shared store is the ledger's, which now says it
/// itself: to all processes that have it.
async fn move_filling(data: &Path, ledger: &Ledger) -> Result<()> {
    let path = data.join("signals.filling");
    let filling = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    ledger.claim_filling(filling.trim()).await?;
    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
}

/// The store, not yet connected.
pub fn signal_store(
    signals: &Signals,
    party_secret: &[u8; PARTY_SECRET_LEN],
) -> Result<SignalStore> {
    Ok(match signals {
        Signals::Embedded(config) => SignalStore::Embedded(EmbeddedStore::new(*config)),
        Signals::Redis { server, options } => {
            let key_id = PartyHasher::new(party_secret).key_id();
            let store = RedisStore::new(server.clone(), *options, &key_id)?;
            SignalStore::Redis(Arc::new(store))
        }
    })
}
