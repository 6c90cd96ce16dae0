//! What an erasure takes, and what it leaves to others and to what is owed.

use super::*;

async fn count(ledger: &Ledger, account: &str) -> usize {
    ledger.signals_of(&holder(account)).await.unwrap().len()
}

#[tokio::test]
async fn an_erasure_takes_the_persons_rows_and_nobody_elses() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    set_limit(ledger, "bert", 100_000).await;
    let anna = bought(ledger, "anna", 1_000).await;
    let bert = bought(ledger, "bert", 2_000).await;
    // Rows of events belong to no decision.
    for account in ["anna", "bert"] {
        let id = EventId::parse(&format!("sign-in-{account}")).unwrap();
        let kind =
            EventKind::SignIn { strength: None, parties: Parties::default(), position: None };
        let event = AccountEvent { id, account: account_id(account), time: NOW, kind };
        let row = SignalRow { time: NOW, kind: "sign_in", payload: "{}".into() };
        now_of(ledger.record_events(claim(), vec![(event, Some(row))]).await);
    }
    assert_eq!((count(ledger, "anna").await, count(ledger, "bert").await), (2, 2));
    let newest = ledger.last_signal_event().await.unwrap().unwrap().seq;

    let claim = claim();
    let erased = now_of(ledger.erase(claim.clone(), holder("anna"), 3).await);
    let expected = Erased {
        raw_contexts: 1,
        signal_events: 2,
        account_fields: 0,
        signal_parties: 3,
        staff_texts: 0,
        time: NOW,
    };
    assert_eq!(erased, expected);
    let again = ledger.erase(claim, holder("anna"), 0).await;
    let Ok(Written::Before(answer)) = again else { panic!("{again:?}") };
    assert_eq!(answer.read(), Ok(expected));
    assert_eq!((count(ledger, "anna").await, count(ledger, "bert").await), (0, 2));
    for (account, id, owed) in [("anna", anna, 1_000), ("bert", bert, 2_000)] {
        assert_eq!(held(ledger, account, NOW).await, (owed, 0));
        assert!(ledger.decision(id).await.unwrap().is_some());
        let sent = ledger.sent_about(&holder(account), 9).await.unwrap();
        assert_eq!(sent[0].raw_context.is_some(), account == "bert");
    }
    assert_sound(ledger, NOW).await;

    // Sequences are not given twice: the newest row stays, and tells nothing.
    now_of(ledger.erase(super::claim(), holder("bert"), 0).await);
    let last = ledger.last_signal_event().await.unwrap().unwrap();
    assert_eq!((last.seq, last.kind.as_str(), last.holder.as_str()), (newest, "erased", ""));
    let missing = ledger.erase(super::claim(), holder("carl"), 0).await;
    assert_eq!(missing, Err(Error::NotFound));
}

#[test]
fn an_erased_account_keeps_what_obligations_need() {
    let mut account = account_of("anna", 100_000);
    assert_eq!(account.erased(), (account.clone(), 0));
    account.email = Some(party(1));
    account.opened = Some(NOW);
    account.of_legal_age = Some(LegalAge::Yes);
    account.support_plan_active = Some(true);
    let (erased, fields) = account.erased();
    assert_eq!(fields, 3);
    let kept = Account { support_plan_active: Some(true), ..account_of("anna", 100_000) };
    assert_eq!(erased, kept);
}
