//! Several services on one store, each with a ledger of its own: they count together, and once.

use crate::client::Ask;
use crate::servers::{Kind, RedisServer};
use crate::service::{Service, Site};
use crate::shopper::{Attempts, Counter, Shopper, is_full};

const SERVICES: usize = 4;
const ACCOUNT: &str = "acc-1";
/// An account's log keeps its newest 160 attempts: counts of accounts and devices are exact up to
/// there, those of merchants beyond.
const LOG: i64 = 160;
/// All are called at once on two cores: an attempt that found no time would be counted later, and
/// this is about now.
const BUDGET_MS: &str = "10000";

struct Shop {
    services: Vec<Service>,
    shoppers: Vec<Shopper>,
    counter: Counter,
}

impl Shop {
    async fn open(server: &RedisServer) -> Shop {
        let site = Site::new();
        let (mut services, mut shoppers) = (Vec::new(), Vec::new());
        for number in 0..SERVICES {
            let name = format!("service-{number}");
            let mut command = site.command(&name, &server.url());
            command.args(["--signals-budget-ms", BUDGET_MS]);
            services.push(site.start_by(&name, command));
        }
        for (service, cheapest) in services.iter().zip([1_000, 2_000, 3_000, 4_000]) {
            service.gets_ready().await;
            let mut shopper = Shopper::of(service, ACCOUNT).await;
            shopper.cheapest = cheapest;
            shoppers.push(shopper);
        }
        Shop { services, shoppers, counter: Counter::new(&site, &server.url()).await }
    }

    /// So many attempts by each service, all at once.
    async fn buy(&mut self, times: usize) -> Vec<Vec<Ask>> {
        let next = |shopper: &mut Shopper| shopper.next_often(times);
        let asks: Vec<Vec<Ask>> = self.shoppers.iter_mut().map(next).collect();
        self.ask(&asks, 0).await;
        asks
    }

    /// Asks all at once; each service what was meant for the one `places` before it.
    async fn ask(&self, asks: &[Vec<Ask>], places: usize) {
        let shopper = |number: usize| &self.shoppers[(number + places) % SERVICES];
        let calls = asks
            .iter()
            .enumerate()
            .flat_map(|(number, asks)| asks.iter().map(move |ask| shopper(number).ask(ask)));
        futures_util::future::join_all(calls).await.iter().for_each(is_full);
    }

    async fn counted(&self) -> Option<Attempts> {
        self.counter.attempts(ACCOUNT).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_services_count_each_attempt_once() {
    let server = RedisServer::start(Kind::Redis).await;
    let mut shop = Shop::open(&server).await;
    let first = shop.buy(30).await;
    assert_eq!(shop.counted().await, Some(Attempts::all(120)));
    let second = shop.buy(20).await;
    let all = Attempts { account: LOG, device: LOG, merchant: 200 };
    assert_eq!(shop.counted().await, Some(all));

    // A client that heard no answer asks the same service again, or another one, whose ledger knows
    // nothing of it.
    for places in [0, 1] {
        shop.ask(&first, places).await;
        shop.ask(&second, places).await;
        assert_eq!(shop.counted().await, Some(all), "asked again {places} places on");
    }
    for service in shop.services.drain(..) {
        service.stop();
    }
    assert_eq!(shop.counted().await, Some(all), "nothing was left to teach");
}
