//! What keeps callers from asking for more than there is, and one of them, where its quota is set,
//! from taking all of it.
//!
//! A call comes here once it is known who makes it. It passes the quota of its caller; its message
//! is read, so that a slow sender holds nothing; then it has a place or waits for one. Health never
//! comes to any of this. The quota for an account is asked by the handlers, who know the account.

mod class;
mod layer;
mod queue;
mod quota;
mod told;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

pub use layer::Limited;

use super::gate::Identity;
use super::status::{OF_ACCOUNT, OF_CALLER, over_quota, shed, too_short};
use crate::domain::Caller;
use crate::service::Service;
use class::Class;
use queue::{Denied, Permit, Queue};
use quota::Quota;
use told::Told;

/// The shortest time in which a decision can be made and become durable. With less left it is not
/// begun: the work would be done for nobody.
pub const DEADLINE_LEAST: Duration = Duration::from_millis(5);
/// A batch of 500 events has so many times the size of any other message.
const EVENTS_FACTOR: usize = 16;
/// The call that takes such batches.
const BATCHES: &str = "/surety.v1.AccountService/RecordAccountEvents";
/// Bytes of all messages under way together; the largest batch fits many times over.
const MEMORY: usize = 64 * 1024 * 1024;
/// How often quotas forget who has not called.
const PRUNE_EVERY: Duration = Duration::from_secs(10);
/// Who was sent away may ask again after this, and a part of the spread: not all at one moment.
const AGAIN_LEAST: Duration = Duration::from_millis(100);
const AGAIN_SPREAD: Duration = Duration::from_millis(400);
/// 2^64 over the golden ratio: multiples of it are spread evenly over all numbers, however few
/// there are.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What callers may take of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls a second of each caller; `None` is no limit.
    pub calls_per_second: Option<NonZeroU32>,
    /// Calls a second that name an account, of each caller and account.
    pub calls_per_second_account: Option<NonZeroU32>,
    /// Calls under way at once.
    pub concurrency: u32,
    /// The longest wait for a place.
    pub queue: Duration,
    /// Bytes of a message; batches of events have 16 times as many.
    pub message_max: u32,
}

impl Default for Limits {
    /// A commit of the ledger takes up to 256 decisions at once, and is quickest with many; more
    /// calls under way would only wait for it. A purchase with 200 lines has a fifth of 64 KiB.
    fn default() -> Limits {
        Limits {
            calls_per_second: None,
            calls_per_second_account: None,
            concurrency: 256,
            queue: Duration::from_millis(100),
            message_max: 64 * 1024,
        }
    }
}

impl Limits {
    /// Bytes of a message that may be a batch of events.
    pub fn batch_max(&self) -> usize {
        self.message_max as usize * EVENTS_FACTOR
    }

    /// Bytes of a message to this path.
    fn max_at(&self, path: &str) -> usize {
        match path == BATCHES {
            true => self.batch_max(),
            false => self.message_max as usize,
        }
    }
}

/// Until when a call has to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// Keeps one server's limits.
pub struct Limiter {
    limits: Limits,
    service: Arc<Service>,
    callers: Option<Quota>,
    accounts: Option<Quota>,
    queue: Arc<Queue>,
    memory: Arc<Semaphore>,
    /// Calls that were sent away so far.
    shed: AtomicU64,
    told: Told,
}

impl Limiter {
    pub fn new(limits: Limits, service: Arc<Service>) -> Limiter {
        Limiter {
            limits,
            service,
            callers: limits.calls_per_second.map(Quota::new),
            accounts: limits.calls_per_second_account.map(Quota::new),
            queue: Arc::new(Queue::new(limits.concurrency as usize, limits.queue)),
            memory: Arc::new(Semaphore::new(MEMORY.max(2 * limits.batch_max()))),
            shed: AtomicU64::new(0),
            told: Told::default(),
        }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Looks after the quotas, for ever.
    pub async fn keep(&self) {
        let quotas = || self.callers.iter().chain(&self.accounts);
        if quotas().next().is_none() {
            return;
        }
        loop {
            tokio::time::sleep(PRUNE_EVERY).await;
            quotas().for_each(Quota::prune);
        }
    }

    /// Counts a call that names an account, or a guest as the ledger names one.
    pub fn count_account(&self, caller: &Caller, account: &str) -> Result<(), Status> {
        let Some(quota) = &self.accounts else { return Ok(()) };
        let limit = (OF_ACCOUNT, "calls-per-second-account");
        quota.take((&caller.name, account)).map_err(|wait| {
            self.told.tell(&caller.name);
            over(limit, quota, wait)
        })
    }

    /// Counts a call of somebody's. Who calls from the same machine without credentials may say
    /// any name, so all of them are one.
    fn count_caller(&self, identity: Option<&Identity>) -> Result<(), Status> {
        let Some(quota) = &self.callers else { return Ok(()) };
        let name = match identity {
            Some(Identity::Known(known)) => Some(known.name.as_str()),
            Some(Identity::Local) | None => None,
        };
        let limit = (OF_CALLER, "calls-per-second");
        quota.take(name).map_err(|wait| {
            self.told.tell(name.unwrap_or("local"));
            over(limit, quota, wait)
        })
    }

    /// A place for a call that is of use until its deadline.
    async fn place(&self, class: Class, deadline: Instant) -> Result<Permit, Status> {
        let latest = deadline.checked_sub(DEADLINE_LEAST).unwrap_or(deadline);
        let metrics = self.service.metrics();
        // Its message may have taken long to come.
        if Instant::now() >= latest {
            return Err(too_short(DEADLINE_LEAST));
        }
        if let Some(permit) = self.queue.enter_at_once(class) {
            metrics.did_not_wait();
            return Ok(permit);
        }
        let _waits = metrics.waits();
        self.queue.enter(class, latest).await.map_err(|denied| match denied {
            Denied::Shed => shed(self.again()),
            Denied::TooLate => too_short(DEADLINE_LEAST),
        })
    }

    /// Room for so many bytes of a message.
    fn memory_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Status> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.memory).try_acquire_many_owned(bytes);
        room.map_err(|_| shed(self.again()))
    }

    /// When somebody who is sent away now may ask again: each at another time.
    fn again(&self) -> Duration {
        let turn = self.shed.fetch_add(1, Ordering::Relaxed).wrapping_mul(GOLDEN);
        AGAIN_LEAST + AGAIN_SPREAD.mul_f64(turn as f64 / u64::MAX as f64)
    }
}

fn over((subject, setting): (&str, &str), quota: &Quota, wait: Duration) -> Status {
    let description = format!("{setting}: {} a second", quota.per_second());
    over_quota(subject, description, wait)
}
