//! Names and their dense numbers: tables with their columns, clients and devices.
//!
//! A definition never changes once made and numbers have no gaps. A clone of a [`Schema`] is a view
//! that costs two counters: tables are copied on write, devices are appended to one shared list that a
//! view reads up to its own count. The owner defines; snapshots look up.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use smol_str::SmolStr;

use crate::definition::Definition;
use crate::limits::{COLUMNS_MAX, DEVICE_NAME_BYTES_MAX, DEVICES_MAX, NAME_BYTES_MAX, TABLES_MAX};
use crate::{ColumnId, DeviceId, Error, TableId, TableKind, ValueType};

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name.
    pub name: SmolStr,
    /// What it holds.
    pub value_type: ValueType,
}

/// A table and its columns; a [`ColumnId`] is a position in `columns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDef {
    /// What it holds.
    pub kind: TableKind,
    /// Its name, unique within its kind.
    pub name: SmolStr,
    /// Its columns.
    pub columns: Vec<ColumnDef>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDef {
    /// The client it belongs to.
    pub client: SmolStr,
    /// Its name, unique within the client.
    pub name: SmolStr,
}

/// All names known, as of one moment.
#[derive(Clone, Debug)]
pub struct Schema {
    tables: Arc<Tables>,
    devices: Arc<RwLock<Devices>>,
    device_count: usize,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    defs: Vec<Arc<TableEntry>>,
    by_name: HashMap<TableKind, HashMap<SmolStr, TableId>>,
}

#[derive(Clone, Debug)]
struct TableEntry {
    def: TableDef,
    by_name: HashMap<SmolStr, ColumnId>,
}

impl Tables {
    fn push(&mut self, kind: TableKind, name: SmolStr) {
        let id = TableId(self.defs.len() as u32);
        let names = self.by_name.entry(kind).or_default();
        names.insert(name.clone(), id);
        self.defs.push(Arc::new(TableEntry {
            def: TableDef {
                kind,
                name,
                columns: Vec::new(),
            },
            by_name: HashMap::new(),
        }));
    }
}

impl TableEntry {
    fn push(&mut self, value_type: ValueType, name: SmolStr) {
        let id = ColumnId(self.def.columns.len() as u32);
        self.by_name.insert(name.clone(), id);
        self.def.columns.push(ColumnDef { name, value_type });
    }
}

/// The name of something whose own name was lost to damage.
fn lost(number: usize) -> SmolStr {
    smol_str::format_smolstr!("lost-{number}")
}

fn within(count: usize, what: &'static str, max: usize) -> Result<(), Error> {
    if count < max {
        Ok(())
    } else {
        Err(Error::Limit { what, max })
    }
}

fn name_within(name: &str, what: &'static str, max: usize) -> Result<(), Error> {
    within(name.len(), what, max + 1).map_err(|_| Error::Limit { what, max })
}

#[derive(Debug)]
struct Devices {
    clients: Vec<SmolStr>,
    client_ids: HashMap<SmolStr, u32>,
    /// Client number and name by device.
    names: Vec<(u32, SmolStr)>,
    /// By client number.
    by_name: Vec<HashMap<SmolStr, DeviceId>>,
}

impl Devices {
    fn add(&mut self, client: &str, name: &str) -> DeviceId {
        let id = DeviceId(self.names.len() as u32);
        let client = match self.client_ids.get(client) {
            Some(&client) => client,
            None => {
                let number = self.clients.len() as u32;
                self.clients.push(SmolStr::new(client));
                self.client_ids.insert(SmolStr::new(client), number);
                self.by_name.push(HashMap::new());
                number
            }
        };
        let name = SmolStr::new(name);
        self.names.push((client, name.clone()));
        self.by_name[client as usize].insert(name, id);
        id
    }
}

