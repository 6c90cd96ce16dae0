//! What is usual for one account's purchases: level and spread of amounts, hours, shop types,
//! merchants and pace, each drawn to a prior while the history is short.
//!
//! Everything fades with a half-life, as of the last purchase; a reading looks at a faded view and
//! changes nothing. Amounts are natural logarithms of major units, so that "three times the usual"
//! means the same to everybody. A purchase that is taken back stays learnt: its weight is one among
//! many, and what it displaced is gone.

use libm::{exp, exp2, log, log1p, pow, sqrt};

use super::log::growth;
use super::plan::LATENESS;
use super::wire::{Garbled, Reader, Writer};
use super::{Observation, Reading};
use crate::domain::{Category, Span};

/// After so long a purchase counts half: habits change with the seasons.
const HALF_LIFE: Span = Span::days(90);
/// Own purchases that the prior's level is worth: less than the rest of the prior (five), for most
/// of what tells two customers apart is their level.
const LEVEL_WEIGHT: f64 = 2.0;
/// How far from the level an amount may teach, in spreads: one outlier must not make the next one
/// usual.
const CLIP: f64 = 2.0;
/// Least spread: subscriptions of one price would make every other amount an alarm.
const LEAST_SPREAD: f64 = 0.3;
/// Purchases a day, and share of them at new merchants, of whom nothing is known.
const PRIOR_RATE: f64 = 1.0;
const PRIOR_NEW: f64 = 0.5;
/// What is rare has a chance of one in so many; only what goes beyond it is summed as excess.
const RARE: f64 = 20.0;
const RECENT: Span = Span::days(3);
const RECENT_LONGEST: usize = 32;
const DAY: Span = Span::days(1);
/// Merchants remembered; the one used longest ago goes.
const MERCHANTS: usize = 128;
/// Groups of three hours: single hours would all be rare.
const HOUR_GROUPS: usize = 8;
/// Last category of each group: groups of similar shops that customers tend to stay in.
const CATEGORY_GROUP_ENDS: [u16; 12] = [
    2999, // farming, trades, contractors
    4799, // travel and transport
    4999, // telecommunication, utilities
    5299, // wholesale, house and garden
    5499, // general stores, food
    5599, // vehicles and fuel
    5699, // clothing
    5799, // furniture, electronics
    5899, // eating and drinking
    5999, // other shops: pharmacies, books, sports
    7299, // finance, lodging, personal services
    9999, // business, entertainment, professional services, government
];

/// A number of the profile; see the signals of that name for meaning and unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendingPart {
    Weight,
    Level,
    Spread,
    RecentExcess,
    RecentCount,
    DayCount,
    Rate,
    HourTail,
    CategoryTail,
    MerchantTail,
}

/// The profile of one account.
#[derive(Debug)]
pub struct Profile {
    /// When everything below was last faded: the newest purchase, in microseconds.
    faded: i64,
    /// Faded number of purchases.
    weight: f64,
    /// Mean logarithm of amounts.
    mean: f64,
    /// Faded sum of squared differences from the mean.
    squares: f64,
    /// Faded days since the first purchase.
    days: f64,
    /// Faded number of purchases at a merchant that was new then.
    firsts: f64,
    /// Faded number of purchases by group of hours.
    hours: [f64; HOUR_GROUPS],
    /// Faded number of purchases by group of categories; absent until one was supplied.
    categories: Option<Box<[f64; CATEGORY_GROUP_ENDS.len()]>>,
    /// Merchants as 32 bits of their hash, the one used last at the end.
    merchants: Vec<u32>,
    /// Purchases of the last days, in order of arrival.
    recent: Vec<RecentPurchase>,
}

#[derive(Clone, Copy, Debug)]
struct RecentPurchase {
    /// Microseconds.
    time: i64,
    /// How far beyond rare its amount was when it was made, in nats.
    excess: f64,
}

impl Profile {
    pub fn new(time: i64) -> Profile {
        Profile {
            faded: time,
            weight: 0.0,
            mean: 0.0,
            squares: 0.0,
            days: 0.0,
            firsts: 0.0,
            hours: [0.0; HOUR_GROUPS],
            categories: None,
            merchants: Vec::new(),
            recent: Vec::new(),
        }
    }

    /// Learns a completed purchase.
    pub fn teach(&mut self, purchase: &Observation) {
        let time = purchase.time.as_micros();
        let (level, spread) = self.view(purchase).level();
        self.fade(time);
        let amount = log_amount(purchase);
        let excess = (softplus((amount - level) / spread) - log(RARE)).max(0.0);
        self.note_recent(RecentPurchase { time, excess });
        let taught = amount.clamp(level - CLIP * spread, level + CLIP * spread);
        let (before, difference) = (self.weight, taught - self.mean);
        self.weight += 1.0;
        self.mean += difference / self.weight;
        self.squares += before / self.weight * difference * difference;
        if let Some(group) = hour_group(purchase.hour) {
            self.hours[group] += 1.0;
        }
        if let Some(group) = purchase.category.map(category_group) {
            self.categories.get_or_insert_default()[group] += 1.0;
        }
        if let Some(merchant) = merchant(purchase) {
            self.note_merchant(merchant);
        }
    }

