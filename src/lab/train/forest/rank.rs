//! Average precision and card precision: how many of those at the top are positive.

use std::collections::{BTreeMap, HashSet};

/// Cards that somebody looks into each day.
pub const CARDS_A_DAY: usize = 100;

/// Mean of the precision over the positives, from the highest score down; equal scores come at
/// once. Nothing without a positive.
pub fn average_precision(scores: &[f64], positive: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len().min(positive.len())).collect();
    order.sort_unstable_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut hits, mut seen, mut sum) = (0_u64, 0_u64, 0.0);
    for equal in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let here = equal.iter().filter(|row| positive[**row]).count() as u64;
        hits += here;
        seen += equal.len() as u64;
        sum += here as f64 * (hits as f64 / seen as f64);
    }
    if hits == 0 { 0.0 } else { sum / hits as f64 }
}

/// A judged row with its day and its card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayRow {
    pub day: i64,
    /// Place of the card in the order of ids, so that the lower of two is known.
    pub card: u32,
    pub score: f64,
    pub positive: bool,
}

/// Mean over the days of the share of compromised ones among the `count` cards with the highest
/// scores. A card counts by its highest score and label of the day, ties go to the lower card, and
/// a card that was found is not looked for again.
pub fn card_precision(rows: &[DayRow], count: usize) -> f64 {
    let mut days: BTreeMap<i64, BTreeMap<u32, (f64, bool)>> = BTreeMap::new();
    for row in rows {
        let cards = days.entry(row.day).or_default();
        let card = cards.entry(row.card).or_insert((row.score, row.positive));
        *card = (card.0.max(row.score), card.1 || row.positive);
    }
    let mut found: HashSet<u32> = HashSet::new();
    let mut sum = 0.0;
    for cards in days.values() {
        let mut left: Vec<(u32, f64, bool)> = cards
            .iter()
            .filter(|(card, _)| !found.contains(card))
            .map(|(card, (score, positive))| (*card, *score, *positive))
            .collect();
        left.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let hits = left.iter().take(count).filter(|(_, _, positive)| *positive);
        let before = found.len();
        found.extend(hits.map(|(card, _, _)| *card));
        sum += (found.len() - before) as f64 / count as f64;
    }
    sum / (days.len() as f64).max(1.0)
}

/// Orders ids as people do: numbers by value, then texts. Gives each id its place.
pub fn places(ids: &[String]) -> Vec<u32> {
    let key = |id: &String| id.parse::<i64>().map_or((1, 0), |number| (0, number));
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by(|a, b| key(&ids[*a]).cmp(&key(&ids[*b])).then(ids[*a].cmp(&ids[*b])));
    let mut places = vec![0; ids.len()];
    for (place, id) in order.into_iter().enumerate() {
        places[id] = place as u32;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    /// The sum over cuts of the recall gained times the precision there.
    fn naive(scores: &[f64], positive: &[bool]) -> f64 {
        let all = positive.iter().filter(|one| **one).count() as f64;
        let mut cuts: Vec<f64> = scores.to_vec();
        cuts.sort_by(|a, b| b.total_cmp(a));
        cuts.dedup();
        let (mut recall, mut sum) = (0.0, 0.0);
        for cut in cuts {
            let at: Vec<bool> =
                scores.iter().zip(positive).filter(|(s, _)| **s >= cut).map(|(_, y)| *y).collect();
            let hits = at.iter().filter(|one| **one).count() as f64;
            sum += (hits / all - recall) * hits / at.len() as f64;
            recall = hits / all;
        }
        sum
    }

    proptest! {
        #[test]
        fn average_precision_is_that_of_its_definition(
            rows in proptest::collection::vec((0_u8..10, any::<bool>()), 1..60)
        ) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score)).collect();
            let positive: Vec<bool> = rows.iter().map(|(_, one)| *one).collect();
            let told = average_precision(&scores, &positive);
            if positive.iter().any(|one| *one) {
                prop_assert!((told - naive(&scores, &positive)).abs() < 1e-12);
            } else {
                prop_assert!(told == 0.0);
            }
        }
    }

    #[test]
    fn cards_are_found_once_and_ties_go_to_the_lower() {
        let row = |day, card, score, positive| DayRow { day, card, score, positive };
        let rows = [
            // Day 1: card 1 has two rows, its higher score and its label are not on the same one.
            row(1, 1, 0.9, false),
            row(1, 1, 0.1, true),
            row(1, 7, 0.5, true),
            row(1, 3, 0.5, false),
            row(1, 9, 0.5, true),
            // Day 2: card 1 was found; 9 was not, since 3 tied with it and is lower.
            row(2, 1, 1.0, true),
            row(2, 9, 0.8, true),
            row(2, 4, 0.7, false),
            row(2, 5, 0.6, true),
        ];
        // Day 1 takes 1 and 3, day 2 takes 9 and 4: a half each.
        assert_eq!(card_precision(&rows, 2), 0.5);
        // Day 1 takes 1, 3, 7: two of three; day 2 takes 9, 4, 5: two of three.
        assert_eq!(card_precision(&rows, 3), 2.0 / 3.0);
        // With fewer cards than are asked for, the rest are none; 1, 7 and 9 are found, then 5.
        assert_eq!(card_precision(&rows, 100), (3.0 / 100.0 + 1.0 / 100.0) / 2.0);
        assert_eq!(card_precision(&[], 100), 0.0);
    }

    #[test]
    fn ids_are_ordered_as_numbers_where_they_are_numbers() {
        let ids = ["", "10", "9", "b", "a"].map(str::to_owned);
        assert_eq!(places(&ids), [2, 1, 0, 4, 3]);
    }
}
