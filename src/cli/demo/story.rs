//! The story: one shop, a handful of customers, and what the service says to each.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use prost_types::Timestamp;
use uuid::Uuid;

use super::shop::{Shop, new_id};
use crate::grpc::pb;

const MERCHANT: &str = "m-77";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Tells the whole story; each part stands for itself.
pub(super) async fn tell(shop: &mut Shop) -> Result<()> {
    first_purchase(shop).await?;
    over_the_limit(shop).await?;
    several_networks(shop).await?;
    rapid_attempts(shop).await?;
    unusual_amount(shop).await?;
    new_device(shop).await?;
    incomplete_profile(shop).await?;
    overdue(shop).await?;
    hold(shop).await?;
    one_time_cards(shop).await?;
    retry(shop).await
}

async fn first_purchase(shop: &mut Shop) -> Result<()> {
    heading("Anna is new. Her first purchase is small.");
    shop.upsert(account("anna", 100_000)).await?;
    let approved = shop.buy("Anna: headphones, 49.00", purchase("anna", 4_900)).await?;
    shop.confirm(&approved, MERCHANT).await
}

async fn over_the_limit(shop: &mut Shop) -> Result<()> {
    heading("Bruno has a limit of 300.00 and wants more.");
    regular(shop, "bruno", 30_000).await?;
    shop.buy("Bruno: bicycle, 320.00", purchase("bruno", 32_000)).await?;
    Ok(())
}

async fn several_networks(shop: &mut Shop) -> Result<()> {
    heading("Carla's account is used from three networks within minutes.");
    regular(shop, "carla", 200_000).await?;
    for (ip, what) in [
        ("203.0.113.7", "Carla: first network"),
        ("198.51.100.4", "Carla: second network"),
        ("192.0.2.9", "Carla: third network"),
    ] {
        let mut context = purchase("carla", 2_500 + i64::from(ip.len() as u32));
        context.network = Some(network(ip));
        shop.buy(what, context).await?;
    }
    Ok(())
}

async fn rapid_attempts(shop: &mut Shop) -> Result<()> {
    heading("Somebody tries Dario's account again and again.");
    regular(shop, "dario", 200_000).await?;
    for attempt in 1..=5 {
        let what = format!("Dario: attempt {attempt}");
        shop.buy(&what, purchase("dario", 3_000 + attempt)).await?;
    }
    Ok(())
}

async fn unusual_amount(shop: &mut Shop) -> Result<()> {
    heading("Elena always spends about 30.00. Today it is 150.00.");
    regular(shop, "elena", 200_000).await?;
    shop.buy("Elena: 150.00 instead of 30.00", purchase("elena", 15_000)).await?;
    Ok(())
}

async fn new_device(shop: &mut Shop) -> Result<()> {
    heading("Farid has a new phone and buys something large. He confirms that it is him.");
    spender(shop, "farid", 200_000, 25_000).await?;
    let mut context = purchase("farid", 60_000);
    context.device = Some(device("farid-new-phone"));
    let pending = shop.buy("Farid: new phone, 600.00", context).await?;
    shop.pass_step_up("Farid: step-up passed", &pending).await?;
    Ok(())
}

async fn incomplete_profile(shop: &mut Shop) -> Result<()> {
    heading("Greta never gave her address.");
    let mut incomplete = account("greta", 100_000);
    if let Some(profile) = &mut incomplete.profile {
        profile.address = field(pb::ProfileFieldStatus::Absent);
    }
    shop.upsert(incomplete).await?;
    shop.buy("Greta: no address on file", purchase("greta", 4_900)).await?;
    Ok(())
}

async fn overdue(shop: &mut Shop) -> Result<()> {
    heading("Henrik has not paid for three weeks. Then he does.");
    regular(shop, "henrik", 200_000).await?;
    let status = |outstanding: i64, days_overdue: i32, state: pb::PlanState| {
        event(
            "henrik",
            SystemTime::now(),
            pb::account_event::Kind::PlanStatus(pb::PlanStatusEvent {
                plan_id: "henrik-open-plan".to_owned(),
                outstanding: Some(euro(outstanding)),
                next_due_time: Some(Timestamp::from(SystemTime::now() - 21 * DAY)),
                days_overdue: Some(days_overdue),
                state: state.into(),
            }),
        )
    };
    shop.record(vec![status(8_000, 21, pb::PlanState::Overdue)]).await?;
    shop.buy("Henrik: overdue for 21 days", purchase("henrik", 4_900)).await?;
    shop.record(vec![status(0, 0, pb::PlanState::Closed)]).await?;
    shop.buy("Henrik: paid a moment ago", purchase("henrik", 4_950)).await?;
    Ok(())
}

async fn hold(shop: &mut Shop) -> Result<()> {
    heading("Ingrid lost her phone: a hold. She found it: lifted.");
    regular(shop, "ingrid", 200_000).await?;
    let restriction = shop.hold("ingrid").await?;
    shop.buy("Ingrid: while the hold is on", purchase("ingrid", 3_100)).await?;
    shop.lift(restriction).await?;
    shop.buy("Ingrid: after it was lifted", purchase("ingrid", 3_150)).await?;
    Ok(())
}

