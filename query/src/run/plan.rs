//! Decides what to read before anything is read: which tables, which columns, how far back, which devices.
//!
//! Pure. What a query asks of a device's past follows from its expressions: a window needs its length, a
//! signal the time for which a sample is known, and one that holds for ever its latest sample however old.
//! Facts that are derived (boots, patch states) need everything that they are derived from.

use crate::catalog::{Catalog, PATCH_FAMILY, PLAIN_FAMILY};
use crate::history::{Interest, Mapping};
use crate::ir::{Anchor, CompareOp, Dur, EventId, EventKind, Expr, FamilyId, Node, Program, SignalId, children, walk};
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

/// What a query needs to know of each device beyond the rows of its source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Anything at all: a history is built.
    pub history: bool,
    /// Samples of these.
    pub signals: BTreeSet<SignalId>,
    /// Which instances these have.
    pub families: BTreeSet<FamilyId>,
    /// Stored events of these kinds.
    pub events: BTreeSet<EventKind>,
    /// States of patches.
    pub patches: bool,
    /// Labels other than client and device.
    pub labels: bool,
    /// The ledger: watches, `.firing`.
    pub ledger: bool,
    /// How far before an instant samples matter; None: without bound.
    pub back: Option<Nanos>,
}

impl Needs {
    /// Nothing.
    pub fn new() -> Needs {
        Needs { back: Some(0), ..Needs::default() }
    }

    /// What the source and the expressions of a query need.
    pub fn of(query: &Query, program: &Program) -> Needs {
        let mut needs = Needs::new();
        needs.source(&query.source, program);
        for expr in expressions(query) {
            needs.expr(expr, program);
        }
        needs
    }

    fn source(&mut self, source: &Source, program: &Program) {
        let catalog = &program.catalog;
        match source {
            Source::Devices => self.history = true,
            Source::Patches => self.patch_states(catalog),
            Source::Family(family) if Some(*family) == catalog.family(PATCH_FAMILY) => self.patch_states(catalog),
            Source::Events => {
                self.boots();
                self.every_event(catalog);
            }
            Source::Event(EventKind::Boot) => self.boots(),
            Source::Event(EventKind::Heartbeat) => self.history = true,
            Source::Watches => {
                self.ledger = true;
                self.patch_states(catalog);
                program.watches.iter().for_each(|watch| self.events.extend(watch.on.iter().map(|on| on.event)));
            }
            Source::Timeline { .. } => {
                self.patch_states(catalog);
                self.labels = true;
                self.ledger = true;
                self.every_event(catalog);
                let offset = catalog.signal(PLAIN_FAMILY, "clock_offset");
                self.signals.extend(offset);
                self.reach(None);
            }
            Source::Alerts | Source::Decisions | Source::Event(_) | Source::Family(_) | Source::Signal(_) | Source::Signals => {}
        }
    }

    fn every_event(&mut self, catalog: &Catalog) {
        let stored = (0..catalog.events.len()).map(|at| EventKind::Stored(EventId(at as u32)));
        self.events.extend(stored);
    }

    fn boots(&mut self) {
        self.history = true;
        self.events.insert(EventKind::Boot);
    }

    fn patch_states(&mut self, catalog: &Catalog) {
        self.boots();
        self.patches = true;
        for (at, event) in catalog.events.iter().enumerate() {
            if event.name.starts_with("patch.") {
                self.events.insert(EventKind::Stored(EventId(at as u32)));
            }
        }
        if let Some(family) = catalog.family(PATCH_FAMILY) {
            self.families.insert(family);
        }
    }

