//! Ports of 127.0.0.1 that nobody listens on.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to outgoing connections (32768 on Linux). A port out of those
/// could be taken while its server is down, even by the client that tries to reach it: connecting
/// to a free port of that range can end in a connection of the socket with itself.
const LOWEST: u16 = 10_000;
const COUNT: u16 = 10_000;
/// The nodes of a cluster speak to one another on a second port.
const TO_BUS: u16 = 10_000;

static TAKEN: AtomicU16 = AtomicU16::new(0);

/// A port that is free, with its bus port, and given to nobody else in this process. Another
/// process may take it before it is used: then the server ends at once, and wants another.
pub fn free() -> u16 {
    // Processes that run at the same time have pids close to one another.
    let begin = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    loop {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        assert!(taken < COUNT, "no free port");
        let offset = (begin + u32::from(taken)) % u32::from(COUNT);
        let port = LOWEST + u16::try_from(offset).unwrap();
        if [port, port + TO_BUS].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        {
            return port;
        }
    }
}
