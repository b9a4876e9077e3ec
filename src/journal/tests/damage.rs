//! Torn ends, damage in the middle, damaged snapshots: the start succeeds and loses no more than it must.

use super::*;
use crate::journal::Error;
use crate::journal::frame::{FILE_HEADER, FRAME_HEADER, FileKind, file_header};

const FIRST: &str = "00000000000000000001.log";

/// A disk with one segment of three records, each its own commit.
async fn three_records() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    for record in ["one", "two", "three"] {
        append_synced(&journal, record).await;
    }
    disk.power_cut(0)
}

/// Where in the segment of [`three_records`] the record of this number begins.
fn offset(number: usize) -> usize {
    FILE_HEADER + [0, 3, 6, 11][number] + number * FRAME_HEADER
}

#[tokio::test]
async fn a_segment_cut_anywhere_gives_the_records_before_and_goes_on() {
    let whole = three_records().await.read(FIRST).unwrap();
    assert_eq!(whole.len(), offset(3));
    for length in 0..=whole.len() {
        let disk = SimulatedDisk::new();
        disk.replace(FIRST, whole[..length].to_vec());
        let (journal, contents, report) = open(disk.clone(), options());
        let expected = (0..3).filter(|number| length >= offset(number + 1)).count();
        assert_eq!(contents.records, ["one", "two", "three"][..expected], "cut at {length}");
        assert_eq!((report.missing, report.damaged), (0, vec![]), "cut at {length}");
        assert_eq!(append_synced(&journal, "next").await.get(), expected as u64 + 1);

        let (contents, report) = recovered(&disk);
        assert_eq!(contents.records[expected..], ["next"], "cut at {length}");
        assert_eq!((report.missing, report.cut_bytes, report.damaged), (0, 0, vec![]), "cut at {length}");
    }
}

#[tokio::test]
async fn a_changed_byte_anywhere_costs_one_record_at_most() {
    let whole = three_records().await.read(FIRST).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let disk = SimulatedDisk::new();
        disk.replace(FIRST, bytes);
        let (contents, report) = recovered(&disk);
        let expected: &[&str] = match at {
            at if at < offset(0) => &["one", "two", "three"],
            at if at < offset(1) => &["two", "three"],
            at if at < offset(2) => &["one", "three"],
            _ => &["one", "two"],
        };
        assert_eq!(contents.records, expected, "byte {at}");
        if at < offset(2) {
            assert_eq!(report.damaged, [FIRST], "byte {at}");
            assert_eq!(report.missing, u64::from(at >= offset(0)), "byte {at}");
        } else {
            // At the very end, damage looks as a torn write does.
            assert!(report.damaged.is_empty() && report.cut_bytes > 0, "byte {at}");
        }
    }
}

#[tokio::test]
async fn damage_is_counted_and_set_aside_once_a_snapshot_replaces_it() {
    let disk = three_records().await;
    let mut bytes = disk.read(FIRST).unwrap();
    bytes[offset(1) + FRAME_HEADER] = b'T';
    disk.replace(FIRST, bytes.clone());

    let (journal, contents, report) = open(disk.clone(), options());
    assert_eq!(contents.records, ["one", "three"]);
    assert_eq!((report.missing, report.last), (1, Position(3)));
    let stats = journal.stats();
    assert_eq!((stats.damaged_records, stats.damaged_files), (1, 1));
    assert!(journal.status().borrow().is_durable(), "damage of the past does not touch new records");
    assert_eq!(disk.read(FIRST).unwrap(), bytes, "nothing is thrown away before a snapshot");

    soon(journal.snapshot_wanted()).await;
    journal.snapshot(state("one and three"));
    append_synced(&journal, "four").await;
    until(&journal, |_| disk.read("00000000000000000001.log.damaged").is_some()).await;
    let (contents, report) = recovered(&disk);
    assert_eq!(contents.snapshot.as_deref(), Some("one and three"));
    assert_eq!(contents.records, ["four"]);
    assert_eq!((report.missing, report.damaged), (0, vec![]));
}

#[tokio::test]
async fn an_unfinished_commit_with_a_hole_is_cut_as_a_whole() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "synced").await;
    for record in ["a", "b"] {
        journal.append_later(record.as_bytes().to_vec());
    }
    append_synced(&journal, "c").await;
    assert_eq!(journal.stats().commits, 2);
    let mut bytes = disk.read(FIRST).unwrap();
    // The page with "a" never reached the disk, those behind it did.
    let hole = FILE_HEADER + FRAME_HEADER + "synced".len();
    bytes[hole..hole + FRAME_HEADER + 1].fill(0);
    disk.replace(FIRST, bytes);

    let (contents, report) = recovered(&disk);
    assert_eq!(contents.records, ["synced"]);
    assert_eq!((report.missing, report.damaged), (0, vec![]));
    assert!(report.cut_bytes > 0);
}

