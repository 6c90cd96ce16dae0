//! Faults of a spec, each at its place.
