//! Power cuts at every operation, with every length of torn end: what was called synced is recovered.

use std::io::ErrorKind;

use super::*;

/// An owner whose state is the list of its records, and what it was told about them.
struct Owner {
    journal: Journal,
    appended: Vec<String>,
    /// How many of the records are on disk, as the journal says.
    synced: Vec<usize>,
}

impl Owner {
    fn new(disk: &SimulatedDisk) -> Self {
        let small = Options { segment_bytes: 200, snapshot_log_bytes: 300, ..options() };
        let (journal, ..) = open(disk.clone(), small);
        Self { journal, appended: Vec::new(), synced: Vec::new() }
    }

    fn append(&mut self) -> Position {
        let record = format!("record {}", self.appended.len());
        self.appended.push(record.clone());
        append(&self.journal, &record)
    }

    fn snapshot(&self) {
        self.journal.snapshot(state(&self.appended.join(",")));
    }

    async fn wait(&mut self, positions: &[Position]) {
        for position in positions {
            if soon(self.journal.durable(*position)).await == Durability::Synced {
                self.synced.push(usize::try_from(position.get()).unwrap() - 1);
            }
        }
    }

    /// Single records, groups, and snapshots in their order among them.
    async fn work(&mut self) {
        for round in 0..12 {
            let group: Vec<Position> = (0..=round % 3).map(|_| self.append()).collect();
            if round % 4 == 2 {
                self.snapshot();
            }
            self.wait(&group).await;
            if round % 4 == 3 {
                let begun = round / 4 + 1;
                until(&self.journal, |journal| {
                    let stats = journal.stats();
                    stats.snapshots + stats.snapshot_failures >= begun
                        || !journal.status().borrow().is_durable()
                })
                .await;
            }
        }
    }

    /// Checks what a start finds after the power was cut: all that was called synced, in order, once.
    fn check(&self, disk: &SimulatedDisk) -> Result<(), String> {
        let found = read_back(disk);
        let mut rest = self.appended.iter();
        if let Some(stray) = found.iter().find(|record| !rest.any(|appended| appended == *record)) {
            return Err(format!("{stray} is found twice, out of order, or was never appended"));
        }
        match self.synced.iter().find(|index| !found.contains(&self.appended[**index])) {
            Some(index) => Err(format!("{} was called synced and is lost", self.appended[*index])),
            None => Ok(()),
        }
    }
}

/// The records in the snapshot and behind it.
fn read_back(disk: &SimulatedDisk) -> Vec<String> {
    let mut recovery = Journal::recover(disk.clone(), options()).unwrap();
    let mut text = String::new();
    if let Some(mut snapshot) = recovery.snapshot() {
        snapshot.read_to_string(&mut text).unwrap();
    }
    let mut records: Vec<String> = text.split(',').filter(|r| !r.is_empty()).map(str::to_owned).collect();
    while let Some((_, record)) = recovery.next_record() {
        records.push(String::from_utf8(record.to_vec()).unwrap());
    }
    records
}

/// Cuts the power before every operation of the same work; the first thing that is wrong, if any.
async fn cut_everywhere(prepare: impl Fn(&SimulatedDisk)) -> Result<u64, String> {
    let mut cut = 0;
    loop {
        let disk = SimulatedDisk::new();
        prepare(&disk);
        disk.cut_before(cut);
        let mut owner = Owner::new(&disk);
        owner.work().await;
        let ended = disk.operations() < cut;
        for torn in 0..=disk.unsynced() {
            owner
                .check(&disk.power_cut(torn))
                .map_err(|what| format!("cut before {cut}, {torn} torn: {what}"))?;
        }
        if ended {
            return Ok(cut);
        }
        cut += 1;
    }
}

#[tokio::test]
async fn what_was_called_synced_survives_a_power_cut_anywhere() {
    let cuts = cut_everywhere(|_| {}).await.unwrap();
    assert!(cuts > 40, "only {cuts} operations to cut at");
}

#[tokio::test]
async fn without_the_sync_the_test_above_fails() {
    let lost = cut_everywhere(SimulatedDisk::lie_about_syncs).await.unwrap_err();
    assert!(lost.ends_with("was called synced and is lost"), "{lost}");
}

/// Faults come and go at random while records and snapshots are written, then the power is cut.
#[tokio::test]
async fn faults_and_then_a_power_cut_lose_nothing_that_was_called_synced() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = SimulatedDisk::new();
        let mut owner = Owner::new(&disk);
        for _ in 0..60 {
            match random.u8(..12) {
                0 => disk.fail_writes(Some(ErrorKind::StorageFull)),
                1 => disk.fail_syncs(Some(ErrorKind::Other)),
                2..=4 => {
                    disk.fail_writes(None);
                    disk.fail_syncs(None);
                }
                5 => owner.snapshot(),
                6 if !owner.journal.status().borrow().is_durable() => {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    owner.snapshot();
                }
                _ => {
                    let group: Vec<Position> = (0..random.usize(1..4)).map(|_| owner.append()).collect();
                    owner.wait(&group).await;
                }
            }
        }
        for torn in [0, 1, 7, 40, usize::MAX] {
            owner.check(&disk.power_cut(torn)).map_err(|what| format!("seed {seed}: {what}")).unwrap();
        }
        disk.fail_writes(None);
        disk.fail_syncs(None);
        repair(&owner.journal, &owner.appended.join(",")).await;
        let last = owner.append();
        owner.wait(&[last]).await;
        assert_eq!(
            read_back(&disk.power_cut(0)),
            owner.appended,
            "seed {seed}: repaired, and nothing is lost"
        );
    }
}
