//! What is asked: each request by its number, drawn from the seed.

use uuid::Uuid;

use super::parties::{Parties, Shopper};
use super::random::Random;
use super::tally::Kind;
use crate::grpc::pb;

/// Of all requests, those sent before under the same `request_id`, the same to the byte.
const RETRIES: f64 = 0.03;
/// Of all requests, those of attackers.
const ATTACKS: f64 = 0.02;
/// Of the requests that are no retries, those for a one-time card; the others are purchases.
const CARDS: f64 = 0.20;
/// A retry repeats one of so many requests before it.
const RETRY_REACH: u64 = 2_000;
/// One attack, on one account, lies within so many requests: ten attempts on average.
const ATTACK_SPAN: u64 = 500;
/// The middle purchase is e^3.69, 40.00, and most lie between a third and three times it: the
/// numbers of the shipped policy.
const LOG_AMOUNT_MEAN: f64 = 3.69;
const LOG_AMOUNT_DEVIATION: f64 = 1.0;
const MINOR_MIN: f64 = 100.0;
const MINOR_MAX: f64 = 500_000.0;
/// How people want to pay; the rest pays now, or for a card in 30 days: cards are for credit.
const PAY_LATER: f64 = 0.60;
const INSTALMENTS: f64 = 0.25;
/// Of the approved purchases, those confirmed in full; the others are cancelled, as approved cards
/// are, so that limits do not fill.
const CONFIRMED: f64 = 0.40;

/// What chance is drawn for: each purpose has streams of its own.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    Arrivals,
    Request,
    Attack,
    RequestId,
    FollowUp,
    FollowUpId,
    AccountId,
}

/// Draws requests. The same seed gives the same ones but for their ids, which a run has for itself:
/// else a second run would get the answers of the first.
#[derive(Debug)]
pub struct Mix {
    seed: u64,
    run: u64,
    parties: Parties,
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The number under which it was first sent.
    pub number: u64,
    /// Whether it was sent before.
    pub retry: bool,
    pub message: Message,
}

/// What a checkout asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Purchase(Box<pb::EvaluatePurchaseRequest>),
    Card(Box<pb::EvaluateOneTimeCardRequest>),
}

/// What becomes of an approval.
#[derive(Clone, Debug, PartialEq)]
pub enum FollowUp {
    Confirm(pb::ConfirmPurchaseRequest),
    Cancel(pb::CancelDecisionRequest),
}

/// What has to be known of a request once it is approved.
#[derive(Clone, Debug)]
pub struct Order {
    number: u64,
    is_card: bool,
    merchant_id: String,
    amount: Option<pb::Money>,
}

impl Mix {
    pub fn new(seed: u64, run: Uuid, accounts: u32) -> Mix {
        Mix { seed, run: run.as_u64_pair().1, parties: Parties::new(accounts) }
    }

    /// The request with a number.
    pub fn ask(&self, number: u64) -> Ask {
        let first = self.first_sent(number);
        let mut random = Random::new(self.seed, Purpose::Request as u64, first);
        // What first_sent has looked at.
        let share = random.share();
        let attack = (RETRIES..RETRIES + ATTACKS).contains(&share);
        let is_card = random.share() < CARDS;
        let mut context = match attack {
            true => self.attack(first, &mut random),
            false => self.purchase(first, &mut random),
        };
        context.plan = Some(plan(is_card, &mut random));
        let context = Some(context);
        let request_id = self.id(Purpose::RequestId, first);
        let message = match is_card {
            true => {
                let terms = pb::OneTimeCardTerms { merchant_locked: true, ..Default::default() };
                let terms = Some(terms);
                Message::Card(Box::new(pb::EvaluateOneTimeCardRequest {
                    request_id,
                    context,
                    terms,
                }))
            }
            false => {
                Message::Purchase(Box::new(pb::EvaluatePurchaseRequest { request_id, context }))
            }
        };
        Ask { number: first, retry: first != number, message }
    }

    /// The number of the request that this one repeats, or its own.
    fn first_sent(&self, mut number: u64) -> u64 {
        loop {
            let mut random = Random::new(self.seed, Purpose::Request as u64, number);
            if number == 0 || random.share() >= RETRIES {
                return number;
            }
            number -= 1 + random.below(number.min(RETRY_REACH));
        }
    }

    fn purchase(&self, number: u64, random: &mut Random) -> pb::PurchaseContext {
        let shopper = self.parties.shopper(random);
        self.context(number, shopper, random)
    }