#[tokio::test]
async fn a_missing_segment_is_counted() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), Options { segment_bytes: 1, ..options() });
    for record in ["one", "two", "three"] {
        append_synced(&journal, record).await;
    }
    let disk = disk.power_cut(0);
    disk.remove("00000000000000000002.log").unwrap();
    let (journal, contents, report) = open(disk, options());
    assert_eq!(contents.records, ["one", "three"]);
    assert_eq!(report.missing, 1);
    soon(journal.snapshot_wanted()).await;
}

#[tokio::test]
async fn a_segment_behind_a_broken_end_goes_on_without_damage() {
    let disk = three_records().await;
    let mut bytes = disk.read(FIRST).unwrap();
    bytes.extend_from_slice(b"a commit that failed");
    disk.replace(FIRST, bytes);
    let mut second = file_header(FileKind::Log, 4).to_vec();
    crate::journal::frame::push_frame(&mut second, 4, crate::journal::frame::FrameKind::Commit, 4, b"four");
    disk.replace("00000000000000000004.log", second);
    let (contents, report) = recovered(&disk);
    assert_eq!(contents.records, ["one", "two", "three", "four"]);
    assert_eq!((report.missing, report.damaged), (0, vec![]));
}

#[tokio::test]
async fn a_damaged_snapshot_falls_back_to_the_one_before_and_its_log() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    for number in 1..=2 {
        append_synced(&journal, &format!("record {number}")).await;
        journal.snapshot(state(&format!("state {number}")));
        until(&journal, |journal| journal.stats().snapshots == number).await;
    }
    append_synced(&journal, "record 3").await;
    let disk = disk.power_cut(0);
    let name = "00000000000000000002.snapshot";
    let whole = disk.read(name).unwrap();
    let damages = (0..whole.len()).map(|length| whole[..length].to_vec());
    let changes = (0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    });
    for bytes in damages.chain(changes) {
        let disk = disk.power_cut(0);
        disk.replace(name, bytes);
        let (contents, report) = recovered(&disk);
        assert_eq!(contents.snapshot.as_deref(), Some("state 1"));
        assert_eq!(contents.records, ["record 2", "record 3"]);
        assert_eq!((report.missing, report.damaged), (0, vec![name.to_owned()]));
    }
}

#[tokio::test]
async fn the_owner_can_reject_a_snapshot() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "record").await;
    assert_eq!(soon(journal.close(state("not what the owner can read"))).await, Durability::Synced);

    let mut recovery = Journal::recover(disk, options()).unwrap();
    assert!(recovery.snapshot().is_some());
    recovery.reject_snapshot("unknown field 7");
    assert!(recovery.snapshot().is_none());
    assert_eq!(recovery.next_record(), Some((Position(1), &b"record"[..])));
    assert_eq!(recovery.next_record(), None);
    let (journal, report) = recovery.finish().unwrap();
    assert_eq!(report.snapshot, None);
    assert_eq!(report.damaged, ["00000000000000000001.snapshot"]);
    assert_eq!(append(&journal, "next"), Position(2));
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let disk = three_records().await;
    let mut bytes = disk.read(FIRST).unwrap();
    bytes[8] = 2;
    let checksum = xxhash_rust::xxh64::xxh64(&bytes[..24], 0);
    bytes[24..32].copy_from_slice(&checksum.to_le_bytes());
    disk.replace(FIRST, bytes);
    let error = Journal::recover(disk, options()).err().unwrap();
    assert!(matches!(error, Error::Newer { version: 2, supported: 1, .. }));
    assert_eq!(
        error.to_string(),
        "memory/00000000000000000001.log was written by a newer version (journal format 2, this one reads 1)"
    );
}

#[test]
fn other_files_are_left_alone_and_temporary_ones_removed() {
    let disk = SimulatedDisk::new();
    for name in
        ["notes.txt", "1.log", "00000000000000000001.log.damaged", "00000000000000000009.snapshot.tmp"]
    {
        disk.replace(name, b"something".to_vec());
    }
    let (_journal, contents, _) = open(disk.clone(), options());
    assert_eq!(contents, Contents::default());
    assert!(disk.read("00000000000000000009.snapshot.tmp").is_none());
    assert_eq!(disk.list().unwrap().len(), 3);
}
