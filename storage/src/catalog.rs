//! Names on disk: files of definitions, in blocks with a checksum each.
//!
//! Each flush adds a file with the definitions made since the last one; now and then they are written
//! anew as one. A bad block is named, and what it defined keeps its numbers under names `lost-<n>`.
//! Drawn in `docs/format.md`, "Catalog".

use crate::codec::varint::Reader;
use crate::definition::Definition;
use crate::disk::{Disk, read_all};
use crate::schema::Schema;
use crate::{Damage, Error};

const MAGIC: [u8; 8] = *b"abt-cat\n";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const BLOCK_HEADER_BYTES: usize = 8;
/// Blocks end at the first definition beyond this.
const BLOCK_BYTES: usize = 32 << 10;

/// The name of a catalog file.
pub(crate) fn file_name(number: u64) -> String {
    format!("catalog-{number:08}")
}

/// A file of these definitions.
pub(crate) fn encode<'a>(definitions: impl Iterator<Item = Definition> + 'a) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    let mut block = Vec::new();
    for definition in definitions {
        definition.put(&mut block);
        if block.len() > BLOCK_BYTES {
            put_block(&mut out, &block);
            block.clear();
        }
    }
    if !block.is_empty() {
        put_block(&mut out, &block);
    }
    out
}

fn put_block(out: &mut Vec<u8>, block: &[u8]) {
    out.extend_from_slice(&(block.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(block).to_le_bytes());
    out.extend_from_slice(block);
}

/// Reads a file of `length` bytes into the schema; returns what is damaged.
pub(crate) fn read(
    disk: &dyn Disk,
    number: u64,
    length: u64,
    schema: &mut Schema,
) -> Result<Vec<Damage>, Error> {
    let name = file_name(number);
    let file = match disk.open(&name) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(vec![Damage::new(&name, 0, "the file is missing")]);
        }
        Err(error) => return Err(Error::io("open", &name)(error)),
    };
    let bytes = read_all(&*file).map_err(Error::io("read", &name))?;
    let mut damage = Vec::new();
    if bytes.len() as u64 != length {
        let at = length.min(bytes.len() as u64);
        damage.push(Damage::new(&name, at, "the file has another length"));
    }
    let mut header = Reader::new(&bytes);
    let fields = (header.array::<8>(), header.fixed_u32(), header.fixed_u32());
    match fields {
        (Some(MAGIC), Some(version), Some(checksum))
            if checksum == crc32fast::hash(&bytes[..12]) =>
        {
            if version != VERSION {
                return Err(Error::Version {
                    file: name,
                    found: version,
                    known: VERSION,
                });
            }
        }
        _ => damage.push(Damage::new(&name, 0, "file header differs")),
    }
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        let mut reader = Reader::new(&bytes[at..]);
        let (Some(length), Some(checksum)) = (reader.fixed_u32(), reader.fixed_u32()) else {
            damage.push(Damage::new(&name, at as u64, "block is cut short"));
            break;
        };
        let whole = reader
            .take(length as usize)
            .filter(|block| crc32fast::hash(block) == checksum);
        if !whole.is_some_and(|block| apply(block, schema)) {
            damage.push(Damage::new(
                &name,
                at as u64,
                "names are lost: block checksum differs",
            ));
        }
        at += BLOCK_HEADER_BYTES + length as usize;
    }
    Ok(damage)
}

fn apply(block: &[u8], schema: &mut Schema) -> bool {
    let mut reader = Reader::new(block);
    while !reader.is_at_end() {
        if !Definition::get(&mut reader).is_some_and(|definition| schema.apply(&definition)) {
            return false;
        }
    }
    true
}
