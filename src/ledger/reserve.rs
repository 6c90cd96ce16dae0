//! Reserving: the condition that no limit is passed stands in the write.
