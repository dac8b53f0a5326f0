//! Afterboot: the server, the engine and the command line.

pub mod agent;
pub mod engine;
pub mod hresult;
pub mod ingest;
pub mod limits;
pub mod report;
