//! How what is remembered becomes bytes: short numbers in few bytes, read back with every bound
//! checked, since the bytes may come from anywhere.

use std::fmt;

/// Times in stored bytes lie within this many microseconds of 1970 (142 years), so that no sum or
/// difference of two of them can overflow.
const TIME_MAX: i64 = 1 << 52;

/// Other numbers lie below this: what is more was never written, and the sums of those that remain
/// stay finite.
pub const NUMBER_MAX: i64 = 1 << 53;

/// Bytes that are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled(pub &'static str);

impl fmt::Display for Garbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stored bytes are garbled: {}", self.0)
    }
}

/// Collects bytes.
#[derive(Debug, Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, lowest first (LEB128).
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Small magnitudes of either sign take few bytes.
    pub fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    pub fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub fn fixed_u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub fn fixed_u64(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub fn double(&mut self, number: f64) {
        self.fixed_u64(number.to_bits());
    }
}

/// Goes through bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Garbled> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Garbled("cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, Garbled> {
        Ok(self.array::<1>()?[0])
    }

    pub fn number(&mut self) -> Result<u64, Garbled> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Garbled("a number of more than 64 bits"))
    }

    pub fn signed(&mut self) -> Result<i64, Garbled> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Garbled> {
        T::try_from(self.number()?).map_err(|_| Garbled("a number out of range"))
    }

    /// How many things of at least `least` bytes follow; never more than there is room for.
    pub fn count(&mut self, least: usize) -> Result<usize, Garbled> {
        let count: usize = self.small()?;
        match count.checked_mul(least) {
            Some(length) if length <= self.rest.len() => Ok(count),
            _ => Err(Garbled("a list longer than its bytes")),
        }
    }

    /// A time as the difference from `base`, both in microseconds.
    pub fn time(&mut self, base: i64) -> Result<i64, Garbled> {
        let time = base.checked_add(self.signed()?);
        let within = |time: &i64| (-TIME_MAX..=TIME_MAX).contains(time);
        time.filter(within).ok_or(Garbled("a time out of range"))
    }

    pub fn fixed_u32(&mut self) -> Result<u32, Garbled> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn fixed_u64(&mut self) -> Result<u64, Garbled> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn double(&mut self) -> Result<f64, Garbled> {
        let number = f64::from_bits(self.fixed_u64()?);
        (number.abs() <= NUMBER_MAX as f64).then_some(number).ok_or(Garbled("no such number"))
    }

    /// Minor units.
    pub fn minor(&mut self) -> Result<i64, Garbled> {
        let minor = Some(self.signed()?).filter(|minor| (0..=NUMBER_MAX).contains(minor));
        minor.ok_or(Garbled("no such amount"))
    }

    /// A double that is not negative.
    pub fn amount(&mut self) -> Result<f64, Garbled> {
        let number = self.double()?;
        (number >= 0.0).then_some(number).ok_or(Garbled("a negative count"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Garbled> {
        self.take(N)?.try_into().map_err(|_| Garbled("cut short"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were_written() {
        let mut writer = Writer::default();
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let signed = [0, -1, 1, 63, -64, i64::MAX, i64::MIN];
        numbers.iter().for_each(|n| writer.number(*n));
        signed.iter().for_each(|n| writer.signed(*n));
        writer.double(-0.1);
        let mut reader = Reader::new(&writer.bytes);
        numbers.iter().for_each(|n| assert_eq!(reader.number(), Ok(*n)));
        signed.iter().for_each(|n| assert_eq!(reader.signed(), Ok(*n)));
        assert_eq!(reader.double(), Ok(-0.1));
        assert!(reader.is_empty());
    }

    #[test]
    fn what_was_never_written_is_refused() {
        let reader = |bytes: &'static [u8]| Reader::new(bytes);
        assert!(reader(&[0x80]).number().is_err(), "cut short");
        assert!(reader(&[0xFF; 11]).number().is_err(), "too long");
        assert!(reader(&[0xFF; 10]).number().is_err(), "too large");
        assert!(reader(&[0xFF, 0x01, 7]).count(1).is_err(), "255 things in one byte");
        assert!(reader(&[0xFF; 8]).double().is_err(), "not a number");
        assert!(reader(&[0x01]).minor().is_err(), "less than nothing");
        let mut large = Writer::default();
        large.double(f64::MAX);
        large.signed(NUMBER_MAX + 1);
        let mut large = Reader::new(&large.bytes);
        assert!(large.double().is_err() && large.minor().is_err(), "beyond all numbers");
        assert!(reader(&[0x80, 0x02]).small::<u8>().is_err());
        let mut writer = Writer::default();
        writer.signed(1 << 53);
        assert!(Reader::new(&writer.bytes).time(0).is_err(), "beyond all times");
        assert!(Reader::new(&writer.bytes).time(i64::MAX).is_err(), "no overflow");
    }
}
