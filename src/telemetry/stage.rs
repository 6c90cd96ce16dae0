//! The stages of an assessment, as metrics and traces name them.

use std::time::Instant;

use tracing::Span;

/// A part of the time that a caller waits for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the first byte of a call until it is understood: reading, parsing, who asks.
    Edge,
    /// The attempt is counted and all signals are read.
    Observe,
    /// The account's standing is read.
    Standing,
    Decide,
    /// Until the decision is durable.
    Commit,
    /// From the first byte until the decision is durable.
    Total,
}

impl Stage {
    pub const ALL: [Stage; 6] =
        [Stage::Edge, Stage::Observe, Stage::Standing, Stage::Decide, Stage::Commit, Stage::Total];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Edge => "edge",
            Stage::Observe => "observe",
            Stage::Standing => "standing",
            Stage::Decide => "decide",
            Stage::Commit => "commit",
            Stage::Total => "total",
        }
    }

    /// For traces alone: without a collector nobody wants it, and then it costs nothing.
    pub(super) fn span(self) -> Span {
        tracing::debug_span!("stage", otel.name = self.name())
    }
}

/// The first stage of a call, which begins before anybody knows what is asked. Its span ends when
/// it is dropped.
#[derive(Clone, Debug)]
pub struct Edge {
    pub begun: Instant,
    _span: Span,
}

impl Edge {
    pub fn begin() -> Edge {
        Edge { begun: Instant::now(), _span: Stage::Edge.span() }
    }
}
