//! What a record costs on a real disk when commits are shared: wall time by criterion, and the CPU time of all
//! threads, which is what counts beside a Prometheus.

use std::fs;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tocsin::journal::{Disk, Durability, Journal, Options};

/// Alerts in a push.
const BATCH: u64 = 256;
/// A record of 256 new alerts, and one of 256 repeats.
const SIZES: [(&str, usize); 2] = [("new", 200_000), ("repeat", 2_000)];

fn journal(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(BATCH));
    for (name, bytes) in SIZES {
        let directory =
            tempfile::tempdir_in(std::env::var("JOURNAL_BENCH_DIR").unwrap_or_else(|_| ".".into()))
                .expect("a directory on a disk");
        let recovery = Journal::recover(Disk::new(directory.path()), Options::default()).expect("a journal");
        let (journal, _) = recovery.finish().expect("a journal");
        let record = vec![0x61; bytes];
        let commit = || {
            let position = journal.append(record.clone());
            assert_eq!(runtime.block_on(journal.durable(position)), Durability::Synced);
        };
        group.bench_function(format!("commit {name}"), |bencher| bencher.iter(commit));

        let (cpu, rounds) = (cpu_time(), 500);
        (0..rounds).for_each(|_| commit());
        let spent = (cpu_time() - cpu) / rounds;
        println!(
            "journal/commit {name}: {spent:?} of CPU per commit of {BATCH}, {:?} per alert",
            spent / BATCH as u32
        );
    }
    group.finish();
}

/// CPU time of this process, user and system, to 10 ms.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect::<Vec<_>>();
    let ticks: u64 = [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

criterion_group!(benches, journal);
criterion_main!(benches);
