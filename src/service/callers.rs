//! Who calls: the ledger's callers, kept in memory and read again when they change.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Service;
use crate::domain::{KnownCaller, Time};
use crate::ledger::{self, CallersMark, Ledger};

/// Random bytes of a token.
pub const TOKEN_BYTES: usize = 32;
/// What every token begins with, so that people and scanners of leaks know one when they see it.
const TOKEN_PREFIX: &str = "srt_";
/// Characters of `TOKEN_BYTES` in base64url.
const TOKEN_DIGITS: usize = 43;
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How long a change of the callers may go unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Who is not known is looked for at once, so that a new caller need not wait; not more often than
/// this, so that wrong tokens are no load on the ledger.
const LOOK_AT_MISS_EVERY: Duration = Duration::from_millis(200);

/// Why a caller is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    TokenUnknown,
    CertificateUnknown,
    Revoked,
}

/// All callers as of the last look.
#[derive(Debug)]
pub struct Callers {
    ledger: Ledger,
    known: RwLock<Arc<Known>>,
    /// When somebody unknown was looked for last.
    missed: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Known {
    mark: CallersMark,
    /// By the hash of the token: the time that a look-up takes tells nothing of the token itself.
    by_token: HashMap<[u8; 32], Arc<KnownCaller>>,
    /// Who may call longest comes first.
    by_certificate: HashMap<String, Arc<KnownCaller>>,
}

impl Callers {
    pub(super) async fn read(ledger: Ledger) -> Result<Callers, ledger::Error> {
        let known = Known::read(&ledger).await?;
        Ok(Callers { ledger, known: RwLock::new(Arc::new(known)), missed: Mutex::default() })
    }

    /// Whether any caller was ever added: from then on every call needs credentials.
    pub fn any(&self) -> bool {
        self.known().mark.added > 0
    }

    /// The caller that has this token.
    pub async fn by_token(&self, token: &str, now: Time) -> Result<Arc<KnownCaller>, Stranger> {
        if !looks_like_a_token(token) {
            return Err(Stranger::TokenUnknown);
        }
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let found = |known: &Known| known.by_token.get(&hash).cloned();
        let found = self.find(found).await.ok_or(Stranger::TokenUnknown)?;
        still(found, now)
    }

    /// The caller that is known by one of these subject alternative names.
    pub async fn by_certificate(
        &self,
        names: &[String],
        now: Time,
    ) -> Result<Arc<KnownCaller>, Stranger> {
        let found = |known: &Known| {
            let mut all = names.iter().filter_map(|name| known.by_certificate.get(name));
            all.next().cloned()
        };
        let found = self.find(found).await.ok_or(Stranger::CertificateUnknown)?;
        still(found, now)
    }

    async fn find(
        &self,
        found: impl Fn(&Known) -> Option<Arc<KnownCaller>>,
    ) -> Option<Arc<KnownCaller>> {
        if let Some(caller) = found(&self.known()) {
            return Some(caller);
        }
        if self.may_look() {
            self.look().await;
        }
        found(&self.known())
    }

    fn may_look(&self) -> bool {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let may = missed.is_none_or(|last| now.duration_since(last) >= LOOK_AT_MISS_EVERY);
        if may {
            *missed = Some(now);
        }
        may
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the callers again if they have changed. While the ledger is away those known last
    /// stay: nothing can be decided then anyway. Gives whether it answered.
    async fn look(&self) -> bool {
        let read = async {
            if self.ledger.callers_mark().await? == self.known().mark {
                return Ok(None);
            }
            Known::read(&self.ledger).await.map(Some)
        };
        let read = read.await;
        let answered = read.is_ok();
        match read {
            Ok(None) => {}
            Ok(Some(known)) => {
                let CallersMark { added, revoked, .. } = known.mark;
                tracing::info!(added, revoked, "callers have changed");
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
            }
            Err::<_, ledger::Error>(error) => {
                tracing::warn!(cause = %error, "callers cannot be read; those known last stay");
            }
        }
        answered
    }
}

impl Known {
    async fn read(ledger: &Ledger) -> Result<Known, ledger::Error> {
        // What changes between the two reads is seen at the next look.
        let mut known = Known { mark: ledger.callers_mark().await?, ..Known::default() };
        for caller in ledger.callers().await? {
            // One that cannot be read may not call; the others may, and are revoked as before.
            let caller = match caller {
                Ok(caller) => Arc::new(caller),
                Err(error) => {
                    tracing::error!(cause = %error, "a caller is left out");
                    continue;
                }
            };
            if let Some(hash) = caller.token_hash {
                known.by_token.insert(hash, Arc::clone(&caller));
            }
            if let Some(name) = &caller.certificate {
                let kept = known.by_certificate.entry(name.clone());
                let kept = kept.or_insert_with(|| Arc::clone(&caller));
                let end = |caller: &KnownCaller| caller.revoked.map_or(i64::MAX, Time::as_micros);
                if end(&caller) >= end(kept) {
                    *kept = caller;
                }
            }
        }
        Ok(known)
    }
}

fn still(caller: Arc<KnownCaller>, now: Time) -> Result<Arc<KnownCaller>, Stranger> {
    if caller.is_revoked(now) { Err(Stranger::Revoked) } else { Ok(caller) }
}

/// Looks for changes until the service is gone.
pub(super) async fn keep(service: Weak<Service>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(service) = service.upgrade() else { return };
        match service.callers.look().await {
            true => service.unanswered.store(0, Ordering::Relaxed),
            false => drop(service.unanswered.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// A token as its caller gets it: the prefix, and the bytes in base64url (RFC 4648), not padded.
pub fn token_text(bytes: &[u8; TOKEN_BYTES]) -> String {
    let mut text = String::from(TOKEN_PREFIX);
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        let number = number << (8 * (3 - group.len()));
        for digit in 0..=group.len() {
            let sixth = (number >> (18 - 6 * digit)) & 63;
            text.extend(BASE64URL.get(sixth).map(|byte| char::from(*byte)));
        }
    }
    text
}

/// What cannot be a token is not looked for.
fn looks_like_a_token(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.strip_prefix(TOKEN_PREFIX)
        .is_some_and(|rest| rest.len() == TOKEN_DIGITS && rest.bytes().all(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_base64url_and_look_like_tokens() {
        let zeros = token_text(&[0; 32]);
        assert_eq!(zeros, format!("srt_{}", "A".repeat(43)));
        // 32 bytes of 0xfb 0xff: RFC 4648 gives "-_" patterns and ends with four bits.
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8 + 3).unwrap_or(255));
        let text = token_text(&bytes);
        assert_eq!(text, "srt_AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2-Pr8_s");
        for token in [&zeros, &text] {
            assert!(looks_like_a_token(token), "{token}");
        }
        for other in ["", "srt_", "Bearer", &zeros[..46], &format!("{zeros}A"), "srt-AAAA"] {
            assert!(!looks_like_a_token(other), "{other}");
        }
    }
}
