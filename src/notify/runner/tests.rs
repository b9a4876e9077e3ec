//! Attempts beside each other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::notify::testing::{self, Bench, NOW, firing};

fn told(number: u64, integration: &Integration) -> Notification {
    Notification { delivery: DeliveryId(number), integration: integration.id().clone(), ..firing() }
}

fn runner() -> Runner {
    Runner::new(Arc::new(Metrics::new().unwrap()))
}

#[tokio::test]
async fn every_attempt_ends_once() {
    let bench = Bench::start().await;
    let yaml = format!("webhook_configs: [{{url: '{}'}}]", bench.url());
    let integration = Arc::new(testing::integration(&yaml));
    let mut runner = runner();
    runner.apply([Arc::clone(&integration)], |_| false);
    for number in 0..50 {
        runner.deliver(told(number, &integration));
    }
    let mut ended = BTreeMap::new();
    while let Some((delivery, outcome)) = runner.next().await {
        assert_eq!(outcome, DeliveryOutcome::Delivered(None));
        assert_eq!(ended.insert(delivery, outcome), None);
    }
    assert_eq!((ended.len(), runner.len(), bench.seen().len()), (50, 0, 50));
}

#[tokio::test]
async fn an_integration_that_is_not_there() {
    let integration = testing::integration("webhook_configs: [{url: 'http://127.0.0.1:1'}]");
    let mut runner = runner();
    runner.deliver(told(7, &integration));
    let (delivery, outcome) = runner.next().await.unwrap();
    assert_eq!(delivery, DeliveryId(7));
    let error = "there is no integration team/webhook/0".to_owned();
    assert_eq!(outcome, DeliveryOutcome::Failed { error, reason: FailureReason::Other, in_doubt: false });
    assert!(runner.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn attempts_end_when_told_to_and_by_their_deadline() {
    let silence = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let yaml = format!("webhook_configs: [{{url: 'http://{}'}}]", silence.local_addr().unwrap());
    let integration = Arc::new(testing::integration(&yaml));
    let mut runner = runner();
    runner.apply([Arc::clone(&integration)], |_| false);
    // A reload without the integration does not touch what runs.
    for number in 0..2 {
        runner.deliver(told(number, &integration));
    }
    runner.deliver(Notification { deadline: NOW - Duration::from_secs(1), ..told(2, &integration) });
    runner.apply([], |_| false);
    assert_eq!(runner.integrations().count(), 0);
    runner.cancel(DeliveryId(1));
    runner.cancel(DeliveryId(99));
    let mut ended = Vec::new();
    while let Some((delivery, outcome)) = runner.next().await {
        let DeliveryOutcome::Retry { reason, in_doubt: true, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(reason, FailureReason::ContextDeadlineExceeded);
        ended.push(delivery.0);
    }
    // Number 0 lasts its 20 seconds.
    assert_eq!(ended.last(), Some(&0));
    ended.sort_unstable();
    assert_eq!(ended, [0, 1, 2]);
}

/// A service that never answers takes its 128 attempts and no other integration's.
#[tokio::test]
async fn a_dead_service_holds_up_nobody_else() {
    let silence = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bench = Bench::start().await;
    let dead = format!("webhook_configs: [{{url: 'http://{}'}}]", silence.local_addr().unwrap());
    let dead = Arc::new(testing::integration(&dead));
    let alive = format!("webhook_configs: [{{url: 'http://127.0.0.1:1'}}, {{url: '{}'}}]", bench.url());
    let receiver = testing::receiver(&alive);
    let alive = Integration::new("team", &receiver.integrations[1], &testing::surroundings()).unwrap();
    let alive = Arc::new(alive);
    let mut runner = runner();
    runner.apply([Arc::clone(&dead), Arc::clone(&alive)], |_| false);
    for number in 0..200 {
        runner.deliver(told(number, &dead));
    }
    for number in 200..220 {
        runner.deliver(told(number, &alive));
    }
    for _ in 0..20 {
        let (delivery, outcome) = runner.next().await.unwrap();
        assert!(delivery.0 >= 200, "{outcome:?}");
    }
    assert_eq!(runner.len(), 200);
}
