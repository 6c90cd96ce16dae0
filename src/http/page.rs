//! What each page says.

use std::sync::atomic::Ordering;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::Told;
use crate::service::Ready;

const PLAIN: &str = "text/plain; charset=utf-8";
/// The text format that [`Metrics::text`](crate::telemetry::Metrics::text) writes.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) type Page = Response<Full<Bytes>>;

pub(super) async fn answer(told: &Told, request: &Request<Incoming>) -> Page {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        // Whoever reads this has been answered by a process that runs.
        "/livez" => page(StatusCode::OK, "ok\n"),
        "/readyz" => ready(told),
        "/metrics" => metrics(told).await,
        _ => page(StatusCode::NOT_FOUND, "expected /metrics, /livez or /readyz\n"),
    }
}

/// Whether calls should be sent here, and else the parts that are in the way, one a line.
fn ready(told: &Told) -> Page {
    let Some(service) = told.service() else {
        return page(StatusCode::SERVICE_UNAVAILABLE, "not ready: starting\n");
    };
    if told.draining.load(Ordering::Relaxed) {
        return page(StatusCode::SERVICE_UNAVAILABLE, "not ready: stopping\n");
    }
    let parts = service.readiness();
    let missing = parts.iter().filter(|part| !part.ready);
    let lines: String = missing.map(|Ready { part, .. }| format!("not ready: {part}\n")).collect();
    match lines.is_empty() {
        true => page(StatusCode::OK, "ok\n"),
        false => page(StatusCode::SERVICE_UNAVAILABLE, lines),
    }
}

async fn metrics(told: &Told) -> Page {
    let Some(service) = told.service() else {
        return page(StatusCode::SERVICE_UNAVAILABLE, "starting\n");
    };
    let Some(text) = service.scrape().await else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written down\n");
    };
    let mut page = page(StatusCode::OK, text);
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROMETHEUS));
    page
}

fn page(status: StatusCode, text: impl Into<Bytes>) -> Page {
    let mut page = Response::new(Full::new(text.into()));
    *page.status_mut() = status;
    let headers = page.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PLAIN));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}
