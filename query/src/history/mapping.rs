//! From stored tables and columns to the signals and events of a catalogue.

use crate::catalog::{Catalog, PLAIN_FAMILY};
use crate::ir::{EventKind, FamilyId, SignalId};
use smol_str::SmolStr;
use storage::{ColumnId, DeviceId, Nanos, Row, TableId, TableKind};

/// Names of the system tables and columns that a history reads.
pub mod names {
    /// One row a report.
    pub const REPORT: &str = "report";
    /// `report`: interval in seconds.
    pub const INTERVAL: &str = "interval";
    /// `report`: true when it came by bulk import: no heartbeat.
    pub const IMPORTED: &str = "imported";
    /// One row a changed label; instance = label.
    pub const LABEL: &str = "label";
}

/// What a history keeps: for each signal how far back, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// By signal: kept for this long ([`Nanos::MAX`]: for ever); None: not kept.
    pub signals: Vec<Option<Nanos>>,
    /// How long reports and their heartbeats are kept.
    pub reports: Nanos,
    /// How long events are kept; the newest [`EVENTS_KEPT`] of each kind stay in any case.
    pub events: Nanos,
}

/// Events of a kind that stay however old.
pub const EVENTS_KEPT: usize = 64;

/// What one device may make an engine remember, besides what is too old: beyond it the oldest is forgotten, or
/// what is new is stored and not looked at. Far above what a device has; queries see everything.
pub(super) mod most {
    /// Events of one kind.
    pub const EVENTS: usize = 100_000;
    /// Events of one kind of patch events: each is looked at for each patch.
    pub const PATCH_EVENTS: usize = 1_024;
    /// Boots.
    pub const BOOTS: usize = 1_024;
    /// Instances of one family.
    pub const INSTANCES: usize = 4_096;
    /// Changes of one label, of the interval, of the boot id.
    pub const CHANGES: usize = 256;
}

impl Interest {
    /// True for an engine, which runs for ever; false for a query, which has bounds of its own.
    pub(super) fn is_bounded(&self) -> bool {
        self.reports != Nanos::MAX
    }

    /// Everything of the catalogue, for ever: what queries over loaded rows use.
    pub fn everything(catalog: &Catalog) -> Interest {
        Interest {
            signals: vec![Some(Nanos::MAX); catalog.signals.len()],
            reports: Nanos::MAX,
            events: Nanos::MAX,
        }
    }
}

/// What a column feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ColumnTarget {
    pub signal: Option<SignalId>,
    pub uptime: bool,
    pub boot_id: bool,
    pub pending_reboot: bool,
}

/// What a table feeds.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Samples {
        family: FamilyId,
        columns: Vec<ColumnTarget>,
    },
    Event {
        kind: EventKind,
        columns: Vec<SmolStr>,
        patch: Option<SmolStr>,
    },
    Report {
        interval: Option<ColumnId>,
        imported: Option<ColumnId>,
    },
    Label,
    /// An event of a kind that the catalogue does not know: it only counts.
    OtherEvent,
    Nothing,
}

/// By stored table, what its rows mean to a history. Grows with the schema.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    targets: Vec<Target>,
    pub(super) interest: Interest,
}

impl Mapping {
    /// A mapping that knows no table yet.
    pub fn new(interest: Interest) -> Mapping {
        Mapping {
            targets: Vec::new(),
            interest,
        }
    }

    /// Tells the mapping of a table as it is now; to be called again when columns were added.
    pub fn learn<'a>(
        &mut self,
        catalog: &Catalog,
        table: TableId,
        kind: TableKind,
        name: &str,
        columns: impl Iterator<Item = &'a str>,
    ) {
        let index = table.0 as usize;
        if self.targets.len() <= index {
            self.targets.resize(index + 1, Target::Nothing);
        }
        self.targets[index] = match kind {
            TableKind::Signals => match catalog.family(name) {
                Some(family) => Target::Samples {
                    family,
                    columns: columns
                        .map(|column| ColumnTarget {
                            signal: catalog.signal(name, column).filter(|s| {
                                self.interest
                                    .signals
                                    .get(s.index())
                                    .is_some_and(|keep| keep.is_some())
                            }),
                            uptime: name == PLAIN_FAMILY && column == "uptime",
                            boot_id: name == PLAIN_FAMILY && column == "boot_id",
                            pending_reboot: name == PLAIN_FAMILY && column == "pending_reboot",
                        })
                        .collect(),
                },
                None => Target::Nothing,
            },
            TableKind::Event => {
                let kind = match name {
                    "boot" => Some(EventKind::Boot),
                    "heartbeat" => None,
                    _ => catalog.event(name).map(EventKind::Stored),
                };
                match kind {
                    Some(kind) => Target::Event {
                        kind,
                        columns: columns.map(SmolStr::new).collect(),
                        patch: name.strip_prefix("patch.").map(SmolStr::new),
                    },
                    None => Target::OtherEvent,
                }
            }
            TableKind::System => match name {
                names::REPORT => {
                    let columns: Vec<&str> = columns.collect();
                    let find = |name: &str| {
                        columns
                            .iter()
                            .position(|c| *c == name)
                            .map(|at| ColumnId(at as u32))
                    };
                    Target::Report {
                        interval: find(names::INTERVAL),
                        imported: find(names::IMPORTED),
                    }
                }
                names::LABEL => Target::Label,
                _ => Target::Nothing,
            },
        };
    }

    /// The samples among rows that feed a signal of interest.
    pub fn samples<'r>(
        &'r self,
        rows: &'r [Row],
    ) -> impl Iterator<Item = (DeviceId, &'r SmolStr, SignalId, &'r storage::Value)> {
        rows.iter().flat_map(move |row| {
            let columns: &[ColumnTarget] = match self.target(row.table) {
                Target::Samples { columns, .. } => columns,
                _ => &[],
            };
            row.cells.iter().filter_map(move |(column, value)| {
                let signal = columns.get(column.0 as usize)?.signal?;
                Some((row.device, &row.instance, signal, value))
            })
        })
    }

    /// Whether these rows came by bulk import.
    pub fn is_import(&self, rows: &[Row]) -> bool {
        rows.iter().any(|row| match self.target(row.table) {
            Target::Report {
                imported: Some(column),
                ..
            } => row
                .cells
                .iter()
                .any(|(c, v)| c == column && *v == storage::Value::Bool(true)),
            _ => false,
        })
    }

    pub(super) fn target(&self, table: TableId) -> &Target {
        self.targets
            .get(table.0 as usize)
            .unwrap_or(&Target::Nothing)
    }
}
