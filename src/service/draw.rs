//! What only chance can make: decision ids, references, case numbers.

use uuid::{Builder, Uuid};

use super::Error;
use crate::domain::{DecisionId, Reference, Time};

/// Random bytes from the operating system.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|failure| Error::unexpected(&failure))?;
    Ok(bytes)
}

/// A UUIDv7 of `now`, so that ids sort by time.
pub(super) fn uuid(now: Time) -> Result<Uuid, Error> {
    let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
    Ok(Builder::from_unix_timestamp_millis(millis, &random()?).into_uuid())
}

pub(super) fn decision_id(now: Time) -> Result<DecisionId, Error> {
    uuid(now).map(DecisionId)
}

pub(super) fn reference() -> Result<Reference, Error> {
    Ok(Reference::from_random(u64::from_le_bytes(random()?)))
}

/// A case number is drawn as a reference is, and told apart by its first letter.
pub(super) fn case_number() -> Result<String, Error> {
    Ok(format!("C-{}", reference()?.as_str()))
}
