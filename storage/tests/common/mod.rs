//! A plain model of the store, and random stories to tell to both.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};
use storage::*;

/// How many seeds a test runs: `AFTERBOOT_SEEDS`, or a few.
pub fn seeds(few: u64) -> std::ops::Range<u64> {
    let many = std::env::var("AFTERBOOT_SEEDS").ok();
    0..many.and_then(|n| n.parse().ok()).unwrap_or(few)
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Sizes that make a small story use every part.
pub fn small() -> Options {
    Options {
        head_bytes_max: 16 << 10,
        wal_bytes_max: 16 << 10,
        wal_step_bytes: 1 << 10,
        reserve_bytes: 256,
    }
}

pub fn open(disk: &SimDisk) -> Opened {
    Store::open(Arc::new(disk.clone()), small()).expect("the store opens")
}

/// Seals, writes and installs.
pub fn flush(store: &mut Store, checkpoint: &[u8]) -> Result<(), Error> {
    let flushed = store.begin_flush(checkpoint.to_vec())?.run()?;
    store.finish_flush(flushed)
}

/// What was appended, by name.
pub const TABLES: [(TableKind, &str); 3] = [
    (TableKind::Signals, "disk"),
    (TableKind::Event, "patch.failed"),
    (TableKind::System, "ticks"),
];
pub const COLUMNS: [(&str, ValueType); 5] = [
    ("used", ValueType::Number),
    ("ratio", ValueType::Number),
    ("ok", ValueType::Bool),
    ("code", ValueType::Text),
    ("since", ValueType::Time),
];

/// Appends random records through names, as a client would.
pub fn random_records(store: &mut Store, random: &mut Random) -> Result<Vec<Vec<Row>>, Error> {
    let mut records = Vec::new();
    for _ in 0..1 + random.below(3) {
        let mut rows = Vec::new();
        for _ in 0..1 + random.below(4) {
            rows.push(random_row(store, random)?);
        }
        records.push(rows);
    }
    Ok(records)
}

fn random_row(store: &mut Store, random: &mut Random) -> Result<Row, Error> {
    let (kind, name) = TABLES[random.below(3) as usize];
    let table = store.table(kind, name)?;
    let device = store.device(
        ["", "acme"][random.below(2) as usize],
        &format!("web{}", random.below(6)),
    )?;
    let mut cells = Vec::new();
    for (name, value_type) in COLUMNS {
        if random.one_in(3) {
            continue;
        }
        let column = store.column(table, name, value_type)?;
        cells.push((column, random_value(value_type, random)));
    }
    cells.sort_by_key(|cell| cell.0);
    let offset = if random.one_in(4) {
        random.below(20) as i64 - 10
    } else {
        0
    };
    Ok(Row {
        table,
        device,
        instance: ["", "C:", "/var/lib/something/very/long"][random.below(3) as usize].into(),
        time: random.below(60) as i64,
        offset,
        cells,
    })
}

fn random_value(value_type: ValueType, random: &mut Random) -> Value {
    match value_type {
        ValueType::Number => Value::Number(match random.below(4) {
            0 => random.below(1_000) as f64,
            1 => random.below(1_000) as f64 / 10.0,
            2 => -0.0,
            _ => (random.below(1_000) as f64).sqrt(),
        }),
        ValueType::Bool => Value::Bool(random.one_in(2)),
        ValueType::Text => Value::Text(format_smolstr!("0x{:x}", random.below(5) * 77_777_777_777)),
        ValueType::Time => Value::Time(random.below(1_000) as i64 - 500),
    }
}

/// All records in order: what a store should hold.
#[derive(Clone, Default)]
pub struct Model {
    pub records: Vec<Record>,
}

impl Model {
    pub fn append(&mut self, arrival: Nanos, records: &[Vec<Row>]) {
        for rows in records {
            let seq = self.records.len() as u64 + 1;
            self.records.push(Record {
                seq,
                arrival,
                rows: rows.clone(),
            });
        }
    }

    fn rows(&self, table: TableId) -> Vec<StoredRow> {
        let stored = |record: &Record, row: &Row| StoredRow {
            row: row.clone(),
            seq: record.seq,
            arrival: record.arrival,
        };
        let rows = self
            .records
            .iter()
            .flat_map(|r| r.rows.iter().map(move |row| stored(r, row)));
        rows.filter(|row| row.row.table == table).collect()
    }

    /// What [`Snapshot::scan`] should give, by definition.
    pub fn scan(&self, kind: TableKind, select: &Select) -> Vec<StoredRow> {
        let mut rows = self.rows(select.table);
        rows.retain(|row| row.seq <= select.seq_max);
        if kind == TableKind::Signals && select.versions == Versions::Latest {
            let mut latest: BTreeMap<(DeviceId, SmolStr, Nanos), StoredRow> = BTreeMap::new();
            for mut row in rows {
                let key = (row.row.device, row.row.instance.clone(), row.row.time);
                if let Some(older) = latest.get(&key) {
                    let mut cells: BTreeMap<_, _> = older.row.cells.iter().cloned().collect();
                    cells.extend(row.row.cells);
                    row.row.cells = cells.into_iter().collect();
                }
                latest.insert(key, row);
            }
            rows = latest.into_values().collect();
        }
        rows.retain(|row| {
            let time = row.corrected();
            select.from <= time
                && time < select.to
                && select
                    .devices
                    .as_ref()
                    .is_none_or(|d| d.contains(row.row.device.0))
                && select
                    .instance
                    .as_ref()
                    .is_none_or(|i| *i == row.row.instance)
        });
        if let Some(columns) = &select.columns {
            for row in &mut rows {
                row.row.cells.retain(|(column, _)| columns.contains(column));
            }
        }
        rows.sort_by_key(|row| {
            let time = row.corrected();
            (
                row.row.device,
                row.row.instance.clone(),
                time,
                row.seq,
                row.row.time,
            )
        });
        rows
    }

    /// What [`Store::find`] should give.
    pub fn find(
        &self,
        table: TableId,
        device: DeviceId,
        instance: &str,
        time: Nanos,
    ) -> Vec<StoredRow> {
        let mut rows = self.rows(table);
        rows.retain(|r| r.row.device == device && r.row.instance == instance && r.row.time == time);
        rows
    }
}

/// A random selection from a table.
pub fn random_select(table: TableId, random: &mut Random) -> Select {
    let mut select = Select::table(table);
    if random.one_in(2) {
        select.from = random.below(60) as i64 - 5;
        select.to = select.from + random.below(40) as i64;
    }
    if random.one_in(3) {
        select.devices = Some((0..14).filter(|_| random.one_in(2)).collect());
    }
    if random.one_in(3) {
        select.columns = Some(vec![ColumnId(2), ColumnId(0)]);
    }
    if random.one_in(4) {
        select.instance = Some("C:".into());
    }
    if random.one_in(3) {
        select.seq_max = random.below(200);
    }
    if random.one_in(2) {
        select.versions = Versions::All;
    }
    select
}

/// Reads everything that a snapshot offers; errors and damage fail the test.
pub fn rows(snapshot: &Snapshot, select: &Select) -> Vec<StoredRow> {
    let mut scan = snapshot.scan(select).expect("a scan begins");
    let rows = scan
        .by_ref()
        .map(|row| row.expect("a row is read"))
        .collect();
    assert_eq!(scan.damage(), []);
    rows
}

/// All records of a store from `seq` on.
pub fn records(store: &Store, seq: u64) -> Vec<Record> {
    let records = store.records(seq).expect("replay begins");
    records
        .map(|record| record.expect("a record is read"))
        .collect()
}
