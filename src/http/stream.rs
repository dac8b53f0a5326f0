//! `GET /api/v1/stream`: every decision as a server-sent event, from now on or after a given number.
//!
//! The id of an event is the decision's number. A client that reconnects sends the last one it saw
//! (`Last-Event-ID`, as browsers do by themselves) and misses nothing: what the owner no longer
//! remembers comes out of the store.

use super::reply::{Reply, ReplyBody};
use super::{ApiError, App, Call, ledger};
use crate::engine::Decision;
use crate::limits;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use storage::Snapshot;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;

/// A stream that has nothing to say says so this often, so that both sides know the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many decisions are read from the store at once.
const BATCH: usize = 4096;

/// `GET /api/v1/stream`
pub async fn get(app: Arc<App>, call: Call) -> Result<Reply, ApiError> {
    call.only_parameters(&["after"])?;
    let after = after(&call)?;
    app.owner()?;
    let Ok(slot) = Arc::clone(&app.streams).try_acquire_owned() else {
        let message = format!(
            "{} streams are open, which is the limit",
            limits::HTTP_STREAMS_MAX
        );
        return Err(ApiError {
            retry_after: Some(10),
            ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", message)
        });
    };
    let (parts, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut stop = app.stop.clone();
        tokio::select! {
            _ = feed(&app, after, parts) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        drop(slot);
    });
    let mut reply = Response::new(ReplyBody::Parts(receiver));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(reply)
}

/// The number after which to begin; None: from now on. The header wins: a browser keeps the address
/// and moves the header forward.
fn after(call: &Call) -> Result<Option<u64>, ApiError> {
    let (place, text) = match (call.header("last-event-id"), call.parameter("after")) {
        (Some(text), _) => ("Last-Event-ID", text),
        (None, Some(text)) => ("?after=", text),
        (None, None) => return Ok(None),
    };
    text.trim().parse().map(Some).map_err(|_| {
        ApiError::invalid(
            "invalid_parameter",
            format!("{text:?} is not the number of a decision"),
        )
        .place(place)
        .hint("the id of the last event seen; 0 for all there are")
    })
}

/// Sends until the reader is gone; None then.
async fn feed(app: &App, mut after: Option<u64>, parts: Sender<Bytes>) -> Option<()> {
    parts
        .send(Bytes::from_static(b"retry: 2000\n\n"))
        .await
        .ok()?;
    loop {
        let owner = app.owner().ok()?;
        let mut subscription = owner.subscribe(after);
        if let (true, Some(seen)) = (subscription.gap, after) {
            let stored = stored(owner.snapshot(), seen).await?;
            // None stored after it: the gap is only that nothing was released yet since the start.
            let more = stored.len() == BATCH;
            for decision in stored {
                after = Some(decision.number);
                parts.send(event(&decision)).await.ok()?;
            }
            if more {
                continue;
            }
            let seen = after;
            subscription
                .backlog
                .retain(|decision| Some(decision.number) > seen);
        }
        for decision in subscription.backlog {
            after = Some(decision.number);
            parts.send(event(&decision)).await.ok()?;
        }
        loop {
            match timeout(KEEP_ALIVE, subscription.live.recv()).await {
                Err(_) => parts
                    .send(Bytes::from_static(b": nothing new\n\n"))
                    .await
                    .ok()?,
                // A decision can be in the store and still on its way here.
                Ok(Ok(decision)) if after.is_some_and(|seen| decision.number <= seen) => {}
                Ok(Ok(decision)) => {
                    after = Some(decision.number);
                    parts.send(event(&decision)).await.ok()?;
                }
                // This reader was slower than the memory is long: begin again after what it saw.
                Ok(Err(RecvError::Lagged(_))) => break,
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }
}

/// The next stored decisions; None when they cannot be read, which ends the stream: its client comes back.
async fn stored(snapshot: Snapshot, after: u64) -> Option<Vec<Decision>> {
    let read = tokio::task::spawn_blocking(move || ledger::after(&snapshot, after, BATCH)).await;
    match read {
        Ok(Ok(decisions)) => Some(decisions),
        Ok(Err(error)) => {
            tracing::warn!("a stream ended: {error}");
            None
        }
        Err(_) => None,
    }
}

fn event(decision: &Decision) -> Bytes {
    format!("id: {}\ndata: {}\n\n", decision.number, decision.to_line()).into()
}
