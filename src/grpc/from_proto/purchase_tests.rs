//! What is refused at the door of the evaluate calls, and what a request becomes behind it.

use proptest::prelude::*;
use prost::Message;
use prost_types::{Duration, Timestamp};

use super::sample::{NOW, full};
use super::{Reader, evaluate_one_time_card, evaluate_purchase};
use crate::domain::{
    Fault, FaultKind, Holder, PARTY_SECRET_LEN, PartyHasher, PlanKind, Product, Request, Span, Time,
};
use crate::grpc::pb;

fn hasher() -> PartyHasher {
    PartyHasher::new(&[7; PARTY_SECRET_LEN])
}

fn read(request: pb::EvaluatePurchaseRequest) -> Result<Request, Vec<Fault>> {
    let hasher = hasher();
    evaluate_purchase(Reader::new(&hasher, NOW), request)
}

fn changed(change: impl Fn(&mut pb::PurchaseContext)) -> pb::EvaluatePurchaseRequest {
    let mut request = full();
    change(request.context.as_mut().unwrap());
    request
}

fn fields(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.field.as_str()).collect()
}

#[test]
fn a_full_request_keeps_what_may_weigh_and_hashes_what_is_personal() {
    let request = read(full()).unwrap();
    let hasher = hasher();
    assert_eq!(request.facts.product, Product::Purchase);
    assert_eq!(request.facts.exposure(), 12_000);
    assert_eq!(request.facts.time, NOW);
    let basket = request.facts.basket.unwrap();
    assert_eq!((basket.lines, basket.quantity, basket.digital_amount), (1, 2, 12_999));
    let expires = request.facts.instrument.as_ref().unwrap().expires;
    assert_eq!(expires, Some(Time::from_seconds(1_830_297_600))); // 2028-01-01T00:00:00Z
    let parties = request.parties;
    assert_eq!(parties.account, Some(hasher.key("account", "acc-1042")));
    assert_eq!(parties.device, Some(hasher.key("device", "d-5b1e")));
    assert_eq!(parties.network, Some(hasher.key("network", "2001:db8:17::/48")));
    assert_eq!(parties.region, Some(hasher.key("region", "DE-BE")));
    assert_eq!(parties.instrument, Some(hasher.key("instrument", "tok_9f2")));
    assert_eq!(parties.address, Some(hasher.key("address", "DE 10115")));
    assert_eq!(parties.merchant, Some(hasher.key("merchant", "m-77")));
    assert!(request.raw_context.contains("2001:db8:17:4::9"));
    assert!(!request.raw_context.contains("tok_9f2"));
    let facts = serde_json::to_string(&request.facts).unwrap();
    for raw in ["2001:db8", "d-5b1e", "tok_9f2", "acc-1042", "10115"] {
        assert!(!facts.contains(raw), "{raw}");
    }
}

#[test]
fn a_bare_request_is_enough() {
    let request = read(changed(|context| {
        *context = pb::PurchaseContext {
            account_id: "a".into(),
            merchant: Some(pb::Merchant { merchant_id: "m".into(), ..Default::default() }),
            amount: context.amount.clone(),
            plan: Some(pb::PaymentPlan { kind: 2, ..Default::default() }),
            market: "SE".into(),
            ..Default::default()
        };
    }))
    .unwrap();
    assert_eq!((request.facts.plan.count, request.facts.plan.interval_days), (1, 30));
    assert_eq!(request.facts.basket, None);
    assert_eq!(request.raw_context, "{}");
}

