//! The chain of records: it holds, and whatever is changed by hand is found and named.

use super::*;

async fn verified(book: &Book) -> Vec<Result<Verified, Break>> {
    within(book, (None, None)).await
}

async fn within(book: &Book, range: (Option<Time>, Option<Time>)) -> Vec<Result<Verified, Break>> {
    let mut chains = Chains::open(&book.place).await.unwrap();
    chains.verify(range, || ()).await.unwrap()
}

/// Decisions of all chains that hold.
fn decisions(found: &[Result<Verified, Break>]) -> u64 {
    found.iter().map(|chain| chain.as_ref().unwrap().decisions).sum()
}

fn broken(found: Vec<Result<Verified, Break>>) -> Break {
    let mut breaks: Vec<Break> = found.into_iter().filter_map(Result::err).collect();
    assert_eq!(breaks.len(), 1, "{breaks:?}");
    breaks.remove(0)
}

/// Ten orders one after the other; gives their ids.
async fn ten(book: &Book) -> Vec<DecisionId> {
    let mut ids = Vec::new();
    for number in 0..10 {
        let mut commit = order("anna", 100);
        commit.record.created = NOW + Span::minutes(number);
        ids.push(commit.record.id);
        assert_eq!(assess(&book.ledger, commit).await, Ok(Assessed::Recorded));
    }
    ids
}

async fn by_hand(book: &Book, text: &'static str) {
    let write = book.ledger.write(move |connection| Box::pin(connection.run(text)));
    write.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_committed_together_is_chained_one_by_one() {
    let book = book_of_anna().await;
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let ledger = book.ledger.clone();
            let mut commit = order(&format!("account-{number}"), 100);
            commit.record.decision.outcome = Outcome::Declined;
            tokio::spawn(async move { assess(&ledger, commit).await.unwrap() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Assessed::Recorded);
    }
    // What was refused has no link.
    assert_eq!(assess(&book.ledger, order("anna", 900_000)).await, Ok(Assessed::HeadroomTaken));
    assert_eq!(decisions(&verified(&book).await), 200);
    let mut chains = Chains::open(&book.place).await.unwrap();
    assert_eq!((chains.strangers().await, chains.links().await), (Ok(0), Ok(200)));
}

#[tokio::test]
async fn what_becomes_of_a_decision_is_no_change_of_it() {
    let book = book_of_anna().await;
    let id = bought(&book.ledger, "anna", 300).await;
    let cancel = Cancel { decision: id, reason: "TEST".into(), taken_back: None };
    assert_eq!(refusal(book.ledger.cancel(claim(), cancel).await), PreconditionReason::Confirmed);
    assert_eq!(decisions(&verified(&book).await), 1);
}

#[tokio::test]
async fn a_record_that_was_changed_is_named() {
    let book = book_of_anna().await;
    let ids = ten(&book).await;
    for (text, id) in [
        (
            "UPDATE decisions SET record = REPLACE(record, 'APPROVED', 'DECLINED')
             WHERE decision_id =
                (SELECT decision_id FROM decisions ORDER BY created LIMIT 1 OFFSET 6)",
            ids[6],
        ),
        (
            "UPDATE decisions SET facts = '{}' WHERE decision_id =
                (SELECT decision_id FROM decisions ORDER BY created LIMIT 1 OFFSET 4)",
            ids[4],
        ),
    ] {
        by_hand(&book, text).await;
        // In several chains, each has a first break of its own.
        let breaks: Vec<Break> =
            verified(&book).await.into_iter().filter_map(Result::err).collect();
        let named = format!("decision {id} is not what was recorded");
        assert!(breaks.iter().any(|found| found.what == named), "{named}: {breaks:?}");
    }
}

#[tokio::test]
async fn a_decision_or_a_link_that_was_removed_is_missed() {
    let book = book_of_anna().await;
    let ids = ten(&book).await;
    by_hand(
        &book,
        "DELETE FROM decisions WHERE decision_id =
            (SELECT decision_id FROM decisions ORDER BY created LIMIT 1 OFFSET 4)",
    )
    .await;
    let found = broken(verified(&book).await);
    assert_eq!(found.what, format!("decision {} is missing", ids[4]));
    by_hand(
        &book,
        "DELETE FROM links WHERE NOT EXISTS (
            SELECT 1 FROM decisions WHERE decisions.decision_id = links.decision_id)",
    )
    .await;
    assert_eq!(broken(verified(&book).await).link, found.link);
}

#[tokio::test]
async fn an_end_that_was_cut_off_and_a_head_that_was_moved_are_found() {
    let book = book_of_anna().await;
    ten(&book).await;
    by_hand(
        &book,
        "DELETE FROM decisions WHERE decision_id =
            (SELECT decision_id FROM decisions ORDER BY created DESC LIMIT 1);
         DELETE FROM links WHERE NOT EXISTS (
            SELECT 1 FROM decisions WHERE decisions.decision_id = links.decision_id)",
    )
    .await;
    let found = broken(verified(&book).await);
    assert!(found.what.starts_with("the chain ends before its head"), "{found:?}");
    by_hand(&book, "UPDATE chains SET head = head - 1 WHERE head > 0").await;
    assert!(verified(&book).await.iter().any(Result::is_err));
}

#[tokio::test]
async fn a_decision_that_nobody_recorded_is_a_stranger() {
    let book = book_of_anna().await;
    ten(&book).await;
    by_hand(
        &book,
        "INSERT INTO decisions (decision_id, reference, caller, holder, merchant, product, outcome,
            currency, amount, exposure, basket, created, captured, codes, record, facts)
         SELECT 'x', 'x', caller, holder, merchant, product, outcome, currency, amount, exposure,
            basket, created, captured, codes, record, facts FROM decisions LIMIT 1",
    )
    .await;
    let mut chains = Chains::open(&book.place).await.unwrap();
    assert_eq!(chains.strangers().await, Ok(1));
}

#[tokio::test]
async fn a_part_is_verified_by_when_it_was_decided() {
    let book = book_of_anna().await;
    ten(&book).await;
    let at = |minute| Some(NOW + Span::minutes(minute));
    for (range, expected) in [
        ((at(0), at(10)), 10),
        ((at(3), None), 7),
        ((None, at(3)), 3),
        ((at(3), at(5)), 2),
        ((at(20), None), 0),
    ] {
        assert_eq!(decisions(&within(&book, range).await), expected, "{range:?}");
    }
}

#[tokio::test]
async fn a_link_beside_the_chains_makes_no_decision_a_recorded_one() {
    let book = book_of_anna().await;
    ten(&book).await;
    by_hand(
        &book,
        "INSERT INTO decisions (decision_id, reference, caller, holder, merchant, product, outcome,
            currency, amount, exposure, basket, created, captured, codes, record, facts)
         SELECT 'x', 'x', caller, holder, merchant, product, outcome, currency, amount, exposure,
            basket, created, captured, codes, record, facts FROM decisions LIMIT 1;
         INSERT INTO links (chain, link, decision_id, hash)
         SELECT 999, 1, 'x', hash FROM links LIMIT 1",
    )
    .await;
    let mut chains = Chains::open(&book.place).await.unwrap();
    assert_eq!(chains.strangers().await, Ok(1));
    by_hand(&book, "DELETE FROM chains WHERE chain = 1").await;
    let missing = verified(&book).await.into_iter().find_map(Result::err);
    // The only chain of all is no gap, but then its decisions are strangers.
    let mut chains = Chains::open(&book.place).await.unwrap();
    assert!(missing.is_some() || chains.strangers().await.unwrap() > 1);
}
