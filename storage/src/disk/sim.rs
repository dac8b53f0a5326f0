//! A folder in memory that can lose what a real one may lose.
//!
//! After [`SimDisk::crash`] the disk holds what was synced, plus any part of what was not: every
//! 512-byte sector of every unsynced write, every cut or extension and every unsynced name is kept or
//! lost by itself. Each disk draws from its own seed, so a failing run is repeated by its seed. Tests
//! call it, and replays use [`SimDisk::memory`].

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::content::{Change, Random, SimContent, put};
use super::{Disk, DiskFile};

mod content;

/// What goes wrong, and when. Steps count operations that change the disk: creating, writing,
/// syncing, cutting, allocating, renaming, removing and syncing the folder.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// From this step on the power is off: every operation fails.
    pub crash_at: Option<u64>,
    /// This step fails with an input/output error.
    pub eio_at: Option<u64>,
    /// This step, if it needs space, fails for want of it.
    pub enospc_at: Option<u64>,
    /// This read fails with an input/output error; reads count by themselves.
    pub read_eio_at: Option<u64>,
    /// The folder holds no more than this.
    pub capacity_bytes: Option<u64>,
    /// Writes and reads often stop half way.
    pub short: bool,
}

/// A folder in memory. Clones are handles to the same folder.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: Random,
    faults: Faults,
    steps: u64,
    reads: u64,
    /// Whether losses are kept track of.
    lossy: bool,
    names: BTreeMap<String, usize>,
    names_durable: BTreeMap<String, usize>,
    names_pending: Vec<NameChange>,
    files: Vec<SimContent>,
}

#[derive(Clone, Debug)]
struct NameChange {
    remove: Option<String>,
    add: Option<(String, usize)>,
}

impl SimDisk {
    /// An empty folder whose losses follow from `seed`.
    pub fn new(seed: u64) -> SimDisk {
        SimDisk::with(seed, true)
    }

    /// An empty folder that only remembers: fast, and a crash loses nothing.
    pub fn memory() -> SimDisk {
        SimDisk::with(0, false)
    }

    fn with(seed: u64, lossy: bool) -> SimDisk {
        SimDisk {
            state: Arc::new(Mutex::new(State {
                random: Random(seed),
                faults: Faults::default(),
                steps: 0,
                reads: 0,
                lossy,
                names: BTreeMap::new(),
                names_durable: BTreeMap::new(),
                names_pending: Vec::new(),
                files: Vec::new(),
            })),
        }
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// How many changing operations were made so far.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// How many reads were made so far.
    pub fn reads(&self) -> u64 {
        self.lock().reads
    }

    /// The folder as found after power loss, without faults; this one is not changed.
    pub fn crash(&self) -> SimDisk {
        let mut state = self.lock();
        let seed = state.random.next();
        if !state.lossy {
            let after = SimDisk::with(seed, false);
            {
                let mut new = after.lock();
                new.names = state.names.clone();
                new.files = state.files.clone();
            }
            return after;
        }
        let mut names = state.names_durable.clone();
        for change in state.names_pending.clone() {
            if state.random.coin() {
                change.apply(&mut names);
            }
        }
        let mut files = Vec::new();
        for index in 0..state.files.len() {
            let content = state.files[index].clone();
            let found = content.after_loss(&mut state.random);
            files.push(SimContent {
                allocated: found.len() as u64,
                live: found.clone(),
                durable: found,
                pending: Vec::new(),
            });
        }
        let after = SimDisk::with(seed, true);
        {
            let mut new = after.lock();
            new.names = names.clone();
            new.names_durable = names;
            new.files = files;
        }
        after
    }

    /// The bytes of a file, for tests that look at or damage them.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        state
            .names
            .get(name)
            .map(|&file| state.files[file].live.clone())
    }

