//! Plays a row: its account, what happened before, the request.

use serde::Deserialize;
use surety::domain::{Span, Time};
use surety::grpc::pb;

use super::row::{Ask, Before, Check, Given, Row, Who};
use crate::support::{
    Approved, START, TestApp, account, bought, device, euro, event, field, guest_purchase, history,
    network, new_id, pay_later, plan_status, purchase, repayment, stamp,
};

/// Plays the row in the place of its number; the auditor's view of the decision.
pub fn play(app: &TestApp, place: usize, row: &Row) -> pb::Decision {
    let number = i64::try_from(place).unwrap();
    let asked_at = START + Span::days(1 + number);
    let stage = Stage { app, asked_at, own: format!("row-{place}") };
    let before = row.given.events().unwrap_or_else(|problem| panic!("{}: {problem}", row.name));
    stage.introduce(&row.given);
    let mut latest = None;
    for event in &before {
        let time = asked_at - event.ago;
        if time > app.now() {
            app.advance_to(time);
        }
        stage.happens(event, time, &mut latest);
    }
    app.advance_to(asked_at);
    for kind in &row.given.holds {
        let kind = word(kind, "RESTRICTION_KIND_", pb::RestrictionKind::from_str_name);
        app.hold(&stage.own, kind, Span::days(1));
    }
    let decision = stage.ask(&row.request, row.given.account);
    match row.step_up {
        Some(check) => app.step_up(&decision, check == Check::Passed),
        None => decision,
    }
}

/// Finds a member of an enum of the contract by the end of its name.
fn word<T>(short: &str, prefix: &str, find: fn(&str) -> Option<T>) -> T {
    find(&format!("{prefix}{short}")).unwrap_or_else(|| panic!("no {prefix}{short}"))
}

struct Stage<'a> {
    app: &'a TestApp,
    asked_at: Time,
    /// The row's own account.
    own: String,
}

