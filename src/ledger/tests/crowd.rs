//! Eight clients at once on a few accounts, against a plain model of every order.

use std::sync::Arc;

use tokio::sync::{Mutex, RwLock};

use super::*;

const CLIENTS: u64 = 8;
const STEPS: u64 = 60;
const LIMIT: i64 = 10_000;
const APPROVED_FOR: Span = Span::minutes(60);
const LONGER_THAN_APPROVED: Span = Span::minutes(61);
const ACCOUNTS: [&str; 3] = ["anna", "bert", "carl"];

/// What a client knows of an order; whoever does something with it has it alone meanwhile.
struct Order {
    id: DecisionId,
    account: &'static str,
    amount: i64,
    captured: i64,
    reserved: i64,
    outstanding: i64,
    canceled: bool,
    expires: Time,
}

impl Order {
    fn reserved_at(&self, now: Time) -> i64 {
        if now < self.expires { self.reserved } else { 0 }
    }
}

type Orders = Arc<Mutex<Vec<Arc<Mutex<Order>>>>>;
type Clock = Arc<RwLock<Time>>;

/// Numbers that are the same in every run: Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn amount(&mut self, most: u64) -> i64 {
        i64::try_from(1 + self.below(most)).unwrap()
    }
}

struct Client {
    ledger: Ledger,
    orders: Orders,
    random: Random,
    /// Held while something is done, so that an hour passes between two steps and not within one.
    clock: Clock,
}

impl Client {
    async fn live(mut self) {
        for _ in 0..STEPS {
            if self.random.below(40) == 0 {
                // Whatever is not captured yet is free again for all.
                let mut now = self.clock.write().await;
                *now = *now + LONGER_THAN_APPROVED;
            }
            let clock = Arc::clone(&self.clock).read_owned().await;
            let now = *clock;
            match self.random.below(10) {
                0..=3 => self.reserve(now).await,
                4..=5 => self.capture(now).await,
                6 => self.cancel(now).await,
                7..=8 => self.repay().await,
                _ => self.refund().await,
            }
            let account = ACCOUNTS[self.random.below(3) as usize];
            let (outstanding, reserved) = held(&self.ledger, account, now).await;
            assert!(outstanding + reserved <= LIMIT, "{account}: {outstanding} + {reserved}");
        }
    }

    async fn pick(&mut self) -> Option<Arc<Mutex<Order>>> {
        let orders = self.orders.lock().await;
        let number = orders.len() as u64;
        (number > 0).then(|| Arc::clone(&orders[self.random.below(number) as usize]))
    }

    async fn reserve(&mut self, now: Time) {
        let account = ACCOUNTS[self.random.below(3) as usize];
        let amount = self.random.amount(3_000);
        let expires = now + APPROVED_FOR;
        let mut commit = order(account, amount);
        commit.record.created = now;
        commit.record.decision.expires = Some(expires);
        let id = commit.record.id;
        let answer = assess(&self.ledger, commit.clone()).await.unwrap();
        if answer == Assessed::HeadroomTaken {
            return;
        }
        assert_eq!(answer, Assessed::Recorded);
        // A retry is decided under an id of its own.
        let retry = AssessCommit { key: commit.key, ..order(account, amount) };
        let again = assess(&self.ledger, retry).await.unwrap();
        assert!(matches!(again, Assessed::Before(first) if first.is_of(id)), "one key, one answer");
        let (reserved, outstanding) = (amount, 0);
        let (captured, canceled) = (0, false);
        let order =
            Order { id, account, amount, captured, reserved, outstanding, canceled, expires };
        self.orders.lock().await.push(Arc::new(Mutex::new(order)));
    }

