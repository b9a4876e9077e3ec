//! Whole clusters in virtual time. `TOCSIN_TESTS=full` runs hundreds of seeds, `TOCSIN_SEEDS` as many as it says; a
//! failing seed says how to replay it.

mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use prost::Message as _;
use tocsin::gossip::cluster::Status;
use tocsin::gossip::{Entry, StateKey};
use tocsin::model::nflogpb::{self, MeshEntry};
use tocsin::model::silencepb::{Matcher, MeshSilence, Silence};
use world::{Weather, World};

const SECOND: Duration = Duration::from_secs(1);
const PEER_TIMEOUT: Duration = Duration::from_secs(3);
const DAYS: Duration = Duration::from_hours(240);

fn for_each_seed(name: &str, default: u64, full: u64, run: impl Fn(u64)) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_full = std::env::var("TOCSIN_TESTS").is_ok_and(|tests| tests == "full");
    let seeds = match number("TOCSIN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TOCSIN_SEEDS").unwrap_or(if is_full { full } else { default }),
    };
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("replay with: TOCSIN_SEED={seed} cargo test --test it {name}");
            resume_unwind(panic);
        }
    }
}

/// Small clusters mostly; a large one is worth fifty small ones of the processor's time.
fn size_of(seed: u64) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
    if seed % 50 == 9 { rng.usize(10..=50) } else { rng.usize(3..=7) }
}

