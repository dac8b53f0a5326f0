//! The Afterboot language: text in, checked programs, values and tables out.
//!
//! In reading order: text becomes tokens ([`lex`]), a tree ([`ast`], [`parse`]), a checked program
//! ([`check`] → [`ir`]); a device's past ([`history`]) and an expression become a value ([`eval`]); a query
//! and a snapshot become a table ([`run`], [`table`]), which is printed ([`render`]).

pub mod limits;
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
pub mod table;
pub mod run;
pub mod render;
pub mod answer;
