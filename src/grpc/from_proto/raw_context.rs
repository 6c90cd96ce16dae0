//! What was sent about persons and their devices, as it was sent; kept apart and erasable.

use serde_json::{Map, Value};

use crate::grpc::pb;

/// A JSON object of what was sent about device, network, guest and delivery.
pub fn raw_context(context: &pb::PurchaseContext) -> String {
    let mut raw = Map::new();
    put(&mut raw, "device", context.device.as_ref().map(device));
    put(&mut raw, "network", context.network.as_ref().map(network));
    put(&mut raw, "guest", context.guest.as_ref().map(guest));
    put(&mut raw, "delivery", context.delivery.as_ref().map(delivery));
    Value::Object(raw).to_string()
}

fn put(raw: &mut Map<String, Value>, name: &str, part: Option<Map<String, Value>>) {
    if let Some(part) = part.filter(|part| !part.is_empty()) {
        raw.insert(name.to_owned(), Value::Object(part));
    }
}

/// The texts that are not empty.
fn texts(fields: &[(&str, &str)]) -> Map<String, Value> {
    let said = fields.iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect()
}

fn device(sent: &pb::DeviceContext) -> Map<String, Value> {
    texts(&[
        ("device_id", &sent.device_id),
        ("platform", &sent.platform),
        ("app_version", &sent.app_version),
        ("user_agent", &sent.user_agent),
        ("accept_language", &sent.accept_language),
    ])
}

fn network(sent: &pb::NetworkContext) -> Map<String, Value> {
    let mut raw = texts(&[
        ("ip_address", &sent.ip_address),
        ("country", &sent.country),
        ("region", &sent.region),
    ]);
    let place = sent.position.unwrap_or_default();
    let numbers = [
        ("asn", sent.asn.map(Value::from)),
        ("lat_e6", place.lat_e6.map(Value::from)),
        ("lon_e6", place.lon_e6.map(Value::from)),
    ];
    for (name, number) in numbers {
        raw.extend(number.map(|number| (name.to_owned(), number)));
    }
    raw
}

fn guest(sent: &pb::GuestIdentity) -> Map<String, Value> {
    let mut raw = texts(&[
        ("email", &sent.email),
        ("phone", &sent.phone),
        ("given_name", &sent.given_name),
        ("family_name", &sent.family_name),
    ]);
    if let Some(address) = &sent.postal_address {
        raw.extend(texts(&[
            ("street", &address.street),
            ("postal_code", &address.postal_code),
            ("city", &address.city),
            ("country", &address.country),
        ]));
    }
    raw
}

fn delivery(sent: &pb::Delivery) -> Map<String, Value> {
    texts(&[
        ("country", &sent.country),
        ("postal_code", &sent.postal_code),
        ("address_hash", &sent.address_hash),
    ])
}