    async fn capture(&mut self, now: Time) {
        let Some(order) = self.pick().await else { return };
        let mut order = order.lock().await;
        let amount = self.random.amount(2_000);
        // A third of them come when the approval is over.
        let waits = self.random.below(3) == 0;
        let time = if waits { now + LONGER_THAN_APPROVED } else { now };
        let (claim, late) = (claim_at(time), time >= order.expires);
        let done = self.ledger.confirm(claim.clone(), capture_of(order.id, amount)).await;
        let left = (order.amount - order.captured).min(order.reserved);
        match done {
            Ok(Written::Now(_)) => {
                assert!(!late && !order.canceled && amount <= left, "captured what is not left");
                order.captured += amount;
                order.reserved -= amount;
                order.outstanding += amount;
                let again = self.ledger.confirm(claim, capture_of(order.id, amount)).await;
                assert!(matches!(again, Ok(Written::Before(_))), "{again:?}");
            }
            Err(Error::Precondition(_)) => assert!(late || order.canceled || amount > left),
            other => panic!("{other:?}"),
        }
    }

    async fn cancel(&mut self, now: Time) {
        let Some(order) = self.pick().await else { return };
        let mut order = order.lock().await;
        let cancel = Cancel { decision: order.id, reason: "TEST".into(), taken_back: None };
        match self.ledger.cancel(claim_at(now), cancel).await {
            // What has ended by itself stays as it was.
            Ok(Written::Now(_)) if now >= order.expires => {}
            Ok(Written::Now(_)) => {
                order.canceled = true;
                order.reserved = 0;
            }
            Err(Error::Precondition(refused)) => {
                assert_eq!(refused.reason, PreconditionReason::Confirmed);
                assert_eq!(order.captured, order.amount);
            }
            other => panic!("{other:?}"),
        }
    }

    async fn repay(&mut self) {
        let Some(order) = self.pick().await else { return };
        let mut order = order.lock().await;
        let amount = self.random.amount(1_500);
        let (plan_id, due) = (order.id.to_string(), NOW);
        let kind = EventKind::Repayment { plan_id, amount: money(amount), due, paid: NOW };
        let told = events::tell(&self.ledger, order.account, NOW, kind).await;
        assert_eq!(told, EventFate::Applied);
        order.outstanding -= amount.min(order.outstanding);
    }

    async fn refund(&mut self) {
        let Some(order) = self.pick().await else { return };
        let mut order = order.lock().await;
        let amount = self.random.amount(1_500);
        let name = OrderName::Decision(order.id);
        let kind = EventKind::Refund { order: name, amount: money(amount) };
        let told = events::tell(&self.ledger, order.account, NOW, kind).await;
        assert_eq!(told, EventFate::Applied);
        let freed = amount.min(order.reserved);
        order.reserved -= freed;
        order.outstanding -= (amount - freed).min(order.outstanding);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_clients_at_once_lose_and_double_nothing() {
    for seed in [0x5eed, 0xf00d_5eed, 0x0dd_5eed] {
        let book = book().await;
        for account in ACCOUNTS {
            set_limit(&book.ledger, account, LIMIT).await;
        }
        // Where there may be, half of them are on another replica.
        let other = match &book.place {
            Place::Sqlite(_) => book.ledger.clone(),
            place => Ledger::open(place).await.unwrap(),
        };
        let (orders, clock) = (Orders::default(), Arc::new(RwLock::new(NOW)));
        let clients: Vec<_> = (1..=CLIENTS)
            .map(|number| {
                let replica = if number % 2 == 0 { &book.ledger } else { &other };
                let (ledger, orders) = (replica.clone(), Arc::clone(&orders));
                let (random, clock) = (Random(seed * 1_000 + number), Arc::clone(&clock));
                tokio::spawn(Client { ledger, orders, random, clock }.live())
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let (orders, now) = (orders.lock().await, *clock.read().await);
        assert!(now > NOW, "no hour has passed");
        for account in ACCOUNTS {
            let mut expected = (0, 0);
            for order in orders.iter() {
                let order = order.lock().await;
                if order.account == account {
                    expected.0 += order.outstanding;
                    expected.1 += order.reserved_at(now);
                }
            }
            assert_eq!(held(&book.ledger, account, now).await, expected, "{account}, seed {seed}");
        }
        assert_sound(&book.ledger, now).await;
        let chains = Chains::open(&book.place).await.unwrap().verify((None, None), || ()).await;
        assert!(chains.unwrap().iter().all(Result::is_ok));
    }
}
