//! Real stores for tests: started, hurt, asked what they saw, and gone when their test is.

// Waiting for what shall come, within bounds.
mod wait;
// A process that cannot outlive the one that started it.
mod keeper;
// Ports that nobody listens on.
mod ports;
// One server of Redis or Valkey.
mod redis;
// Three masters with a replica each.
mod cluster;
// A TCP proxy that delays, withholds, cuts and lies.
mod proxy;

pub use self::cluster::RedisCluster;
pub use self::ports::free as free_port;
pub use self::proxy::{Mode, Proxy};
pub use self::redis::{Kind, RedisServer};
pub use self::wait::{wait_for, wait_for_every};
