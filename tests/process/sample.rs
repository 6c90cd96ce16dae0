//! A complete account of the market GB, and a plain purchase of its owner.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use surety::grpc::pb;

pub const MERCHANT: &str = "m-77";
const DAY: Duration = Duration::from_secs(24 * 3600);

pub fn pounds(minor_units: i64) -> pb::Money {
    pb::Money { minor_units, currency_code: "GBP".to_owned() }
}

pub fn account(name: &str, credit_limit: i64) -> pb::Account {
    let verified = || {
        let status = pb::ProfileFieldStatus::Verified.into();
        Some(pb::ProfileField { status, changed_time: None })
    };
    pb::Account {
        account_id: name.to_owned(),
        market: "GB".to_owned(),
        currency_code: "GBP".to_owned(),
        credit_limit: Some(pounds(credit_limit)),
        opened_time: Some(Timestamp::from(SystemTime::now() - 400 * DAY)),
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

/// To be paid in 30 days, on the account's own device.
pub fn purchase(account: &str, amount: i64) -> pb::PurchaseContext {
    pb::PurchaseContext {
        account_id: account.to_owned(),
        merchant: Some(pb::Merchant {
            merchant_id: MERCHANT.to_owned(),
            category: "5732".to_owned(),
            country: "GB".to_owned(),
        }),
        merchant_order_reference: format!("SO-{amount}"),
        amount: Some(pounds(amount)),
        plan: Some(pb::PaymentPlan {
            kind: pb::PlanKind::PayLater30.into(),
            ..pb::PaymentPlan::default()
        }),
        device: Some(device(&format!("{account}-phone"))),
        network: Some(pb::NetworkContext {
            ip_address: "203.0.113.7".to_owned(),
            country: "GB".to_owned(),
            kind: pb::NetworkKind::Residential.into(),
            ..pb::NetworkContext::default()
        }),
        market: "GB".to_owned(),
        locale: "en-GB".to_owned(),
        ..pb::PurchaseContext::default()
    }
}

pub fn device(id: &str) -> pb::DeviceContext {
    pb::DeviceContext {
        device_id: id.to_owned(),
        platform: "ios".to_owned(),
        app_version: "8.4.0".to_owned(),
        integrity: pb::DeviceIntegrity::Trusted.into(),
        supported: Some(true),
        ..pb::DeviceContext::default()
    }
}
