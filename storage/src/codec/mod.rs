//! Bytes and values: every encoding that files share. Drawn in `docs/format.md`.

pub(crate) mod bools;
pub(crate) mod cells;
pub(crate) mod column;
pub(crate) mod integers;
pub(crate) mod numbers;
pub(crate) mod texts;
pub(crate) mod varint;
