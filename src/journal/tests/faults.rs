//! A disk that fails, fills up or hangs: nobody waits for long, nothing is promised falsely, and when it works
//! again everything that was accepted is on it.

use std::io::{self, ErrorKind};
use std::sync::mpsc;
use std::task::{Context, Waker};

use super::*;

fn reason(journal: &Journal) -> String {
    match &*journal.status().borrow() {
        Status::NotDurable { reason, .. } => reason.clone(),
        status => panic!("the journal is {status:?}"),
    }
}

/// Whether a snapshot is wanted now.
fn wants_snapshot(journal: &Journal) -> bool {
    let wanted = std::pin::pin!(journal.snapshot_wanted());
    wanted.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

async fn broken(journal: &Journal) {
    soon(journal.status().wait_for(|status| !status.is_durable())).await.unwrap();
}

/// Breaks the disk, appends, mends it, and sees that nothing is lost.
async fn survives(break_it: impl Fn(&SimulatedDisk, bool), expected_reason: &str) {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "before").await;

    break_it(&disk, true);
    let lost = append(&journal, "while broken");
    assert_eq!(soon(journal.durable(lost)).await, Durability::Memory);
    let at_once = append(&journal, "known to be broken");
    assert_eq!(soon(journal.durable(at_once)).await, Durability::Memory);
    assert!(reason(&journal).contains(expected_reason), "{}", reason(&journal));
    until(&journal, |journal| journal.stats().failures > 3).await;
    assert!(!wants_snapshot(&journal), "not before the disk works");
    assert_eq!(recovered(&disk).0.records, ["before"]);

    break_it(&disk, false);
    repair(&journal, "before, while broken, known to be broken").await;
    assert_eq!(soon(journal.durable(at_once)).await, Durability::Synced, "the snapshot covers it");
    append_synced(&journal, "after").await;

    let (contents, report) = recovered(&disk);
    assert_eq!(contents.snapshot.as_deref(), Some("before, while broken, known to be broken"));
    assert_eq!(contents.records, ["after"]);
    assert_eq!((report.missing, report.damaged), (0, vec![]));
    let stats = journal.stats();
    assert_eq!((stats.appended, stats.not_kept, stats.synced), (4, 2, 2));
}

#[tokio::test]
async fn a_full_disk() {
    let error = |broken: bool| broken.then_some(ErrorKind::StorageFull);
    survives(|disk, broken| disk.fail_writes(error(broken)), "no storage space").await;
}

#[tokio::test]
async fn a_sync_that_fails_is_not_tried_again_on_that_file() {
    let error = |broken: bool| broken.then_some(ErrorKind::Other);
    survives(|disk, broken| disk.fail_syncs(error(broken)), "cannot sync memory/").await;
}

#[tokio::test]
async fn a_sync_that_failed_once_loses_nothing() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "before").await;
    disk.fail_syncs(Some(ErrorKind::Other));
    append(&journal, "lost by the kernel");
    broken(&journal).await;
    disk.fail_syncs(None);
    repair(&journal, "all").await;
    append_synced(&journal, "after").await;
    assert_eq!(
        recovered(&disk).0,
        Contents { snapshot: Some("all".to_owned()), records: vec!["after".to_owned()] }
    );
}

#[tokio::test]
async fn a_sync_that_hangs_is_noticed_from_outside() {
    let disk = SimulatedDisk::new();
    let limit = Duration::from_millis(500);
    let (journal, ..) = open(disk.clone(), Options { commit_limit: limit, ..options() });
    append_synced(&journal, "before").await;

    disk.hang_syncs(true);
    let begun = tokio::time::Instant::now();
    let hanging = append(&journal, "while it hangs");
    assert_eq!(soon(journal.durable(hanging)).await, Durability::Memory);
    let waited = begun.elapsed();
    assert!(waited >= limit - Duration::from_millis(10), "answered after {waited:?}");
    assert!(reason(&journal).contains("has not ended after 500ms"), "{}", reason(&journal));
    let later = append(&journal, "known to hang");
    assert_eq!(soon(journal.durable(later)).await, Durability::Memory);
    assert!(!wants_snapshot(&journal), "the thread has not come back");

    disk.hang_syncs(false);
    repair(&journal, "before, while it hangs, known to hang").await;
    append_synced(&journal, "after").await;
    let (contents, report) = recovered(&disk);
    assert_eq!(contents.snapshot.as_deref(), Some("before, while it hangs, known to hang"));
    assert_eq!(contents.records, ["after"]);
    assert_eq!((report.missing, report.damaged), (0, vec![]));
}

#[tokio::test]
async fn records_that_nobody_waits_for_notice_a_hang_too() {
    let disk = SimulatedDisk::new();
    disk.hang_syncs(true);
    let limit = Duration::from_millis(50);
    let (journal, ..) = open(disk.clone(), Options { commit_limit: limit, ..options() });
    journal.append_later(b"outcome".to_vec());
    broken(&journal).await;
    disk.hang_syncs(false);
}