    /// Replaces the bytes of a file, durably: what a bad disk may do at any time.
    pub fn set_bytes(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.lock();
        if let Some(&file) = state.names.get(name) {
            state.files[file] = SimContent {
                allocated: bytes.len() as u64,
                live: bytes.clone(),
                durable: bytes,
                pending: Vec::new(),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(SimFile {
            disk: self.clone(),
            file,
        })
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(name) = &self.remove {
            names.remove(name);
        }
        if let Some((name, file)) = &self.add {
            names.insert(name.clone(), *file);
        }
    }
}

impl State {
    /// Counts a changing operation and lets it fail if it is time.
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        if self.power_off() {
            return Err(io::Error::other("the power is off"));
        }
        if self.faults.eio_at == Some(self.steps) {
            return Err(io::Error::other("input/output error"));
        }
        Ok(())
    }

    fn power_off(&self) -> bool {
        self.faults.crash_at.is_some_and(|at| self.steps >= at)
    }

    fn need(&self, file: usize, length: u64) -> io::Result<()> {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let has = self.files[file].allocated;
        if length <= has {
            return Ok(());
        }
        if self.faults.enospc_at == Some(self.steps) {
            return Err(full());
        }
        if let Some(capacity) = self.faults.capacity_bytes {
            let used: u64 = self
                .names
                .values()
                .map(|&file| self.files[file].allocated)
                .sum();
            if used + length - has > capacity {
                return Err(full());
            }
        }
        Ok(())
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        if self.lossy {
            self.names_pending.push(change);
        }
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.step()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(SimContent::default());
        state.change_names(NameChange {
            remove: None,
            add: Some((name.to_owned(), file)),
        });
        Ok(self.file(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let state = self.lock();
        let file = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.step()?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.change_names(NameChange {
            remove: Some(from.to_owned()),
            add: Some((to.to_owned(), file)),
        });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.step()?;
        if !state.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_names(NameChange {
            remove: Some(name.to_owned()),
            add: None,
        });
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.lock();
        let result = state.step();
        if state.power_off() {
            return result;
        }
        let pending = std::mem::take(&mut state.names_pending);
        result?;
        if state.lossy {
            for change in pending {
                change.apply(&mut state.names_durable);
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.lock();
        state.reads += 1;
        if state.faults.read_eio_at == Some(state.reads) {
            return Err(io::Error::other("input/output error"));
        }
        let mut wanted = buffer.len();
        if state.faults.short && wanted > 1 && state.random.coin() {
            wanted = 1 + state.random.below(wanted as u64 - 1) as usize;
        }
        let live = &state.files[self.file].live;
        let from = (offset as usize).min(live.len());
        let to = (from + wanted).min(live.len());
        buffer[..to - from].copy_from_slice(&live[from..to]);
        Ok(to - from)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.lock();
        state.step()?;
        let mut some = bytes.len();
        if state.faults.short && some > 1 && state.random.coin() {
            some = 1 + state.random.below(some as u64 - 1) as usize;
        }
        let end = offset + some as u64;
        state.need(self.file, end)?;
        let lossy = state.lossy;
        let content = &mut state.files[self.file];
        content.allocated = content.allocated.max(end);
        put(&mut content.live, offset, &bytes[..some]);
        if lossy {
            content
                .pending
                .push(Change::Write(offset, bytes[..some].to_vec()));
        }
        Ok(some)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let result = state.step();
        if state.power_off() {
            return result;
        }
        // As in Linux: a failed sync forgets that the pages were never written, so that a second
        // try would succeed without making them durable.
        let pending = std::mem::take(&mut state.files[self.file].pending);
        result?;
        let content = &mut state.files[self.file];
        for change in pending {
            match change {
                Change::Write(offset, bytes) => put(&mut content.durable, offset, &bytes),
                Change::Length(length) => content.durable.resize(length as usize, 0),
            }
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.step()?;
        let lossy = state.lossy;
        let content = &mut state.files[self.file];
        content.live.resize(length as usize, 0);
        content.allocated = content.allocated.min(length);
        if lossy {
            content.pending.push(Change::Length(length));
        }
        Ok(())
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.step()?;
        state.need(self.file, length)?;
        let lossy = state.lossy;
        let content = &mut state.files[self.file];
        if content.live.len() < length as usize {
            content.allocated = length;
            content.live.resize(length as usize, 0);
            if lossy {
                content.pending.push(Change::Length(length));
            }
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.file].live.len() as u64)
    }
}
