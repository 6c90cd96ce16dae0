//! A valid assessment request: what was asked, by whom, and the facts that may weigh on it.

use serde::{Deserialize, Serialize};

use super::named::named;
use super::{
    Category, Country, Currency, Holder, MerchantId, Money, PartyKey, RequestId, Span, Time,
};

named! {
    /// What credit is asked for.
    Product {
        Purchase "PURCHASE",
        OneTimeCard "ONE_TIME_CARD",
    }

    /// How the customer repays.
    PlanKind {
        PayNow "PAY_NOW",
        PayLater30 "PAY_LATER_30",
        Instalments "INSTALMENTS",
    }

    InstrumentKind {
        Card "CARD",
        BankAccount "BANK_ACCOUNT",
        PrepaidCard "PREPAID_CARD",
        GiftCard "GIFT_CARD",
        Wallet "WALLET",
    }

    /// What somebody else's check of details said.
    CheckResult {
        Match "MATCH",
        Mismatch "MISMATCH",
        NotChecked "NOT_CHECKED",
    }

    DeliveryKind {
        Home "HOME",
        PickupPoint "PICKUP_POINT",
        Store "STORE",
        ForwardingService "FORWARDING_SERVICE",
        Digital "DIGITAL",
    }

    DeviceIntegrity {
        Trusted "TRUSTED",
        Emulator "EMULATOR",
        Automation "AUTOMATION",
        Tampered "TAMPERED",
    }

    NetworkKind {
        Residential "RESIDENTIAL",
        Mobile "MOBILE",
        Business "BUSINESS",
        Hosting "HOSTING",
        Vpn "VPN",
        Tor "TOR",
        PublicHotspot "PUBLIC_HOTSPOT",
    }

    AuthenticationStrength {
        None "NONE",
        Password "PASSWORD",
        Strong "STRONG",
    }

    CreditRequestKind {
        NewPlan "NEW_PLAN",
        DrawWithinLimit "DRAW_WITHIN_LIMIT",
        LimitIncrease "LIMIT_INCREASE",
    }

    Channel {
        Web "WEB",
        App "APP",
        InStore "IN_STORE",
        Phone "PHONE",
    }
}

/// Terms of repayment. `upfront` is paid at once and is no credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTerms {
    pub kind: PlanKind,
    /// Instalments after the upfront part: 1 for PAY_LATER_30, 0 for PAY_NOW.
    pub count: u32,
    pub interval_days: u32,
    /// Minor units.
    pub upfront: i64,
}

impl PlanTerms {
    /// The part of `amount` that is credit, in minor units.
    pub fn exposure(&self, amount: i64) -> i64 {
        match self.kind {
            PlanKind::PayNow => 0,
            PlanKind::PayLater30 | PlanKind::Instalments => {
                amount.saturating_sub(self.upfront).max(0)
            }
        }
    }

    /// Due time and amount of each instalment of `exposure`, begun at `start`. What does not divide
    /// evenly goes to the first ones by one unit each, so that a larger exposure never makes less
    /// due by any date.
    pub fn instalments(&self, exposure: i64, start: Time) -> Vec<(Time, i64)> {
        let count = i64::from(self.count);
        if exposure <= 0 || count == 0 {
            return Vec::new();
        }
        let (each, rest) = (exposure / count, exposure % count);
        (1..=count)
            .map(|n| {
                let due = start + Span::days(n * i64::from(self.interval_days));
                (due, if n <= rest { each + 1 } else { each })
            })
            .collect()
    }

    /// What falls due within `days` of the start, in minor units.
    pub fn due_within(&self, exposure: i64, days: i64) -> i64 {
        self.instalments(exposure, Time::EPOCH)
            .iter()
            .filter(|(due, _)| *due <= Time::EPOCH + Span::days(days))
            .map(|(_, amount)| amount)
            .sum()
    }
}

