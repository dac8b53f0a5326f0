//! A disk that fails or lies: no space, failing writes and syncs, changed bytes. Nothing accepted is
//! lost, and no answer is wrong without being called incomplete.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::sync::Arc;

use common::*;
use storage::*;

/// Appends, commits and flushes on a disk where one step fails; whatever fails, the story goes on.
/// Afterwards everything acknowledged must be found, also after power loss.
fn check_failing_step(seed: u64, faults: &Faults) {
    let mut random = Random(seed);
    let disk = SimDisk::new(seed);
    disk.set_faults(faults.clone());
    let mut model = Model::default();
    let mut acknowledged = 0;
    let context = format!("seed {seed}, {faults:?}");
    let Some(mut store) = open_again(&disk) else {
        panic!("{context}: the second try opens");
    };
    for _ in 0..30 {
        match random.below(8) {
            0..4 => {
                let records = random_records(&mut store, &mut random).unwrap();
                let before = store.last_seq();
                match store.append(50, records.clone()) {
                    Ok(_) => model.append(50, &records),
                    Err(error) => {
                        assert_eq!(store.last_seq(), before, "{context}: {error}");
                        let poisoned = matches!(error, Error::Poisoned);
                        assert_eq!(poisoned, store.is_poisoned(), "{context}: {error}");
                    }
                }
            }
            4..6 => match store.commit() {
                Ok(()) => acknowledged = store.last_seq(),
                Err(error) => {
                    assert!(!matches!(error, Error::Full { .. }), "{context}: {error}");
                    assert!(store.is_poisoned(), "{context}: {error}");
                }
            },
            6 => match flush(&mut store, b"state") {
                Ok(()) => acknowledged = store.last_seq(),
                Err(_) => {
                    let seq = store.snapshot().seq();
                    assert!(seq >= acknowledged, "{context}");
                    acknowledged = seq;
                }
            },
            _ => {
                let seq = store.snapshot().seq() as usize;
                assert!(seq as u64 >= acknowledged);
                assert_eq!(
                    common::records(&store, 1),
                    model.records[..seq],
                    "{context}"
                );
            }
        }
    }
    if store.is_poisoned() {
        assert!(matches!(store.commit(), Err(Error::Poisoned)));
        let row = random_records(&mut store, &mut random).unwrap();
        assert!(matches!(store.append(60, row), Err(Error::Poisoned)));
    }
    drop(store);
    let after = disk.crash();
    for disk in [after, disk] {
        disk.set_faults(Faults::default());
        let opened = open(&disk);
        assert_eq!(opened.damage, [], "{context}");
        let found = opened.store.last_seq();
        assert!(found >= acknowledged, "{context}: {found} < {acknowledged}");
        assert_eq!(
            common::records(&opened.store, 1),
            model.records[..found as usize],
            "{context}"
        );
        // What a start found is durable, even if the sync before it had failed.
        let later = open(&disk.crash()).store.last_seq();
        assert_eq!(later, found, "{context}");
    }
}

/// Opens at the first or second try: a fault comes once.
fn open_again(disk: &SimDisk) -> Option<Store> {
    let open = || Store::open(Arc::new(disk.clone()), small()).ok();
    open().or_else(open).map(|opened| opened.store)
}

#[test]
fn any_step_may_fail() {
    for seed in seeds(4) {
        for step in 1..=70 {
            let short = step % 2 == 0;
            check_failing_step(
                seed,
                &Faults {
                    eio_at: Some(step),
                    short,
                    ..Faults::default()
                },
            );
            check_failing_step(
                seed,
                &Faults {
                    enospc_at: Some(step),
                    short,
                    ..Faults::default()
                },
            );
        }
    }
}

#[test]
fn any_size_of_disk_may_be_too_small() {
    for seed in seeds(4) {
        for kilobytes in 1..24 {
            let capacity_bytes = Some(500 + kilobytes * 700);
            check_failing_step(
                seed,
                &Faults {
                    capacity_bytes,
                    ..Faults::default()
                },
            );
        }
    }
}

