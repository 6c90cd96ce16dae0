//! Cards: granted with their decision, one purchase each, once for each request of the network.

use super::*;
use crate::ledger::card::adopt;
use crate::ledger::sql::query;

/// An approved card of `amount` for 24 hours, good at any shop.
pub(super) fn card_of(account: &str, amount: i64, tolerance: i64) -> AssessCommit {
    let mut commit = order(account, amount);
    let expires = NOW + Span::hours(24);
    let terms = CardTerms { valid_for: Span::hours(24), merchant_locked: false, tolerance };
    commit.record.product = Product::OneTimeCard;
    commit.record.decision.expires = Some(expires);
    let id = Uuid::from_u128(u128::from(draw()) << 32);
    commit.record.card = Some(OneTimeCard { id, terms, expires });
    commit
}

pub(super) fn id_of(commit: &AssessCommit) -> OneTimeCardId {
    OneTimeCardId(commit.record.card.unwrap().id)
}

pub(super) async fn granted(ledger: &Ledger, amount: i64, tolerance: i64) -> OneTimeCardId {
    let commit = card_of("anna", amount, tolerance);
    let id = id_of(&commit);
    assert_eq!(assess(ledger, commit).await, Ok(Assessed::Recorded));
    id
}

pub(super) fn activate_of(card: OneTimeCardId) -> ActivateCard {
    let (token, last_four) = ("tok_1".to_owned(), "4242".to_owned());
    ActivateCard { card, number: CardNumber { token, last_four, network: "Visa".to_owned() } }
}

pub(super) async fn activated(ledger: &Ledger, card: OneTimeCardId, now: Time) -> Card {
    now_of(ledger.activate_card(claim_at(now), activate_of(card)).await).card
}

/// A purchase that the network has not asked for before.
pub(super) fn purchase_of(card: OneTimeCardId, amount: i64) -> AuthorizeCard {
    let number = draw();
    let merchant = NetworkMerchant {
        id: MerchantId::parse("m-77").unwrap(),
        name: "SHOP".into(),
        category: None,
        country: None,
    };
    let request_id = RequestId(Uuid::from_u128(u128::from(number)));
    AuthorizeCard {
        id: AuthorizationId(Uuid::from_u128(u128::from(number) << 16)),
        purchase: CardPurchase {
            call: CallId { request_id, hash: [1; 32] },
            network_request: format!("network-{number}"),
            content: [u8::try_from(amount % 251).unwrap(); 32],
            card,
            kind: AuthorizationKind::Purchase,
            amount: Some(money(amount)),
            merchant,
            entry_mode: None,
        },
        merchant_eligible: true,
        guest_limit: None,
        secret: vec![ReasonCode::AccountSecurityHold],
    }
}

pub(super) fn adjust_of(
    card: OneTimeCardId,
    authorization: AuthorizationId,
    (kind, amount): (AdjustKind, i64),
) -> AdjustCard {
    let request_id = RequestId(Uuid::from_u128(u128::from(draw())));
    let call = CallId { request_id, hash: [1; 32] };
    let adjustment = CardAdjustment { call, card, authorization, kind, amount: money(amount) };
    AdjustCard { adjustment, guest_limit: None, secret: Vec::new(), purchase: None }
}

pub(super) fn code_of(answer: &NetworkAnswer) -> Option<ReasonCode> {
    answer.reason.as_ref().map(|reason| reason.code)
}

