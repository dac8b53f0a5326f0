//! One simulated machine: who it is, how it feels, and the native report it sends now.
//!
//! A report is a function of the machine's plan and the instant, but for the walks of its gauges. Events are told
//! with the first report after they happened; a machine that is down says nothing, and tells the rest when it is back.

use super::fate::{Fate, Plan};
use super::names::COMMON_SERVICES;
use super::random::Random;
use query::value::print_time;
use serde_json::{Map, Value, json};
use storage::{Nanos, SECOND};

/// An agent reports a pending reboot once it has stood for so many seconds: just after an installation it is no news.
const PENDING_AFTER: i64 = 30 * 60;

/// Who a machine is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name, unique in the fleet.
    pub name: String,
    /// Its client.
    pub client: &'static str,
    /// Site, role, class and wave.
    pub labels: [(&'static str, String); 5],
    /// Its services, the one that matters most first.
    pub services: Vec<&'static str>,
}

/// One machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Who it is.
    pub identity: Identity,
    /// How it fares tonight.
    pub fate: Fate,
    /// When.
    pub plan: Plan,
    random: Random,
    uptime_at_start: i64,
    cpu: f64,
    memory: f64,
    disk_free: f64,
    /// Seconds of the night up to which events were told.
    told: i64,
}

impl Machine {
    /// A machine that has been up for some days.
    pub fn new(identity: Identity, fate: Fate, plan: Plan, mut random: Random) -> Machine {
        Machine {
            identity,
            fate,
            plan,
            uptime_at_start: random.between(3, 30) * 86_400 + random.between(0, 86_399),
            cpu: 4.0 + random.fraction() * 18.0,
            memory: 35.0 + random.fraction() * 40.0,
            disk_free: 20e9 + random.fraction() * 100e9,
            random,
            told: i64::MIN,
        }
    }

    /// True when it can report at `at`, seconds of the night.
    pub fn is_up(&self, at: i64) -> bool {
        let down = self.plan.silent_from().is_some_and(|from| at > from);
        self.fate != Fate::Off && (!down || self.plan.boot.is_some_and(|boot| at >= boot))
    }

    /// True when it is about to restart and says so.
    pub fn says_goodbye(&self, at: i64) -> bool {
        self.plan.restart == Some(at)
    }

    /// Its report of this instant, one line of NDJSON; None while it is down. `dawn` is second 0 of the night.
    pub fn report(&mut self, at: i64, dawn: Nanos) -> Option<String> {
        if !self.is_up(at) {
            return None;
        }
        let time = |second: i64| print_time(dawn + second * SECOND);
        let mut report =
            json!({"device": self.identity.name, "time": time(at), "signals": self.signals(at)});
        let labels = self
            .identity
            .labels
            .iter()
            .map(|(name, value)| (name.to_string(), json!(value)));
        let mut labels: Map<String, Value> = labels.collect();
        labels.insert("client".into(), json!(self.identity.client));
        report["labels"] = Value::Object(labels);
        let happened = self.events();
        let news = happened
            .into_iter()
            .filter(|(second, _)| *second > self.told && *second <= at);
        let events: Vec<Value> = news
            .map(|(second, mut event)| {
                event["time"] = json!(time(second));
                event
            })
            .collect();
        self.told = at;
        if !events.is_empty() {
            report["events"] = Value::Array(events);
        }
        Some(report.to_string())
    }

    fn signals(&mut self, at: i64) -> Value {
        let installing = self.plan.update.is_some()
            && at >= self.plan.started
            && at
                < self
                    .plan
                    .installed
                    .or(self.plan.failed)
                    .or(self.plan.restart)
                    .unwrap_or(at);
        self.cpu = self.random.walk(self.cpu, 2.0, 1.0, 35.0);
        self.memory = self.random.walk(self.memory, 0.5, 20.0, 90.0);
        self.disk_free = (self.disk_free - self.random.fraction() * 2e6)
            .max(1e9)
            .round();
        let busy = if installing { 40.0 } else { 0.0 };
        let hundredth = |value: f64| (value * 100.0).round() / 100.0;
        let boot = self.plan.boot.filter(|boot| at >= *boot);
        let uptime = boot.map_or(self.uptime_at_start + at, |boot| at - boot + 20);
        let pending = self.fate == Fate::Waits
            && self
                .plan
                .installed
                .is_some_and(|done| at >= done + PENDING_AFTER);
        let mut services = Map::new();
        for (index, name) in self
            .identity
            .services
            .iter()
            .chain(&COMMON_SERVICES)
            .enumerate()
        {
            let stopped =
                index == 0 && boot.is_some() && self.plan.service.is_none_or(|runs| at < runs);
            let state = if stopped { "stopped" } else { "running" };
            services.insert((*name).into(), json!({"state": state, "start": "auto"}));
        }
        json!({
            "cpu": hundredth(self.cpu + busy),
            "mem": hundredth(self.memory),
            "uptime": uptime,
            "boot_id": format!("{}-{}", self.identity.name, if boot.is_some() { 2 } else { 1 }),
            "pending_reboot": pending,
            "disk": {"C:": {"free": self.disk_free, "size": 128e9}},
            "service": services,
        })
    }

    /// All that happens to it tonight and is told, with its second.
    fn events(&self) -> Vec<(i64, Value)> {
        let plan = &self.plan;
        let mut events = Vec::new();
        if let Some((kb, title, needs_reboot)) = plan.update {
            let patch = |kind: &str| json!({"kind": kind, "kb": kb, "title": title});
            events.push((plan.staged, patch("patch.staged")));
            events.push((plan.started, patch("patch.started")));
            let installed = |at: Option<i64>, reboot: bool| {
                let mut event = patch("patch.installed");
                event["reboot_required"] = json!(reboot);
                at.map(|at| (at, event))
            };
            events.extend(installed(plan.installed, needs_reboot));
            events.extend(installed(plan.installed_late, false));
            if let Some(at) = plan.failed {
                let mut event = patch("patch.failed");
                event["code"] = json!("0x800f0922");
                events.push((at, event));
            }
        }
        if let Some(at) = plan.restart {
            let cause = "Operating System: Service pack (Planned)";
            let event = json!({"kind": "reboot.started", "planned": true, "action": "restart", "cause": cause,
                "by": "NT AUTHORITY\\SYSTEM"});
            events.push((at, event));
        }
        // What stopped it is known once it is back.
        if let Some(at) = plan.crash {
            let cause = "stop error 0x0000009f (driver power state)";
            events.push((
                at,
                json!({"kind": "reboot.started", "planned": false, "cause": cause}),
            ));
        }
        events
    }
}
