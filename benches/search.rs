//! Decisions found by what a customer can tell, in a ledger that holds many; and what one takes up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use surety::domain::{
    DecisionId, Holder, MerchantId, Money, Outcome, ReasonCode, Reference, RequestId, Role, Search,
    Seen, Span, StaffRead, Time,
};
use surety::features::Facts;
use surety::ledger::{AssessCommit, Assessed, Ledger, Place};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::commit::server::Postgres;
use super::sample::{self, Draw, NOW};
use super::{Call, recorded};

/// Without `--size`.
const SIZE: u64 = 100_000;
const MERCHANTS: u64 = 2_000;
/// Decisions of each account, on average.
const PER_ACCOUNT: u64 = 20;
/// The time over which they were made.
const DAYS: i64 = 90;
/// Those who record them; the ledger commits what waits together.
const CALLERS: u64 = 256;
/// Searches of each kind.
const PROBES: u64 = 500;
const PAGE: usize = 50;
/// A search may take so long (p99).
const BUDGET: Duration = Duration::from_millis(20);

pub fn define(call: &Call) {
    let size = if call.small { 600 } else { call.size.unwrap_or(SIZE) };
    let runtime = Runtime::new().unwrap();
    if call.wants("search/sqlite") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        runtime.block_on(searches("sqlite", &Place::file(&path), (size, call.small)));
        let bytes = std::fs::metadata(&path).unwrap().len();
        println!("search/sqlite: {} bytes a decision ({bytes} in all)", bytes / size);
    }
    if call.wants("search/postgres") {
        let server = Postgres::start("");
        let address = runtime.block_on(server.database());
        let place = Place::parse(&address).unwrap();
        runtime.block_on(searches("postgres", &place, (size, call.small)));
        let bytes = runtime.block_on(size_of(&address));
        println!("search/postgres: {} bytes a decision ({bytes} in all)", bytes / size);
    }
}

async fn searches(engine: &str, place: &Place, (size, small): (u64, bool)) {
    let book = Arc::new(Book::new(Ledger::open(place).await.unwrap(), size));
    let begun = Instant::now();
    fill(&book).await;
    println!("search/{engine}: {size} decisions recorded in {:.1?}", begun.elapsed());
    for kind in [
        Kind::Reference,
        Kind::Order,
        Kind::Account,
        Kind::AccountAndTime,
        Kind::Purchase,
        Kind::BusyShop,
        Kind::CommonReason,
        Kind::RareReason,
        Kind::Summary,
        Kind::OnRecord,
    ] {
        measure(&book, (engine, kind), small).await;
    }
    let Book { ledger, .. } = Arc::try_unwrap(book).ok().unwrap();
    ledger.close().await;
}

async fn size_of(address: &str) -> u64 {
    let mut connection = PgConnection::connect(address).await.unwrap();
    let size = sqlx::query_scalar("SELECT PG_DATABASE_SIZE(CURRENT_DATABASE())");
    let bytes: i64 = size.fetch_one(&mut connection).await.unwrap();
    bytes as u64
}

/// A ledger and how its decisions are made from their numbers alone.
struct Book {
    ledger: Ledger,
    size: u64,
    /// An approval, and a refusal whose reasons are drawn from.
    samples: [AssessCommit; 2],
    next: AtomicU64,
}

/// What of a decision is looked for later.
struct Made {
    holder: Holder,
    merchant: MerchantId,
    amount: Money,
    created: Time,
    reference: Reference,
    id: DecisionId,
    order_reference: String,
}

impl Book {
    fn new(ledger: Ledger, size: u64) -> Book {
        let samples = [sample::clean(), sample::troubled()].map(|facts| unreserved(&facts));
        Book { ledger, size, samples, next: AtomicU64::new(0) }
    }

    /// The decision of that number; they follow one another in time.
    fn made(&self, number: u64) -> Made {
        let mut draw = Draw(number);
        let step = Span::days(DAYS).as_micros() / self.size as i64;
        let created = NOW - Span::days(DAYS) + Span::micros(step * number as i64);
        let account = draw.below((self.size / PER_ACCOUNT).max(1));
        let merchant = draw.zipf(MERCHANTS);
        let millis = (created.as_micros() / 1_000) as u64;
        let (high, low) = (draw.next(), draw.next());
        let random = Uuid::from_u64_pair(high, low).into_bytes();
        let random: [u8; 10] = random[..10].try_into().unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let merchant_id = MerchantId::parse(&format!("shop-{merchant}")).unwrap();
        let account = surety::domain::AccountId::parse(&format!("account-{account}")).unwrap();
        Made {
            holder: Holder::Account(account),
            merchant: merchant_id,
            amount: Money::positive(500 + draw.zipf(50_000) as i64, sample::euro()).unwrap(),
            created,
            reference: Reference::from_random(number),
            id: DecisionId(id),
            order_reference: format!("SO-{merchant}-{number}"),
        }
    }

