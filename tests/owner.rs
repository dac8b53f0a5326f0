//! The owner thread and the outbox: acknowledged after the sync, released in order, delivered once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use afterboot::clock::{Clock, ManualClock};
use afterboot::core::Refusal;
use afterboot::outbox::{self, Policy, Webhook, WebhookSettings};
use afterboot::owner::{self, Health, OwnerHandle};
use common::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use storage::{Nanos, SimDisk, disk::Faults};

fn start(disk: &SimDisk, now: Nanos) -> (OwnerHandle, Arc<ManualClock>) {
    let opened = open_on(disk, now);
    let clock = Arc::new(ManualClock::new(now));
    let handle = owner::start(
        opened.core,
        &opened.released,
        clock.clone(),
        owner::Options::default(),
    )
    .unwrap();
    (handle, clock)
}

fn stop(handle: &OwnerHandle) {
    handle.shutdown().unwrap().blocking_recv().unwrap().unwrap();
}

const PENDING: &str = r#"{"device":"a","signals":{"pending_reboot":true}}"#;

#[test]
fn bodies_are_answered_views_published_and_decisions_released() {
    let disk = SimDisk::new(1);
    let (handle, clock) = start(&disk, minute(0));
    let mut subscription = handle.subscribe(None);
    clock.set(minute(0) + storage::SECOND);
    let receipt = handle
        .submit(native(PENDING))
        .unwrap()
        .blocking_recv()
        .unwrap()
        .unwrap();
    assert_eq!((receipt.reports, receipt.samples), (1, 1));
    assert!(
        handle.snapshot().seq() >= 2,
        "the view holds what was acknowledged"
    );
    let first = subscription.live.blocking_recv().unwrap();
    assert_eq!(first.rule, "pending");
    assert_eq!(handle.subscribe(Some(0)).backlog, [first]);
    assert!(!handle.subscribe(Some(0)).gap);
    assert_eq!(handle.metrics().reports, 1);
    assert_eq!(
        handle.metrics().turn_buckets.iter().sum::<u64>(),
        handle.metrics().turns
    );
    stop(&handle);
    assert_eq!(handle.health(), Health::Stopping);
    assert_eq!(
        handle.submit(native(PENDING)).err(),
        Some(Refusal::Stopping)
    );
    let opened = open_on(&disk, minute(1));
    assert_eq!(reports(&opened.core), 1);
}

#[test]
fn after_a_failed_sync_every_answer_is_a_refusal() {
    let disk = SimDisk::new(2);
    let (handle, _clock) = start(&disk, minute(0));
    handle
        .submit(native(r#"{"device":"a"}"#))
        .unwrap()
        .blocking_recv()
        .unwrap()
        .unwrap();
    disk.set_faults(Faults {
        eio_at: Some(disk.steps() + 1),
        ..Faults::default()
    });
    // Either the write or the sync of one of these turns fails; none after it succeeds.
    let mut failed = false;
    for _ in 0..4 {
        let answer = match handle.submit(native(PENDING)) {
            Ok(answer) => answer.blocking_recv().unwrap().map(|_| ()),
            Err(refusal) => Err(refusal),
        };
        assert!(
            !(failed && answer.is_ok()),
            "acknowledged after a failed sync"
        );
        failed |= matches!(answer, Err(Refusal::Failed(_)));
    }
    assert!(failed);
    assert!(matches!(handle.health(), Health::Failed(_)));
    assert_eq!(handle.metrics().commit_failures, 1);
}

#[test]
fn a_suspended_server_knows_that_it_did_not_listen() {
    let disk = SimDisk::new(4);
    let (handle, clock) = start(&disk, minute(0));
    let report = |handle: &OwnerHandle| {
        let answer = handle.submit(native(r#"{"device":"a"}"#)).unwrap();
        answer.blocking_recv().unwrap().unwrap();
    };
    report(&handle);
    clock.set(minute(60));
    report(&handle);
    stop(&handle);
    let opened = open_on(&disk, minute(60));
    let marks = rows(&opened.core, storage::TableKind::System, "listening");
    let marks: Vec<_> = marks
        .iter()
        .map(|(at, row)| {
            (
                (at - minute(0)) / 60 / storage::SECOND,
                row.cells[0].1.clone(),
            )
        })
        .collect();
    let mark = |minutes: i64, listening: bool| (minutes, storage::Value::Bool(listening));
    // Suspended; then the shutdown and the start after it.
    assert_eq!(
        marks,
        [
            mark(0, false),
            mark(60, true),
            mark(60, false),
            mark(60, true)
        ]
    );
}

/// A target that gives these answers, one a request, and passes on head and body of each.
fn target(answers: &'static [&'static str]) -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(
                reader.get_mut(),
                "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
            sender
                .send((head, String::from_utf8(body).unwrap()))
                .unwrap();
        }
    });
    (url, receiver)
}

