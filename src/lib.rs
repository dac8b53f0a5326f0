//! Afterboot: the server, the engine and the command line.

pub mod engine;
pub mod report;
