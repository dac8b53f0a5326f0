//! `GET /metrics`: the doors' counters, the owner's figures and the process, on one page.

use super::query::ask;
use super::reply::{self, Reply};
use super::{ApiError, App, Call};
use crate::metrics::{Counter, Page, Process};
use crate::owner::metrics::TURN_BOUNDS;
use ::query::run::Limits;
use ::query::value::Value;
use hyper::StatusCode;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What the doors count.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections accepted.
    pub connections: Counter,
    /// Connections refused because all slots were taken.
    pub connections_refused: Counter,
    /// Bytes of bodies as received.
    pub body_bytes: Counter,
    /// Lines refused by the doors that keep the valid ones.
    pub lines_refused: Counter,
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    /// One request was answered; `route` is the table's path, "" when there is none.
    pub fn answered(&self, route: &'static str, status: StatusCode) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route, status.as_u16())).or_default() += 1;
    }

    /// One request was refused with this code.
    pub fn refused(&self, code: &'static str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals.entry(code).or_default() += 1;
    }

    fn write(&self, page: &mut Page) {
        page.family(
            "http_requests_total",
            "counter",
            "Requests answered, by route and status.",
        );
        for ((route, status), count) in
            &*self.requests.lock().unwrap_or_else(PoisonError::into_inner)
        {
            page.sample(
                &[("route", route), ("status", &status.to_string())],
                *count as f64,
            );
        }
        page.family(
            "refusals_total",
            "counter",
            "Requests refused, by the code of the error.",
        );
        for (code, count) in &*self.refusals.lock().unwrap_or_else(PoisonError::into_inner) {
            page.sample(&[("reason", code)], *count as f64);
        }
        page.single(
            "http_connections_total",
            "counter",
            "Connections accepted.",
            self.connections.get() as f64,
        );
        let refused = self.connections_refused.get() as f64;
        page.single(
            "http_connections_refused_total",
            "counter",
            "Connections past the limit.",
            refused,
        );
        page.single(
            "body_bytes_total",
            "counter",
            "Bytes of bodies as received.",
            self.body_bytes.get() as f64,
        );
        let lines = self.lines_refused.get() as f64;
        page.single(
            "lines_refused_total",
            "counter",
            "Lines refused while the others of their body were kept.",
            lines,
        );
    }
}

/// `GET /metrics`
pub async fn page(app: Arc<App>, _: Call) -> Result<Reply, ApiError> {
    let mut page = Page::default();
    page.family("build_info", "gauge", "Always 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let process = Process::read();
    page.single(
        "process_cpu_seconds_total",
        "counter",
        "User and system time.",
        process.cpu_seconds,
    );
    page.single(
        "process_resident_bytes",
        "gauge",
        "Resident memory.",
        process.resident_bytes as f64,
    );
    page.single(
        "process_open_files",
        "gauge",
        "Open files and sockets.",
        process.open_files as f64,
    );
    app.metrics.write(&mut page);
    page.single(
        "ready",
        "gauge",
        "1 once recovery is done.",
        f64::from(app.owner().is_ok()),
    );
    if let Ok(owner) = app.owner() {
        let now = owner.metrics();
        let counters: [(&str, &str, u64); 14] = [
            ("turns_total", "Turns of the owner.", now.turns),
            ("bodies_total", "Bodies acknowledged.", now.bodies),
            ("reports_total", "Reports kept.", now.reports),
            ("samples_total", "Sample values kept.", now.samples),
            ("events_total", "Events kept.", now.events),
            (
                "duplicates_total",
                "Reports dropped whole because they were known.",
                now.duplicates,
            ),
            (
                "known_rows_total",
                "Rows dropped singly because they were known.",
                now.known_rows,
            ),
            (
                "content_refused_total",
                "Lines and bodies refused by admission.",
                now.refused,
            ),
            (
                "busy_total",
                "Bodies refused because the queue was full.",
                now.busy,
            ),
            (
                "read_only_total",
                "Bodies refused because the disk was full.",
                now.read_only,
            ),
            ("decisions_total", "Decisions released.", now.decisions),
            (
                "commit_failures_total",
                "Commits that failed; one is final.",
                now.commit_failures,
            ),
            ("flushes_total", "Flushes finished.", now.flushes),
            (
                "flush_failures_total",
                "Flushes that failed.",
                now.flush_failures,
            ),
        ];
        for (name, help, value) in counters {
            page.single(name, "counter", help, value as f64);
        }
        let devices = owner.snapshot().schema().device_count().saturating_sub(1) as u64;
        let gauges: [(&str, &str, u64); 5] = [
            ("devices", "Devices known.", devices),
            (
                "last_seq",
                "Sequence number of the last record.",
                now.last_seq,
            ),
            (
                "queue_bodies",
                "Bodies and commands waiting for the owner.",
                now.queue_bodies,
            ),
            (
                "queue_bytes",
                "Bytes of bodies waiting for the owner.",
                now.queue_bytes,
            ),
            (
                "deliveries_pending",
                "Deliveries still to be made.",
                now.pending_deliveries,
            ),
        ];
        for (name, help, value) in gauges {
            page.single(name, "gauge", help, value as f64);
        }
        page.histogram(
            "turn_seconds",
            "Duration of a turn.",
            &TURN_BOUNDS,
            &now.turn_buckets,
            now.turn_seconds,
        );
    }
    store_files(&app.config.data, &mut page);
    open_alerts(&app, &mut page).await;
    Ok(reply::text(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        page.finish(),
    ))
}

/// The files of the store by kind, the first word of their names: `wal`, `segment` …
fn store_files(folder: &Path, page: &mut Page) {
    let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = name
            .split(['-', '.'])
            .next()
            .unwrap_or_default()
            .to_string();
        let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
        let (files, sum) = kinds.entry(kind).or_default();
        *files += 1;
        *sum += bytes;
    }
    page.family("store_files", "gauge", "Files of the store, by kind.");
    for (kind, (files, _)) in &kinds {
        page.sample(&[("kind", kind)], *files as f64);
    }
    page.family(
        "store_bytes",
        "gauge",
        "Bytes of the store's files, by kind.",
    );
    for (kind, (_, bytes)) in &kinds {
        page.sample(&[("kind", kind)], *bytes as f64);
    }
}

/// Open alerts out of the store, as any query would count them; left out while too many queries run.
async fn open_alerts(app: &App, page: &mut Page) {
    const QUESTION: &str = "alerts where ended is not known | by state, severity: n = count()";
    let Ok(table) = ask(app, QUESTION.to_string(), Limits::default()).await else {
        return;
    };
    page.family("alerts", "gauge", "Open alerts by state and severity.");
    for row in &table.rows {
        if let [
            Value::Text(state),
            Value::Text(severity),
            Value::Number(count),
        ] = row.as_slice()
        {
            page.sample(&[("state", state), ("severity", severity)], *count);
        }
    }
}
