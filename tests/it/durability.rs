//! What survives `kill -9`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Sink, TocsinBuilder, ago, free_port, scaled};

fn alert(number: usize) -> Value {
    json!([{
        "labels": { "alertname": "Survivor", "n": number.to_string() },
        "endsAt": "2100-01-01T00:00:00Z",
    }])
}

#[tokio::test]
async fn nothing_that_was_answered_is_lost_by_kill_9() {
    let rounds = scaled(100);
    let address = format!("127.0.0.1:{}", free_port());
    let mut tocsin = TocsinBuilder::forwarding_to(std::slice::from_ref(&address)).start().await;
    for round in 0..rounds {
        assert_eq!(tocsin.push(&alert(round)).await, Ok(200));
        tocsin.kill().await;
        tocsin.start().await;
    }
    let sink = Sink::start_at(address.parse().unwrap()).await;
    sink.wait_for(rounds).await;
    let survivors: BTreeSet<_> = sink.taken_labels("n").into_iter().collect();
    let expected: BTreeSet<_> = (0..rounds).map(|round| round.to_string()).collect();
    assert_eq!(survivors, expected);
    tocsin.assert_balance().await;
}

#[tokio::test]
async fn a_restart_tells_ends_that_were_not_taken() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut tocsin = TocsinBuilder::forwarding_to(std::slice::from_ref(&address)).start().await;
    let sink = Sink::start_at(address.parse().unwrap()).await;
    assert_eq!(tocsin.push(&alert(1)).await, Ok(200));
    sink.wait_for(1).await;
    drop(sink);
    let ended = ago(1);
    let end = json!([{
        "labels": { "alertname": "Survivor", "n": "1" },
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": ended,
    }]);
    assert_eq!(tocsin.push(&end).await, Ok(200));
    assert_eq!(tocsin.stop().await, Some(0));

    let sink = Sink::start_at(address.parse().unwrap()).await;
    tocsin.start().await;
    let taken = sink.wait_for(1).await;
    assert_eq!(taken[0]["endsAt"], ended);
    tocsin.assert_balance().await;
}