    fn fade(&mut self, time: i64) {
        let (fade, days) = self.faded_by(time);
        self.faded = self.faded.max(time);
        self.weight *= fade;
        self.squares *= fade;
        self.firsts *= fade;
        self.days = days;
        self.hours.iter_mut().for_each(|count| *count *= fade);
        let categories = self.categories.iter_mut().flat_map(|counts| counts.iter_mut());
        categories.for_each(|count| *count *= fade);
    }

    /// By which factor things fade until then, and the faded days of that time.
    fn faded_by(&self, time: i64) -> (f64, f64) {
        let since = (time - self.faded).max(0) as f64 / HALF_LIFE.as_micros() as f64;
        let fade = exp2(-since);
        let mean_life_days = HALF_LIFE.as_days() as f64 / std::f64::consts::LN_2;
        (fade, self.days * fade + (1.0 - fade) * mean_life_days)
    }

    fn note_recent(&mut self, purchase: RecentPurchase) {
        let useful_from = self.faded - RECENT.as_micros() - LATENESS.as_micros();
        self.recent.retain(|recent| recent.time > useful_from);
        if self.recent.len() >= RECENT_LONGEST {
            self.recent.remove(0);
        }
        reserve_one(&mut self.recent);
        self.recent.push(purchase);
    }

    fn note_merchant(&mut self, merchant: u32) {
        match self.merchants.iter().rposition(|&known| known == merchant) {
            Some(place) => {
                self.merchants[place..].rotate_left(1);
                return;
            }
            None => self.firsts += 1.0,
        }
        if self.merchants.len() >= MERCHANTS {
            self.merchants.remove(0);
        }
        reserve_one(&mut self.merchants);
        self.merchants.push(merchant);
    }

    /// The profile as it stands at the request's time.
    pub fn view<'a>(&'a self, request: &'a Observation) -> ProfileView<'a> {
        let (fade, days) = self.faded_by(request.time.as_micros());
        ProfileView { profile: self, request, fade, days }
    }

    pub fn encode(&self, base: i64, writer: &mut Writer) {
        writer.signed(self.faded - base);
        for number in [self.weight, self.mean, self.squares, self.days, self.firsts] {
            writer.double(number);
        }
        encode_counts(&self.hours, writer);
        let none = [0.0; CATEGORY_GROUP_ENDS.len()];
        encode_counts(self.categories.as_deref().unwrap_or(&none), writer);
        writer.count(self.merchants.len());
        self.merchants.iter().for_each(|merchant| writer.fixed_u32(*merchant));
        writer.count(self.recent.len());
        for recent in &self.recent {
            writer.signed(recent.time - base);
            writer.double(recent.excess);
        }
    }

    pub fn decode(base: i64, reader: &mut Reader<'_>) -> Result<Profile, Garbled> {
        let mut profile = Profile::new(reader.time(base)?);
        profile.weight = reader.amount()?;
        profile.mean = reader.double()?;
        for number in [&mut profile.squares, &mut profile.days, &mut profile.firsts] {
            *number = reader.amount()?;
        }
        profile.hours = decode_counts(reader)?;
        let categories = decode_counts(reader)?;
        if categories.iter().any(|count| *count > 0.0) {
            profile.categories = Some(Box::new(categories));
        }
        let merchants = reader.count(size_of::<u32>())?;
        profile.merchants = (0..merchants).map(|_| reader.fixed_u32()).collect::<Result<_, _>>()?;
        let recent = reader.count(1 + size_of::<f64>())?;
        let purchase =
            |_| Ok(RecentPurchase { time: reader.time(base)?, excess: reader.amount()? });
        profile.recent = (0..recent).map(purchase).collect::<Result<_, _>>()?;
        Ok(profile)
    }

    pub fn bytes(&self) -> usize {
        size_of::<Profile>()
            + self.categories.as_deref().map_or(0, size_of_val)
            + self.merchants.capacity() * size_of::<u32>()
            + self.recent.capacity() * size_of::<RecentPurchase>()
    }
}

/// A profile, faded to the time of a request.
#[derive(Clone, Copy, Debug)]
pub struct ProfileView<'a> {
    profile: &'a Profile,
    request: &'a Observation,
    fade: f64,
    days: f64,
}

