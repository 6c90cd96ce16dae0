//! More of what speaks against a customer never helps, and more of what speaks for one never hurts.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use surety::domain::Span;
use surety::grpc::pb;

use crate::support::{
    Approved, ManualReview, TestApp, account, bought, codes, device, event, field, plan_status,
    purchase, repayment,
};

/// Some customer and what it asks for.
#[derive(Clone, Debug)]
struct Customer {
    limit: i64,
    amount: i64,
    habit: bool,
    repaid: i64,
    late: i64,
    plans: i64,
    owed: i64,
    days_overdue: i32,
    missing: usize,
    income: i64,
    new_device: bool,
    network: pb::NetworkKind,
}

fn customers() -> impl Strategy<Value = Customer> {
    let money =
        prop_oneof![100_i64..20_000, 14_900_i64..15_100, 29_900_i64..50_100, 99_900_i64..210_000];
    let record = (0_i64..5, 0_i64..5, 0_i64..7, 100_i64..60_000);
    let days = prop_oneof![Just(0), Just(2), Just(4), Just(35)];
    let network = prop_oneof![
        Just(pb::NetworkKind::Residential),
        Just(pb::NetworkKind::PublicHotspot),
        Just(pb::NetworkKind::Tor)
    ];
    let setting = (0_usize..3, 100_000_i64..900_000, any::<bool>(), any::<bool>(), network);
    (50_000_i64..400_000, money, record, days, setting).prop_map(
        |(limit, amount, (repaid, late, plans, owed), days_overdue, setting)| {
            let (missing, income, habit, new_device, network) = setting;
            let missing = missing.saturating_sub(1);
            Customer {
                limit,
                amount,
                habit,
                repaid,
                late,
                plans,
                owed,
                days_overdue,
                missing,
                income,
                new_device,
                network,
            }
        },
    )
}

impl Customer {
    /// The auditor's view of the decision on it, as a customer of its own.
    fn decided(&self, app: &TestApp) -> pb::Decision {
        // Numbered: in a UUID with something around it digits may look like a card's.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let id = format!("c-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut told = account(&id, self.limit);
        told.income.as_mut().unwrap().monthly = Some(crate::support::euro(self.income));
        let profile = told.profile.as_mut().unwrap();
        let absent = || field(pb::ProfileFieldStatus::Absent);
        for place in [&mut profile.address, &mut profile.phone].into_iter().take(self.missing) {
            *place = absent();
        }
        app.given(told);
        app.record(self.events(&id, app));
        let mut context = purchase(&id, self.amount);
        if self.new_device {
            context.device = Some(device(&format!("{id}-other")));
        }
        context.network.as_mut().unwrap().kind = self.network.into();
        app.buy(context)
    }

    fn events(&self, id: &str, app: &TestApp) -> Vec<pb::AccountEvent> {
        let now = app.now();
        // A purchase makes the phone known.
        let habit = if self.habit { 12 } else { 1 };
        let bought = (1..=habit)
            .map(|place| event(id, now - Span::days(14 * place), bought(id, 4_000 + place)));
        let paid = |plan: String, late: i64, place: i64| {
            let time = now - Span::days(10 * (1 + place));
            event(id, time, repayment(&plan, 3_000, time - Span::days(late)))
        };
        let repaid = (0..self.repaid).map(|place| paid(format!("good-{place}"), -1, place));
        let late = (0..self.late).map(|place| paid(format!("late-{place}"), 9, place));
        let open = (0..self.plans).map(|place| {
            let (days, state) = match (place, self.days_overdue) {
                (0, 1..) => (self.days_overdue, pb::PlanState::Overdue),
                _ => (0, pb::PlanState::Current),
            };
            let minute_ago = now - Span::minutes(1);
            event(id, minute_ago, plan_status(&format!("open-{place}"), (self.owed, days), state))
        });
        bought.chain(repaid).chain(late).chain(open).collect()
    }
}

/// How far from an approval: 0 approved, 1 a step-up, 2 a review, 3 declined.
fn distance(decision: &pb::Decision) -> u8 {
    match (decision.outcome(), &decision.step_up) {
        (Approved, _) => 0,
        (ManualReview, Some(_)) => 1,
        (ManualReview, None) => 2,
        _ => 3,
    }
}

type Change = fn(&mut Customer, i64);

/// What never improves an outcome.
const WORSE: [(&str, Change); 4] = [
    ("a larger amount", |customer, by| customer.amount += by),
    ("one more late payment", |customer, _| customer.late += 1),
    ("one more open plan", |customer, _| customer.plans += 1),
    ("a missing detail", |customer, _| customer.missing = (customer.missing + 1).min(2)),
];

/// What never worsens an outcome.
const BETTER: [(&str, Change); 4] = [
    ("paying down", |customer, by| customer.owed = (customer.owed - by).max(1)),
    ("finishing a plan", |customer, _| customer.plans = (customer.plans - 1).max(0)),
    ("a complete profile", |customer, _| customer.missing = 0),
    ("one more payment in time", |customer, _| customer.repaid += 1),
];

#[test]
fn a07_a18_a27_a32_what_speaks_against_never_helps_and_what_speaks_for_never_hurts() {
    let app = TestApp::start();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let outcomes = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let held = runner.run(&(customers(), 1_i64..60_000), |(customer, by)| {
        let decision = customer.decided(&app);
        outcomes.borrow_mut().insert(distance(&decision));
        for (name, change) in WORSE {
            let mut other = customer.clone();
            change(&mut other, by);
            let worse = other.decided(&app);
            proptest::prop_assert!(
                distance(&worse) >= distance(&decision),
                "{name} helped: {:?} became {:?}",
                codes(&decision),
                codes(&worse)
            );
        }
        for (name, change) in BETTER {
            let mut other = customer.clone();
            change(&mut other, by);
            let better = other.decided(&app);
            proptest::prop_assert!(
                distance(&better) <= distance(&decision),
                "{name} hurt: {:?} became {:?}",
                codes(&decision),
                codes(&better)
            );
        }
        Ok(())
    });
    held.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(outcomes.borrow().len() >= 3, "customers who are all alike prove nothing");
}
