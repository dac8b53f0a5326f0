//! Decides what to read before anything is read: which tables, which columns, how far back, which devices.
//!
//! Pure. [`Needs`] says what a query asks of the past of a device; here it becomes scans of the tables that
//! there are.

use super::needs::Needs;
use crate::catalog::{Catalog, PLAIN_FAMILY};
use crate::history::{Interest, Mapping};
use crate::ir::{CompareOp, EventKind, Expr, Node, SignalId};
use crate::ir_query::{Query, Source, Stage};
use crate::value::Value;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use storage::{ColumnId, Nanos, Schema, Select, TableId, TableKind, Versions};

/// System table: one row a report.
pub const REPORT: &str = "report";
/// System table: one row a changed label; instance = label.
pub const LABEL: &str = "label";
/// System table of the server: listening began or ended.
pub const LISTENING: &str = "listening";

/// Which rows to read for the histories, and what the tables mean to them.
pub fn history(
    needs: &Needs,
    schema: &Schema,
    catalog: &Catalog,
    from: Nanos,
) -> (Vec<Select>, Mapping) {
    let mut interest = Interest {
        signals: vec![None; catalog.signals.len()],
        reports: Nanos::MAX,
        events: Nanos::MAX,
    };
    for (at, signal) in catalog.signals.iter().enumerate() {
        if needs.signals.contains(&SignalId(at as u32)) || needs.families.contains(&signal.family) {
            interest.signals[at] = Some(Nanos::MAX);
        }
    }
    let mut reads = Reads::default();
    let boots = needs.events.contains(&EventKind::Boot);
    for (table, def) in schema.tables() {
        let columns = || {
            def.columns
                .iter()
                .enumerate()
                .map(|(at, column)| (ColumnId(at as u32), column.name.as_str()))
        };
        match def.kind {
            TableKind::Signals => {
                let plain = def.name == PLAIN_FAMILY;
                for (column, name) in columns() {
                    let derives = plain && boots && matches!(name, "uptime" | "boot_id");
                    let derives = derives || (plain && needs.patches && name == "pending_reboot");
                    let Some(signal) = catalog.signal(&def.name, name) else {
                        continue;
                    };
                    let read = interest.signals[signal.index()].is_some();
                    if derives {
                        reads.column(table, column, Nanos::MIN);
                    } else if read {
                        let holds = catalog.signals[signal.index()].holds;
                        let bounded = needs.back.filter(|_| {
                            holds.is_some()
                                && !needs
                                    .families
                                    .contains(&catalog.signals[signal.index()].family)
                        });
                        reads.column(
                            table,
                            column,
                            bounded.map_or(Nanos::MIN, |back| from.saturating_sub(back)),
                        );
                    }
                }
            }
            TableKind::Event => {
                let kind = if def.name == "boot" {
                    Some(EventKind::Boot)
                } else {
                    catalog.event(&def.name).map(EventKind::Stored)
                };
                if kind.is_some_and(|kind| needs.events.contains(&kind)) {
                    reads.all(table, Nanos::MIN);
                }
            }
            TableKind::System => {
                let wanted = match def.name.as_str() {
                    REPORT => needs.history,
                    LABEL => needs.labels,
                    super::decisions::DECISION => needs.ledger,
                    _ => false,
                };
                if wanted {
                    reads.all(table, Nanos::MIN);
                }
            }
        }
    }
    let mut mapping = Mapping::new(interest);
    for (table, def) in schema.tables() {
        mapping.learn(
            catalog,
            table,
            def.kind,
            &def.name,
            def.columns.iter().map(|column| column.name.as_str()),
        );
    }
    (reads.selects(), mapping)
}

/// By table: the columns (None: all) and from when on.
#[derive(Default)]
struct Reads(BTreeMap<TableId, (Option<BTreeSet<ColumnId>>, Nanos)>);

impl Reads {
    fn column(&mut self, table: TableId, column: ColumnId, from: Nanos) {
        let read = self
            .0
            .entry(table)
            .or_insert_with(|| (Some(BTreeSet::new()), Nanos::MAX));
        read.1 = read.1.min(from);
        if let Some(columns) = &mut read.0 {
            columns.insert(column);
        }
    }

    fn all(&mut self, table: TableId, from: Nanos) {
        let read = self.0.entry(table).or_insert((None, from));
        *read = (None, read.1.min(from));
    }

    fn selects(self) -> Vec<Select> {
        let select =
            |(table, (columns, from)): (TableId, (Option<BTreeSet<ColumnId>>, Nanos))| Select {
                from,
                columns: columns.map(|columns| columns.into_iter().collect()),
                versions: Versions::All,
                ..Select::table(table)
            };
        self.0.into_iter().map(select).collect()
    }
}

/// The client and the device to which the first filters of a query confine it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// Only this client.
    pub client: Option<SmolStr>,
    /// Only devices of this name.
    pub device: Option<SmolStr>,
}

/// Reads `device = "…"` and `client = "…"` off the conditions that every row must meet.
pub fn confined(query: &Query) -> Confined {
    let mut confined = Confined::default();
    if let Source::Timeline { client, device } = &query.source {
        return Confined {
            client: client.clone(),
            device: Some(device.clone()),
        };
    }
    let mut conditions: Vec<&Expr> = query.where_.iter().collect();
    if let Some(Stage::Where(first)) = query.stages.first() {
        conditions.push(first);
    }
    while let Some(condition) = conditions.pop() {
        match &condition.node {
            Node::And(all) => conditions.extend(all),
            Node::Compare {
                op: CompareOp::Equal,
                left,
                right,
            } => {
                let (name, text) = match (
                    named(left, query),
                    named(right, query),
                    &left.node,
                    &right.node,
                ) {
                    (Some(name), _, _, Node::Literal(Value::Text(text))) => (name, text),
                    (_, Some(name), Node::Literal(Value::Text(text)), _) => (name, text),
                    _ => continue,
                };
                match name {
                    "client" => confined.client = Some(text.clone()),
                    "device" => confined.device = Some(text.clone()),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    confined
}

fn named<'q>(expr: &'q Expr, query: &'q Query) -> Option<&'q str> {
    match &expr.node {
        Node::Label(label) => Some(label),
        Node::Column(at) => query
            .columns
            .get(*at as usize)
            .map(|column| column.name.as_str()),
        _ => None,
    }
}
