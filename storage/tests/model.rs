//! The store answers as a plain list of records would: late data, repetitions, clock offsets, flushes
//! and restarts included.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::sync::Arc;

use common::*;
use storage::*;

/// Tells one random story to a store and to the model, and compares all answers on the way.
fn check(seed: u64) {
    let mut random = Random(seed);
    let disk = SimDisk::new(seed);
    let mut store = open(&disk).store;
    let mut model = Model::default();
    let mut durable = Model::default();
    let mut arrival = 20;
    let mut checkpoint = None;
    for _ in 0..60 {
        match random.below(12) {
            0..5 => {
                arrival += random.below(3) as i64;
                let records = random_records(&mut store, &mut random).unwrap();
                let seqs = store.append(arrival, records.clone()).unwrap();
                assert_eq!(seqs.start, model.records.len() as u64 + 1);
                model.append(arrival, &records);
            }
            5..7 => {
                store.commit().unwrap();
                durable = model.clone();
            }
            7 => {
                let bytes = random.next().to_le_bytes();
                flush(&mut store, &bytes).unwrap();
                durable = model.clone();
                checkpoint = Some(Checkpoint {
                    seq: store.last_seq(),
                    bytes: bytes.to_vec(),
                });
            }
            8 => {
                // A flush that comes to nothing: its rows go with the next one.
                drop(store.begin_flush(Vec::new()).unwrap());
                durable = model.clone();
            }
            9 => {
                store.commit().unwrap();
                durable = model.clone();
                drop(store);
                let opened = open(&disk);
                assert_eq!(opened.damage, []);
                assert_eq!(opened.checkpoint, checkpoint);
                store = opened.store;
                assert_eq!(store.last_seq(), model.records.len() as u64);
            }
            _ => compare(&store, &model, &durable, &mut random),
        }
    }
    compare(&store, &model, &durable, &mut random);
}

fn compare(store: &Store, model: &Model, durable: &Model, random: &mut Random) {
    let snapshot = store.snapshot();
    assert_eq!(snapshot.seq(), durable.records.len() as u64);
    let from = random.below(durable.records.len() as u64 + 2);
    let expected = durable.records.iter().filter(|record| record.seq >= from);
    assert_eq!(records(store, from), expected.cloned().collect::<Vec<_>>());
    for (table, def) in snapshot.schema().tables() {
        let select = random_select(table, random);
        assert_eq!(
            rows(&snapshot, &select),
            durable.scan(def.kind, &select),
            "{select:?}"
        );
        for _ in 0..5 {
            let (device, time) = (DeviceId(random.below(14) as u32), random.below(60) as i64);
            let found = store.find(table, device, "C:", time).unwrap();
            assert_eq!(found, model.find(table, device, "C:", time));
        }
    }
}

#[test]
fn store_and_model_agree() {
    for seed in seeds(150) {
        check(seed);
    }
}

#[test]
fn large_devices_span_pages() {
    let disk = Arc::new(SimDisk::memory());
    let mut store = Store::open(disk, Options::default()).unwrap().store;
    let table = store.table(TableKind::Signals, "cpu").unwrap();
    let column = store.column(table, "usage", ValueType::Number).unwrap();
    let devices: Vec<DeviceId> = (0..5)
        .map(|n| store.device("", &format!("d{n}")).unwrap())
        .collect();
    let counts = [10_000, 4_096, 1, 3_000, 2_000];
    let mut model = Model::default();
    for (device, count) in devices.iter().zip(counts) {
        let row = |time: i64| Row {
            table,
            device: *device,
            instance: "".into(),
            time,
            offset: 0,
            cells: vec![(column, Value::Number((time * 7 % 1_000) as f64 / 10.0))],
        };
        let records = vec![(0..count).map(row).collect::<Vec<_>>()];
        store.append(20_000, records.clone()).unwrap();
        model.append(20_000, &records);
    }
    flush(&mut store, b"").unwrap();
    let snapshot = store.snapshot();
    let mut select = Select::table(table);
    assert_eq!(
        rows(&snapshot, &select),
        model.scan(TableKind::Signals, &select)
    );
    select.devices = Some([devices[0].0, devices[3].0].into_iter().collect());
    (select.from, select.to) = (2_500, 5_500);
    let found = rows(&snapshot, &select);
    assert_eq!(found.len(), 3_000 + 500);
    assert_eq!(found, model.scan(TableKind::Signals, &select));
    assert_eq!(records(&store, 1), model.records);
}

