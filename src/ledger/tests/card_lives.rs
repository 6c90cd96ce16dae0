//! Random lives of cards against a plain model: no amount is lost or doubled, no limit passed, and
//! every key has one answer.

use proptest::prelude::*;

use super::cards::{activate_of, adjust_of, card_of, code_of, id_of, purchase_of};
use super::*;

/// One step; cards are picked by number, amounts are shares of the limit in percent.
#[derive(Clone, Debug)]
enum Step {
    Grant {
        amount: i64,
        tolerance: i64,
        upfront: i64,
    },
    Activate(usize),
    Authorize(usize, i64),
    Adjust(usize, AdjustKind, i64),
    Cancel(usize),
    Order(i64),
    Limit(i64),
    /// Minutes.
    Wait(i64),
    /// A hold on the account that is lifted at once.
    Hold,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let card = 0_usize..4;
    let kind = prop_oneof![
        1 => Just(AdjustKind::Increment),
        3 => Just(AdjustKind::Capture),
        2 => Just(AdjustKind::Reverse),
    ];
    let whole = prop_oneof![2 => 1_i64..70, 1 => Just(0)];
    let minutes = prop_oneof![
        4 => 1_i64..12,
        1 => Just(23 * 60),
        1 => Just(24 * 60),
        1 => Just(14 * 24 * 60),
    ];
    let step = prop_oneof![
        4 => (1_i64..70, 0_i64..10, prop_oneof![3 => Just(0_i64), 1 => 1_i64..60])
            .prop_map(|(amount, tolerance, upfront)| Step::Grant { amount, tolerance, upfront }),
        6 => card.clone().prop_map(Step::Activate),
        6 => (card.clone(), 1_i64..75).prop_map(|(n, amount)| Step::Authorize(n, amount)),
        6 => (card.clone(), kind, whole).prop_map(|(n, kind, by)| Step::Adjust(n, kind, by)),
        1 => card.prop_map(Step::Cancel),
        2 => (1_i64..60).prop_map(Step::Order),
        1 => (0_i64..150).prop_map(Step::Limit),
        2 => minutes.prop_map(Step::Wait),
        1 => Just(Step::Hold),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A card as the table of its life has it, in the simplest words.
struct Plain {
    id: OneTimeCardId,
    plan: PlanTerms,
    amount: i64,
    tolerance: i64,
    created: Time,
    expires: Time,
    active: bool,
    ended: bool,
    /// Id, authorised, captured, since.
    shop: Option<(AuthorizationId, i64, i64, Time)>,
    /// What it holds of the limit while it is not over.
    reserved: i64,
    owed: i64,
}

impl Plain {
    fn state(&self, now: Time) -> CardState {
        match self.shop {
            _ if self.ended => CardState::Canceled,
            Some((_, amount, captured, _)) if amount == captured => CardState::Used,
            Some((.., since)) if now >= since + Span::days(14) => CardState::Used,
            Some(_) => CardState::Authorized,
            None if now >= self.expires => CardState::Expired,
            None if self.active => CardState::Active,
            None => CardState::Approved,
        }
    }

    fn held(&self, now: Time) -> i64 {
        use CardState::{Active, Approved, Authorized};
        match self.state(now) {
            Approved | Active | Authorized => self.reserved,
            _ => 0,
        }
    }

    fn credit(&self, amount: i64) -> i64 {
        self.plan.exposure(amount)
    }
}

struct World {
    ledger: Ledger,
    now: Time,
    limit: i64,
    cards: Vec<Plain>,
    /// Orders that are no cards: what each holds, and until when.
    orders: Vec<(i64, Time)>,
}

impl World {
    fn owed(&self) -> i64 {
        self.cards.iter().map(|card| card.owed).sum()
    }

    fn reserved(&self) -> i64 {
        let orders = self.orders.iter().filter(|(_, end)| *end > self.now).map(|(held, _)| *held);
        orders.sum::<i64>() + self.cards.iter().map(|card| card.held(self.now)).sum::<i64>()
    }

    fn room(&self) -> i64 {
        self.limit - self.owed() - self.reserved()
    }

    async fn grant(&mut self, amount: i64, tolerance: i64, upfront: i64) {
        let mut commit = card_of("anna", amount, tolerance);
        let expires = self.now + Span::hours(24);
        commit.record.created = self.now;
        commit.record.plan.upfront = upfront.min(amount - 1);
        commit.record.decision.expires = Some(expires);
        commit.record.card.as_mut().unwrap().expires = expires;
        let (id, plan) = (id_of(&commit), commit.record.plan);
        let reserved = commit.record.exposure();
        let fits = reserved <= self.room();
        let expected = if fits { Assessed::Recorded } else { Assessed::HeadroomTaken };
        assert_eq!(assess(&self.ledger, commit).await, Ok(expected));
        if fits {
            let (created, owed) = (self.now, 0);
            let (active, ended, shop) = (false, false, None);
            self.cards.push(Plain {
                id,
                plan,
                amount,
                tolerance,
                created,
                expires,
                active,
                ended,
                shop,
                reserved,
                owed,
            });
        }
    }

    async fn activate(&mut self, n: usize) {
        let card = &mut self.cards[n];
        let early = self.now < card.created + Span::minutes(10);
        let may = card.state(self.now) == CardState::Approved && early;
        let claim = claim_at(self.now);
        let done = self.ledger.activate_card(claim, activate_of(card.id)).await;
        assert_eq!(done.is_ok(), may, "{done:?}");
        card.active |= may;
    }

    async fn authorize(&mut self, n: usize, amount: i64) {
        let (now, room) = (self.now, self.room());
        let card = &mut self.cards[n];
        let more = card.credit(amount) - card.reserved;
        let expected = match card.state(now) {
            CardState::Authorized | CardState::Used => Some(ReasonCode::OneTimeCardAlreadyUsed),
            CardState::Active if amount > card.amount + card.tolerance => {
                Some(ReasonCode::OneTimeCardAmountExceeded)
            }
            CardState::Active if more > room.max(0) => Some(ReasonCode::CreditLimitExceeded),
            CardState::Active => None,
            _ => Some(ReasonCode::OneTimeCardNotActive),
        };
        let (claim, asked) = (claim_at(now), purchase_of(card.id, amount));
        let told = now_of(self.ledger.authorize_card(claim.clone(), asked.clone()).await);
        assert_eq!(code_of(&told.answer), expected);
        // The same key, and the same network request under another key, change nothing.
        let again = self.ledger.authorize_card(claim, asked.clone()).await.unwrap();
        let Written::Before(before) = again else { panic!("{again:?}") };
        assert_eq!(before.read::<CardAuthorized>().as_ref(), Ok(&told));
        let renamed = now_of(self.ledger.authorize_card(claim_at(now), asked).await);
        assert_eq!((renamed.id, renamed.repeated), (told.id, true));
        if expected.is_none() {
            card.shop = Some((told.id, amount, 0, now));
            card.reserved = card.credit(amount);
        }
    }

    async fn adjust(&mut self, n: usize, kind: AdjustKind, by: i64) {
        let (now, room) = (self.now, self.room());
        let card = &mut self.cards[n];
        let Some((id, amount, captured, since)) = card.shop else { return };
        // Zero stands for all that is open.
        let by = if by == 0 { (amount - captured).max(1) } else { by };
        let asked = adjust_of(card.id, id, (kind, by));
        let claim = claim_at(now);
        let done = self.ledger.adjust_card(claim.clone(), asked.clone()).await;
        let open = by <= amount - captured || kind == AdjustKind::Increment;
        if card.state(now) != CardState::Authorized || !open {
            assert!(matches!(done, Err(Error::Precondition(_))), "{done:?}");
            return;
        }
        let told = now_of(done);
        let again = self.ledger.adjust_card(claim, asked).await.unwrap();
        let Written::Before(before) = again else { panic!("{again:?}") };
        // But for the card's number, of which no stored answer has a copy.
        let mut first = told.clone();
        if let Some(number) = &mut first.card.card.number {
            (number.token, number.last_four) = (String::new(), String::new());
        }
        assert_eq!(before.read(), Ok(first));
        let moved = card.credit(captured + by) - card.credit(captured);
        let more = card.credit(amount + by) - card.credit(amount);
        match kind {
            AdjustKind::Increment => {
                let fits = amount + by <= card.amount + card.tolerance && more <= room.max(0);
                assert_eq!(told.answer.is_approval(), fits);
                if fits {
                    card.shop = Some((id, amount + by, captured, since));
                    card.reserved += more;
                }
            }
            AdjustKind::Capture => {
                card.shop = Some((id, amount, captured + by, since));
                card.reserved -= moved;
                card.owed += moved;
            }
            AdjustKind::Reverse if by == amount => {
                let whole = card.credit(card.amount);
                card.shop = None;
                card.reserved = whole.min(card.credit(amount) + room.max(0));
            }
            AdjustKind::Reverse => {
                card.shop = Some((id, amount - by, captured, since));
                card.reserved = card.credit(amount - by) - card.credit(captured);
            }
        }
    }

    async fn cancel(&mut self, n: usize) {
        let card = &mut self.cards[n];
        let may = matches!(card.state(self.now), CardState::Approved | CardState::Active);
        let cancel = CancelCard { card: card.id, reason: "TEST".into(), taken_back: None };
        let done = self.ledger.cancel_card(claim_at(self.now), cancel).await;
        assert_eq!(done.is_ok(), may, "{done:?}");
        card.ended |= may;
    }

    async fn order(&mut self, amount: i64) {
        let mut commit = order("anna", amount);
        let end = self.now + Span::minutes(60);
        commit.record.created = self.now;
        commit.record.decision.expires = Some(end);
        let fits = amount <= self.room();
        let expected = if fits { Assessed::Recorded } else { Assessed::HeadroomTaken };
        assert_eq!(assess(&self.ledger, commit).await, Ok(expected));
        self.orders.extend(fits.then_some((amount, end)));
    }

    async fn hold(&mut self) {
        let id = RestrictionId(Uuid::from_u128(u128::from(draw())));
        let restriction = Restriction {
            id,
            account: account_id("anna"),
            kind: RestrictionKind::Security,
            code: ReasonCode::AccountSecurityHold,
            start: self.now,
            end: self.now + Span::days(1),
            note: String::new(),
            origin: RestrictionOrigin::Lender,
            lifted: None,
        };
        now_of(self.ledger.set_restriction(claim_at(self.now), restriction).await);
        now_of(self.ledger.lift_restriction(claim_at(self.now), id, String::new()).await);
        for card in &mut self.cards {
            card.ended |= matches!(card.state(self.now), CardState::Approved | CardState::Active);
        }
    }

    async fn step(&mut self, step: Step) {
        let count = self.cards.len();
        match step {
            Step::Grant { amount, tolerance, upfront } => {
                self.grant(amount, tolerance, upfront).await;
            }
            Step::Order(amount) => self.order(amount).await,
            Step::Limit(limit) => {
                set_limit(&self.ledger, "anna", limit).await;
                self.limit = limit;
            }
            Step::Wait(minutes) => self.now = self.now + Span::minutes(minutes),
            Step::Hold => self.hold().await,
            _ if count == 0 => {}
            // The newest ones: the others are over soon.
            Step::Activate(n) => self.activate(count - 1 - n % count).await,
            Step::Authorize(n, amount) => self.authorize(count - 1 - n % count, amount).await,
            Step::Adjust(n, kind, by) => self.adjust(count - 1 - n % count, kind, by).await,
            Step::Cancel(n) => self.cancel(count - 1 - n % count).await,
        }
    }

    async fn agrees(&self) {
        for plain in &self.cards {
            let card = self.ledger.card(plain.id).await.unwrap().unwrap();
            let found = (card.state(self.now), card.reserved_at(self.now));
            assert_eq!(found, (plain.state(self.now), plain.held(self.now)));
        }
        let found = held(&self.ledger, "anna", self.now).await;
        assert_eq!(found, (self.owed(), self.reserved()));
        assert_sound(&self.ledger, self.now).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_life_of_cards_is_as_the_plain_model_has_it(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(steps));
    }
}

async fn live(steps: Vec<Step>) {
    let Book { ledger, folder: _folder, .. } = book().await;
    set_limit(&ledger, "anna", 100).await;
    let (cards, orders) = (Vec::new(), Vec::new());
    let mut world = World { ledger, now: NOW, limit: 100, cards, orders };
    for step in steps {
        let before = world.owed() + world.reserved();
        world.step(step).await;
        assert!(world.owed() + world.reserved() <= before.max(world.limit));
        world.agrees().await;
    }
}
