//! Tests of growing.