#[tokio::test]
async fn a_full_buffer_keeps_nothing_until_a_snapshot() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), Options { buffer_bytes: 100, ..options() });
    append_synced(&journal, "before").await;
    disk.hang_syncs(true);
    append(&journal, "in flight");
    until(&journal, |journal| journal.stats().queued == 0).await;
    let queued = append(&journal, &"x".repeat(60));
    assert!(journal.status().borrow().is_durable());
    let over = append(&journal, &"y".repeat(60));
    assert_eq!(soon(journal.durable(queued)).await, Durability::Memory);
    assert_eq!(soon(journal.durable(over)).await, Durability::Memory);
    assert_eq!(reason(&journal), "more than 100 bytes wait to be written");
    let stats = journal.stats();
    assert_eq!((stats.not_kept, stats.queued_bytes), (2, 0));
    disk.hang_syncs(false);
    repair(&journal, "all").await;
    assert_eq!(recovered(&disk).0.snapshot.as_deref(), Some("all"));
}

#[tokio::test]
async fn a_record_longer_than_the_buffer_is_covered_by_a_snapshot() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), Options { buffer_bytes: 10, ..options() });
    let position = append(&journal, "more than ten bytes");
    assert_eq!(soon(journal.durable(position)).await, Durability::Memory);
    repair(&journal, "more than ten bytes").await;
    append_synced(&journal, "short").await;
    assert_eq!(
        recovered(&disk).0,
        Contents { snapshot: Some("more than ten bytes".to_owned()), records: vec!["short".to_owned()] }
    );
}

#[tokio::test]
async fn records_behind_a_repairing_snapshot_are_kept() {
    let disk = SimulatedDisk::new();
    disk.fail_writes(Some(ErrorKind::StorageFull));
    let (journal, ..) = open(disk.clone(), options());
    append(&journal, "first");
    broken(&journal).await;
    disk.fail_writes(None);
    soon(journal.snapshot_wanted()).await;
    disk.hang_syncs(true);
    journal.snapshot(state("first"));
    let behind = append(&journal, "behind");
    assert_eq!(soon(journal.durable(behind)).await, Durability::Memory, "not durable yet: nobody waits");
    disk.hang_syncs(false);
    soon(journal.status().wait_for(Status::is_durable)).await.unwrap();
    assert_eq!(soon(journal.durable(behind)).await, Durability::Synced);
    assert_eq!(
        recovered(&disk).0,
        Contents { snapshot: Some("first".to_owned()), records: vec!["behind".to_owned()] }
    );
}

/// A snapshot that was begun before a failure does not cover what the failure lost.
#[tokio::test]
async fn an_older_snapshot_repairs_nothing() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "one").await;
    let (go_on, wait) = mpsc::channel::<()>();
    journal.snapshot(Box::new(move |file| {
        wait.recv().map_err(io::Error::other)?;
        file.write_all(b"one")
    }));
    append_synced(&journal, "two").await;
    disk.fail_syncs(Some(ErrorKind::Other));
    let lost = append(&journal, "three");
    broken(&journal).await;
    disk.fail_syncs(None);
    soon(journal.snapshot_wanted()).await;

    let (go_on_again, wait) = mpsc::channel::<()>();
    journal.snapshot(Box::new(move |file| {
        wait.recv().map_err(io::Error::other)?;
        file.write_all(b"one, two, three")
    }));
    go_on.send(()).unwrap();
    until(&journal, |journal| journal.stats().snapshots == 1).await;
    assert!(!journal.status().borrow().is_durable());
    assert_eq!(soon(journal.durable(lost)).await, Durability::Memory);

    go_on_again.send(()).unwrap();
    soon(journal.status().wait_for(Status::is_durable)).await.unwrap();
    assert_eq!(recovered(&disk).0.snapshot.as_deref(), Some("one, two, three"));
}

#[tokio::test]
async fn a_full_disk_at_the_start_prevents_nothing() {
    let disk = SimulatedDisk::new();
    disk.fail_writes(Some(ErrorKind::StorageFull));
    let (journal, ..) = open(disk.clone(), options());
    let position = append(&journal, "alert");
    assert_eq!(soon(journal.durable(position)).await, Durability::Memory);
    disk.fail_writes(None);
    repair(&journal, "alert").await;
    assert_eq!(recovered(&disk).0.snapshot.as_deref(), Some("alert"));
}

#[tokio::test]
async fn a_full_disk_gives_up_history_before_durability() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    for number in 1..=4 {
        append_synced(&journal, "record").await;
        journal.snapshot(state("state"));
        until(&journal, |journal| journal.stats().snapshots == number).await;
    }
    assert_eq!(disk.list().unwrap().len(), 8);
    disk.fail_writes(Some(ErrorKind::StorageFull));
    append(&journal, "too much");
    broken(&journal).await;
    let kept = |disk: &SimulatedDisk| {
        disk.list()
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .filter(|name| !name.ends_with(".tmp"))
            .collect()
    };
    let kept: Vec<String> = kept(&disk);
    assert_eq!(
        kept,
        ["00000000000000000003.snapshot", "00000000000000000004.log", "00000000000000000004.snapshot"]
    );
}