#[test]
fn all_faults_are_told_at_once_with_their_paths_and_without_their_values() {
    let mut request = changed(|context| {
        context.account_id = "acc secret".into();
        context.guest = Some(pb::GuestIdentity::default());
        context.merchant.as_mut().unwrap().category = "12345".into();
        context.amount = Some(pb::Money { minor_units: -7, currency_code: "secret".into() });
        context.items[0].quantity = 0;
        context.items.push(pb::LineItem { quantity: 1, gift_card: true, ..Default::default() });
        context.plan = Some(pb::PaymentPlan { kind: 3, count: 1, ..Default::default() });
        context.instrument.as_mut().unwrap().token = "4111111111111111".into();
        context.device.as_mut().unwrap().integrity = 99;
        context.network.as_mut().unwrap().ip_address = "secret".into();
        context.network.as_mut().unwrap().position.as_mut().unwrap().lon_e6 = None;
        context.session.as_mut().unwrap().sign_in_time =
            Some(Timestamp { seconds: NOW.as_seconds() + 301, nanos: 0 });
        context.market = "secret".into();
        context.client_time = Some(Timestamp { seconds: 0, nanos: -1 });
    });
    request.request_id = "secret".into();
    let faults = read(request).unwrap_err();
    let mut found = fields(&faults);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "context.account_id",
            "context.amount.currency_code",
            "context.amount.minor_units",
            "context.client_time",
            "context.device.integrity",
            "context.guest",
            "context.instrument.token",
            "context.items[0].quantity",
            "context.items[1].amount",
            "context.market",
            "context.merchant.category",
            "context.network.ip_address",
            "context.network.position.lon_e6",
            "context.plan.count",
            "context.plan.interval_days",
            "context.session.sign_in_time",
            "request_id",
        ]
    );
    for fault in &faults {
        assert!(!fault.problem.contains("secret") && !fault.problem.contains("4111"));
    }
    let kind = |field| faults.iter().find(|fault| fault.field == field).unwrap().kind;
    assert_eq!(kind("context.amount.currency_code"), FaultKind::CurrencyUnknown);
    assert_eq!(kind("context.instrument.token"), FaultKind::PanNotAccepted);
}

