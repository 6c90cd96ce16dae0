//! The chart in `helm/surety` and the Containerfile, held to what their tools and readers expect.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
