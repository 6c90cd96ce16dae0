//! Clients that buy, confirm and cancel until the service is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use surety::grpc::pb;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::book::Book;
use crate::client::{Ask, Client};
use crate::sample::{self, MERCHANT, pounds};
use crate::seed::Random;

pub const ACCOUNTS: [&str; 5] = ["acc-1", "acc-2", "acc-3", "acc-4", "acc-5"];
const CLIENTS: u64 = 8;
/// Far more than a service gets that is to be broken.
const CALLS_MAX: usize = 20_000;

/// When something is to be done to the service.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    Sent(usize),
    Answered(usize),
}

impl Moment {
    /// Within the first calls of a load.
    pub fn random(random: &mut Random, calls: u64) -> Moment {
        let count = 1 + random.below(calls) as usize;
        if random.chance(50) { Moment::Sent(count) } else { Moment::Answered(count) }
    }
}

struct Load {
    book: Mutex<Book>,
    sent: AtomicUsize,
    answered: AtomicUsize,
    moment: Moment,
    come: Notify,
}

pub async fn open_accounts(client: &mut Client, limit: i64) {
    for account in ACCOUNTS {
        client.upsert(sample::account(account, limit)).await;
    }
}

/// Lets clients loose on the service, does `strike` at the moment, and waits until each client got
/// an error. What was asked and answered goes into `book`.
pub async fn until_broken(
    address: &str,
    book: &mut Book,
    random: &mut Random,
    moment: Moment,
    strike: impl FnOnce(),
) {
    let load = Arc::new(Load {
        book: Mutex::new(std::mem::take(book)),
        sent: AtomicUsize::new(0),
        answered: AtomicUsize::new(0),
        moment,
        come: Notify::new(),
    });
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = Client::connect(address).await.unwrap();
        let random = Random::new(random.next());
        clients.spawn(shop(Arc::clone(&load), client, random));
    }
    let broken = async {
        let mut broken = Vec::new();
        while let Some(ended) = clients.join_next().await {
            broken.push(ended.unwrap());
        }
        broken
    };
    tokio::pin!(broken);
    tokio::select! {
        () = load.come.notified() => strike(),
        early = &mut broken => panic!("{moment:?} never came: {early:?}"),
    }
    for status in broken.await {
        assert!(is_of_a_service_that_went(&status), "{status:?}");
    }
    *book = std::mem::take(&mut load.book.lock().unwrap());
}

/// Our own mistakes have other codes.
fn is_of_a_service_that_went(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled)
}

async fn shop(load: Arc<Load>, mut client: Client, mut random: Random) -> Status {
    loop {
        let account = random.pick(&ACCOUNTS);
        let amount = 500 + random.below(6_000) as i64;
        let ask = Ask::buy(random.id(), sample::purchase(account, amount));
        let decision = match load.ask(&mut client, ask).await {
            Ok(decision) => decision,
            Err(status) => return status,
        };
        if decision.outcome() != pb::DecisionOutcome::Approved {
            continue;
        }
        let next = match random.below(3) {
            0 => confirm(&mut random, &decision, amount),
            1 => cancel(&mut random, &decision),
            _ => continue,
        };
        if let Err(status) = load.ask(&mut client, next).await {
            return status;
        }
    }
}

/// In full or in part.
fn confirm(random: &mut Random, decision: &pb::Decision, amount: i64) -> Ask {
    let captured = if random.chance(70) { amount } else { 1 + amount / 2 };
    Ask::Confirm(pb::ConfirmPurchaseRequest {
        request_id: random.id(),
        decision_id: decision.decision_id.clone(),
        merchant_id: MERCHANT.to_owned(),
        captured_amount: Some(pounds(captured)),
        merchant_order_reference: String::new(),
    })
}

fn cancel(random: &mut Random, decision: &pb::Decision) -> Ask {
    let reasons = [pb::CancelReason::Customer, pb::CancelReason::BankRefused];
    Ask::Cancel(pb::CancelDecisionRequest {
        request_id: random.id(),
        decision_id: decision.decision_id.clone(),
        reason: (*random.pick(&reasons)).into(),
    })
}

impl Load {
    async fn ask(&self, client: &mut Client, ask: Ask) -> Result<pb::Decision, Status> {
        let number = self.book.lock().unwrap().sent(&ask);
        assert!(self.sent.load(Ordering::Relaxed) < CALLS_MAX, "nothing breaks the service");
        self.count(&self.sent, Moment::Sent);
        let decision = client.ask(&ask).await?;
        self.book.lock().unwrap().answered(number, decision.clone());
        self.count(&self.answered, Moment::Answered);
        Ok(decision)
    }

    fn count(&self, counter: &AtomicUsize, reached: fn(usize) -> Moment) {
        let count = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let come = match (self.moment, reached(count)) {
            (Moment::Sent(wanted), Moment::Sent(count)) => count == wanted,
            (Moment::Answered(wanted), Moment::Answered(count)) => count == wanted,
            _ => false,
        };
        if come {
            self.come.notify_one();
        }
    }
}
