//! The bytes of a simulated file, what of them is durable, and what a power loss leaves.

/// The size that a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// Bytes as read, as durable, and what lies between.
#[derive(Clone, Debug, Default)]
pub(super) struct SimContent {
    pub(super) live: Vec<u8>,
    /// What of `live` counts against the capacity.
    pub(super) allocated: u64,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl SimContent {
    /// The durable bytes with a random part of what was not synced.
    pub(super) fn after_loss(&self, random: &mut Random) -> Vec<u8> {
        let mut found = self.durable.clone();
        for change in &self.pending {
            match change {
                Change::Length(length) => {
                    if random.coin() {
                        found.resize(*length as usize, 0);
                    }
                }
                Change::Write(offset, bytes) => {
                    let all_or_none = random.below(3);
                    let mut at = 0;
                    while at < bytes.len() {
                        let position = offset + at as u64;
                        let sector_left = (SECTOR_BYTES - position % SECTOR_BYTES) as usize;
                        let end = bytes.len().min(at + sector_left);
                        let kept = match all_or_none {
                            0 => false,
                            1 => true,
                            _ => random.coin(),
                        };
                        if kept {
                            put(&mut found, position, &bytes[at..end]);
                        }
                        at = end;
                    }
                }
            }
        }
        found
    }
}

pub(super) fn put(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let offset = offset as usize;
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough for faults, and the same everywhere.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
