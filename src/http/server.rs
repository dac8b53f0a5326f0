//! The listener: connections in, calls to handlers, and an end that loses nothing under way.
//!
//! Every connection is bounded in number, in the time of each step and in size; a client that is slow
//! or silent costs one slot, for a while. HTTP/1.1 with kept connections.

use super::routes;
use super::{ApiError, App, Call, Reply};
use crate::limits;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue, ORIGIN};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, StatusCode, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Said, as is, to a connection that finds no slot.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
Content-Type: application/json\r\n\r\n\
{\"code\":\"too_many_connections\",\"message\":\"every connection is taken\",\
\"where\":\"\",\"hint\":\"try again later\"}\n";

/// Serves `listener` until `stop` turns true; returns when every request under way was answered, or
/// when they had [`limits::HTTP_DRAIN_SECONDS_MAX`] for it.
pub async fn serve(listener: TcpListener, app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(app.config.patience.connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: those who are connected go on.
                tracing::warn!("cannot accept a connection: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        app.metrics.connections.add(1);
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            app.metrics.connections_refused.add(1);
            refuse(stream);
            continue;
        };
        let _ = stream.set_nodelay(true);
        let app_of_connection = Arc::clone(&app);
        let service = service_fn(move |request| answer(Arc::clone(&app_of_connection), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(app.config.patience.head)
            .max_buf_size(limits::HTTP_HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(super::patience::Patient::new(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("connection ended: {error}");
            }
            drop(slot);
        });
    }
    drop(listener);
    let drain = Duration::from_secs(limits::HTTP_DRAIN_SECONDS_MAX);
    if timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            "connections still open after {} s were cut",
            drain.as_secs()
        );
    }
}

fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        // Fits the empty send buffer of a new connection; if not, closing says it too.
        let _ = stream.write_all(FULL);
    }
}

async fn answer(app: Arc<App>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let (head, body) = request.into_parts();
    let found =
        same_origin(&head.headers).and_then(|()| routes::find(&head.method, head.uri.path()));
    let (route, reply) = match found {
        Err(error) => ("", refused(&app, error)),
        Ok((route, values)) => {
            let call = Call::new(
                values,
                head.uri.query().unwrap_or(""),
                head.headers,
                body,
                app.config.patience,
            );
            let reply = match (route.handler)(Arc::clone(&app), call).await {
                Ok(reply) => reply,
                Err(error) => refused(&app, error),
            };
            (route.path, reply)
        }
    };
    app.metrics.answered(route, reply.status());
    Ok(reply)
}

/// Refuses what a web page of another site makes a browser send: without authentication, standing on the
/// same machine must not be enough to write.
fn same_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let own = origin.as_bytes().splitn(3, |byte| *byte == b'/').nth(2);
    if own.is_some() && own == host {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "foreign_origin",
        "a page of another site sent this",
    )
    .place("Origin")
    .hint("pages of other sites may not use this server"))
}

fn refused(app: &App, error: ApiError) -> Reply {
    app.metrics.refused(error.code);
    error.reply()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_a_connection_is_an_answer() {
        let text = std::str::from_utf8(FULL).expect("ASCII");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: 1"));
        let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(value["code"], "too_many_connections");
    }
}
