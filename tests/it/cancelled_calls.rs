//! Callers that hang up in the middle of a call, at one moment after the other: what they asked for
//! is done once or not at all, and a retry is told.

use std::time::Duration;

use surety::domain::Span;
use surety::grpc::pb;
use tonic::Status;

use crate::support::{TestApp, by, confirmation, new_id, purchase};
use pb::DecisionOutcome::Approved;

const ROUNDS: u64 = 60;
/// Between the moments; together longer than a call takes.
const STEP: Duration = Duration::from_micros(250);
const AMOUNT: i64 = 4_500;
const LIMIT: i64 = 10_000_000;

/// Makes a call and hangs up in round `round`'s moment, if there is no answer by then.
async fn hang_up<T>(round: u64, call: impl Future<Output = Result<T, Status>>) {
    let moment = STEP * u32::try_from(round).unwrap();
    if let Ok(answered) = tokio::time::timeout(moment, call).await {
        answered.unwrap();
    }
}

#[test]
fn what_was_asked_by_who_hung_up_is_done_once_or_not_at_all() {
    let app = TestApp::start();
    app.given_regular("gone", LIMIT);
    let known = app.try_list("auditor", of_account()).unwrap().decisions.len();
    let (mut replayed, mut taken) = ([0, 0, 0], 0);
    for round in 0..ROUNDS {
        let (request_id, context) = (new_id(), purchase("gone", AMOUNT));
        let evaluate = pb::EvaluatePurchaseRequest {
            request_id: request_id.clone(),
            context: Some(context.clone()),
        };
        app.raw(|mut client| async move {
            hang_up(round, client.evaluate_purchase(by("checkout", evaluate))).await;
        });
        let told = app.try_buy("checkout", &request_id, context.clone()).unwrap();
        assert!(app.try_buy("checkout", &request_id, context).unwrap().replayed);
        assert_eq!(told.decision.outcome(), Approved, "{:?}", told.decision);
        replayed[0] += u64::from(told.replayed);

        let confirm = confirmation(&told.decision);
        let again = confirm.clone();
        app.raw(|mut client| async move {
            hang_up(round, client.confirm_purchase(by("checkout", confirm))).await;
        });
        let confirmed = app.try_confirm(again).unwrap();
        replayed[1] += u64::from(confirmed.replayed);
        taken += AMOUNT;
        assert_eq!(app.preview("gone"), LIMIT - taken, "round {round}");

        // Of another purchase what it holds is given back once.
        app.advance(Span::hours(24));
        let held = app.buy(purchase("gone", AMOUNT));
        let cancel = pb::CancelDecisionRequest {
            request_id: new_id(),
            decision_id: held.decision_id.clone(),
            reason: pb::CancelReason::Customer.into(),
        };
        let again = cancel.clone();
        app.raw(|mut client| async move {
            hang_up(round, client.cancel_decision(by("checkout", cancel))).await;
        });
        replayed[2] += u64::from(app.try_cancel(again).unwrap().replayed);
        assert_eq!(app.preview("gone"), LIMIT - taken, "round {round}");
        app.repay("gone", &told.decision.decision_id, AMOUNT, app.now());
        taken -= AMOUNT;
        app.advance(Span::hours(24));
    }
    assert!(replayed.iter().all(|count| *count > 0), "nobody hung up late enough: {replayed:?}");
    let mut page = of_account();
    let mut made = 0;
    loop {
        let listed = app.try_list("auditor", page.clone()).unwrap();
        made += listed.decisions.len();
        page.page_token = listed.next_page_token;
        if page.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(made - known, 2 * usize::try_from(ROUNDS).unwrap());
}

fn of_account() -> pb::ListDecisionsRequest {
    pb::ListDecisionsRequest { account_id: "gone".to_owned(), ..Default::default() }
}
