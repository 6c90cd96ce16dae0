//! The naive model of the spending profile, for tests.

use super::*;

/// The spending profile as its research wrote it down, with nothing ever dropped but what the
/// formulas say.
#[derive(Default)]
pub struct NaiveProfile {
    last: Option<Time>,
    w: f64,
    mean: f64,
    ss: f64,
    days: f64,
    firsts: f64,
    hours: [f64; 8],
    cats: [f64; 12],
    /// Merchants in order of last use.
    merchants: Vec<u64>,
    recent: Vec<(Time, f64)>,
}

impl NaiveProfile {
    pub fn advance(&mut self, t: Time) {
        let last = self.last.unwrap_or(t);
        let dt = (t - last).as_hours_f64().max(0.0) / 24.0;
        self.last = Some(last.max(t));
        let f = 0.5f64.powf(dt / 90.0);
        self.w *= f;
        self.ss *= f;
        self.firsts *= f;
        self.days = self.days * f + (1.0 - f) * 90.0 / 2f64.ln();
        self.hours.iter_mut().chain(&mut self.cats).for_each(|count| *count *= f);
    }

    fn level(&self, prior: SpendingPrior) -> (f64, f64) {
        let n = self.w + 2.0;
        let level = (self.w * self.mean + 2.0 * prior.log_mean) / n;
        let ss = self.ss + prior.weight * prior.log_sd.powi(2);
        let variance = ss / (self.w + prior.weight) * (1.0 + 1.0 / n);
        (level, variance.sqrt().max(0.3))
    }

    pub fn teach(&mut self, o: &Observation) {
        self.advance(o.time);
        let (level, sd) = self.level(o.prior);
        let x = (o.amount.max(1) as f64 / 10f64.powi(i32::from(o.exponent))).ln();
        let v = std::f64::consts::PI / 3f64.sqrt() * (x - level) / sd;
        let rare = v.max(0.0) + (-v.abs()).exp().ln_1p() - 20f64.ln();
        self.recent.push((o.time, rare.max(0.0)));
        let d = x.clamp(level - 2.0 * sd, level + 2.0 * sd) - self.mean;
        self.w += 1.0;
        self.mean += d / self.w;
        self.ss += (self.w - 1.0) / self.w * d * d;
        if let Some(hour) = o.hour {
            self.hours[usize::from(hour) / 3] += 1.0;
        }
        if let Some(category) = o.category {
            self.cats[naive_group(category)] += 1.0;
        }
        if let Some(merchant) = o.parties.merchant.map(|key| key.short()) {
            let newest = self.merchants.len().saturating_sub(128);
            if !self.merchants[newest..].contains(&merchant) {
                self.firsts += 1.0;
            }
            self.merchants.retain(|known| *known != merchant);
            self.merchants.push(merchant);
        }
    }

    pub fn read(&self, part: SpendingPart, o: &Observation) -> Reading {
        let prior = o.prior.weight;
        let within = |span: Span| {
            let newest = self.recent.len().saturating_sub(32);
            let inside = move |recent: &&(Time, f64)| recent.0 > o.time - span;
            self.recent[newest..].iter().filter(inside).map(|recent| recent.1)
        };
        let tail = |counts: &[f64], own: usize| {
            let low = counts.iter().filter(|count| **count <= counts[own]);
            let low: f64 = low.map(|count| count + prior / counts.len() as f64).sum();
            Reading::Double(low / (counts.iter().sum::<f64>() + prior))
        };
        match part {
            SpendingPart::Weight => Reading::Double(self.w),
            SpendingPart::Level => Reading::Double(self.level(o.prior).0),
            SpendingPart::Spread => Reading::Double(self.level(o.prior).1),
            SpendingPart::RecentExcess => Reading::Double(within(Span::days(3)).sum()),
            SpendingPart::RecentCount => Reading::Int(within(Span::days(3)).count() as i64),
            SpendingPart::DayCount => Reading::Int(within(Span::days(1)).count() as i64),
            SpendingPart::Rate => Reading::Double((self.w + prior) / (self.days + prior)),
            SpendingPart::HourTail => {
                o.hour.map_or(Reading::NotSupplied, |h| tail(&self.hours, usize::from(h) / 3))
            }
            SpendingPart::CategoryTail => {
                o.category.map_or(Reading::NotSupplied, |c| tail(&self.cats, naive_group(c)))
            }
            SpendingPart::MerchantTail => match o.parties.merchant.map(|key| key.short()) {
                None => Reading::NotSupplied,
                Some(merchant) => {
                    let newest = self.merchants.len().saturating_sub(128);
                    let known = self.merchants[newest..].contains(&merchant);
                    let share = (self.firsts + prior * 0.5) / (self.w + prior);
                    Reading::Double(if known { 1.0 } else { share })
                }
            },
        }
    }
}

fn naive_group(category: Category) -> usize {
    let starts = [0, 3000, 4800, 5000, 5300, 5500, 5600, 5700, 5800, 5900, 6000, 7300];
    starts.iter().rposition(|start| category.number() >= *start).unwrap()
}
