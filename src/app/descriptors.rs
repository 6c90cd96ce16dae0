//! File descriptors: enough of them for the connections that there may be.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the ledger, the signal store, files, and connections that are about to close.
const KEPT_BACK: u64 = 256;

/// Raises the soft limit of this process as far as it may itself, and gives how many connections
/// fit below it: of too many, one would take the descriptor that a commit needs.
pub(super) fn enough_for(connections: u32) -> usize {
    let wanted = u64::from(connections) + KEPT_BACK;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = current.unwrap_or(u64::MAX);
    if limit < wanted {
        let raised = wanted.min(maximum.unwrap_or(u64::MAX));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_ok() {
            limit = raised;
        }
    }
    let fit = limit.saturating_sub(KEPT_BACK).clamp(1, u64::from(connections));
    if fit < u64::from(connections) {
        tracing::warn!(
            connections = fit,
            wanted = connections,
            descriptors = limit,
            "fewer connections at once, for want of file descriptors: see `ulimit -n`"
        );
    }
    usize::try_from(fit).unwrap_or(usize::MAX)
}
