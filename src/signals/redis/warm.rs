//! Marks that tell a store which was filled from one that was emptied, and whether a server is fit
//! to keep signals at all.

use std::fmt;

use ::redis::Value;

use super::faults::Fault;
use super::scripts::Named;
use super::{RedisStore, UNHURRIED, visit};

/// Partitions of keys: the first three hexadecimal digits of a party's hash. Each has its mark in
/// the slot of its parties, so that whatever loses them loses the mark with them.
const PARTITIONS: u16 = 4_096;

/// Commands in one pipeline.
const AT_ONCE: usize = 512;

/// What the marks say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Partitions whose readings hold.
    pub warm: Vec<u16>,
    /// Partitions that were emptied, or never filled.
    pub cold: Vec<u16>,
    /// Partitions that another layout or another party secret has filled.
    pub foreign: Vec<u16>,
}

/// Why a server cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    Fault(Fault),
    /// It forgets parties to make room, so that known ones would look new.
    Evicts(String),
    /// Another party secret, or another version, has filled it.
    Foreign,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Fault(fault) => write!(f, "the store cannot be asked: {}", fault.name()),
            Unfit::Evicts(policy) => write!(
                f,
                "maxmemory-policy is {policy}: known parties would be forgotten and look new; \
                 expected noeviction"
            ),
            Unfit::Foreign => f.write_str(
                "its parties were hashed with another party key, or by another version; expected \
                 the key that filled it, or a store of our own",
            ),
        }
    }
}

impl RedisStore {
    /// Whether every server keeps what it is given.
    pub(super) async fn fitness(&self) -> Result<(), Unfit> {
        let replies = self.link.each_master(::redis::cmd("INFO"), UNHURRIED).await;
        for reply in replies {
            let info = text(&reply.map_err(Unfit::Fault)?);
            let policy = field(&info, "maxmemory_policy").unwrap_or("noeviction");
            if policy != "noeviction" && field(&info, "maxmemory") != Some("0") {
                return Err(Unfit::Evicts(policy.to_owned()));
            }
        }
        Ok(())
    }

    /// Teaches every server our scripts, without keys: they do nothing then. Fails where they may
    /// not be run.
    pub(super) async fn teach_scripts(&self) -> Result<(), Unfit> {
        let calls = self
            .scripts
            .all()
            .map(|script| [Named::InFull, Named::ByHash].map(|named| script.call(named, 0)));
        for call in calls.into_iter().flatten() {
            for reply in self.link.each_master(call, UNHURRIED).await {
                match reply {
                    // A server that forgot the script in between would have run it.
                    Ok(_) | Err(Fault::ScriptGone) => {}
                    Err(fault) => return Err(Unfit::Fault(fault)),
                }
            }
        }
        Ok(())
    }

    /// Keys that the servers dropped to make room, since they were started.
    pub(super) async fn evicted(&self) -> u64 {
        let replies = self.link.each_master(::redis::cmd("INFO"), UNHURRIED).await;
        let evicted =
            |reply: Value| field(&text(&reply), "evicted_keys").and_then(|n| n.parse::<u64>().ok());
        replies.into_iter().flatten().filter_map(evicted).sum()
    }

    pub(super) async fn marks(&self) -> Result<Marks, Unfit> {
        let mut marks = Marks::default();
        let partitions: Vec<u16> = (0..PARTITIONS).collect();
        for chunk in partitions.chunks(AT_ONCE) {
            let get = |partition: &u16| {
                let mut command = ::redis::cmd("GET");
                command.arg(visit::mark_key(*partition));
                command
            };
            let commands = chunk.iter().map(get).collect();
            let replies = self.link.send_unhurried(commands, UNHURRIED).await;
            for (partition, reply) in chunk.iter().zip(replies) {
                let found = match reply.map_err(Unfit::Fault)? {
                    Value::Nil => &mut marks.cold,
                    value if text(&value) == self.mark => &mut marks.warm,
                    _ => &mut marks.foreign,
                };
                found.push(*partition);
            }
        }
        Ok(marks)
    }

    /// Says of partitions that what they hold is whole.
    pub(super) async fn mark_warm(&self, partitions: &[u16]) -> Result<(), Fault> {
        self.for_marks(partitions, |key, mark| {
            let mut command = ::redis::cmd("SET");
            command.arg(key).arg(mark);
            command
        })
        .await
    }

    /// Says of all partitions that they lack something, for every process that shares them.
    pub(super) async fn mark_cold(&self) -> Result<(), Fault> {
        let all: Vec<u16> = (0..PARTITIONS).collect();
        self.for_marks(&all, |key, _| {
            let mut command = ::redis::cmd("DEL");
            command.arg(key);
            command
        })
        .await
    }

    async fn for_marks(
        &self,
        partitions: &[u16],
        command: impl Fn(String, &str) -> ::redis::Cmd,
    ) -> Result<(), Fault> {
        for chunk in partitions.chunks(AT_ONCE) {
            let commands = chunk.iter().map(|p| command(visit::mark_key(*p), &self.mark)).collect();
            let replies = self.link.send_unhurried(commands, UNHURRIED).await;
            replies.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        Ok(())
    }
}

/// A reply as text; empty when it is none.
fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    }
}

/// A field of what INFO gives.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
