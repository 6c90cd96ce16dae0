//! What is read from a certificate beyond what TLS checks: its names, and its end.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::domain::{Time, certificate_name};

/// The subject alternative names, DNS and URI, as callers are known by them.
pub fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    // What stands among the URIs is no DNS name, whatever it looks like: nobody holds it to the
    // names that an authority may give.
    let uris = certificate.valid_uri_names().filter(|name| name.contains("://"));
    let names = certificate.valid_dns_names().chain(uris);
    names.filter_map(certificate_name).collect()
}

/// Until when a certificate is valid (RFC 5280, section 4.1.2.5); `None` when it does not read.
pub fn not_after(certificate: &CertificateDer<'_>) -> Option<Time> {
    let (certificate, _) = element(certificate, Some(SEQUENCE))?;
    let (signed, _) = element(certificate, Some(SEQUENCE))?;
    // The version, which the first version does not have; serial, signature, issuer.
    let mut rest = match element(signed, Some(VERSION)) {
        Some((_, rest)) => rest,
        None => signed,
    };
    for _ in 0..3 {
        (_, rest) = element(rest, None)?;
    }
    let (validity, _) = element(rest, Some(SEQUENCE))?;
    let (_, rest) = element(validity, None)?;
    match *rest.first()? {
        UTC_TIME => {
            let text = std::str::from_utf8(element(rest, None)?.0).ok()?;
            // Two digits of a year: 1950 to 2049.
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            time(&format!("{century}{text}"))
        }
        GENERALIZED_TIME => time(std::str::from_utf8(element(rest, None)?.0).ok()?),
        _ => None,
    }
}

/// Tags of DER that are met here.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The contents of the first element, of that tag, and what follows it (X.690, section 8.1).
fn element(bytes: &[u8], tag: Option<u8>) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if tag.is_some_and(|tag| tag != *first) {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// `YYYYMMDDHHMMSSZ`.
fn time(text: &str) -> Option<Time> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14)?;
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i8>().ok();
    let year = digits.get(..4)?.parse::<i16>().ok()?;
    let (month, day) = (number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let stamp = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Time::from_seconds(stamp.as_second()))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// Of the names shop.example, *.shop.example and spiffe://lender.example/checkout, until
    /// 2126-10-29 12:15:59 UTC.
    const KNOWN: &[u8] = include_bytes!("known.pem");

    #[test]
    fn names_and_end_are_read() {
        let certificate = CertificateDer::from_pem_slice(KNOWN).unwrap();
        assert_eq!(names(&certificate), ["shop.example", "spiffe://lender.example/checkout"]);
        let end = time("21261029121559Z").unwrap();
        assert_eq!(not_after(&certificate), Some(end));
        // Cut or changed anywhere, it may not read, but never panics.
        for length in 0..certificate.len() {
            let cut = CertificateDer::from(certificate[..length].to_vec());
            assert_eq!((names(&cut).len(), not_after(&cut)), (0, None), "{length}");
            let mut other = certificate.to_vec();
            other[length] ^= 0xff;
            let other = CertificateDer::from(other);
            let _whatever = (names(&other), not_after(&other));
        }
    }

    #[test]
    fn times_of_both_forms_are_read() {
        assert_eq!(time("19700101000010Z"), Some(Time::from_seconds(10)));
        for broken in ["", "Z", "19701301000000Z", "197001010000Z", "1970010100001åZ"] {
            assert_eq!(time(broken), None, "{broken}");
        }
    }
}
