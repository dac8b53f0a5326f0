//! Power loss at any point: everything acknowledged is there, nothing is invented, no append is there
//! by half, and names mean what they meant.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::collections::BTreeMap;

use common::*;
use smol_str::SmolStr;
use storage::*;

/// What happened before the power went.
#[derive(Default)]
struct Life {
    model: Model,
    /// Records that a commit returned for.
    acknowledged: u64,
    /// Where appends ended.
    ends: Vec<u64>,
    /// Checkpoints by the record they are of: what was given to flushes.
    checkpoints: BTreeMap<u64, Vec<Vec<u8>>>,
    /// The record of the newest checkpoint that was installed.
    installed: Option<u64>,
    devices: BTreeMap<DeviceId, (SmolStr, SmolStr)>,
    tables: BTreeMap<TableId, TableDef>,
}

/// Lives on for a while; ends at the first error, as a process without power would.
fn live(life: &mut Life, store: &mut Store, random: &mut Random, turns: u64) -> Result<(), Error> {
    for _ in 0..turns {
        match random.below(8) {
            0..4 => {
                let arrival = store.last_arrival().max(20) + random.below(3) as i64;
                let records = random_records(store, random)?;
                learn_names(life, store);
                life.model.append(arrival, &records);
                store.append(arrival, records)?;
                life.ends.push(store.last_seq());
            }
            4..6 => commit(life, store)?,
            6 => {
                let bytes = random.next().to_le_bytes().repeat(100);
                life.checkpoints
                    .entry(store.last_seq())
                    .or_default()
                    .push(bytes.clone());
                // A name that no row has used yet.
                store.device("acme", &format!("idle{}", random.below(5)))?;
                learn_names(life, store);
                let job = store.begin_flush(bytes)?;
                life.acknowledged = store.last_seq();
                let seq = store.last_seq();
                let flushed = job.run()?;
                if random.one_in(2) {
                    let arrival = store.last_arrival().max(20);
                    let records = random_records(store, random)?;
                    learn_names(life, store);
                    life.model.append(arrival, &records);
                    store.append(arrival, records)?;
                    life.ends.push(store.last_seq());
                }
                store.finish_flush(flushed)?;
                life.installed = Some(seq);
            }
            _ => drop(store.snapshot()),
        }
    }
    Ok(())
}

fn commit(life: &mut Life, store: &mut Store) -> Result<(), Error> {
    store.commit()?;
    life.acknowledged = store.last_seq();
    Ok(())
}

fn learn_names(life: &mut Life, store: &Store) {
    let schema = store.schema();
    life.devices = schema
        .devices()
        .map(|(id, def)| (id, (def.client, def.name)))
        .collect();
    life.tables = schema.tables().map(|(id, def)| (id, def.clone())).collect();
}

/// Opens what was found after power loss and holds it against the life before.
fn check_found(life: &mut Life, disk: &SimDisk, context: &str) -> Store {
    let opened = open(disk);
    assert_eq!(opened.damage, [], "{context}");
    let store = opened.store;
    let found = store.last_seq();
    assert!(
        found >= life.acknowledged,
        "{context}: {found} < {}",
        life.acknowledged
    );
    assert!(
        found == 0 || life.ends.contains(&found),
        "{context}: {found} is inside an append"
    );
    assert_eq!(
        records(&store, 1),
        life.model.records[..found as usize],
        "{context}"
    );
    for record in &life.model.records[..found as usize] {
        for row in &record.rows {
            let def = store
                .schema()
                .device_def(row.device)
                .expect("the device is known");
            assert_eq!(
                (def.client, def.name),
                life.devices[&row.device],
                "{context}"
            );
            let def = store
                .schema()
                .table_def(row.table)
                .expect("the table is known");
            let known = &life.tables[&row.table];
            assert_eq!(
                (def.kind, &def.name),
                (known.kind, &known.name),
                "{context}"
            );
            for (column, _) in &row.cells {
                assert_eq!(
                    def.columns[column.0 as usize],
                    known.columns[column.0 as usize]
                );
            }
        }
    }
    for (table, def) in store.snapshot().schema().tables() {
        let select = Select::table(table);
        let mut model = life.model.clone();
        model.records.truncate(found as usize);
        assert_eq!(
            rows(&store.snapshot(), &select),
            model.scan(def.kind, &select),
            "{context}"
        );
    }
    let checkpoint = opened.checkpoint;
    assert!(
        checkpoint.as_ref().map(|c| c.seq) >= life.installed,
        "{context}"
    );
    if let Some(checkpoint) = checkpoint {
        assert!(checkpoint.seq <= found);
        assert!(
            life.checkpoints[&checkpoint.seq].contains(&checkpoint.bytes),
            "{context}"
        );
    }
    // What was not found never was.
    life.model.records.truncate(found as usize);
    life.ends.retain(|end| *end <= found);
    life.acknowledged = found;
    store
}