#[test]
fn a_full_disk_refuses_appends_and_lets_turns_end() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk).store;
    let mut random = Random(1);
    let mut records = || vec![vec![random.next() as i64 % 50]; 1];
    let table = store.table(TableKind::System, "decisions").unwrap();
    let mut rows = || {
        let times = records();
        let row = |time: &i64| Row {
            table,
            device: DeviceId::SERVER,
            instance: "".into(),
            time: *time,
            offset: 0,
            cells: Vec::new(),
        };
        times
            .iter()
            .map(|times| times.iter().map(row).collect())
            .collect::<Vec<Vec<Row>>>()
    };
    store.append(50, rows()).unwrap();
    store.commit().unwrap();
    disk.set_faults(Faults {
        capacity_bytes: Some(1),
        ..Faults::default()
    });
    let mut accepted = 0;
    let refused = loop {
        match store.append(50, rows()) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Full { .. }), "{refused}");
    assert!(accepted > 0);
    // The turn that was accepted can still write what follows from it.
    store.append_derived(50, rows()).unwrap();
    store.append_derived(50, rows()).unwrap();
    assert!(!store.has_room());
    store.commit().unwrap();
    let held = store.last_seq();
    disk.set_faults(Faults::default());
    assert!(store.has_room());
    store.append(50, rows()).unwrap();
    store.commit().unwrap();
    assert_eq!(open(&disk.crash()).store.last_seq(), held + 1);
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let disk = SimDisk::new(3);
    let mut store = open(&disk).store;
    let mut random = Random(3);
    let records = random_records(&mut store, &mut random).unwrap();
    store.append(50, records.clone()).unwrap();
    store.commit().unwrap();
    store.append(50, records.clone()).unwrap();
    // The write is the next step, the sync the one after it.
    disk.set_faults(Faults {
        eio_at: Some(disk.steps() + 2),
        ..Faults::default()
    });
    assert!(matches!(
        store.commit(),
        Err(Error::Io { action: "sync", .. })
    ));
    disk.set_faults(Faults::default());
    let steps = disk.steps();
    assert!(matches!(store.commit(), Err(Error::Poisoned)));
    assert!(matches!(
        store.append(51, records.clone()),
        Err(Error::Poisoned)
    ));
    assert!(matches!(
        store.append_derived(51, records),
        Err(Error::Poisoned)
    ));
    assert!(matches!(
        store.begin_flush(Vec::new()),
        Err(Error::Poisoned)
    ));
    assert_eq!(disk.steps(), steps, "nothing more is written");
    // Readers keep what was durable.
    assert_eq!(
        store.snapshot().seq(),
        common::records(&store, 1).len() as u64
    );
}

/// A store with everything in it: two segments, two catalogs, a checkpoint, and a log of three
/// commits. Returns the disk and what was appended.
fn whole_store() -> (SimDisk, Model, Vec<u64>) {
    let disk = SimDisk::memory();
    let mut store = open(&disk).store;
    let mut random = Random(5);
    let mut model = Model::default();
    let mut ends = Vec::new();
    let mut turn = |store: &mut Store, times: usize| {
        for _ in 0..times {
            let records = random_records(store, &mut random).unwrap();
            store.append(50, records.clone()).unwrap();
            store.commit().unwrap();
            model.append(50, &records);
            ends.push(store.last_seq());
        }
    };
    turn(&mut store, 3);
    flush(&mut store, b"first state").unwrap();
    turn(&mut store, 4);
    flush(&mut store, b"second state").unwrap();
    store.device("acme", "made after the flush").unwrap();
    turn(&mut store, 3);
    (disk, model, ends)
}

/// Opens a changed store. Whatever it says without naming damage must be right.
fn check_changed(disk: &SimDisk, model: &Model, ends: &[u64], context: &str) {
    let opened = match Store::open(Arc::new(disk.clone()), small()) {
        Ok(opened) => opened,
        Err(Error::Damaged(_) | Error::Version { .. }) => return,
        Err(error) => panic!("{context}: {error}"),
    };
    let store = opened.store;
    let mut named = !opened.damage.is_empty();
    if let Some(checkpoint) = &opened.checkpoint {
        assert_eq!(checkpoint.bytes, b"second state", "{context}");
    } else {
        assert!(named, "{context}: the checkpoint is gone");
    }
    // The last commit of a log cannot be told from a torn end; everything before it can.
    let last_commit = ends[ends.len() - 2];
    let mut found = Vec::new();
    for record in store.records(1).unwrap() {
        match record {
            Ok(record) => found.push(record),
            Err(_) => named = true,
        }
    }
    if named {
        for record in &found {
            let known = &model.records[record.seq as usize - 1];
            assert_eq!(record.arrival, known.arrival, "{context}");
            assert!(
                record.rows.iter().all(|row| known.rows.contains(row)),
                "{context}"
            );
        }
    } else {
        assert!(
            found.len() as u64 >= last_commit,
            "{context}: {} records",
            found.len()
        );
        assert_eq!(found, model.records[..found.len()], "{context}");
    }
    let mut expected = model.clone();
    expected.records.truncate(store.last_seq() as usize);
    for (table, _) in store.snapshot().schema().tables() {
        let mut select = Select::table(table);
        select.versions = Versions::All;
        let mut scan = store.snapshot().scan(&select).unwrap();
        let rows: Vec<StoredRow> = scan.by_ref().map(|row| row.unwrap()).collect();
        let all = expected.scan(TableKind::System, &select);
        if scan.damage().is_empty() {
            assert_eq!(rows, all, "{context}");
        } else {
            assert!(rows.iter().all(|row| all.contains(row)), "{context}");
        }
    }
    for (device, def) in store.schema().devices().skip(1) {
        let renamed = def.name.starts_with("lost-");
        assert!(
            renamed || NAMES.contains(&def.name.as_str()),
            "{context}: {device:?} {def:?}"
        );
        assert!(!renamed || named, "{context}: {def:?}");
    }
}

