//! What can go wrong with the store: a closed set of faults, each counted, and each told in time.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::time::Instant;
use tracing::{info, warn};

/// A fault that lasts is one line a minute and not one a call.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Why a command brought no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No answer within the budget; whether the command ran is unknown.
    Timeout,
    /// No connection, or it broke.
    Unreachable,
    /// Not sent: the store failed too often just before.
    BreakerOpen,
    /// Not sent: too many calls were under way.
    TooManyInFlight,
    /// Wrong user or password, or a right that the user lacks.
    Denied,
    /// The server takes no writes: a replica, a full disk, too few replicas.
    ReadOnly,
    OutOfMemory,
    /// The key holds another type of value.
    WrongType,
    /// An answer or a value that makes no sense.
    Corrupt,
    /// A value or mark of another format, or made with another party key.
    NotOurs,
    /// A partition without its mark: it was emptied, and is not filled again yet.
    Cold,
    /// The server lost the script, as after a restart.
    ScriptGone,
    /// The server is there and not yet, or no longer, able: loading, busy, cluster down.
    Unavailable,
    Other,
}

impl Fault {
    pub const ALL: [Fault; 14] = [
        Fault::Timeout,
        Fault::Unreachable,
        Fault::BreakerOpen,
        Fault::TooManyInFlight,
        Fault::Denied,
        Fault::ReadOnly,
        Fault::OutOfMemory,
        Fault::WrongType,
        Fault::Corrupt,
        Fault::NotOurs,
        Fault::Cold,
        Fault::ScriptGone,
        Fault::Unavailable,
        Fault::Other,
    ];

    /// For metric labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Timeout => "timeout",
            Fault::Unreachable => "unreachable",
            Fault::BreakerOpen => "breaker_open",
            Fault::TooManyInFlight => "too_many_in_flight",
            Fault::Denied => "denied",
            Fault::ReadOnly => "read_only",
            Fault::OutOfMemory => "out_of_memory",
            Fault::WrongType => "wrong_type",
            Fault::Corrupt => "corrupt",
            Fault::NotOurs => "not_ours",
            Fault::Cold => "cold",
            Fault::ScriptGone => "script_gone",
            Fault::Unavailable => "unavailable",
            Fault::Other => "other",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Fault::Timeout => "the signal store does not answer in time",
            Fault::Unreachable => "the signal store cannot be reached",
            Fault::BreakerOpen => {
                "the signal store failed several calls in a row and is now asked once a second"
            }
            Fault::TooManyInFlight => "too many calls to the signal store are under way",
            Fault::Denied => "the signal store refuses user, password or a right",
            Fault::ReadOnly => "the signal store takes no writes",
            Fault::OutOfMemory => "the signal store is out of memory",
            Fault::WrongType => "a key of the signal store holds another type of value",
            Fault::Corrupt => "the signal store gave an answer that makes no sense",
            Fault::NotOurs => "the signal store holds values of another format or party key",
            Fault::Cold => {
                "the signal store was emptied: no readings until `surety signals rebuild \
                 --from-ledger` has run"
            }
            Fault::ScriptGone => "the signal store lost our scripts",
            Fault::Unavailable => "the signal store is not ready",
            Fault::Other => "the signal store answered with an error",
        }
    }

    /// Whether the store itself is out of reach, which the breaker counts. A store that refuses
    /// writes or holds garbage answers quickly: calling on costs nothing and notices recovery.
    pub fn is_outage(self) -> bool {
        matches!(self, Fault::Timeout | Fault::Unreachable | Fault::Unavailable | Fault::Denied)
    }

    pub fn of(error: &RedisError) -> Fault {
        match error.kind() {
            ErrorKind::Io if error.is_timeout() => Fault::Timeout,
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Fault::Unreachable,
            ErrorKind::AuthenticationFailed => Fault::Denied,
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Fault::Corrupt,
            ErrorKind::Server(kind) => Fault::of_server(kind),
            ErrorKind::Extension => Fault::of_code(error.code().unwrap_or_default()),
            _ => Fault::Other,
        }
    }

    fn of_server(kind: ServerErrorKind) -> Fault {
        match kind {
            ServerErrorKind::NoPerm => Fault::Denied,
            ServerErrorKind::ReadOnly => Fault::ReadOnly,
            ServerErrorKind::NoScript => Fault::ScriptGone,
            // The redirections only when they were followed in vain.
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::TryAgain
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask => Fault::Unavailable,
            _ => Fault::Other,
        }
    }

    /// Of the codes that the client has no words for.
    fn of_code(code: &str) -> Fault {
        match code {
            "NOAUTH" | "WRONGPASS" => Fault::Denied,
            "MISCONF" | "NOREPLICAS" => Fault::ReadOnly,
            "OOM" => Fault::OutOfMemory,
            "WRONGTYPE" => Fault::WrongType,
            "BUSY" => Fault::Unavailable,
            _ => Fault::Other,
        }
    }
}

/// The reason behind an error, as far as it can hold neither a key nor a password: the words of
/// operating system and TLS, or the code of the server, whose words may repeat what we sent.
pub(super) fn reason(error: &RedisError) -> Option<String> {
    match error.kind() {
        // Without a source these are texts of the client, which may quote the server.
        ErrorKind::Io | ErrorKind::Client => error.source().map(ToString::to_string),
        _ => error.code().map(str::to_string),
    }
}

/// How often each fault occurred.
pub type FaultCounts = [(Fault, u64); Fault::ALL.len()];

/// Counts faults, and logs each kind when it begins and then once a minute.
#[derive(Debug)]
pub struct Faults {
    /// The store, named without its password.
    store: String,
    counts: [AtomicU64; Fault::ALL.len()],
    told: Mutex<[Told; Fault::ALL.len()]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    last: Option<Instant>,
    untold: u64,
}

