//! `kill -9` under load, many times on one folder.

use crate::book::Book;
use crate::client::Client;
use crate::load::{ACCOUNTS, Moment, open_accounts, until_broken};
use crate::seed::Random;
use crate::server::Folder;
use surety::grpc::pb::DecisionOutcome;

const ROUNDS: usize = 24;
const SEED: u64 = 0x5eed;
const LIMIT: i64 = 150_000;
/// A round is killed within its first calls.
const CALLS: u64 = 80;
/// Old answers that are compared in each round; in the end all are.
const OLD_COMPARED: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_lost_however_often_the_process_is_killed() {
    let folder = Folder::without_velocity();
    let mut random = Random::new(SEED);
    let mut book = Book::default();
    let mut before = 0;
    for round in 0..ROUNDS {
        let mut server = folder.serve();
        let mut client = Client::connect(&server.address).await.unwrap();
        if round == 0 {
            open_accounts(&mut client, LIMIT).await;
        }
        let old = (0..OLD_COMPARED.min(before)).map(|_| random.below(before as u64) as usize);
        let numbers = old.chain(before..book.len()).collect();
        book.holds(&client, numbers).await;
        agrees(&book, &mut client).await;
        book.settle(&mut client).await;
        agrees(&book, &mut client).await;

        before = book.len();
        let moment = Moment::random(&mut random, CALLS);
        let address = server.address.clone();
        until_broken(&address, &mut book, &mut random, moment, || server.strike()).await;
    }

    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    book.holds(&client, (0..book.len()).collect()).await;
    book.settle(&mut client).await;
    agrees(&book, &mut client).await;
    server.kill();
    assert!(book.answers() > ROUNDS * 10, "a load of {} answers", book.answers());
    for outcome in [DecisionOutcome::Approved, DecisionOutcome::Declined] {
        assert!(book.outcomes(outcome) > ROUNDS, "{outcome:?}: {}", book.outcomes(outcome));
    }
    let report = folder.check().await;
    assert_eq!(report.findings, Vec::<String>::new());
    assert_eq!(report.decisions, book.bought() as i64, "one decision a purchase");
    let attempts = folder.count("SELECT COUNT(*) FROM signal_events WHERE kind = 'attempt'").await;
    assert_eq!(attempts, report.decisions, "one attempt a decision");
}

/// Each account holds what its clients were told, and never more than its limit.
async fn agrees(book: &Book, client: &mut Client) {
    for account in ACCOUNTS {
        let (held, known) = (client.held(account).await, book.held(account));
        assert!(known.contains(&held), "{account} holds {held}, its clients know of {known:?}");
        assert!(held <= LIMIT, "{account} holds {held}");
    }
}
