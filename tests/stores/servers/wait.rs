//! Waits for what another process does: asks again and again, and gives up loudly.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// Far more than anything here takes, also on a machine that does much else.
pub const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(20);

/// The first thing that `look` finds.
pub async fn wait_for<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    wait_for_every(BETWEEN, what, look).await
}

/// The same where looking leaves traces.
pub async fn wait_for_every<T>(
    between: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let looking = async {
        let mut ticks = interval(between);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
