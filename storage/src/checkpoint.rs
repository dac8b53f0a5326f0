//! The state that whoever applies the records saved with a flush: one checksummed file.
//!
//! A checkpoint that cannot be read is only a longer start: its owner reads all records instead.
//! Drawn in `docs/format.md`, "Checkpoint".

use crate::codec::varint::Reader;
use crate::disk::{Disk, read_all};
use crate::{Checkpoint, Damage, Error};

const MAGIC: [u8; 8] = *b"abt-chk\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;

/// The name of a checkpoint file.
pub(crate) fn file_name(number: u64) -> String {
    format!("checkpoint-{number:08}")
}

/// The file of a checkpoint.
pub(crate) fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&checkpoint.seq.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&out);
    hasher.update(&checkpoint.bytes);
    out.extend_from_slice(&hasher.finalize().to_le_bytes());
    out.extend_from_slice(&checkpoint.bytes);
    out
}

/// Reads a checkpoint, or names why it cannot be used.
pub(crate) fn read(disk: &dyn Disk, number: u64) -> Result<Result<Checkpoint, Damage>, Error> {
    let name = file_name(number);
    let damaged = |what: &str| Ok(Err(Damage::new(&name, 0, what)));
    let bytes = match disk.open(&name).and_then(|file| read_all(&*file)) {
        Ok(bytes) => bytes,
        Err(error) => return damaged(&format!("cannot read: {error}")),
    };
    let mut reader = Reader::new(&bytes);
    let fields = (
        reader.array::<8>(),
        reader.fixed_u32(),
        reader.fixed_u64(),
        reader.fixed_u32(),
    );
    let (Some(MAGIC), Some(version), Some(seq), Some(checksum)) = fields else {
        return damaged("file header differs");
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..HEADER_BYTES - 4]);
    hasher.update(&bytes[HEADER_BYTES..]);
    if checksum != hasher.finalize() {
        return damaged("checkpoint checksum differs");
    }
    if version != VERSION {
        return Err(Error::Version {
            file: name,
            found: version,
            known: VERSION,
        });
    }
    Ok(Ok(Checkpoint {
        seq,
        bytes: bytes[HEADER_BYTES..].to_vec(),
    }))
}
