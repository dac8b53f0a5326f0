//! The Afterboot language: text in, checked programs, values and tables out.
//!
//! In reading order: text becomes tokens ([`lex`]), a tree ([`ast`], [`parse`]), a checked program
//! ([`check`] → [`ir`]); a device's past ([`history`]) and an expression become a value ([`eval`]); a query
//! and a snapshot become a table ([`run`], [`table`]), which is printed ([`render`]) and read back ([`answer`]).

pub mod answer;
pub mod ast;
pub mod catalog;
pub mod check;
pub mod diagnostic;
pub mod eval;
pub mod history;
pub mod ir;
pub mod ir_query;
pub mod lex;
pub mod limits;
pub mod parse;
pub mod plain;
pub mod print;
pub mod render;
pub mod run;
pub mod span;
pub mod table;
pub mod value;