async fn one_time_cards(shop: &mut Shop) -> Result<()> {
    heading("Jonas makes one-time cards, and leaves them unused.");
    regular(shop, "jonas", 200_000).await?;
    for (number, amount) in [("first", 2_900), ("second", 3_050), ("third", 3_200)] {
        shop.card(&format!("Jonas: {number} one-time card"), purchase("jonas", amount)).await?;
    }
    Ok(())
}

async fn retry(shop: &mut Shop) -> Result<()> {
    heading("A checkout lost the answer and asks again with the same request_id.");
    regular(shop, "karin", 200_000).await?;
    let request_id = Uuid::now_v7();
    let context = purchase("karin", 2_800);
    let first = shop.buy_as("Karin: first answer", request_id, context.clone()).await?;
    let second = shop.buy_as("Karin: the same request again", request_id, context).await?;
    println!("   Same decision: {}\n", first.decision_id == second.decision_id);
    Ok(())
}

fn heading(text: &str) {
    println!("== {text}\n");
}

/// A customer of some years who spends around 30.00.
async fn regular(shop: &mut Shop, name: &str, credit_limit: i64) -> Result<()> {
    spender(shop, name, credit_limit, 3_000).await
}

/// A customer of some years: six repaid plans, purchases around `usual`, one phone, one home.
async fn spender(shop: &mut Shop, name: &str, credit_limit: i64, usual: i64) -> Result<()> {
    shop.upsert(account(name, credit_limit)).await?;
    let mut events = Vec::new();
    for month in 1..=6_u32 {
        let paid = SystemTime::now() - 25 * month * DAY;
        let purchase = pb::account_event::Kind::PurchaseCompleted(pb::PurchaseCompletedEvent {
            amount: Some(euro(usual - 200 + 100 * i64::from(month))),
            merchant: Some(merchant()),
            plan: None,
            device: Some(device(&format!("{name}-phone"))),
            network: Some(network("203.0.113.7")),
        });
        events.push(event(name, paid, purchase));
        let repayment = pb::account_event::Kind::Repayment(pb::RepaymentEvent {
            plan_id: format!("{name}-plan-{month}"),
            amount: Some(euro(usual)),
            due_time: Some(Timestamp::from(paid + DAY)),
            paid_time: Some(Timestamp::from(paid)),
        });
        events.push(event(name, paid, repayment));
    }
    shop.record(events).await
}

fn event(account: &str, time: SystemTime, kind: pb::account_event::Kind) -> pb::AccountEvent {
    pb::AccountEvent {
        event_id: new_id(),
        account_id: account.to_owned(),
        event_time: Some(Timestamp::from(time)),
        kind: Some(kind),
    }
}

fn account(name: &str, credit_limit: i64) -> pb::Account {
    let verified = || field(pb::ProfileFieldStatus::Verified);
    pb::Account {
        account_id: name.to_owned(),
        market: "DE".to_owned(),
        currency_code: "EUR".to_owned(),
        credit_limit: Some(euro(credit_limit)),
        opened_time: Some(Timestamp::from(SystemTime::now() - 400 * DAY)),
        email: format!("{name}@example.com"),
        profile: Some(pb::Profile {
            name: verified(),
            birth_date: verified(),
            address: verified(),
            phone: verified(),
            email: verified(),
        }),
        of_legal_age: pb::LegalAge::Yes.into(),
        ..pb::Account::default()
    }
}

fn field(status: pb::ProfileFieldStatus) -> Option<pb::ProfileField> {
    Some(pb::ProfileField { status: status.into(), changed_time: None })
}

fn purchase(account: &str, amount: i64) -> pb::PurchaseContext {
    pb::PurchaseContext {
        account_id: account.to_owned(),
        merchant: Some(merchant()),
        merchant_order_reference: format!("SO-{}", amount),
        amount: Some(euro(amount)),
        plan: Some(pb::PaymentPlan {
            kind: pb::PlanKind::PayLater30.into(),
            ..pb::PaymentPlan::default()
        }),
        device: Some(device(&format!("{account}-phone"))),
        network: Some(network("203.0.113.7")),
        market: "DE".to_owned(),
        locale: "en".to_owned(),
        ..pb::PurchaseContext::default()
    }
}

fn merchant() -> pb::Merchant {
    pb::Merchant {
        merchant_id: MERCHANT.to_owned(),
        category: "5732".to_owned(),
        country: "DE".to_owned(),
    }
}

fn device(id: &str) -> pb::DeviceContext {
    pb::DeviceContext {
        device_id: id.to_owned(),
        platform: "ios".to_owned(),
        app_version: "8.4.0".to_owned(),
        integrity: pb::DeviceIntegrity::Trusted.into(),
        supported: Some(true),
        ..pb::DeviceContext::default()
    }
}

fn network(ip: &str) -> pb::NetworkContext {
    pb::NetworkContext {
        ip_address: ip.to_owned(),
        country: "DE".to_owned(),
        region: "DE-BE".to_owned(),
        kind: pb::NetworkKind::Residential.into(),
        ..pb::NetworkContext::default()
    }
}

fn euro(minor_units: i64) -> pb::Money {
    pb::Money { minor_units, currency_code: "EUR".to_owned() }
}