impl Stage<'_> {
    fn introduce(&self, given: &Given) {
        if matches!(given.account, Who::Unknown | Who::Guest) {
            return;
        }
        self.app.given(told(&self.own, given));
        if given.account == Who::Regular {
            self.app.record(history(&self.own, self.asked_at));
        }
    }

    fn happens(&self, before: &Before, time: Time, latest: &mut Option<pb::Decision>) {
        let (text, number) = (|key| before.text(key), |key| before.number(key));
        let decision_id = || latest.as_ref().expect("a decision before").decision_id.clone();
        let kind = match before.what.as_str() {
            "attempt" | "order" => {
                let ask = Ask::deserialize(before.words.clone()).unwrap();
                let decision = self.ask(&ask, Who::Regular);
                if before.what == "order" {
                    assert_eq!(decision.outcome(), Approved, "{before:?}: {decision:?}");
                }
                *latest = Some(decision);
                return;
            }
            "confirmed" => {
                self.app.confirm(latest.as_ref().expect("an approval before"));
                return;
            }
            "bought" => {
                // One a day, the last of them at `time`.
                let days = (0..number("times").unwrap_or(1)).map(Span::days);
                let kind = self.bought(before);
                let events = days.map(|ago| event(&self.own, time - ago, kind.clone()));
                self.app.record(events.collect());
                return;
            }
            "bank_refused" => pb::account_event::Kind::BankAnswer(pb::BankAnswerEvent {
                decision_id: decision_id(),
                response_code: "51".to_owned(),
            }),
            "misuse" => pb::account_event::Kind::ConfirmedMisuse(pb::ConfirmedMisuseEvent {
                decision_id: decision_id(),
                scope: word(
                    &text("scope").unwrap(),
                    "MISUSE_SCOPE_",
                    pb::MisuseScope::from_str_name,
                )
                .into(),
            }),
            "repaid" => {
                let late = Span::days(number("late_days").unwrap_or(0));
                repayment(&text("plan").unwrap(), number("amount").unwrap_or(4_500), time - late)
            }
            "owes" => self.owes(before, time),
            "sign_in" => self.sign_in(before),
            "changed" => pb::account_event::Kind::ProfileChange(pb::ProfileChangeEvent {
                field: word(
                    &text("field").unwrap(),
                    "PROFILE_FIELD_NAME_",
                    pb::ProfileFieldName::from_str_name,
                )
                .into(),
            }),
            "support_plan" => {
                pb::account_event::Kind::SupportPlan(pb::SupportPlanEvent { active: true })
            }
            other => panic!("{other}: not understood"),
        };
        self.app.record(vec![event(&self.own, time, kind)]);
    }

    fn bought(&self, before: &Before) -> pb::account_event::Kind {
        let mut kind = bought(&self.own, before.number("amount").unwrap_or(4_500));
        if let pb::account_event::Kind::PurchaseCompleted(told) = &mut kind
            && let (Some(category), Some(merchant)) =
                (before.number("category"), &mut told.merchant)
        {
            merchant.category = category.to_string();
        }
        kind
    }

    fn owes(&self, before: &Before, time: Time) -> pb::account_event::Kind {
        let (text, number) = (|key| before.text(key), |key| before.number(key));
        let state = text("state").unwrap_or_else(|| "CURRENT".to_owned());
        let state = word(&state, "PLAN_STATE_", pb::PlanState::from_str_name);
        let overdue = i32::try_from(number("overdue").unwrap_or(0)).unwrap();
        let mut kind =
            plan_status(&text("plan").unwrap(), (number("amount").unwrap(), overdue), state);
        if let (pb::account_event::Kind::PlanStatus(told), Some(days)) =
            (&mut kind, number("due_days"))
        {
            told.next_due_time = Some(stamp(time + Span::days(days)));
        }
        kind
    }

    fn sign_in(&self, before: &Before) -> pb::account_event::Kind {
        let mut network = network("203.0.113.7");
        network.position = before.text("place").map(|place| position(&place));
        pb::account_event::Kind::SignIn(pb::SignInEvent {
            device: Some(device(&format!("{}-phone", self.own))),
            network: Some(network),
            strength: pb::AuthenticationStrength::Password.into(),
        })
    }

    fn ask(&self, ask: &Ask, who: Who) -> pb::Decision {
        let context = self.context(ask, who);
        match ask.card {
            true => self.app.card(context).0,
            false => self.app.buy(context),
        }
    }

    fn context(&self, ask: &Ask, who: Who) -> pb::PurchaseContext {
        let own = ask.account.clone().map(|name| format!("{}-{name}", self.own));
        if let Some(other) = &own {
            self.app.given(account(other, 200_000));
        }
        let mut context = match who {
            Who::Guest => guest_purchase(&format!("{}@example.com", self.own), ask.amount),
            _ => purchase(&own.unwrap_or_else(|| self.own.clone()), ask.amount),
        };
        let currency = ask.currency.clone().unwrap_or_else(|| "EUR".to_owned());
        context.amount = Some(pb::Money { minor_units: ask.amount, currency_code: currency });
        context.market = ask.market.clone().unwrap_or(context.market);
        context.plan = Some(plan(ask.plan.as_deref()));
        if let Some(merchant) = &mut context.merchant {
            merchant.merchant_id = ask.merchant.clone().unwrap_or(merchant.merchant_id.clone());
            merchant.category = ask.category.clone().unwrap_or(merchant.category.clone());
        }
        context.merchant_order_reference =
            ask.order.clone().unwrap_or(context.merchant_order_reference);
        if let Some(channel) = &ask.channel {
            context.channel = word(channel, "CHANNEL_", pb::Channel::from_str_name).into();
        }
        if let (Some(found), Some(guest)) = (&ask.details_match, &mut context.guest) {
            guest.details_match =
                word(found, "CHECK_RESULT_", pb::CheckResult::from_str_name).into();
        }
        context.items = items(ask);
        set_device(&mut context, ask);
        set_network(&mut context, ask);
        context.instrument = instrument(ask);
        context.delivery = delivery(ask);
        context
    }
}

fn told(id: &str, given: &Given) -> pb::Account {
    let mut told = account(id, given.limit.unwrap_or(200_000));
    let profile = told.profile.get_or_insert_default();
    for (name, status) in &given.profile {
        let status = word(status, "PROFILE_FIELD_STATUS_", pb::ProfileFieldStatus::from_str_name);
        let place = match name.as_str() {
            "name" => &mut profile.name,
            "birth_date" => &mut profile.birth_date,
            "address" => &mut profile.address,
            "phone" => &mut profile.phone,
            "email" => &mut profile.email,
            other => panic!("a profile has no {other}"),
        };
        *place = field(status);
    }
    if given.of_legal_age == Some(false) {
        told.of_legal_age = pb::LegalAge::No.into();
    }
    let income = told.income.get_or_insert_default();
    income.monthly = given.income.map(euro).or(income.monthly.clone());
    income.verified = given.income_verified.or(income.verified);
    if let Some(monthly) = given.commitments {
        told.commitments.get_or_insert_default().monthly = Some(euro(monthly));
    }
    let (bureau, says) = (told.bureau.get_or_insert_default(), &given.bureau);
    bureau.file_found = says.file_found.or(bureau.file_found);
    bureau.worst_delinquency_days = says.delinquency_days.or(bureau.worst_delinquency_days);
    bureau.collections_or_judgment = says.collections.or(bureau.collections_or_judgment);
    bureau.insolvency = says.insolvency.or(bureau.insolvency);
    bureau.inquiries_6m = says.inquiries.or(bureau.inquiries_6m);
    bureau.file_age_months = says.file_age_months.or(bureau.file_age_months);
    bureau.entries = says.entries.or(bureau.entries);
    told
}

