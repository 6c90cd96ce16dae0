//! The accounts of the mix, made before anything is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::calls::Calls;
use super::parties::Parties;

/// Calls under way at a time.
const AT_A_TIME: u32 = 64;
const SHOW_EVERY: Duration = Duration::from_millis(200);
/// A server that is busy is asked again.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: u32 = 50;

/// What the writers share.
struct Setup {
    calls: Arc<Calls>,
    parties: Parties,
    accounts: u64,
    next: AtomicU64,
    there: AtomicU64,
}

/// Writes the accounts, or finds them as they were written before; `show` learns how many are
/// there.
pub async fn open_accounts(
    calls: &Arc<Calls>,
    accounts: u32,
    show: &dyn Fn(u64),
) -> Result<(), Status> {
    let setup = Arc::new(Setup {
        calls: Arc::clone(calls),
        parties: Parties::new(accounts),
        accounts: accounts.into(),
        next: AtomicU64::new(0),
        there: AtomicU64::new(0),
    });
    let mut writers = JoinSet::new();
    for _ in 0..AT_A_TIME.min(accounts) {
        writers.spawn(write_accounts(Arc::clone(&setup)));
    }
    let mut tick = tokio::time::interval(SHOW_EVERY);
    loop {
        tokio::select! {
            ended = writers.join_next() => match ended {
                None => return Ok(()),
                Some(Ok(written)) => written?,
                Some(Err(panicked)) => return Err(Status::internal(panicked.to_string())),
            },
            _ = tick.tick() => show(setup.there.load(Ordering::Relaxed)),
        }
    }
}

async fn write_accounts(setup: Arc<Setup>) -> Result<(), Status> {
    loop {
        let account = setup.next.fetch_add(1, Ordering::Relaxed);
        if account >= setup.accounts {
            return Ok(());
        }
        write(&setup, account).await?;
        setup.there.fetch_add(1, Ordering::Relaxed);
    }
}

async fn write(setup: &Setup, account: u64) -> Result<(), Status> {
    let mut tries = 0;
    loop {
        tries += 1;
        let message = setup.parties.account(account);
        let Err(status) = setup.calls.upsert(account, message).await else {
            return Ok(());
        };
        let passes = matches!(
            status.code(),
            Code::Unavailable
                | Code::ResourceExhausted
                | Code::Aborted
                | Code::DeadlineExceeded
                // How tonic tells that its own timer has ended.
                | Code::Cancelled
        );
        if !passes || tries == TRIES {
            return Err(status);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
