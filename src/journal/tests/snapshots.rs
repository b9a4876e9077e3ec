//! Snapshots: when they are wanted, what they cover, what they let go.

use std::io;
use std::sync::mpsc;
use std::time::SystemTime;

use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.list().unwrap().into_iter().map(|entry| entry.name).collect()
}

async fn written(journal: &Journal, snapshots: u64) {
    until(journal, |journal| journal.stats().snapshots == snapshots).await;
}

#[tokio::test]
async fn a_snapshot_covers_what_was_appended_before_it_and_nothing_more() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append(&journal, "one");
    append(&journal, "two");
    journal.snapshot(state("one, two"));
    append(&journal, "three");
    append_synced(&journal, "four").await;
    written(&journal, 1).await;
    let (contents, report) = recovered(&disk);
    assert_eq!(contents.snapshot.as_deref(), Some("one, two"));
    assert_eq!(contents.records, ["three", "four"]);
    assert_eq!(report.snapshot, Some(Position(2)));
}

#[tokio::test]
async fn commits_go_on_while_a_snapshot_is_written() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "one").await;
    let (go_on, wait) = mpsc::channel::<()>();
    journal.snapshot(Box::new(move |file| {
        file.write_all(b"on")?;
        wait.recv().map_err(io::Error::other)?;
        file.write_all(b"e")
    }));
    append_synced(&journal, "two").await;
    assert_eq!(recovered(&disk).0, Contents { snapshot: None, records: vec!["one".into(), "two".into()] });
    journal.snapshot(state("dropped: one at a time"));
    append_synced(&journal, "three").await;
    go_on.send(()).unwrap();
    written(&journal, 1).await;
    let (contents, _) = recovered(&disk);
    assert_eq!(contents.snapshot.as_deref(), Some("one"));
    assert_eq!(contents.records, ["two", "three"]);
}

#[tokio::test]
async fn a_snapshot_is_wanted_when_the_log_has_grown() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), Options { snapshot_log_bytes: 1_000, ..options() });
    append_synced(&journal, &"x".repeat(900)).await;
    assert!(tokio::time::timeout(Duration::ZERO, journal.snapshot_wanted()).await.is_err());
    append_synced(&journal, &"x".repeat(900)).await;
    soon(journal.snapshot_wanted()).await;
    journal.snapshot(state(&"s".repeat(2_000)));
    written(&journal, 1).await;
    let stats = journal.stats();
    assert_eq!(stats.log_bytes, 0);
    assert_eq!(stats.snapshot_bytes, 2_000 + 32 + 2 * 24);

    append_synced(&journal, &"x".repeat(3_000)).await;
    assert!(
        tokio::time::timeout(Duration::ZERO, journal.snapshot_wanted()).await.is_err(),
        "not before twice the snapshot"
    );
    append_synced(&journal, &"x".repeat(1_200)).await;
    soon(journal.snapshot_wanted()).await;
    assert!(journal.status().borrow().is_durable());

    let (journal, ..) = open(disk.power_cut(0), Options { snapshot_log_bytes: 1_000, ..options() });
    assert_eq!(journal.stats().log_bytes, 4_200 + 2 * 24, "the log behind the snapshot counts after a start");
    soon(journal.snapshot_wanted()).await;
}

#[tokio::test]
async fn a_snapshot_that_fails_leaves_the_log_durable() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "one").await;
    let failures: [WriteSnapshot; 2] =
        [Box::new(|_| Err(io::Error::other("no"))), Box::new(|_| panic!("the owner is wrong"))];
    for (number, failure) in failures.into_iter().enumerate() {
        journal.snapshot(failure);
        until(&journal, |journal| journal.stats().snapshot_failures == number as u64 + 1).await;
        append_synced(&journal, "more").await;
    }
    assert!(journal.status().borrow().is_durable());
    assert!(names(&disk).iter().all(|name| name.ends_with(".log")));
    assert_eq!(recovered(&disk).0.records, ["one", "more", "more"]);
}

#[tokio::test]
async fn large_snapshots_are_read_back_whole() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    let text: String = (0..200_000).map(|number| format!("{number},")).collect();
    assert_eq!(soon(journal.close(state(&text))).await, Durability::Synced);
    let (contents, _) = recovered(&disk);
    assert!(contents.snapshot.as_deref() == Some(text.as_str()));
}

#[tokio::test]
async fn a_clean_stop_ends_with_a_snapshot() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    journal.append_later(b"one".to_vec());
    assert_eq!(soon(journal.close(state("one"))).await, Durability::Synced);
    let late = append(&journal, "too late");
    assert_eq!(soon(journal.durable(late)).await, Durability::Memory);
    journal.snapshot(state("too late"));
    let (journal, contents, _) = open(disk, options());
    assert_eq!(contents, Contents { snapshot: Some("one".to_owned()), records: vec![] });
    drop(journal);
}

#[tokio::test]
async fn a_clean_stop_on_a_disk_that_does_not_work_ends_too() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    disk.fail_syncs(Some(io::ErrorKind::Other));
    append(&journal, "one");
    assert_eq!(soon(journal.close(state("one"))).await, Durability::Memory);
    assert_eq!(recovered(&disk).0, Contents::default());
}

#[tokio::test]
async fn a_clean_stop_tries_a_disk_that_failed_before_once_more() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    disk.fail_syncs(Some(io::ErrorKind::Other));
    let position = append(&journal, "one");
    assert_eq!(soon(journal.durable(position)).await, Durability::Memory);
    disk.fail_syncs(None);
    assert_eq!(soon(journal.close(state("one"))).await, Durability::Synced);
    assert_eq!(recovered(&disk).0.snapshot.as_deref(), Some("one"));
}

#[tokio::test]
async fn history_goes_by_age() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), Options { retention_age: Duration::from_secs(100), ..options() });
    for number in 1..=4 {
        disk.set_time(number * 50);
        append_synced(&journal, "record").await;
        journal.snapshot(state("state"));
        written(&journal, number).await;
    }
    assert_eq!(names(&disk).len(), 8, "nothing goes by itself");
    journal.expire(at(151));
    until(&journal, |_| names(&disk).len() == 6).await;
    journal.expire(at(10_000));
    until(&journal, |_| names(&disk).len() == 3).await;
    assert_eq!(
        names(&disk),
        ["00000000000000000003.snapshot", "00000000000000000004.log", "00000000000000000004.snapshot"]
    );
}

#[tokio::test]
async fn the_directory_never_holds_more_than_the_retention() {
    let disk = SimulatedDisk::new();
    let limits =
        Options { segment_bytes: 5_000, snapshot_log_bytes: 10_000, retention_bytes: 60_000, ..options() };
    let (journal, ..) = open(disk.clone(), limits);
    let mut most = 0;
    for number in 0..400 {
        append_synced(&journal, &"r".repeat(500)).await;
        if number % 20 == 19 {
            journal.snapshot(state(&"s".repeat(3_000)));
            written(&journal, number / 20 + 1).await;
        }
        most = most.max(disk.list().unwrap().iter().map(|entry| entry.bytes).sum::<u64>());
    }
    assert!(most <= 60_000, "{most} bytes on disk");
    assert!(most > 40_000, "history is kept as far as there is room: {most}");
    assert!(recovered(&disk).1.damaged.is_empty());
}
