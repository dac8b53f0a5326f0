//! The Afterboot language: text in, checked programs, values and tables out.
//!
//! In reading order: text becomes tokens ([`lex`]), a tree ([`ast`], [`parse`]), a checked program
//! ([`check`] → [`ir`]); a device's past ([`history`]) and an expression become a value ([`eval`]).

pub mod limits;
pub mod plain;
pub mod span;
pub mod diagnostic;
pub mod value;
pub mod lex;
pub mod ast;
pub mod parse;
pub mod print;
pub mod catalog;
pub mod ir;
pub mod ir_query;
pub mod check;
pub mod history;
pub mod eval;