#[test]
fn a_snapshot_never_changes() {
    let disk = SimDisk::memory();
    let mut store = open(&disk).store;
    let mut random = Random(7);
    let mut told = Vec::new();
    for round in 0..30 {
        let records = random_records(&mut store, &mut random).unwrap();
        store.append(100, records).unwrap();
        if round % 3 == 0 {
            store.commit().unwrap();
        }
        if round % 10 == 9 {
            flush(&mut store, b"").unwrap();
        }
        let snapshot = store.snapshot();
        let devices = snapshot.schema().device_count();
        let all: Vec<Vec<StoredRow>> = snapshot
            .schema()
            .tables()
            .map(|(t, _)| rows(&snapshot, &Select::table(t)))
            .collect();
        told.push((snapshot, devices, all));
    }
    for (snapshot, devices, all) in told {
        assert_eq!(snapshot.schema().device_count(), devices);
        let again = snapshot
            .schema()
            .tables()
            .map(|(t, _)| rows(&snapshot, &Select::table(t)));
        assert_eq!(again.collect::<Vec<_>>(), all);
    }
}

#[test]
fn readers_on_other_threads_see_whole_turns() {
    let disk = SimDisk::memory();
    let mut store = open(&disk).store;
    let table = store.table(TableKind::System, "pairs").unwrap();
    let column = store.column(table, "n", ValueType::Number).unwrap();
    let row = |time| Row {
        table,
        device: DeviceId::SERVER,
        instance: "".into(),
        time,
        offset: 0,
        cells: vec![(column, Value::Number(time as f64))],
    };
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::channel::<Snapshot>();
        scope.spawn(move || {
            for snapshot in receive {
                let rows = rows(&snapshot, &Select::table(table));
                let times: Vec<i64> = rows.iter().map(|row| row.row.time).collect();
                assert_eq!(times, (0..2 * snapshot.seq() as i64).collect::<Vec<_>>());
            }
        });
        for turn in 0..200 {
            let pair = vec![row(2 * turn), row(2 * turn + 1)];
            store.append(1_000, vec![pair]).unwrap();
            if turn % 3 == 0 {
                store.commit().unwrap();
                send.send(store.snapshot()).unwrap();
            }
            if turn % 50 == 49 {
                let job = store.begin_flush(Vec::new()).unwrap();
                let flushed = scope.spawn(|| job.run()).join().unwrap().unwrap();
                store.finish_flush(flushed).unwrap();
            }
        }
    });
}

#[test]
fn a_flush_is_due_by_size_and_one_at_a_time() {
    let disk = SimDisk::memory();
    let mut store = open(&disk).store;
    let mut random = Random(3);
    let mut fill = |store: &mut Store| {
        for _ in 0..200 {
            let records = random_records(store, &mut random).unwrap();
            store.append_derived(100, records).unwrap();
        }
    };
    assert!(!store.wants_flush());
    fill(&mut store);
    assert!(store.wants_flush());
    let job = store.begin_flush(Vec::new()).unwrap();
    fill(&mut store);
    assert!(!store.wants_flush(), "one is on its way");
    let flushed = job.run().unwrap();
    assert!(!store.wants_flush(), "it is not installed yet");
    store.finish_flush(flushed).unwrap();
    assert!(store.wants_flush(), "more gathered meanwhile");
    drop(store.begin_flush(Vec::new()).unwrap());
    fill(&mut store);
    assert!(store.wants_flush(), "the last one came to nothing");
    // A job that was overtaken is void.
    let overtaken = store.begin_flush(Vec::new()).unwrap().run().unwrap();
    let newer = store.begin_flush(Vec::new()).unwrap();
    let void = store.finish_flush(overtaken);
    assert!(matches!(void, Err(Error::FlushOutdated)), "{void:?}");
    store.finish_flush(newer.run().unwrap()).unwrap();
    let last = store.last_seq();
    assert_eq!(records(&store, 1).len() as u64, last);
    assert_eq!(records(&open(&disk).store, 1).len() as u64, last);
}
