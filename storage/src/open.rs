//! Opening a store: manifest, names, footers of segments, then the log.
//!
//! Everything acknowledged comes back or is named as damage. The end of the log is written
//! and synced again before it counts as durable, since a process may die between a write and its sync. Files that no
//! manifest names are left over from unfinished work and are removed, unless there is damage.

use std::ops::Range;
use std::sync::Arc;

use crate::definition::Definition;
use crate::disk::{Disk, read_all, write_all_at};
use crate::finder::Finder;
use crate::head::Head;
use crate::manifest::{self, Manifest};
use crate::schema::Schema;
use crate::segment::read::Segment;
use crate::wal::replay::{File, Replay};
use crate::{Checkpoint, Damage, Error, Nanos, catalog, checkpoint, segment, wal};

/// What opening found.
pub(crate) struct Found {
    pub(crate) manifest: Manifest,
    pub(crate) schema: Schema,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) finder: Finder,
    pub(crate) head: Head,
    /// Definitions that the log has and the catalog has not.
    pub(crate) definitions: Vec<Definition>,
    pub(crate) last_seq: u64,
    pub(crate) last_arrival: Nanos,
    /// Numbers of the log files, ascending.
    pub(crate) wal_files: Vec<u64>,
    pub(crate) next_file: u64,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) damage: Vec<Damage>,
}

/// Reads everything.
pub(crate) fn open(disk: &Arc<dyn Disk>) -> Result<Found, Error> {
    let names = disk.list().map_err(Error::io("list", "the folder"))?;
    for name in names.iter().filter(|name| name.ends_with(".tmp")) {
        disk.remove(name).map_err(Error::io("remove", name))?;
    }
    let (manifest, mut damage) = match Manifest::read(&**disk)? {
        Some(found) => found,
        None => (first_manifest(&**disk, &names)?, Vec::new()),
    };
    damage.extend(manifest.lost.iter().cloned());

    let mut schema = Schema::new();
    for &(number, bytes) in &manifest.catalogs {
        damage.extend(catalog::read(&**disk, number, bytes, &mut schema)?);
    }
    schema.fill(manifest.table_count, manifest.device_count);

    let mut segments = Vec::new();
    let mut finder = Finder::default();
    for entry in &manifest.segments {
        let records = entry.seqs.0..=entry.seqs.1;
        match Segment::open(disk, entry.number, entry.footer_checksum) {
            Ok(segment) => {
                finder.add(&segment);
                segments.push(Arc::new(segment));
            }
            Err(Error::Damaged(bad)) => damage.push(bad.records(records)),
            Err(error @ Error::Io { .. }) => {
                let name = segment::file_name(entry.number);
                damage.push(Damage::new(&name, 0, error.to_string()).records(records));
            }
            Err(error) => return Err(error),
        }
    }

    let files = read_wal(&**disk, &names, manifest.wal_first)?;
    let wal_is_missing = files.first().map(|file| file.number) != Some(manifest.wal_first);
    if manifest.wal_first > 0 && wal_is_missing {
        let name = wal::file_name(manifest.wal_first);
        damage.push(Damage::new(&name, 0, "the file is missing"));
    }
    let head = Head::default();
    let (next_seq, arrival) = (manifest.flushed_seq + 1, manifest.flushed_arrival);
    let mut replay = Replay::new(&mut schema, &head, next_seq, arrival);
    replay.run(&files)?;
    if let Some((number, tail)) = replay.tail()
        && let Some(file) = files.iter().find(|file| file.number == number)
    {
        make_durable(&**disk, file, tail)?;
    }
    let (last_seq, last_arrival) = (replay.next_seq - 1, replay.last_arrival);
    let definitions = std::mem::take(&mut replay.definitions);
    damage.append(&mut replay.damage);

    let mut state = None;
    if manifest.checkpoint > 0 {
        match checkpoint::read(&**disk, manifest.checkpoint)? {
            Ok(found) => state = Some(found),
            Err(bad) => damage.push(bad),
        }
    }
    if damage.is_empty() {
        remove_leftovers(&**disk, &names, &manifest)?;
    }
    let greatest = names.iter().filter_map(|name| number_of(name)).max();
    Ok(Found {
        next_file: manifest.next_file.max(greatest.map_or(0, |n| n + 1)),
        wal_files: files.iter().map(|file| file.number).collect(),
        manifest,
        schema,
        segments,
        finder,
        head,
        definitions,
        last_seq,
        last_arrival,
        checkpoint: state,
        damage,
    })
}

/// Makes the manifest of an empty store; files without a manifest are damage.
fn first_manifest(disk: &dyn Disk, names: &[String]) -> Result<Manifest, Error> {
    if names.iter().any(|name| number_of(name).is_some()) {
        return Err(Error::damaged(
            manifest::NAME,
            0,
            "the file is missing beside other files of a store",
        ));
    }
    let manifest = Manifest {
        next_file: 1,
        flushed_arrival: Nanos::MIN,
        ..Manifest::default()
    };
    manifest.write(disk, 0)?;
    Ok(manifest)
}

/// Reads the log files needed.
fn read_wal(disk: &dyn Disk, names: &[String], first: u64) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for name in names {
        let number = name.strip_prefix("wal-").and_then(|n| n.parse().ok());
        let Some(number) = number.filter(|number| *number >= first) else {
            continue;
        };
        let file = disk.open(name).map_err(Error::io("open", name))?;
        let bytes = read_all(&*file).map_err(Error::io("read", name))?;
        files.push(File::new(name.clone(), number, bytes));
    }
    disk.sync_dir().map_err(Error::io("sync", "the folder"))?;
    files.sort_by_key(|file| file.number);
    Ok(files)
}

/// Writes a part of a file again as it was read, and syncs it. A sync alone would not do: if one
/// failed before, the system may hold the bytes for written though the disk never got them.
fn make_durable(disk: &dyn Disk, file: &File, part: Range<usize>) -> Result<(), Error> {
    let name = &file.name;
    let open = disk.open(name).map_err(Error::io("open", name))?;
    write_all_at(&*open, &file.bytes[part.clone()], part.start as u64)
        .map_err(Error::io("write", name))?;
    open.sync_data().map_err(Error::io("sync", name))
}

/// The number in the name of a file of a store.
fn number_of(name: &str) -> Option<u64> {
    let (kind, number) = name.rsplit_once('-')?;
    matches!(kind, "wal" | "segment" | "catalog" | "checkpoint")
        .then(|| number.parse().ok())
        .flatten()
}

fn remove_leftovers(disk: &dyn Disk, names: &[String], manifest: &Manifest) -> Result<(), Error> {
    let catalogs = manifest.catalogs.iter();
    let segments = manifest.segments.iter();
    let mut needed: Vec<String> = catalogs.map(|c| catalog::file_name(c.0)).collect();
    needed.extend(segments.map(|s| segment::file_name(s.number)));
    needed.push(checkpoint::file_name(manifest.checkpoint));
    for name in names {
        let is_wal = name.starts_with("wal-");
        let Some(number) = number_of(name) else {
            continue;
        };
        if is_wal && number < manifest.wal_first || !is_wal && !needed.contains(name) {
            disk.remove(name).map_err(Error::io("remove", name))?;
        }
    }
    Ok(())
}
