//! What the expressions of a query need to know of a device's past.
//!
//! Pure. A window needs its length, a signal the time for which a sample is known, one that holds for ever its
//! latest sample however old; derived facts (boots, patch states) need all that they are derived from.

use crate::catalog::{Catalog, PATCH_FAMILY, PLAIN_FAMILY};
use crate::ir::{
    Anchor, Dur, EventId, EventKind, Expr, FamilyId, Node, Program, SignalId, children, walk,
};
use crate::ir_query::{Query, Source, Stage};
use crate::value::Value;
use std::collections::BTreeSet;
use storage::Nanos;

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
        Needs {
            back: Some(0),
            ..Needs::default()
        }
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
            Source::Family(family) if Some(*family) == catalog.family(PATCH_FAMILY) => {
                self.patch_states(catalog)
            }
            Source::Events => {
                self.boots();
                self.every_event(catalog);
            }
            Source::Event(EventKind::Boot) => self.boots(),
            Source::Event(EventKind::Heartbeat) => self.history = true,
            Source::Watches => {
                self.ledger = true;
                self.patch_states(catalog);
                program
                    .watches
                    .iter()
                    .for_each(|watch| self.events.extend(watch.on.iter().map(|on| on.event)));
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
            Source::Alerts
            | Source::Decisions
            | Source::Event(_)
            | Source::Family(_)
            | Source::Signal(_)
            | Source::Signals => {}
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
            self.history |= needs_device(&expr.node, program);
            match &expr.node {
                Node::Label(label) => self.labels |= label != "client" && label != "device",
                Node::Param(param) => {
                    self.labels |= !program.params[param.index()].overrides.is_empty()
                }
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
                    program
                        .watches
                        .iter()
                        .for_each(|watch| self.events.extend(watch.on.iter().map(|on| on.event)));
                }
                Node::Firing(_) => self.ledger = true,
                Node::Within { event, .. }
                | Node::SinceEvent(event)
                | Node::LastEvent { event, .. } => {
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
                let values = param
                    .overrides
                    .iter()
                    .map(|(_, _, value)| value)
                    .chain([&param.default]);
                let longest = values
                    .map(|value| {
                        if let Value::Number(seconds) = value {
                            *seconds
                        } else {
                            0.0
                        }
                    })
                    .fold(0.0, f64::max);
                self.reach(Some((longest * 1e9) as Nanos));
            }
            Dur::Reports(_) => self.reach(None),
        }
    }

    /// Lengths add up, whether or not they are nested: never too little, and simple.
    fn reach(&mut self, nanos: Option<Nanos>) {
        self.back = self
            .back
            .zip(nanos)
            .map(|(back, more)| back.saturating_add(more));
    }
}

/// Whether a node looks at a device's past; the identity is there without.
fn needs_device(node: &Node, program: &Program) -> bool {
    match node {
        Node::Label(label) => label != "client" && label != "device",
        Node::Param(param) => !program.params[param.index()].overrides.is_empty(),
        Node::Signal { .. } | Node::Watch(..) | Node::Firing(_) | Node::Quantify { .. } => true,
        Node::Within { .. }
        | Node::CountEvents { .. }
        | Node::SinceEvent(_)
        | Node::LastEvent { .. } => true,
        Node::Window { .. } | Node::Since(_) | Node::For { .. } | Node::At { .. } => true,
        _ => false,
    }
}

/// Every expression of a query that is evaluated for a row of a device.
pub fn expressions(query: &Query) -> Vec<&Expr> {
    // What follows a `by` sees groups, not devices.
    let by = query
        .stages
        .iter()
        .position(|stage| matches!(stage, Stage::By { .. }));
    let stages = &query.stages[..by.map_or(query.stages.len(), |at| at + 1)];
    query
        .where_
        .iter()
        .chain(stages.iter().flat_map(stage_expressions))
        .collect()
}

/// The expressions of a stage over the rows that enter it.
fn stage_expressions(stage: &Stage) -> Vec<&Expr> {
    match stage {
        Stage::Where(filter) => vec![filter],
        Stage::Show(columns) | Stage::Last { by: columns } => {
            columns.iter().map(|column| &column.value).collect()
        }
        Stage::Sort(keys) => keys.iter().map(|key| &key.value).collect(),
        Stage::Top { by, .. } => by.iter().collect(),
        Stage::By {
            keys, aggregates, ..
        } => {
            let values = aggregates
                .iter()
                .filter_map(|aggregate| aggregate.value.as_ref());
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
    let chooses = query
        .stages
        .iter()
        .position(|stage| matches!(stage, Stage::Show(_) | Stage::By { .. }));
    for stage in &query.stages[..chooses.map_or(query.stages.len(), |at| at + 1)] {
        stage_expressions(stage).into_iter().for_each(&mut mark);
    }
    if chooses.is_none() {
        used.iter_mut()
            .zip(&query.columns)
            .for_each(|(used, column)| *used |= column.shown);
    }
    used
}