#[tokio::test]
async fn a_card_is_there_with_the_decision_that_grants_it_and_with_no_other() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let commit = card_of("anna", 4_500, 100);
    let id = id_of(&commit);
    assert_eq!(ledger.card(id).await, Ok(None));
    assert_eq!(assess(&ledger, commit.clone()).await, Ok(Assessed::Recorded));
    let card = ledger.card(id).await.unwrap().unwrap();
    assert_eq!(Some(card.clone()), Card::granted(&commit.record));
    assert_eq!((card.state(NOW), card.reserved_at(NOW)), (CardState::Approved, 4_500));
    // What found no room left no card.
    let refused = card_of("anna", 100_000, 0);
    assert_eq!(assess(&ledger, refused.clone()).await, Ok(Assessed::HeadroomTaken));
    assert_eq!(ledger.card(id_of(&refused)).await, Ok(None));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_purchases_at_once_one_takes_the_card() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let card = granted(&ledger, 4_500, 0).await;
    activated(&ledger, card, NOW).await;
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let (ledger, purchase) = (ledger.clone(), purchase_of(card, 4_500));
            tokio::spawn(async move { now_of(ledger.authorize_card(claim(), purchase).await) })
        })
        .collect();
    let mut approved = 0;
    for call in calls {
        let told = call.await.unwrap().answer;
        approved += i32::from(told.is_approval());
        let used = Some(ReasonCode::OneTimeCardAlreadyUsed);
        assert!(told.is_approval() || code_of(&told) == used);
    }
    assert_eq!((approved, held(&ledger, "anna", NOW).await), (1, (0, 4_500)));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_network_request_has_one_answer_however_often_it_comes() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let card = granted(&ledger, 4_500, 0).await;
    activated(&ledger, card, NOW).await;
    let first = purchase_of(card, 4_500);
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let again = AuthorizeCard { id: purchase_of(card, 1).id, ..first.clone() };
            let ledger = ledger.clone();
            tokio::spawn(async move { now_of(ledger.authorize_card(claim(), again).await) })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|told| !told.repeated).count(), 1);
    assert!(answers.iter().all(|told| told.answer.is_approval() && told.id == answers[0].id));
    let other = AuthorizeCard {
        purchase: CardPurchase { content: [9; 32], ..first.purchase.clone() },
        ..first.clone()
    };
    let reused = ledger.authorize_card(claim(), other).await;
    assert_eq!(refusal(reused), PreconditionReason::NetworkRequestReused);
    // Another card may have a request of that name.
    let card = granted(&ledger, 4_600, 0).await;
    activated(&ledger, card, NOW).await;
    let same_name = AuthorizeCard {
        purchase: CardPurchase { card, ..first.purchase },
        ..purchase_of(card, 4_500)
    };
    assert!(now_of(ledger.authorize_card(claim(), same_name).await).answer.is_approval());
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn what_is_paid_at_once_is_neither_reserved_nor_owed() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let mut commit = card_of("anna", 1_000, 100);
    commit.record.plan.upfront = 300;
    let card = id_of(&commit);
    assert_eq!(assess(&ledger, commit).await, Ok(Assessed::Recorded));
    activated(&ledger, card, NOW).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 700));
    let taken = now_of(ledger.authorize_card(claim(), purchase_of(card, 200)).await);
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 0));
    let adjust = async |id, change| {
        now_of(ledger.adjust_card(claim(), adjust_of(card, id, change)).await);
        held(&ledger, "anna", NOW).await
    };
    assert_eq!(adjust(taken.id, (AdjustKind::Increment, 900)).await, (0, 800));
    assert_eq!(adjust(taken.id, (AdjustKind::Reverse, 1_100)).await, (0, 700));
    let taken = now_of(ledger.authorize_card(claim(), purchase_of(card, 1_100)).await);
    assert_eq!(adjust(taken.id, (AdjustKind::Capture, 300)).await, (0, 800));
    assert_eq!(adjust(taken.id, (AdjustKind::Capture, 500)).await, (500, 300));
    assert_eq!(adjust(taken.id, (AdjustKind::Capture, 300)).await, (800, 0));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_refund_of_a_card_lowers_what_is_owed_and_not_what_a_shop_holds() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let card = granted(&ledger, 1_000, 0).await;
    activated(&ledger, card, NOW).await;
    let taken = now_of(ledger.authorize_card(claim(), purchase_of(card, 1_000)).await);
    let capture = |amount| adjust_of(card, taken.id, (AdjustKind::Capture, amount));
    now_of(ledger.adjust_card(claim(), capture(600)).await);
    let order = OrderName::Decision(taken.decision);
    let refund = EventKind::Refund { order, amount: money(600) };
    events::tell(&ledger, "anna", NOW, refund).await;
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 400));
    now_of(ledger.adjust_card(claim(), capture(400)).await);
    assert_eq!(held(&ledger, "anna", NOW).await, (400, 0));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn a_bank_that_refuses_ends_a_card_that_waits_and_none_that_a_shop_holds() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    for (used, state) in [(false, CardState::Canceled), (true, CardState::Authorized)] {
        let card = granted(&ledger, 1_000, 0).await;
        let decision = activated(&ledger, card, NOW).await.decision;
        if used {
            now_of(ledger.authorize_card(claim(), purchase_of(card, 1_000)).await);
        }
        let refused = EventKind::BankAnswer { decision, response: "51".into() };
        events::tell(&ledger, "anna", NOW, refused).await;
        assert_eq!(ledger.card(card).await.unwrap().unwrap().state(NOW), state);
    }
    assert_eq!(held(&ledger, "anna", NOW).await, (0, 1_000));
    assert_sound(&ledger, NOW).await;
}

#[tokio::test]
async fn cards_older_than_their_table_are_adopted() {
    let Book { ledger, folder: _folder, .. } = book_of_anna().await;
    let commits = [100, 200, 300].map(|amount| card_of("anna", amount, 10));
    let [open, canceled, captured] = commits.each_ref().map(id_of);
    for commit in &commits {
        assert_eq!(assess(&ledger, commit.clone()).await, Ok(Assessed::Recorded));
    }
    now_of(ledger.cancel_card(claim(), cancel_of(canceled)).await);
    // As ConfirmPurchase had left the last one.
    let id = commits[2].record.id.to_string();
    let aged = ledger
        .write(move |connection| {
            let id = id.clone();
            Box::pin(async move {
                for text in [
                    "UPDATE decisions SET captured = 40 WHERE decision_id = $1",
                    "UPDATE reservations SET captured = 40 WHERE decision_id = $1",
                    "DELETE FROM cards WHERE decision_id <> $1 OR decision_id = $1",
                    "INSERT INTO cards_to_adopt (decision_id)
                     SELECT decision_id FROM decisions WHERE $1 = $1",
                ] {
                    query(text).bind(id.clone()).execute(&mut *connection).await?;
                }
                adopt(connection).await?;
                adopt(connection).await
            })
        })
        .await;
    assert_eq!(aged, Ok(()));
    let state = async |id| ledger.card(id).await.unwrap().unwrap().state(NOW);
    assert_eq!(state(open).await, CardState::Approved);
    assert_eq!(state(canceled).await, CardState::Canceled);
    assert_eq!(state(captured).await, CardState::Authorized);
    activated(&ledger, open, NOW).await;
}

fn cancel_of(card: OneTimeCardId) -> CancelCard {
    CancelCard { card, reason: "TEST".into(), taken_back: None }
}
