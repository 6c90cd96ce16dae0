//! What an erasure takes, and what it leaves to others and to what is owed.

use super::cards::{activated, adjust_of, granted, purchase_of};
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
        card_numbers: 0,
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

/// Answers and restrictions in which a word is found.
async fn found(ledger: &Ledger, word: &str) -> i64 {
    let mut connection = ledger.readers.acquire().await.unwrap();
    let found = query(
        "SELECT (SELECT COUNT(*) FROM answers WHERE body LIKE '%' || $1 || '%')
            + (SELECT COUNT(*) FROM restrictions WHERE note LIKE '%' || $1 || '%'
                OR lift_note LIKE '%' || $1 || '%')
            + (SELECT COUNT(*) FROM cards WHERE token = $1 OR last_four = $1)",
    );
    found.bind(word).fetch_value(&mut connection).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_staff_wrote_is_in_one_place_and_goes_from_there() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let restriction = Restriction {
        id: RestrictionId(Uuid::from_u128(u128::from(draw()))),
        account: account_id("anna"),
        kind: RestrictionKind::Temporary,
        code: ReasonCode::AccountTemporarilyRestricted,
        start: NOW,
        end: NOW + Span::days(1),
        note: "quokka called".into(),
        origin: RestrictionOrigin::Lender,
        lifted: None,
    };
    let id = restriction.id;
    let claim = claim();
    let set = now_of(ledger.set_restriction(claim.clone(), restriction.clone()).await);
    assert_eq!(set, restriction);
    now_of(ledger.lift_restriction(super::claim(), id, "quokka wrote".into()).await);
    assert_eq!(found(ledger, "quokka").await, 1, "the restriction itself, and no answer");
    let erased = now_of(ledger.erase(super::claim(), holder("anna"), 0).await);
    assert_eq!(erased.staff_texts, 1);
    assert_eq!(found(ledger, "quokka").await, 0);
    // A repeated call is answered as before, without the note.
    let again = ledger.set_restriction(claim, restriction.clone()).await;
    let Ok(Written::Before(answer)) = again else { panic!("{again:?}") };
    assert_eq!(answer.read(), Ok(Restriction { note: String::new(), ..restriction }));
}

#[tokio::test]
async fn numbers_of_cards_go_when_nothing_more_can_be_captured() {
    let book = book_of_anna().await;
    let ledger = &book.ledger;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = granted(ledger, 1_000, 0).await;
        activated(ledger, id, NOW).await;
        ids.push(id);
    }
    let [ended, used, waits] = ids[..] else { panic!("{ids:?}") };
    let cancel = CancelCard { card: ended, reason: "TEST".into(), taken_back: None };
    now_of(ledger.cancel_card(claim(), cancel).await);
    let purchase = purchase_of(used, 400);
    let authorization = purchase.id;
    assert!(now_of(ledger.authorize_card(claim(), purchase).await).answer.is_approval());
    let has_number = async |id| ledger.card(id).await.unwrap().unwrap().number.is_some();
    assert_eq!((found(ledger, "tok_1").await, found(ledger, "4242").await), (3, 3));

    let erased = now_of(ledger.erase(claim(), holder("anna"), 0).await);
    assert_eq!(erased.card_numbers, 3);
    assert!(!has_number(ended).await && has_number(used).await && has_number(waits).await);
    assert_eq!(ledger.drop_card_numbers(NOW).await, Ok(0));
    // Its purchase is captured, and it is over.
    let capture = adjust_of(used, authorization, (AdjustKind::Capture, 400));
    now_of(ledger.adjust_card(claim(), capture).await);
    assert_eq!(ledger.drop_card_numbers(NOW).await, Ok(1));
    assert_eq!(ledger.drop_card_numbers(NOW + Span::hours(24)).await, Ok(1));
    assert_eq!((found(ledger, "tok_1").await, found(ledger, "4242").await), (0, 0));
    assert_eq!(held(ledger, "anna", NOW + Span::hours(24)).await, (400, 0));
    let again = now_of(ledger.erase(claim(), holder("anna"), 0).await);
    assert_eq!(again.card_numbers, 0);
    // Somebody new has cards of their own.
    let new = granted(ledger, 1_000, 0).await;
    activated(ledger, new, NOW).await;
    assert_eq!(ledger.drop_card_numbers(NOW + Span::hours(24)).await, Ok(0));
    assert!(has_number(new).await);
    assert_sound(ledger, NOW).await;
}
