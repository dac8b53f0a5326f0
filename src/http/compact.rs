//! `POST /api/v1/compact`: what is in memory goes to segments now; answers when it is done.

use super::reply::{self, Reply};
use super::{ApiError, App, Call};
use crate::core::Refusal;
use serde_json::json;
use std::sync::Arc;

/// `POST /api/v1/compact`
pub async fn post(app: Arc<App>, call: Call) -> Result<Reply, ApiError> {
    call.only_parameters(&[])?;
    match app.owner()?.flush()?.await {
        Ok(done) => done?,
        Err(_) => return Err(Refusal::Stopping.into()),
    }
    Ok(reply::json(&json!({ "status": "flushed" })))
}
