//! Messages as proto3 JSON: out of files, and onto the screen.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

use crate::grpc::pb;

/// A file of JSON; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Value> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    serde_json::from_str(&text)
        .map_err(|fault| anyhow!("{}:{}:{}: {fault}", path.display(), fault.line(), fault.column()))
}

/// proto3 JSON to a message, by the descriptors that reflection serves.
pub(super) fn typed<T: Message + Default>(json: Value, message: &str, file: &str) -> Result<T> {
    let descriptor = descriptor(message)?;
    let dynamic = DynamicMessage::deserialize(descriptor, json)
        .map_err(|fault| anyhow!("{file}: not a {message}: {fault}"))?;
    Ok(T::decode(dynamic.encode_to_vec().as_slice())?)
}

/// A message as indented proto3 JSON, with the field names of the protos.
pub(super) fn printed(answer: &impl Message, message: &str) -> Result<String> {
    let descriptor = descriptor(message)?;
    let dynamic = DynamicMessage::decode(descriptor, answer.encode_to_vec().as_slice())?;
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut text);
    let options = SerializeOptions::new().use_proto_field_name(true);
    dynamic.serialize_with_options(&mut serializer, &options)?;
    Ok(String::from_utf8(text)?)
}

fn descriptor(message: &str) -> Result<prost_reflect::MessageDescriptor> {
    let pool = DescriptorPool::decode(pb::DESCRIPTORS)?;
    pool.get_message_by_name(message).ok_or_else(|| anyhow!("no message {message}"))
}