impl ProfileView<'_> {
    pub fn part(&self, part: SpendingPart) -> Reading {
        match part {
            SpendingPart::Weight => Reading::Double(self.weight()),
            SpendingPart::Level => Reading::Double(self.level().0),
            SpendingPart::Spread => Reading::Double(self.level().1),
            SpendingPart::RecentExcess => Reading::Double(self.recent(RECENT).0),
            SpendingPart::RecentCount => Reading::Int(self.recent(RECENT).1),
            SpendingPart::DayCount => Reading::Int(self.recent(DAY).1),
            SpendingPart::Rate => Reading::Double(self.rate()),
            SpendingPart::HourTail => {
                let group = hour_group(self.request.hour);
                or_not_supplied(group.map(|group| self.tail(&self.profile.hours, group)))
            }
            SpendingPart::CategoryTail => {
                let none = [0.0; CATEGORY_GROUP_ENDS.len()];
                let counts = self.profile.categories.as_deref().unwrap_or(&none);
                let group = self.request.category.map(category_group);
                or_not_supplied(group.map(|group| self.tail(counts, group)))
            }
            SpendingPart::MerchantTail => {
                or_not_supplied(merchant(self.request).map(|merchant| self.merchant_tail(merchant)))
            }
        }
    }

    fn weight(&self) -> f64 {
        self.profile.weight * self.fade
    }

    /// Usual logarithm of the amount, and how far from it the next one usually is.
    fn level(&self) -> (f64, f64) {
        let prior = self.request.prior;
        let weight = self.weight();
        let total = weight + LEVEL_WEIGHT;
        let level = (weight * self.profile.mean + LEVEL_WEIGHT * prior.log_mean) / total;
        let squares = self.profile.squares * self.fade + prior.weight * prior.log_sd * prior.log_sd;
        let variance = squares / (weight + prior.weight) * (1.0 + 1.0 / total);
        (level, sqrt(variance).max(LEAST_SPREAD))
    }

    /// Excess and number of the purchases not older than that.
    fn recent(&self, window: Span) -> (f64, i64) {
        let from = self.request.time.as_micros() - window.as_micros();
        let recent = self.profile.recent.iter().filter(|recent| recent.time > from);
        recent.fold((0.0, 0), |(excess, count), recent| (excess + recent.excess, count + 1))
    }

    fn rate(&self) -> f64 {
        let prior = self.request.prior.weight;
        (self.weight() + prior) / (self.days + prior / PRIOR_RATE)
    }

    /// Chance of a group as rare as this one or rarer, the prior spread evenly over the groups.
    fn tail(&self, counts: &[f64], own: usize) -> f64 {
        let prior = self.request.prior.weight;
        let share = prior / counts.len() as f64;
        let total: f64 = counts.iter().sum();
        let rare = counts.iter().filter(|count| **count <= counts[own]);
        let rare: f64 = rare.map(|count| count * self.fade + share).sum();
        rare / (total * self.fade + prior)
    }

    fn merchant_tail(&self, merchant: u32) -> f64 {
        if self.profile.merchants.contains(&merchant) {
            return 1.0;
        }
        let prior = self.request.prior.weight;
        (self.profile.firsts * self.fade + prior * PRIOR_NEW) / (self.weight() + prior)
    }
}

/// Most groups of most accounts are empty: a bit says which are not.
fn encode_counts(counts: &[f64], writer: &mut Writer) {
    let filled = counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
    writer.number(filled.clone().map(|(group, _)| 1 << group).sum());
    filled.for_each(|(_, count)| writer.double(*count));
}

fn decode_counts<const N: usize>(reader: &mut Reader<'_>) -> Result<[f64; N], Garbled> {
    let filled = reader.number()?;
    let mut counts = [0.0; N];
    for (group, count) in counts.iter_mut().enumerate() {
        if filled >> group & 1 == 1 {
            *count = reader.amount()?;
        }
    }
    Ok(counts)
}

fn or_not_supplied(number: Option<f64>) -> Reading {
    number.map_or(Reading::NotSupplied, Reading::Double)
}

/// Natural logarithm of the amount in major units; nothing is less than one minor unit.
fn log_amount(purchase: &Observation) -> f64 {
    let unit = pow(10.0, f64::from(purchase.exponent));
    log(purchase.amount.max(1) as f64 / unit)
}

/// `ln(1 + e^v)` without overflow, `v` being `z` on the scale of a logistic law with deviation 1:
/// minus the logarithm of the chance of something higher.
fn softplus(z: f64) -> f64 {
    let v = std::f64::consts::PI / sqrt(3.0) * z;
    if v > 0.0 { v + log1p(exp(-v)) } else { log1p(exp(v)) }
}

fn hour_group(hour: Option<u8>) -> Option<usize> {
    hour.map(|hour| usize::from(hour.min(23)) * HOUR_GROUPS / 24)
}

fn category_group(category: Category) -> usize {
    let place = CATEGORY_GROUP_ENDS.partition_point(|&end| end < category.number());
    place.min(CATEGORY_GROUP_ENDS.len() - 1)
}

fn merchant(observation: &Observation) -> Option<u32> {
    observation.parties.merchant.map(|key| key.short() as u32)
}

fn reserve_one<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(growth(list.len()));
    }
}
