//! The account as the lender knows it, and the holds and restrictions on it.

use serde::{Deserialize, Serialize};

use super::named::named;
use super::{AccountId, Country, Currency, PartyKey, ReasonCode, RestrictionId, Role, Time};

named! {
    FieldStatus {
        Absent "ABSENT",
        Present "PRESENT",
        Verified "VERIFIED",
        Unreachable "UNREACHABLE",
    }

    LegalAge {
        Yes "YES",
        No "NO",
    }

    RestrictionKind {
        Security "SECURITY",
        Temporary "TEMPORARY",
        SelfExclusion "SELF_EXCLUSION",
        Sanctions "SANCTIONS",
        Compliance "COMPLIANCE",
    }

    /// Who set a restriction.
    RestrictionOrigin {
        Lender "LENDER",
        Policy "POLICY",
    }
}

/// One field of a profile: whether it is filled, never what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileField {
    pub status: FieldStatus,
    pub changed: Option<Time>,
}

/// The five fields that a complete profile has. Absent from the message means unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: Option<ProfileField>,
    pub birth_date: Option<ProfileField>,
    pub address: Option<ProfileField>,
    pub phone: Option<ProfileField>,
    pub email: Option<ProfileField>,
}

impl Profile {
    /// Field names with what is known of each, in the order in which they are asked for.
    pub fn fields(&self) -> [(&'static str, Option<ProfileField>); 5] {
        [
            ("name", self.name),
            ("birth_date", self.birth_date),
            ("address", self.address),
            ("phone", self.phone),
            ("email", self.email),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Income {
    /// Minor units a month.
    pub monthly: i64,
    pub verified: bool,
    pub as_of: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitments {
    /// Minor units a month.
    pub monthly: i64,
    pub source: String,
    pub as_of: Option<Time>,
}

/// What a credit bureau answered. Absent means unknown, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bureau {
    pub file_found: Option<bool>,
    pub worst_delinquency_days: Option<i64>,
    pub collections_or_judgment: Option<bool>,
    pub insolvency: Option<bool>,
    pub inquiries_6m: Option<i64>,
    pub file_age_months: Option<i64>,
    pub entries: Option<i64>,
    pub as_of: Option<Time>,
}

/// An account, replaced whole by each upsert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub market: Country,
    pub currency: Currency,
    /// Minor units, assigned by the lender; Surety never sets it.
    pub credit_limit: i64,
    pub opened: Option<Time>,
    pub email: Option<PartyKey>,
    pub phone: Option<PartyKey>,
    pub profile: Profile,
    pub of_legal_age: Option<LegalAge>,
    pub income: Option<Income>,
    pub commitments: Option<Commitments>,
    pub bureau: Option<Bureau>,
    pub support_plan_active: Option<bool>,
}

impl Account {
    /// The account without all that is about the person, and how many fields that was. What stays
    /// is what obligations need; that a support plan runs speaks for the customer while they last.
    pub fn erased(&self) -> (Account, u64) {
        let erased = Account {
            opened: None,
            email: None,
            phone: None,
            profile: Profile::default(),
            of_legal_age: None,
            income: None,
            commitments: None,
            bureau: None,
            ..self.clone()
        };
        let fields = [
            self.opened.is_some(),
            self.email.is_some(),
            self.phone.is_some(),
            self.profile != erased.profile,
            self.of_legal_age.is_some(),
            self.income.is_some(),
            self.commitments.is_some(),
            self.bureau.is_some(),
        ];
        (erased, fields.into_iter().map(u64::from).sum())
    }
}

/// A hold or restriction; it always has an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    pub id: RestrictionId,
    pub account: AccountId,
    pub kind: RestrictionKind,
    pub code: ReasonCode,
    pub start: Time,
    pub end: Time,
    /// Stored answers are without it, so that it is in one place and can be erased there.
    #[serde(skip)]
    pub note: String,
    pub origin: RestrictionOrigin,
    pub lifted: Option<Time>,
}

impl RestrictionKind {
    /// The code that a restriction of this kind gives when none is named.
    pub fn own_code(self) -> ReasonCode {
        match self {
            RestrictionKind::Security => ReasonCode::AccountSecurityHold,
            RestrictionKind::Temporary => ReasonCode::AccountTemporarilyRestricted,
            RestrictionKind::SelfExclusion => ReasonCode::CreditSelfExclusion,
            RestrictionKind::Sanctions => ReasonCode::SanctionsPossibleMatch,
            RestrictionKind::Compliance => ReasonCode::ComplianceReview,
        }
    }

    /// Whether it ends one-time cards that are not used yet, all kinds of hold alike: what
    /// compliance holds must not be told from any other hold by what becomes of a card.
    pub fn stops_cards(self) -> bool {
        match self {
            RestrictionKind::Security
            | RestrictionKind::Sanctions
            | RestrictionKind::Compliance => true,
            RestrictionKind::Temporary | RestrictionKind::SelfExclusion => false,
        }
    }

    /// Whether it exists at all for a role: what compliance holds is nobody else's to know.
    pub fn seen_by(self, role: Role) -> bool {
        match self {
            RestrictionKind::Sanctions | RestrictionKind::Compliance => {
                matches!(role, Role::Compliance | Role::Auditor)
            }
            RestrictionKind::Security
            | RestrictionKind::Temporary
            | RestrictionKind::SelfExclusion => true,
        }
    }
}

impl Restriction {
    pub fn in_force(&self, now: Time) -> bool {
        self.start <= now && now < self.end && self.lifted.is_none_or(|lifted| now < lifted)
    }
}
