//! The owner: the one thread that writes store and engine.
//!
//! It takes turns: what is queued, at most 256 KiB, is appended and applied record by record, made durable by one
//! sync, and only then acknowledged and released.
//!
//! `Owner::start(core::Opened, Arc<dyn Clock>, Options) -> OwnerHandle`.

mod handle;
pub mod metrics;
mod stream;

pub use handle::{Answer, Health, OwnerHandle, View};
pub use stream::Subscription;

/// Stands in until the store has landed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot;
