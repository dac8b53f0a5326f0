//! Decoding bodies of 1,000 hosts with 18 fields each: line protocol and native reports.
//!
//! `cargo bench --bench decode`; throughput is in fields.

use afterboot::ingest::line::{self, LineSettings, Precision};
use afterboot::ingest::native::{self, Mode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fmt::Write;
use std::hint::black_box;

const HOSTS: usize = 1_000;
const FIELDS: usize = 18;

/// Numbers as agents send them: percents with many digits, counters, zeros.
fn number(host: usize, field: usize) -> f64 {
    let mixed = (host * 31 + field * 17) % 1009;
    match field % 3 {
        0 => mixed as f64 * 100.0 / 1009.0,
        1 => (mixed * 4096) as f64,
        _ => 0.0,
    }
}

fn line_protocol() -> String {
    let mut body = String::new();
    for host in 0..HOSTS {
        write!(body, "cpu,host=host-{host:04},region=eu-west ").expect("a string takes all");
        for field in 0..FIELDS {
            let comma = if field == 0 { "" } else { "," };
            let value = number(host, field);
            write!(body, "{comma}usage_field{field}={value}").expect("a string takes all");
        }
        body += " 1700000000000000000\n";
    }
    body
}

fn reports() -> String {
    let mut body = String::new();
    for host in 0..HOSTS {
        write!(
            body,
            r#"{{"device":"host-{host:04}","labels":{{"region":"eu-west"}},"time":"2026-06-09T02:05:00Z","signals":{{"#
        )
        .expect("a string takes all");
        for field in 0..FIELDS {
            let comma = if field == 0 { "" } else { "," };
            let value = number(host, field);
            write!(body, r#"{comma}"usage_field{field}":{value}"#).expect("a string takes all");
        }
        body += "}}\n";
    }
    body
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements((HOSTS * FIELDS) as u64));
    let body = line_protocol();
    let settings = LineSettings::default();
    group.bench_function("line protocol", |bencher| {
        bencher.iter(|| {
            let outcome =
                line::decode(black_box(body.as_bytes()), Precision::Nanosecond, &settings);
            let outcome = outcome.expect("the body is within the limits");
            assert_eq!(outcome.accepted as usize, HOSTS);
            outcome
        });
    });
    let body = reports();
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            let lines = native::decode(black_box(body.as_bytes()), None, Mode::Live);
            assert_eq!(lines.as_ref().map(Vec::len), Ok(HOSTS));
            lines
        });
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
