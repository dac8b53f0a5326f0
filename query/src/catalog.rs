//! What may be talked about: signals, families, events and labels, with kind, type, unit and `holds`.

use crate::ir::{EventId, EventKind, FamilyId, SignalId};
use crate::value::Type;
use smol_str::SmolStr;
use std::sync::OnceLock;
use storage::{Nanos, SECOND, TableKind, ValueType};

/// The family that holds plain signals; its only instance is "".
pub const PLAIN_FAMILY: &str = "device";
/// The derived family of patch states.
pub const PATCH_FAMILY: &str = "patch";

/// How long a sample is known when its signal does not say otherwise.
pub const HOLDS_DEFAULT: Nanos = 300 * SECOND;
/// Text of the built-in declarations.
pub const BUILTIN_RULES: &str = include_str!("../../rules/catalog.rules");

/// How a signal behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKind {
    /// a level
    Gauge,
    /// grows, may reset
    Counter,
    /// one of a few values
    State,
}

/// A declared signal: field `field` of family `family`.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalDecl {
    /// Its family; plain signals are in [`PLAIN_FAMILY`].
    pub family: FamilyId,
    /// Its field (for a plain signal its name).
    pub field: SmolStr,
    /// How it behaves.
    pub kind: SignalKind,
    /// Type and unit.
    pub ty: Type,
    /// How long a sample is known; None: until the next one.
    pub holds: Option<Nanos>,
    /// Built in or declared in a file (as opposed to seen in stored data only).
    pub declared: bool,
}

/// A family of instances.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyDecl {
    /// Its name.
    pub name: SmolStr,
    /// What its key is called (`name` of service, `kb` of patch).
    pub key: SmolStr,
}

/// A declared event kind.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDecl {
    /// Full dotted name.
    pub name: SmolStr,
    /// Fields with types.
    pub fields: Vec<(SmolStr, Type)>,
}

/// All declarations.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By [`SignalId`].
    pub signals: Vec<SignalDecl>,
    /// By [`FamilyId`].
    pub families: Vec<FamilyDecl>,
    /// By [`EventId`].
    pub events: Vec<EventDecl>,
    /// Known labels, `client` and `device` first.
    pub labels: Vec<SmolStr>,
}

impl Catalog {
    /// The signal `field` of `family`.
    pub fn signal(&self, family: &str, field: &str) -> Option<SignalId> {
        let family = self.family(family)?;
        let at = self
            .signals
            .iter()
            .position(|s| s.family == family && s.field == field)?;
        Some(SignalId(at as u32))
    }
    /// The family of this name.
    pub fn family(&self, name: &str) -> Option<FamilyId> {
        self.families
            .iter()
            .position(|f| f.name == name)
            .map(|at| FamilyId(at as u32))
    }
    /// The event of this full name.
    pub fn event(&self, name: &str) -> Option<EventId> {
        self.events
            .iter()
            .position(|e| e.name == name)
            .map(|at| EventId(at as u32))
    }

    /// The family of this name, made with this key name when it is new.
    pub fn family_or_new(&mut self, name: &str, key: &str) -> FamilyId {
        self.family(name).unwrap_or_else(|| {
            self.families.push(FamilyDecl {
                name: name.into(),
                key: key.into(),
            });
            FamilyId((self.families.len() - 1) as u32)
        })
    }

    /// The declaration of a signal.
    pub fn signal_decl(&self, id: SignalId) -> &SignalDecl {
        &self.signals[id.index()]
    }

    /// The declaration of a family.
    pub fn family_decl(&self, id: FamilyId) -> &FamilyDecl {
        &self.families[id.index()]
    }

    /// The plain signal of this name.
    pub fn plain(&self, name: &str) -> Option<SignalId> {
        self.signal(PLAIN_FAMILY, name)
    }

    /// The signals of a family.
    pub fn fields(&self, family: FamilyId) -> impl Iterator<Item = (SignalId, &SignalDecl)> {
        self.signals
            .iter()
            .enumerate()
            .filter(move |(_, s)| s.family == family)
            .map(|(at, s)| (SignalId(at as u32), s))
    }

    /// The event of this full name as a kind.
    pub fn event_kind(&self, name: &str) -> Option<EventKind> {
        let id = self.event(name)?;
        Some(match name {
            "heartbeat" => EventKind::Heartbeat,
            "boot" => EventKind::Boot,
            _ => EventKind::Stored(id),
        })
    }

    /// Full name of an event kind.
    pub fn event_name(&self, kind: EventKind) -> &str {
        match kind {
            EventKind::Heartbeat => "heartbeat",
            EventKind::Boot => "boot",
            EventKind::Stored(id) => &self.events[id.index()].name,
        }
    }

    /// Declared fields of an event kind.
    pub fn event_fields(&self, kind: EventKind) -> &[(SmolStr, Type)] {
        match self.event(self.event_name(kind)) {
            Some(id) => &self.events[id.index()].fields,
            None => &[],
        }
    }

    /// The built-in declarations.
    pub fn builtin() -> Catalog {
        static BUILTIN: OnceLock<Catalog> = OnceLock::new();
        BUILTIN.get_or_init(crate::check::builtin_catalog).clone()
    }

    /// Adds a stored table that nobody declared, so that queries can name it: a family (or, for the family
    /// [`PLAIN_FAMILY`], plain signals) or an event. What is declared stays as it is; ids already given
    /// stay valid.
    pub fn extend_with(&mut self, kind: TableKind, table: &str, columns: &[(SmolStr, ValueType)]) {
        let type_of = |value| match value {
            ValueType::Number => Type::PLAIN,
            ValueType::Bool => Type::Bool,
            ValueType::Text => Type::Text,
            ValueType::Time => Type::Time,
        };
        match kind {
            TableKind::System => {}
            TableKind::Signals => {
                let family =
                    self.family_or_new(table, if table == PLAIN_FAMILY { "" } else { "key" });
                for (field, value) in columns {
                    if self.signal(table, field).is_none() {
                        self.signals.push(SignalDecl {
                            family,
                            field: field.clone(),
                            kind: if *value == ValueType::Number {
                                SignalKind::Gauge
                            } else {
                                SignalKind::State
                            },
                            ty: type_of(*value),
                            holds: Some(HOLDS_DEFAULT),
                            declared: false,
                        });
                    }
                }
            }
            TableKind::Event => {
                let at = self.event(table).map_or_else(
                    || {
                        self.events.push(EventDecl {
                            name: table.into(),
                            fields: Vec::new(),
                        });
                        self.events.len() - 1
                    },
                    EventId::index,
                );
                let fields = &mut self.events[at].fields;
                for (field, value) in columns {
                    if fields.iter().all(|(name, _)| name != field) {
                        fields.push((field.clone(), type_of(*value)));
                    }
                }
            }
        }
    }
}