    /// Adds what an expression needs, its lets unfolded.
    pub fn expr(&mut self, expr: &Expr, program: &Program) {
        let catalog = &program.catalog;
        let patch = catalog.family(PATCH_FAMILY);
        walk(expr, program, &mut |expr| {
            if !matches!(expr.node, Node::Column(_) | Node::Literal(_)) {
                self.history |= needs_device(&expr.node);
            }
            match &expr.node {
                Node::Label(label) => self.labels |= label != "client" && label != "device",
                Node::Param(param) => self.labels |= !program.params[param.index()].overrides.is_empty(),
                Node::Signal { signal, .. } => {
                    let decl = &catalog.signals[signal.index()];
                    self.signals.insert(*signal);
                    if Some(decl.family) == patch {
                        self.patch_states(catalog);
                    }
                    self.reach(decl.holds);
                }
                Node::Quantify { family, .. } => {
                    self.families.insert(*family);
                    self.reach(None);
                    if Some(*family) == patch {
                        self.patch_states(catalog);
                    }
                }
                Node::Watch(..) => {
                    self.ledger = true;
                    self.patch_states(catalog);
                    program.watches.iter().for_each(|watch| self.events.extend(watch.on.iter().map(|on| on.event)));
                }
                Node::Firing(_) => self.ledger = true,
                Node::Within { event, .. } | Node::SinceEvent(event) | Node::LastEvent { event, .. } => {
                    self.event(event.event);
                }
                Node::CountEvents { event, .. } => self.event(event.event),
                Node::At { .. } | Node::Since(_) => self.reach(None),
                Node::For { duration, .. } => self.length(*duration, program),
                Node::Window { over, anchor, .. } => {
                    self.length(*over, program);
                    if !matches!(anchor, Anchor::Now) {
                        self.reach(None);
                    }
                }
                _ => {}
            }
        });
    }

    fn event(&mut self, kind: EventKind) {
        if kind == EventKind::Boot {
            self.boots();
        } else {
            self.events.insert(kind);
        }
    }

    fn length(&mut self, length: Dur, program: &Program) {
        match length {
            Dur::Fixed(nanos) => self.reach(Some(nanos)),
            Dur::Param(param) => {
                let param = &program.params[param.index()];
                let values = param.overrides.iter().map(|(_, _, value)| value).chain([&param.default]);
                let longest = values.map(|value| if let Value::Number(seconds) = value { *seconds } else { 0.0 }).fold(0.0, f64::max);
                self.reach(Some((longest * 1e9) as Nanos));
            }
            Dur::Reports(_) => self.reach(None),
        }
    }

    /// Lengths add up, whether or not they are nested: never too little, and simple.
    fn reach(&mut self, nanos: Option<Nanos>) {
        self.back = self.back.zip(nanos).map(|(back, more)| back.saturating_add(more));
    }
}

fn needs_device(node: &Node) -> bool {
    matches!(
        node,
        Node::Label(_)
            | Node::Param(_)
            | Node::Signal { .. }
            | Node::Watch(..)
            | Node::Firing(_)
            | Node::Within { .. }
            | Node::Window { .. }
            | Node::CountEvents { .. }
            | Node::Since(_)
            | Node::SinceEvent(_)
            | Node::LastEvent { .. }
            | Node::Quantify { .. }
            | Node::For { .. }
            | Node::At { .. }
    )
}

/// Every expression of a query that is evaluated for a row of a device.
pub fn expressions(query: &Query) -> Vec<&Expr> {
    // What follows a `by` sees groups, not devices.
    let by = query.stages.iter().position(|stage| matches!(stage, Stage::By { .. }));
    let stages = &query.stages[..by.map_or(query.stages.len(), |at| at + 1)];
    query.where_.iter().chain(stages.iter().flat_map(stage_expressions)).collect()
}

/// The expressions of a stage over the rows that enter it.
fn stage_expressions(stage: &Stage) -> Vec<&Expr> {
    match stage {
        Stage::Where(filter) => vec![filter],
        Stage::Show(columns) | Stage::Last { by: columns } => columns.iter().map(|column| &column.value).collect(),
        Stage::Sort(keys) => keys.iter().map(|key| &key.value).collect(),
        Stage::Top { by, .. } => by.iter().collect(),
        Stage::By { keys, aggregates, .. } => {
            let values = aggregates.iter().filter_map(|aggregate| aggregate.value.as_ref());
            keys.iter().map(|key| &key.value).chain(values).collect()
        }
    }
}

fn walk_columns(expr: &Expr, visit: &mut dyn FnMut(u32)) {
    if let Node::Column(column) = &expr.node {
        visit(*column);
    }
    children(expr, &mut |child| walk_columns(child, visit));
}

