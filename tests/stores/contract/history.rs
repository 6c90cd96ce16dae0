//! Purchases, misuse, and what is known.

use std::sync::Arc;

use surety::domain::Span;
use surety::signals::{Reading, SignalEvent};

use super::{DEVICE, MERCHANT, REGION, START, Stage, int, with};

on_each_store!(
    purchases_count_the_request_and_history_does_not,
    attempts_make_nothing_known,
    a_device_that_the_lender_took_off_is_no_longer_known,
    misuse_is_read_a_week_late,
);

async fn purchases_count_the_request_and_history_does_not(stage: Arc<Stage>) {
    let first = stage.observe(&stage.observation(1, 1, START)).await;
    assert_eq!(int(&first, "account_purchases_7d"), 1);
    assert_eq!(first.by_name("account_purchase_mean_7d"), Some(Reading::Double(1_000.0)));
    assert_eq!(int(&first, "account_purchases_180d"), 0);
    assert_eq!(first.by_name("spending_median_minor"), Some(Reading::NotSupplied));
    stage.apply(&SignalEvent::Purchase(stage.observation(1, 1, START))).await;
    stage.apply(&SignalEvent::Purchase(stage.observation(1, 1, START))).await;
    let next = stage.observation(2, 1, START + Span::days(1));
    let second = stage.observe(&next).await;
    assert_eq!(int(&second, "account_purchases_1d"), 1);
    assert_eq!(int(&second, "account_purchases_7d"), 2);
    assert_eq!(int(&second, "account_purchases_180d"), 1);
    assert_eq!(second.by_name("spending_median_minor"), Some(Reading::Double(1_000.0)));
    assert_eq!(stage.read(&next).await, second);
}

async fn attempts_make_nothing_known(stage: Arc<Stage>) {
    let thief = |id| {
        with(stage.observation(id, 1, START), |parties| {
            parties.device = Some(stage.key(DEVICE, 9));
            parties.region = Some(stage.key(REGION, 9));
        })
    };
    for id in 1..5 {
        let readings = stage.observe(&thief(id)).await;
        assert_eq!(readings.by_name("account_device_known"), Some(Reading::Bool(false)));
        assert_eq!(int(&readings, "account_devices_known"), 0);
        assert_eq!(readings.by_name("account_address_known"), Some(Reading::NotSupplied));
    }
    let known = async || stage.read(&thief(4)).await.by_name("account_region_known");
    stage.apply(&SignalEvent::SignIn(thief(5))).await;
    assert_eq!(known().await, Some(Reading::Bool(false)));
    stage.apply(&SignalEvent::Recognized(thief(4))).await;
    assert_eq!(known().await, Some(Reading::Bool(true)));
    stage.apply(&SignalEvent::TakenBack(thief(4))).await;
    assert_eq!(known().await, Some(Reading::Bool(true)), "the check was passed");
}

async fn a_device_that_the_lender_took_off_is_no_longer_known(stage: Arc<Stage>) {
    let on = |id, device| {
        with(stage.observation(id, 1, START + Span::minutes(id as i64)), |parties| {
            parties.device = Some(stage.key(DEVICE, device));
        })
    };
    stage.apply(&SignalEvent::Purchase(on(1, 1))).await;
    stage.apply(&SignalEvent::Recognized(on(2, 2))).await;
    stage.apply(&SignalEvent::Forgotten(on(3, 1))).await;
    let known = async |device| stage.read(&on(4, device)).await.by_name("account_device_known");
    assert_eq!(known(1).await, Some(Reading::Bool(false)));
    assert_eq!(known(2).await, Some(Reading::Bool(true)));
    let readings = stage.read(&on(5, 1)).await;
    assert_eq!(int(&readings, "account_devices_known"), 1);
    // The habit that the purchase taught stays.
    assert_eq!(int(&readings, "account_purchases_180d"), 1);
}

async fn misuse_is_read_a_week_late(stage: Arc<Stage>) {
    let at = |id, time| {
        with(stage.observation(id, id, time), |parties| {
            parties.merchant = Some(stage.key(MERCHANT, 1));
        })
    };
    for id in 0..4 {
        stage.apply(&SignalEvent::Purchase(at(id, START))).await;
    }
    stage.apply(&SignalEvent::Misuse(at(3, START))).await;
    let share = async |days| {
        let readings = stage.read(&at(9, START + Span::days(days))).await;
        readings.by_name("merchant_misuse_share_7d")
    };
    assert_eq!(share(6).await, Some(Reading::Double(0.0)));
    assert_eq!(share(8).await, Some(Reading::Double(0.25)));
    assert_eq!(share(15).await, Some(Reading::Double(0.0)));
}
