//! HTTP: the doors in and out of a running server.
//!
//! Decoding runs on the runtime's threads; the store has one owner, asked through its handle. A reply to
//! a report leaves when the report is durable, never before. Nothing here panics on what comes in.

mod alerts;
mod call;
mod compact;
mod error;
mod health;
mod ledger;
mod metrics;
mod patience;
mod query;
mod reply;
mod reports;
pub mod routes;
mod server;
mod stream;
mod write;

pub use call::Call;
pub use error::ApiError;
pub use metrics::Metrics;
pub use reply::Reply;
pub use server::serve;

use crate::clock::Clock;
use crate::config::Config;
use crate::core::{Body, Receipt, Refusal};
use crate::limits;
use crate::owner::OwnerHandle;
use std::sync::{Arc, OnceLock};
use tokio::sync::{Semaphore, watch};

/// What every handler may use.
pub struct App {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub config: Config,
    /// Counted by the doors.
    pub metrics: Metrics,
    /// Turns true when the server ends; streams end then.
    pub stop: watch::Receiver<bool>,
    /// One permit a running query.
    pub queries: Arc<Semaphore>,
    /// One permit an open stream.
    pub streams: Arc<Semaphore>,
    /// The store's owner, once recovery is done.
    owner: OnceLock<OwnerHandle>,
}

impl App {
    /// An app that is not ready: it answers `/healthz`, and 503 wherever the store is needed.
    pub fn new(config: Config, clock: Arc<dyn Clock>, stop: watch::Receiver<bool>) -> App {
        App {
            clock,
            config,
            metrics: Metrics::default(),
            stop,
            queries: Arc::new(Semaphore::new(limits::QUERIES_MAX)),
            streams: Arc::new(Semaphore::new(limits::HTTP_STREAMS_MAX)),
            owner: OnceLock::new(),
        }
    }

    /// Makes it ready. Only the first owner counts.
    pub fn recovered(&self, owner: OwnerHandle) {
        let _ = self.owner.set(owner);
    }

    /// The store's owner; 503 while the store recovers.
    pub fn owner(&self) -> Result<&OwnerHandle, ApiError> {
        self.owner.get().ok_or_else(|| {
            ApiError::unavailable("recovering", "the store is being recovered", 1)
                .hint("GET /readyz says when it is done")
        })
    }

    /// Hands a body to the owner and waits until it is durable.
    pub async fn submit(&self, body: Body) -> Result<Receipt, ApiError> {
        let answer = self.owner()?.submit(body)?;
        match answer.await {
            Ok(receipt) => Ok(receipt?),
            // The owner ended without an answer: the body may or may not be kept; sending it again is safe.
            Err(_) => Err(Refusal::Stopping.into()),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        let status = hyper::StatusCode::from_u16(refusal.status())
            .unwrap_or(hyper::StatusCode::SERVICE_UNAVAILABLE);
        let retry_after = refusal.retry_after();
        let mut error = ApiError {
            retry_after,
            ..ApiError::new(status, refusal.name(), refusal.to_string())
        };
        if let Refusal::Invalid(fault) = refusal {
            error.message = fault.reason;
            error.hint = fault.hint;
            error.place = match fault.field.as_str() {
                "" => format!("line {}", fault.line).into(),
                field => format!("line {}, {field}", fault.line).into(),
            };
            return error.with("line", fault.line).with("field", fault.field);
        }
        error.hint = match retry_after {
            Some(seconds) => {
                format!("send the same body again in {seconds} s; a body sent twice counts once")
            }
            None => String::new(),
        };
        error
    }
}
