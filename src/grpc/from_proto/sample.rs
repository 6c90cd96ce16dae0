//! A request with everything in it, for tests to change.

use prost_types::Timestamp;

use crate::domain::Time;
use crate::grpc::pb;

/// The time of every call in tests.
pub const NOW: Time = Time::from_seconds(1_795_262_400);

/// A time so many seconds from now.
pub fn stamp(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: NOW.as_seconds() + seconds, nanos: 0 })
}

/// An amount in euro cents.
pub fn eur(minor_units: i64) -> Option<pb::Money> {
    Some(pb::Money { minor_units, currency_code: "EUR".into() })
}

/// A purchase in which every field that can be sent is sent, and right.
pub fn full() -> pb::EvaluatePurchaseRequest {
    pb::EvaluatePurchaseRequest {
        request_id: "0193a2c4-6f0e-7c11-9a55-0d6c1f3b2a10".into(),
        context: Some(pb::PurchaseContext {
            account_id: "acc-1042".into(),
            guest: None,
            merchant: Some(pb::Merchant {
                merchant_id: "m-77".into(),
                category: "5732".into(),
                country: "DE".into(),
            }),
            merchant_order_reference: "SO-2026-118834".into(),
            amount: eur(12_999),
            items: vec![pb::LineItem {
                category_code: "phones".into(),
                quantity: 2,
                amount: eur(12_999),
                gift_card: false,
                digital: true,
            }],
            plan: Some(pb::PaymentPlan {
                kind: pb::PlanKind::Instalments.into(),
                count: 3,
                interval_days: 30,
                upfront: eur(999),
            }),
            instrument: Some(instrument()),
            delivery: Some(pb::Delivery {
                country: "DE".into(),
                postal_code: "10115".into(),
                ..Default::default()
            }),
            device: Some(pb::DeviceContext {
                device_id: "d-5b1e".into(),
                platform: "ios".into(),
                user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)".into(),
                ..Default::default()
            }),
            network: Some(network()),
            session: Some(pb::SessionContext {
                session_id: "s-1".into(),
                checkout_session: "c-1".into(),
                sign_in_time: stamp(-60),
                authentication: pb::AuthenticationStrength::Strong.into(),
            }),
            credit_request_kind: 0,
            channel: pb::Channel::App.into(),
            market: "DE".into(),
            locale: "de-DE".into(),
            client_time: stamp(0),
        }),
    }
}

fn instrument() -> pb::Instrument {
    pb::Instrument {
        token: "tok_9f2".into(),
        kind: pb::InstrumentKind::Card.into(),
        country: "DE".into(),
        expiry_year: 2027,
        expiry_month: 12,
        bank_response_code: "00".into(),
        ..Default::default()
    }
}

fn network() -> pb::NetworkContext {
    pb::NetworkContext {
        ip_address: "2001:db8:17:4::9".into(),
        country: "DE".into(),
        region: "DE-BE".into(),
        asn: Some(3320),
        kind: pb::NetworkKind::Residential.into(),
        position: Some(pb::Position {
            lat_e6: Some(52_520_000),
            lon_e6: Some(13_405_000),
            accuracy_km: Some(20),
        }),
    }
}
