//! When and where an account was seen last, and how fast it would have had to travel since.

use libm::{asin, cos, sin, sqrt};

use super::wire::{Garbled, Reader, Writer};
use crate::domain::{Position, Span};

/// Mean radius of the Earth (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Places closer than this are one place: address databases are no better.
const SAME_PLACE_KM: f64 = 50.0;

/// Two events in the same moment are taken as a minute apart, so that the speed stays finite.
const SHORTEST_TRIP: Span = Span::minutes(1);

/// Something that was seen with a request.
#[derive(Clone, Copy, Debug)]
struct Moment<T> {
    /// Microseconds.
    time: i64,
    id: u64,
    what: T,
}

/// The newest moments of two different requests: one of them is always of another request than the
/// one that is being judged, however often that one is judged again.
#[derive(Debug)]
struct LatestTwo<T> {
    last: Option<Moment<T>>,
    before: Option<Moment<T>>,
}

impl<T: Copy> LatestTwo<T> {
    const EMPTY: LatestTwo<T> = LatestTwo { last: None, before: None };

    fn see(&mut self, moment: Moment<T>) {
        let newer = |slot: &Option<Moment<T>>| slot.is_none_or(|old| moment.time >= old.time);
        let same = |slot: &Option<Moment<T>>| slot.is_some_and(|old| moment.id == old.id);
        if newer(&self.last) {
            if !same(&self.last) {
                self.before = self.last;
            }
            self.last = Some(moment);
        } else if !same(&self.last) && newer(&self.before) {
            self.before = Some(moment);
        }
    }

    /// The newest moment of another request than `id`.
    fn of_another(&self, id: u64) -> Option<Moment<T>> {
        self.last.filter(|moment| moment.id != id).or(self.before)
    }

    fn encode(&self, base: i64, writer: &mut Writer, what: impl Fn(&mut Writer, T)) {
        for slot in [self.last, self.before] {
            writer.byte(u8::from(slot.is_some()));
            if let Some(moment) = slot {
                writer.signed(moment.time - base);
                writer.fixed_u64(moment.id);
                what(writer, moment.what);
            }
        }
    }

    fn decode(
        base: i64,
        reader: &mut Reader<'_>,
        what: impl Fn(&mut Reader<'_>) -> Result<T, Garbled>,
    ) -> Result<LatestTwo<T>, Garbled> {
        let mut slot = || {
            Ok(match reader.byte()? {
                0 => None,
                _ => Some(Moment {
                    time: reader.time(base)?,
                    id: reader.fixed_u64()?,
                    what: what(reader)?,
                }),
            })
        };
        Ok(LatestTwo { last: slot()?, before: slot()? })
    }
}

/// The last times and places of one account.
#[derive(Debug)]
pub struct Trail {
    seen: LatestTwo<()>,
    places: Option<Box<LatestTwo<Position>>>,
}

impl Trail {
    pub fn new() -> Trail {
        Trail { seen: LatestTwo::EMPTY, places: None }
    }

    /// `time` in microseconds.
    pub fn see(&mut self, time: i64, id: u64, position: Option<Position>) {
        self.seen.see(Moment { time, id, what: () });
        if let Some(what) = position {
            let places = self.places.get_or_insert_with(|| Box::new(LatestTwo::EMPTY));
            places.see(Moment { time, id, what });
        }
    }

    /// How long before `now` another request was seen; zero when it was seen later.
    pub fn idle(&self, now: i64, id: u64) -> Option<Span> {
        let seen = self.seen.of_another(id)?;
        Some(Span::micros((now - seen.time).max(0)))
    }

    /// Speed in km/h from the last place of another request; 0 when it may be the same place.
    pub fn speed(&self, now: i64, id: u64, here: Position) -> Option<f64> {
        let from = self.places.as_ref()?.of_another(id)?;
        let accuracy = f64::from(from.what.accuracy_km) + f64::from(here.accuracy_km);
        let distance = distance_km(from.what, here) - accuracy;
        if distance < SAME_PLACE_KM {
            return Some(0.0);
        }
        let between = Span::micros((now - from.time).abs()).max(SHORTEST_TRIP);
        Some(distance / between.as_hours_f64())
    }

