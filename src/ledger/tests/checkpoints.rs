//! What retention leaves behind: it is proved, and what somebody else drops is not.

use super::retention::{decided, proved};
use super::*;

async fn by_hand(ledger: &Ledger, text: &'static str) {
    ledger.write(move |connection| Box::pin(connection.run(text))).await.unwrap();
}

/// Copies of the newest decision, as if they were there before there were chains.
async fn of_before_the_chains(ledger: &Ledger) {
    by_hand(
        ledger,
        "INSERT INTO decisions (decision_id, reference, caller, holder, merchant, product, outcome,
            currency, amount, exposure, basket, created, captured, codes, record, facts)
         SELECT old.name, old.name, caller, holder, merchant, product, outcome, currency, amount,
            exposure, basket, decisions.created - old.age, captured, codes, record, facts
         FROM decisions CROSS JOIN (
            SELECT 'x1' AS name, 3000000 AS age UNION ALL SELECT 'x2', 2000000
            UNION ALL SELECT 'x3', 1000000
         ) AS old;
         INSERT INTO unlinked_decisions (decision_id, created)
            SELECT decision_id, created FROM decisions WHERE reference LIKE 'x%';
         UPDATE unlinked SET decisions = decisions + 3",
    )
    .await;
}

#[tokio::test]
async fn decisions_of_before_the_chains_go_by_their_age_and_stay_counted() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    decided(ledger, NOW).await;
    of_before_the_chains(ledger).await;
    assert_eq!(proved(&book).await, 1);
    assert_eq!(ledger.drop_decisions(NOW - Span::seconds(1), 1).await, Ok(1));
    assert_eq!(ledger.drop_decisions(NOW - Span::seconds(1), 9).await, Ok(1));
    assert_eq!(ledger.drop_decisions(NOW - Span::seconds(1), 9).await, Ok(0));
    assert_eq!(proved(&book).await, 1);
    let kept = checkpoints(&book).await.unwrap();
    assert_eq!((kept.last, kept.dropped), (2, 2));
    // One that somebody removes is missed, now and after what is listed was dropped.
    by_hand(ledger, "DELETE FROM decisions WHERE decision_id = 'x3'").await;
    let mut chains = Chains::open(&book.place).await.unwrap();
    assert_eq!(chains.strangers().await, Ok(-1));
    drop(chains);
    assert_eq!(ledger.drop_decisions(NOW, 9).await, Ok(0));
    let mut chains = Chains::open(&book.place).await.unwrap();
    assert_eq!(chains.strangers().await, Ok(-1));
    drop(chains);
    // Nor does it help to count it out.
    by_hand(ledger, "UPDATE unlinked SET decisions = 0").await;
    assert!(checkpoints(&book).await.is_err());
}

async fn checkpoints(book: &Book) -> Result<Checkpoints, Break> {
    Chains::open(&book.place).await.unwrap().checkpoints().await.unwrap()
}

/// Whether everything is proved.
async fn holds(book: &Book) -> bool {
    let mut chains = Chains::open(&book.place).await.unwrap();
    let found = chains.verify((None, None), || ()).await.unwrap();
    let checkpoints = chains.checkpoints().await.unwrap();
    chains.strangers().await == Ok(0) && checkpoints.is_ok() && found.iter().all(Result::is_ok)
}

/// What somebody does who hides all that was decided so far.
const HIDE: &str = "DELETE FROM decisions;
    DELETE FROM links;
    UPDATE chains SET base = head, base_hash = head_hash";

#[tokio::test]
async fn a_beginning_that_was_cut_off_by_hand_is_found() {
    // With real drops before, or none.
    for dropped in [0, 1] {
        let book = book_of_anna().await;
        let ledger = &book.ledger;
        for number in 0..5 {
            decided(ledger, NOW + Span::days(number)).await;
        }
        assert_eq!(ledger.drop_decisions(NOW + Span::days(dropped), 9).await, Ok(dropped as u64));
        assert!(holds(&book).await);
        by_hand(ledger, HIDE).await;
        assert!(!holds(&book).await);
    }
}

