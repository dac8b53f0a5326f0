//! The Afterboot language: text in, checked programs, values and tables out.

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
pub mod print;
pub mod render;
pub mod run;
pub mod span;
pub mod table;
pub mod value;
