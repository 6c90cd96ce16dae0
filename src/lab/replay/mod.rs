//! Replay: a file of past transactions, decided one by one as if each had just come in.
//!
//! Rows are in order of time. Each is judged on what was known before it, then becomes a completed
//! purchase; its label becomes known `label_delay` later: 1 is confirmed misuse, 0 is repaid.
//! With a limit the row's amount is owed until then; without one the rows are purchases, no plans.
//! Memory grows with parties and with the rows of one label delay, not with the file.

mod accounts;
mod columns;
mod rows;
mod summary;

use std::io::{Read, Write};

use thiserror::Error;

use crate::decide::decide;
use crate::domain::{Country, Currency, Decision, PARTY_SECRET_LEN, PartyHasher, Span};
use crate::features::{self, Facts, StepUpFacts, View};
use crate::lab::cell;
use crate::playbook::Playbook;
use crate::signals::{EmbeddedConfig, EmbeddedStore, SignalEvent};

use accounts::Accounts;
use rows::{Row, Rows};

pub use columns::{Column, Columns};
pub use summary::Summary;

/// How to replay a file.
#[derive(Clone, Debug)]
pub struct Options {
    pub columns: Columns,
    pub market: Country,
    pub currency: Currency,
    /// Minor units; `None` lets no limit bind.
    pub limit: Option<i64>,
    pub label_delay: Span,
    /// Writes every feature by its catalog name.
    pub features: bool,
    /// Columns of the input that are copied to the output.
    pub keep: Vec<String>,
    pub signals: EmbeddedConfig,
}

/// Why a replay stopped.
#[derive(Debug, Error)]
pub enum Error {
    #[error("{0}")]
    Header(String),
    #[error("row {row}: {problem}")]
    Row { row: u64, problem: String },
    #[error("reading: {0}")]
    Read(#[from] csv::Error),
    #[error("writing: {0}")]
    Write(#[from] std::io::Error),
}

/// Replays `input` into `output`; `progress` is told the number of rows now and then.
pub fn replay(
    playbook: &Playbook,
    options: &Options,
    input: impl Read,
    output: &mut dyn Write,
    progress: &dyn Fn(u64),
) -> Result<Summary, Error> {
    // A file is no live party: a fixed secret makes two replays of it comparable.
    let hasher = PartyHasher::new(&[0; PARTY_SECRET_LEN]);
    let mut rows = Rows::open(input, options)?;
    let mut writer = csv::Writer::from_writer(output);
    let header = header(options);
    let twice = header.iter().enumerate().find(|(at, name)| header[..*at].contains(name));
    if let Some((_, name)) = twice {
        return Err(Error::Header(format!("--keep: the output has a column \"{name}\" already")));
    }
    writer.write_record(&header)?;
    let mut replay = Replay {
        playbook,
        options,
        store: EmbeddedStore::new(options.signals),
        accounts: Accounts::new(hasher, options.limit, options.label_delay),
        summary: Summary::default(),
    };
    let mut fields = csv::StringRecord::new();
    while let Some(row) = rows.next()? {
        fields.clear();
        replay.one(&row, &mut fields)?;
        for text in rows.kept() {
            fields.push_field(text);
        }
        writer.write_record(&fields)?;
        if replay.summary.rows.is_multiple_of(PROGRESS_EVERY) {
            progress(replay.summary.rows);
        }
    }
    writer.flush()?;
    progress(replay.summary.rows);
    Ok(replay.summary)
}

const PROGRESS_EVERY: u64 = 10_000;

struct Replay<'a> {
    playbook: &'a Playbook,
    options: &'a Options,
    store: EmbeddedStore,
    accounts: Accounts,
    summary: Summary,
}

impl Replay<'_> {
    /// Judges one row, writes what came of it, and teaches it.
    fn one(&mut self, row: &Row, fields: &mut csv::StringRecord) -> Result<(), Error> {
        for event in self.accounts.labels_due(row.time) {
            self.store.apply(&event);
        }
        let market = self.playbook.policy.market(self.options.market);
        let local = market.and_then(|market| market.local(row.time));
        let observation = self.accounts.observation(row, (self.options.currency, market, local));
        let readings = self.store.observe(&observation);
        let facts = Facts {
            request: row.request(self.options, local),
            readings,
            standing: self.accounts.standing(row, self.options),
            step_up: StepUpFacts::default(),
            review: None,
        };
        let decision = decide(&facts, self.playbook);
        self.summary.count(row, &decision, self.options.currency);
        self.write(row, &facts, &decision, fields);
        let purchase = SignalEvent::Purchase(observation);
        self.store.apply(&purchase);
        if let SignalEvent::Purchase(observation) = purchase {
            self.accounts.purchased(row, observation);
        }
        Ok(())
    }

    fn write(&self, row: &Row, facts: &Facts, decision: &Decision, fields: &mut csv::StringRecord) {
        let codes: Vec<&str> = decision.reasons.iter().map(|reason| reason.code.name()).collect();
        let score = |score: Option<i64>| score.map_or_else(String::new, |score| score.to_string());
        let scores = &decision.scores;
        fields.push_field(&row.id);
        fields.push_field(&row.time.as_seconds().to_string());
        fields.push_field(&row.account);
        fields.push_field(&row.merchant);
        fields.push_field(&row.amount_text);
        fields.push_field(decision.outcome.name());
        fields.push_field(&codes.join(";"));
        fields.push_field(&score(scores.credit));
        fields.push_field(&score(scores.affordability));
        fields.push_field(&score(scores.spending));
        fields.push_field(&score(scores.fraud));
        if self.options.features {
            let market = self.playbook.policy.market_facts(&facts.request);
            let view = View { facts, market, scores };
            let mut field = String::new();
            for slot in 0..features::slot_count() as u16 {
                field.clear();
                cell::write(&mut field, &features::read(slot, &view));
                fields.push_field(&field);
            }
        }
    }
}

fn header(options: &Options) -> Vec<String> {
    let fixed = "id,time,account,merchant,amount,outcome,codes,score_credit,score_affordability,\
                 score_spending,score_fraud";
    let mut header: Vec<String> = fixed.split(',').map(str::to_owned).collect();
    if options.features {
        header.extend(features::names().into_iter().map(|named| named.name));
    }
    header.extend(options.keep.iter().cloned());
    header
}
