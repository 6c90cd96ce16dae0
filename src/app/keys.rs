//! The keys of a service: read from files, or made in a new data folder.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::{Config, Signals};
use crate::domain::{PARTY_SECRET_LEN, PartyHasher};

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

/// A key that has to be there.
pub(super) fn known(path: &Path) -> Result<[u8; PARTY_SECRET_LEN]> {
    read_secret(path)?
        .with_context(|| format!("cannot read the key {}: no such file", path.display()))
}

/// A step-up that one process asked for is reported to any.
pub(super) fn step_up_secret(config: &Config) -> Result<[u8; PARTY_SECRET_LEN]> {
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

/// Notes in a new data folder the party key under which its ledger is hashed; refuses another one.
pub(super) fn keep_party_key(data: &Path, party_secret: &[u8; PARTY_SECRET_LEN]) -> Result<()> {
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
