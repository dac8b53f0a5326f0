//! Embedded time-series store.
//!
//! [`Store`] is owned by one thread: it gives names their numbers, appends records to the log and
//! makes them durable. [`Snapshot`]s of what is durable are read on any thread. A [`FlushJob`] turns
//! the rows in memory into a segment on any thread, and the owner installs it. Start reading at
//! `model.rs` for the words, then `store.rs`.

pub mod limits;
pub mod model;

mod catalog;
mod checkpoint;
mod codec;
mod definition;
pub mod disk;
mod error;
mod finder;
mod flush;
mod head;
mod manifest;
mod open;
mod options;
mod scan;
mod schema;
mod segment;
mod select;
mod snapshot;
mod store;
mod wal;

pub use disk::{Disk, DiskFile, Faults, RealDisk, SimDisk};
pub use error::{Damage, Error};
pub use flush::{FlushJob, Flushed};
pub use model::*;
pub use options::Options;
pub use scan::Scan;
pub use schema::{ColumnDef, DeviceDef, Schema, TableDef};
pub use select::{Select, Versions};
pub use snapshot::{Records, Snapshot};
pub use store::{Checkpoint, Opened, Store};