    fn commit(&self, number: u64) -> AssessCommit {
        let made = self.made(number);
        let mut draw = Draw(!number);
        let mut commit = self.samples[usize::from(draw.below(100) < 15)].clone();
        let record = &mut commit.record;
        record.id = made.id;
        record.reference = made.reference;
        record.holder = made.holder;
        record.merchant = made.merchant;
        record.amount = made.amount;
        record.order_reference = Some(made.order_reference);
        record.created = made.created;
        record.decision.expires = record.decision.expires.map(|_| made.created + Span::hours(1));
        // A refusal has some of the reasons that there could be; one in a thousand is rare.
        record.decision.reasons.retain(|_| draw.below(3) > 0);
        if let Some(reason) = record.decision.reasons.first_mut().filter(|_| draw.below(150) == 0) {
            reason.code = RARE;
        }
        commit.guest_limit = None;
        commit.key.request_id = RequestId(made.id.0);
        record.request_id = RequestId(made.id.0);
        commit
    }
}

const RARE: ReasonCode = ReasonCode::InsolvencyOnFile;

/// Nothing is reserved: these accounts are strangers to the ledger.
fn unreserved(facts: &Facts) -> AssessCommit {
    let mut commit = recorded::commit(facts);
    let outcome = &mut commit.record.decision.outcome;
    if *outcome == Outcome::Approved {
        *outcome = Outcome::ManualReview;
    }
    commit
}

async fn fill(book: &Arc<Book>) {
    let calls: Vec<_> = (0..CALLERS)
        .map(|_| {
            let book = Arc::clone(book);
            tokio::spawn(async move {
                loop {
                    let number = book.next.fetch_add(1, Ordering::Relaxed);
                    if number >= book.size {
                        return;
                    }
                    let mut commit = book.commit(number);
                    // On PostgreSQL it has to name the version of what it rests on.
                    while book.ledger.assess(commit.clone()).await.unwrap() != Assessed::Recorded {
                        commit.version += 1;
                    }
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

/// What is looked for, and by what.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Reference,
    Order,
    Account,
    AccountAndTime,
    Purchase,
    /// In the shop where most is bought, a day early or late.
    BusyShop,
    CommonReason,
    RareReason,
    /// All that a summary of an account reads.
    Summary,
    /// An account's decisions, and the record of who has read them.
    OnRecord,
}

async fn measure(book: &Book, (engine, kind): (&str, Kind), small: bool) {
    let mut draw = Draw(99);
    let (mut took, mut found) = (Vec::new(), 0);
    for _ in 0..if small { 5 } else { PROBES } {
        let made = book.made(draw.below(book.size));
        let begun = Instant::now();
        found += look(book, kind, &made).await;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    let mean = found as f64 / took.len() as f64;
    let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
    let verdict = if p99 < BUDGET { "" } else { ", above its budget" };
    println!(
        "search/{engine}: {kind:?}: p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?}, \
         {mean:.1} found{verdict}"
    );
}

async fn look(book: &Book, kind: Kind, made: &Made) -> usize {
    let (from, until) = (Some(made.created - Span::days(1)), Some(made.created + Span::days(1)));
    let search = match kind {
        Kind::Reference => {
            let found = book.ledger.decision_by_reference(made.reference).await.unwrap();
            assert_eq!(found.unwrap().id, made.id);
            return 1;
        }
        Kind::Summary => return summary(book, &made.holder).await,
        Kind::Order => {
            Search::Order { order_reference: made.order_reference.clone(), merchant: None }
        }
        Kind::Account | Kind::OnRecord => {
            Search::Holder { holder: made.holder.clone(), from: None, until: None }
        }
        Kind::AccountAndTime => Search::Holder { holder: made.holder.clone(), from, until },
        Kind::Purchase => purchase(made, &made.merchant, Span::minutes(15)),
        Kind::BusyShop => purchase(made, &MerchantId::parse("shop-0").unwrap(), Span::days(1)),
        Kind::CommonReason => {
            Search::Reason { code: ReasonCode::PaymentOverdue, from: None, until }
        }
        Kind::RareReason => Search::Reason { code: RARE, from: None, until },
    };
    let found = book.ledger.search(&search, None, PAGE).await.unwrap();
    let is_there = found.iter().any(|record| record.id == made.id);
    assert!(
        is_there
            || !matches!(kind, Kind::Order | Kind::Account | Kind::AccountAndTime | Kind::Purchase)
    );
    if matches!(kind, Kind::OnRecord) {
        let seen = Seen::decisions(found.iter().map(|record| record.id));
        let (caller, call) = ("anna".to_owned(), "SearchDecisions".to_owned());
        let read = StaffRead { time: NOW, caller, role: Role::Agent, call, seen };
        book.ledger.record_read(read).await.unwrap();
    }
    found.len()
}

/// 1.00 up or down.
fn purchase(made: &Made, merchant: &MerchantId, early_or_late: Span) -> Search {
    let amount = made.amount.minor();
    Search::Purchase {
        merchant: merchant.clone(),
        currency: made.amount.currency(),
        amounts: (amount - 100, amount + 100),
        times: (made.created - early_or_late, made.created + early_or_late),
    }
}

async fn summary(book: &Book, holder: &Holder) -> usize {
    let ledger = &book.ledger;
    let latest = Search::Holder { holder: holder.clone(), from: None, until: None };
    ledger.sent_about(holder, 200).await.unwrap();
    ledger.open_plans(holder, NOW).await.unwrap();
    ledger.held_reservations(holder, NOW).await.unwrap();
    if let Holder::Account(account) = holder {
        ledger.account(account).await.unwrap();
        ledger.restrictions(account).await.unwrap();
    }
    ledger.search(&latest, None, 20).await.unwrap().len()
}
