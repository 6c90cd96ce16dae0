//! The handlers: each parses, calls the service and renders its answer.

mod accounts;
mod cards;
mod catalog;
mod decisions;
mod reviews;
mod support;

use std::sync::Arc;

use tonic::Response;
use tonic::metadata::MetadataValue;

use super::from_proto::Reader;
use super::limits::Limiter;
use super::pb;
use super::to_proto::{self, Audience};
use crate::domain::{DecisionRecord, Role};
use crate::service::Service;

/// Set on an answer that was stored when the same request came first.
const REPLAYED: &str = "x-idempotent-replay";

/// All handlers; they share nothing but the service and its limits.
#[derive(Clone)]
pub struct Handlers {
    pub service: Arc<Service>,
    pub limiter: Arc<Limiter>,
}

impl Handlers {
    fn reader(&self) -> Reader<'_> {
        Reader::new(self.service.hasher(), self.service.now())
    }

    /// A decision as it stands now.
    fn decision(&self, record: &DecisionRecord, role: Role) -> pb::Decision {
        let (playbook, now) = (self.service.playbook(), self.service.now());
        to_proto::decision(record, Audience { role, playbook, now })
    }

    /// A decision as it was when it was made: a retry gets the same bytes, however late it comes.
    fn decided(&self, record: &DecisionRecord, role: Role) -> pb::Decision {
        let (playbook, now) = (self.service.playbook(), record.created);
        to_proto::decision(record, Audience { role, playbook, now })
    }
}

fn answer<T>(message: T, replayed: bool) -> Response<T> {
    let mut response = Response::new(message);
    if replayed {
        response.metadata_mut().insert(REPLAYED, MetadataValue::from_static("true"));
    }
    response
}
