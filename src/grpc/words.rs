//! The closed sets of the wire and of the domain side by side, member for member.

use super::pb;
use crate::domain;

/// A closed set that has the same members on the wire, where zero means that nothing was said.
pub trait Word: Sized {
    /// The generated enum.
    type Wire: TryFrom<i32> + Into<i32>;

    /// The member as the wire writes it.
    fn to_wire(self) -> Self::Wire;

    /// The member that the wire means; `None` for UNSPECIFIED.
    fn from_wire(wire: Self::Wire) -> Option<Self>;

    /// The number that stands in a message.
    fn number(self) -> i32 {
        self.to_wire().into()
    }
}

/// Both matches are exhaustive, so a member that is missing on one side does not compile.
macro_rules! words {
    ($($name:ident as $wire:ident { $($member:ident,)* })*) => {$(
        impl Word for domain::$name {
            type Wire = pb::$wire;

            fn to_wire(self) -> pb::$wire {
                match self { $(domain::$name::$member => pb::$wire::$member,)* }
            }

            fn from_wire(wire: pb::$wire) -> Option<Self> {
                match wire {
                    pb::$wire::Unspecified => None,
                    $(pb::$wire::$member => Some(domain::$name::$member),)*
                }
            }
        }
    )*};
}

words! {
    PlanKind as PlanKind { PayNow, PayLater30, Instalments, }
    InstrumentKind as InstrumentKind { Card, BankAccount, PrepaidCard, GiftCard, Wallet, }
    CheckResult as CheckResult { Match, Mismatch, NotChecked, }
    DeliveryKind as DeliveryKind { Home, PickupPoint, Store, ForwardingService, Digital, }
    DeviceIntegrity as DeviceIntegrity { Trusted, Emulator, Automation, Tampered, }
    NetworkKind as NetworkKind {
        Residential, Mobile, Business, Hosting, Vpn, Tor, PublicHotspot,
    }
    AuthenticationStrength as AuthenticationStrength { None, Password, Strong, }
    CreditRequestKind as CreditRequestKind { NewPlan, DrawWithinLimit, LimitIncrease, }
    Channel as Channel { Web, App, InStore, Phone, }
    CancelReason as CancelReason { Customer, Merchant, BankRefused, Timeout, Other, }
    StepUpKind as StepUpKind {
        ConfirmOnDevice, IdentityDocument, OneTimeCode, CompleteProfile, ConfirmIncome,
    }
    Outcome as DecisionOutcome { Approved, Declined, ManualReview, }
    DecisionState as DecisionState { Pending, Final, Expired, Canceled, Superseded, }
    CardState as OneTimeCardState { Approved, Active, Authorized, Used, Expired, Canceled, }
    AuthorizationKind as AuthorizationKind { Purchase, AccountCheck, }
    EntryMode as EntryMode {
        Ecommerce, CredentialOnFile, Contactless, Chip, MagneticStripe, Keyed,
    }
    AdjustKind as AdjustKind { Increment, Capture, Reverse, }
    FieldStatus as ProfileFieldStatus { Absent, Present, Verified, Unreachable, }
    LegalAge as LegalAge { Yes, No, }
    RestrictionKind as RestrictionKind {
        Security, Temporary, SelfExclusion, Sanctions, Compliance,
    }
    RestrictionOrigin as RestrictionOrigin { Lender, Policy, }
    PlanState as PlanState { Current, Overdue, Defaulted, Closed, Paused, }
    ProfileFieldName as ProfileFieldName { Name, BirthDate, Address, Phone, Email, Password, }
    MisuseScope as MisuseScope { Account, Device, Instrument, }
    ReviewQueue as ReviewQueue { Credit, Security, Identity, Reconsideration, Compliance, }
    ReviewCaseState as ReviewCaseState {
        Open, Claimed, Waiting, Escalated, Resolved, Expired,
    }
    ReviewWait as ReviewWait { Information, SecondPerson, }
    ReviewPriority as ReviewPriority { Normal, High, Overdue, }
    ReviewVerdict as ReviewVerdict { Approve, Decline, RequestStepUp, RequestInformation, }
    ReviewActionKind as ReviewActionKind {
        Claimed, Released, Reassigned, Escalated, Noted, ApprovedFirst, InformationRequested,
        Resolved,
    }
    LinkKind as LinkKind { Account, Device, Network, Instrument, Phone, Email, Address, }
    LinkStrength as LinkStrength { Weak, Medium, Strong, }
    ReasonCategory as ReasonCategory {
        Identity, Credit, Affordability, Spending, Device, Network, Velocity, Instrument,
        Compliance, System,
    }
    Effect as ReasonEffect { Decisive, Contributing, Informational, Favourable, }
    FixableBy as FixableBy { Customer, Support, Reviewer, Bank, Merchant, Time, Nobody, }
    RetryDisposition as RetryDisposition {
        Now, AfterAction, AfterTime, OtherMethod, DoNotRetry, NotApplicable,
    }
    NextStep as NextStep {
        None, CompleteProfile, UpdateDetails, VerifyIdentity, PayOverdue, PayDownBalance,
        ReduceAmount, ChooseAnotherPlan, CheckCardDetails, UseAnotherMethod, ContactBank,
        UseExistingCard, CreateNewCard, CheckOrder, UseKnownConnection, UpdateApp, WaitAndRetry,
        WaitForReview, ContactCreditBureau, GetDebtAdvice, ContactSupport,
    }
}