impl Schema {
    /// Nothing but the server device.
    pub(crate) fn new() -> Schema {
        let mut devices = Devices {
            clients: Vec::new(),
            client_ids: HashMap::new(),
            names: Vec::new(),
            by_name: Vec::new(),
        };
        devices.add("", "");
        Schema {
            tables: Arc::default(),
            devices: Arc::new(RwLock::new(devices)),
            device_count: 1,
        }
    }

    fn devices_read(&self) -> RwLockReadGuard<'_, Devices> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table of this kind and name.
    pub fn find_table(&self, kind: TableKind, name: &str) -> Option<TableId> {
        self.tables.by_name.get(&kind)?.get(name).copied()
    }

    /// The column of this name.
    pub fn find_column(&self, table: TableId, name: &str) -> Option<ColumnId> {
        let entry = self.tables.defs.get(table.0 as usize)?;
        entry.by_name.get(name).copied()
    }

    /// The device of this name.
    pub fn find_device(&self, client: &str, name: &str) -> Option<DeviceId> {
        let devices = self.devices_read();
        let client = *devices.client_ids.get(client)?;
        let id = *devices.by_name[client as usize].get(name)?;
        ((id.0 as usize) < self.device_count).then_some(id)
    }

    /// What a table is; `None` for a number that this view does not know.
    pub fn table_def(&self, table: TableId) -> Option<&TableDef> {
        let entry = self.tables.defs.get(table.0 as usize)?;
        Some(&entry.def)
    }

    /// What a device is; `None` for a number that this view does not know.
    pub fn device_def(&self, device: DeviceId) -> Option<DeviceDef> {
        if device.0 as usize >= self.device_count {
            return None;
        }
        let devices = self.devices_read();
        let (client, name) = &devices.names[device.0 as usize];
        Some(DeviceDef {
            client: devices.clients[*client as usize].clone(),
            name: name.clone(),
        })
    }

    /// All tables by number.
    pub fn tables(&self) -> impl Iterator<Item = (TableId, &TableDef)> {
        let entries = self.tables.defs.iter().enumerate();
        entries.map(|(id, entry)| (TableId(id as u32), &entry.def))
    }