/// One change and the field that it makes wrong.
type Wrong = (&'static str, fn(&mut pb::PurchaseContext));

const WRONG: &[Wrong] = &[
    ("context.account_id", |c| c.account_id.clear()),
    ("context.merchant", |c| c.merchant = None),
    ("context.merchant.merchant_id", |c| c.merchant = Some(pb::Merchant::default())),
    ("context.merchant.country", |c| c.merchant.as_mut().unwrap().country = "de".into()),
    ("context.merchant_order_reference", |c| c.merchant_order_reference = "x".repeat(65)),
    ("context.merchant_order_reference", |c| c.merchant_order_reference = "no\n".into()),
    ("context.merchant_order_reference", |c| {
        c.merchant_order_reference = "4111 1111 1111 1111".into()
    }),
    ("context.amount", |c| c.amount = None),
    ("context.amount.minor_units", |c| c.amount.as_mut().unwrap().minor_units = 0),
    ("context.amount.minor_units", |c| c.amount.as_mut().unwrap().minor_units = i64::MAX),
    ("context.items[0].amount.currency_code", |c| {
        c.items[0].amount.as_mut().unwrap().currency_code = "SEK".into()
    }),
    ("context.items", |c| c.items = vec![c.items[0].clone(); 201]),
    ("context.items[0].category_code", |c| c.items[0].category_code = "two words".into()),
    ("context.plan", |c| c.plan = None),
    ("context.plan.kind", |c| c.plan.as_mut().unwrap().kind = 0),
    ("context.plan.kind", |c| c.plan.as_mut().unwrap().kind = 77),
    ("context.plan.count", |c| c.plan.as_mut().unwrap().count = 37),
    ("context.plan.interval_days", |c| c.plan.as_mut().unwrap().interval_days = 6),
    ("context.plan.upfront.minor_units", |c| {
        c.plan.as_mut().unwrap().upfront = c.amount.clone();
    }),
    ("context.plan.upfront.currency_code", |c| {
        c.plan.as_mut().unwrap().upfront =
            Some(pb::Money { minor_units: 1, currency_code: "SEK".into() })
    }),
    ("context.instrument.token", |c| c.instrument.as_mut().unwrap().token.clear()),
    ("context.instrument.expiry_year", |c| c.instrument.as_mut().unwrap().expiry_year = 27),
    ("context.instrument.expiry_month", |c| c.instrument.as_mut().unwrap().expiry_month = 13),
    ("context.instrument.bank_response_code", |c| {
        c.instrument.as_mut().unwrap().bank_response_code = "5".into()
    }),
    ("context.instrument.name_check", |c| c.instrument.as_mut().unwrap().name_check = 9),
    ("context.delivery.postal_code", |c| c.delivery.as_mut().unwrap().postal_code = "1".repeat(17)),
    ("context.delivery.country", |c| c.delivery.as_mut().unwrap().country = "ZZ".into()),
    ("context.device.device_id", |c| c.device.as_mut().unwrap().device_id = "a b".into()),
    ("context.device.user_agent", |c| c.device.as_mut().unwrap().user_agent = "x".repeat(513)),
    ("context.network.region", |c| c.network.as_mut().unwrap().region = "BE".into()),
    ("context.network.position.lat_e6", |c| {
        c.network.as_mut().unwrap().position.as_mut().unwrap().lat_e6 = Some(90_000_001)
    }),
    ("context.session.session_id", |c| c.session.as_mut().unwrap().session_id = "a b".into()),
    ("context.session.authentication", |c| c.session.as_mut().unwrap().authentication = -1),
    ("context.channel", |c| c.channel = 5),
    ("context.credit_request_kind", |c| c.credit_request_kind = 4),
    ("context.locale", |c| c.locale = "de DE".into()),
];

#[test]
fn each_wrong_value_is_told_under_its_own_path() {
    for (field, change) in WRONG {
        let faults = read(changed(change)).unwrap_err();
        assert_eq!(fields(&faults), [*field]);
    }
}

#[test]
fn a_guest_is_known_by_the_hash_of_a_contact() {
    let guest = |email: &str, phone: &str| {
        read(changed(|context| {
            context.account_id.clear();
            context.guest = Some(pb::GuestIdentity {
                email: email.into(),
                phone: phone.into(),
                family_name: "Doe".into(),
                ..Default::default()
            });
        }))
    };
    let request = guest("  Jo@Example.com", "+4915112345678").unwrap();
    let email = hasher().key("email", "jo@example.com");
    assert_eq!(request.holder, Holder::Guest(email));
    assert_eq!(request.parties.account, Some(email));
    assert!(request.facts.guest && request.raw_context.contains("Doe"));
    let phone = hasher().key("phone", "+4915112345678");
    assert_eq!(guest("", "+4915112345678").unwrap().holder, Holder::Guest(phone));
    for (email, phone, field) in [
        ("", "", "context.guest"),
        ("jo", "", "context.guest.email"),
        ("jo@b@c", "", "context.guest.email"),
        ("", "015112345678", "context.guest.phone"),
        ("", "+49 151", "context.guest.phone"),
    ] {
        assert_eq!(fields(&guest(email, phone).unwrap_err()), [field]);
    }
}

#[test]
fn paying_now_owes_nothing_and_is_no_one_time_card() {
    let plan = |upfront: Option<i64>| pb::PaymentPlan {
        kind: pb::PlanKind::PayNow.into(),
        upfront: upfront.map(|minor_units| pb::Money { minor_units, currency_code: "EUR".into() }),
        ..Default::default()
    };
    for upfront in [None, Some(12_999)] {
        let request = read(changed(|context| context.plan = Some(plan(upfront)))).unwrap();
        assert_eq!(request.facts.plan.kind, PlanKind::PayNow);
        assert_eq!(request.facts.exposure(), 0);
    }
    let faults = read(changed(|context| context.plan = Some(plan(Some(1))))).unwrap_err();
    assert_eq!(fields(&faults), ["context.plan.upfront.minor_units"]);
    let card = card(|request| request.context.as_mut().unwrap().plan = Some(plan(None)));
    assert_eq!(fields(&card.unwrap_err()), ["context.plan.kind"]);
}

fn card(change: impl Fn(&mut pb::EvaluateOneTimeCardRequest)) -> Result<Request, Vec<Fault>> {
    let pb::EvaluatePurchaseRequest { request_id, context } = full();
    let mut request = pb::EvaluateOneTimeCardRequest { request_id, context, terms: None };
    change(&mut request);
    let hasher = hasher();
    evaluate_one_time_card(Reader::new(&hasher, NOW), request)
}

#[test]
fn the_terms_of_a_card_are_bounded() {
    let terms = |seconds, tolerance| {
        card(|request| {
            request.terms = Some(pb::OneTimeCardTerms {
                valid_for: Some(Duration { seconds, nanos: 0 }),
                merchant_locked: true,
                tolerance: Some(pb::Money { minor_units: tolerance, currency_code: "EUR".into() }),
            });
        })
    };
    let granted = terms(3_600, 500).unwrap().facts.card.unwrap();
    assert_eq!((granted.valid_for, granted.tolerance), (Span::hours(1), 500));
    let own = card(|_| {}).unwrap().facts.card.unwrap();
    assert_eq!((own.valid_for, own.tolerance, own.merchant_locked), (Span::hours(24), 0, false));
    for seconds in [0, -1, 86_401] {
        assert_eq!(fields(&terms(seconds, 0).unwrap_err()), ["terms.valid_for"]);
    }
    assert_eq!(fields(&terms(60, -1).unwrap_err()), ["terms.tolerance.minor_units"]);
}

#[test]
fn the_hash_leaves_out_what_a_retry_may_change_and_nothing_else() {
    let first = read(full()).unwrap().hash;
    let retry = read(changed(|context| {
        context.locale = "sv".into();
        context.client_time = None;
    }));
    assert_eq!(retry.unwrap().hash, first);
    assert_ne!(card(|_| {}).unwrap().hash, first);
    let changes: &[fn(&mut pb::PurchaseContext)] = &[
        |c| c.account_id = "acc-1043".into(),
        |c| c.merchant.as_mut().unwrap().merchant_id = "m-78".into(),
        |c| c.merchant_order_reference.clear(),
        |c| c.amount.as_mut().unwrap().minor_units += 1,
        |c| c.items.clear(),
        |c| c.plan.as_mut().unwrap().count = 4,
        |c| c.instrument = None,
        |c| c.delivery.as_mut().unwrap().kind = 1,
        |c| c.device.as_mut().unwrap().app_version = "1".into(),
        |c| c.network.as_mut().unwrap().asn = Some(1),
        |c| c.session.as_mut().unwrap().checkout_session = "c-2".into(),
        |c| c.credit_request_kind = 1,
        |c| c.channel = 1,
        |c| c.market = "SE".into(),
    ];
    for (place, change) in changes.iter().enumerate() {
        assert_ne!(read(changed(change)).unwrap().hash, first, "change {place}");
    }
}

proptest! {
    #[test]
    fn nothing_that_decodes_makes_the_reader_panic(
        at in 0..400_usize, bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        // Damage inside a full message reaches further than random bytes alone.
        let mut wire = full().encode_to_vec();
        let from = at.min(wire.len());
        let until = (from + bytes.len()).min(wire.len());
        wire.splice(from..until, bytes.clone());
        for wire in [wire, bytes] {
            if let Ok(request) = pb::EvaluatePurchaseRequest::decode(wire.as_slice()) {
                let read = read(request);
                prop_assert!(read.is_ok() || !read.unwrap_err().is_empty());
            }
            if let Ok(request) = pb::EvaluateOneTimeCardRequest::decode(wire.as_slice()) {
                let read = card(|card| *card = request.clone());
                prop_assert!(read.is_ok() || !read.unwrap_err().is_empty());
            }
        }
    }
}