#[tokio::test]
async fn checkpoints_are_a_chain_themselves() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    for number in 0..4 {
        decided(ledger, NOW + Span::days(number)).await;
    }
    while ledger.drop_decisions(NOW + Span::days(3), 1).await.unwrap() > 0 {}
    assert!(holds(&book).await);
    let before = checkpoints(&book).await.unwrap();
    assert_eq!(before.dropped, 3);
    for (change, back) in [
        (
            "UPDATE checkpoints SET dropped = dropped + 1 WHERE number = 2",
            "UPDATE checkpoints SET dropped = dropped - 1 WHERE number = 2",
        ),
        (
            "UPDATE checkpoints SET made_before = made_before + 1 WHERE number = 1",
            "UPDATE checkpoints SET made_before = made_before - 1 WHERE number = 1",
        ),
        (
            "UPDATE checkpoints SET number = 9 WHERE number = 2",
            "UPDATE checkpoints SET number = 2 WHERE number = 9",
        ),
        (
            "UPDATE chains SET base = base + 1 WHERE base > 0",
            "UPDATE chains SET base = base - 1 WHERE base > 0",
        ),
    ] {
        by_hand(ledger, change).await;
        assert!(!holds(&book).await, "{change}");
        by_hand(ledger, back).await;
        assert!(holds(&book).await, "{back}");
    }
    by_hand(ledger, "DELETE FROM checkpoints").await;
    assert!(!holds(&book).await);
}

#[tokio::test]
async fn a_head_that_was_kept_tells_what_cannot_be_told_from_inside() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    for number in 0..4 {
        decided(ledger, NOW + Span::days(number)).await;
    }
    assert_eq!(ledger.drop_decisions(NOW + Span::days(1), 1).await, Ok(1));
    let mut chains = Chains::open(&book.place).await.unwrap();
    let found = chains.verify((None, None), || ()).await.unwrap();
    let mut kept: Vec<KnownHead> = found
        .into_iter()
        .map(|chain| chain.unwrap())
        .map(|Verified { chain, link, hash, .. }| KnownHead { chain, link, hash })
        .collect();
    let Checkpoints { last, hash, .. } = chains.checkpoints().await.unwrap().unwrap();
    kept.push(KnownHead { chain: 0, link: last, hash });
    for head in &kept {
        assert_eq!(chains.lost(head).await, Ok(None), "{head:?}");
    }
    let other = KnownHead { hash: "00".repeat(32), ..kept[0].clone() };
    assert!(chains.lost(&other).await.unwrap().unwrap().contains("another hash"));
    let dropped = KnownHead { link: 0, ..kept[0].clone() };
    assert!(chains.lost(&dropped).await.unwrap().unwrap().contains("retention has dropped it"));
    drop(chains);
    // The newest decision goes, and the head with it: all holds, but the head is not there.
    by_hand(
        ledger,
        "DELETE FROM decisions WHERE decision_id IN (
            SELECT decision_id FROM links
            JOIN chains ON chains.chain = links.chain AND chains.head = links.link);
         UPDATE chains SET head = head - 1, head_hash = COALESCE((
            SELECT hash FROM links
            WHERE links.chain = chains.chain AND links.link = chains.head - 1
         ), base_hash) WHERE head > base;
         DELETE FROM links WHERE EXISTS (SELECT 1 FROM chains
            WHERE chains.chain = links.chain AND links.link > chains.head)",
    )
    .await;
    assert!(holds(&book).await);
    let mut chains = Chains::open(&book.place).await.unwrap();
    let mut lost = 0;
    for head in &kept {
        lost += usize::from(chains.lost(head).await.unwrap().is_some());
    }
    assert!(lost > 0);
}
