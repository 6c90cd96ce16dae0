//! Files of the offline commands: read whole with their digest, written whole or not at all.

use std::fs;
use std::io::{self, Cursor, Read, Write};
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
        let sha256 = hexadecimal(&Sha256::digest(&bytes));
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

pub(super) fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What decides on compression.
pub(super) fn gzipped(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Writes `path` whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut draft = Draft::create(path)?;
    draft.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))?;
    draft.finish()
}

/// A file under a temporary name beside its path, renamed when it is whole: nobody ever sees half
/// of it. Dropped before that, it is gone.
pub(super) struct Draft {
    file: fs::File,
    beside: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl Draft {
    pub fn create(path: &Path) -> Result<Draft> {
        let context = || format!("cannot write {}", path.display());
        let mut name = path.file_name().with_context(context)?.to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let beside = path.with_file_name(name);
        let file = fs::File::create(&beside).with_context(context)?;
        Ok(Draft { file, beside, path: path.to_owned(), finished: false })
    }

    pub fn finish(mut self) -> Result<()> {
        let written = self.file.sync_all().and_then(|()| fs::rename(&self.beside, &self.path));
        self.finished = written.is_ok();
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // What is half written helps nobody; that it cannot be removed harms nobody.
            let _removed = fs::remove_file(&self.beside);
        }
    }
}
