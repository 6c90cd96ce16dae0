//! Tests of the forest.
