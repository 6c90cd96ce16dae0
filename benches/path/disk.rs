//! What a sync of the disk takes on which the systems keep their data.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Outcome;

const SYNCS_MAX: usize = 500;
const SPAN: Duration = Duration::from_secs(1);

/// Of `fdatasync` after 4 KiB more, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Sync {
    pub count: usize,
    pub p50_us: u64,
    pub p99_us: u64,
    /// Each that was taken, in order.
    #[serde(skip)]
    took: Vec<Duration>,
}

impl Sync {
    /// Takes a second at most, while nothing else of ours runs.
    pub fn measure(folder: &Path) -> Outcome<Sync> {
        let path = folder.join("sync");
        let mut file = File::create(&path)?;
        let (begun, mut took) = (Instant::now(), Vec::new());
        while took.len() < SYNCS_MAX && begun.elapsed() < SPAN {
            file.write_all(&[0; 4096])?;
            let begun = Instant::now();
            file.sync_data()?;
            took.push(begun.elapsed());
        }
        fs::remove_file(path)?;
        Ok(Sync::of(took))
    }

    /// All measurements as one.
    pub fn all<'s>(parts: impl Iterator<Item = &'s Sync>) -> Sync {
        Sync::of(parts.flat_map(|part| part.took.clone()).collect())
    }

    fn of(mut took: Vec<Duration>) -> Sync {
        took.sort_unstable();
        let at = |hundredths: usize| {
            let place = took.len() * hundredths / 100;
            took.get(place).map_or(0, |took| took.as_micros() as u64)
        };
        Sync { count: took.len(), p50_us: at(50), p99_us: at(99), took }
    }
}

/// The file system that a folder is on, as the kernel calls it: on tmpfs no sync means anything.
pub fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let around = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    around.max_by_key(|(length, _)| *length).map_or("unknown", |(_, kind)| kind).to_owned()
}
