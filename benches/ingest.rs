//! First figures of the whole write path on a real disk: line protocol in, durable, rules on.
//!
//! `cargo bench --bench ingest` prints them; under `cargo test` a small fleet runs once. CPU is that of this thread
//! (decoding, admission, log, engine, sync); flushes run here too and are stated apart.
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use afterboot::core::{Body, Core, Manner, Options, RuleSet, Source};
use afterboot::ingest::line::{self, LineSettings, Precision};
use afterboot::ingest::native::{self, Mode};
use afterboot::report::Line;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{Nanos, RealDisk, SECOND};

const START: Nanos = 1_780_963_200 * SECOND;

struct Scale {
    hosts: usize,
    steps: usize,
    single_reports: usize,
}

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let scale = match measured {
        true => Scale {
            hosts: 1000,
            steps: 120,
            single_reports: 2000,
        },
        false => Scale {
            hosts: 10,
            steps: 3,
            single_reports: 5,
        },
    };
    let folder = tempfile::tempdir().unwrap();
    let mut core = open(folder.path(), START);
    line_protocol(&mut core, &scale);
    latency(&mut core, &scale);
    drop(core);
    let before = Instant::now();
    let core = open(folder.path(), START + 86_400 * SECOND);
    println!(
        "start after a crash: {:?}, {} records in the log",
        before.elapsed(),
        core.last_seq()
    );
}

fn open(folder: &std::path::Path, now: Nanos) -> Core {
    let text = include_str!("../rules/standard.rules");
    let rules = RuleSet::check(vec![Source::new("standard.rules", text)]).unwrap();
    let disk = Arc::new(RealDisk::new(folder).unwrap());
    Core::open(disk, Options::default(), &rules, now)
        .unwrap()
        .core
}

/// One body a step: every host with 18 fields in three measurements.
fn body(hosts: usize, step: usize) -> String {
    let mut text = String::new();
    let time = START + (step as i64 + 1) * 60 * SECOND;
    for host in 0..hosts {
        let noise = |field: usize| ((host * 31 + step * 17 + field * 7) % 1000) as f64 / 10.0;
        for (measurement, first, count) in [("cpu", 0, 6), ("mem", 6, 6), ("net", 12, 6)] {
            write!(text, "{measurement},host=host-{host:06},client=Acme ").unwrap();
            for field in first..first + count {
                let comma = if field == first { "" } else { "," };
                write!(text, "{comma}f{field}={}", noise(field)).unwrap();
            }
            writeln!(text, " {time}").unwrap();
        }
    }
    text
}

fn line_protocol(core: &mut Core, scale: &Scale) {
    let (mut decoding, mut keeping, mut flushing) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut samples = 0;
    for step in 0..scale.steps {
        let text = body(scale.hosts, step);
        let began = cpu();
        let decoded = line::decode(
            text.as_bytes(),
            Precision::Nanosecond,
            &LineSettings::default(),
        )
        .unwrap();
        let lines: Vec<Line> = decoded.reports.into_iter().map(Line::Report).collect();
        decoding += cpu() - began;
        let began = cpu();
        let now = START + (step as i64 + 1) * 60 * SECOND + SECOND;
        let body = Body {
            lines,
            manner: Manner::FOREIGN,
            bytes: text.len(),
        };
        samples += core.ingest(now, &body).unwrap().samples;
        core.commit().unwrap();
        keeping += cpu() - began;
        if core.wants_flush() {
            flushing += flush(core);
        }
    }
    flushing += flush(core);
    let per_million = |spent: Duration| spent.as_secs_f64() * 1e6 / samples as f64;
    println!(
        "line protocol, bodies of {} hosts × 18 fields, {samples} samples",
        scale.hosts
    );
    println!("  CPU-s per million: decode {:.3}", per_million(decoding));
    println!(
        "  CPU-s per million: admission, log, rules, sync {:.3}",
        per_million(keeping)
    );
    println!("  CPU-s per million: flush {:.3}", per_million(flushing));
}

fn flush(core: &mut Core) -> Duration {
    let began = cpu();
    let flushed = core.begin_flush().unwrap().run().unwrap();
    core.finish_flush(flushed).unwrap();
    cpu() - began
}

/// One report a body, each of which raises or ends an alert.
fn latency(core: &mut Core, scale: &Scale) {
    let mut took = Vec::new();
    for at in 0..scale.single_reports {
        let (device, on) = (at / 2, at % 2 == 0);
        let text = format!(
            r#"{{"device":"probe-{device}","interval":3600,"signals":{{"pending_reboot":{on},"uptime":90000,"cpu":{at}}}}}"#
        );
        let now = core.last_arrival() + SECOND / 100;
        let began = Instant::now();
        let lines = native::decode(text.as_bytes(), None, Mode::Live).unwrap();
        core.ingest(
            now,
            &Body {
                lines,
                manner: Manner::NATIVE,
                bytes: text.len(),
            },
        )
        .unwrap();
        let released = core.commit().unwrap();
        took.push(began.elapsed());
        assert!(!released.is_empty(), "report {at} decides something");
    }
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "report received to decision durable: p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(
        text.split(' ')
            .next()
            .and_then(|nanos| nanos.parse().ok())
            .unwrap_or(0),
    )
}
