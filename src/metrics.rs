//! The numbers that the server keeps of itself, and the page that shows them.
//!
//! Counters are plain atomics: any thread adds, no thread waits. The page is the
//! Prometheus text format 0.0.4; `GET /metrics` writes it (`http/metrics.rs` says which families).

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A page in the Prometheus text format, written family by family.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    family: String,
}

impl Page {
    /// Begins a family; `kind` is counter, gauge or histogram.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) -> &mut Page {
        self.family = format!("afterboot_{name}");
        let family = &self.family;
        let _ = write!(
            self.text,
            "# HELP {family} {}\n# TYPE {family} {kind}\n",
            escape(help, false)
        );
        self
    }

    /// One sample of the family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Page {
        self.line("", labels, value);
        self
    }

    /// A family with one sample and no labels.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: f64) -> &mut Page {
        self.family(name, kind, help).sample(&[], value)
    }

    /// A family with one histogram in seconds: `counts` by bucket, not cumulated, one more than `bounds`.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) -> &mut Page {
        self.family(name, "histogram", help);
        let mut below = 0;
        for (at, count) in counts.iter().enumerate() {
            below += count;
            let bound = bounds.get(at).map_or("+Inf".to_string(), f64::to_string);
            self.line("_bucket", &[("le", &bound)], below as f64);
        }
        self.line("_sum", &[], sum);
        self.line("_count", &[], below as f64);
        self
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{}{suffix}", self.family);
        for (at, (name, text)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{open}{name}=\"{}\"", escape(text, true));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

fn escape(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes {
        text.replace('"', "\\\"")
    } else {
        text
    }
}

/// What the operating system says of this process; zeros where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// User and system time together.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Open files and sockets.
    pub open_files: u64,
}

impl Process {
    /// Now.
    pub fn read() -> Process {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
        Process {
            open_files,
            ..Process::of_stat(&stat)
        }
    }

    /// Out of the text of `/proc/self/stat` (proc(5)): clock ticks are 1/100 s and pages 4 KiB on every
    /// machine this is built for.
    fn of_stat(stat: &str) -> Process {
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let number = |at: usize| {
            after_name
                .split(' ')
                .nth(at)
                .and_then(|n| n.parse::<u64>().ok())
                .unwrap_or(0)
        };
        Process {
            cpu_seconds: (number(11) + number(12)) as f64 / 100.0,
            resident_bytes: number(21) * 4096,
            open_files: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_the_text_format_says() {
        let mut page = Page::default();
        page.single("devices", "gauge", "Known devices.", 3.0);
        page.family("refused_total", "counter", "By \"reason\"\nand more.")
            .sample(&[("reason", "a \"b\" \\ c"), ("door", "x")], 2.0);
        assert_eq!(
            page.finish(),
            "# HELP afterboot_devices Known devices.\n\
             # TYPE afterboot_devices gauge\n\
             afterboot_devices 3\n\
             # HELP afterboot_refused_total By \"reason\"\\nand more.\n\
             # TYPE afterboot_refused_total counter\n\
             afterboot_refused_total{reason=\"a \\\"b\\\" \\\\ c\",door=\"x\"} 2\n"
        );
    }

    #[test]
    fn buckets_add_up() {
        let mut page = Page::default();
        page.histogram("turn_seconds", "A turn.", &[0.0001, 0.25], &[1, 1, 2], 20.5);
        assert_eq!(
            page.finish(),
            "# HELP afterboot_turn_seconds A turn.\n\
             # TYPE afterboot_turn_seconds histogram\n\
             afterboot_turn_seconds_bucket{le=\"0.0001\"} 1\n\
             afterboot_turn_seconds_bucket{le=\"0.25\"} 2\n\
             afterboot_turn_seconds_bucket{le=\"+Inf\"} 4\n\
             afterboot_turn_seconds_sum 20.5\n\
             afterboot_turn_seconds_count 4\n"
        );
    }

    #[test]
    fn a_process_whose_name_has_spaces_and_brackets() {
        let stat =
            "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 1000 900000 512 1 1 1";
        let expected = Process {
            cpu_seconds: 2.0,
            resident_bytes: 512 * 4096,
            open_files: 0,
        };
        assert_eq!(Process::of_stat(stat), expected);
        assert_eq!(Process::of_stat(""), Process::default());
    }
}