/// One store through several lives, each ended by power loss at a random step.
fn check_lives(seed: u64) {
    let mut random = Random(seed);
    let mut disk = SimDisk::new(seed);
    let mut life = Life::default();
    for round in 0..4 {
        disk.set_faults(Faults {
            crash_at: Some(disk.steps() + 1 + random.below(90)),
            short: random.one_in(2),
            ..Faults::default()
        });
        if let Ok(opened) = Store::open(std::sync::Arc::new(disk.clone()), small()) {
            let mut store = opened.store;
            let _ = live(&mut life, &mut store, &mut random, 40);
        }
        disk.set_faults(Faults::default());
        if random.one_in(3) {
            // Only the process ended. What it finds counts, whatever happens to the power next.
            check_found(
                &mut life,
                &disk,
                &format!("seed {seed}, life {round}, process"),
            );
        }
        disk = disk.crash();
        check_found(&mut life, &disk, &format!("seed {seed}, life {round}"));
    }
}

#[test]
fn random_lives_lose_nothing_acknowledged() {
    for seed in seeds(300) {
        check_lives(seed);
    }
}

/// The same story, with the power lost at each of its steps in turn.
fn check_every_step(seed: u64) {
    let tell = |disk: &SimDisk, life: &mut Life| {
        let opened = Store::open(std::sync::Arc::new(disk.clone()), small());
        let told =
            opened.and_then(|opened| live(life, &mut { opened.store }, &mut Random(seed), 25));
        told.is_ok()
    };
    let disk = SimDisk::new(seed);
    assert!(tell(&disk, &mut Life::default()));
    for step in 1..=disk.steps() {
        let disk = SimDisk::new(seed ^ step);
        disk.set_faults(Faults {
            crash_at: Some(step),
            ..Faults::default()
        });
        let mut life = Life::default();
        // Removing files that are not needed may fail unnoticed; everything else ends the story.
        tell(&disk, &mut life);
        let context = format!("seed {seed}, step {step}");
        let disk = disk.crash();
        let mut store = check_found(&mut life, &disk, &context);
        // It goes on, and a second loss right after finds the same.
        live(&mut life, &mut store, &mut Random(seed + 1), 4).expect("the disk is fine");
        commit(&mut life, &mut store).expect("the disk is fine");
        check_found(&mut life, &disk.crash(), &context);
    }
}

#[test]
fn every_step_of_a_story_may_be_the_last() {
    for seed in seeds(400).step_by(50) {
        check_every_step(seed);
    }
}

#[test]
fn what_was_not_committed_is_not_seen() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk).store;
    let records = random_records(&mut store, &mut Random(1)).unwrap();
    store.append(100, records).unwrap();
    assert_eq!(store.snapshot().seq(), 0);
    assert_eq!(common::records(&store, 1), []);
    store.commit().unwrap();
    assert_eq!(store.snapshot().seq(), store.last_seq());
}