fn id(head: &str) -> &str {
    head.lines()
        .find_map(|line| line.strip_prefix("webhook-id: "))
        .unwrap()
}

#[test]
fn a_notification_is_tried_until_taken_and_never_again() {
    let disk = SimDisk::new(3);
    let (handle, clock) = start(&disk, minute(0));
    handle
        .submit(native(PENDING))
        .unwrap()
        .blocking_recv()
        .unwrap()
        .unwrap();
    let (url, requests) = target(&["500 Oops", "200 OK"]);
    let settings = |url: &str| WebhookSettings {
        name: "webhook".into(),
        url: url.into(),
        link_base: "http://here/".into(),
        timeout: Duration::from_secs(10),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (stopper, stopped) = tokio::sync::watch::channel(false);
    let policy = Policy {
        pause_first: 0,
        ..Policy::default()
    };
    let webhook = Webhook::new(settings(&url)).unwrap();
    let clock: Arc<dyn Clock> = clock;
    let task = runtime.spawn(outbox::run(
        handle.clone(),
        webhook,
        policy.clone(),
        clock.clone(),
        1,
        stopped,
    ));
    let (first_head, body) = requests.recv().unwrap();
    let (second_head, again) = requests.recv().unwrap();
    assert_eq!(id(&first_head), id(&second_head));
    assert_eq!(body, again);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["state"], "firing");
    assert_eq!(body["link"], "http://here/api/v1/alerts/1/why");
    let mut pending = handle.pending();
    runtime
        .block_on(pending.wait_for(|open| open.is_empty()))
        .unwrap();
    stopper.send_replace(true);
    runtime.block_on(task).unwrap();
    stop(&handle);
    let opened = open_on(&disk, minute(1));
    assert_eq!(opened.core.pending().count(), 0);
    let status = column(
        &opened.core,
        storage::TableKind::System,
        "delivery",
        "status",
    );
    let word = |word: &str| storage::Value::Text(word.into());
    assert_eq!(status, [word("retry"), word("delivered")]);
}

#[test]
fn an_url_that_cannot_be_one_is_refused() {
    for url in ["", "example.com/hook", "ftp://example.com/", "http://"] {
        let settings = WebhookSettings {
            name: "webhook".into(),
            url: url.into(),
            link_base: String::new(),
            timeout: Duration::from_secs(1),
        };
        assert!(Webhook::new(settings).is_err(), "{url}");
    }
}

#[test]
fn a_delivery_that_finds_no_room_for_its_row_does_not_keep_the_server_from_ending() {
    let disk = SimDisk::new(4);
    let (handle, _clock) = start(&disk, minute(0));
    let answer = handle.submit(native(PENDING)).unwrap();
    answer.blocking_recv().unwrap().unwrap();
    stop(&handle);
    disk.set_faults(Faults {
        capacity_bytes: Some(0),
        ..Faults::default()
    });
    let (handle, clock) = start(&disk, minute(1));
    let (url, requests) = target(&["200 OK"]);
    let webhook = Webhook::new(WebhookSettings {
        name: "webhook".into(),
        url,
        link_base: "http://here/".into(),
        timeout: Duration::from_secs(10),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (stopper, stopped) = tokio::sync::watch::channel(false);
    let policy = Policy::default();
    let task = outbox::run(handle.clone(), webhook.unwrap(), policy, clock, 1, stopped);
    let task = runtime.spawn(task);
    requests.recv().unwrap();
    stopper.send_replace(true);
    let ended = async { tokio::time::timeout(Duration::from_secs(20), task).await };
    assert!(runtime.block_on(ended).is_ok(), "it tries for ever");
    assert_eq!(
        handle.pending().borrow().len(),
        1,
        "the next start sends it"
    );
}

#[test]
fn a_full_queue_is_marked_once_a_second() {
    let disk = SimDisk::memory();
    let clock = Arc::new(ManualClock::new(minute(0)));
    let opened = open_on(&disk, minute(0));
    let options = owner::Options {
        queue_bytes_max: 1,
        ..owner::Options::default()
    };
    let handle = owner::start(opened.core, &[], clock.clone(), options).unwrap();
    // Each round is a turn of its own, and most have a refusal.
    let mut refused = 0;
    while refused < 50 {
        let first = handle.submit(native(PENDING)).unwrap();
        let second = handle.submit(native(PENDING));
        first.blocking_recv().unwrap().unwrap();
        match second {
            Ok(answer) => drop(answer.blocking_recv().unwrap().unwrap()),
            Err(_) => refused += 1,
        }
    }
    clock.set(minute(1));
    stop(&handle);
    let opened = open_on(&disk, minute(2));
    let marks = rows(&opened.core, storage::TableKind::System, "listening").len();
    // The first refusals, perhaps those since, the minute that the clock leapt, and the end.
    assert!((2..=8).contains(&marks), "{marks} marks");
}
