//! Everything that was durable at one moment, for any thread, for as long as it is held.
//!
//! A snapshot holds the segments and heads of its moment and bounds what it sees by its sequence
//! number. The owner makes one after each commit; readers never enter the owner.

use std::sync::Arc;

use crate::head::Head;
use crate::scan::Scan;
use crate::segment::read::Segment;
use crate::segment::records::SegmentRecords;
use crate::{Damage, Error, Nanos, Record, Schema, Select};

/// An immutable view; clones are cheap.
#[derive(Clone, Debug)]
pub struct Snapshot {
    view: Arc<View>,
}

/// What a snapshot holds.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) seq: u64,
    pub(crate) clock: Nanos,
    pub(crate) schema: Schema,
    /// Oldest first.
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    /// Oldest first, and newer than the segments.
    pub(crate) heads: Vec<Arc<Head>>,
    /// Known losses.
    pub(crate) damage: Arc<Vec<Damage>>,
}

impl Snapshot {
    pub(crate) fn new(view: View) -> Snapshot {
        Snapshot {
            view: Arc::new(view),
        }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// The last record seen.
    pub fn seq(&self) -> u64 {
        self.view.seq
    }

    /// When that record arrived; the least time if there is none.
    pub fn clock(&self) -> Nanos {
        self.view.clock
    }

    /// The names known.
    pub fn schema(&self) -> &Schema {
        &self.view.schema
    }

    /// Rows ordered by (device, instance, corrected time, sequence number).
    ///
    /// # Errors
    /// Single rows are errors only if a file cannot be read at all; damaged blocks are left out and
    /// named in [`Scan::damage`].
    pub fn scan(&self, select: &Select) -> Result<Scan, Error> {
        Ok(Scan::new(self.clone(), select))
    }

    /// Every record from `from_seq` on, in order, each exactly as it was appended.
    ///
    /// # Errors
    /// As the iterator's items: a segment that cannot be read.
    pub fn records(&self, from_seq: u64) -> Result<Records, Error> {
        Ok(Records {
            snapshot: self.clone(),
            next_seq: from_seq.max(1),
            segment: 0,
            current: None,
            head: 0,
            position: None,
        })
    }
}

/// Iterates over records; see [`Snapshot::records`].
///
/// An `Err` names damage: records in its range that come after it may lack rows. The iterator goes
/// on after it.
#[derive(Debug)]
pub struct Records {
    snapshot: Snapshot,
    next_seq: u64,
    /// Index of the segment to open next.
    segment: usize,
    current: Option<SegmentRecords>,
    /// Index of the head being read.
    head: usize,
    position: Option<usize>,
}

impl Records {
    fn next_in_segments(&mut self) -> Option<Result<Record, Error>> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(damage) = current.damage.pop_front() {
                    return Some(Err(Error::Damaged(damage)));
                }
                if let Some(record) = current.next() {
                    return Some(Ok(record));
                }
                self.current = None;
            }
            let view = self.snapshot.view();
            let segment = view.segments.get(self.segment)?;
            self.segment += 1;
            if segment.footer.seqs.1 >= self.next_seq {
                self.current = Some(SegmentRecords::read(segment, self.next_seq, view.seq));
            }
        }
    }

    fn next_in_heads(&mut self) -> Option<Record> {
        let view = self.snapshot.view();
        while let Some(head) = view.heads.get(self.head) {
            let rows = head.read();
            let position = match self.position {
                Some(position) => position,
                None => rows.position_of(self.next_seq),
            };
            match rows.record_at(position) {
                Some((record, _)) if record.seq > view.seq => return None,
                Some((record, next)) => {
                    self.position = Some(next);
                    return Some(record);
                }
                None => {
                    self.head += 1;
                    self.position = None;
                }
            }
        }
        None
    }
}

impl Iterator for Records {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_in_segments()
            .or_else(|| self.next_in_heads().map(Ok))
    }
}
