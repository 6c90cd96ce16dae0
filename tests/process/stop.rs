//! SIGTERM under load.

use crate::book::Book;
use crate::client::Client;
use crate::load::{ACCOUNTS, Moment, open_accounts, until_broken};
use crate::seed::Random;
use crate::server::Folder;

const SEED: u64 = 0x7e;
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_under_load_it_ends_in_order_and_loses_no_answer() {
    let folder = Folder::without_velocity();
    let mut random = Random::new(SEED);
    let mut book = Book::default();
    for round in 0..ROUNDS {
        let server = folder.serve();
        let mut client = Client::connect(&server.address).await.unwrap();
        if round == 0 {
            open_accounts(&mut client, 400_000).await;
        }
        let moment = Moment::random(&mut random, 80);
        let stop = || server.ask_to_stop();
        until_broken(&server.address, &mut book, &mut random, moment, stop).await;
        let ended = server.end();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
    let server = folder.serve();
    let mut client = Client::connect(&server.address).await.unwrap();
    book.holds(&client, (0..book.len()).collect()).await;
    book.settle(&mut client).await;
    for account in ACCOUNTS {
        let held = client.held(account).await;
        assert_eq!(held..=held, book.held(account), "{account}");
    }
    // An open connection does not hold it.
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(folder.check().await.findings, Vec::<String>::new());
}