    /// Somebody on another's account: in haste, or from a new device, address and card each time.
    fn attack(&self, number: u64, random: &mut Random) -> pb::PurchaseContext {
        let attack = number / ATTACK_SPAN;
        let mut campaign = Random::new(self.seed, Purpose::Attack as u64, attack);
        let guise = match campaign.share() < 0.5 {
            true => attack * ATTACK_SPAN,
            false => number,
        };
        let shopper = self.parties.attacker(&mut campaign, guise);
        self.context(number, shopper, random)
    }

    fn context(&self, number: u64, shopper: Shopper, random: &mut Random) -> pb::PurchaseContext {
        let euros = random.log_normal(LOG_AMOUNT_MEAN, LOG_AMOUNT_DEVIATION);
        let amount = libm::round(euros * 100.0).clamp(MINOR_MIN, MINOR_MAX) as i64;
        pb::PurchaseContext {
            account_id: shopper.account_id,
            merchant: Some(self.parties.merchant(random)),
            merchant_order_reference: format!("load-{number}"),
            amount: Some(Parties::euro(amount)),
            items: vec![pb::LineItem { quantity: 1, ..Default::default() }],
            instrument: Some(shopper.instrument),
            delivery: Some(shopper.delivery),
            device: Some(shopper.device),
            network: Some(shopper.network),
            session: Some(pb::SessionContext {
                authentication: pb::AuthenticationStrength::Password.into(),
                ..Default::default()
            }),
            credit_request_kind: pb::CreditRequestKind::DrawWithinLimit.into(),
            channel: pb::Channel::App.into(),
            market: Parties::MARKET.to_owned(),
            locale: "de-DE".to_owned(),
            ..Default::default()
        }
    }

    /// What is sent once the request was approved.
    pub fn follow_up(&self, order: &Order, decision_id: String) -> FollowUp {
        let mut random = Random::new(self.seed, Purpose::FollowUp as u64, order.number);
        let request_id = self.id(Purpose::FollowUpId, order.number);
        match !order.is_card && random.share() < CONFIRMED {
            true => FollowUp::Confirm(pb::ConfirmPurchaseRequest {
                request_id,
                decision_id,
                merchant_id: order.merchant_id.clone(),
                captured_amount: order.amount.clone(),
                merchant_order_reference: String::new(),
            }),
            false => FollowUp::Cancel(pb::CancelDecisionRequest {
                request_id,
                decision_id,
                reason: pb::CancelReason::Customer.into(),
            }),
        }
    }

    fn id(&self, purpose: Purpose, number: u64) -> String {
        uuid(&mut Random::new(self.run, purpose as u64, number))
    }
}

impl Ask {
    pub fn kind(&self) -> Kind {
        match &self.message {
            _ if self.retry => Kind::Retry,
            Message::Purchase(_) => Kind::Purchase,
            Message::Card(_) => Kind::OneTimeCard,
        }
    }

    pub fn order(&self) -> Order {
        let (is_card, context) = match &self.message {
            Message::Purchase(request) => (false, &request.context),
            Message::Card(request) => (true, &request.context),
        };
        let merchant = context.as_ref().and_then(|context| context.merchant.as_ref());
        Order {
            number: self.number,
            is_card,
            merchant_id: merchant.map(|shop| shop.merchant_id.clone()).unwrap_or_default(),
            amount: context.as_ref().and_then(|context| context.amount.clone()),
        }
    }
}

impl FollowUp {
    pub fn kind(&self) -> Kind {
        match self {
            FollowUp::Confirm(_) => Kind::Confirm,
            FollowUp::Cancel(_) => Kind::Cancel,
        }
    }
}

fn plan(is_card: bool, random: &mut Random) -> pb::PaymentPlan {
    let share = random.share();
    if (PAY_LATER..PAY_LATER + INSTALMENTS).contains(&share) {
        let count = 3 + random.below(10) as i32;
        let kind = pb::PlanKind::Instalments.into();
        return pb::PaymentPlan { kind, count, interval_days: 30, upfront: None };
    }
    let kind = match share < PAY_LATER || is_card {
        true => pb::PlanKind::PayLater30,
        false => pb::PlanKind::PayNow,
    };
    pb::PaymentPlan { kind: kind.into(), ..Default::default() }
}

/// A UUID of drawn bytes.
pub(super) fn uuid(random: &mut Random) -> String {
    let bytes = Uuid::from_u64_pair(random.next(), random.next()).into_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
#[path = "mix_tests.rs"]
mod tests;
