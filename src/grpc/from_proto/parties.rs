//! Reads who and what stands behind a request: holder, device, network and place.

use std::net::IpAddr;

use super::reader::{Path, Reader, invalid};
use crate::domain::{
    AccountId, CheckResult, Country, DeviceFacts, Holder, NetworkFacts, NetworkKind, Parties,
    PartyKey, Position, Problem, network_fold, opaque_id, short_text,
};
use crate::grpc::pb;

/// Longest id of a device, token and hash of an address.
pub const TOKEN_MAX: usize = 128;
const EMAIL_MAX: usize = 254;
const NAME_MAX: usize = 100;
const POSTAL_CODE_MAX: usize = 16;

/// Whose request it is, with what is known of a guest.
pub struct Asker {
    pub holder: Holder,
    /// The party that is counted: the account, or the guest's contact.
    pub key: PartyKey,
    pub email: Option<PartyKey>,
    pub phone: Option<PartyKey>,
    pub details_match: Option<CheckResult>,
}

/// The account of a request, or its guest.
pub fn asker(r: &mut Reader, at: &Path, context: &pb::PurchaseContext) -> Option<Asker> {
    named(r, at, (&context.account_id, context.guest.as_ref()))
}

/// An account by its id, or a guest as a purchase names it.
pub fn holder(
    r: &mut Reader,
    at: &Path,
    names: (&str, Option<&pb::GuestIdentity>),
) -> Option<Holder> {
    named(r, at, names).map(|asker| asker.holder)
}

fn named(r: &mut Reader, at: &Path, names: (&str, Option<&pb::GuestIdentity>)) -> Option<Asker> {
    let guest_at = at.field("guest");
    match names {
        ("", None) => {
            r.fault(&at.field("account_id"), "required, unless guest is sent");
            None
        }
        ("", Some(sent)) => guest(r, &guest_at, sent),
        (id, sent) => {
            if sent.is_some() {
                r.fault(&guest_at, "must be empty when account_id is sent");
            }
            let id = r.take(&at.field("account_id"), AccountId::parse(id))?;
            let key = r.key("account", id.as_str());
            let holder = Holder::Account(id);
            Some(Asker { holder, key, email: None, phone: None, details_match: None })
        }
    }
}

fn guest(r: &mut Reader, at: &Path, sent: &pb::GuestIdentity) -> Option<Asker> {
    let email = email(r, &at.field("email"), &sent.email);
    let phone = phone(r, &at.field("phone"), &sent.phone);
    if sent.email.is_empty() && sent.phone.is_empty() {
        r.fault(at, "expected an email or a phone");
    }
    r.check(&at.field("given_name"), &sent.given_name, NAME_MAX);
    r.check(&at.field("family_name"), &sent.family_name, NAME_MAX);
    if let Some(address) = &sent.postal_address {
        let at = at.field("postal_address");
        r.check(&at.field("street"), &address.street, 200);
        r.check(&at.field("postal_code"), &address.postal_code, POSTAL_CODE_MAX);
        r.check(&at.field("city"), &address.city, NAME_MAX);
        r.optional(&at.field("country"), &address.country, Country::parse);
    }
    let details_match = r.word(&at.field("details_match"), sent.details_match);
    let key = email.or(phone)?;
    Some(Asker { holder: Holder::Guest(key), key, email, phone, details_match })
}

/// An e-mail address as a party; letters in either case are the same mailbox.
pub fn email(r: &mut Reader, at: &Path, text: &str) -> Option<PartyKey> {
    let address = r.optional(at, text, email_address)?;
    Some(r.key("email", &address))
}

fn email_address(text: &str) -> Result<String, Problem> {
    let address = short_text(text, EMAIL_MAX)?.trim().to_lowercase();
    let shaped = match address.split_once('@') {
        Some((mailbox, host)) => !mailbox.is_empty() && !host.is_empty() && !host.contains('@'),
        None => false,
    };
    match shaped && !address.contains(char::is_whitespace) {
        true => Ok(address),
        false => invalid("expected an e-mail address"),
    }
}

/// A phone number as a party.
pub fn phone(r: &mut Reader, at: &Path, text: &str) -> Option<PartyKey> {
    let number = r.optional(at, text, phone_number)?;
    Some(r.key("phone", number))
}

