//! Bytes and values: every encoding that files share. Drawn in `docs/format.md`.

pub(crate) mod cells;
pub(crate) mod varint;
