//! The one door to files: everything the store reads or writes passes through [`Disk`].
//!
//! A disk is one flat folder of named files. Two things hold for every implementation: written bytes
//! are safe only after [`DiskFile::sync_data`], and a created, renamed or removed name is safe only
//! after [`Disk::sync_dir`]. [`RealDisk`] is a folder, [`SimDisk`] a folder in memory that loses what
//! a real one may lose. Only the store calls this.

use std::fmt;
use std::io;

use crate::Error;

mod real;
mod sim;

pub use real::RealDisk;
pub use sim::{Faults, SimDisk};

/// A folder of files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a new, empty file; fails if the name is taken.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that exists.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// The names of all files, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Gives a file another name, replacing what had it, in one step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals so far durable.
    fn sync_dir(&self) -> io::Result<()>;
}

/// One open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads some bytes at `offset`; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some bytes at `offset`, extending the file as needed.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes the bytes written so far, and the length, durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file, or extends it by zeros.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Reserves space up to `length`, extending the file by zeros, so that later writes below it do
    /// not run out of space.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;
}

/// Reads exactly `buffer.len()` bytes at `offset`; a file that ends before is an error.
pub(crate) fn read_exact_at(
    file: &dyn DiskFile,
    mut buffer: &mut [u8],
    mut offset: u64,
) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a whole file.
pub(crate) fn read_all(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.length()?).map_err(io::Error::other)?];
    read_exact_at(file, &mut bytes, 0)?;
    Ok(bytes)
}

/// Writes all bytes at `offset`, going on after short writes.
pub(crate) fn write_all_at(
    file: &dyn DiskFile,
    mut bytes: &[u8],
    mut offset: u64,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a file with these bytes and syncs it; its name is not durable yet.
pub(crate) fn write_file(disk: &dyn Disk, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let file = disk.create(name).map_err(Error::io("create", name))?;
    let written = file
        .allocate(bytes.len() as u64)
        .and_then(|()| write_all_at(&*file, bytes, 0))
        .map_err(Error::io("write", name))
        .and_then(|()| file.sync_data().map_err(Error::io("sync", name)));
    if written.is_err() {
        // Nothing refers to it; the next start removes it if this cannot.
        let _ = disk.remove(name);
    }
    written
}
