//! Afterboot: the server, the engine and the command line.

pub mod admission;
pub mod agent;
pub mod client;
pub mod clock;
pub mod core;
pub mod engine;
pub mod hresult;
pub mod import;
pub mod ingest;
pub mod limits;
pub mod outbox;
pub mod owner;
pub mod query_cmd;
pub mod replay;
pub mod report;
pub mod shell;
