//! Deliveries: which decisions go out, when they are tried again, and the log of every attempt.

use smol_str::SmolStr;
use storage::Nanos;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The target took it.
    Delivered,
    /// It did not, and it will be tried again.
    Retry,
    /// It did not, and no more is tried.
    Failed,
}

/// One attempt to deliver one decision: a row of table `delivery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the decision.
    pub decision: u64,
    /// Name of the target.
    pub target: SmolStr,
    /// From 1.
    pub attempt: u32,
    /// When.
    pub time: Nanos,
    /// How it ended.
    pub status: Status,
    /// What the target said, or why it could not be reached.
    pub detail: String,
}

impl Status {
    /// The word in the delivery log.
    pub fn word(self) -> &'static str {
        match self {
            Status::Delivered => "delivered",
            Status::Retry => "retry",
            Status::Failed => "failed",
        }
    }
}