impl Faults {
    pub fn new(store: String) -> Faults {
        Faults { store, counts: Default::default(), told: Mutex::default() }
    }

    /// Counts without a word.
    pub fn count(&self, fault: Fault) {
        self.counts[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a fault of so many commands, and logs it unless its kind was logged a short time ago.
    pub fn note(&self, fault: Fault, commands: u64, reason: Option<&str>, now: Instant) {
        self.counts[fault as usize].fetch_add(commands, Ordering::Relaxed);
        if let Some(untold) = self.due(fault, commands, now) {
            let (store, name) = (self.store.as_str(), fault.name());
            warn!(store, fault = name, reason, untold, "{}", fault.message());
        }
    }

    /// Tells that the store answers after the breaker was open for so long.
    pub fn answers_again(&self, open_for: Duration) {
        let (store, open_ms) = (self.store.as_str(), open_for.as_millis() as u64);
        info!(store, open_ms, "the signal store answers again");
    }

    /// In the order of [`Fault::ALL`].
    pub fn snapshot(&self) -> FaultCounts {
        Fault::ALL.map(|fault| (fault, self.counts[fault as usize].load(Ordering::Relaxed)))
    }

    /// Whether to log now, and how many faults of the kind went unlogged since the last line.
    fn due(&self, fault: Fault, commands: u64, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = &mut told[fault as usize];
        if told.last.is_some_and(|last| now.saturating_duration_since(last) < TOLD_EVERY) {
            told.untold += commands;
            return None;
        }
        told.last = Some(now);
        Some(std::mem::take(&mut told.untold))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io;

    use super::*;

    fn server_error(line: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn names_are_distinct_and_in_order() {
        let names: HashSet<&str> = Fault::ALL.map(Fault::name).into_iter().collect();
        assert_eq!(names.len(), Fault::ALL.len());
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, at);
            assert!(fault.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }

    #[test]
    fn errors_are_told_apart() {
        let rows = [
            ("NOAUTH Authentication required.", Fault::Denied),
            ("WRONGPASS invalid username-password pair", Fault::Denied),
            ("NOPERM User x has no permissions to run the 'evalsha' command", Fault::Denied),
            ("READONLY You can't write against a read only replica.", Fault::ReadOnly),
            ("MISCONF Redis is configured to save RDB snapshots", Fault::ReadOnly),
            ("NOREPLICAS Not enough good replicas to write.", Fault::ReadOnly),
            ("OOM command not allowed when used memory > 'maxmemory'.", Fault::OutOfMemory),
            ("WRONGTYPE Operation against a key", Fault::WrongType),
            ("NOSCRIPT No matching script.", Fault::ScriptGone),
            ("LOADING Redis is loading the dataset in memory", Fault::Unavailable),
            ("CLUSTERDOWN The cluster is down", Fault::Unavailable),
            ("MASTERDOWN Link with MASTER is down", Fault::Unavailable),
            ("BUSY Redis is busy running a script.", Fault::Unavailable),
            ("MOVED 1 127.0.0.1:7000", Fault::Unavailable),
            ("CROSSSLOT Keys in request don't hash to the same slot", Fault::Other),
            ("ERR unknown command", Fault::Other),
        ];
        for (line, fault) in rows {
            assert_eq!(Fault::of(&server_error(line)), fault, "{line}");
        }
        let io = |kind: io::ErrorKind| Fault::of(&RedisError::from(io::Error::from(kind)));
        assert_eq!(io(io::ErrorKind::TimedOut), Fault::Timeout);
        assert_eq!(io(io::ErrorKind::ConnectionRefused), Fault::Unreachable);
        assert_eq!(io(io::ErrorKind::BrokenPipe), Fault::Unreachable);
        let garbage = redis::parse_redis_value(b":x\r\n").unwrap_err();
        assert_eq!(Fault::of(&garbage), Fault::Corrupt);
    }

    #[test]
    fn reasons_never_repeat_what_was_sent() {
        let echo = server_error("ERR unknown command 'AUTH', with args beginning with: 's3cret'");
        assert_eq!(reason(&echo).as_deref(), Some("ERR"));
        let refused = RedisError::from(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(reason(&refused).as_deref(), Some("connection refused"));
        let text = (ErrorKind::Io, "Failed to create initial connections", "s3cret".to_string());
        assert_eq!(reason(&RedisError::from(text)), None);
    }

    #[test]
    fn each_kind_is_told_once_a_minute_with_what_went_untold() {
        let (faults, start) = (Faults::new("redis://h:6379".into()), Instant::now());
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(faults.due(Fault::Timeout, 7, start), Some(0));
        assert_eq!(faults.due(Fault::Timeout, 7, after(1)), None);
        assert_eq!(faults.due(Fault::Denied, 1, after(1)), Some(0));
        assert_eq!(faults.due(Fault::Timeout, 3, after(59)), None);
        assert_eq!(faults.due(Fault::Timeout, 1, after(60)), Some(10));
        assert_eq!(faults.due(Fault::Timeout, 1, after(119)), None);
        assert_eq!(faults.due(Fault::Timeout, 1, after(500)), Some(1));
        assert_eq!(faults.due(Fault::Timeout, 1, start), None);
    }

    #[test]
    fn every_fault_is_counted() {
        let (faults, now) = (Faults::new("redis://h:6379".into()), Instant::now());
        faults.count(Fault::Corrupt);
        faults.note(Fault::Corrupt, 2, None, now);
        faults.note(Fault::Other, 5, Some("ERR"), now);
        let counted: Vec<_> = faults.snapshot().into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(counted, [(Fault::Corrupt, 3), (Fault::Other, 5)]);
    }
}
