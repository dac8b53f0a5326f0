//! `/healthz` and `/readyz`: whether the process runs, and whether it accepts.

use super::reply::{self, Reply};
use super::{ApiError, App, Call};
use crate::core::Refusal;
use crate::owner::Health;
use serde_json::json;
use std::sync::Arc;

/// `GET /healthz`
pub async fn alive(_: Arc<App>, _: Call) -> Result<Reply, ApiError> {
    Ok(reply::json(
        &json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION") }),
    ))
}

/// `GET /readyz`
pub async fn ready(app: Arc<App>, _: Call) -> Result<Reply, ApiError> {
    let refusal = match app.owner()?.health() {
        Health::Ready => return Ok(reply::json(&json!({ "status": "ready" }))),
        Health::ReadOnly => Refusal::ReadOnly,
        Health::Failed(why) => Refusal::Failed(why),
        Health::Stopping => Refusal::Stopping,
    };
    Err(refusal.into())
}
