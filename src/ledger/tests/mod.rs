//! Tests of the ledger, each on a file of its own, and the things that they order and pay.

#[path = "../../../tests/servers/postgres.rs"]
mod server;

/// Tests of one engine alone.
mod durability;
mod postgres;

/// All other tests, once for each engine: `super::book` is the one that is named here.
#[allow(clippy::duplicate_mod, reason = "the same tests, on another engine")]
#[path = "."]
mod on_sqlite {
    use super::*;

    async fn book() -> Book {
        super::book(Engine::Sqlite).await
    }

    async fn book_of_anna() -> Book {
        super::book_of_anna(Engine::Sqlite).await
    }

    #[path = "assessing.rs"]
    mod assessing;
    #[path = "crowd.rs"]
    mod crowd;
    #[path = "erase.rs"]
    mod erase;
    #[path = "callers.rs"]
    mod callers;
    #[path = "card_lives.rs"]
    mod card_lives;
    #[path = "cards.rs"]
    mod cards;
    #[path = "chain.rs"]
    mod chain;
    #[path = "checkpoints.rs"]
    mod checkpoints;
    #[path = "events.rs"]
    mod events;
    #[path = "exposure.rs"]
    mod exposure;
    #[path = "later_holds.rs"]
    mod later_holds;
    #[path = "lifecycle.rs"]
    mod lifecycle;
    #[path = "reviews.rs"]
    mod reviews;
    #[path = "retention.rs"]
    mod retention;
    #[path = "search.rs"]
    mod search;
    #[path = "staff_reads.rs"]
    mod staff_reads;
    #[path = "standing.rs"]
    mod standing;
    #[path = "training.rs"]
    mod training;
}

#[allow(clippy::duplicate_mod, reason = "the same tests, on another engine")]
#[path = "."]
mod on_postgres {
    use super::*;

    async fn book() -> Book {
        super::book(Engine::Postgres).await
    }

    async fn book_of_anna() -> Book {
        super::book_of_anna(Engine::Postgres).await
    }

    #[path = "assessing.rs"]
    mod assessing;
    #[path = "crowd.rs"]
    mod crowd;
    #[path = "erase.rs"]
    mod erase;
    #[path = "callers.rs"]
    mod callers;
    #[path = "card_lives.rs"]
    mod card_lives;
    #[path = "cards.rs"]
    mod cards;
    #[path = "chain.rs"]
    mod chain;
    #[path = "checkpoints.rs"]
    mod checkpoints;
    #[path = "events.rs"]
    mod events;
    #[path = "exposure.rs"]
    mod exposure;
    #[path = "later_holds.rs"]
    mod later_holds;
    #[path = "lifecycle.rs"]
    mod lifecycle;
    #[path = "reviews.rs"]
    mod reviews;
    #[path = "retention.rs"]
    mod retention;
    #[path = "search.rs"]
    mod search;
    #[path = "staff_reads.rs"]
    mod staff_reads;
    #[path = "standing.rs"]
    mod standing;
    #[path = "training.rs"]
    mod training;
}

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use uuid::Uuid;

use self::server::Postgres;
use super::sql::{Connection, Engine, query};
use super::*;
use crate::domain::*;

/// The moment around which all tests play.
const NOW: Time = Time::from_seconds(1_800_000_000);

/// A ledger of its own; a file is in a folder that goes with it.
struct Book {
    ledger: Ledger,
    place: Place,
    folder: TempDir,
}

async fn book(engine: Engine) -> Book {
    let folder = tempfile::tempdir().unwrap();
    let place = match engine {
        Engine::Sqlite => Place::file(&folder.path().join("ledger.db")),
        Engine::Postgres => Place::parse(&server().database().await).unwrap(),
    };
    Book { ledger: Ledger::open(&place).await.unwrap(), place, folder }
}

/// The server of all tests of this process; it ends with the process.
fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(|| Postgres::start("fsync = off"))
}

/// A ledger with the account `anna`, whose limit is 1,000.00 EUR.
async fn book_of_anna(engine: Engine) -> Book {
    let book = book(engine).await;
    set_limit(&book.ledger, "anna", 100_000).await;
    book
}

async fn set_limit(ledger: &Ledger, account: &str, limit: i64) {
    let written = ledger.upsert_account(claim(), account_of(account, limit), None).await;
    assert!(matches!(written, Ok(Written::Now(_))), "{written:?}");
}

/// A number that no other call of the test run gets.
fn draw() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn eur() -> Currency {
    Currency::parse("EUR").unwrap()
}

fn money(minor: i64) -> Money {
    Money::new(minor, eur()).unwrap()
}

fn party(byte: u8) -> PartyKey {
    PartyKey([byte; 16])
}

fn key() -> AnswerKey {
    let request_id = RequestId(Uuid::from_u128(u128::from(draw())));
    AnswerKey { caller: "checkout".into(), call: "assess", request_id }
}

fn claim() -> Claim {
    claim_at(NOW)
}

fn claim_at(now: Time) -> Claim {
    Claim { key: key(), hash: [1; 32], now }
}

