//! Line protocol of hosts that report 18 fields a minute, as an agent sends them: for the benchmarks.
//!
//! Ten CPU percentages that wander with two decimals, memory, free disk, uptime, a flag, and four service states that
//! hardly ever change: what compresses well and what does not, in the shares of a real fleet.

use super::random::Random;
use std::fmt::Write;
use storage::{Nanos, SECOND};

/// Fields of a host's report.
pub const FIELDS: usize = 18;

const CPU_FIELDS: [&str; 10] = [
    "user",
    "system",
    "idle",
    "nice",
    "iowait",
    "irq",
    "softirq",
    "steal",
    "guest",
    "guest_nice",
];
const SERVICES: [&str; 4] = ["EventLog", "MSSQLSERVER", "Spooler", "W3SVC"];

/// A fleet of hosts.
pub struct Hosts {
    hosts: Vec<Host>,
    names: &'static str,
    first: usize,
}

struct Host {
    cpu: [f64; CPU_FIELDS.len()],
    memory: f64,
    disk_free: f64,
    booted: Nanos,
    random: Random,
}

impl Hosts {
    /// So many hosts, called `names-00000` and so on, up since some days before `start`.
    pub fn new(count: usize, names: &'static str, seed: u64, start: Nanos) -> Hosts {
        let host = |index| {
            let mut random = Random::of(seed, index as u64);
            Host {
                cpu: std::array::from_fn(|_| random.fraction() * 40.0),
                memory: 30.0 + random.fraction() * 40.0,
                disk_free: (20e9 + random.fraction() * 100e9).round(),
                booted: start - random.between(2, 40) * 86_400 * SECOND,
                random,
            }
        };
        Hosts {
            hosts: (0..count).map(host).collect(),
            names,
            first: 0,
        }
    }

    /// The same, with names that count from `first`.
    pub fn numbered_from(self, first: usize) -> Hosts {
        Hosts { first, ..self }
    }

    /// One body: every host's report of this instant, in nanoseconds. Gives the number of samples.
    pub fn body(&mut self, time: Nanos, body: &mut String) -> usize {
        body.clear();
        for (index, host) in self.hosts.iter_mut().enumerate() {
            host.write(self.names, self.first + index, time, body);
        }
        self.hosts.len() * FIELDS
    }
}

impl Host {
    fn write(&mut self, names: &str, index: usize, time: Nanos, body: &mut String) {
        let random = &mut self.random;
        for value in &mut self.cpu {
            *value = random.walk(*value, 1.5, 0.0, 100.0);
        }
        self.memory = random.walk(self.memory, 0.3, 5.0, 98.0);
        self.disk_free = (self.disk_free - random.fraction() * 2e6).max(1e9).round();
        let tags = format!(
            "host={names}-{index:05},client=client-{:02},role=server",
            index % 50
        );
        let uptime = (time - self.booted) / SECOND;
        let _ = write!(body, "cpu,{tags} ");
        for (at, (field, value)) in CPU_FIELDS.iter().zip(&self.cpu).enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(body, "{comma}{field}={value:.2}");
        }
        let _ = writeln!(body, " {time}");
        let _ = writeln!(
            body,
            "device,{tags} uptime={uptime}i,pending_reboot=false,mem={:.2} {time}",
            self.memory
        );
        let _ = writeln!(body, "disk,{tags},mount=/ free={}i {time}", self.disk_free);
        for service in SERVICES {
            let _ = writeln!(
                body,
                "service,{tags},name={service} state=\"running\" {time}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::line::{self, LineSettings, Precision};

    #[test]
    fn every_field_of_every_host_is_read() {
        let mut hosts = Hosts::new(3, "h", 1, 0);
        let mut body = String::new();
        assert_eq!(hosts.body(60 * SECOND, &mut body), 54);
        let read = line::decode(
            body.as_bytes(),
            Precision::Nanosecond,
            &LineSettings::default(),
        )
        .expect("a body");
        assert_eq!((read.accepted, read.refused), (21, 0), "{:?}", read.errors);
        let fields = |report: &crate::report::Report| {
            let groups = report.signals.iter();
            groups.map(|group| group.fields.len()).sum::<usize>()
        };
        let fields: Vec<usize> = read.reports.iter().map(fields).collect();
        assert_eq!(fields, [FIELDS; 3]);
    }
}
