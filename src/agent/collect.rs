//! What this machine is like now, as one native report.
//!
//! [`Collector::collect`] reads `/proc` and friends under its roots; what cannot be read is left out
//! of the report. Cpu is the share of the time since the previous call, so the first one has none.

use super::disks::{Disk, mounted, own_disks};
use super::reboot;
use super::roots::{Roots, exists, read};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use storage::{Nanos, SECOND};

/// What the report says about the machine beyond what is measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// Name of the device; None: the host name.
    pub device: Option<String>,
    /// Labels; these win over those found.
    pub labels: Vec<(String, String)>,
    /// Seconds between reports.
    pub interval: f64,
}

/// Reads the machine; keeps what the next report compares with.
pub struct Collector {
    roots: Roots,
    disks: Box<dyn FnMut() -> Vec<Disk> + Send>,
    cpu: Option<CpuTimes>,
}

/// Time since the boot, in ticks.
#[derive(Clone, Copy)]
struct CpuTimes {
    all: u64,
    idle: u64,
}

#[derive(Serialize)]
struct Document {
    device: String,
    labels: BTreeMap<String, String>,
    interval: f64,
    time: String,
    signals: Map<String, Value>,
}

impl Collector {
    /// A collector of this machine.
    pub fn new() -> Collector {
        Collector::of(Roots::default(), Box::new(mounted))
    }

    /// A collector of the machine whose files are under `roots` and whose disks `disks` lists.
    pub fn of(roots: Roots, disks: Box<dyn FnMut() -> Vec<Disk> + Send>) -> Collector {
        Collector {
            roots,
            disks,
            cpu: None,
        }
    }

    /// Starts measuring the cpu.
    pub fn start(&mut self) {
        self.cpu = self.cpu_times();
    }

    /// The report at `now`, as one line of JSON.
    pub fn collect(&mut self, now: Nanos, identity: &Identity) -> String {
        let mut labels = found_labels(&self.roots);
        labels.extend(identity.labels.iter().cloned());
        let document = Document {
            device: identity.device.clone().unwrap_or_else(|| self.host_name()),
            labels,
            interval: identity.interval,
            time: rfc3339(now),
            signals: self.signals(),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }

    fn host_name(&self) -> String {
        let name = read(self.roots.proc.join("sys/kernel/hostname"));
        name.or_else(|| read(self.roots.etc.join("hostname")))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "localhost".to_owned())
    }

    fn signals(&mut self) -> Map<String, Value> {
        let mut signals = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                signals.insert(name.to_owned(), value);
            }
        };
        put("cpu", self.cpu_percent().map(Value::from));
        put("mem", self.memory_percent().map(Value::from));
        let first = |file: &str| {
            let text = read(self.roots.proc.join(file))?;
            text.split_whitespace().next()?.parse::<f64>().ok()
        };
        put("load", first("loadavg").map(Value::from));
        put("uptime", first("uptime").map(Value::from));
        let boot_id = read(self.roots.proc.join("sys/kernel/random/boot_id"));
        put("boot_id", boot_id.map(Value::from));
        let reason = reboot::reason(&self.roots);
        put("pending_reboot", Some(Value::from(reason.is_some())));
        // An empty text takes the place of the reason that was.
        put(
            "pending_reboot_reason",
            Some(Value::from(reason.unwrap_or_default())),
        );
        let disks = own_disks((self.disks)());
        if !disks.is_empty() {
            let disks: Map<String, Value> = disks
                .into_iter()
                .map(|disk| {
                    let used = disk.size.saturating_sub(disk.free);
                    let fields = json!({"size": disk.size, "free": disk.free, "used": used});
                    (disk.mount, fields)
                })
                .collect();
            signals.insert("disk".to_owned(), Value::Object(disks));
        }
        signals
    }

    fn cpu_times(&self) -> Option<CpuTimes> {
        let stat = read(self.roots.proc.join("stat"))?;
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        // user nice system idle iowait irq softirq steal; guest times are part of user and nice.
        let times: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map_while(|ticks| ticks.parse().ok())
            .collect();
        Some(CpuTimes {
            all: times.iter().sum(),
            idle: times.get(3)? + times.get(4).copied().unwrap_or(0),
        })
    }

    fn cpu_percent(&mut self) -> Option<f64> {
        let now = self.cpu_times()?;
        let before = self.cpu.replace(now)?;
        let all = now.all.checked_sub(before.all).filter(|all| *all > 0)?;
        // Waiting for a disk may be counted back.
        let idle = now.idle.saturating_sub(before.idle).min(all);
        Some(hundredths(100.0 * (all - idle) as f64 / all as f64))
    }

    fn memory_percent(&self) -> Option<f64> {
        let text = read(self.roots.proc.join("meminfo"))?;
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let total = of("MemTotal:").filter(|total| *total > 0.0)?;
        let available = of("MemAvailable:").or_else(|| of("MemFree:"))?;
        Some(hundredths((100.0 * (1.0 - available / total)).max(0.0)))
    }
}