    pub fn encode(&self, base: i64, writer: &mut Writer) {
        self.seen.encode(base, writer, |_, ()| {});
        writer.byte(u8::from(self.places.is_some()));
        if let Some(places) = &self.places {
            places.encode(base, writer, write_position);
        }
    }

    pub fn decode(base: i64, reader: &mut Reader<'_>) -> Result<Trail, Garbled> {
        let seen = LatestTwo::decode(base, reader, |_| Ok(()))?;
        let places = match reader.byte()? {
            0 => None,
            _ => Some(Box::new(LatestTwo::decode(base, reader, read_position)?)),
        };
        Ok(Trail { seen, places })
    }

    pub fn heap_bytes(&self) -> usize {
        let places = self.places.as_ref().map_or(0, |_| size_of::<LatestTwo<Position>>());
        size_of::<Trail>() + places
    }
}

pub fn write_position(writer: &mut Writer, position: Position) {
    writer.signed(i64::from(position.lat_e6));
    writer.signed(i64::from(position.lon_e6));
    writer.number(u64::from(position.accuracy_km));
}

pub fn read_position(reader: &mut Reader<'_>) -> Result<Position, Garbled> {
    let mut degrees =
        || i32::try_from(reader.signed()?).map_err(|_| Garbled("a position off the Earth"));
    let (lat_e6, lon_e6) = (degrees()?, degrees()?);
    Ok(Position { lat_e6, lon_e6, accuracy_km: reader.small()? })
}

/// Great-circle distance by the haversine formula; `libm` gives the same bits on every machine.
pub fn distance_km(a: Position, b: Position) -> f64 {
    let radians = |degrees_e6: i32| f64::from(degrees_e6) * 1e-6 * std::f64::consts::PI / 180.0;
    let (lat_a, lat_b) = (radians(a.lat_e6), radians(b.lat_e6));
    let half_lat = sin((lat_b - lat_a) / 2.0);
    let half_lon = sin((radians(b.lon_e6) - radians(a.lon_e6)) / 2.0);
    let h = half_lat * half_lat + cos(lat_a) * cos(lat_b) * half_lon * half_lon;
    2.0 * EARTH_RADIUS_KM * asin(sqrt(h.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: Position = Position { lat_e6: 52_520_000, lon_e6: 13_405_000, accuracy_km: 10 };
    const STOCKHOLM: Position =
        Position { lat_e6: 59_329_000, lon_e6: 18_069_000, accuracy_km: 10 };
    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn distance_is_along_the_great_circle() {
        assert!((distance_km(BERLIN, STOCKHOLM) - 810.0).abs() < 2.0);
        assert_eq!(distance_km(BERLIN, BERLIN), 0.0);
    }

    #[test]
    fn speed_is_from_the_last_place_of_another_request() {
        let mut trail = Trail::new();
        assert_eq!(trail.speed(0, 1, BERLIN), None);
        trail.see(0, 1, Some(BERLIN));
        trail.see(HOUR, 2, Some(STOCKHOLM));
        let speed = trail.speed(HOUR, 2, STOCKHOLM).unwrap();
        assert!((speed - 790.0).abs() < 2.0, "{speed}");
        assert_eq!(trail.speed(HOUR, 3, STOCKHOLM), Some(0.0));
        let at_once = trail.speed(HOUR, 3, BERLIN).unwrap();
        assert!((at_once - 790.0 * 60.0).abs() < 120.0, "{at_once}");
    }

    #[test]
    fn an_event_that_comes_late_does_not_hide_a_newer_one() {
        let mut trail = Trail::new();
        trail.see(2 * HOUR, 1, None);
        trail.see(HOUR, 2, None);
        assert_eq!(trail.idle(3 * HOUR, 9), Some(Span::hours(1)));
        assert_eq!(trail.idle(3 * HOUR, 1), Some(Span::hours(2)));
        assert_eq!(trail.idle(HOUR, 9), Some(Span::ZERO));
    }
}
