//! A pair as people run it: two Prometheis evaluate the same rules under different `replica` labels, each has a tocsin
//! beside it, the two tocsins are a cluster, and one webhook hears of everything. Whoever dies, and whenever: one page
//! for each incident, one message of its end, and nothing goes round between the two.

mod case;
mod deployment;

use std::sync::Arc;
use std::time::Duration;

use case::{Case, Moment, cases};
use deployment::{GROUP_INTERVAL, GROUP_WAIT, INCIDENTS, PEER_TIMEOUT, Pair};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::harness::full;

/// So many pairs run at the same time.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_pages_once_whoever_dies_and_whenever() {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for case in cases(full()) {
        let slots = Arc::clone(&slots);
        running.spawn(async move {
            let _slot = slots.acquire_owned().await;
            play(case).await;
        });
    }
    let mut failed = 0;
    while let Some(outcome) = running.join_next().await {
        failed += usize::from(outcome.is_err());
    }
    assert_eq!(failed, 0, "cases that failed; what they saw is above");
}

/// An incident from its begin to its end, with a death on the way.
async fn play(case: Case) {
    let Some(mut pair) = Pair::start(case.wiring).await else { return };
    let mut told_at_death = (0, 0);
    if case.moment == Moment::BeforeTheAlert {
        told_at_death = die(&case, &mut pair).await;
    }
    pair.incidents_begin().await;
    pair.wait_known().await;
    if matches!(case.moment, Moment::BeforeThePage | Moment::AsItPages) {
        told_at_death = die(&case, &mut pair).await;
    }
    let mut last = pair.wait_told("firing").await;
    if case.moment == Moment::AfterThePage {
        pair.wait_log_shared().await;
        told_at_death = die(&case, &mut pair).await;
    }
    if case.returns {
        pair.revive(case.victim).await;
        last = Instant::now();
    }
    // Past everybody's turn: nobody tells it again.
    tokio::time::sleep_until(last + PEER_TIMEOUT + GROUP_WAIT + GROUP_INTERVAL).await;
    let pages = pair.told("firing");
    // A page that was under way as its teller died may come twice: the other cannot know.
    let most = if case.may_repeat(told_at_death) { 2 * INCIDENTS.len() } else { INCIDENTS.len() };
    assert!((INCIDENTS.len()..=most).contains(&pages.len()), "{case:?}: {}", pair.story());

    pair.incidents_end().await;
    let ended = pair.wait_told("resolved").await;
    tokio::time::sleep_until(ended + PEER_TIMEOUT + GROUP_INTERVAL * 2).await;
    assert_eq!(pair.told("resolved").len(), INCIDENTS.len(), "{case:?}: {}", pair.story());
    assert_eq!(pair.told("firing").len(), pages.len(), "{case:?}: {}", pair.story());
    pair.assert_messages(&case);
    pair.assert_nothing_goes_round(&case).await;
    println!(
        "{case:?}: {} pages and {} ends of {} incidents",
        pages.len(),
        pair.told("resolved").len(),
        INCIDENTS.len()
    );
}

/// Kills the victim after the case's time; gives how many pages there were just before and just after.
async fn die(case: &Case, pair: &mut Pair) -> (usize, usize) {
    tokio::time::sleep(case.delay).await;
    let before = pair.told("firing").len();
    pair.kill(case.victim).await;
    // What it has sent arrives.
    tokio::time::sleep(Duration::from_millis(200)).await;
    (before, pair.told("firing").len())
}