impl Word for domain::ReasonCode {
    type Wire = pb::ReasonCode;

    fn to_wire(self) -> pb::ReasonCode {
        // Names and numbers are for ever on both sides; a test holds them equal.
        pb::ReasonCode::try_from(self.number()).unwrap_or_default()
    }

    fn from_wire(wire: pb::ReasonCode) -> Option<Self> {
        domain::ReasonCode::from_number(wire.into())
    }
}

/// The public reason's number; favourable facts have none.
pub fn public_reason(reason: domain::PublicReason) -> i32 {
    use domain::PublicReason as Ours;
    use pb::PublicReason as Wire;
    let wire = match reason {
        Ours::None => Wire::Unspecified,
        Ours::DetailsNeeded => Wire::DetailsNeeded,
        Ours::VerificationNeeded => Wire::VerificationNeeded,
        Ours::SpendingLimit => Wire::SpendingLimit,
        Ours::PaymentDue => Wire::PaymentDue,
        Ours::Affordability => Wire::Affordability,
        Ours::CreditHistory => Wire::CreditHistory,
        Ours::PaymentMethod => Wire::PaymentMethod,
        Ours::OneTimeCard => Wire::OneTimeCard,
        Ours::SecurityCheck => Wire::SecurityCheck,
        Ours::TryLater => Wire::TryLater,
        Ours::Duplicate => Wire::Duplicate,
        Ours::TemporaryProblem => Wire::TemporaryProblem,
        Ours::NotAvailable => Wire::NotAvailable,
    };
    wire.into()
}

/// The level's number. `AS` is a keyword in many languages, so the wire spells it out.
pub fn disclosure(level: domain::Disclosure) -> i32 {
    let wire = match level {
        domain::Disclosure::Yes => pb::Disclosure::Yes,
        domain::Disclosure::LoggedIn => pb::Disclosure::LoggedIn,
        domain::Disclosure::Generic => pb::Disclosure::Generic,
        domain::Disclosure::As => pb::Disclosure::AsOtherCode,
        domain::Disclosure::No => pb::Disclosure::No,
    };
    wire.into()
}