fn plan(text: Option<&str>) -> pb::PaymentPlan {
    match text {
        None | Some("PAY_LATER_30") => pay_later(),
        Some("PAY_NOW") => crate::support::pay_now(),
        Some(other) => {
            let (count, days) = other.split_once('x').expect("instalments as 6x30");
            pb::PaymentPlan {
                kind: pb::PlanKind::Instalments.into(),
                count: count.parse().unwrap(),
                interval_days: days.parse().unwrap(),
                upfront: None,
            }
        }
    }
}

fn items(ask: &Ask) -> Vec<pb::LineItem> {
    let line = |quantity, amount: Option<i64>| pb::LineItem {
        category_code: "goods".to_owned(),
        quantity,
        amount: amount.map(euro),
        gift_card: amount.is_some(),
        digital: false,
    };
    let pieces = ask.pieces.map(|pieces| line(pieces, None));
    pieces.into_iter().chain(ask.gift_cards.map(|amount| line(1, Some(amount)))).collect()
}

fn set_device(context: &mut pb::PurchaseContext, ask: &Ask) {
    match ask.device.as_deref() {
        Some("") => context.device = None,
        Some(id) => context.device = Some(device(id)),
        None => {}
    }
    if let Some(device) = &mut context.device {
        if let Some(verdict) = &ask.integrity {
            let find = pb::DeviceIntegrity::from_str_name;
            device.integrity = word(verdict, "DEVICE_INTEGRITY_", find).into();
        }
        device.supported = ask.supported.or(device.supported);
    }
}

fn set_network(context: &mut pb::PurchaseContext, ask: &Ask) {
    let Some(network) = &mut context.network else { return };
    network.ip_address = ask.ip.clone().unwrap_or(network.ip_address.clone());
    network.country = ask.country.clone().unwrap_or(network.country.clone());
    network.region = ask.region.clone().unwrap_or(network.region.clone());
    network.position = ask.place.as_deref().map(position);
    if let Some(kind) = &ask.network {
        network.kind = word(kind, "NETWORK_KIND_", pb::NetworkKind::from_str_name).into();
    }
}

/// `52.5/13.4`, believed to within a kilometre.
fn position(text: &str) -> pb::Position {
    let (lat, lon) = text.split_once('/').expect("a place as 52.5/13.4");
    let millionths = |degrees: &str| (degrees.parse::<f64>().unwrap() * 1e6) as i32;
    pb::Position {
        lat_e6: Some(millionths(lat)),
        lon_e6: Some(millionths(lon)),
        accuracy_km: Some(1),
    }
}

fn instrument(ask: &Ask) -> Option<pb::Instrument> {
    let said = ask.instrument.is_some() || ask.expiry.is_some() || ask.mismatch.is_some();
    let asked = said || ask.bank.is_some() || ask.instrument_country.is_some();
    let token = ask.token.clone().or_else(|| asked.then(|| format!("tok-{}", &new_id()[..8])))?;
    let kind = ask.instrument.as_deref().unwrap_or("CARD");
    let mut instrument = pb::Instrument {
        token,
        kind: word(kind, "INSTRUMENT_KIND_", pb::InstrumentKind::from_str_name).into(),
        country: ask.instrument_country.clone().unwrap_or_default(),
        bank_response_code: ask.bank.clone().unwrap_or_default(),
        ..pb::Instrument::default()
    };
    if let Some((year, month)) = ask.expiry.as_deref().and_then(|text| text.split_once('-')) {
        instrument.expiry_year = year.parse().unwrap();
        instrument.expiry_month = month.parse().unwrap();
    }
    for part in ask.mismatch.iter().flat_map(|parts| parts.split(',')) {
        let check = match part {
            "address" => &mut instrument.address_check,
            "code" => &mut instrument.code_check,
            "name" => &mut instrument.name_check,
            "details" => &mut instrument.details_check,
            "holder" => &mut instrument.holder_is_customer,
            other => panic!("no check of {other}"),
        };
        *check = pb::CheckResult::Mismatch.into();
    }
    Some(instrument)
}

fn delivery(ask: &Ask) -> Option<pb::Delivery> {
    let said = ask.delivery.is_some() || ask.delivery_country.is_some() || ask.address.is_some();
    said.then(|| pb::Delivery {
        kind: ask
            .delivery
            .as_deref()
            .map_or(0, |kind| word(kind, "DELIVERY_KIND_", pb::DeliveryKind::from_str_name).into()),
        country: ask.delivery_country.clone().unwrap_or_default(),
        postal_code: String::new(),
        address_hash: ask.address.clone().unwrap_or_default(),
    })
}
