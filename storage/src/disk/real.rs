//! A folder of the machine's file system, held by one process at a time.
//!
//! The lock lies on the file `lock` and ends with the process, however it ends. Called through
//! [`Disk`] alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Disk, DiskFile};
use crate::Error;

/// The name of the lock file; never listed.
const LOCK: &str = "lock";

/// A real folder.
#[derive(Debug)]
pub struct RealDisk {
    folder: PathBuf,
    directory: File,
    _lock: File,
}

impl RealDisk {
    /// Opens the folder, creating it and its parents if needed, and locks it for this process.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it; [`Error::Io`] if it cannot be made or opened.
    pub fn new(folder: impl AsRef<Path>) -> Result<RealDisk, Error> {
        let folder = folder.as_ref().to_path_buf();
        let shown = folder.display().to_string();
        let io = |action| Error::io(action, &shown);
        if !folder.exists() {
            std::fs::create_dir_all(&folder).map_err(io("create folder"))?;
            if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
                File::open(parent)
                    .and_then(|parent| parent.sync_all())
                    .map_err(io("sync parent of"))?;
            }
        }
        let directory = File::open(&folder).map_err(io("open folder"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK))
            .map_err(io("lock folder"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { folder: shown }),
            Err(TryLockError::Error(error)) => return Err(io("lock folder")(error)),
        }
        Ok(RealDisk {
            folder,
            directory,
            _lock: lock,
        })
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.folder.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.folder.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && name != LOCK
                && entry.file_type()?.is_file()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.directory.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(&self.0, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    #[cfg(target_os = "linux")]
    fn allocate(&self, length: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        match fallocate(&self.0, FallocateFlags::empty(), 0, length) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP) => fill_with_zeros(&self.0, length),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn allocate(&self, length: u64) -> io::Result<()> {
        fill_with_zeros(&self.0, length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// Reserves space where the file system has no call for it.
fn fill_with_zeros(file: &File, length: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut end = file.metadata()?.len();
    while end < length {
        let some = (length - end).min(ZEROS.len() as u64) as usize;
        file.write_all_at(&ZEROS[..some], end)?;
        end += some as u64;
    }
    Ok(())
}