/// What a one-time card may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardTerms {
    pub valid_for: Span,
    pub merchant_locked: bool,
    /// Minor units above the amount that an authorisation may still have.
    pub tolerance: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasketFacts {
    pub lines: i64,
    pub quantity: i64,
    /// Minor units of gift cards and of digital goods among the lines.
    pub gift_card_amount: i64,
    pub digital_amount: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentFacts {
    pub kind: Option<InstrumentKind>,
    pub country: Option<Country>,
    /// First moment after the expiry month.
    pub expires: Option<Time>,
    pub address_check: Option<CheckResult>,
    pub name_check: Option<CheckResult>,
    pub code_check: Option<CheckResult>,
    pub details_check: Option<CheckResult>,
    pub holder_check: Option<CheckResult>,
    /// ISO 8583 answer of the bank, two characters.
    pub bank_response: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFacts {
    pub kind: Option<DeliveryKind>,
    pub country: Option<Country>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    pub integrity: Option<DeviceIntegrity>,
    /// Whether the app or browser version is supported, where the checkout knows.
    pub supported: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFacts {
    pub kind: Option<NetworkKind>,
    pub country: Option<Country>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    pub sign_in_time: Option<Time>,
    pub authentication: Option<AuthenticationStrength>,
}

/// What a request tells that may weigh on its decision; holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFacts {
    pub time: Time,
    pub product: Product,
    pub guest: bool,
    pub guest_details_match: Option<CheckResult>,
    pub market: Country,
    pub currency: Currency,
    /// Minor units, above zero.
    pub amount: i64,
    pub plan: PlanTerms,
    pub card: Option<CardTerms>,
    pub merchant_category: Option<Category>,
    pub merchant_country: Option<Country>,
    pub order_reference_given: bool,
    pub basket: Option<BasketFacts>,
    pub instrument: Option<InstrumentFacts>,
    pub delivery: Option<DeliveryFacts>,
    pub device: Option<DeviceFacts>,
    pub network: Option<NetworkFacts>,
    pub session: SessionFacts,
    pub credit_request_kind: Option<CreditRequestKind>,
    pub channel: Option<Channel>,
    /// Hour of the day and day of the week (Monday is 1) in the market's time zone; absent until
    /// the market is known.
    pub hour: Option<u8>,
    pub weekday: Option<u8>,
}

impl RequestFacts {
    /// The part of the amount that is credit, in minor units.
    pub fn exposure(&self) -> i64 {
        self.plan.exposure(self.amount)
    }
}

/// A place on Earth in millionths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub lat_e6: i32,
    pub lon_e6: i32,
    pub accuracy_km: u16,
}

/// The parties of a request, purchase or sign-in, as keyed hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<PartyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<PartyKey>,
    /// The address folded: IPv4 by /24, IPv6 by /48, carriers by autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<PartyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument: Option<PartyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<PartyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<PartyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant: Option<PartyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<PartyKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<PartyKey>,
}

/// A request that passed the door.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: RequestId,
    /// SHA-256 of the request in canonical form, without what a retry may change.
    pub hash: [u8; 32],
    pub holder: Holder,
    pub merchant: MerchantId,
    pub order_reference: Option<String>,
    /// SHA-256 of the basket's lines; absent without a basket.
    pub basket_hash: Option<[u8; 32]>,
    /// BCP 47, as sent; empty when not sent.
    pub locale: String,
    pub facts: RequestFacts,
    pub parties: Parties,
    pub position: Option<Position>,
    /// What was sent about device, network and guest, as JSON; kept apart and erasable.
    pub raw_context: String,
}

impl Request {
    pub fn money(&self) -> Option<Money> {
        Money::positive(self.facts.amount, self.facts.currency).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instalments_add_up_to_the_exposure() {
        let plan =
            PlanTerms { kind: PlanKind::Instalments, count: 3, interval_days: 30, upfront: 100 };
        let exposure = plan.exposure(1_100);
        let instalments = plan.instalments(exposure, Time::EPOCH);
        assert_eq!(instalments.iter().map(|(_, amount)| amount).sum::<i64>(), 1_000);
        assert_eq!(instalments[0], (Time::EPOCH + Span::days(30), 334));
        assert_eq!(plan.due_within(exposure, 30), 334);
        assert_eq!(plan.due_within(exposure, 60), 667);
    }

    #[test]
    fn paying_now_is_no_credit() {
        let plan = PlanTerms { kind: PlanKind::PayNow, count: 0, interval_days: 0, upfront: 0 };
        assert_eq!(plan.exposure(5_000), 0);
        assert!(plan.instalments(0, Time::EPOCH).is_empty());
    }
}
