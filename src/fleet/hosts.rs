//! Line protocol for the benchmarks.
