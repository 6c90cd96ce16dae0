//! Processor time of the children, as Linux tells it in `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// proc(5) counts in hundredths of a second (USER_HZ) on every machine that Rust builds for.
const TICK: Duration = Duration::from_millis(10);

/// Used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// By the service itself.
    pub service: Duration,
    /// By all other children: the stores behind it.
    pub stores: Duration,
}

/// What all descendants of this process have used; `service` is the id of the one that is asked.
pub fn used(service: u32) -> Used {
    let processes = processes();
    let own = std::process::id();
    let mut used = Used::default();
    for (pid, process) in &processes {
        let time = TICK * process.ticks;
        if *pid == service {
            used.service += time;
        } else if descends(*pid, own, &processes) {
            used.stores += time;
        }
    }
    used
}

struct Process {
    parent: u32,
    ticks: u32,
}

fn processes() -> HashMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, read(pid)?))).collect()
}

/// Of a process that may have ended meanwhile.
fn read(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // A name may have blanks and parentheses; after it come the state, the parent's id, and as the
    // 12th to 15th field the times in user and system mode, its own and of children that ended.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
    Some(Process { parent, ticks })
}

fn descends(pid: u32, from: u32, processes: &HashMap<u32, Process>) -> bool {
    let mut at = pid;
    while let Some(process) = processes.get(&at) {
        if process.parent == from {
            return true;
        }
        at = process.parent;
    }
    false
}
