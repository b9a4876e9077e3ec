//! The journal against simulated and real disks. What is common to all: opening, appending, reading back.

mod commit;
mod damage;
mod faults;
mod power;
mod snapshots;

use std::future::Future;
use std::io::Read as _;
use std::time::Duration;

use super::{
    Disk, Durability, Files, Journal, Options, Position, Recovered, SimulatedDisk, Status, WriteSnapshot,
};

/// What recovery gave: the snapshot and the records after it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    snapshot: Option<String>,
    records: Vec<String>,
}

/// Limits that no slow machine reaches, and quick retries.
fn options() -> Options {
    Options {
        commit_limit: Duration::from_secs(60),
        probe_delay: Duration::from_millis(1),
        probe_delay_limit: Duration::from_millis(2),
        ..Options::default()
    }
}

fn open(files: impl Files, options: Options) -> (Journal, Contents, Recovered) {
    let mut recovery = Journal::recover(files, options).unwrap();
    let snapshot = recovery.snapshot().map(|mut reader| {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    let mut contents = Contents { snapshot, records: Vec::new() };
    while let Some((_, record)) = recovery.next_record() {
        contents.records.push(String::from_utf8(record.to_vec()).unwrap());
    }
    let (journal, recovered) = recovery.finish().unwrap();
    (journal, contents, recovered)
}

/// What a start on the disk as it is after a power cut finds.
fn recovered(disk: &SimulatedDisk) -> (Contents, Recovered) {
    let (_journal, contents, recovered) = open(disk.power_cut(0), options());
    (contents, recovered)
}

fn append(journal: &Journal, record: &str) -> Position {
    journal.append(record.as_bytes().to_vec())
}

/// Appends a record and waits until it is on disk.
async fn append_synced(journal: &Journal, record: &str) -> Position {
    let position = append(journal, record);
    assert_eq!(soon(journal.durable(position)).await, Durability::Synced);
    position
}

fn state(text: &str) -> WriteSnapshot {
    let text = text.to_owned();
    Box::new(move |file| file.write_all(text.as_bytes()))
}

/// Waits for what happens on another thread, and fails when it does not.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("happens within 30 s")
}

/// Waits until `condition` holds for the journal.
async fn until(journal: &Journal, condition: impl Fn(&Journal) -> bool) {
    soon(async {
        while !condition(journal) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Answers every wish for a snapshot with `text`, until the journal is durable.
async fn repair(journal: &Journal, text: &str) {
    let mut status = journal.status();
    soon(async {
        loop {
            tokio::select! {
                durable = status.wait_for(Status::is_durable) => return drop(durable.unwrap()),
                () = journal.snapshot_wanted() => journal.snapshot(state(text)),
            }
        }
    })
    .await;
}
