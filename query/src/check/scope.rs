//! What names mean besides the declared ones: binders, the fields of the instance or event inside brackets,
//! the columns of a query's rows.

use super::{Checker, Declared};
use crate::ast::Ident;
use crate::catalog::Catalog;
use crate::ir::{EventField, EventKind, Expr, FamilyId, Key, Node};
use crate::ir_query::Column;
use crate::value::Type;
use smol_str::SmolStr;

/// An instance or an event that stands in a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum Thing {
    /// An instance of a family.
    Instance(FamilyId, u8),
    /// One event of any of these kinds.
    Event(Vec<EventKind>, u8),
}

/// The names of one place.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Named by `as`, innermost last.
    pub binders: Vec<(SmolStr, Thing)>,
    /// Inside `[ ]`, innermost last: fields are names.
    pub implicit: Vec<Thing>,
    /// Instance slots taken.
    pub instances: u8,
    /// Event slots taken.
    pub events: u8,
    /// The family that the enclosing aggregate goes over, with its slot.
    pub aggregate: Option<(FamilyId, u8)>,
    /// Columns of the rows of a query's stage.
    pub columns: Vec<Column>,
    /// Which of the columns are ratios of equal units.
    pub ratios: Vec<bool>,
    /// The instance of a query's row, while its rows still have one.
    pub row: Option<FamilyId>,
    /// The rows of a query have lost their device.
    pub detached: bool,
    /// Depth of constructs that look at other instants than the row's.
    pub temporal: u32,
}

impl Thing {
    /// The member of this name.
    pub fn member(&self, catalog: &Catalog, name: &str) -> Option<(Node, Type)> {
        match self {
            Thing::Instance(family, slot) => {
                let decl = catalog.family_decl(*family);
                if decl.key == name {
                    return Some((Node::InstanceKey(*slot), Type::Text));
                }
                let (signal, found) = catalog.fields(*family).find(|(_, s)| s.field == name)?;
                let node = Node::Signal {
                    signal,
                    key: Key::Slot(*slot),
                };
                Some((node, found.ty.clone()))
            }
            Thing::Event(kinds, slot) => {
                let slot = *slot;
                if name == "time" {
                    return Some((
                        Node::Event {
                            slot,
                            field: EventField::Time,
                        },
                        Type::Time,
                    ));
                }
                let mut types = kinds.iter().map(|kind| {
                    let fields = catalog.event_fields(*kind);
                    fields
                        .iter()
                        .find(|(field, _)| field == name)
                        .map(|(_, ty)| ty)
                });
                let ty = types.next()??;
                if types.any(|other| other != Some(ty)) {
                    return None;
                }
                let field = EventField::Named(name.into());
                Some((Node::Event { slot, field }, ty.clone()))
            }
        }
    }

    /// Names of all members.
    pub fn members(&self, catalog: &Catalog) -> Vec<SmolStr> {
        match self {
            Thing::Instance(family, _) => {
                let fields = catalog.fields(*family).map(|(_, s)| s.field.clone());
                fields
                    .chain([catalog.family_decl(*family).key.clone()])
                    .collect()
            }
            Thing::Event(kinds, _) => kinds
                .first()
                .map(|kind| {
                    catalog
                        .event_fields(*kind)
                        .iter()
                        .map(|(name, _)| name.clone())
                })
                .into_iter()
                .flatten()
                .chain(["time".into()])
                .collect(),
        }
    }

    /// "instance of `service`", "event `patch.failed`".
    pub fn describe(&self, catalog: &Catalog) -> String {
        match self {
            Thing::Instance(family, _) => {
                format!("an instance of `{}`", catalog.family_decl(*family).name)
            }
            Thing::Event(kinds, _) => {
                let names: Vec<String> = kinds
                    .iter()
                    .map(|kind| format!("`{}`", catalog.event_name(*kind)))
                    .collect();
                format!("an event {}", names.join(" or "))
            }
        }
    }
}

impl Checker<'_> {
    /// Runs `body` in a fresh scope, as for a statement of its own.
    pub fn fresh<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::take(&mut self.scope);
        let result = body(self);
        self.scope = outer;
        result
    }

    /// Runs `body` with the members of `thing` as names.
    pub fn inside<T>(&mut self, thing: Thing, body: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.implicit.push(thing);
        let result = body(self);
        self.scope.implicit.pop();
        result
    }

    /// Runs `body` where values at other instants are asked for.
    pub fn temporal<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.temporal += 1;
        let result = body(self);
        self.scope.temporal -= 1;
        result
    }

    /// A member of the innermost brackets, or a column.
    pub fn implicit(&self, name: &Ident) -> Option<Expr> {
        let of = |(node, ty)| Expr {
            node,
            ty,
            span: name.span,
        };
        for thing in self.scope.implicit.iter().rev() {
            if let Some(found) = thing.member(&self.catalog, &name.text) {
                return Some(of(found));
            }
        }
        // Under `for`, a window and the like a field of the row's instance is the signal itself.
        if let (Some(family), true) = (self.scope.row, self.scope.temporal > 0)
            && let Some(found) = Thing::Instance(family, 0).member(&self.catalog, &name.text)
        {
            return Some(of(found));
        }
        // So is a plain signal, and a label, which may have been another then; the identity never changes.
        let past = self.catalog.plain(&name.text).is_some()
            || self.catalog.labels.contains(&name.text)
                && !matches!(name.text.as_str(), "client" | "device");
        if self.scope.temporal > 0 && past {
            return None;
        }
        let at = self
            .scope
            .columns
            .iter()
            .position(|c| c.name == name.text)?;
        let ty = self.scope.columns[at].ty.clone();
        Some(Expr {
            node: Node::Column(at as u32),
            ty,
            span: name.span,
        })
    }

    /// What a binder stands for.
    pub fn binder(&self, name: &str) -> Option<&Thing> {
        self.scope
            .binders
            .iter()
            .rev()
            .find(|(binder, _)| binder == name)
            .map(|(_, thing)| thing)
    }

    /// Whether this name is taken before families are looked at.
    pub fn shadows_family(&self, name: &str) -> bool {
        let value = |d: &Declared| !matches!(d, Declared::Rule(_));
        self.binder(name).is_some() || self.names.get(name).is_some_and(value)
    }
}
