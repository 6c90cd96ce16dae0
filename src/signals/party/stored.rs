//! A party as bytes, for snapshots and for stores that others share; read back with every bound
//! checked.

use super::{Log, PartyState, Profile, Series, Sightings, Trail};
use crate::signals::plan::{KindPlan, SeriesPlan};
use crate::signals::wire::{Garbled, Reader, Writer};

/// Which parts follow.
const DOUBTFUL: u8 = 1;
const TRAIL: u8 = 2;
const PROFILE: u8 = 4;

impl PartyState {
    /// Drops what no reading looks at that comes after the newest event.
    pub fn prune(&mut self, plan: &KindPlan) {
        let now = self.newest;
        for (log, plan) in self.logs.iter_mut().zip(&plan.logs) {
            log.prune(now - plan.kept);
        }
        self.sightings.prune(now, &plan.sets);
        for (series, plan) in self.series.iter_mut().zip(&plan.series) {
            series.prune(now, plan);
        }
    }

    pub fn encode(&self, plan: &KindPlan, writer: &mut Writer) {
        let base = self.first_seen;
        let part = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
        writer.byte(
            part(self.doubtful_until > 0, DOUBTFUL)
                | part(self.trail.is_some(), TRAIL)
                | part(self.profile.is_some(), PROFILE),
        );
        writer.signed(base);
        writer.signed(self.newest - base);
        if self.doubtful_until > 0 {
            writer.signed(self.doubtful_until - base);
        }
        self.logs.iter().for_each(|log| log.encode(writer));
        self.sightings.encode(base, &plan.sets, writer);
        let series = self.series.iter().zip(&plan.series).filter(|(series, _)| !series.is_empty());
        writer.count(series.clone().count());
        for (series, plan) in series {
            writer.number(plan.code());
            series.encode(writer);
        }
        if let Some(trail) = &self.trail {
            trail.encode(base, writer);
        }
        if let Some(profile) = &self.profile {
            profile.encode(base, writer);
        }
    }

    /// Parts that the catalog no longer has are left out, those that it has anew are empty.
    pub fn decode(plan: &KindPlan, reader: &mut Reader<'_>) -> Result<PartyState, Garbled> {
        let parts = reader.byte()?;
        let base = reader.time(0)?;
        let newest = reader.time(base)?;
        let has = |part: u8| parts & part != 0;
        let doubtful_until = if has(DOUBTFUL) { reader.time(base)? } else { i64::MIN };
        let mut state = PartyState { newest, ..PartyState::new(base, doubtful_until) };
        state.logs = [Log::decode(reader)?, Log::decode(reader)?];
        state.sightings = Sightings::decode(base, &plan.sets, reader)?;
        state.series = decode_series(&plan.series, reader)?;
        if has(TRAIL) {
            state.trail = Some(Box::new(Trail::decode(base, reader)?));
        }
        if has(PROFILE) {
            state.profile = Some(Box::new(Profile::decode(base, reader)?));
        }
        Ok(state)
    }
}

fn decode_series(plans: &[SeriesPlan], reader: &mut Reader<'_>) -> Result<Box<[Series]>, Garbled> {
    let count = reader.count(1)?;
    let mut all: Box<[Series]> = match count {
        0 => Box::default(),
        _ => plans.iter().map(|_| Series::default()).collect(),
    };
    for _ in 0..count {
        let code = reader.number()?;
        let series = Series::decode(reader)?;
        if let Some(place) = plans.iter().position(|plan| plan.code() == code) {
            all[place] = series;
        }
    }
    Ok(all)
}
