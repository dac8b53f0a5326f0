//! Which files make up the store: one small file, swapped whole.
//!
//! What it names is durable before it names it, and nothing it stopped naming is needed. It holds its
//! content twice, so that one bad place on the disk does not hide the whole store. Read at start,
//! written by each flush. Drawn in `docs/format.md`, "Manifest".

use crate::codec::varint::{Reader, put_i64, put_text, put_u64};
use crate::disk::{Disk, read_all, write_file};
use crate::{Damage, Error, Nanos};

/// The file's name.
pub(crate) const NAME: &str = "manifest";
const MAGIC: [u8; 8] = *b"abt-man\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 20;

/// The content; see the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// No file has this number or a greater one, except those of an unfinished flush and newer logs.
    pub(crate) next_file: u64,
    /// The oldest log file needed; 0 before the first flush.
    pub(crate) wal_first: u64,
    /// The last record in segments.
    pub(crate) flushed_seq: u64,
    /// When it arrived.
    pub(crate) flushed_arrival: Nanos,
    pub(crate) table_count: u64,
    pub(crate) device_count: u64,
    /// Number of the checkpoint file; 0 without one.
    pub(crate) checkpoint: u64,
    /// Catalog files with their lengths, oldest first.
    pub(crate) catalogs: Vec<(u64, u64)>,
    /// Oldest first.
    pub(crate) segments: Vec<SegmentEntry>,
    /// Records lost to damage of logs that were dropped since.
    pub(crate) lost: Vec<Damage>,
}

/// A segment as the manifest names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEntry {
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) seqs: (u64, u64),
    pub(crate) footer_checksum: u32,
}

impl Manifest {
    /// Reads the manifest; `None` if there is none.
    pub(crate) fn read(disk: &dyn Disk) -> Result<Option<(Manifest, Vec<Damage>)>, Error> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", NAME)(error)),
        };
        let bytes = read_all(&*file).map_err(Error::io("read", NAME))?;
        let half = bytes.len() / 2;
        let first = Manifest::decode_copy(&bytes[..half])?;
        let second = Manifest::decode_copy(&bytes[half..])?;
        let bad = |offset: usize| {
            vec![Damage::new(
                NAME,
                offset as u64,
                "one of two copies differs",
            )]
        };
        match (first, second) {
            (Some(first), Some(_)) => Ok(Some((first, Vec::new()))),
            (Some(first), None) => Ok(Some((first, bad(half)))),
            (None, Some(second)) => Ok(Some((second, bad(0)))),
            (None, None) => Err(Error::damaged(NAME, 0, "both copies differ")),
        }
    }

    /// Writes the manifest under a temporary name and swaps it in, durably.
    pub(crate) fn write(&self, disk: &dyn Disk, number: u64) -> Result<(), Error> {
        let temporary = format!("manifest-{number:08}.tmp");
        write_file(disk, &temporary, &self.encode())?;
        disk.rename(&temporary, NAME)
            .map_err(Error::io("rename", &temporary))?;
        disk.sync_dir().map_err(Error::io("sync folder of", NAME))
    }

    /// Both copies.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_u64(&mut body, self.next_file);
        put_u64(&mut body, self.wal_first);
        put_u64(&mut body, self.flushed_seq);
        put_i64(&mut body, self.flushed_arrival);
        put_u64(&mut body, self.table_count);
        put_u64(&mut body, self.device_count);
        put_u64(&mut body, self.checkpoint);
        put_u64(&mut body, self.catalogs.len() as u64);
        for (number, bytes) in &self.catalogs {
            put_u64(&mut body, *number);
            put_u64(&mut body, *bytes);
        }
        put_u64(&mut body, self.segments.len() as u64);
        for segment in &self.segments {
            put_u64(&mut body, segment.number);
            put_u64(&mut body, segment.bytes);
            put_u64(&mut body, segment.rows);
            put_u64(&mut body, segment.seqs.0);
            put_u64(&mut body, segment.seqs.1);
            body.extend_from_slice(&segment.footer_checksum.to_le_bytes());
        }
        put_u64(&mut body, self.lost.len() as u64);
        for damage in &self.lost {
            put_text(&mut body, &damage.file);
            put_u64(&mut body, damage.offset);
            put_text(&mut body, &damage.what);
            let (first, last) = damage
                .records
                .as_ref()
                .map_or((1, 0), |r| (*r.start(), *r.end()));
            put_u64(&mut body, first);
            put_u64(&mut body, last);
        }
        let mut copy = MAGIC.to_vec();
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&(body.len() as u32).to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&copy);
        hasher.update(&body);
        copy.extend_from_slice(&hasher.finalize().to_le_bytes());
        copy.extend_from_slice(&body);
        copy.repeat(2)
    }

    /// Reads one copy, which fills `bytes`; `None` if it is damaged.
    fn decode_copy(bytes: &[u8]) -> Result<Option<Manifest>, Error> {
        let mut reader = Reader::new(bytes);
        let header = (
            reader.array::<8>(),
            reader.fixed_u32(),
            reader.fixed_u32(),
            reader.fixed_u32(),
        );
        let (Some(MAGIC), Some(version), Some(length), Some(checksum)) = header else {
            return Ok(None);
        };
        let body = &bytes[HEADER_BYTES..];
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..HEADER_BYTES - 4]);
        hasher.update(body);
        if length as usize != body.len() || checksum != hasher.finalize() {
            return Ok(None);
        }
        if version != VERSION {
            return Err(Error::Version {
                file: NAME.to_owned(),
                found: version,
                known: VERSION,
            });
        }
        Ok(Manifest::decode(body))
    }

    fn decode(body: &[u8]) -> Option<Manifest> {
        let mut reader = Reader::new(body);
        let mut manifest = Manifest {
            next_file: reader.u64()?,
            wal_first: reader.u64()?,
            flushed_seq: reader.u64()?,
            flushed_arrival: reader.i64()?,
            table_count: reader.u64()?,
            device_count: reader.u64()?,
            checkpoint: reader.u64()?,
            ..Manifest::default()
        };
        for _ in 0..reader.count()? {
            manifest.catalogs.push((reader.u64()?, reader.u64()?));
        }
        for _ in 0..reader.count()? {
            manifest.segments.push(SegmentEntry {
                number: reader.u64()?,
                bytes: reader.u64()?,
                rows: reader.u64()?,
                seqs: (reader.u64()?, reader.u64()?),
                footer_checksum: reader.fixed_u32()?,
            });
        }
        for _ in 0..reader.count()? {
            let file = reader.text()?;
            let mut damage = Damage::new(file, reader.u64()?, reader.text()?);
            let (first, last) = (reader.u64()?, reader.u64()?);
            if first <= last {
                damage = damage.records(first..=last);
            }
            manifest.lost.push(damage);
        }
        reader.is_at_end().then_some(manifest)
    }
}
