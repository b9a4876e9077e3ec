//! Appending and what a commit is.

use super::*;
use crate::journal::Error;

#[tokio::test]
async fn records_come_back_in_order() {
    let disk = SimulatedDisk::new();
    let (journal, contents, _) = open(disk.clone(), options());
    assert_eq!(contents, Contents::default());
    for record in ["one", "two", "", "four"] {
        append(&journal, record);
    }
    assert_eq!(append_synced(&journal, "five").await.get(), 5);

    let (contents, report) = recovered(&disk);
    assert_eq!(contents.records, ["one", "two", "", "four", "five"]);
    assert_eq!(report, Recovered { records: 5, last: Position(5), ..Recovered::default() });
}

/// The format of version 1 to the byte: what is released must stay readable.
#[tokio::test]
async fn the_format_of_version_1() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    journal.append_later(b"first".to_vec());
    append_synced(&journal, "").await;
    assert_eq!(soon(journal.close(state("state"))).await, Durability::Synced);
    let hex = |name: &str| -> String {
        let bytes = disk.read(name).unwrap();
        bytes
            .chunks(8)
            .map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + " ")
            .collect()
    };
    assert_eq!(
        hex("00000000000000000001.log"),
        "746f6373696e004c 0100000000000000 0100000000000000 be6bfd1748e90a44 f554fa0005000000 0100000000000000 \
         b1af767ccb27d68f 6669727374f554fa 0100000000020000 0000000000182565 047b4e0f1d "
    );
    assert_eq!(
        hex("00000000000000000002.snapshot"),
        "746f6373696e0053 0100000000000000 0200000000000000 e757c336fea4029a f554fa0205000000 0000000000000000 \
         f0e359aeac66f9e0 7374617465f554fa 0300000000010000 0000000000776a00 3e43856856 "
    );
}

#[tokio::test]
async fn positions_go_on_after_a_start() {
    let disk = SimulatedDisk::new();
    for start in 1..=3 {
        let disk = disk.clone();
        let (journal, contents, _) = open(disk, options());
        assert_eq!(contents.records.len() as u64, start - 1);
        assert_eq!(append_synced(&journal, "record").await.get(), start);
        soon(end(journal)).await;
    }
    assert_eq!(recovered(&disk).0.records.len(), 3);
}

/// Drops the journal and waits until its thread has ended.
async fn end(journal: Journal) {
    let mut status = journal.status();
    drop(journal);
    status.wait_for(|status| *status == Status::Closed).await.unwrap();
}

#[tokio::test]
async fn what_waits_is_one_commit() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    append_synced(&journal, "first").await;
    disk.hang_syncs(true);
    append(&journal, "in flight");
    until(&journal, |journal| journal.stats().queued == 0).await;
    let last = (0..1000).fold(Position(0), |_, number| append(&journal, &number.to_string()));
    assert_eq!(journal.stats().queued, 1000);
    disk.hang_syncs(false);
    assert_eq!(soon(journal.durable(last)).await, Durability::Synced);
    assert_eq!(journal.stats().commits, 3);
    assert_eq!(journal.stats().synced, 1002);
}

#[tokio::test]
async fn a_record_nobody_waits_for_rides_on_the_next_commit() {
    let disk = SimulatedDisk::new();
    let long = Options { commit_delay: Duration::from_secs(60), ..options() };
    let (journal, ..) = open(disk.clone(), long);
    journal.append_later(b"outcome".to_vec());
    append_synced(&journal, "alert").await;
    assert_eq!(journal.stats().commits, 1);
    assert_eq!(recovered(&disk).0.records, ["outcome", "alert"]);
}

#[tokio::test]
async fn a_record_nobody_waits_for_is_written_on_its_own_in_the_end() {
    let disk = SimulatedDisk::new();
    let short = Options { commit_delay: Duration::from_millis(5), ..options() };
    let (journal, ..) = open(disk.clone(), short);
    let position = journal.append_later(b"outcome".to_vec());
    assert_eq!(soon(journal.durable(position)).await, Durability::Synced);
}

#[tokio::test]
async fn dropping_the_journal_writes_what_waits() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), options());
    journal.append_later(b"outcome".to_vec());
    soon(end(journal)).await;
    assert_eq!(recovered(&disk).0.records, ["outcome"]);
}

#[tokio::test]
async fn segments_end_at_their_size() {
    let disk = SimulatedDisk::new();
    let (journal, ..) = open(disk.clone(), Options { segment_bytes: 100, ..options() });
    for _ in 0..10 {
        append_synced(&journal, "ten bytes.").await;
    }
    let segments = disk.list().unwrap().iter().filter(|entry| entry.name.ends_with(".log")).count();
    assert_eq!(segments, 5, "the header's 32 bytes and two records of 34 reach 100");
    assert_eq!(recovered(&disk).0.records.len(), 10);
}

#[tokio::test]
async fn a_real_directory_is_private_and_locked() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("lib/data");
    let (journal, ..) = open(Disk::new(&directory), options());
    append_synced(&journal, "alert").await;
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&directory).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    let second = Journal::recover(Disk::new(&directory), options()).err().unwrap();
    assert!(matches!(second, Error::Locked { .. }), "{second}");
    assert!(second.to_string().ends_with("is in use by another process"), "{second}");

    assert_eq!(soon(journal.close(state("all"))).await, Durability::Synced);
    let (_journal, contents, _) = open(Disk::new(&directory), options());
    assert_eq!(contents, Contents { snapshot: Some("all".to_owned()), records: Vec::new() });
}

#[test]
fn a_directory_that_cannot_be_used_is_an_error_that_names_it() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::recover(Disk::new(file.join("data")), options()).err().unwrap();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert!(matches!(error, Error::Directory { .. }));
}