fn silence(world: &World, id: usize, comment: usize) -> Entry {
    let now = world.wall();
    let silence = Silence {
        id: format!("silence-{id}"),
        matchers: vec![Matcher { r#type: 0, name: "a".into(), pattern: "b".into() }],
        updated_at: Some(now.into()),
        comment: "x".repeat(comment),
        ..Default::default()
    };
    let mesh = MeshSilence { silence: Some(silence), expires_at: Some((now + DAYS).into()) };
    Entry::decode(StateKey::Silences, mesh.encode_to_vec().into()).expect("a silence")
}

fn log_entry(world: &World, group: usize) -> Entry {
    let now = world.wall();
    let entry = nflogpb::Entry {
        group_key: format!("{{}}:{{a=\"{group}\"}}").into_bytes(),
        receiver: Some(nflogpb::Receiver { group_name: "r".into(), integration: "webhook".into(), idx: 0 }),
        timestamp: Some(now.into()),
        firing_alerts: vec![group as u64],
        ..Default::default()
    };
    let mesh = MeshEntry { entry: Some(entry), expires_at: Some((now + DAYS).into()) };
    Entry::decode(StateKey::Log, mesh.encode_to_vec().into()).expect("a log entry")
}

fn settle(world: &mut World, what: &str) {
    let start = world.now;
    while let Some(disagreement) = world.disagreement() {
        assert!(world.now - start < Duration::from_mins(40), "{what}: {disagreement}");
        world.run_for(5 * SECOND);
    }
}

/// An alert fires everywhere at once: each node waits its turn, looks into its log, and notifies if nobody has. Who
/// has notified is returned.
fn page(world: &mut World, group: usize) -> Vec<usize> {
    let mut turns: BTreeMap<(Duration, usize), ()> = BTreeMap::new();
    for index in world.alive() {
        let Some(cluster) = &world.nodes[index].cluster else { continue };
        if cluster.status() == Status::Ready {
            turns.insert((world.now + PEER_TIMEOUT * cluster.position() as u32, index), ());
        }
    }
    let mut pages = Vec::new();
    while let Some(((at, index), ())) = turns.pop_first() {
        world.run_for(at.saturating_sub(world.now));
        let entry = log_entry(world, group);
        let Some(cluster) = &world.nodes[index].cluster else { continue };
        let known = cluster.state(StateKey::Log).and_then(|log| log.get(&entry.id)).is_some();
        if !known {
            pages.push(index);
            world.set(index, entry);
        }
    }
    pages
}

fn groups_of(world: &World, nodes: &[usize]) -> BTreeMap<u32, usize> {
    let mut groups = BTreeMap::new();
    for index in nodes {
        *groups.entry(world.nodes[*index].group).or_default() += 1;
    }
    groups
}

/// Faults of every kind, then peace: everybody knows everybody and the same.
fn heal(seed: u64) -> u64 {
    let mut world = World::new(seed, size_of(seed));
    let mut comments = 0;
    for _ in 0..12 {
        world.weather = if world.rng.bool() { Weather::STORM } else { Weather::FINE };
        match world.rng.u8(..4) {
            0 => {
                for index in 0..world.nodes.len() {
                    world.nodes[index].group = world.rng.u32(..2);
                }
            }
            1 => world.nodes.iter_mut().for_each(|node| node.group = 0),
            2 => {
                let index = world.rng.usize(..world.nodes.len());
                world.kill(index);
            }
            _ => {
                for index in 0..world.nodes.len() {
                    if world.nodes[index].cluster.is_none() {
                        world.start(index);
                    }
                }
            }
        }
        for _ in 0..world.rng.usize(..4) {
            let (index, id) = (world.rng.usize(..world.nodes.len()), world.rng.usize(..6));
            comments = world.rng.usize(..1200);
            let entry = silence(&world, id, comments);
            world.set(index, entry);
            let time = Duration::from_millis(world.rng.u64(1..3000));
            world.run_for(time);
        }
        let time = Duration::from_millis(world.rng.u64(1..20_000));
        world.run_for(time);
    }
    world.weather = Weather::FINE;
    for index in 0..world.nodes.len() {
        world.nodes[index].group = 0;
        if world.nodes[index].cluster.is_none() {
            world.start(index);
        }
    }
    settle(&mut world, "after healing");
    let queues = world.nodes.iter().filter_map(|node| node.cluster.as_ref());
    assert!(
        queues.map(|cluster| cluster.members().user_queue().0).all(|waiting| waiting < 100),
        "{comments}"
    );
    world.digest
}

#[test]
fn gossip_simulation_heals() {
    for_each_seed("gossip_simulation_heals", 10, 700, |seed| {
        heal(seed);
    });
}

#[test]
fn gossip_simulation_follows_from_its_seed() {
    assert_eq!(heal(3), heal(3));
    assert_ne!(heal(3), heal(4));
}

/// In peace one page for each alert; partitioned, one in every part; and after healing one again.
fn pages(seed: u64) {
    let mut world = World::new(seed, size_of(seed).min(12));
    world.run_for(30 * SECOND);
    settle(&mut world, "at the start");
    for group in 0..3 {
        assert_eq!(page(&mut world, group).len(), 1, "in peace, group {group}");
    }
    for index in 0..world.nodes.len() {
        world.nodes[index].group = world.rng.u32(..2);
    }
    // While the parts notice: at least one page in each.
    let paged = page(&mut world, 10);
    let everybody = world.alive();
    assert_eq!(groups_of(&world, &paged).len(), groups_of(&world, &everybody).len(), "noticing");
    let start = world.now;
    while !world.sees_what_is_there() {
        assert!(world.now - start < Duration::from_mins(4), "partitioned: the lost are still seen");
        world.run_for(SECOND);
    }
    for group in 11..13 {
        let paged = page(&mut world, group);
        let groups = groups_of(&world, &paged);
        assert_eq!(groups.len(), groups_of(&world, &everybody).len(), "partitioned, group {group}");
        assert!(groups.values().all(|pages| *pages == 1), "partitioned, group {group}: {groups:?}");
    }
    world.nodes.iter_mut().for_each(|node| node.group = 0);
    assert!(!page(&mut world, 20).is_empty(), "healing");
    settle(&mut world, "after healing");
    assert_eq!(page(&mut world, 21).len(), 1, "after healing");
    // The first in line dies before it notifies.
    let first = world
        .alive()
        .into_iter()
        .find(|index| world.nodes[*index].cluster.as_ref().is_some_and(|cluster| cluster.position() == 0));
    world.kill(first.expect("a first in line"));
    assert_eq!(page(&mut world, 22).len(), 1, "without the first");
}

#[test]
fn gossip_simulation_pages_once() {
    for_each_seed("gossip_simulation_pages_once", 10, 1000, pages);
}
