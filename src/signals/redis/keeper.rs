//! Keeps one shared connection: dials in the background, again when it breaks, anew when it hangs.
//!
//! The client's own `ConnectionManager` would not do: calls wait for its dialling, each one that
//! fails starts the next, and after a wrong password it never dials again.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::dial::{Connection, Dialer};
use super::faults::{Fault, Faults};

/// Between attempts to dial, doubled each time up to the second: a restart is noticed within half
/// a second, and a server that is down sees two attempts a second from each instance.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Timeouts that make a connection suspect, and how often that is looked into at most.
const TIMEOUTS_TO_SUSPECT: u32 = 3;
const SUSPECT_EVERY: Duration = Duration::from_secs(2);

pub(super) struct Keeper {
    shared: Arc<Shared>,
}

struct Shared {
    dialer: Dialer,
    faults: Arc<Faults>,
    state: watch::Sender<State>,
    suspicion: Mutex<Suspicion>,
}

enum State {
    /// Nobody has asked yet.
    Idle,
    Dialling,
    Up(Kept),
    /// Dialling failed, and goes on.
    Down(Fault),
}

/// A connection, and which one it is.
#[derive(Clone)]
pub(super) struct Kept {
    pub connection: Connection,
    number: u64,
}

#[derive(Default)]
struct Suspicion {
    timeouts: u32,
    next_look: Option<Instant>,
    connections: u64,
}

impl Keeper {
    /// Does no I/O: the first call dials.
    pub fn new(dialer: Dialer, faults: Arc<Faults>) -> Keeper {
        let state = watch::Sender::new(State::Idle);
        let suspicion = Mutex::default();
        Keeper { shared: Arc::new(Shared { dialer, faults, state, suspicion }) }
    }

    pub fn dialer(&self) -> &Dialer {
        &self.shared.dialer
    }

    /// The connection, after waiting for it while it is dialled. When dialling has failed already,
    /// only the patient wait for it to succeed.
    pub async fn connection(&self, patient: bool) -> Result<Kept, Fault> {
        let mut state = self.shared.state.subscribe();
        loop {
            let idle = match &*state.borrow_and_update() {
                State::Up(kept) => return Ok(kept.clone()),
                State::Down(fault) if !patient => return Err(*fault),
                State::Down(_) | State::Dialling => false,
                State::Idle => true,
            };
            if idle {
                self.shared.dial_when(|state| matches!(state, State::Idle));
            }
            if state.changed().await.is_err() {
                return Err(Fault::Unreachable);
            }
        }
    }

    /// Why there is no connection at the moment, if dialling has failed.
    pub fn down(&self) -> Option<Fault> {
        match &*self.shared.state.borrow() {
            State::Down(fault) => Some(*fault),
            _ => None,
        }
    }

    /// The connection broke: dials again, once for all who say so.
    pub fn lost(&self, kept: &Kept) {
        self.shared.dial_when(|state| matches!(state, State::Up(now) if now.number == kept.number));
    }

    /// A call got no answer in time. Seldom that is the connection's fault.
    pub fn timed_out(&self, kept: &Kept, now: Instant) {
        let suspect = self.shared.suspicion().is_suspect(1, now);
        if suspect {
            self.renew(kept);
        }
    }

    /// The server answers that it takes no writes, as a master does that became a replica.
    pub fn refuses_writes(&self, kept: &Kept, now: Instant) {
        let suspect = self.shared.suspicion().is_suspect(TIMEOUTS_TO_SUSPECT, now);
        if suspect {
            self.renew(kept);
        }
    }

    /// Looks in the background for a better connection; until there is one, this one stays.
    fn renew(&self, kept: &Kept) {
        let (shared, kept) = (Arc::downgrade(&self.shared), kept.clone());
        tokio::spawn(async move {
            let Some(shared) = shared.upgrade() else { return };
            if let Some(connection) = shared.dialer.renew(&kept.connection).await {
                let renewed = shared.number(connection);
                shared.state.send_if_modified(|state| match state {
                    State::Up(now) if now.number == kept.number => {
                        *now = renewed;
                        true
                    }
                    _ => false,
                });
            }
        });
    }
}

impl Shared {
    /// Begins to dial if the state is as expected: of many callers one will find it so.
    fn dial_when(self: &Arc<Shared>, expected: impl Fn(&State) -> bool) {
        let begins = self.state.send_if_modified(|state| {
            let begins = expected(state);
            if begins {
                *state = State::Dialling;
            }
            begins
        });
        if begins {
            tokio::spawn(dial(Arc::downgrade(self)));
        }
    }

    fn number(&self, connection: Connection) -> Kept {
        let mut suspicion = self.suspicion();
        suspicion.connections += 1;
        Kept { connection, number: suspicion.connections }
    }

    fn suspicion(&self) -> std::sync::MutexGuard<'_, Suspicion> {
        self.suspicion.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dials until there is a connection, or nobody left who wants one.
async fn dial(shared: Weak<Shared>) {
    let (mut pause, longest) = PAUSES;
    loop {
        let Some(shared_now) = shared.upgrade() else { return };
        match shared_now.dialer.dial().await {
            Ok(connection) => {
                let kept = shared_now.number(connection);
                shared_now.state.send_replace(State::Up(kept));
                return;
            }
            Err(error) => {
                let reason = error.reason.as_deref();
                shared_now.faults.note(error.fault, 0, reason, Instant::now());
                shared_now.state.send_replace(State::Down(error.fault));
            }
        }
        drop(shared_now);
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

impl Suspicion {
    fn is_suspect(&mut self, timeouts: u32, now: Instant) -> bool {
        self.timeouts = self.timeouts.saturating_add(timeouts);
        if self.timeouts < TIMEOUTS_TO_SUSPECT || self.next_look.is_some_and(|next| now < next) {
            return false;
        }
        self.timeouts = 0;
        self.next_look = Some(now + SUSPECT_EVERY);
        true
    }
}