fn account_id(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

fn holder(id: &str) -> Holder {
    Holder::Account(account_id(id))
}

fn account_of(id: &str, credit_limit: i64) -> Account {
    Account {
        id: account_id(id),
        market: Country::parse("DE").unwrap(),
        currency: eur(),
        credit_limit,
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

const PAY_LATER: PlanTerms =
    PlanTerms { kind: PlanKind::PayLater30, count: 1, interval_days: 30, upfront: 0 };

fn approval() -> Decision {
    Decision {
        outcome: Outcome::Approved,
        reasons: Vec::new(),
        scores: Scores::default(),
        shares: Vec::new(),
        not_judged: Vec::new(),
        expires: Some(NOW + Span::minutes(60)),
        step_up: None,
        review: None,
        retry: Retry { disposition: RetryDisposition::NotApplicable, earliest: None },
        adverse_action: None,
        restriction: None,
        missing_sources: Vec::new(),
        versions: Versions::default(),
    }
}

/// An approved purchase of `amount` on PAY_LATER_30, to be paid by `account`.
fn order(account: &str, amount: i64) -> AssessCommit {
    let number = draw();
    let key = key();
    let record = DecisionRecord {
        id: DecisionId(Uuid::from_u128(u128::from(number) << 64)),
        reference: Reference::from_random(number),
        caller: key.caller.clone(),
        request_id: key.request_id,
        product: Product::Purchase,
        holder: holder(account),
        merchant: MerchantId::parse("m-77").unwrap(),
        order_reference: None,
        market: Country::parse("DE").unwrap(),
        locale: "de-DE".into(),
        amount: money(amount),
        plan: PAY_LATER,
        card: None,
        decision: approval(),
        message: CustomerMessage::default(),
        step_up_id: None,
        case_number: None,
        created: NOW,
        duration_micros: 900,
        progress: Progress::default(),
    };
    let payload = r#"{"parties":{"account":"01010101010101010101010101010101",
        "device":"02020202020202020202020202020202"}}"#;
    AssessCommit {
        key,
        hash: [7; 32],
        record,
        facts: r#"{"request":{}}"#.into(),
        raw_context: Some(r#"{"ip":"192.0.2.9"}"#.into()),
        signal_event: Some(SignalRow { time: NOW, kind: "attempt", payload: payload.into() }),
        guest_limit: None,
        basket_hash: None,
        supersedes: None,
        resolution: None,
        version: 0,
    }
}

/// A decision that waits for a step-up until 15 minutes from now.
fn pending(account: &str, amount: i64) -> AssessCommit {
    let mut commit = order(account, amount);
    commit.record.decision.outcome = Outcome::ManualReview;
    commit.record.decision.expires = None;
    commit.record.decision.step_up = Some(StepUpAsked {
        kinds: vec![StepUpKind::ConfirmOnDevice],
        expires: NOW + Span::minutes(15),
    });
    commit
}

/// Records an approved purchase and answers its id.
async fn approved(ledger: &Ledger, account: &str, amount: i64) -> DecisionId {
    let commit = order(account, amount);
    let id = commit.record.id;
    assert_eq!(assess(ledger, commit).await, Ok(Assessed::Recorded));
    id
}

/// Records a decision as whoever has read the present standing does.
async fn assess(ledger: &Ledger, mut commit: AssessCommit) -> Result<Assessed, Error> {
    let holder = commit.record.holder.ledger_name();
    loop {
        let mut connection = ledger.readers.acquire().await?;
        let version = query("SELECT version FROM holders WHERE holder = $1").bind(&holder);
        commit.version = version.fetch_value(&mut connection).await?.unwrap_or(0);
        drop(connection);
        match ledger.assess(commit.clone()).await {
            Ok(Assessed::Outdated) => {}
            other => return other,
        }
    }
}

fn capture_of(decision: DecisionId, amount: i64) -> Confirm {
    Confirm {
        decision,
        merchant: MerchantId::parse("m-77").unwrap(),
        captured: money(amount),
        order_reference: None,
        purchase: None,
    }
}

/// Records an approved purchase and captures it whole: its plan is outstanding.
async fn bought(ledger: &Ledger, account: &str, amount: i64) -> DecisionId {
    let id = approved(ledger, account, amount).await;
    now_of(ledger.confirm(claim(), capture_of(id, amount)).await);
    id
}

/// What a write that was done now has answered.
fn now_of<T: std::fmt::Debug>(written: Result<Written<T>, Error>) -> T {
    match written {
        Ok(Written::Now(done)) => done,
        other => panic!("expected a write, got {other:?}"),
    }
}

fn refusal<T: std::fmt::Debug>(written: Result<Written<T>, Error>) -> PreconditionReason {
    match written {
        Err(Error::Precondition(precondition)) => precondition.reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn standing_at(ledger: &Ledger, account: &str, now: Time) -> Standing {
    let probe = Probe {
        holder: &holder(account),
        merchant: &MerchantId::parse("m-77").unwrap(),
        amount: 1,
        currency: eur(),
        basket_hash: None,
        parties: &Parties::default(),
        guest_limit: None,
        ignore: None,
        now,
    };
    ledger.standing(&probe).await.unwrap()
}

/// Outstanding and reserved.
async fn held(ledger: &Ledger, account: &str, now: Time) -> (i64, i64) {
    let standing = standing_at(ledger, account, now).await;
    (standing.outstanding, standing.reserved)
}

async fn assert_sound(ledger: &Ledger, now: Time) {
    let report = ledger.check(now).await.unwrap();
    assert_eq!(report.findings, Vec::<String>::new());
}
