//! Giving names their numbers.
//!
//! A new name is known at once and goes into the log with the next append.

use super::Store;
use crate::definition::Definition;
use crate::{ColumnId, DeviceId, Error, TableId, TableKind, ValueType};

impl Store {
    /// The table of this name, made if there is none.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn table(&mut self, kind: TableKind, name: &str) -> Result<TableId, Error> {
        if let Some(table) = self.schema.find_table(kind, name) {
            return Ok(table);
        }
        let definition = self.schema.new_table(kind, name)?;
        let table = TableId(self.schema.table_count() as u32);
        self.define(definition);
        Ok(table)
    }

    /// The column of this name, made if there is none.
    ///
    /// # Errors
    /// [`Error::TypeDiffers`] if it holds another type; [`Error::Limit`].
    pub fn column(
        &mut self,
        table: TableId,
        name: &str,
        value_type: ValueType,
    ) -> Result<ColumnId, Error> {
        if let Some(column) = self.schema.find_column(table, name)
            && let Some(def) = self.schema.table_def(table)
        {
            let has = def.columns[column.0 as usize].value_type;
            if has == value_type {
                return Ok(column);
            }
            return Err(Error::TypeDiffers {
                table: def.name.clone(),
                column: name.into(),
                has,
                got: value_type,
            });
        }
        let definition = self.schema.new_column(table, name, value_type)?;
        self.define(definition);
        let column = self.schema.find_column(table, name);
        Ok(column.expect("the column was just defined"))
    }

    /// The device of this name, made if there is none.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn device(&mut self, client: &str, name: &str) -> Result<DeviceId, Error> {
        if let Some(device) = self.schema.find_device(client, name) {
            return Ok(device);
        }
        let definition = self.schema.new_device(client, name)?;
        let device = DeviceId(self.schema.device_count() as u32);
        self.define(definition);
        Ok(device)
    }

    fn define(&mut self, definition: Definition) {
        let applied = self.schema.apply(&definition);
        debug_assert!(applied, "a new definition contradicts nothing");
        self.pending.push(definition);
    }
}
