//! The Afterboot language: text in, checked programs, values and tables out.

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
