//! Every bound on what comes from outside, in one place.
//!
//! Each bound is checked at the door that reads the input; what is past it is refused with its name,
//! so that no body, line or log can make the server use memory without end.

use storage::{Nanos, SECOND};

/// Largest body as received.
pub const BODY_BYTES_MAX: usize = 8 << 20;
/// Largest body after its content encoding is undone.
pub const BODY_EXPANDED_BYTES_MAX: usize = 32 << 20;
/// How many times larger than received an expanded body may be.
pub const BODY_EXPANSION_RATIO_MAX: usize = 100;
/// Expansion up to this size is never refused for its ratio: small repetitive bodies pack well.
pub const BODY_EXPANSION_FREE_BYTES: usize = 1 << 20;
/// Most reports in a body.
pub const BODY_REPORTS_MAX: usize = 100_000;
/// Most values in a body: samples, instances, labels, events and their fields count one each.
pub const BODY_VALUES_MAX: usize = 1_000_000;

/// Most labels of a device.
pub const LABELS_MAX: usize = 64;
/// Longest name: device, client, label, family, key, field, event kind.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest text value: of a label, a sample or an event field; also the longest key.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Longest reporting interval that an agent may state.
pub const INTERVAL_MAX: Nanos = 366 * 86_400 * SECOND;

/// Most tags of a line of line protocol.
pub const LINE_TAGS_MAX: usize = 64;
/// Most fields of a line of line protocol.
pub const LINE_FIELDS_MAX: usize = 1024;
/// Most instances that consecutive lines of line protocol put into one report.
pub const LINE_INSTANCES_MERGED_MAX: usize = 256;
/// Most refused lines of one body that are named one by one; the rest is counted.
pub const LINE_ERRORS_NAMED_MAX: usize = 100;
/// Largest file that `import` reads into memory after unpacking.
pub const IMPORT_BYTES_MAX: u64 = 4 << 30;

/// Most reports that the agent keeps while the server cannot be reached; the oldest go first.
pub const AGENT_UNSENT_MAX: usize = 10_000;
/// Largest body that the agent sends in one request.
pub const AGENT_BATCH_BYTES_MAX: usize = 1 << 20;

/// Most connections open at once; one more is told 503 and closed.
pub const HTTP_CONNECTIONS_MAX: usize = 4096;
/// Most event streams (`/api/v1/stream`) open at once.
pub const HTTP_STREAMS_MAX: usize = 64;
/// Longest request line and headers together.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a client may take to send the head of a request; also how long a kept connection may be idle.
pub const HTTP_HEAD_SECONDS_MAX: u64 = 30;
/// How long a client may pause inside a body.
pub const HTTP_BODY_PAUSE_SECONDS_MAX: u64 = 15;
/// How long a client may take to send a whole body.
pub const HTTP_BODY_SECONDS_MAX: u64 = 120;
/// How long a client may take to accept the next part of a response.
pub const HTTP_WRITE_SECONDS_MAX: u64 = 30;
/// How long requests under way may still take when the server ends.
pub const HTTP_DRAIN_SECONDS_MAX: u64 = 10;
/// Longest text of a query over HTTP.
pub const QUERY_BYTES_MAX: usize = 64 << 10;
/// Most queries that run at once; further ones are told 429.
pub const QUERIES_MAX: usize = 4;
/// How long a query over HTTP may run.
pub const QUERY_SECONDS_MAX: u64 = 30;
