//! The same scripts of alerts, silences and time, played by the real Alertmanager 0.33 and by tocsin: whoever is told by
//! the one is told the same by the other, in the same order, JSON member by member.
//!
//! The scripts are in `tests/fixtures/differential`, their language in [`script`]. In short form every tenth is played;
//! `TOCSIN_DIFFERENTIAL=NAME` picks those whose name contains `NAME`.

mod script;
mod side;
mod transcript;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::harness::full;
use script::Script;
use side::{Program, Side};
use transcript::GIVEN_NANOSECONDS as GIVEN;

/// How many scripts are played at once.
const AT_ONCE: usize = 6;

/// How often a script may be played until both programs do as it says. Both run on the wall clock, and a machine that
/// stands still for a second at the wrong moment makes either tell in two notifications what belongs in one. What
/// differs for a reason differs every time.
const TRIES: usize = 3;

fn scripts() -> Vec<Script> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/differential");
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .expect("the scripts")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    let picked = std::env::var("TOCSIN_DIFFERENTIAL").ok();
    let step = if full() || picked.is_some() { 1 } else { 10 };
    let picked = picked.unwrap_or_default();
    let names = names.iter().filter(|name| name.contains(&picked)).step_by(step);
    names
        .map(|name| Script::parse(name, &std::fs::read_to_string(directory.join(name)).expect("a script")))
        .collect()
}

/// What is wrong with how the script was played, if anything is.
async fn fault(script: &Script) -> Option<String> {
    let start = async |program| Side::start(program, script).await;
    let (theirs, ours) = tokio::join!(start(Program::Alertmanager), start(Program::Tocsin));
    let began = jiff::Timestamp::new(jiff::Timestamp::now().as_second(), GIVEN).expect("a time");
    let play = async |side: Option<Side>| Some(side?.play(script, began).await);
    let (theirs, ours) = tokio::join!(play(theirs), play(ours));
    let ours = ours.expect("tocsin is here");
    if ours.shown() != script.expected {
        let theirs = theirs.map(|theirs| theirs.shown());
        return Some(format!(
            "tocsin:\n{}\nexpected:\n{}\nAlertmanager:\n{}",
            ours.shown(),
            script.expected,
            theirs.unwrap_or_default()
        ));
    }
    let theirs = theirs?;
    match &script.upstream {
        Some(upstream) => (theirs.shown() != *upstream)
            .then(|| format!("Alertmanager:\n{}\nexpected of it:\n{upstream}", theirs.shown())),
        None => (ours != theirs).then(|| {
            format!("Alertmanager:\n{}\ntocsin:\n{ours:#?}\nAlertmanager:\n{theirs:#?}", theirs.shown())
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_alertmanager_tells_is_told_the_same() {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = JoinSet::new();
    for script in scripts() {
        let permits = Arc::clone(&permits);
        playing.spawn(async move {
            let _permit = permits.acquire_owned().await.expect("a permit");
            let mut found = None;
            for _ in 0..TRIES {
                found = fault(&script).await;
                let Some(found) = &found else { return None };
                eprintln!("{}: not as it should be:\n{found}", script.name);
            }
            found.map(|found| format!("{}:\n{found}", script.name))
        });
    }
    let mut faults = Vec::new();
    while let Some(ended) = playing.join_next().await {
        faults.extend(ended.unwrap_or_else(|panic| Some(panic.to_string())));
    }
    faults.sort();
    assert!(faults.is_empty(), "{} scripts differ:\n{}", faults.len(), faults.join("\n"));
}