/// Who used a reason: a reviewer, a score of the engine, the service itself, or a rule alone.
pub fn component(reason: &domain::Reason) -> i32 {
    let wire = match reason.component {
        _ if reason.by_reviewer() => pb::ReasonComponent::Reviewer,
        Some(domain::Component::Credit) => pb::ReasonComponent::Credit,
        Some(domain::Component::Affordability) => pb::ReasonComponent::Affordability,
        Some(domain::Component::Spending) => pb::ReasonComponent::Spending,
        Some(domain::Component::Fraud) => pb::ReasonComponent::Fraud,
        None if reason.code.category() == domain::ReasonCategory::System => {
            pb::ReasonComponent::System
        }
        None => pb::ReasonComponent::HardRule,
    };
    wire.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every member of a set has a number of its own and the same name on the wire, and no member
    /// of the wire is without one here.
    macro_rules! assert_same {
        ($($name:ident as $wire:ident $prefix:literal,)*) => {$(
            let mut met = Vec::new();
            for &member in domain::$name::ALL {
                let wire = member.to_wire();
                assert_eq!(wire.as_str_name(), format!("{}{}", $prefix, member.name()));
                assert_eq!(domain::$name::from_wire(wire), Some(member));
                met.push(i32::from(wire));
            }
            for number in 1..2_000 {
                let known = pb::$wire::try_from(number).is_ok();
                assert_eq!(known, met.contains(&number), "{} {number}", stringify!($wire));
            }
        )*};
    }

    #[test]
    fn wire_and_domain_have_the_same_members_by_the_same_names() {
        assert_same! {
            PlanKind as PlanKind "PLAN_KIND_",
            InstrumentKind as InstrumentKind "INSTRUMENT_KIND_",
            CheckResult as CheckResult "CHECK_RESULT_",
            DeliveryKind as DeliveryKind "DELIVERY_KIND_",
            DeviceIntegrity as DeviceIntegrity "DEVICE_INTEGRITY_",
            NetworkKind as NetworkKind "NETWORK_KIND_",
            AuthenticationStrength as AuthenticationStrength "AUTHENTICATION_STRENGTH_",
            CreditRequestKind as CreditRequestKind "CREDIT_REQUEST_KIND_",
            Channel as Channel "CHANNEL_",
            CancelReason as CancelReason "CANCEL_REASON_",
            StepUpKind as StepUpKind "STEP_UP_KIND_",
            Outcome as DecisionOutcome "DECISION_OUTCOME_",
            DecisionState as DecisionState "DECISION_STATE_",
            CardState as OneTimeCardState "ONE_TIME_CARD_STATE_",
            AuthorizationKind as AuthorizationKind "AUTHORIZATION_KIND_",
            EntryMode as EntryMode "ENTRY_MODE_",
            AdjustKind as AdjustKind "ADJUST_KIND_",
            FieldStatus as ProfileFieldStatus "PROFILE_FIELD_STATUS_",
            LegalAge as LegalAge "LEGAL_AGE_",
            RestrictionKind as RestrictionKind "RESTRICTION_KIND_",
            RestrictionOrigin as RestrictionOrigin "RESTRICTION_ORIGIN_",
            PlanState as PlanState "PLAN_STATE_",
            ProfileFieldName as ProfileFieldName "PROFILE_FIELD_NAME_",
            MisuseScope as MisuseScope "MISUSE_SCOPE_",
            ReviewQueue as ReviewQueue "REVIEW_QUEUE_",
            ReviewCaseState as ReviewCaseState "REVIEW_CASE_STATE_",
            ReviewWait as ReviewWait "REVIEW_WAIT_",
            ReviewPriority as ReviewPriority "REVIEW_PRIORITY_",
            ReviewVerdict as ReviewVerdict "REVIEW_VERDICT_",
            ReviewActionKind as ReviewActionKind "REVIEW_ACTION_KIND_",
            LinkKind as LinkKind "LINK_KIND_",
            LinkStrength as LinkStrength "LINK_STRENGTH_",
            Effect as ReasonEffect "REASON_EFFECT_",
            FixableBy as FixableBy "FIXABLE_BY_",
            RetryDisposition as RetryDisposition "RETRY_DISPOSITION_",
            NextStep as NextStep "NEXT_STEP_",
            ReasonCode as ReasonCode "REASON_CODE_",
        }
    }

    #[test]
    fn public_reasons_levels_and_components_keep_their_names() {
        for &reason in domain::PublicReason::ALL {
            let wire = pb::PublicReason::try_from(public_reason(reason)).unwrap();
            let name = reason.name().replace("NONE", "UNSPECIFIED");
            assert_eq!(wire.as_str_name(), format!("PUBLIC_REASON_{name}"));
        }
        assert!(pb::PublicReason::try_from(domain::PublicReason::ALL.len() as i32).is_err());
        for &level in domain::Disclosure::ALL {
            let wire = pb::Disclosure::try_from(disclosure(level)).unwrap();
            let name = if level == domain::Disclosure::As { "AS_OTHER_CODE" } else { level.name() };
            assert_eq!(wire.as_str_name(), format!("DISCLOSURE_{name}"));
        }
        for &code in domain::ReasonCode::ALL {
            let category = code.category();
            assert_ne!(category.to_wire(), pb::ReasonCategory::Unspecified);
            assert_eq!(domain::ReasonCategory::from_wire(category.to_wire()), Some(category));
        }
    }
}