impl Default for Collector {
    fn default() -> Collector {
        Collector::new()
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn rfc3339(time: Nanos) -> String {
    // Whole milliseconds: more would only be noise to keep.
    let millisecond = time.div_euclid(SECOND / 1000);
    jiff::Timestamp::from_millisecond(millisecond).map_or_else(|_| String::new(), |t| t.to_string())
}

/// Labels that the machine itself shows: `os` and `class`.
fn found_labels(roots: &Roots) -> BTreeMap<String, String> {
    let release = read(roots.etc.join("os-release")).unwrap_or_default();
    let of = |name: &str| {
        let line = release.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key == name).then_some(value)
        });
        line.map(|value| value.trim_matches(['"', '\'']).to_owned())
    };
    let os = match (of("ID"), of("VERSION_ID")) {
        (Some(id), Some(version)) => format!("{id} {version}"),
        (Some(id), None) => id,
        (None, _) => "linux".to_owned(),
    };
    // SMBIOS chassis types of machines that people carry about.
    let chassis = read(roots.sys.join("class/dmi/id/chassis_type"));
    let portable = matches!(
        chassis.as_deref(),
        Some("8" | "9" | "10" | "14" | "30" | "31" | "32")
    );
    let battery = exists(roots.sys.join("class/power_supply/BAT0"));
    let workstation = of("VARIANT_ID").as_deref() == Some("workstation") || portable || battery;
    let class = if workstation { "workstation" } else { "server" };
    [("os", os), ("class", class.to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tests::machine;
    use crate::ingest::native::{self, Mode};
    use crate::ingest::tests::print_report;
    use crate::report::Line;

    fn print(line: &str) -> String {
        match &native::decode(line.as_bytes(), None, Mode::Live).unwrap()[0] {
            Line::Report(report) => print_report(report),
            other => panic!("{other:?}"),
        }
    }

    fn disk(device: &str, mount: &str, size: u64, free: u64) -> Disk {
        Disk {
            device: device.into(),
            mount: mount.into(),
            size,
            free,
        }
    }

    const FILES: [(&str, &str); 8] = [
        (
            "proc/stat",
            "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3\n",
        ),
        (
            "proc/meminfo",
            "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    750 kB\n",
        ),
        ("proc/loadavg", "0.52 0.4 0.3 1/2 3\n"),
        ("proc/uptime", "2825.82 4238.30\n"),
        ("proc/sys/kernel/hostname", "web-1\n"),
        ("proc/sys/kernel/random/boot_id", "65f32f54-de44\n"),
        (
            "etc/os-release",
            "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n",
        ),
        ("sys/class/dmi/id/chassis_type", "23\n"),
    ];

    #[test]
    fn a_whole_machine() {
        let (folder, roots) = machine(&FILES);
        let disks = vec![
            disk("/dev/sda1", "/var/lib/docker/bind", 100, 40),
            disk("/dev/sda1", "/", 100, 40),
            disk("/dev/sdb", "/data", 50, 60),
            disk("none", "/empty", 0, 0),
        ];
        let mut collector = Collector::of(roots, Box::new(move || disks.clone()));
        let identity = Identity {
            labels: vec![
                ("client".into(), "Acme".into()),
                ("class".into(), "kiosk".into()),
            ],
            interval: 60.0,
            ..Identity::default()
        };
        let line = collector.collect(1_000_000_000, &identity);
        assert!(
            !line.contains("\"cpu\""),
            "one look at the counters is no measure: {line}"
        );
        std::fs::write(
            folder.path().join("proc/stat"),
            "cpu  150 0 150 850 100 0 0 50 0 0\n",
        )
        .unwrap();
        assert_eq!(
            print(&collector.collect(61_234_567_890, &identity)),
            r#"1: Acme/web-1 class="kiosk" os="debian 12" every 60s at 61.234s | device cpu=50 mem=25 load=0.52 uptime=2825.82 boot_id="65f32f54-de44" pending_reboot=false pending_reboot_reason="" | disk["/"] size=100 free=40 used=60 | disk["/data"] size=50 free=60 used=0"#
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let (_folder, roots) = machine(&[("run/reboot-required", "")]);
        let mut collector = Collector::of(roots, Box::new(Vec::new));
        let identity = Identity {
            device: Some("named".into()),
            interval: 10.0,
            ..Identity::default()
        };
        assert_eq!(
            print(&collector.collect(0, &identity)),
            r#"1: named class="server" os="linux" every 10s at 0s | device pending_reboot=true pending_reboot_reason="/run/reboot-required""#
        );
    }

    fn class(files: &[(&str, &str)], expected: &str) {
        let (_folder, roots) = machine(files);
        assert_eq!(found_labels(&roots)["class"], expected, "{files:?}");
    }

    #[test]
    fn workstations() {
        class(&[("sys/class/dmi/id/chassis_type", "10")], "workstation");
        class(
            &[("etc/os-release", "ID=fedora\nVARIANT_ID=workstation")],
            "workstation",
        );
        class(
            &[("sys/class/power_supply/BAT0/type", "Battery")],
            "workstation",
        );
        class(
            &[("etc/os-release", "ID=fedora\nVARIANT_ID=server")],
            "server",
        );
    }

    #[test]
    fn this_machine_reports_itself() {
        let mut collector = Collector::new();
        collector.start();
        let identity = Identity {
            interval: 60.0,
            ..Identity::default()
        };
        let printed = print(&collector.collect(0, &identity));
        for part in ["mem=", "uptime=", "boot_id=", "pending_reboot="] {
            assert!(printed.contains(part), "{part} in {printed}");
        }
    }
}
