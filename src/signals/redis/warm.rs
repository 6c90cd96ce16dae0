//! Marks that tell a store which was filled from one that was emptied, and whether a server is fit
//! to keep signals at all.

use std::fmt;
use std::ops::Range;

use ::redis::Value;

use super::faults::Fault;
use super::scripts::Named;
use super::{RedisStore, UNHURRIED, visit};
use crate::signals::kept;

/// Partitions of keys: the first three hexadecimal digits of a party's hash. Each has its mark in
/// the slot of its parties, so that whatever loses them loses the mark with them.
const PARTITIONS: u16 = 4_096;
pub const ALL: Range<u16> = 0..PARTITIONS;
pub const FIRST: Range<u16> = 0..1;

/// Commands in one pipeline.
const AT_ONCE: usize = 512;

/// What the marks say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Partitions whose readings hold, with the filling that they belong to.
    pub warm: Vec<(u16, String)>,
    /// Partitions that were emptied, never filled, or are being filled.
    pub cold: Vec<u16>,
    /// Partitions that another layout or another party secret has filled.
    pub foreign: Vec<u16>,
}

impl Marks {
    /// The filling that the first of them belongs to.
    pub fn filling(&self) -> Option<&str> {
        self.warm.first().map(|(_, filling)| filling.as_str())
    }

    /// Partitions without readings for who belongs to that filling.
    pub fn cold_for(&self, filling: &str) -> usize {
        let others = self.warm.iter().filter(|(_, other)| other != filling).count();
        self.cold.len() + others
    }
}

/// What the marks of a whole store say.
pub fn mark(key_id: &str, filling: &str) -> String {
    format!("{}:{key_id}:{filling}", kept::FORMAT)
}

/// What they say until it is whole.
pub fn mark_while_filling(key_id: &str, filling: &str) -> String {
    format!("{}:being filled", mark(key_id, filling))
}

/// Whether a mark is of this layout and of the same party secret, of whatever filling.
pub fn is_of(mark: &str, key_id: &str) -> bool {
    mark.starts_with(&self::mark(key_id, ""))
}

/// Why a server cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    Fault(Fault),
    /// It forgets parties to make room, so that known ones would look new.
    Evicts(String),
    /// Another party secret, or another version, has filled it.
    Foreign,
    /// It was filled from another ledger.
    Another,
    /// It was emptied while it was being filled.
    Emptied,
    /// What fills it cannot be remembered.
    Forgetful(String),
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
            Unfit::Another => f.write_str(
                "it holds the signals of another ledger; expected a store of our own, or an empty \
                 one",
            ),
            Unfit::Emptied => f.write_str("it was emptied while it was being filled"),
            Unfit::Forgetful(cause) => write!(f, "what fills it cannot be remembered: {cause}"),
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
        let partitions: Vec<u16> = ALL.collect();
        for chunk in partitions.chunks(AT_ONCE) {
            let get = |partition: &u16| {
                let mut command = ::redis::cmd("GET");
                command.arg(visit::mark_key(*partition));
                command
            };
            let commands = chunk.iter().map(get).collect();
            let replies = self.link.send_unhurried(commands, UNHURRIED).await;
            for (partition, reply) in chunk.iter().zip(replies) {
                let value = reply.map_err(Unfit::Fault)?;
                let found = text(&value);
                match found.strip_prefix(&mark(&self.key_id, "")) {
                    _ if value == Value::Nil => marks.cold.push(*partition),
                    Some(filling) if filling.contains(':') => marks.cold.push(*partition),
                    Some(filling) => marks.warm.push((*partition, filling.to_owned())),
                    None => marks.foreign.push(*partition),
                }
            }
        }
        Ok(marks)
    }

    /// Says of partitions without a mark that what they hold, which is nothing, is whole.
    pub(super) async fn mark_new(
        &self,
        filling: &str,
        partitions: Range<u16>,
    ) -> Result<(), Fault> {
        let mark = mark(&self.key_id, filling);
        let partitions: Vec<u16> = partitions.collect();
        self.for_marks(&partitions, |key| {
            let mut command = ::redis::cmd("SET");
            command.arg(key).arg(&mark).arg("NX");
            command
        })
        .await
        .map(drop)
    }

    /// Says of partitions that they are being filled.
    pub(super) async fn mark_filling(&self, partitions: &[u16]) -> Result<(), Fault> {
        let mark = mark_while_filling(&self.key_id, &self.filling());
        self.for_marks(partitions, |key| {
            let mut command = ::redis::cmd("SET");
            command.arg(key).arg(&mark);
            command
        })
        .await
        .map(drop)
    }

    /// Says of partitions that what they were filled with is whole, if nothing happened to them.
    pub(super) async fn mark_whole(&self, partitions: &[u16]) -> Result<(), Unfit> {
        let (before, after) = (
            mark_while_filling(&self.key_id, &self.filling()),
            mark(&self.key_id, &self.filling()),
        );
        let changed = self
            .for_marks(partitions, |key| {
                let mut command = self.scripts.mark.call(Named::InFull, 1);
                command.arg(key).arg(&before).arg(&after);
                command
            })
            .await
            .map_err(Unfit::Fault)?;
        match changed.iter().all(|changed| *changed == Value::Int(1)) {
            true => Ok(()),
            false => Err(Unfit::Emptied),
        }
    }

    /// Says of all partitions that they lack something, for every process that shares them.
    pub(super) async fn mark_cold(&self) -> Result<(), Fault> {
        let all: Vec<u16> = ALL.collect();
        self.for_marks(&all, |key| {
            let mut command = ::redis::cmd("DEL");
            command.arg(key);
            command
        })
        .await
        .map(drop)
    }

    async fn for_marks(
        &self,
        partitions: &[u16],
        command: impl Fn(String) -> ::redis::Cmd,
    ) -> Result<Vec<Value>, Fault> {
        let mut all = Vec::new();
        for chunk in partitions.chunks(AT_ONCE) {
            let commands = chunk.iter().map(|p| command(visit::mark_key(*p))).collect();
            let replies = self.link.send_unhurried(commands, UNHURRIED).await;
            all.extend(replies.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
        Ok(all)
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
