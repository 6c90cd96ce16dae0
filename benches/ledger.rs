//! Decisions made durable: what the ledger commits a second, for one caller and for many.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use futures_util::StreamExt;
use surety::domain::{Account, AccountId, DecisionId, Holder, Profile, Reference, RequestId};
use surety::ledger::{AnswerKey, AssessCommit, Assessed, Claim, Ledger, Place, Written};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::sample::{self, Draw, NOW};
use super::{Call, recorded};

/// So many that none of them gathers what no customer has.
pub const ACCOUNTS: u64 = 20_000;
const ACCOUNTS_SMALL: u64 = 200;

pub fn define(c: &mut Criterion, call: &Call) {
    if !call.wants("ledger/commit") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let book = Arc::new(
        runtime
            .block_on(Book::open(&Place::file(&folder.path().join("ledger.sqlite")), call.small)),
    );
    let mut group = c.benchmark_group("ledger/commit");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    for callers in [1, 256] {
        group.bench_function(format!("{callers} callers"), |b| {
            b.iter_custom(|commits| runtime.block_on(record(&book, callers, commits)));
        });
    }
    group.finish();
}

/// A ledger with accounts of ample limits, and the decision that is recorded again and again.
pub struct Book {
    ledger: Ledger,
    sample: AssessCommit,
    next: AtomicU64,
    /// Of each account, as whoever has just read its standing knows it.
    versions: Vec<AtomicI64>,
}

impl Book {
    pub async fn open(place: &Place, small: bool) -> Book {
        let accounts = if small { ACCOUNTS_SMALL } else { ACCOUNTS };
        let ledger = Ledger::open(place).await.unwrap();
        let versions = (0..accounts).map(|_| AtomicI64::new(0)).collect();
        let book = Book {
            ledger,
            sample: recorded::commit(&sample::clean()),
            next: AtomicU64::new(1),
            versions,
        };
        let accounts = (0..accounts).map(|number| book.open_account(number));
        let mut opening = futures_util::stream::iter(accounts).buffer_unordered(64);
        while opening.next().await.is_some() {}
        drop(opening);
        book
    }

    async fn open_account(&self, number: u64) {
        let key = AnswerKey { call: "UpsertAccount", ..self.sample.key.clone() };
        let request_id = RequestId(Uuid::from_u128(u128::from(number)));
        let claim = Claim { key: AnswerKey { request_id, ..key }, hash: [1; 32], now: NOW };
        let written = self.ledger.upsert_account(claim, account(number), None).await;
        assert!(matches!(written, Ok(Written::Now(_))));
    }

    /// The sample under new ids and with the next account.
    fn commit(&self) -> AssessCommit {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = Uuid::from_u128(u128::from(number) << 64 | 1);
        let mut commit = self.sample.clone();
        commit.key.request_id = RequestId(id);
        commit.record.request_id = RequestId(id);
        commit.record.id = DecisionId(id);
        commit.record.reference = Reference::from_random(Draw(number).next());
        commit.record.holder = Holder::Account(account(number % self.versions.len() as u64).id);
        commit.version = self.version(&commit).load(Ordering::Relaxed);
        commit
    }

    pub async fn record(&self) {
        let mut commit = self.commit();
        loop {
            match self.ledger.assess(commit.clone()).await.unwrap() {
                Assessed::Recorded => {
                    self.version(&commit).fetch_max(commit.version + 1, Ordering::Relaxed);
                    return;
                }
                // References are drawn at random: the next draw has another.
                Assessed::ReferenceTaken => commit = self.commit(),
                // Somebody else has the same account.
                Assessed::Outdated => commit.version += 1,
                other => panic!("{other:?}"),
            }
        }
    }

    fn version(&self, commit: &AssessCommit) -> &AtomicI64 {
        let number = commit.record.id.0.as_u128() >> 64;
        &self.versions[(number % self.versions.len() as u128) as usize]
    }
}

/// How long `callers` take for `commits` between them.
async fn record(book: &Arc<Book>, callers: u64, commits: u64) -> Duration {
    let begun = Instant::now();
    let calls: Vec<_> = (0..callers)
        .map(|caller| {
            let book = Arc::clone(book);
            let share = commits / callers + u64::from(caller < commits % callers);
            tokio::spawn(async move {
                for _ in 0..share {
                    book.record().await;
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    begun.elapsed()
}

fn account(number: u64) -> Account {
    Account {
        id: AccountId::parse(&format!("account-{number}")).unwrap(),
        market: sample::germany(),
        currency: sample::euro(),
        credit_limit: 1_000_000_000_000,
        opened: None,
        email: None,
        phone: None,
        profile: Profile::default(),
        of_legal_age: None,
        income: None,
        commitments: None,
        bureau: None,
        support_plan_active: None,
    }
}
