//! The policy file as it is written: TOML, unknown keys refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::domain::{
    Component, Country, Currency, Product, Push, ReasonCode, RestrictionKind, StepUpKind,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub version: Spanned<String>,
    pub base: Base,
    pub market: BTreeMap<Spanned<Country>, Market>,
    #[serde(default)]
    pub rule: Vec<Spanned<Rule>>,
    #[serde(default)]
    pub band: Vec<Spanned<Band>>,
    #[serde(default)]
    pub model: BTreeMap<Spanned<Component>, Spanned<ModelWeight>>,
    pub stand_in: StandIn,
}

/// The clean case over which the facts of an example are laid.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    pub market: Spanned<Country>,
    pub facts: Spanned<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Market {
    pub currency: Currency,
    pub time_zone: Spanned<String>,
    pub products: Vec<Product>,
    /// What a guest may owe in all, minor units.
    #[serde(default)]
    pub guest_limit_minor: i64,
    /// Most that an authorisation of a one-time card may exceed it by, minor units.
    #[serde(default)]
    pub card_tolerance_max_minor: i64,
    /// From this amount on two people have to approve a review; no amount needs two when not given.
    pub review_second_person_minor: Option<i64>,
    pub threshold: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    pub spending: Spending,
    #[serde(default)]
    pub timing: Timing,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spending {
    pub log_amount_mean: f64,
    pub log_amount_sd: f64,
    pub prior_weight: f64,
    /// An ordinary purchase, minor units; the prior's middle one when not given.
    pub reference_amount_minor: Option<Spanned<i64>>,
}

/// How long things live.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    pub purchase_approval_minutes: i64,
    pub card_approval_hours: i64,
    pub step_up_minutes: i64,
    pub security_review_minutes: i64,
    pub credit_review_minutes: i64,
    pub review_expires_hours: i64,
    /// When a rule names no time of its own after which a retry makes sense.
    pub retry_after_minutes: i64,
    pub adverse_action_notice_days: i64,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            purchase_approval_minutes: 60,
            card_approval_hours: 24,
            step_up_minutes: 15,
            security_review_minutes: 15,
            credit_review_minutes: 120,
            review_expires_hours: 24,
            retry_after_minutes: 60,
            adverse_action_notice_days: 30,
        }
    }
}

/// What a rule does when its condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulePush {
    Decline,
    Review,
    ReviewHeld,
    StepUp,
    Score,
    Info,
}

impl RulePush {
    /// As the policy file writes it.
    pub fn name(self) -> &'static str {
        match self {
            RulePush::Decline => "decline",
            RulePush::Review => "review",
            RulePush::ReviewHeld => "review_held",
            RulePush::StepUp => "step_up",
            RulePush::Score => "score",
            RulePush::Info => "info",
        }
    }

    pub fn push(self) -> Push {
        match self {
            RulePush::Decline => Push::Decline,
            RulePush::Review => Push::Review,
            RulePush::ReviewHeld => Push::ReviewHeld,
            RulePush::StepUp => Push::StepUp,
            RulePush::Score | RulePush::Info => Push::None,
        }
    }
}

/// What a rule does when the source of something that it looks at failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    Skip,
    Review,
    Decline,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub code: ReasonCode,
    pub push: RulePush,
    pub when: Spanned<String>,
    pub on_missing: Option<OnMissing>,
    pub component: Option<Component>,
    pub points: Option<i64>,
    #[serde(default)]
    pub step_up: Vec<StepUpKind>,
    pub restrict: Option<Restrict>,
    pub retry_after: Option<Spanned<String>>,
    #[serde(default)]
    pub example: Vec<Spanned<Example>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restrict {
    pub kind: RestrictionKind,
    #[serde(rename = "for")]
    pub length: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    pub hit: bool,
    pub facts: Spanned<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Band {
    pub component: Component,
    /// Only for this market, only for this product; the band for most of them wins.
    pub market: Option<Country>,
    pub product: Option<Product>,
    /// Least score of the band, 0 to 1000; it reaches to the next band's.
    pub from: i64,
    pub push: Push,
    #[serde(default)]
    pub step_up: Vec<StepUpKind>,
}

/// How the chance that a model tells becomes points of its component: none up to `from_percent`,
/// from there a straight line to `most` points at certainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelWeight {
    /// 0 to 99.
    pub from_percent: i64,
    /// 0 to 1000.
    pub most: i64,
    /// When the source of something that the model looks at failed.
    pub on_missing: OnMissing,
}

impl Default for ModelWeight {
    /// A point is a thousandth of the chance.
    fn default() -> ModelWeight {
        ModelWeight { from_percent: 0, most: 1000, on_missing: OnMissing::Review }
    }
}

impl ModelWeight {
    /// Points of a chance in parts per million.
    pub fn points(self, chance_ppm: i64) -> i64 {
        let from = self.from_percent * 10_000;
        (chance_ppm - from).max(0) * self.most / (1_000_000 - from)
    }
}

/// What may still be approved when a source failed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandIn {
    /// At most this exposure in minor units is approved without signals.
    pub floor_minor: i64,
    pub one_time_cards: StandInCards,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandInCards {
    Approve,
    Review,
    Decline,
}
