//! The mix is what it says it is, and the same for the same seed.

use std::collections::{HashMap, HashSet};

use super::*;

const RUN: Uuid = Uuid::from_u128(1);
const OTHER_RUN: Uuid = Uuid::from_u128(2);

fn stream(seed: u64, run: Uuid, count: u64) -> Vec<Ask> {
    let mix = Mix::new(seed, run, 1_000);
    (0..count).map(|number| mix.ask(number)).collect()
}

fn context(ask: &Ask) -> &pb::PurchaseContext {
    let context = match &ask.message {
        Message::Purchase(request) => &request.context,
        Message::Card(request) => &request.context,
    };
    context.as_ref().unwrap()
}

fn id(ask: &Ask) -> &str {
    match &ask.message {
        Message::Purchase(request) => &request.request_id,
        Message::Card(request) => &request.request_id,
    }
}

#[test]
fn the_same_seed_gives_the_same_requests() {
    let first = stream(1, RUN, 3_000);
    assert_eq!(first, stream(1, RUN, 3_000));
    let contexts = |asks: &[Ask]| asks.iter().map(|ask| context(ask).clone()).collect::<Vec<_>>();
    assert_ne!(contexts(&first), contexts(&stream(2, RUN, 3_000)));
}

#[test]
fn another_run_differs_in_its_ids_alone() {
    let (first, second) = (stream(1, RUN, 3_000), stream(1, OTHER_RUN, 3_000));
    let ids: HashSet<&str> = first.iter().map(id).collect();
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(context(first), context(second));
        assert!(!ids.contains(id(second)));
    }
}

#[test]
fn a_retry_is_what_was_sent_before() {
    let mut sent: HashMap<u64, Ask> = HashMap::new();
    for (number, ask) in (0..).zip(stream(1, RUN, 20_000)) {
        if ask.retry {
            assert!(ask.number < number);
            assert_eq!(sent[&ask.number].message, ask.message);
        } else {
            assert_eq!(ask.number, number);
            assert!(sent.values().all(|other| number > 99 || id(other) != id(&ask)));
            sent.insert(number, ask);
        }
    }
}

#[test]
fn the_shares_are_those_that_are_stated() {
    let asks = stream(1, RUN, 100_000);
    let share = |holds: &dyn Fn(&Ask) -> bool| {
        asks.iter().filter(|ask| holds(ask)).count() as f64 / asks.len() as f64
    };
    let near = |found: f64, stated: f64| (found - stated).abs() < 0.05 * stated;
    let retries = share(&|ask| ask.retry);
    assert!(near(retries, RETRIES), "{retries}");
    let is_attack = |ask: &Ask| {
        let device = context(ask).device.as_ref().unwrap();
        device.device_id.starts_with("load-x-")
    };
    let attacks = share(&is_attack);
    assert!(near(attacks, ATTACKS), "{attacks}");
    let cards = share(&|ask| matches!(ask.message, Message::Card(_)));
    assert!(near(cards, CARDS), "{cards}");
    let middle = share(&|ask| context(ask).amount.as_ref().unwrap().minor_units < 4_004);
    assert!(near(middle, 0.5), "{middle}");
}

#[test]
fn attackers_hurry_or_change_what_they_come_with() {
    let asks = stream(1, RUN, 20_000);
    let mut attacks: HashMap<u64, Vec<&pb::PurchaseContext>> = HashMap::new();
    for ask in asks.iter().filter(|ask| !ask.retry) {
        let device = &context(ask).device.as_ref().unwrap().device_id;
        if device.starts_with("load-x-") {
            attacks.entry(ask.number / ATTACK_SPAN).or_default().push(context(ask));
        }
    }
    let (mut hasty, mut churning) = (0, 0);
    for attempts in attacks.values().filter(|attempts| attempts.len() > 1) {
        let differing = |part: fn(&pb::PurchaseContext) -> &str| {
            attempts.iter().map(|attempt| part(attempt)).collect::<HashSet<_>>().len()
        };
        assert_eq!(differing(|attempt| &attempt.account_id), 1);
        let devices = differing(|attempt| &attempt.device.as_ref().unwrap().device_id);
        let addresses = differing(|attempt| &attempt.network.as_ref().unwrap().ip_address);
        match devices {
            1 => hasty += 1,
            _ => churning += 1,
        }
        assert_eq!(devices, addresses);
        assert!(devices == 1 || devices == attempts.len());
    }
    assert!(hasty > 5 && churning > 5, "{hasty} {churning}");
}

#[test]
fn what_was_approved_is_confirmed_or_cancelled() {
    let mix = Mix::new(1, RUN, 1_000);
    let (mut confirmed, mut purchases) = (0.0, 0.0);
    for number in 0..20_000 {
        let ask = mix.ask(number);
        let follow_up = mix.follow_up(&ask.order(), "decision".to_owned());
        match (&ask.message, follow_up) {
            (Message::Purchase(_), FollowUp::Confirm(confirm)) => {
                assert_eq!(confirm.captured_amount, context(&ask).amount);
                assert_eq!(
                    confirm.merchant_id,
                    context(&ask).merchant.as_ref().unwrap().merchant_id
                );
                (confirmed, purchases) = (confirmed + 1.0, purchases + 1.0);
            }
            (Message::Purchase(_), FollowUp::Cancel(_)) => purchases += 1.0,
            (Message::Card(_), FollowUp::Cancel(_)) => {}
            (Message::Card(_), FollowUp::Confirm(_)) => panic!("a card is not confirmed"),
        }
    }
    let share: f64 = confirmed / purchases;
    assert!((share - CONFIRMED).abs() < 0.02, "{share}");
}
