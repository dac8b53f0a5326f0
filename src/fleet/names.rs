//! Who the simulated machines are: clients, sites, roles with their services, and tonight's updates.

/// Clients, each with the short names of its sites.
pub const CLIENTS: [(&str, &[&str]); 8] = [
    ("Acme", &["ber", "ham"]),
    ("Baker Legal", &["lon"]),
    ("Cedar Clinic", &["osl", "bgo"]),
    ("Delta Logistics", &["rtm", "anr", "lux"]),
    ("Elm School", &["muc"]),
    ("Forge Works", &["lnz", "grz"]),
    ("Harbor Hotel", &["lis"]),
    ("Render GmbH", &["zrh", "bas"]),
];

/// A role of a server: its name, and its services, the one that matters most first.
pub type Role = (&'static str, &'static [&'static str]);

/// Roles of servers.
pub const ROLES: [Role; 8] = [
    ("dc", &["NTDS", "DNS", "Kdc"]),
    ("sql", &["MSSQLSERVER", "SQLSERVERAGENT"]),
    ("file", &["LanmanServer", "DFSR"]),
    ("web", &["W3SVC", "WAS"]),
    ("app", &["OrderService", "MSDTC"]),
    ("rds", &["TermService", "SessionEnv"]),
    ("mail", &["MSExchangeTransport", "MSExchangeIS"]),
    ("backup", &["VeeamBackupSvc", "VSS"]),
];

/// Services that every Windows machine runs.
pub const COMMON_SERVICES: [&str; 2] = ["EventLog", "Winmgmt"];

/// Services of a workstation.
pub const WORKSTATION_SERVICES: &[&str] = &["Spooler", "LanmanWorkstation"];

/// An update: its KB, its title, and whether it takes effect at the next boot only.
pub type Update = (&'static str, &'static str, bool);

/// The cumulative update for servers.
pub const SERVER_UPDATE: Update = (
    "KB5094127",
    "2026-06 Cumulative Update for Microsoft server operating system (KB5094127)",
    true,
);
/// The cumulative update for workstations.
pub const WORKSTATION_UPDATE: Update = (
    "KB5094130",
    "2026-06 Cumulative Update for Windows 11 (KB5094130)",
    true,
);
/// One that needs no reboot.
pub const QUIET_UPDATE: Update = (
    "KB5093998",
    "2026-06 Cumulative Update for .NET Framework (KB5093998)",
    false,
);
