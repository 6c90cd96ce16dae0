//! Made-up transactions with bursts, ties and window edges, and what plain counting says of them.

use std::fmt::Write;

use crate::seed::Random;

const DAY: i64 = 24 * 3600;
/// A Monday.
const BEGIN: i64 = 1_700_438_400;
const DAYS: u64 = 75;
/// Quiet ones and busy ones; the busiest has fewer than 160 purchases in 30 days.
const ACCOUNTS: u64 = 45;
const MERCHANTS: u64 = 20;
const ROWS: usize = 3_500;

#[derive(Clone)]
pub struct Transaction {
    pub time: i64,
    pub account: String,
    pub merchant: String,
    /// Minor units.
    pub amount: i64,
    pub misused: bool,
    pub scenario: u64,
}

impl Transaction {
    fn any(random: &mut Random) -> Transaction {
        // The smaller of two numbers: low ones are busy.
        let account = random.below(ACCOUNTS).min(random.below(ACCOUNTS));
        Transaction {
            time: BEGIN + random.below(DAYS * DAY as u64) as i64,
            account: format!("customer {account}"),
            merchant: format!("terminal-{}", random.below(MERCHANTS)),
            amount: 1 + random.below(30_000) as i64,
            misused: random.chance(4),
            scenario: random.below(4),
        }
    }

    /// By the same customer, around where a window over this one ends.
    fn at_an_edge(&self, random: &mut Random) -> Transaction {
        let length = *random.pick(&[600, DAY, 7 * DAY, 30 * DAY]);
        let time = self.time + length + *random.pick(&[-1, 0, 1]);
        Transaction { time, account: self.account.clone(), ..Transaction::any(random) }
    }

    /// By the same customer, at once or within seconds.
    fn in_a_burst(&self, random: &mut Random) -> Transaction {
        let time = self.time + random.below(3) as i64;
        Transaction { time, account: self.account.clone(), ..Transaction::any(random) }
    }
}

/// In order of time.
pub fn generate(seed: u64) -> Vec<Transaction> {
    let mut random = Random::new(seed);
    let mut all = vec![Transaction::any(&mut random)];
    while all.len() < ROWS {
        let one = match random.below(10) {
            0 => random.pick(&all).clone().at_an_edge(&mut random),
            1 => random.pick(&all).clone().in_a_burst(&mut random),
            _ => Transaction::any(&mut random),
        };
        all.push(one);
    }
    all.sort_by_key(|transaction| transaction.time);
    all
}

/// Under names of the file's own.
pub const COLUMNS: &str = "id=tx,account=customer_id,merchant=terminal_id,time=tx_time,label=fraud";

pub fn to_csv(all: &[Transaction]) -> String {
    let mut csv = "tx,tx_time,customer_id,terminal_id,amount,fraud,scenario\n".to_owned();
    for (place, one) in all.iter().enumerate() {
        let Transaction { time, account, merchant, misused, scenario, .. } = one;
        let (amount, label) = (one.amount_text(), u8::from(*misused));
        writeln!(csv, "t{place},{time},{account},{merchant},{amount},{label},{scenario}").unwrap();
    }
    csv
}

impl Transaction {
    pub fn amount_text(&self) -> String {
        format!("{}.{:02}", self.amount / 100, self.amount % 100)
    }
}

/// How many purchases of the same customer are at most so old at the one in this place, itself
/// included, and what they cost together. One that is exactly so old is too old.
pub fn customer(all: &[Transaction], place: usize, seconds: i64) -> (i64, i64) {
    let (mut count, mut sum) = (0, 0);
    for earlier in &all[..=place] {
        if earlier.account == all[place].account && all[place].time - earlier.time < seconds {
            count += 1;
            sum += earlier.amount;
        }
    }
    (count, sum)
}

pub const fn days(count: i64) -> i64 {
    count * DAY
}