    /// All devices by number, [`DeviceId::SERVER`] first.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, DeviceDef)> {
        (0..self.device_count as u32)
            .filter_map(|id| Some((DeviceId(id), self.device_def(DeviceId(id))?)))
    }

    /// How many tables there are.
    pub fn table_count(&self) -> usize {
        self.tables.defs.len()
    }

    /// How many devices there are, the server included.
    pub fn device_count(&self) -> usize {
        self.device_count
    }

    /// Every definition, in an order in which they can be applied.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = Definition> {
        let tables = self.tables().flat_map(|(table, def)| {
            let columns = def.columns.iter().enumerate().map(move |(id, column)| {
                let id = ColumnId(id as u32);
                Definition::Column(table, id, column.value_type, column.name.clone())
            });
            std::iter::once(Definition::Table(table, def.kind, def.name.clone())).chain(columns)
        });
        let devices = self
            .devices()
            .skip(1)
            .map(|(id, def)| Definition::Device(id, def.client, def.name));
        tables.chain(devices)
    }

    /// Gives numbers below these counts, if their definitions were lost, the names `lost-<number>`.
    pub(crate) fn fill(&mut self, table_count: u64, device_count: u64) {
        let last = |count: u64, max: usize| (count as usize).min(max).checked_sub(1);
        if let Some(table) = last(table_count, TABLES_MAX)
            && table >= self.table_count()
        {
            self.apply_table(TableId(table as u32), TableKind::System, &lost(table));
        }
        if let Some(device) = last(device_count, DEVICES_MAX)
            && device >= self.device_count
        {
            self.apply_device(DeviceId(device as u32), &SmolStr::default(), &lost(device));
        }
    }

    /// The definition that gives `name` a new table.
    pub(crate) fn new_table(&self, kind: TableKind, name: &str) -> Result<Definition, Error> {
        within(self.tables.defs.len(), "tables", TABLES_MAX)?;
        name_within(name, "bytes of a table name", NAME_BYTES_MAX)?;
        let id = TableId(self.tables.defs.len() as u32);
        Ok(Definition::Table(id, kind, SmolStr::new(name)))
    }

    /// The definition that gives `table` a new column.
    pub(crate) fn new_column(
        &self,
        table: TableId,
        name: &str,
        value_type: ValueType,
    ) -> Result<Definition, Error> {
        let Some(def) = self.table_def(table) else {
            return Err(Error::Limit {
                what: "table number",
                max: self.table_count(),
            });
        };
        within(def.columns.len(), "columns of a table", COLUMNS_MAX)?;
        name_within(name, "bytes of a column name", NAME_BYTES_MAX)?;
        let id = ColumnId(def.columns.len() as u32);
        Ok(Definition::Column(
            table,
            id,
            value_type,
            SmolStr::new(name),
        ))
    }

    /// The definition that gives a name a new device.
    pub(crate) fn new_device(&self, client: &str, name: &str) -> Result<Definition, Error> {
        within(self.device_count, "devices", DEVICES_MAX)?;
        let max = DEVICE_NAME_BYTES_MAX;
        name_within(client, "bytes of a client name", max)?;
        name_within(name, "bytes of a device name", max)?;
        let id = DeviceId(self.device_count as u32);
        Ok(Definition::Device(
            id,
            SmolStr::new(client),
            SmolStr::new(name),
        ))
    }

    /// Takes a definition over. Numbers that were lost before it get the name `lost-<number>`; one
    /// that is known already must be the same. `false` if it contradicts what is known.
    pub(crate) fn apply(&mut self, definition: &Definition) -> bool {
        match definition {
            Definition::Table(id, kind, name) => self.apply_table(*id, *kind, name),
            Definition::Column(table, id, value_type, name) => {
                self.apply_column(*table, *id, *value_type, name)
            }
            Definition::Device(id, client, name) => self.apply_device(*id, client, name),
        }
    }

    fn apply_table(&mut self, id: TableId, kind: TableKind, name: &SmolStr) -> bool {
        if let Some(known) = self.table_def(id) {
            return known.kind == kind && known.name == *name;
        }
        if id.0 as usize >= TABLES_MAX || self.find_table(kind, name).is_some() {
            return false;
        }
        let tables = Arc::make_mut(&mut self.tables);
        while tables.defs.len() < id.0 as usize {
            tables.push(TableKind::System, lost(tables.defs.len()));
        }
        tables.push(kind, name.clone());
        true
    }

    fn apply_column(
        &mut self,
        table: TableId,
        id: ColumnId,
        value_type: ValueType,
        name: &SmolStr,
    ) -> bool {
        if self.table_def(table).is_none()
            && !self.apply_table(table, TableKind::System, &lost(table.0 as usize))
        {
            return false;
        }
        let tables = Arc::make_mut(&mut self.tables);
        let entry = Arc::make_mut(&mut tables.defs[table.0 as usize]);
        if let Some(known) = entry.def.columns.get(id.0 as usize) {
            return known.value_type == value_type && known.name == *name;
        }
        if id.0 as usize >= COLUMNS_MAX || entry.by_name.contains_key(name) {
            return false;
        }
        while entry.def.columns.len() < id.0 as usize {
            entry.push(ValueType::Number, lost(entry.def.columns.len()));
        }
        entry.push(value_type, name.clone());
        true
    }

    fn apply_device(&mut self, id: DeviceId, client: &SmolStr, name: &SmolStr) -> bool {
        if let Some(known) = self.device_def(id) {
            return known.client == *client && known.name == *name;
        }
        if id.0 as usize >= DEVICES_MAX || self.find_device(client, name).is_some() {
            return false;
        }
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        while devices.names.len() < id.0 as usize {
            let lost = lost(devices.names.len());
            devices.add("", &lost);
        }
        devices.add(client, name);
        self.device_count = devices.names.len();
        true
    }
}
