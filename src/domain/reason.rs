//! The reason codes: names and numbers are for ever, texts and effects are in the catalogue file.

use serde::{Deserialize, Serialize};

macro_rules! reason_codes {
    ($($variant:ident = $number:literal $name:literal,)*) => {
        /// A fact that was used in a decision. The number's hundred is its category.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum ReasonCode {
            $(#[serde(rename = $name)] $variant = $number,)*
        }

        impl ReasonCode {
            /// Every code, in order of its number.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(ReasonCode::$variant => $name,)* }
            }
        }
    };
}

reason_codes! {
    ProfileIncomplete = 101 "PROFILE_INCOMPLETE",
    ProfileDetailsOutdated = 102 "PROFILE_DETAILS_OUTDATED",
    GuestDetailsUnmatched = 103 "GUEST_DETAILS_UNMATCHED",
    ContactRecentlyChanged = 104 "CONTACT_RECENTLY_CHANGED",
    AddressNotVerified = 105 "ADDRESS_NOT_VERIFIED",
    IdentityNotVerified = 106 "IDENTITY_NOT_VERIFIED",
    IdentitySharedAcrossAccounts = 107 "IDENTITY_SHARED_ACROSS_ACCOUNTS",
    UnderMinimumAge = 108 "UNDER_MINIMUM_AGE",
    CreditLimitExceeded = 201 "CREDIT_LIMIT_EXCEEDED",
    CreditLimitNearlyUsed = 202 "CREDIT_LIMIT_NEARLY_USED",
    PaymentOverdue = 203 "PAYMENT_OVERDUE",
    RecentLatePayments = 204 "RECENT_LATE_PAYMENTS",
    PastDefaultWithUs = 205 "PAST_DEFAULT_WITH_US",
    AccountTemporarilyRestricted = 206 "ACCOUNT_TEMPORARILY_RESTRICTED",
    ExternalDelinquency = 207 "EXTERNAL_DELINQUENCY",
    ExternalCollectionOrJudgment = 208 "EXTERNAL_COLLECTION_OR_JUDGMENT",
    InsolvencyOnFile = 209 "INSOLVENCY_ON_FILE",
    NoCreditFile = 210 "NO_CREDIT_FILE",
    LimitedCreditHistory = 211 "LIMITED_CREDIT_HISTORY",
    RecentCreditInquiries = 212 "RECENT_CREDIT_INQUIRIES",
    FirstPurchaseWithUs = 213 "FIRST_PURCHASE_WITH_US",
    RepaymentRecordGood = 214 "REPAYMENT_RECORD_GOOD",
    LimitUseHigh = 215 "LIMIT_USE_HIGH",
    RepaymentShareLow = 216 "REPAYMENT_SHARE_LOW",
    AffordabilityInsufficient = 301 "AFFORDABILITY_INSUFFICIENT",
    CommitmentsTooHigh = 302 "COMMITMENTS_TOO_HIGH",
    OpenPlansTooMany = 303 "OPEN_PLANS_TOO_MANY",
    UpcomingPaymentsTooHigh = 304 "UPCOMING_PAYMENTS_TOO_HIGH",
    IncomeNotVerified = 305 "INCOME_NOT_VERIFIED",
    SupportPlanActive = 306 "SUPPORT_PLAN_ACTIVE",
    AmountAboveUsual = 401 "AMOUNT_ABOVE_USUAL",
    LargePurchase = 402 "LARGE_PURCHASE",
    PurchaseOutOfPattern = 403 "PURCHASE_OUT_OF_PATTERN",
    HighRiskBasket = 404 "HIGH_RISK_BASKET",
    DeliveryAddressUnusual = 405 "DELIVERY_ADDRESS_UNUSUAL",
    MerchantMisuseRecent = 406 "MERCHANT_MISUSE_RECENT",
    DeviceUnrecognized = 501 "DEVICE_UNRECOGNIZED",
    DeviceSharedAcrossAccounts = 502 "DEVICE_SHARED_ACROSS_ACCOUNTS",
    DeviceIntegrityLow = 503 "DEVICE_INTEGRITY_LOW",
    DeviceDataMissing = 504 "DEVICE_DATA_MISSING",
    IpChurnHigh = 601 "IP_CHURN_HIGH",
    IpAnonymized = 602 "IP_ANONYMIZED",
    PublicNetworkUsed = 603 "PUBLIC_NETWORK_USED",
    LocationUnrecognized = 604 "LOCATION_UNRECOGNIZED",
    TravelImplausible = 605 "TRAVEL_IMPLAUSIBLE",
    IpCountryMismatch = 606 "IP_COUNTRY_MISMATCH",
    AttemptsTooFrequent = 701 "ATTEMPTS_TOO_FREQUENT",
    PurchasesTooFrequent = 702 "PURCHASES_TOO_FREQUENT",
    InstrumentsTriedTooMany = 703 "INSTRUMENTS_TRIED_TOO_MANY",
    OneTimeCardsTooMany = 704 "ONE_TIME_CARDS_TOO_MANY",
    DuplicatePurchase = 705 "DUPLICATE_PURCHASE",
    InstrumentDetailsInvalid = 801 "INSTRUMENT_DETAILS_INVALID",
    InstrumentExpired = 802 "INSTRUMENT_EXPIRED",
    InstrumentFundsInsufficient = 803 "INSTRUMENT_FUNDS_INSUFFICIENT",
    InstrumentDeclinedByBank = 804 "INSTRUMENT_DECLINED_BY_BANK",
    InstrumentReportedLostOrStolen = 805 "INSTRUMENT_REPORTED_LOST_OR_STOLEN",
    BillingDetailsMismatch = 806 "BILLING_DETAILS_MISMATCH",
    InstrumentTypeNotAccepted = 807 "INSTRUMENT_TYPE_NOT_ACCEPTED",
    OneTimeCardAlreadyUsed = 808 "ONE_TIME_CARD_ALREADY_USED",
    OneTimeCardNotActive = 809 "ONE_TIME_CARD_NOT_ACTIVE",
    OneTimeCardAmountExceeded = 810 "ONE_TIME_CARD_AMOUNT_EXCEEDED",
    OneTimeCardMerchantMismatch = 811 "ONE_TIME_CARD_MERCHANT_MISMATCH",
    AccountSecurityHold = 901 "ACCOUNT_SECURITY_HOLD",
    SanctionsPossibleMatch = 902 "SANCTIONS_POSSIBLE_MATCH",
    ComplianceReview = 903 "COMPLIANCE_REVIEW",
    BlockListMatch = 904 "BLOCK_LIST_MATCH",
    MerchantNotEligible = 905 "MERCHANT_NOT_ELIGIBLE",
    MarketNotSupported = 906 "MARKET_NOT_SUPPORTED",
    CreditSelfExclusion = 907 "CREDIT_SELF_EXCLUSION",
    DataSourceUnavailable = 1001 "DATA_SOURCE_UNAVAILABLE",
    MerchantDataIncomplete = 1002 "MERCHANT_DATA_INCOMPLETE",
    StepUpNotCompleted = 1003 "STEP_UP_NOT_COMPLETED",
    ReviewNotCompletedInTime = 1004 "REVIEW_NOT_COMPLETED_IN_TIME",
}

