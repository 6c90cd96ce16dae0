//! Files of the offline commands: read whole with their digest, written whole or not at all.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// A file's bytes as they lie on the disk, and their SHA-256.
pub(super) struct Whole {
    pub bytes: Vec<u8>,
    pub sha256: String,
}

impl Whole {
    pub fn read(path: &Path) -> Result<Whole> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let digest = Sha256::digest(&bytes);
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Whole { bytes, sha256 })
    }

    /// The content; `.gz` is inflated.
    pub fn content(&self, path: &Path) -> Box<dyn Read + '_> {
        match gzipped(path) {
            true => Box::new(MultiGzDecoder::new(Cursor::new(&self.bytes))),
            false => Box::new(Cursor::new(&self.bytes)),
        }
    }
}

/// What decides on compression.
pub(super) fn gzipped(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Writes beside `path` under a temporary name, then renames: nobody ever sees half of it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let name = path.file_name().with_context(context)?;
    let mut beside = name.to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside: PathBuf = path.with_file_name(beside);
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What is half written helps nobody; that it cannot be removed is told by the error.
        let _removed = fs::remove_file(&beside);
    }
    written.with_context(context)
}
