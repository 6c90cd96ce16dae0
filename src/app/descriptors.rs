//! File descriptors: enough of them for the connections that there may be.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the ledger, the signal store, files, and connections that are about to close.
const KEPT_BACK: u64 = 256;

/// Raises the soft limit of this process as far as it may itself, and gives how many connections
/// fit below it: of too many, one would take the descriptor that a commit needs.
pub(super) fn enough_for(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(KEPT_BACK);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = current.unwrap_or(u64::MAX);
    if limit < wanted {
        let raised = wanted.min(maximum.unwrap_or(u64::MAX));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_ok() {
            limit = raised;
        }
    }
    let fit = usize::try_from(limit.saturating_sub(KEPT_BACK)).unwrap_or(usize::MAX).max(1);
    if fit < connections {
        tracing::warn!(
            connections = fit,
            wanted = connections,
            descriptors = limit,
            "fewer connections at once, for want of file descriptors: see `ulimit -n`"
        );
    }
    connections.min(fit)
}
