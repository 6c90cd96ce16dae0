//! What staff read is kept, found by whom and what it was about, and dropped by its age alone.

use super::*;

fn read(caller: &str, minutes: i64, call: &str, seen: Seen) -> StaffRead {
    let time = NOW + Span::minutes(minutes);
    StaffRead { time, caller: caller.to_owned(), role: Role::Agent, call: call.to_owned(), seen }
}

/// All reads that fit, fetched by twos.
async fn found(book: &Book, filter: ReadFilter) -> Vec<StaffRead> {
    let mut reads = Reads::open(&book.place, filter).await.unwrap();
    let mut all = Vec::new();
    loop {
        let page = reads.next(2).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Of a summary of anna, a search that showed two decisions, and a look at a decision of bert.
async fn book_with_reads() -> (Book, [DecisionId; 2], [StaffRead; 3]) {
    let book = book_of_anna().await;
    set_limit(&book.ledger, "bert", 100_000).await;
    let ids =
        [approved(&book.ledger, "anna", 100).await, approved(&book.ledger, "bert", 100).await];
    let list = Seen { criteria: "merchant=m-77".to_owned(), ..Seen::decisions(ids) };
    let record = book.ledger.decision(ids[1]).await.unwrap().unwrap();
    let reads = [
        read("alice", 0, "GetAccountSummary", Seen::account(&account_id("anna"))),
        read("bob", 1, "SearchDecisions", list),
        read("alice", 2, "GetDecision", Seen::decision(&record)),
    ];
    for read in &reads {
        book.ledger.record_read(read.clone()).await.unwrap();
    }
    (book, ids, reads)
}

#[tokio::test]
async fn reads_are_found_by_who_read_what_and_when() {
    let (book, ids, [summary, search, look]) = book_with_reads().await;
    let none = ReadFilter::default;
    let account = |name| ReadFilter { account: Some(account_id(name)), ..none() };
    let decision = |id| ReadFilter { decision: Some(id), ..none() };
    let by = |caller: &str| ReadFilter { caller: Some(caller.to_owned()), ..none() };
    let from = ReadFilter { from: Some(search.time), ..none() };
    let until = ReadFilter { until: Some(search.time), ..none() };
    let both = ReadFilter { caller: Some("alice".to_owned()), ..account("bert") };
    for (filter, expected) in [
        (none(), vec![&summary, &search, &look]),
        // A list that showed a decision of somebody was a look at them.
        (account("anna"), vec![&summary, &search]),
        (account("bert"), vec![&search, &look]),
        (account("carl"), vec![]),
        (decision(ids[0]), vec![&search]),
        (decision(ids[1]), vec![&search, &look]),
        (by("alice"), vec![&summary, &look]),
        (by("ali"), vec![]),
        (from, vec![&search, &look]),
        (until, vec![&summary]),
        (both, vec![&look]),
    ] {
        let asked = format!("{filter:?}");
        assert_eq!(found(&book, filter).await.iter().collect::<Vec<_>>(), expected, "{asked}");
    }
}

#[tokio::test]
async fn reads_stay_when_somebody_is_erased_and_go_by_their_age() {
    let (book, _, [_, search, look]) = book_with_reads().await;
    now_of(book.ledger.erase(claim(), holder("anna"), 0).await);
    assert_eq!(found(&book, ReadFilter::default()).await.len(), 3);
    // To the microsecond: what is just as old stays.
    assert_eq!(book.ledger.drop_staff_reads(look.time, 1).await, Ok(1));
    assert_eq!(found(&book, ReadFilter::default()).await, [search.clone(), look.clone()]);
    assert_eq!(book.ledger.drop_staff_reads(look.time, 9).await, Ok(1));
    assert_eq!(book.ledger.drop_staff_reads(look.time, 9).await, Ok(0));
    assert_eq!(found(&book, ReadFilter::default()).await, [look]);
    assert_sound(&book.ledger, NOW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_decisions_are_recorded_side_by_side() {
    let book = book_of_anna().await;
    let reading = (0..50).map(|number| {
        let (ledger, seen) = (book.ledger.clone(), Seen::account(&account_id("anna")));
        let read = read(&format!("agent-{number}"), 0, "GetAccount", seen);
        tokio::spawn(async move { ledger.record_read(read).await.unwrap() })
    });
    let reading: Vec<_> = reading.collect();
    for _ in 0..20 {
        approved(&book.ledger, "anna", 10).await;
    }
    for read in reading {
        read.await.unwrap();
    }
    assert_eq!(found(&book, ReadFilter::default()).await.len(), 50);
    assert_eq!(held(&book.ledger, "anna", NOW).await, (0, 200));
    assert_sound(&book.ledger, NOW).await;
}
