//! What one row costs: appended and committed, flushed, found and scanned. The fleet is 1,000 hosts
//! with 18 signals each, as a collector reports them.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use storage::*;

const HOSTS: u32 = 1_000;
const SIGNALS: u32 = 18;

struct Fleet {
    store: Store,
    table: TableId,
    columns: Vec<ColumnId>,
    devices: Vec<DeviceId>,
}

fn fleet() -> Fleet {
    let options = Options {
        head_bytes_max: 1 << 30,
        ..Options::default()
    };
    let disk = Arc::new(SimDisk::memory());
    let mut store = Store::open(disk, options).expect("opens").store;
    let table = store.table(TableKind::Signals, "cpu").expect("fits");
    let column = |n| store.column(table, &format!("signal{n}"), ValueType::Number);
    let columns = (0..SIGNALS)
        .map(column)
        .collect::<Result<_, _>>()
        .expect("fits");
    let device = |n| store.device("", &format!("host{n}"));
    let devices = (0..HOSTS)
        .map(device)
        .collect::<Result<_, _>>()
        .expect("fits");
    Fleet {
        store,
        table,
        columns,
        devices,
    }
}

/// One record a host, values that walk slowly with one decimal.
fn records(fleet: &Fleet, step: i64) -> Vec<Vec<Row>> {
    let row = |device: &DeviceId| {
        let value = |column: &ColumnId| {
            let walk = step * 7 + i64::from(device.0) * 13 + i64::from(column.0) * 131;
            let value = 500 + (walk * walk / 91) % 17 + i64::from(column.0) * 10;
            (*column, Value::Number(value as f64 / 10.0))
        };
        vec![Row {
            table: fleet.table,
            device: *device,
            instance: "".into(),
            time: step * 60 * SECOND,
            offset: 0,
            cells: fleet.columns.iter().map(value).collect(),
        }]
    };
    fleet.devices.iter().map(row).collect()
}

fn filled(steps: i64) -> Fleet {
    let mut fleet = fleet();
    for step in 0..steps {
        let records = records(&fleet, step);
        fleet
            .store
            .append(step * 60 * SECOND, records)
            .expect("appends");
        fleet.store.commit().expect("commits");
    }
    fleet
}

fn samples(steps: u64) -> Throughput {
    Throughput::Elements(u64::from(HOSTS * SIGNALS) * steps)
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("samples");
    group.throughput(samples(1));
    let mut fleet = fleet();
    group.bench_function("append and commit", |b| {
        b.iter_custom(|rounds| {
            let mut spent = std::time::Duration::ZERO;
            for _ in 0..rounds {
                let step = fleet.store.last_seq() as i64 / i64::from(HOSTS);
                if fleet.store.wants_flush() {
                    let flushed = fleet.store.begin_flush(Vec::new()).and_then(FlushJob::run);
                    fleet
                        .store
                        .finish_flush(flushed.expect("writes"))
                        .expect("installs");
                }
                let records = records(&fleet, step);
                let start = std::time::Instant::now();
                fleet
                    .store
                    .append(step * 60 * SECOND, records)
                    .expect("appends");
                fleet.store.commit().expect("commits");
                spent += start.elapsed();
            }
            spent
        });
    });
    group.finish();
}

fn flush(c: &mut Criterion) {
    let mut group = c.benchmark_group("flushed samples");
    group.throughput(samples(60));
    group.sample_size(10);
    group.bench_function("one hour", |b| {
        b.iter_batched(
            || filled(60).store.begin_flush(Vec::new()).expect("seals"),
            |job| black_box(job.run().expect("writes")),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn read(c: &mut Criterion) {
    let mut fleet = filled(60);
    let flushed = fleet.store.begin_flush(Vec::new()).and_then(FlushJob::run);
    fleet
        .store
        .finish_flush(flushed.expect("writes"))
        .expect("installs");
    let snapshot = fleet.store.snapshot();
    let count = |select: &Select| snapshot.scan(select).expect("begins").count();
    let mut group = c.benchmark_group("scan");
    group.sample_size(10);
    group.bench_function("one device, all signals, one hour", |b| {
        let mut select = Select::table(fleet.table);
        select.devices = Some([500].into_iter().collect());
        b.iter(|| black_box(count(&select)));
    });
    group.bench_function("all devices, one signal, one hour", |b| {
        let mut select = Select::table(fleet.table);
        select.columns = Some(vec![fleet.columns[3]]);
        b.iter(|| black_box(count(&select)));
    });
    group.bench_function("find a newer row", |b| {
        let time = 61 * 60 * SECOND;
        b.iter(|| black_box(fleet.store.find(fleet.table, DeviceId(500), "", time)));
    });
    group.finish();
}

criterion_group!(benches, append, flush, read);
criterion_main!(benches);
