//! The file systems of a machine.

/// One file system.
#[derive(Clone, Debug, PartialEq)]
pub struct Disk {
    /// What is mounted.
    pub device: String,
    /// Where.
    pub mount: String,
    /// Bytes in all.
    pub size: u64,
    /// Bytes that a user may still write.
    pub free: u64,
}

/// The file systems that hold data of this machine: each device once, at its shortest mount point.
pub(super) fn own_disks(mut disks: Vec<Disk>) -> Vec<Disk> {
    disks.retain(|disk| disk.size > 0 && !disk.mount.is_empty());
    disks.sort_by(|a, b| (a.mount.len(), &a.mount).cmp(&(b.mount.len(), &b.mount)));
    let mut kept: Vec<Disk> = Vec::new();
    for disk in disks {
        let again = |other: &Disk| other.device == disk.device || other.mount == disk.mount;
        if !kept.iter().any(again) {
            kept.push(disk);
        }
    }
    kept
}

/// File systems in memory, on the net or made of others; asking them may hang or says nothing.
const FOREIGN: [&str; 10] = [
    "tmpfs",
    "ramfs",
    "overlay",
    "efivarfs",
    "nsfs",
    "fuse.lxcfs",
    "nfs",
    "nfs4",
    "cifs",
    "ceph",
];

/// The disks of this machine that may be asked.
pub(super) fn mounted() -> Vec<Disk> {
    let kinds = sysinfo::DiskRefreshKind::nothing().with_storage();
    let Ok(disks) = sysinfo::Disks::new_with_refreshed_list_specifics(kinds) else {
        return Vec::new();
    };
    let disks = disks.iter();
    let disks = disks.filter(|disk| {
        let kind = disk.file_system().to_string_lossy();
        let root = disk.mount_point() == std::path::Path::new("/");
        root || !(FOREIGN.contains(&&*kind) || kind.starts_with("fuse"))
    });
    let text = |os: &std::ffi::OsStr| os.to_string_lossy().into_owned();
    disks
        .map(|disk| Disk {
            device: text(disk.name()),
            mount: text(disk.mount_point().as_os_str()),
            size: disk.total_space(),
            free: disk.available_space(),
        })
        .collect()
}