/// E.164: a plus sign and up to 15 digits, the first not 0. Not tried for a card number: a tenth
/// of the numbers of 13 digits would be taken for one.
fn phone_number(text: &str) -> Result<&str, Problem> {
    let digits = text.strip_prefix('+').unwrap_or("");
    let shaped = (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    if shaped { Ok(text) } else { invalid("expected a phone number in E.164, with its plus sign") }
}

/// A device, as a party and by what was found out about it.
pub struct Device {
    pub key: Option<PartyKey>,
    pub facts: DeviceFacts,
}

/// The device that a request or an event came from.
pub fn device(r: &mut Reader, at: &Path, sent: Option<&pb::DeviceContext>) -> Option<Device> {
    let sent = sent?;
    let id = r.optional(&at.field("device_id"), &sent.device_id, |id| opaque_id(id, TOKEN_MAX));
    r.check(&at.field("platform"), &sent.platform, 32);
    r.check(&at.field("app_version"), &sent.app_version, 32);
    r.check(&at.field("user_agent"), &sent.user_agent, 512);
    r.check(&at.field("accept_language"), &sent.accept_language, 128);
    let integrity = r.word(&at.field("integrity"), sent.integrity);
    let key = id.map(|_| r.key("device", &sent.device_id));
    Some(Device { key, facts: DeviceFacts { integrity, supported: sent.supported } })
}

/// A network, as a party and by what is known about it.
pub struct Network {
    pub key: Option<PartyKey>,
    pub region: Option<PartyKey>,
    pub facts: NetworkFacts,
    pub position: Option<Position>,
}

/// The network that a request or an event came over.
pub fn network(r: &mut Reader, at: &Path, sent: Option<&pb::NetworkContext>) -> Option<Network> {
    let sent = sent?;
    let address = r.optional(&at.field("ip_address"), &sent.ip_address, |text| {
        text.parse::<IpAddr>().or_else(|_| invalid("expected an IPv4 or IPv6 address"))
    });
    let country = r.optional(&at.field("country"), &sent.country, Country::parse);
    let region = region(r, &at.field("region"), &sent.region);
    let kind: Option<NetworkKind> = r.word(&at.field("kind"), sent.kind);
    let position = position(r, &at.field("position"), sent.position.as_ref());
    let key = address.map(|address| r.key("network", &network_fold(address, kind, sent.asn)));
    // A region's code begins with its country, so a country alone never equals a region.
    let region = region.or_else(|| country.map(|country| r.key("region", country.code())));
    Some(Network { key, region, facts: NetworkFacts { kind, country }, position })
}

/// A region of ISO 3166-2 as a party.
pub fn region(r: &mut Reader, at: &Path, text: &str) -> Option<PartyKey> {
    let code = r.optional(at, text, region_code)?;
    Some(r.key("region", code))
}

fn region_code(text: &str) -> Result<&str, Problem> {
    let shaped = text.split_once('-').is_some_and(|(country, part)| {
        let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        Country::parse(country).is_ok() && (1..=3).contains(&part.len()) && part.bytes().all(upper)
    });
    if shaped { Ok(text) } else { invalid("expected an ISO 3166-2 region, for example DE-BE") }
}

fn position(r: &mut Reader, at: &Path, sent: Option<&pb::Position>) -> Option<Position> {
    let sent = sent?;
    let (lat_at, lon_at) = (at.field("lat_e6"), at.field("lon_e6"));
    let accuracy_at = at.field("accuracy_km");
    r.number(&lat_at, sent.lat_e6, -90_000_000..=90_000_000);
    r.number(&lon_at, sent.lon_e6, -180_000_000..=180_000_000);
    r.number(&accuracy_at, sent.accuracy_km, 0..=20_000);
    // A place that nobody says how exact it is cannot prove a journey.
    let lat_e6 = r.required(&lat_at, sent.lat_e6);
    let lon_e6 = r.required(&lon_at, sent.lon_e6);
    let accuracy_km = r.required(&accuracy_at, sent.accuracy_km);
    let accuracy_km = u16::try_from(accuracy_km?).ok()?;
    Some(Position { lat_e6: lat_e6?, lon_e6: lon_e6?, accuracy_km })
}

/// Where goods go, as a party: the caller's hash of the address, or country and postal code.
pub fn address(r: &mut Reader, at: &Path, sent: Option<&pb::Delivery>) -> Option<PartyKey> {
    let sent = sent?;
    let hash = r
        .optional(&at.field("address_hash"), &sent.address_hash, |hash| opaque_id(hash, TOKEN_MAX));
    r.check(&at.field("postal_code"), &sent.postal_code, POSTAL_CODE_MAX);
    match hash {
        Some(hash) => Some(r.key("address", hash)),
        None if sent.country.is_empty() || sent.postal_code.is_empty() => None,
        None => {
            // The blank keeps these apart from hashes, which have none.
            let code = sent.postal_code.to_uppercase().replace([' ', '-'], "");
            Some(r.key("address", &format!("{} {code}", sent.country)))
        }
    }
}

/// The parties of an event, from the device and the network that it came over.
pub fn parties(account: PartyKey, device: Option<&Device>, network: Option<&Network>) -> Parties {
    Parties {
        account: Some(account),
        device: device.and_then(|device| device.key),
        network: network.and_then(|network| network.key),
        region: network.and_then(|network| network.region),
        ..Parties::default()
    }
}
