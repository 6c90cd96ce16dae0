//! The link against real servers that are killed, stopped and started again.
