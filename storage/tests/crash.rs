//! Power loss at any point loses nothing that was acknowledged.

use std::sync::Arc;
use storage::*;

#[test]
fn small_story() {
    let disk = SimDisk::new(1);
    let mut store = Store::open(Arc::new(disk.clone()), Options::default()).unwrap().store;
    let t = store.table(TableKind::Signals, "cpu").unwrap();
    let c = store.column(t, "usage", ValueType::Number).unwrap();
    let d = store.device("acme", "web1").unwrap();
    let row = |time: i64, v: f64| Row { table: t, device: d, instance: "".into(), time, offset: 0, cells: vec![(c, Value::Number(v))] };
    assert_eq!(store.append(100, vec![vec![row(5, 1.0)], vec![row(6, 2.5)]]).unwrap(), 1..3);
    assert_eq!(store.snapshot().seq(), 0);
    store.commit().unwrap();
    store.append(101, vec![vec![row(5, 3.0)]]).unwrap();
    store.commit().unwrap();
    let opened = Store::open(Arc::new(disk.crash()), Options::default()).unwrap();
    assert!(opened.damage.is_empty());
    let store = opened.store;
    assert_eq!(store.schema().find_device("acme", "web1"), Some(d));
    let rows: Vec<_> = store.snapshot().scan(&Select::table(t)).unwrap().map(|r| r.unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].seq, 3);
    assert_eq!(store.find(t, d, "", 5).unwrap().len(), 2);
    assert_eq!(store.records(2).unwrap().count(), 2);
}
