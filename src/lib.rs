//! Afterboot: the server, the engine and the command line.

pub mod client;
pub mod engine;
pub mod query_cmd;
pub mod report;
pub mod shell;