impl ReasonCode {
    pub fn number(self) -> i32 {
        self as i32
    }

    pub fn from_number(number: i32) -> Option<ReasonCode> {
        ReasonCode::ALL.iter().copied().find(|code| code.number() == number)
    }

    pub fn from_name(name: &str) -> Option<ReasonCode> {
        ReasonCode::ALL.iter().copied().find(|code| code.name() == name)
    }

    pub fn category(self) -> ReasonCategory {
        match self.number() / 100 {
            1 => ReasonCategory::Identity,
            2 => ReasonCategory::Credit,
            3 => ReasonCategory::Affordability,
            4 => ReasonCategory::Spending,
            5 => ReasonCategory::Device,
            6 => ReasonCategory::Network,
            7 => ReasonCategory::Velocity,
            8 => ReasonCategory::Instrument,
            9 => ReasonCategory::Compliance,
            _ => ReasonCategory::System,
        }
    }
}

impl std::fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What a reason is about. The order is that of reasons among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCategory {
    Compliance,
    Identity,
    Credit,
    Affordability,
    Velocity,
    Instrument,
    Device,
    Network,
    Spending,
    System,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_their_code() {
        assert_eq!(ReasonCode::ALL.len(), 73);
        for &code in ReasonCode::ALL {
            assert_eq!(ReasonCode::from_number(code.number()), Some(code));
            assert_eq!(ReasonCode::from_name(code.name()), Some(code));
        }
        assert!(ReasonCode::ALL.is_sorted_by_key(|code| code.number()));
    }
}