/// Which columns of the source anything looks at: named by an expression, or printed because no stage
/// chose columns.
pub fn used_columns(query: &Query) -> Vec<bool> {
    let mut used = vec![false; query.columns.len()];
    let mut mark = |expr: &Expr| {
        walk_columns(expr, &mut |column| {
            if let Some(used) = used.get_mut(column as usize) {
                *used = true;
            }
        });
    };
    query.where_.iter().for_each(&mut mark);
    let chooses = query.stages.iter().position(|stage| matches!(stage, Stage::Show(_) | Stage::By { .. }));
    for stage in &query.stages[..chooses.map_or(query.stages.len(), |at| at + 1)] {
        stage_expressions(stage).into_iter().for_each(&mut mark);
    }
    if chooses.is_none() {
        used.iter_mut().zip(&query.columns).for_each(|(used, column)| *used |= column.shown);
    }
    used
}

/// Which rows to read for the histories, and what the tables mean to them.
pub fn history(needs: &Needs, schema: &Schema, catalog: &Catalog, from: Nanos) -> (Vec<Select>, Mapping) {
    let mut interest = Interest { signals: vec![None; catalog.signals.len()], reports: Nanos::MAX, events: Nanos::MAX };
    for (at, signal) in catalog.signals.iter().enumerate() {
        if needs.signals.contains(&SignalId(at as u32)) || needs.families.contains(&signal.family) {
            interest.signals[at] = Some(Nanos::MAX);
        }
    }
    let mut reads = Reads::default();
    let boots = needs.events.contains(&EventKind::Boot);
    for (table, def) in schema.tables() {
        let columns = || def.columns.iter().enumerate().map(|(at, column)| (ColumnId(at as u32), column.name.as_str()));
        match def.kind {
            TableKind::Signals => {
                let plain = def.name == PLAIN_FAMILY;
                for (column, name) in columns() {
                    let derives = plain && boots && matches!(name, "uptime" | "boot_id");
                    let derives = derives || (plain && needs.patches && name == "pending_reboot");
                    let Some(signal) = catalog.signal(&def.name, name) else { continue };
                    let read = interest.signals[signal.index()].is_some();
                    if derives {
                        reads.column(table, column, Nanos::MIN);
                    } else if read {
                        let holds = catalog.signals[signal.index()].holds;
                        let bounded = needs.back.filter(|_| holds.is_some() && !needs.families.contains(&catalog.signals[signal.index()].family));
                        reads.column(table, column, bounded.map_or(Nanos::MIN, |back| from.saturating_sub(back)));
                    }
                }
            }
            TableKind::Event => {
                let kind = if def.name == "boot" { Some(EventKind::Boot) } else { catalog.event(&def.name).map(EventKind::Stored) };
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
        mapping.learn(catalog, table, def.kind, &def.name, def.columns.iter().map(|column| column.name.as_str()));
    }
    (reads.selects(), mapping)
}

/// By table: the columns (None: all) and from when on.
#[derive(Default)]
struct Reads(BTreeMap<TableId, (Option<BTreeSet<ColumnId>>, Nanos)>);

impl Reads {
    fn column(&mut self, table: TableId, column: ColumnId, from: Nanos) {
        let read = self.0.entry(table).or_insert_with(|| (Some(BTreeSet::new()), Nanos::MAX));
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
        let select = |(table, (columns, from)): (TableId, (Option<BTreeSet<ColumnId>>, Nanos))| Select {
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
        return Confined { client: client.clone(), device: Some(device.clone()) };
    }
    let mut conditions: Vec<&Expr> = query.where_.iter().collect();
    if let Some(Stage::Where(first)) = query.stages.first() {
        conditions.push(first);
    }
    while let Some(condition) = conditions.pop() {
        match &condition.node {
            Node::And(all) => conditions.extend(all),
            Node::Compare { op: CompareOp::Equal, left, right } => {
                let (name, text) = match (named(left, query), named(right, query), &left.node, &right.node) {
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
        Node::Column(at) => query.columns.get(*at as usize).map(|column| column.name.as_str()),
        _ => None,
    }
}
