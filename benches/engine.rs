//! The engine alone: the standard rules over records that are already in the log.
//!
//! `cargo bench --bench engine`; throughput is in samples: 1,000 hosts with 18 fields a minute, and a patch night of 200 machines.

use afterboot::core::{Body, Core, Manner, Options, RuleSet};
use afterboot::engine::Engine;
use afterboot::fleet::Fleet;
use afterboot::fleet::hosts::{FIELDS, Hosts};
use afterboot::ingest::line::{self, LineSettings, Precision};
use afterboot::ingest::native::{self, Mode};
use afterboot::report::Line;
use afterboot::rule_files;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::sync::Arc;
use storage::{Nanos, Record, SECOND, Schema, SimDisk};

const HOSTS: usize = 1_000;
const MINUTES: usize = 10;
/// 2026-06-09T00:00:00Z
const START: Nanos = 1_780_963_200 * SECOND;

fn open(start: Nanos) -> Core {
    let rules = RuleSet::check(rule_files::standard()).expect("the standard rules");
    let disk = Arc::new(SimDisk::memory());
    let opened = Core::open(disk, Options::default(), &rules, start);
    opened.expect("a store").core
}

/// Ten minutes of line protocol.
fn minutes() -> Core {
    let mut core = open(START);
    let mut hosts = Hosts::new(HOSTS, "h", 1, START);
    let mut text = String::new();
    for minute in 1..=MINUTES {
        let now = START + minute as Nanos * 60 * SECOND;
        hosts.body(now, &mut text);
        let settings = LineSettings::default();
        let read = line::decode(text.as_bytes(), Precision::Nanosecond, &settings);
        let reports = read.expect("a body within the limits").reports;
        let body = Body {
            lines: reports.into_iter().map(Line::Report).collect(),
            manner: Manner::FOREIGN,
            bytes: text.len(),
        };
        core.ingest(now, &body).expect("a body that fits");
        core.commit().expect("a disk in memory");
    }
    core
}

/// The night of the demo.
fn night() -> (Core, u64) {
    let mut fleet = Fleet::new(200, 1);
    let mut batch = fleet.next_batch();
    let mut core = open(batch.time);
    let mut samples = 0;
    while batch.time < Fleet::dawn() {
        let lines = native::decode(batch.body.as_bytes(), None, Mode::Live).expect("a body");
        let body = Body {
            lines,
            manner: Manner::NATIVE,
            bytes: batch.body.len(),
        };
        samples += core
            .ingest(batch.time, &body)
            .expect("a body that fits")
            .samples;
        core.commit().expect("a disk in memory");
        batch = fleet.next_batch();
    }
    (core, samples)
}

/// The records that the engine is fed, one group an arrival.
fn groups(core: &Core) -> Vec<Vec<Record>> {
    let mut groups: Vec<Vec<Record>> = Vec::new();
    for record in core.snapshot().records(1).expect("a log") {
        let mut record = record.expect("a record");
        record
            .rows
            .retain(|row| !core.system().is_derived(row.table));
        match groups.last_mut() {
            Some(group) if group[0].arrival == record.arrival => group.push(record),
            _ => groups.push(vec![record]),
        }
    }
    groups
}

fn decide(core: &Core, groups: &[Vec<Record>], schema: &Schema) -> usize {
    let mut engine = Engine::new(Arc::clone(&core.rules().program));
    let mut decisions = 0;
    for group in groups {
        engine.apply(group, schema);
        decisions += engine.take_decisions().len();
    }
    decisions
}

fn engine(criterion: &mut Criterion) {
    let mut benchmarks = criterion.benchmark_group("engine");
    benchmarks.sample_size(10);
    let mut run = |name: &str, core: &Core, samples: u64| {
        let groups = groups(core);
        benchmarks.throughput(Throughput::Elements(samples));
        benchmarks.bench_function(name, |bencher| {
            bencher.iter(|| decide(core, &groups, core.store().schema()));
        });
    };
    run(
        "steady hosts",
        &minutes(),
        (HOSTS * FIELDS * MINUTES) as u64,
    );
    let (core, samples) = night();
    run("patch night", &core, samples);
    benchmarks.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
