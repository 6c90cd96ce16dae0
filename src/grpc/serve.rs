//! The server as a function of service, door and stop signal.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_reflection::server as reflection;

use super::calls::{Calls, Methods};
use super::codes::Codes;
use super::door::{self, Door};
use super::gate::Gate;
use super::handlers::Handlers;
use super::limits::{Limited, Limiter, Limits};
use super::pb;
use crate::service::Service;
use pb::account_service_server::AccountServiceServer;
use pb::one_time_card_service_server::OneTimeCardServiceServer;
use pb::reason_catalog_service_server::ReasonCatalogServiceServer;
use pb::review_service_server::ReviewServiceServer;
use pb::risk_decision_service_server::RiskDecisionServiceServer;
use pb::support_service_server::SupportServiceServer;

/// The name of a service, from anybody.
const HEALTH_MESSAGE_MAX: usize = 1024;
/// Between looks at what health is to say.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Every service that has a health of its own; the empty name is the server as a whole.
const SERVICES: &[&str] = &[
    "",
    <RiskDecisionServiceServer<Handlers> as NamedService>::NAME,
    <OneTimeCardServiceServer<Handlers> as NamedService>::NAME,
    <AccountServiceServer<Handlers> as NamedService>::NAME,
    <ReasonCatalogServiceServer<Handlers> as NamedService>::NAME,
    <ReviewServiceServer<Handlers> as NamedService>::NAME,
    <SupportServiceServer<Handlers> as NamedService>::NAME,
];

/// Why the server ended without having been told to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The listener's own address could not be read.
    #[error("listener: {0}")]
    Listener(#[from] std::io::Error),
    /// The descriptors cannot be read.
    #[error("descriptors: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// The descriptors do not make a reflection service.
    #[error("reflection: {0}")]
    Reflection(#[from] reflection::Error),
}

/// Serves until `stop`, then ends every watch and lets calls under way end, for `drain_for` at
/// most: an idle connection does not hold it.
pub async fn serve(
    service: Arc<Service>,
    door: Door,
    limits: Limits,
    stop: impl Future<Output = ()> + Send + 'static,
    drain_for: Duration,
) -> Result<(), ServeError> {
    let on_loopback = door.address()?.ip().is_loopback();
    let limiter = Arc::new(Limiter::new(limits, Arc::clone(&service)));
    let handlers = Handlers { service: Arc::clone(&service), limiter: Arc::clone(&limiter) };
    let (health, routes) = routes(handlers, on_loopback).await?;
    let gate = Gate {
        inner: Limited { inner: routes.prepare(), limiter: Arc::clone(&limiter) },
        service: Arc::clone(&service),
        on_loopback,
    };
    door.tell(service.metrics());
    let tls = door.tls();
    let (drain, draining) = oneshot::channel::<()>();
    let draining = async {
        let _ = draining.await;
    };
    // Late calls end, and tonic's own codes become those that we promise; then all is counted.
    let calls = Calls {
        inner: Codes(gate),
        methods: Arc::new(Methods::served()?),
        service: Arc::clone(&service),
    };
    let served = door::open(door, calls, draining, drain_for);
    tokio::pin!(served, stop);
    let looks_after = async {
        let ready = keep_health(&service, &health);
        match tls {
            Some(tls) => drop(tokio::join!(ready, limiter.keep(), tls.keep())),
            None => drop(tokio::join!(ready, limiter.keep())),
        }
    };
    tokio::select! {
        () = &mut served => return Ok(()),
        () = &mut stop => {}
        () = looks_after => {}
    }
    set_all(&health, ServingStatus::NotServing).await;
    let _ = drain.send(());
    service.end_watches();
    served.await;
    Ok(())
}

async fn routes(
    handlers: Handlers,
    on_loopback: bool,
) -> Result<(HealthReporter, Routes), ServeError> {
    let limits = *handlers.limiter.limits();
    let (health, health_server) = health_reporter();
    set_all(&health, ServingStatus::NotServing).await;
    let (one, batch) = (limits.message_max as usize, limits.batch_max());
    let decisions = RiskDecisionServiceServer::new(handlers.clone());
    let cards = OneTimeCardServiceServer::new(handlers.clone());
    let accounts = AccountServiceServer::new(handlers.clone());
    let reviews = ReviewServiceServer::new(handlers.clone());
    let support = SupportServiceServer::new(handlers.clone());
    let catalog = ReasonCatalogServiceServer::new(handlers);
    let routes = Routes::new(health_server.max_decoding_message_size(HEALTH_MESSAGE_MAX))
        .add_service(decisions.max_decoding_message_size(one))
        .add_service(cards.max_decoding_message_size(one))
        .add_service(accounts.max_decoding_message_size(batch))
        .add_service(catalog.max_decoding_message_size(one))
        .add_service(reviews.max_decoding_message_size(one))
        .add_service(support.max_decoding_message_size(one));
    // What the API looks like is told to callers on the same machine only.
    match on_loopback {
        true => Ok((health, with_reflection(routes)?)),
        false => Ok((health, routes)),
    }
}

/// Newer clients ask v1, older ones v1alpha.
fn with_reflection(routes: Routes) -> Result<Routes, reflection::Error> {
    let described = || {
        reflection::Builder::configure()
            .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (v1, v1alpha) = (described().build_v1()?, described().build_v1alpha()?);
    Ok(routes.add_service(v1).add_service(v1alpha))
}

/// Says for ever what readiness says: balancers leave out who cannot reach the ledger.
async fn keep_health(service: &Service, health: &HealthReporter) {
    service.ready().await;
    let mut said = ServingStatus::NotServing;
    loop {
        let says = match service.readiness().iter().all(|part| part.ready) {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        if says != said {
            set_all(health, says).await;
            said = says;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn set_all(health: &HealthReporter, status: ServingStatus) {
    for name in SERVICES {
        health.set_service_status(name, status).await;
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
