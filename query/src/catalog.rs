//! What may be talked about: signals, families, events and labels, with kind, type, unit and `holds`.

use crate::ir::{EventId, FamilyId, SignalId};
use crate::value::Type;
use smol_str::SmolStr;
use storage::Nanos;

/// The family that holds plain signals; its only instance is "".
pub const PLAIN_FAMILY: &str = "device";
/// The derived family of patch states.
pub const PATCH_FAMILY: &str = "patch";

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
}
