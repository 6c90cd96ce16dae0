//! Eight clients at once on a few accounts, against a plain model of every order.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::*;

const CLIENTS: u64 = 8;
const STEPS: u64 = 60;
const LIMIT: i64 = 10_000;
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
}

type Orders = Arc<Mutex<Vec<Arc<Mutex<Order>>>>>;

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
}

impl Client {
    async fn live(mut self) {
        for _ in 0..STEPS {
            match self.random.below(10) {
                0..=3 => self.reserve().await,
                4..=5 => self.capture().await,
                6 => self.cancel().await,
                7..=8 => self.repay().await,
                _ => self.refund().await,
            }
            let account = ACCOUNTS[self.random.below(3) as usize];
            let (outstanding, reserved) = held(&self.ledger, account, NOW).await;
            assert!(outstanding + reserved <= LIMIT, "{account}: {outstanding} + {reserved}");
        }
    }

    async fn pick(&mut self) -> Option<Arc<Mutex<Order>>> {
        let orders = self.orders.lock().await;
        let number = orders.len() as u64;
        (number > 0).then(|| Arc::clone(&orders[self.random.below(number) as usize]))
    }

    async fn reserve(&mut self) {
        let account = ACCOUNTS[self.random.below(3) as usize];
        let amount = self.random.amount(3_000);
        let commit = order(account, amount);
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
        let order = Order { id, account, amount, captured, reserved, outstanding, canceled };
        self.orders.lock().await.push(Arc::new(Mutex::new(order)));
    }

    async fn capture(&mut self) {
        let Some(order) = self.pick().await else { return };
        let mut order = order.lock().await;
        let amount = self.random.amount(2_000);
        // A third of them come when the approval is over.
        let late = self.random.below(3) == 0;
        let claim = if late { claim_at(NOW + Span::minutes(61)) } else { claim() };
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

    async fn cancel(&mut self) {
        let Some(order) = self.pick().await else { return };
        let mut order = order.lock().await;
        let cancel = Cancel { decision: order.id, reason: "TEST".into(), taken_back: None };
        match self.ledger.cancel(claim(), cancel).await {
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
        let orders = Orders::default();
        let clients: Vec<_> = (1..=CLIENTS)
            .map(|number| {
                let replica = if number % 2 == 0 { &book.ledger } else { &other };
                let (ledger, orders) = (replica.clone(), Arc::clone(&orders));
                let random = Random(seed * 1_000 + number);
                tokio::spawn(Client { ledger, orders, random }.live())
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let orders = orders.lock().await;
        for account in ACCOUNTS {
            let mut expected = (0, 0);
            for order in orders.iter() {
                let order = order.lock().await;
                if order.account == account {
                    expected.0 += order.outstanding;
                    expected.1 += order.reserved;
                }
            }
            assert_eq!(held(&book.ledger, account, NOW).await, expected, "{account}, seed {seed}");
        }
        assert_sound(&book.ledger, NOW).await;
        let chains = Chains::open(&book.place).await.unwrap().verify((None, None), || ()).await;
        assert!(chains.unwrap().iter().all(Result::is_ok));
    }
}