const NAMES: [&str; 7] = [
    "web0",
    "web1",
    "web2",
    "web3",
    "web4",
    "web5",
    "made after the flush",
];

#[test]
fn a_changed_byte_is_named_or_harmless() {
    let (disk, model, ends) = whole_store();
    check_changed(&disk.crash(), &model, &ends, "unchanged");
    let names = disk.list().unwrap();
    assert_eq!(names.len(), 7, "{names:?}");
    for name in names {
        let bytes = disk.bytes(&name).unwrap();
        for at in 0..bytes.len() {
            // The rest of a log is zeros.
            if bytes[at..].iter().all(|byte| *byte == 0) && !at.is_multiple_of(97) {
                continue;
            }
            for flip in [0x01, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                let copy = disk.crash();
                copy.set_bytes(&name, changed);
                check_changed(
                    &copy,
                    &model,
                    &ends,
                    &format!("{name}, byte {at} ^ {flip:#x}"),
                );
            }
        }
    }
}

#[test]
fn a_cut_or_missing_file_is_named() {
    let (disk, model, ends) = whole_store();
    for name in disk.list().unwrap() {
        let bytes = disk.bytes(&name).unwrap();
        for length in (0..bytes.len()).step_by(7) {
            let copy = disk.crash();
            copy.set_bytes(&name, bytes[..length].to_vec());
            if !name.starts_with("wal-") {
                check_changed(&copy, &model, &ends, &format!("{name} cut to {length}"));
            }
        }
        let copy = disk.crash();
        copy.remove(&name).unwrap();
        match Store::open(Arc::new(copy), small()) {
            Ok(opened) => assert_ne!(opened.damage, [], "{name} is missing"),
            Err(Error::Damaged(damage)) => assert_eq!(damage.file, name),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn damage_in_the_log_is_told_from_a_torn_end() {
    let (disk, model, ends) = whole_store();
    let name = disk
        .list()
        .unwrap()
        .into_iter()
        .find(|name| name.starts_with("wal-"))
        .unwrap();
    let bytes = disk.bytes(&name).unwrap();
    let flushed = ends[6];
    // The first frame starts after the file header.
    let mut changed = bytes.clone();
    changed[32 + 50] ^= 1;
    let copy = disk.crash();
    copy.set_bytes(&name, changed);
    let opened = open(&copy);
    let [damage] = &opened.damage[..] else {
        panic!("{:?}", opened.damage)
    };
    assert_eq!((&damage.file, damage.offset), (&name, 32));
    assert_eq!(damage.records, Some(flushed + 1..=ends[7]));
    assert_eq!(opened.store.last_seq(), *ends.last().unwrap());
    // The loss stays known after the log is gone, and the damaged file is kept.
    let mut store = opened.store;
    flush(&mut store, b"third state").unwrap();
    drop(store);
    assert!(copy.list().unwrap().contains(&format!("damaged-{name}")));
    let opened = open(&copy);
    assert_eq!(opened.damage[0].records, Some(flushed + 1..=ends[7]));
    let mut scan = opened
        .store
        .snapshot()
        .scan(&Select::table(TableId(0)))
        .unwrap();
    scan.by_ref().for_each(drop);
    assert_eq!(scan.damage().len(), 1);

    // The last frame: torn, not damaged.
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut changed = bytes;
    changed[last] ^= 1;
    let copy = disk.crash();
    copy.set_bytes(&name, changed);
    let opened = open(&copy);
    assert_eq!(opened.damage, []);
    assert_eq!(opened.store.last_seq(), ends[ends.len() - 2]);
    assert_eq!(
        common::records(&opened.store, 1),
        model.records[..opened.store.last_seq() as usize]
    );
}

#[test]
fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/store");
    let disk = RealDisk::new(&path).unwrap();
    match RealDisk::new(&path) {
        Err(Error::Locked { folder }) => assert_eq!(folder, path.display().to_string()),
        other => panic!("{other:?}"),
    }
    let mut store = Store::open(Arc::new(disk), small()).unwrap().store;
    let mut model = Model::default();
    let records = random_records(&mut store, &mut Random(1)).unwrap();
    store.append(50, records.clone()).unwrap();
    model.append(50, &records);
    flush(&mut store, b"").unwrap();
    store.append(50, records.clone()).unwrap();
    model.append(50, &records);
    store.commit().unwrap();
    drop(store);
    let disk = RealDisk::new(&path).unwrap();
    let store = Store::open(Arc::new(disk), small()).unwrap().store;
    assert_eq!(common::records(&store, 1), model.records);
}

#[test]
fn wrong_rows_are_refused_whole() {
    let disk = SimDisk::memory();
    let mut store = open(&disk).store;
    let table = store.table(TableKind::Signals, "cpu").unwrap();
    let column = store.column(table, "usage", ValueType::Number).unwrap();
    let other = store.column(table, "idle", ValueType::Number).unwrap();
    let good = Row {
        table,
        device: DeviceId::SERVER,
        instance: "".into(),
        time: 1,
        offset: 0,
        cells: vec![(column, Value::Number(1.0))],
    };
    let refused = |change: fn(&mut Row), expected: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        let mut store = open(&SimDisk::memory()).store;
        store.table(TableKind::Signals, "cpu").unwrap();
        store.column(table, "usage", ValueType::Number).unwrap();
        store.column(table, "idle", ValueType::Number).unwrap();
        let error = store
            .append(1, vec![vec![good.clone()], vec![good.clone(), bad]])
            .unwrap_err();
        assert_eq!(error.to_string(), format!("record 1, row 1: {expected}"));
        assert_eq!(store.last_seq(), 0);
        assert_eq!(store.find(table, DeviceId::SERVER, "", 1).unwrap(), []);
    };
    refused(|row| row.table = TableId(9), "there is no table 9");
    refused(|row| row.device = DeviceId(9), "there is no device 9");
    refused(|row| row.cells[0].0 = ColumnId(7), "cpu has no column 7");
    refused(
        |row| row.cells[0].1 = Value::Bool(true),
        "column usage of cpu holds Number, not Bool",
    );
    refused(
        |row| row.cells[0].1 = Value::Number(f64::NAN),
        "usage of cpu is not a number",
    );
    refused(
        |row| row.cells.push(row.cells[0].clone()),
        "columns of cpu do not ascend",
    );
    refused(
        |row| row.instance = "x".repeat(2_000).into(),
        "the instance is longer than 1024 bytes",
    );
    let _ = other;
    store.append(10, vec![vec![good.clone()]]).unwrap();
    assert!(matches!(
        store.append(9, vec![vec![good]]),
        Err(Error::ArrivalFell { last: 10, got: 9 })
    ));
    assert!(matches!(
        store.append(10, vec![vec![]]),
        Err(Error::BadRow { .. })
    ));
    let error = store.column(table, "usage", ValueType::Text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column usage of cpu holds Number, not Text"
    );
}

/// A log file that was begun and given up can come back after a crash, since neither its making nor its
/// removal was made durable; what was acknowledged in the file before it from then on counts.
#[test]
fn a_log_file_given_up_hides_nothing_of_the_one_before() {
    let disk = SimDisk::new(9);
    let mut store = open(&disk).store;
    let mut random = Random(9);
    let mut model = Model::default();
    for _ in 0..4 {
        let records = random_records(&mut store, &mut random).unwrap();
        store.append(50, records.clone()).unwrap();
        store.commit().unwrap();
        model.append(50, &records);
    }
    drop(store);
    let log = disk
        .list()
        .unwrap()
        .into_iter()
        .rfind(|n| n.starts_with("wal-"))
        .unwrap();
    let number: u64 = log[4..].parse::<u64>().unwrap() + 1;
    let mut header = b"abt-wal\n".to_vec();
    header.extend(1u32.to_le_bytes());
    header.extend(number.to_le_bytes());
    header.extend(2u64.to_le_bytes());
    header.extend(crc32fast::hash(&header).to_le_bytes());
    let name = format!("wal-{number:08}");
    disk.create(&name).unwrap();
    disk.set_bytes(&name, header);
    let opened = open(&disk);
    assert_eq!(opened.damage, []);
    assert_eq!(common::records(&opened.store, 1), model.records);
}
